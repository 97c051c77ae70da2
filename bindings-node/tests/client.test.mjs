// The thin client against local servers that fail: downloads, uploads, the outbox.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import * as client from 'callweave/client'
import { Gone, Guard, Later, Outbox, Poster, Refused, download, send, steps } from 'callweave/client'
import { folder, root, serve, withoutSqlite } from './shared.mjs'

const LOCAL = new Guard({ allowedHosts: ['127.0.0.1'], allowPrivate: true })
const QUICK = { firstMs: 1, longestMs: 20, budgetMs: 3000 }
const FOLDER = `${root}/fixtures/tencent-transfer`
const NAME = readdirSync(FOLDER).find((name) => name.endsWith('.mp3'))
const WHOLE = readFileSync(`${FOLDER}/${NAME}`)
const needsSqlite = { skip: withoutSqlite }
const children = []
let files

before(async () => {
  files = await serve(children, 'files', '--folder', FOLDER)
})
after(() => {
  for (const child of children) child.kill()
})

/** A server of this test's own. */
async function server(t, answer) {
  const own = createServer(answer)
  await new Promise((resolve) => own.listen(0, '127.0.0.1', resolve))
  t.after(() => own.close() && own.closeAllConnections())
  return `http://127.0.0.1:${own.address().port}`
}

test('import and require give the same things, and the types name them', () => {
  const required = createRequire(import.meta.url)('callweave/client')
  assert.deepEqual(Object.keys(client).sort(), Object.keys(required).sort())
  const types = readFileSync(new URL('../lib/client.d.cts', import.meta.url), 'utf8')
  const declared = [...types.matchAll(/^export declare (?:class|const|function) (\w+)/gm)].map((m) => m[1])
  assert.deepEqual(declared.sort(), Object.keys(client).sort())
  const named = types.match(/declare const steps: \{\n(.*?)^\}/ms)[1].matchAll(/^ {2}readonly (\w+):/gm)
  assert.deepEqual([...named].map((m) => m[1]).sort(), Object.keys(steps).sort())
})

test('a broken download goes on where it was, and is whole or not there', async (t) => {
  const asked = []
  let breaks = true
  const url = await server(t, (request, response) => {
    asked.push(request.headers.range)
    const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
    const headers = { etag: '"a"', 'content-length': WHOLE.length - start }
    if (start > 0) headers['content-range'] = `bytes ${start}-${WHOLE.length - 1}/${WHOLE.length}`
    response.writeHead(start > 0 ? 206 : 200, headers)
    if (!breaks) return response.end(WHOLE.subarray(start))
    response.write(WHOLE.subarray(start, start + 4000), () => setTimeout(() => request.socket.resetAndDestroy(), 20))
  })
  const path = join(folder(t), 'a')
  await assert.rejects(download(url, path, { guard: LOCAL, policy: { ...QUICK, budgetMs: 40 } }), Later)
  assert.ok(!existsSync(path) && statSync(`${path}.part`).size > 0)
  breaks = false
  assert.equal(await download(url, path, { guard: LOCAL, policy: QUICK }), path)
  assert.deepEqual(readFileSync(path), WHOLE)
  assert.ok(!existsSync(`${path}.part`) && !existsSync(`${path}.part.json`))
  assert.equal(asked[0], undefined)
  assert.match(asked.at(-1), /^bytes=\d+-$/)
})

test('what is gone is gone, and what may come is waited for', async (t) => {
  const path = join(folder(t), 'a')
  await assert.rejects(download(`${files}/none/a`, path, { guard: LOCAL }), (error) => {
    assert.ok(error instanceof Gone)
    assert.equal(error.reason, 'file_gone')
    return true
  })
  const soon = { guard: LOCAL, sinceMs: Date.now(), policy: { ...QUICK, budgetMs: 20 } }
  await assert.rejects(download(`${files}/files/a`, path, soon), Later)
  await assert.rejects(download(`${files}/files/a`, path, { guard: LOCAL, sinceMs: 0 }), Gone)
})

