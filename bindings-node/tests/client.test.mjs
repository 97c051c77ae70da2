// The thin client against local servers that fail: downloads, uploads, the outbox.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createListener } from 'node:net'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import * as client from 'callweave/client'
import { Gone, Guard, Later, Outbox, Poster, Refused, download, send, steps } from 'callweave/client'
import { folder, root, serve } from './shared.mjs'

const LOCAL = new Guard({ allowedHosts: ['127.0.0.1'], allowPrivate: true })
const QUICK = { firstMs: 1, longestMs: 20, budgetMs: 3000 }
const FOLDER = `${root}/fixtures/tencent-transfer`
const NAME = readdirSync(FOLDER).find((name) => name.endsWith('.mp3'))
const WHOLE = readFileSync(`${FOLDER}/${NAME}`)
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

test('headers do not follow to another origin', async (t) => {
  const seen = []
  const note = (request, response) => {
    seen.push([request.headers.authorization, request.headers['x-api-key']])
    response.end(WHOLE)
  }
  const other = await server(t, note)
  const own = await server(t, (request, response) => {
    if (request.url === '/here') return note(request, response)
    seen.push([request.headers.authorization, request.headers['x-api-key']])
    response.writeHead(302, { location: request.url === '/away' ? `${other}/a` : '/here' }).end()
  })
  const options = { guard: LOCAL, headers: { Authorization: 'Bearer k', 'X-Api-Key': 'k' } }
  await download(`${own}/away`, join(folder(t), 'a'), options)
  const keys = ['Bearer k', 'k']
  assert.deepEqual(seen, [keys, [undefined, undefined]])
  await download(`${own}/stay`, join(folder(t), 'a'), options)
  assert.deepEqual(seen.slice(2), [keys, keys])
})

test('a refusal that says 200 is no file', async (t) => {
  let body = ''
  const url = await server(t, (_request, response) => response.end(body))
  for (const [of, answer, reason] of [
    ['audio', '<!DOCTYPE html><html>Log in</html>', 'not_audio'],
    ['audio', '{"error": "expired"}', 'not_audio'],
    ['wellcloud', '{"code": 401, "message": "token"}', 'wellcloud_401'],
    ['wellcloud', '{"code": 448}', 'wellcloud_448'],
    ['voipbin', 'not now', 'not_audio'],
  ]) {
    body = answer
    const at = folder(t)
    await assert.rejects(download(url, join(at, 'a'), { guard: LOCAL, of, policy: QUICK }), { name: 'Gone', reason })
    assert.deepEqual(readdirSync(at), [])
  }
})

test('a crash between note and file leaves no wrong pair', async (t) => {
  const url = await server(t, (_request, response) =>
    response.writeHead(200, { etag: '"new"' }).end('\0of the new file'),
  )
  const at = folder(t)
  // The file cannot be opened: as a crash at this moment, nothing that comes behind it is done.
  mkdirSync(join(at, 'a.part'))
  writeFileSync(join(at, 'a.part.json'), JSON.stringify({ path: '/', validator: '"old"' }))
  await assert.rejects(download(url, join(at, 'a'), { guard: LOCAL, policy: QUICK }), { code: 'EISDIR' })
  assert.deepEqual(readdirSync(at), ['a.part'])
})

test('another part than the one asked for is not taken', async (t) => {
  const ranges = []
  const url = await server(t, (request, response) => {
    ranges.push(request.headers.range)
    response.writeHead(206, { etag: '"new"', 'content-range': 'bytes 4-7/8', 'content-length': 4 }).end('\0new')
  })
  const path = join(folder(t), 'a')
  writeFileSync(`${path}.part`, '\0old')
  writeFileSync(`${path}.part.json`, JSON.stringify({ path: '/', validator: '"old"' }))
  await assert.rejects(download(url, path, { guard: LOCAL, policy: { ...QUICK, budgetMs: 30 } }), Later)
  assert.deepEqual([ranges.slice(0, 2), existsSync(path)], [['bytes=4-', undefined], false])
})

test('what fails here is told, and not taken for a connection', async (t) => {
  const at = folder(t)
  const none = join(at, 'none', 'a')
  await assert.rejects(download(`${files}/files/${NAME}`, none, { guard: LOCAL, policy: QUICK }), { code: 'ENOENT' })
  const put = steps.mcloudRequest({ endpoint: 'upload', uploadUrl: `${files}/a`, contentType: 'audio/wav' })
  await assert.rejects(send(put, { file: join(at, 'none'), guard: LOCAL }), { code: 'ENOENT' })
  await assert.rejects(send({ ...put, headers: [['A', 'a\r\nb']] }, { file: join(at, 'none') }), Error)
  const nowhere = await server(t, (_request, response) => response.writeHead(302, { location: 'http://[' }).end())
  await assert.rejects(download(nowhere, join(at, 'a'), { guard: LOCAL }), Refused)
})

test('an answer before the end of the body is read', async (t) => {
  const early = createListener((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nexpired')
      setTimeout(() => socket.resetAndDestroy(), 200)
    })
  })
  await new Promise((resolve) => early.listen(0, '127.0.0.1', resolve))
  t.after(() => early.close())
  const uploadUrl = `http://127.0.0.1:${early.address().port}/a`
  const put = steps.mcloudRequest({ endpoint: 'upload', uploadUrl, contentType: 'audio/wav' })
  const file = join(folder(t), 'a.wav')
  writeFileSync(file, Buffer.alloc(32 << 20))
  for (let n = 0; n < 5; n++) {
    assert.deepEqual(await send(put, { file, guard: LOCAL }), { status: 403, retryAfter: null, body: 'expired' })
  }
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

