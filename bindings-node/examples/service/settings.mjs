// What the service is told, by the environment; README.md names the variables.
import { Guard } from 'callweave/client'
import { Variables, wrong } from './variables.mjs'

const SECRET = /^[A-Za-z0-9._~-]{16,}$/
const OFFSET = /^[+-]((0[0-9]|1[0-7]):[0-5][0-9]|18:00)$/

/**
 * The settings; what makes no sense is refused with the variable, what was found and what is
 * expected.
 */
export function settingsOf(env) {
  const read = new Variables(env)
  const secret = env.PUSH_SECRET ?? ''
  if (!SECRET.test(secret)) {
    throw wrong('PUSH_SECRET', `${secret.length} characters`, '16 or more of A-Z a-z 0-9 . _ ~ -')
  }
  const mcloud = read.api('MCLOUD_URL', { token: 'MCLOUD_TOKEN', business: 'MCLOUD_BUSINESS' })
  if (!mcloud?.token) throw wrong('MCLOUD_TOKEN', 'nothing', 'a key')
  const wellcloud = read.api('WELLCLOUD_URL', { token: 'WELLCLOUD_TOKEN' })
  const voipbin = read.api('VOIPBIN_URL', { token: 'VOIPBIN_TOKEN', accessKey: 'VOIPBIN_ACCESS_KEY' })
  if (voipbin?.token && voipbin.accessKey) {
    throw wrong('VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY', 'both', 'one of them')
  }
  read.onlyWith('WELLCLOUD_TOKEN', wellcloud, 'WELLCLOUD_URL')
  read.onlyWith('VOIPBIN_TOKEN or VOIPBIN_ACCESS_KEY', voipbin, 'VOIPBIN_URL', 'VOIPBIN_SINCE', 'POLL_S')
  const allowPrivate = read.oneOf('ALLOW_PRIVATE_ADDRESSES', '0', '1') === '1'
  const retryMs = read.ms('RETRY_S', undefined, { least: 0.1, most: 86_400 })
  return Object.freeze({
    folder: read.text('DATA') ?? 'data',
    secret,
    mcloud,
    wellcloud,
    voipbin,
    /** What recordings may be fetched from. */
    tracks: new Guard({ allowedHosts: read.hosts('TRACK_HOSTS', '.myqcloud.com'), allowPrivate }),
    /** What the answers of a provider that we asked may lead to. */
    anywhere: new Guard({ allowPrivate }),
    /**
     * Who called, by provider, where a document does not say it. Without it such a call is listed,
     * not posted.
     */
    directions: Object.fromEntries(
      ['tencent', 'wellcloud', 'voipbin'].map((name) => [
        name,
        read.oneOf(`${name.toUpperCase()}_DIRECTION`, 'in', 'out'),
      ]),
    ),
    dialled: dialled(read),
    utcOffset: read.matching('UTC_OFFSET', read.text('UTC_OFFSET') ?? '+07:00', OFFSET, 'an offset such as +07:00'),
    patience: patience(read),
    policy: retryMs && { budgetMs: retryMs, restMs: retryMs },
    giveUpMs: read.ms('GIVE_UP_S', 86_400_000),
    pollMs: read.ms('POLL_S', 30_000, { least: 0.01, most: 86_400 }),
    /**
     * The recordings of VoIPBin that were made from this moment on are taken. Without it: from the
     * first start on.
     */
    voipbinSinceMs: read.moment('VOIPBIN_SINCE'),
  })
}

function dialled(read) {
  const code = read.text('COUNTRY_CODE') ?? '66'
  // Empty: numbers keep all their digits.
  const prefix = read.env.TRUNK_PREFIX ?? '0'
  return {
    countryCode: read.matching('COUNTRY_CODE', code, /^[1-9][0-9]{0,2}$/, '1 to 3 digits, such as 66'),
    trunkPrefix: read.matching('TRUNK_PREFIX', prefix, /^[0-9]{0,2}$/, 'at most 2 digits, such as 0'),
  }
}

/** How long a session waits; what is not said is the core's. */
function patience(read) {
  const said = { settleMs: read.ms('SETTLE_S'), deadlineMs: read.ms('DEADLINE_S') }
  const known = Object.entries(said).filter(([, ms]) => ms !== undefined)
  return { expectsCdr: read.oneOf('EXPECT_CDR', '0', '1') !== '0', ...Object.fromEntries(known) }
}
