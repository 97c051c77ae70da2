// The example service end to end, against the local servers: from a provider's push to MCloud's
// door.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { SECRET, children, polled, running, servedPushes, serving, stands, until } from './running.mjs'
import { folder, root, serve } from './shared.mjs'

const pushes = servedPushes()

test('from the pushes to MCloud, a late leg, and a graceful stop', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const service = await running(t, cloud)
  const late = pushes().filter(({ EndpointUser: user }) => user.startsWith('carla'))
  for (const push of pushes().filter(({ EndpointUser: user }) => !user.startsWith('carla'))) {
    assert.deepEqual(await service.push(push), { ErrCode: 0, ErrMsg: '' })
  }
  await until(async () => (await stands(cloud))[0]?.extractions === 1)
  const [first] = await stands(cloud)
  const { dataId, callAt, direction, customerPhone, tag, note } = first
  assert.deepEqual(
    { dataId, callAt, direction, customerPhone, tag, note },
    {
      dataId: 'tencent_dc2d0354eceb453ac40ec7bdd4b09654',
      callAt: '2026-05-21T09:40:09+07:00',
      direction: 'in',
      customerPhone: '+447700900187',
      tag: 'normal',
      note: 'outcome: conversation',
    },
  )
  const review = { dataId, fields: { tag: 'other' } }
  await fetch(`${cloud}/_test/review`, { method: 'POST', body: JSON.stringify(review) })
  await service.push(late[0])
  await until(async () => (await stands(cloud))[0]?.extractions === 2 && (await service.rests()))
  const [made] = await stands(cloud)
  assert.notEqual(made.audioSha256, first.audioSha256)
  assert.deepEqual([made.id, made.tag, await service.listed()], [first.id, 'other', ['tag_is_not_ours']])
  service.child.kill('SIGTERM')
  assert.equal(await new Promise((resolve) => service.child.once('close', resolve)), 0)
  const events = new Set(
    service
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event),
  )
  assert.ok(
    ['push', 'made', 'stopped'].every((event) => events.has(event)),
    service.log(),
  )
  for (const secret of [SECRET, '7700900187', 'lakeside', 'crk_full', 'http:']) {
    assert.ok(!service.log().includes(secret), secret)
  }
})

test('what nobody says is listed, and a CDR then says it', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const service = await running(t, cloud, { TENCENT_DIRECTION: '' })
  for (const push of pushes()) await service.push(push)
  await until(async () => (await service.listed()).length > 0)
  assert.deepEqual([await service.listed(), await stands(cloud)], [['direction_unknown'], []])
  const [{ SessionId }] = pushes()
  await service.push({ SessionId, Caller: '02079460000', Callee: '07700900187', Direction: 1 }, 'cdr')
  await until(async () => (await stands(cloud))[0]?.extractions === 1)
  assert.equal((await stands(cloud))[0].direction, 'out')
})

test('what is gone is told, and what is refused is listed', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const service = await running(t, cloud)
  for (const push of pushes()) {
    const gone = push.EndpointUser.startsWith('carla') ? push.RecordURL.replace('/files/', '/none/') : push.RecordURL
    await service.push({ ...push, RecordURL: gone })
  }
  await until(async () => (await service.listed()).length > 0)
  assert.deepEqual(await service.listed(), ['incomplete: file_gone'])
  const refused = await running(t, cloud, { MCLOUD_TOKEN: 'crk_view' })
  for (const push of pushes()) await refused.push(push)
  await until(async () => (await refused.listed()).length > 0)
  assert.deepEqual(await refused.listed(), ['insufficient_scope'])
  assert.match(refused.log(), /"event":"posting_failed","call":"[0-9a-f]{12}","reason":"insufficient_scope"/)
})

test('only who knows the secret may push', async (t) => {
  const service = await running(t, await serve(children, 'mcloud'))
  for (const secret of ['x', `${SECRET}0`, SECRET.toUpperCase(), '%00']) {
    const options = { method: 'POST', body: JSON.stringify(pushes()[0]) }
    assert.equal((await fetch(`${service.url}/push/${secret}?action=record`, options)).status, 404)
    assert.equal((await fetch(`${service.url}/listed/${secret}`)).status, 404)
  }
  for (const body of ['', '{', '[]', '1']) assert.equal((await service.push(body)).ErrCode, 1, body)
  assert.deepEqual((await (await fetch(`${service.url}/health`)).json()).sessions, {})
})

