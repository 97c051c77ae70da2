// Downloads, requests and postings at their limits: parts that are short, servers that drip, load
// that a server tells of.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createListener } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Gone, Guard, Later, Outbox, Poster, download, send, steps } from 'callweave/client'
import { folder, serve } from './shared.mjs'

const LOCAL = new Guard({ allowedHosts: ['127.0.0.1'], allowPrivate: true })
const QUICK = { firstMs: 1, longestMs: 5, budgetMs: 3000 }
const ONE_TRY = { firstMs: 1, longestMs: 1, budgetMs: 0 }
const WHOLE = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256))
const children = []
after(() => {
  for (const child of children) child.kill()
})

/** A server of this test's own. */
async function listening(t, own) {
  await new Promise((resolve) => own.listen(0, '127.0.0.1', resolve))
  t.after(() => own.close() && own.closeAllConnections?.())
  return `http://127.0.0.1:${own.address().port}/a`
}

/** A server that gives at most 300 bytes for a range; `ends` tells what it says of the whole. */
async function parts(t, ends, without = (response) => response.writeHead(200, { etag: '"a"' }).end(WHOLE)) {
  const ranges = []
  const answer = ({ headers: { range } }, response) => {
    ranges.push(range)
    if (range === undefined) return without(response)
    const start = Number(/\d+/.exec(range)[0])
    if (start >= WHOLE.length) return response.writeHead(416).end()
    const part = WHOLE.subarray(start, start + 300)
    const said = `bytes ${start}-${start + part.length - 1}/${ends}`
    response.writeHead(206, { etag: '"a"', 'content-range': said, 'content-length': part.length }).end(part)
  }
  return { url: await listening(t, createServer(answer)), ranges }
}

/** A download of which 100 bytes are there. */
function begun(t) {
  const path = join(folder(t), 'a')
  writeFileSync(`${path}.part`, WHOLE.subarray(0, 100))
  writeFileSync(`${path}.part.json`, JSON.stringify({ path: '/a', validator: '"a"' }))
  return path
}

test('a part that is shorter than asked for is not the end', async (t) => {
  const whole = await parts(t, 1024)
  const path = begun(t)
  await download(whole.url, path, { guard: LOCAL, policy: QUICK })
  assert.deepEqual(readFileSync(path), WHOLE)
  assert.deepEqual(
    whole.ranges,
    [100, 400, 700, 1000].map((at) => `bytes=${at}-`),
  )
  const { url } = await parts(t, 1024)
  const other = begun(t)
  await assert.rejects(download(url, other, { guard: LOCAL, policy: ONE_TRY }), Later)
  assert.deepEqual([existsSync(other), readFileSync(`${other}.part`)], [false, WHOLE.subarray(0, 400)])
})

test('a part that does not say how long the whole is is not taken', async (t) => {
  for (const ends of ['*', '300', '-1', '1e9', '']) {
    const { url, ranges } = await parts(t, ends)
    const path = begun(t)
    await download(url, path, { guard: LOCAL, policy: QUICK })
    assert.deepEqual([readFileSync(path), ranges], [WHOLE, ['bytes=100-', undefined]], ends)
  }
})

test('a whole that never comes is never done', async (t) => {
  const { url } = await parts(t, 2000, (response) => response.writeHead(503).end())
  const path = begun(t)
  await assert.rejects(download(url, path, { guard: LOCAL, policy: { ...QUICK, budgetMs: 50 } }), Later)
  assert.equal(existsSync(path), false)
})

test('a redirect to nowhere is a refusal', async (t) => {
  const url = await listening(
    t,
    createServer((_request, response) => response.writeHead(304).end()),
  )
  await assert.rejects(download(url, join(folder(t), 'a'), { guard: LOCAL, policy: ONE_TRY }), (error) => {
    assert.ok(error instanceof Gone)
    return error.reason === 'file_304'
  })
})

/**
 * A server that sends a beginning at once and then a drop every 20 ms; it tells when it is asked.
 */
function dripping(beginning, drop, asked) {
  return createListener((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      asked()
      socket.write(beginning)
      const timer = setInterval(() => socket.write(drop), 20)
      socket.once('close', () => clearInterval(timer))
    })
  })
}