test('redirects are checked, and keys do not follow them', async (t) => {
  const seen = []
  const other = await server(t, (request, response) => {
    seen.push(request.headers.authorization)
    const location = request.url === '/out' ? `${files}/files/${NAME}` : 'http://10.0.0.1/a'
    response.writeHead(307, { location }).end()
  })
  const path = join(folder(t), 'a')
  const options = { guard: LOCAL, headers: { Authorization: 'Bearer k' } }
  await download(`${other}/out`, path, options)
  assert.deepEqual([seen, readFileSync(path)], [['Bearer k'], WHOLE])
  await assert.rejects(download(`${other}/in`, path, options), Refused)
})

test('private addresses are refused', async (t) => {
  const path = join(folder(t), 'a')
  for (const url of [
    'http://127.0.0.1/a',
    'http://10.1.2.3/a',
    'http://169.254.169.254/latest',
    'http://[::1]/a',
    'http://[fd00::1]/a',
    'http://[::ffff:127.0.0.1]/a',
    'http://0.0.0.0/a',
    'http://2130706433/a',
    'http://localhost/a',
    'http://[2002:7f00:1::]/a',
    'ftp://x.example/a',
    'http://u:p@x.example/a',
    'http://93.184.216.34:8080/a',
    'no address',
  ]) {
    await assert.rejects(download(url, path), Refused, url)
  }
  const resolve = async () => [
    { address: '93.184.216.34', family: 4 },
    { address: '10.0.0.1', family: 4 },
  ]
  await assert.rejects(download('http://rebinding.example/a', path, { guard: new Guard({ resolve }) }), Refused)
})

test('the checked address is the one that is connected to', async (t) => {
  const asked = []
  const resolve = async (host) => {
    asked.push(host)
    return [{ address: '127.0.0.1', family: 4 }]
  }
  const guard = new Guard({ allowedHosts: ['.example'], allowPrivate: true, resolve })
  const path = join(folder(t), 'a')
  await download(`${files.replace('127.0.0.1', 'recorder.example')}/files/${NAME}`, path, { guard })
  assert.deepEqual([asked, readFileSync(path)], [['recorder.example'], WHOLE])
})

test('sizes have an end', async (t) => {
  const guard = new Guard({ allowPrivate: true, maxBytes: 1000 })
  for (const way of [`/files/${NAME}`, '/endless/a']) {
    await assert.rejects(download(files + way, join(folder(t), 'a'), { guard }), Refused)
  }
})

test('a request is sent as it is, and a file with its length', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const api = { token: 'crk_full', base: `${cloud}/api/v1` }
  const body = { dataId: 'a', callAt: '2026-05-20T08:14:00+07:00', direction: 'in', audioPresignedUploadUrl: true }
  const made = JSON.parse((await send(steps.mcloudRequest({ endpoint: 'create', api, body }))).body)
  const file = join(folder(t), 'a.wav')
  writeFileSync(file, Buffer.alloc(200_000, 'RIFF'))
  const put = steps.mcloudRequest({ endpoint: 'upload', uploadUrl: made.uploadUrl, contentType: 'audio/wav' })
  assert.equal((await send(put, { file, guard: LOCAL })).status, 200)
  const { recordings } = await (await fetch(`${cloud}/_test/state`)).json()
  assert.equal(recordings[0].audioBytes, 200_000)
  await assert.rejects(send(put, { file, guard: new Guard() }), Refused)
  assert.equal((await send({ ...put, url: 'http://127.0.0.1:9/' }, { file })).status, null)
})

const push = (user, session = 's') =>
  JSON.stringify({ SessionId: session, RecordId: user, EndpointUser: user, RecordURL: `http://h/${user}.mp3` })

