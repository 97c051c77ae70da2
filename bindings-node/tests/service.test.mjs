// The example service end to end, against the local servers: from a provider's push to MCloud's door.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { folder, root, serve, withoutSqlite } from './shared.mjs'

const SECRET = 'c0ffee00c0ffee00'
const FOLDER = `${root}/fixtures/tencent-transfer`
const needsSqlite = { skip: withoutSqlite }
const children = []
let files

before(async () => {
  files = await serve(children, 'files', '--folder', FOLDER)
})
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** The fixture's pushes with addresses of the local server. */
const pushes = (how = 'files') =>
  JSON.parse(readFileSync(`${FOLDER}/pushes.json`, 'utf8')).map((push) => ({
    ...push,
    RecordURL: `${files}/${how}/${push.RecordURL.split('/').at(-1)}`,
    CustomRecordURL: null,
  }))

/** A service that runs as it is started by its one command, and its door. */
async function running(t, cloud, env = {}) {
  const child = spawn(process.execPath, [`${root}/bindings-node/examples/service/service.mjs`, '--port', '0'], {
    env: {
      ...process.env,
      DATA: folder(t),
      PUSH_SECRET: SECRET,
      MCLOUD_TOKEN: 'crk_full',
      MCLOUD_URL: `${cloud}/api/v1`,
      TRACK_HOSTS: '127.0.0.1',
      ALLOW_PRIVATE_ADDRESSES: '1',
      COUNTRY_CODE: '44',
      SETTLE_S: '0.1',
      EXPECT_CDR: '0',
      RETRY_S: '1',
      TENCENT_DIRECTION: 'in',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let log = ''
  child.stderr.on('data', (data) => {
    log += data
  })
  const { value: port } = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
  assert.ok(port, `the service did not start: ${log}`)
  const url = `http://127.0.0.1:${port}`
  const ask = async (path, options) => (await fetch(url + path, options)).json()
  return {
    child,
    log: () => log,
    push: (body, action = 'record') =>
      ask(`/push/${SECRET}?action=${action}&version=1`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    listed: async () => (await ask(`/listed/${SECRET}`)).map(({ reason }) => reason),
    rests: async () => {
      const { sessions, postings } = await ask('/health')
      return !sessions.waiting && !postings.waiting
    },
    url,
  }
}

const stands = async (cloud) => {
  const { recordings } = await (await fetch(`${cloud}/_test/state`)).json()
  return recordings.filter(({ deleted }) => !deleted)
}

async function until(condition) {
  for (let tries = 0; !(await condition()); tries++) {
    assert.ok(tries < 1200, 'it never came')
    await pause(50)
  }
}

test('from the pushes to MCloud, a late leg, and a graceful stop', needsSqlite, async (t) => {
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

test('what nobody says is listed, and a CDR then says it', needsSqlite, async (t) => {
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

test('what is gone is told, and what is refused is listed', needsSqlite, async (t) => {
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
})

test('only who knows the secret may push', needsSqlite, async (t) => {
  const service = await running(t, await serve(children, 'mcloud'))
  for (const secret of ['x', `${SECRET}0`, SECRET.toUpperCase(), '%00']) {
    const options = { method: 'POST', body: JSON.stringify(pushes()[0]) }
    assert.equal((await fetch(`${service.url}/push/${secret}?action=record`, options)).status, 404)
    assert.equal((await fetch(`${service.url}/listed/${secret}`)).status, 404)
  }
  for (const body of ['', '{', '[]', '1']) assert.equal((await service.push(body)).ErrCode, 1, body)
  assert.deepEqual((await (await fetch(`${service.url}/health`)).json()).sessions, {})
})

test('no request breaks the door', needsSqlite, async (t) => {
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

test('a soak in small', { skip: withoutSqlite || !process.env.CALLWEAVE_PYTHON }, async () => {
  const args = ['--service', 'node', '--node', process.execPath, '--sessions', '26', '--kills', '3']
  const { stdout } = await promisify(execFile)(process.env.CALLWEAVE_PYTHON, [`${root}/tests/soak/soak.py`, ...args])
  assert.deepEqual(JSON.parse(stdout).wrong, [])
})
