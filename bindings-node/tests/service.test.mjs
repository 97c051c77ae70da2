// The example service end to end, against the local servers: from Tencent's push to MCloud's door.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { analyze, process as processCall, provider } from 'callweave'
import { Api, ApiFailure } from '../examples/service/api.mjs'
import { Refused, check, fetchTrack, guardOf } from '../examples/service/fetch.mjs'
import { Service } from '../examples/service/service.mjs'
import { root } from './shared.mjs'

const SECRET = 'c0ffee00c0ffee00'
const FOLDER = `${root}/fixtures/tencent-transfer`
const NAME = readdirSync(FOLDER).find((name) => name.endsWith('.mp3'))
const LOCAL = guardOf({ allowedHosts: ['127.0.0.1'], allowPrivate: true })
const started = []

/** Starts a local server of tests/servers; its address. */
async function serve(name, ...args) {
  const child = spawn(process.env.PYTHON ?? 'python3', [`${root}/tests/servers/${name}.py`, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(child)
  const [port] = await Promise.race([
    createInterface(child.stdout)
      [Symbol.asyncIterator]()
      .next()
      .then(({ value }) => [value]),
    once(child),
  ])
  return `http://127.0.0.1:${port}`
}
const once = (child) =>
  new Promise((_, reject) => child.once('error', reject).once('exit', () => reject(new Error('the server ended'))))

let files
before(async () => {
  files = await serve('files', '--folder', FOLDER)
})
after(() => {
  for (const child of started) child.kill()
})

const cloudWith = (...args) => serve('mcloud', ...args)
const state = async (cloud) => (await fetch(`${cloud}/_test/state`)).json()
const fault = (cloud, body) => fetch(`${cloud}/_test/fault`, { method: 'POST', body: JSON.stringify(body) })
const only = async (cloud) => {
  const { recordings } = await state(cloud)
  assert.equal(recordings.length, 1)
  return recordings[0]
}

/** The fixture's pushes with addresses of the local server. */
function pushes(how = 'files') {
  const read = JSON.parse(readFileSync(`${FOLDER}/pushes.json`, 'utf8'))
  return read.map((push) => ({
    ...push,
    RecordURL: `${files}/${how}/${push.RecordURL.split('/').pop()}`,
    CustomRecordURL: null,
  }))
}

function serviceOf(cloud, { guard = LOCAL, token = 'crk_full', ...more } = {}) {
  const api = new Api({ url: `${cloud}/api/v1`, token, pauseMs: 10, ...more })
  return new Service({ api, guard, secret: SECRET, countryCode: '44', trunkPrefix: '0', settleMs: 200 })
}

async function listening(t, service) {
  const server = service.server().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const { port } = server.address()
  return (body, secret = SECRET, method = 'POST') =>
    fetch(`http://127.0.0.1:${port}/push/${secret}?action=record&version=1`, {
      method,
      body: method === 'GET' ? undefined : body,
    })
}

const failsWith = (status, code) => (error) => {
  assert.ok(error instanceof ApiFailure, `${error.stack}`)
  assert.deepEqual([error.error.status, error.error.code], [status, code])
  return true
}

test('from the pushes to MCloud', async (t) => {
  const cloud = await cloudWith()
  const service = serviceOf(cloud)
  const push = await listening(t, service)
  for (const body of pushes()) {
    const answer = await push(JSON.stringify(body))
    assert.deepEqual([answer.status, await answer.text()], [200, '{"ErrCode":0,"ErrMsg":""}'])
  }
  while (service.failures.length === 0 && !(await state(cloud)).recordings[0]?.note) await pause(20)
  assert.deepEqual(service.failures, [])
  const made = await only(cloud)
  const { dataId, callAt, direction, customerPhone, tag, note, audioType, extractions } = made
  assert.deepEqual(
    { dataId, callAt, direction, customerPhone, tag, note, audioType, extractions },
    {
      dataId: 'tencent_dc2d0354eceb453ac40ec7bdd4b09654',
      callAt: '2026-05-21T09:40:09+07:00',
      direction: 'in',
      customerPhone: '+447700900187',
      tag: 'normal',
      note: 'outcome: conversation',
      audioType: 'audio/wav',
      extractions: 1,
    },
  )
  const call = await processCall(`${FOLDER}/pushes.json`)
  assert.equal(
    made.audioBytes,
    44 + (await call.mix()).channels.reduce((bytes, channel) => bytes + 2 * channel.length, 0),
  )
})

test('the same call twice, and again with a push that came later, is one recording', async () => {
  const cloud = await cloudWith()
  const service = serviceOf(cloud)
  const first = await service.handle(pushes().slice(0, 2))
  const before = (await only(cloud)).audioSha256
  assert.equal(await service.handle(pushes()), first)
  assert.equal(await service.handle(pushes()), first)
  assert.notEqual((await only(cloud)).audioSha256, before)
})

test('a track that cannot be had does not stop the call; none at all does', async () => {
  const cloud = await cloudWith()
  const service = serviceOf(cloud)
  const few = pushes()
  few[0].CustomRecordURL = few[0].RecordURL
  few[0].RecordURL = few[0].RecordURL.replace('/files/', '/gone/')
  await service.handle(few)
  const whole = (await only(cloud)).audioSha256
  await service.handle(pushes())
  assert.equal((await only(cloud)).audioSha256, whole)
  few[0].CustomRecordURL = null
  await service.handle(few)
  assert.notEqual((await only(cloud)).audioSha256, whole)
  await assert.rejects(service.handle(pushes('gone')), { name: 'CallweaveError' })
})

test('what a retry does not cure is tried once', async () => {
  const cloud = await cloudWith()
  const cases = [
    ['', 401, 'missing_token'],
    ['crk_nobody', 401, 'invalid_token'],
    ['crk_revoked', 401, 'token_disabled'],
    ['crk_view', 403, 'insufficient_scope'],
    ['crk_account', 400, 'business_required'],
  ]
  for (const [token, status, code] of cases)
    await assert.rejects(serviceOf(cloud, { token }).handle(pushes()), failsWith(status, code))
  assert.deepEqual([(await state(cloud)).requests.length, (await state(cloud)).recordings], [cases.length, []])
  await assert.rejects(
    serviceOf(cloud, { token: 'crk_account', business: 'b3' }).handle(pushes()),
    failsWith(403, 'forbidden_business'),
  )
  await serviceOf(cloud, { token: 'crk_account', business: 'b1000000-0000-4000-8000-000000000001' }).handle(pushes())
  await only(cloud)
})

test('a scope that lacks for the review alone', async () => {
  const cloud = await cloudWith()
  await assert.rejects(serviceOf(cloud, { token: 'crk_ingest' }).handle(pushes()), failsWith(403, 'insufficient_scope'))
  assert.ok((await only(cloud)).audioBytes > 44)
})

test('a body with mistakes', async () => {
  const cloud = await cloudWith()
  await fault(cloud, { at: 'POST /recordings', code: 'validation_failed' })
  const service = serviceOf(cloud)
  await assert.rejects(service.handle(pushes()), failsWith(422, 'validation_failed'))
  await assert.rejects(service.api.create({ dataId: 'a' }), failsWith(422, 'validation_failed'))
  assert.equal((await state(cloud)).requests.length, 2)
})

test('too many requests are repeated after a pause', async () => {
  const slow = await cloudWith('--rate', '1', '--window', '0.15')
  await serviceOf(slow, { tries: 8 }).handle(pushes())
  assert.ok((await state(slow)).requests.length > 3)
  assert.equal((await only(slow)).note, 'outcome: conversation')
  const closed = await cloudWith('--rate', '0')
  await assert.rejects(serviceOf(closed, { tries: 3 }).handle(pushes()), failsWith(429, 'rate_limited'))
  assert.equal((await state(closed)).requests.length, 3)
})

test('a server that recovers, and an upload that breaks', async () => {
  const cloud = await cloudWith()
  await fault(cloud, { at: 'POST /recordings', code: 'internal_error', times: 2 })
  await fault(cloud, { at: 'PUT /storage', after: 1000, times: 2 })
  await serviceOf(cloud).handle(pushes())
  const { requests } = await state(cloud)
  assert.equal(requests.filter((line) => line === 'POST /api/v1/recordings').length, 3)
  assert.ok((await only(cloud)).audioBytes > 16_000)
})

test('only who knows the secret may push', async (t) => {
  const service = serviceOf('http://127.0.0.1:1')
  const push = await listening(t, service)
  const body = JSON.stringify(pushes()[0])
  for (const secret of ['', 'c0ffee00c0ffee0', `${SECRET}0`, SECRET.toUpperCase(), '%00'])
    assert.equal((await push(body, secret)).status, 404)
  assert.equal((await push(body, SECRET, 'GET')).status, 404)
  assert.equal(service.sessions.size, 0)
  assert.throws(() => new Service({ secret: 'short' }), /secret/)
})

test('what is no push is answered with a code', async (t) => {
  const service = serviceOf('http://127.0.0.1:1')
  const push = await listening(t, service)
  for (const body of [
    '',
    '{',
    '['.repeat(5000),
    '[]',
    '{"a":1}',
    '{"SessionId":null,"RecordId":"1"}',
    '{"tracks":[{"path":"/etc/passwd"}]}',
  ]) {
    const answer = await push(body)
    assert.deepEqual([answer.status, (await answer.json()).ErrCode], [200, 1], body)
  }
  assert.equal((await push(' '.repeat(1 << 17)).catch(() => ({ status: 413 }))).status, 413)
  assert.equal(service.sessions.size, 0)
})

const refused = (pattern) => (error) => error instanceof Refused && pattern.test(error.message)

test('only allowed hosts are fetched', async () => {
  const guard = guardOf({ allowedHosts: ['cos.example', '.bucket.example'], allowPrivate: true })
  for (const address of [
    `${files}/files/${NAME}`,
    'http://cos.example.evil.example/a',
    'http://evilbucket.example/a',
    'http://bucket.example/a',
  ]) {
    await assert.rejects(fetchTrack(address, guard), refused(/not an allowed host/), address)
  }
  for (const address of [
    'file:///etc/passwd',
    'ftp://cos.example/a',
    'http://user:word@cos.example/a',
    'http://user@cos.example/a',
  ]) {
    await assert.rejects(fetchTrack(address, guard), refused(/only http/), address)
  }
  await assert.rejects(fetchTrack('nonsense', guard), refused(/no address/))
  assert.deepEqual(await fetchTrack(`${files}/files/${NAME}`, LOCAL), readFileSync(`${FOLDER}/${NAME}`))
})

test('no private address is fetched', async () => {
  const addresses = [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '172.16.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '::',
    '64:ff9b::a00:1',
    '2002:7f00:1::',
  ]
  for (const address of addresses) {
    const lookup = async () => [
      { address: '93.184.215.14', family: 4 },
      { address, family: address.includes(':') ? 6 : 4 },
    ]
    await assert.rejects(
      fetchTrack('https://cos.example/a.mp3', guardOf({ allowedHosts: ['cos.example'], lookup })),
      refused(/private/),
      address,
    )
  }
  await assert.rejects(fetchTrack('http://127.0.0.1/a', guardOf({ allowedHosts: ['127.0.0.1'] })), refused(/private/))
  await assert.rejects(fetchTrack('http://[::1]/a', guardOf({ allowedHosts: ['::1'] })), refused(/private/))
  await assert.rejects(fetchTrack('http://0x7f.1/a', guardOf({ allowedHosts: ['127.0.0.1'] })), refused(/private/))
  await assert.rejects(fetchTrack(`${files}/files/${NAME}`, guardOf({ allowedHosts: ['127.0.0.1'] })), refused(/ports/))
})

test('public addresses pass', async () => {
  for (const [address, family] of [
    ['93.184.215.14', 4],
    ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', 6],
  ]) {
    const guard = guardOf({ allowedHosts: ['.example'], lookup: async () => [{ address, family }] })
    assert.equal((await check(new URL('https://cos.example/a.mp3'), guard)).address, address)
  }
})

test('the checked address is the one that is connected to', async () => {
  let asked = 0
  const lookup = async () => {
    asked += 1
    return [{ address: '127.0.0.1', family: 4 }]
  }
  const guard = guardOf({ allowedHosts: ['cos.example'], allowPrivate: true, lookup })
  const address = `${files}/files/${NAME}`.replace('127.0.0.1', 'cos.example')
  assert.deepEqual(await fetchTrack(address, guard), readFileSync(`${FOLDER}/${NAME}`))
  assert.equal(asked, 1)
})

test('redirects are not followed, size and time are limited', async () => {
  await assert.rejects(fetchTrack(`${files}/redirect/${NAME}`, LOCAL), refused(/302/))
  await assert.rejects(fetchTrack(`${files}/gone/${NAME}`, LOCAL), refused(/404/))
  await assert.rejects(
    fetchTrack(`${files}/endless/a`, { ...LOCAL, maxBytes: 1_000_000 }),
    refused(/more than 1000000 bytes/),
  )
  await assert.rejects(fetchTrack(`${files}/slow/a`, { ...LOCAL, maxMs: 500 }), refused(/not done after 500 ms/))
})

test('a page instead of a track is told for what it is', async () => {
  const cloud = await cloudWith()
  await assert.rejects(serviceOf(cloud).handle(pushes('page')), /HTML/)
})

test('Wellcloud’s streams are read as they come', async () => {
  const folder = `${root}/fixtures/wellcloud`
  const server = await serve('files', '--folder', folder)
  const get = (path) =>
    new Promise((resolve, reject) =>
      request(server + path, { headers: { authorization: '12345678' } }, resolve)
        .on('error', reject)
        .end(),
    )
  const textOf = async (answer) => Buffer.concat(await answer.toArray())
  const rows = JSON.parse(readFileSync(`${folder}/recordings2.json`, 'utf8'))
  const call = provider.wellcloud(await textOf(await get(provider.wellcloudListPath(rows[0].callId))))
  const audio = {}
  for (const { leg } of call.recordings)
    audio[leg.recordingId] = await get(provider.wellcloudStreamPath(leg.recordingId))
  const report = await analyze(call.withAudio(audio))
  assert.deepEqual(report.metrics, (await analyze(`${folder}/recordings2.json`)).metrics)
  const none = await get(provider.wellcloudStreamPath('none'))
  assert.deepEqual(provider.wellcloudRefusal(none.statusCode, await textOf(none)).code, 425)
  assert.equal(provider.wellcloudRefusal(448).retryable, false)
})
