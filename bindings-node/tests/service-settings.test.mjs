// The example service's settings: what makes no sense is refused at the start, by name.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { unixMs } from '../examples/service/moments.mjs'
import { settingsOf } from '../examples/service/settings.mjs'
import { SECRET } from './running.mjs'
import { root } from './shared.mjs'

const ENV = { PUSH_SECRET: SECRET, MCLOUD_TOKEN: 'crk_1', WELLCLOUD_TOKEN: 'w1', VOIPBIN_TOKEN: 'v1' }

test('what makes no sense is refused by name', () => {
  for (const [name, wrong, expected] of [
    ['SETTLE_S', 'NaN', '0 to 31536000 seconds'],
    ['SETTLE_S', '-1', '0 to 31536000 seconds'],
    ['DEADLINE_S', '2h', '0 to 31536000 seconds'],
    ['DEADLINE_S', '1e3', '0 to 31536000 seconds'],
    ['GIVE_UP_S', 'Infinity', '0 to 31536000 seconds'],
    ['RETRY_S', '0', '0.1 to 86400 seconds'],
    ['RETRY_S', 'nan', '0.1 to 86400 seconds'],
    ['POLL_S', '0', '0.01 to 86400 seconds'],
    ['POLL_S', '9000000', '0.01 to 86400 seconds'],
    ['EXPECT_CDR', 'yes', '0 or 1'],
    ['EXPECT_CDR', '2', '0 or 1'],
    ['ALLOW_PRIVATE_ADDRESSES', 'no', '0 or 1'],
    ['TENCENT_DIRECTION', 'inbound', 'in or out'],
    ['WELLCLOUD_DIRECTION', 'internal', 'in or out'],
    ['VOIPBIN_DIRECTION', 'In', 'in or out'],
    ['COUNTRY_CODE', '+66', '1 to 3 digits'],
    ['TRUNK_PREFIX', 'zero', 'at most 2 digits'],
    ['UTC_OFFSET', '7', 'an offset such as'],
    ['UTC_OFFSET', '+19:00', 'an offset such as'],
    ['TRACK_HOSTS', 'https://files.example.com', 'hosts such as'],
    ['TRACK_HOSTS', '.myqcloud.com,', 'hosts such as'],
    ['MCLOUD_URL', 'phone.mcloud.co.th', 'an address such as'],
    ['VOIPBIN_URL', 'ftp://h', 'an address such as'],
    ['VOIPBIN_SINCE', '2026-05-20', 'a moment such as'],
    ['VOIPBIN_SINCE', '2026-05-20T08:14:00', 'a moment such as'],
    ['VOIPBIN_SINCE', '2026-02-31T08:14:00Z', 'a moment such as'],
    ['VOIPBIN_SINCE', 'soon', 'a moment such as'],
  ]) {
    const found = name === 'TRACK_HOSTS' ? wrong.split(',').at(-1) : wrong
    assert.throws(
      () => settingsOf({ ...ENV, [name]: wrong }),
      ({ message }) => {
        assert.ok(message.startsWith(`${name}: found '${found}', expected `) && message.includes(expected), message)
        return true
      },
    )
  }
})

test('a secret that no address holds is refused and not told', () => {
  for (const secret of ['', 'short', 'sixteen/characters', 'sixteen characters', '%00%00%00%00%00%00']) {
    assert.throws(
      () => settingsOf({ ...ENV, PUSH_SECRET: secret }),
      ({ message }) => {
        assert.ok(message.startsWith(`PUSH_SECRET: found ${secret.length} characters, expected 16 or more`), message)
        return !secret || !message.includes(secret)
      },
    )
  }
})

test('keys are needed, single and not told', () => {
  for (const [more, words] of [
    [{ MCLOUD_TOKEN: '' }, 'MCLOUD_TOKEN: found nothing'],
    [{ MCLOUD_TOKEN: 'crk 1' }, 'MCLOUD_TOKEN: found 5 characters'],
    [{ VOIPBIN_ACCESS_KEY: 'k1' }, 'VOIPBIN_TOKEN and VOIPBIN_ACCESS_KEY: found both'],
    [{ VOIPBIN_TOKEN: '', POLL_S: '30' }, 'POLL_S: found it, expected VOIPBIN_TOKEN or VOIPBIN_ACCESS_KEY beside it'],
    [{ WELLCLOUD_TOKEN: '', WELLCLOUD_URL: 'http://h' }, 'WELLCLOUD_URL: found it, expected WELLCLOUD_TOKEN beside it'],
  ]) {
    assert.throws(
      () => settingsOf({ ...ENV, ...more }),
      ({ message }) => {
        assert.ok(message.startsWith(words), message)
        return !/crk 1|k1|v1/.test(message)
      },
    )
  }
})

test('settings are what they say', () => {
  const settings = settingsOf({
    ...ENV,
    EXPECT_CDR: '0',
    SETTLE_S: '0.5',
    RETRY_S: '3',
    TRUNK_PREFIX: '',
    TENCENT_DIRECTION: 'out',
    TRACK_HOSTS: 'A.example, .b.example',
    ALLOW_PRIVATE_ADDRESSES: '0',
    VOIPBIN_SINCE: '1970-01-01T07:00:01+07:00',
  })
  assert.deepEqual(settings.patience, { expectsCdr: false, settleMs: 500 })
  assert.deepEqual([settings.policy, settings.giveUpMs], [{ budgetMs: 3000, restMs: 3000 }, 86_400_000])
  assert.deepEqual([settings.dialled.trunkPrefix, settings.directions.tencent], ['', 'out'])
  assert.deepEqual([settings.tracks.allowedHosts, settings.tracks.allowPrivate], [['a.example', '.b.example'], false])
  assert.equal(settings.voipbinSinceMs, 1000)
  // An empty variable is as one that is not there.
  const plain = settingsOf({ PUSH_SECRET: SECRET, MCLOUD_TOKEN: 'crk_1', WELLCLOUD_TOKEN: '', EXPECT_CDR: '' })
  assert.deepEqual(
    [plain.wellcloud, plain.voipbin, plain.patience, plain.policy],
    [null, null, { expectsCdr: true }, undefined],
  )
})

test('moments at the edges are the same in every language', () => {
  for (const [text, ms] of [
    ['1970-01-01T07:00:00.0019+07:00', 1],
    ['1969-12-31T23:59:59.999Z', -1],
    ['1969-12-31T23:59:59.9995Z', 0],
    ['1971-02-01T12:00:00.8Z', 34_257_600_800],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    ['0000-01-01T00:00:00Z', null],
    ['2024-02-29T00:00:00+00:60', null],
  ])
    assert.equal(unixMs(text), ms, text)
})

test('a wrong setting ends the start with one line', () => {
  const program = `${root}/bindings-node/examples/service/service.mjs`
  const env = { ...process.env, ...ENV, POLL_S: 'nan' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { env, encoding: 'utf8' })
  assert.deepEqual([status, stdout, stderr], [1, '', "POLL_S: found 'nan', expected 0.01 to 86400 seconds\n"])
})
