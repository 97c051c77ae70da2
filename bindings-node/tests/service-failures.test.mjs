// The example service where providers, disks and people fail: lists that make no sense, calls that
// are given up.
import assert from 'node:assert/strict'
import fs, { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import files from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { CallweaveError, processCall, provider } from 'callweave'
import { Outbox } from 'callweave/client'
import { Service } from '../examples/service/service.mjs'
import { settingsOf } from '../examples/service/settings.mjs'
import { SECRET, children, environment, polled, running, servedPushes, serving, stands, until } from './running.mjs'
import { folder, root, serve } from './shared.mjs'

const pushes = servedPushes()

const hashed = (key) => createHash('sha256').update(key).digest('hex').slice(0, 32)
const names = (path) => (existsSync(path) ? readdirSync(path).sort() : [])

test('a poll that cannot be read is told, and asked for ever later', async (t) => {
  for (const body of ['<html>', '[]', '{"result": 7}']) {
    let said = body
    const { url, asked } = await serving(t, (_request, response) => response.end(said))
    const env = { ...polled(url, { POLL_S: '0.05' }), RETRY_S: '60' }
    const service = await running(t, await serve(children, 'mcloud'), env)
    await until(async () => (await service.health()).polling.voipbin)
    assert.deepEqual((await service.health()).polling, { voipbin: 'list_unreadable' })
    await pause(2500)
    // Tries at 0, 0.25, 0.75, 1.75 s at the earliest.
    assert.ok(asked.length > 1 && asked.length <= 5, `${body}: ${asked.length}`)
    said = '{"result": [], "next_page_token": ""}'
    await until(async () => Object.keys((await service.health()).polling).length === 0)
    await service.stop()
  }
})

test('a record of a time to come hides no other', async (t) => {
  const now = Date.now()
  const record = (id, ms) => ({
    id,
    reference_id: id,
    status: 'recording',
    tm_create: new Date(ms).toISOString().replace('T', ' ').replace('Z', '000'),
  })
  const records = [record('future', now + 9 * 86_400_000), record('first', now - 300_000)]
  const { url } = await serving(t, ({ url: path }, response) => {
    const asked = new URL(path, 'http://h').searchParams
    const before = asked.get('page_token') ?? '9'
    const newest = [...records].sort((a, b) => (a.tm_create < b.tm_create ? 1 : -1))
    const page = newest.filter(({ tm_create: at }) => at < before).slice(0, Number(asked.get('page_size')))
    response.end(JSON.stringify({ result: page, next_page_token: page.at(-1)?.tm_create ?? '' }))
  })
  const service = await running(t, await serve(children, 'mcloud'), polled(url))
  await until(async () => (await service.health()).sessions.waiting === 2)
  for (let n = 0; n < 150; n++) records.push(record(`r${n}`, now - n * 1000))
  await until(async () => (await service.health()).sessions.waiting === 152)
})

test('a list that cannot be read is told, and asked for ever later', async (t) => {
  const { url, asked } = await serving(t, (_request, response) => response.end('<html>'))
  const env = { WELLCLOUD_TOKEN: 't', WELLCLOUD_URL: url, RETRY_S: '60' }
  const service = await running(t, await serve(children, 'mcloud'), env)
  assert.equal(await service.ended('c0'), 202)
  await pause(2500)
  assert.ok(asked.length > 1 && asked.length <= 5, `${asked.length}`)
  assert.deepEqual((await service.health()).failing, { list_unreadable: 1 })
  assert.deepEqual(await service.listed(), ['list_unreadable'])
})

test('what a provider says of its load holds for all its sessions', async (t) => {
  const { url, asked } = await serving(t, (_request, response) =>
    response.writeHead(503, { 'retry-after': '30' }).end(),
  )
  const env = { WELLCLOUD_TOKEN: 't', WELLCLOUD_URL: url, RETRY_S: '60' }
  const service = await running(t, await serve(children, 'mcloud'), env)
  assert.equal(await service.ended('c0'), 202)
  await until(async () => (await service.listed()).length === 1)
  for (const id of ['c1', 'c2', 'c3']) assert.equal(await service.ended(id), 202)
  await until(async () => (await service.listed()).length === 4)
  assert.equal(asked.length, 1)
})

test('a wrong end of a call is refused', async (t) => {
  const { url, asked } = await serving(t, (_request, response) => response.end('[]'))
  const env = { WELLCLOUD_TOKEN: 't', WELLCLOUD_URL: url }
  const service = await running(t, await serve(children, 'mcloud'), env)
  for (const wrong of [
    '2018-01-29T16:08:44',
    '2018-01-29',
    '2018-02-31T16:08:44+08:00',
    'yesterday',
    '',
    1517213324,
    true,
    '9999-12-31T23:59:59Z',
    '2018-01-29 16:08:44+08:00',
    '2018-01-29T24:00:00+08:00',
    ['2018-01-29T16:08:44+08:00'],
  ]) {
    assert.equal(await service.ended('c0', wrong), 400, `${wrong}`)
  }
  assert.deepEqual([(await service.health()).sessions, asked], [{}, []])
  assert.equal(await service.ended('c0', null), 202)
})

test('what is no text is no push', async (t) => {
  const service = await running(t, await serve(children, 'mcloud'))
  const body = Buffer.from([0x22, 0xff, 0xfe, 0x22])
  const { status } = await fetch(`${service.url}/push/${SECRET}?action=record`, { method: 'POST', body })
  assert.equal(status, 400)
})

test('recordings of a call that is given up are taken away', async (t) => {
  const DATA = folder(t)
  const env = { DATA, RETRY_S: '0.1', GIVE_UP_S: '2' }
  const service = await running(t, await serve(children, 'mcloud'), env)
  const [track] = pushes()
  await service.push({ ...track, SessionId: 's', EndpointUser: '+447700900187' })
  const away = 'http://127.0.0.1:9/a.mp3'
  await service.push({ ...track, SessionId: 's', RecordId: '2', EndpointUser: 'anna@x.example', RecordURL: away })
  await until(async () => (await service.health()).failing.recording_unreachable === 1)
  assert.deepEqual(names(`${DATA}/tracks`), [hashed('tencent:s')])
  await until(async () => (await service.health()).failing.recording_unreachable === undefined)
  assert.deepEqual(await service.listed(), ['recording_unreachable'])
  await until(() => names(`${DATA}/tracks`).length === 0)
})

test('a call that is old has its day too', async (t) => {
  const DATA = folder(t)
  const [track] = pushes()
  const old = { ...track, SessionId: 's', RecordURL: 'http://127.0.0.1:9/a.mp3' }
  const outbox = new Outbox(join(DATA, 'outbox.sqlite'))
  outbox.push('record', null, JSON.stringify({ ...old, EndpointUser: 'anna@x.example' }), Date.now() - 90_000_000)
  outbox.close()
  const service = await running(t, await serve(children, 'mcloud'), { DATA, RETRY_S: '0.1', GIVE_UP_S: '60' })
  await service.push({ ...old, RecordId: '2', EndpointUser: '+447700900187' })
  await until(async () => (await service.health()).failing.recording_unreachable === 1)
  await pause(500)
  assert.deepEqual((await service.health()).failing, { recording_unreachable: 1 })
})

test('what a kill left is swept, and what is needed is not', async (t) => {
  const DATA = folder(t)
  const mixes = join(DATA, 'mixes')
  const outbox = new Outbox(join(DATA, 'outbox.sqlite'))
  const hours = Date.now() / 1000 - 7200
  mkdirSync(mixes)
  for (const [name, reason] of [
    ['old', 'validation_failed'],
    ['new', 'validation_failed'],
    ['nobodys', null],
  ]) {
    const file = join(mixes, name)
    writeFileSync(file, 'RIFF')
    utimesSync(file, hours, name === 'new' ? Date.now() / 1000 - 100 : hours)
    if (!reason) continue
    outbox.push('cdr', null, JSON.stringify({ SessionId: name, Direction: 0 }), 0)
    const row = outbox.dueSessions(Number.MAX_SAFE_INTEGER).find(({ key }) => key === `tencent:${name}`)
    const body = { dataId: name, callAt: '2026-05-20T08:14:00+07:00', direction: 'in' }
    const audio = { sha256: 'x', bytes: 4, contentType: 'audio/wav' }
    outbox.enqueue(row, { state: row.state, dueMs: null, body, audio, file })
    const posting = outbox.duePostings(Number.MAX_SAFE_INTEGER).find(({ dataId }) => dataId === name)
    outbox.putPosting(posting, posting.state, null, { status: 'failed', reason })
  }
  outbox.push('record', null, JSON.stringify({ SessionId: 'open', RecordId: '1', EndpointUser: 'a@x.example' }))
  outbox.close()
  for (const key of ['tencent:open', 'tencent:left']) mkdirSync(join(DATA, 'tracks', hashed(key)), { recursive: true })
  await running(t, await serve(children, 'mcloud'), { DATA, SETTLE_S: '60', GIVE_UP_S: '3600' })
  await until(() => names(join(DATA, 'tracks')).length === 1 && names(mixes).length === 1)
  assert.deepEqual([names(join(DATA, 'tracks')), names(mixes)], [[hashed('tencent:open')], ['new']])
})

/** How the machine fails, and what ends that. */
const FAILURES = {
  async write(t) {
    const call = await processCall(`${root}/fixtures/short/manifest.json`)
    const full = await call.write('/dev/null/none').catch((error) => error)
    assert.ok(full instanceof CallweaveError && full.code === 'io', `${full}`)
    const fails = async () => {
      throw full
    }
    return t.mock.method(Object.getPrototypeOf(call), 'write', fails)
  },
  async track(t) {
    const described = Object.getPrototypeOf(provider.tencent(pushes()))
    const real = described.withAudio
    // A file is gone that was there a moment before.
    return t.mock.method(described, 'withAudio', function withAudio(audio) {
      rmSync(Object.values(audio)[0])
      return real.call(this, audio)
    })
  },
}

for (const [what, failing] of Object.entries(FAILURES)) {
  test(`what the machine cannot do is tried again: ${what}`, async (t) => {
    const cloud = await serve(children, 'mcloud')
    const failure = await failing(t)
    t.mock.method(console, 'error', () => {})
    const service = new Service(settingsOf(environment(cloud, folder(t))))
    service.start()
    for (const push of pushes()) service.push('record', null, JSON.stringify(push))
    await until(() => service.health().failing.io === 1)
    assert.deepEqual([service.outbox.listed().map(({ reason }) => reason), await stands(cloud)], [['io'], []])
    failure.mock.restore()
    await until(async () => (await stands(cloud))[0]?.extractions > 0 && service.health().postings.done === 1)
    assert.deepEqual(service.outbox.listed(), [])
    await service.stop()
  })
}

test('a mix is not swept between its place and its posting', async (t) => {
  const cloud = await serve(children, 'mcloud')
  t.mock.method(console, 'error', () => {})
  const service = new Service(settingsOf(environment(cloud, folder(t))))
  // The machine is slow: minutes go by when a mix is put in its place, and a sweep is due.
  const { now } = Date
  let slowMs = 0
  t.mock.method(Date, 'now', () => now() + slowMs)
  const later = (file) => {
    if (!String(file).includes('mixes')) return
    slowMs += 120_000
    service.push('voicemail', null, '{}')
  }
  const { rename } = files
  const { renameSync } = fs
  t.mock.method(files, 'rename', async (from, to) => {
    await rename(from, to)
    later(to)
    await pause(300)
  })
  t.mock.method(fs, 'renameSync', (from, to) => {
    renameSync(from, to)
    later(to)
  })
  syncBuiltinESMExports()
  service.start()
  for (const push of pushes()) service.push('record', null, JSON.stringify(push))
  await until(() => service.health().postings.done || service.health().postings.failed)
  t.mock.restoreAll()
  syncBuiltinESMExports()
  assert.deepEqual([slowMs > 0, service.health().postings, service.outbox.listed()], [true, { done: 1 }, []])
  await service.stop()
})