test('the outbox keeps pushes once, and a session with its posting or not', needsSqlite, (t) => {
  const path = join(folder(t), 'o.sqlite')
  const first = new Outbox(path)
  assert.equal(first.push('record', 'u1', push('+66812345678')), 'new')
  assert.equal(first.push('record', 'u1', push('+66812345678')), 'repeat')
  assert.equal(first.push('voicemail', null, '{}'), 'kept')
  assert.throws(() => first.push('record', null, '[]'), { name: 'CallweaveError' })
  first.close()
  const outbox = new Outbox(path)
  t.after(() => outbox.close())
  const [row] = outbox.dueSessions(Number.MAX_SAFE_INTEGER)
  assert.equal(row.key, 'tencent:s')
  outbox.push('record', 'u2', push('anna@x.example'))
  const body = { dataId: 'a', callAt: '2026-05-20T08:14:00+07:00', direction: 'in' }
  const call = { state: row.state, dueMs: null, body, audio: { sha256: 'x', bytes: 1 }, file: 'f' }
  assert.equal(outbox.putSession(row, null, { status: 'listed' }), false)
  assert.equal(outbox.enqueue(row, call), false)
  const [fresh] = outbox.dueSessions(Number.MAX_SAFE_INTEGER)
  assert.throws(() => outbox.enqueue(fresh, { ...call, body: { ...body, direction: 'up' } }))
  assert.deepEqual(outbox.counts(), { sessions: { waiting: 1 }, postings: {}, stray: 1 })
  assert.equal(outbox.enqueue(fresh, { ...call, reason: 'incomplete' }), true)
  assert.deepEqual([outbox.files(), outbox.listed()[0].reason], [new Set(['f']), 'incomplete'])
})

test('what was acknowledged is stored whenever the process is killed', needsSqlite, async (t) => {
  for (const lines of [1, 7, 40]) {
    const path = join(folder(t), `${lines}.sqlite`)
    const code = `const { Outbox } = require('callweave/client'); const outbox = new Outbox(process.argv[1])
      for (let n = 0; n < 1e5; n++) {
        outbox.push('record', String(n), JSON.stringify({ SessionId: 's' + n, RecordId: '1', EndpointUser: 'a@x.example' }))
        require('node:fs').writeSync(1, n + '\\n')
      }`
    const child = spawn(process.execPath, ['-e', code, path], {
      cwd: import.meta.dirname ?? root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const acknowledged = []
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(Number(line))
      if (acknowledged.length >= lines) break
    }
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    const outbox = new Outbox(path)
    const kept = new Set(outbox.dueSessions(Number.MAX_SAFE_INTEGER, 1e6).map(({ key }) => key))
    assert.ok(acknowledged.every((n) => kept.has(`tencent:s${n}`)))
    outbox.close()
  }
})

test('the poster brings a call to a nasty MCloud', needsSqlite, async (t) => {
  const cloud = await serve(children, 'mcloud')
  const nasty = { share: 0.4, seed: 3, stingy: 1, expired: 0.3 }
  await fetch(`${cloud}/_test/nasty`, { method: 'POST', body: JSON.stringify(nasty) })
  const at = folder(t)
  const file = join(at, 'mix.wav')
  writeFileSync(file, Buffer.alloc(4000, 'RIFF'))
  const outbox = new Outbox(join(at, 'o.sqlite'))
  t.after(() => outbox.close())
  outbox.push('record', 'u', push('anna@x.example'))
  const [row] = outbox.dueSessions(Number.MAX_SAFE_INTEGER)
  const body = { dataId: 'd', callAt: '2026-05-20T08:14:00+07:00', direction: 'in', audioPresignedUploadUrl: true }
  outbox.enqueue(row, { state: row.state, dueMs: null, body, audio: { sha256: 'x', bytes: 4000 }, file })
  const api = { token: 'crk_full', base: `${cloud}/api/v1` }
  const poster = new Poster(outbox, api, { guard: LOCAL, policy: { firstMs: 1, longestMs: 5 } })
  const due = () => outbox.duePostings(Number.MAX_SAFE_INTEGER)
  for (let rows = due(); rows.length > 0; rows = due()) {
    for (const posting of rows) await poster.step(posting)
  }
  assert.deepEqual(outbox.counts().postings, { done: 1 })
  const { recordings } = await (await fetch(`${cloud}/_test/state`)).json()
  const stand = recordings.filter(({ deleted }) => !deleted)
  assert.deepEqual([stand.length, stand[0].audioBytes], [1, 4000])
})