const OK = 'HTTP/1.1 200 OK\r\n'
const DRIPS = {
  headers: [`${OK}X-A: `, 'a'],
  nothing: ['', ''],
  head: [`${OK}Content-Length: 9999\r\n\r\n`, '\0'],
  text: [`${OK}\r\n${'a'.repeat(600)}`, 'a'],
  body: [`${OK}Content-Length: 9999\r\n\r\n${'\0'.repeat(600)}`, '\0'],
  'a body without a length': [`${OK}\r\n${'\0'.repeat(600)}`, ''],
}

test('a server that drips is not waited for', async (t) => {
  for (const [what, drips] of Object.entries(DRIPS)) {
    let tell
    const asked = new Promise((resolve) => {
      tell = resolve
    })
    const url = await listening(
      t,
      dripping(...drips, () => tell()),
    )
    const path = join(folder(t), 'a')
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const done = download(url, path, { guard: LOCAL, policy: ONE_TRY }).then(
      () => 'done',
      (error) => error,
    )
    await asked
    // Real time, in which what begins is read.
    for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve))
    const early = await Promise.race([done, new Promise((resolve) => setImmediate(resolve))])
    assert.equal(early, undefined, what)
    t.mock.timers.tick(31_000)
    t.mock.timers.reset()
    const ended = await Promise.race([done, pause(20_000, undefined, { ref: false })])
    assert.ok(ended instanceof Later, `${what}: ${ended}`)
    assert.equal(existsSync(path), false, what)
  }
})

test('a request has its time too', async (t) => {
  const limits = []
  const { timeout } = AbortSignal
  t.mock.method(AbortSignal, 'timeout', (ms) => {
    limits.push(ms)
    return timeout.call(AbortSignal, 500)
  })
  const request = steps.mcloudRequest({ endpoint: 'whoami', api: { token: 'crk_1' } })
  for (const what of ['headers', 'nothing', 'body']) {
    const url = await listening(
      t,
      dripping(...DRIPS[what], () => {}),
    )
    const started = performance.now()
    assert.deepEqual(await send({ ...request, url }), { status: null, retryAfter: null, body: '' }, what)
    const tookMs = performance.now() - started
    assert.ok(tookMs > 400 && tookMs < 6000, `${what}: ${tookMs}`)
  }
  assert.deepEqual(limits, [30_000, 30_000, 30_000])
})

test('the resolution of a name has its time too', async (t) => {
  let tell
  const asked = new Promise((resolve) => {
    tell = resolve
  })
  const resolve = () => {
    tell()
    return new Promise(() => {})
  }
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const guard = new Guard({ resolve })
  const done = download('http://h.example/a', join(folder(t), 'a'), { guard, policy: ONE_TRY }).catch((error) => error)
  await asked
  t.mock.timers.tick(31_000)
  t.mock.timers.reset()
  assert.ok((await Promise.race([done, pause(20_000, undefined, { ref: false })])) instanceof Later)
})

const push = (session) =>
  JSON.stringify({ SessionId: session, RecordId: '1', EndpointUser: 'a@x.example', RecordURL: 'http://h/a' })
const AUDIO = { sha256: 'x', bytes: 1, contentType: 'audio/wav' }
const bodyOf = (n) => ({ dataId: `d${n}`, callAt: '2026-05-20T08:14:00+07:00', direction: 'in' })
const LAST = Number.MAX_SAFE_INTEGER

function opened(t) {
  const outbox = new Outbox(join(folder(t), 'o.sqlite'))
  t.after(() => outbox.close())
  return outbox
}

/** A call that is on its way. */
function enqueue(outbox, n, { body = bodyOf(n), file = `f${n}` } = {}) {
  const row = outbox.dueSessions(LAST).find(({ key }) => key === `tencent:s${n}`)
  return outbox.enqueue(row, { state: row.state, dueMs: null, body, audio: AUDIO, file })
}