test('the outbox keeps pushes once, and a session with its posting or not', (t) => {
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
  const call = {
    state: row.state,
    dueMs: null,
    body,
    audio: { sha256: 'x', bytes: 1, contentType: 'audio/wav' },
    file: 'f',
  }
  assert.equal(outbox.putSession(row, null, { status: 'listed' }), false)
  assert.equal(outbox.enqueue(row, call), false)
  const [fresh] = outbox.dueSessions(Number.MAX_SAFE_INTEGER)
  assert.throws(() => outbox.enqueue(fresh, { ...call, body: { ...body, direction: 'up' } }))
  assert.deepEqual(outbox.counts(), { sessions: { waiting: 1 }, postings: {}, failing: {}, stray: 1 })
  assert.equal(outbox.enqueue(fresh, { ...call, reason: 'incomplete' }), true)
  assert.deepEqual([outbox.files(), outbox.listed()[0].reason], [new Set(['f']), 'incomplete'])
})

test('what was acknowledged is stored whenever the process is killed', async (t) => {
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

test('the poster brings a call to a nasty MCloud', async (t) => {
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
  outbox.enqueue(row, {
    state: row.state,
    dueMs: null,
    body,
    audio: { sha256: 'x', bytes: 4000, contentType: 'audio/wav' },
    file,
  })
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

/** A posting whose next request is its upload. */
async function uploading(outbox, poster, file) {
  outbox.push('record', 'u', push('anna@x.example'))
  const [row] = outbox.dueSessions(Number.MAX_SAFE_INTEGER)
  const body = { dataId: 'd', callAt: '2026-05-20T08:14:00+07:00', direction: 'in', audioPresignedUploadUrl: true }
  const audio = { sha256: 'x', bytes: 1, contentType: 'audio/wav' }
  outbox.enqueue(row, { state: row.state, dueMs: null, body, audio, file })
  await poster.step(outbox.duePostings(Number.MAX_SAFE_INTEGER)[0])
}

test('a step that fails here is stored and waited for', async (t) => {
  for (const reason of ['mix_unreadable', 'address_refused']) {
    const cloud = await serve(children, 'mcloud')
    const at = folder(t)
    const mix = join(at, 'mix.wav')
    if (reason === 'address_refused') writeFileSync(mix, 'R')
    let outbox = new Outbox(join(at, 'o.sqlite'))
    const api = { token: 'crk_full', base: `${cloud}/api/v1` }
    const poster = new Poster(outbox, api, { guard: reason === 'address_refused' ? new Guard() : LOCAL })
    await uploading(outbox, poster, mix)
    const dues = []
    for (let n = 0; n < 4; n++) {
      const started = Date.now()
      assert.equal(await poster.step(outbox.duePostings(Number.MAX_SAFE_INTEGER)[0]), reason)
      const due = outbox.nextDue()
      dues.push(due - started)
      assert.deepEqual([outbox.duePostings(due - 1), dues.at(-1) > 200], [[], true], 'it waits')
      const { status, reason: told } = outbox.listed().at(-1)
      assert.deepEqual([status, told, outbox.files()], ['failed', reason, new Set([mix])])
    }
    assert.ok(dues[3] > dues[0] && dues[3] < 30_000, `${dues}`)
    outbox.close()
    outbox = new Outbox(join(at, 'o.sqlite'))
    assert.deepEqual(outbox.counts().postings, { failed: 1 })
    writeFileSync(mix, 'R')
    const second = new Poster(outbox, api, { guard: LOCAL, policy: QUICK })
    const due = () => outbox.duePostings(Number.MAX_SAFE_INTEGER)
    for (let rows = due(); rows.length > 0; rows = due()) await second.step(rows[0])
    assert.deepEqual([outbox.counts().postings, outbox.listed(), outbox.files()], [{ done: 1 }, [], new Set()])
    outbox.close()
  }
})

test('what the key is refused for waits for another key with its mix', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const outbox = new Outbox(join(folder(t), 'o.sqlite'))
  t.after(() => outbox.close())
  await uploading(
    outbox,
    new Poster(outbox, { token: 'crk_view', base: `${cloud}/api/v1` }, { guard: LOCAL }),
    'mix.wav',
  )
  outbox.addCall('wellcloud', 'c', 0)
  const row = () => outbox.dueSessions(Number.MAX_SAFE_INTEGER, 32, 'wellcloud')[0]
  assert.ok(outbox.putFailure(row(), null, 'wellcloud_401'))
  assert.deepEqual(outbox.refused(), { wellcloud: 'wellcloud_401', mcloud: 'insufficient_scope' })
  assert.deepEqual([outbox.files(), outbox.nextDue()], [new Set(['mix.wav']), null])
  assert.deepEqual(outbox.counts().failing, { wellcloud_401: 1 })
  const told = outbox.listed().find(({ key }) => key === 'wellcloud:c')
  assert.deepEqual(told, { key: 'wellcloud:c', status: 'failing', reason: 'wellcloud_401' })
  assert.deepEqual([outbox.revive(), outbox.refused(), outbox.nextDue()], [2, {}, 0])
  outbox.putFailure(row(), 7, 'ENOSPC')
  assert.equal(outbox.revive(), 0)
  assert.ok(outbox.putSession(row(), 9))
  assert.deepEqual([outbox.counts().failing, outbox.nextDue(9), outbox.nextDue(8)], [{}, null, 9])
})