test('no request breaks the door', async (t) => {
  const service = await running(t, await serve(children, 'mcloud'))
  for (const line of ['GET //', 'POST //', 'GET //[']) {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
    socket.write(`${line} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    socket.destroy()
    assert.match(String(answer), /^HTTP\/1.1 400 /, line)
  }
  assert.equal((await fetch(`${service.url}/health`)).status, 200)
})

const recordOf = (id, at = '2026-05-20 07:31:47.870000', status = 'ended') => ({
  id,
  reference_type: 'call',
  reference_id: `of-${id}`,
  status,
  format: 'wav',
  tm_start: at,
  tm_end: '2026-05-20 07:31:59.820000',
  tm_create: at,
})

/** VoIPBin's list, newest first, in pages by time. */
function voipbin(records, more = () => false) {
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://h')
    if (more(pathname, response)) return
    const id = pathname.split('/').at(-1)
    const found = records.find((record) => record.id === id)
    const before = searchParams.get('page_token') ?? '9'
    const newest = [...records].sort((a, b) => (a.tm_create < b.tm_create ? 1 : -1))
    const page = newest.filter((record) => record.tm_create < before).slice(0, Number(searchParams.get('page_size')))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(found ?? { result: page, next_page_token: page.at(-1)?.tm_create ?? '' }))
  }
}

test('mixed recordings go through with their voices', async (t) => {
  const mixed = readFileSync(`${root}/fixtures/unclosed/call.wav`)
  const golden = JSON.parse(readFileSync(`${root}/fixtures/unclosed/report.json`, 'utf8'))
  assert.deepEqual([golden.tracks[0].voices.length, golden.tag.value], [2, 'normal'])
  const { url } = await serving(
    t,
    voipbin([recordOf('r1')], (path, response) => path.startsWith('/recordingfiles/') && response.end(mixed)),
  )
  const at = folder(t)
  copyFileSync(`${root}/fixtures/unclosed/call.wav`, `${at}/w1.wav`)
  const row = {
    id: 'w1',
    ani: '0812345678@x.example',
    dnis: '8010@x.example',
    callDirection: 'Inbound',
    callId: 'c',
    startTime: '2026.05.20 16:08:23',
    endTime: '2026.05.20 16:08:33',
    deviceId: '8010@x.example',
    state: 'Success',
  }
  writeFileSync(`${at}/recordings2.json`, JSON.stringify([row]))
  const wellcloud = await serve(children, 'files', '--folder', at)
  const cloud = await serve(children, 'mcloud')
  const service = await running(t, cloud, polled(url, { WELLCLOUD_TOKEN: '12345678', WELLCLOUD_URL: wellcloud }))
  assert.equal(await service.ended('c'), 202)
  await until(async () => (await stands(cloud)).filter(({ extractions }) => extractions > 0).length === 2)
  await until(service.rests)
  assert.deepEqual(await service.listed(), [])
  for (const made of await stands(cloud)) {
    const { note, tag, audioType, direction } = made
    assert.deepEqual(
      [note, tag, audioType, direction],
      ['outcome: conversation; voices: 2', 'normal', 'audio/wav', 'in'],
    )
    assert.ok(made.audioBytes > 100_000)
  }
})

test('no recording is lost at the border of a page', async (t) => {
  const records = []
  for (let n = 0; n < 260; n++) records.push(recordOf(`same${n}`, undefined, 'recording'))
  const six = (n) => String(n).padStart(6, '0')
  for (let n = 0; n < 240; n++) records.push(recordOf(`old${n}`, `2026-05-1${n % 9} 07:00:00.${six(n)}`, 'recording'))
  for (let n = 0; n < 50; n++) records.push(recordOf(`new${n}`, `2026-05-21 07:00:00.${six(n)}`, 'recording'))
  const { url } = await serving(t, voipbin(records))
  const service = await running(t, await serve(children, 'mcloud'), polled(url))
  await until(async () => (await service.health()).sessions.waiting === records.length)
})

test('the start of the poll is inclusive and kept', async (t) => {
  const records = [
    recordOf('before', '2026-05-20 07:31:47.869999', 'recording'),
    recordOf('at', '2026-05-20 07:31:47.870000', 'recording'),
  ]
  const { url } = await serving(t, voipbin(records))
  const cloud = await serve(children, 'mcloud')
  const DATA = folder(t)
  const waiting = async (service) => (await service.health()).sessions.waiting ?? 0
  const first = await running(t, cloud, polled(url, { DATA, VOIPBIN_SINCE: '2026-05-20T14:31:47.870+07:00' }))
  await until(async () => (await waiting(first)) > 0)
  await pause(500)
  assert.equal(await waiting(first), 1)
  await first.stop()
  records.push(recordOf('later', '2026-05-20T08:00:00Z', 'recording'))
  const second = await running(t, cloud, polled(url, { DATA, VOIPBIN_SINCE: undefined }))
  await until(async () => (await waiting(second)) === 2)
  await second.stop()
  const third = await running(t, cloud, polled(url, { DATA, VOIPBIN_SINCE: '2026-05-20T14:31:47.869+07:00' }))
  await until(async () => (await waiting(third)) === 3)
  await third.stop()
})

test('a refused key is told, and another one goes on', async (t) => {
  const at = `${root}/fixtures/wellcloud`
  const [{ callId }] = JSON.parse(readFileSync(`${at}/recordings2.json`, 'utf8'))
  const wellcloud = await serve(children, 'files', '--folder', at)
  const { url, asked } = await serving(t, (_request, response) => response.writeHead(401).end())
  const cloud = await serve(children, 'mcloud')
  const env = { DATA: folder(t), WELLCLOUD_URL: wellcloud, DEADLINE_S: '0.3' }
  const first = await running(t, cloud, polled(url, { ...env, WELLCLOUD_TOKEN: 'wrong' }))
  for (const wrong of ['..', ' ', '']) assert.equal(await first.ended(wrong), 400)
  assert.equal(await first.ended(callId), 202)
  await until(async () => Object.keys((await first.health()).refused).length === 2)
  await pause(1000)
  assert.deepEqual((await first.health()).refused, { wellcloud: 'wellcloud_401', voipbin: 'voipbin_401' })
  assert.deepEqual([await first.listed(), asked.length], [['wellcloud_401'], 1])
  await first.stop()
  const second = await running(t, cloud, { ...env, WELLCLOUD_TOKEN: '12345678' })
  await until(async () => (await stands(cloud))[0]?.extractions > 0)
  await until(second.rests)
  assert.deepEqual([await second.listed(), (await second.health()).refused], [[], {}])
})

test('a provider that cannot answer is not asked at once again', async (t) => {
  for (const [status, lists, polls] of [
    [503, 18, 6],
    [429, 6, 2],
  ]) {
    const { url, asked } = await serving(t, (_request, response) =>
      response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end(),
    )
    const env = { ...polled(url, { POLL_S: '0.05' }), WELLCLOUD_TOKEN: 't', WELLCLOUD_URL: url, RETRY_S: '60' }
    const service = await running(t, await serve(children, 'mcloud'), env)
    for (const id of ['c0', 'c1', 'c2']) assert.equal(await service.ended(id), 202)
    // Long enough for what waits too little, and well before the third try after 429 is due.
    await pause(1300)
    const of = (word) => asked.filter((path) => path.includes(word)).length
    assert.ok(of('recordings2') > 0 && of('recordings2') <= lists, `${status}: ${of('recordings2')}`)
    assert.ok(of('/recordings?') > 0 && of('/recordings?') <= polls, `${status}: ${of('/recordings?')}`)
    assert.deepEqual((await service.health()).failing, { list_unreachable: 3 })
    await service.stop()
  }
})

test('a slow server holds up no other session', async (t) => {
  const slow = await serving(t, (_request, response) => response.writeHead(200).flushHeaders())
  const cloud = await serve(children, 'mcloud')
  const service = await running(t, cloud)
  const [track] = pushes()
  for (let n = 0; n < 3; n++) {
    for (const user of ['+447700900187', 'anna@x.example']) {
      const RecordURL = `${slow.url}/a.mp3`
      await service.push({ ...track, RecordURL, SessionId: `slow${n}`, EndpointUser: user, RecordId: user })
    }
  }
  await until(() => slow.asked.length >= 3)
  for (const push of pushes()) await service.push(push)
  await until(async () => (await stands(cloud))[0]?.extractions > 0)
  assert.equal(slow.asked.length, 3)
  service.child.kill('SIGKILL')
})

test('a failure is stored with its reason, and the loop goes on', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const DATA = folder(t)
  // Mixes cannot be kept: a file stands where their folder should be.
  writeFileSync(`${DATA}/mixes`, '')
  const service = await running(t, cloud, { DATA })
  for (const push of pushes()) await service.push(push)
  await until(async () => (await service.listed()).length > 0)
  assert.deepEqual([await service.listed(), (await service.health()).failing], [['EEXIST'], { EEXIST: 1 }])
  const told = service
    .log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const failure = told.find(({ event }) => event === 'failure')
  assert.equal(failure.reason, 'EEXIST')
  assert.ok(!service.log().includes(DATA))
  rmSync(`${DATA}/mixes`)
  await until(async () => (await stands(cloud))[0]?.extractions > 0)
  await until(service.rests)
  assert.deepEqual(await service.listed(), [])
})

test('a soak in small', { skip: !process.env.CALLWEAVE_PYTHON }, async () => {
  const args = ['--service', 'node', '--node', process.execPath, '--sessions', '26', '--kills', '3']
  const { stdout } = await promisify(execFile)(process.env.CALLWEAVE_PYTHON, [`${root}/tests/soak/soak.py`, ...args])
  assert.deepEqual(JSON.parse(stdout).wrong, [])
})
