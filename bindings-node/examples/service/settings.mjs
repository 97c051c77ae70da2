// What the service is told, by the environment; README.md names the variables.
import { Guard } from 'callweave/client'

/** The parts that are said. */
const said = (parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value))

export function settingsOf(env) {
  if (!env.PUSH_SECRET || env.PUSH_SECRET.length < 16) throw new Error('PUSH_SECRET: at least 16 characters')
  const allowPrivate = env.ALLOW_PRIVATE_ADDRESSES !== undefined
  const ms = (name) => (env[name] === undefined ? undefined : Number(env[name]) * 1000)
  const retryMs = ms('RETRY_S')
  if (env.VOIPBIN_TOKEN && env.VOIPBIN_ACCESS_KEY) {
    throw new Error('VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY: found both, expected one of them')
  }
  const voipbin = said({ token: env.VOIPBIN_TOKEN, accessKey: env.VOIPBIN_ACCESS_KEY })
  return Object.freeze({
    folder: env.DATA ?? 'data',
    secret: env.PUSH_SECRET,
    mcloud: said({ token: env.MCLOUD_TOKEN, base: env.MCLOUD_URL, business: env.MCLOUD_BUSINESS }),
    wellcloud: env.WELLCLOUD_TOKEN && said({ token: env.WELLCLOUD_TOKEN, base: env.WELLCLOUD_URL }),
    voipbin: Object.keys(voipbin).length > 0 && { ...voipbin, ...said({ base: env.VOIPBIN_URL }) },
    /** What recordings may be fetched from. */
    tracks: new Guard({ allowedHosts: (env.TRACK_HOSTS ?? '.myqcloud.com').split(','), allowPrivate }),
    /** What the answers of a provider that we asked may lead to. */
    anywhere: new Guard({ allowPrivate }),
    /** Who called, by provider, where a document does not say it. Without it such a call is listed, not posted. */
    directions: { tencent: env.TENCENT_DIRECTION, wellcloud: env.WELLCLOUD_DIRECTION, voipbin: env.VOIPBIN_DIRECTION },
    dialled: { countryCode: env.COUNTRY_CODE ?? '66', trunkPrefix: env.TRUNK_PREFIX ?? '0' },
    utcOffset: env.UTC_OFFSET ?? '+07:00',
    patience: {
      expectsCdr: (env.EXPECT_CDR ?? '1') === '1',
      ...said({ settleMs: ms('SETTLE_S'), deadlineMs: ms('DEADLINE_S') }),
    },
    policy: retryMs ? { budgetMs: retryMs, restMs: retryMs } : undefined,
    giveUpMs: ms('GIVE_UP_S') ?? 86_400_000,
    pollMs: ms('POLL_S') ?? 30_000,
    /** The recordings of VoIPBin that were made from this moment on are taken. Without it: from the first start on. */
    voipbinSinceMs: env.VOIPBIN_SINCE === undefined ? undefined : moment('VOIPBIN_SINCE', env.VOIPBIN_SINCE),
  })
}

/** A moment with its offset, in Unix milliseconds. */
function moment(name, text) {
  const at = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new Error(`${name}: found '${text}', expected a moment such as 2026-05-20T00:00:00+07:00`)
}