test('a posting that is repeated unchanged keeps what is known of it', async (t) => {
  const cloud = await serve(children, 'mcloud')
  const outbox = opened(t)
  const file = join(folder(t), 'f0')
  writeFileSync(file, 'R')
  const body = { ...bodyOf(0), audioPresignedUploadUrl: true }
  const api = { token: 'crk_full', base: `${cloud}/api/v1` }
  const poster = new Poster(outbox, api, { guard: LOCAL, policy: QUICK })
  const kept = []
  const put = outbox.putPosting.bind(outbox)
  outbox.putPosting = (row, state, dueMs, how = {}) => {
    kept.push(how)
    return put(row, state, dueMs, how)
  }
  const finish = async () => {
    for (let rows = outbox.duePostings(LAST); rows.length > 0; rows = outbox.duePostings(LAST))
      await poster.step(rows[0])
  }
  outbox.push('record', null, push('s0'))
  enqueue(outbox, 0, { body, file })
  await finish()
  assert.deepEqual(kept.at(-1).answered.warnings, [])
  assert.ok(kept.at(-1).answered.recordingId)
  // Somebody else's warning stands, and the same call comes once more.
  outbox.push('cdr', null, JSON.stringify({ SessionId: 's0', Direction: 0 }))
  enqueue(outbox, 0, { body, file })
  const [row] = outbox.duePostings(LAST)
  const warned = put(row, row.state, 0, { answered: { recordingId: 'r', warnings: ['tag_is_not_ours'] } })
  assert.ok(warned)
  await finish()
  assert.deepEqual(outbox.counts().postings, { done: 1 })
  assert.deepEqual(
    outbox.listed().map(({ reason }) => reason),
    ['tag_is_not_ours'],
  )
})

test('what the API says of its load holds for all postings', async (t) => {
  for (const [status, headers, expected] of [
    [503, { 'retry-after': '30' }, 1],
    [429, {}, 1],
    [503, {}, 3],
  ]) {
    let asked = 0
    const answer = (_request, response) => {
      asked += 1
      response.writeHead(status, headers).end('{}')
    }
    const base = new URL(await listening(t, createServer(answer))).origin
    const outbox = opened(t)
    for (let n = 0; n < 3; n++) {
      outbox.push('record', null, push(`s${n}`))
      enqueue(outbox, n)
    }
    const poster = new Poster(outbox, { token: 'crk_full', base }, { guard: LOCAL })
    for (const row of outbox.duePostings(LAST)) await poster.step(row)
    assert.equal(asked, expected, `${status}`)
    if (headers['retry-after']) assert.deepEqual(outbox.duePostings(Date.now() + 29_000), [])
  }
})

test('files are given up with their postings, and sessions fail since a moment', async (t) => {
  const outbox = opened(t)
  for (const [n, [reason, dueMs]] of [
    ['validation_failed', null],
    ['invalid_token', null],
    ['mix_unreadable', 7],
  ].entries()) {
    outbox.push('record', null, push(`s${n}`))
    enqueue(outbox, n)
    const row = outbox.duePostings(LAST).find(({ dataId }) => dataId === `d${n}`)
    outbox.putPosting(row, row.state, dueMs, { status: 'failed', reason })
  }
  assert.deepEqual([outbox.files(), outbox.givenUpFiles()], [new Set(['f0', 'f1', 'f2']), new Set(['f0'])])
  outbox.push('record', null, push('open'))
  const row = () => outbox.dueSessions(LAST)[0]
  assert.deepEqual([outbox.unfinished(), row().failingMs], [new Set(['tencent:open']), null])
  outbox.putFailure(row(), 5, 'recording_unreachable')
  const since = row().failingMs
  assert.ok(Math.abs(since - Date.now()) < 60_000)
  await pause(10)
  outbox.putFailure(row(), 6, 'list_unreachable')
  assert.equal(row().failingMs, since)
  outbox.push('cdr', null, JSON.stringify({ SessionId: 'open', Direction: 0 }))
  assert.deepEqual([row().failingMs, outbox.unfinished()], [null, new Set(['tencent:open'])])
  outbox.putSession(row(), null, { status: 'listed', reason: 'x' })
  assert.deepEqual(outbox.unfinished(), new Set())
})

test('while nothing runs nothing fails', (t) => {
  const outbox = opened(t)
  outbox.push('record', null, push('s'))
  const [row] = outbox.dueSessions(LAST)
  const now = Date.now()
  const clock = t.mock.method(Date, 'now', () => now - 180_000_000)
  outbox.putFailure(row, now - 179_999_000, 'recording_unreachable')
  clock.mock.restore()
  for (let n = 0; n < 2; n++) {
    assert.equal(outbox.revive(), 0)
    const failed = Date.now() - outbox.dueSessions(Date.now())[0].failingMs
    assert.ok(failed >= 1000 && failed < 60_000, `${failed}`)
  }
})
