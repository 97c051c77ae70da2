// Many calls: order, errors by call, room, aborts.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { CallweaveError, analyze, processBatch, provider } from 'callweave'
import { calls, long, longWave } from './shared.mjs'

const SHORT = 'fixtures/short/manifest.json'
const gather = async (results) => {
  const all = []
  for await (const result of results) all.push(result)
  return all
}

test('results are in the order of the calls, alike on any number of threads', async () => {
  const documents = calls.map(([, document]) => document)
  const expected = []
  for (const document of documents) expected.push(await analyze(document))
  for (const threads of [1, 3]) {
    for (const tracks of [true, false]) {
      const done = await gather(processBatch(documents, { threads, tracks }))
      assert.deepEqual(
        done.map(({ index }) => index),
        [...documents.keys()],
      )
      assert.deepEqual(
        done.map(({ report }) => report),
        expected,
      )
      assert.equal(
        done.every(({ call, error }) => error === null && (call !== null) === tracks),
        true,
      )
    }
  }
})

test('a call that fails is a result, and the rest goes on', async () => {
  const broken = () =>
    new Readable({
      read() {
        this.destroy(new Error('connection lost'))
      },
    })
  const done = await gather(
    processBatch([SHORT, 'gone.mp3', Buffer.from('<html>'), broken(), 5, SHORT], { threads: 2 }),
  )
  assert.deepEqual(
    done.map(({ error }) => error && (error.code ?? error.message)),
    [null, 'io', 'unsupported', 'io', 'invalid_argument', null],
  )
  assert.ok(done[1].error instanceof CallweaveError)
  assert.match(done[1].error.stack, /batch\.test\.mjs/)
  assert.deepEqual([done[1].call, done[1].report], [null, null])
  assert.equal((await done[5].call.mix()).channels.length, 2)
})

test('every kind of call is taken, from any iterable', async () => {
  const audio = Object.fromEntries(
    ['agent', 'customer'].map((name) => [`${name}.wav`, readFileSync(`fixtures/short/${name}.wav`)]),
  )
  async function* source() {
    yield audio['agent.wav']
    yield [{ source: audio['agent.wav'], role: 'agent' }, 'fixtures/short/customer.wav']
    yield provider.manifest(readFileSync(SHORT), { audio })
  }
  const done = await gather(processBatch(source()))
  assert.deepEqual(
    done.map(({ report }) => report.tracks.length),
    [1, 2, 2],
  )
})

test('calls are asked for as they are worked on', async () => {
  let pulled = 0
  let closed = false
  function* endless() {
    try {
      for (;;) {
        pulled += 1
        yield SHORT
      }
    } finally {
      closed = true
    }
  }
  for await (const { index } of processBatch(endless(), { threads: 2 })) {
    assert.ok(pulled <= index + 6, `${pulled} at ${index}`)
    if (index === 9) break
  }
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(closed, 'the source is told that no more is wanted')
})

test('a result does not wait for a source that is slow', async () => {
  let more
  async function* source() {
    yield SHORT
    await new Promise((resolve) => (more = resolve))
    yield SHORT
  }
  const results = processBatch(source(), { threads: 2 })
  assert.equal((await results.next()).value.index, 0)
  more()
  assert.equal((await results.next()).value.index, 1)
  assert.equal((await results.next()).done, true)
})

test('a source’s own error comes through, after what came before it', async () => {
  function* source() {
    yield SHORT
    throw new Error('the list is broken')
  }
  const results = processBatch(source())
  assert.equal((await results.next()).value.error, null)
  await assert.rejects(results.next(), /the list is broken/)
})

test('progress counts calls', async () => {
  const told = []
  await gather(processBatch([SHORT, Buffer.alloc(0)], { onProgress: (news) => told.push(news) }))
  assert.deepEqual(told, [
    { callsDone: 1, callsTotal: 2 },
    { callsDone: 2, callsTotal: 2 },
  ])
})

test('wrong arguments are refused at once', () => {
  const cases = [
    [[5], /calls/],
    [['a.mp3'], /calls/],
    [[[], { threads: 0 }], /threads/],
    [[[], { signal: {} }], /signal/],
    [[[], { onProgress: 1 }], /onProgress/],
    [[[], { config: { mix: { rate: 1 } } }], /rate/],
    [[[], null], /options/],
  ]
  for (const [args, words] of cases) {
    assert.throws(
      () => processBatch(...args),
      (error) => error.code === 'invalid_argument' && words.test(error.message),
      String(words),
    )
  }
})

test('an abort stops the batch, before and while it works', async () => {
  const controller = new AbortController()
  const wave = longWave(20)
  const results = processBatch(
    [
      [wave, wave],
      [wave, wave],
    ],
    { signal: controller.signal, threads: 2 },
  )
  setTimeout(() => controller.abort('enough'), 100)
  await assert.rejects(results.next(), (error) => error.code === 'cancelled' && error.cause === 'enough')
  assert.equal((await results.next()).done, true)
  await assert.rejects(processBatch([SHORT], { signal: controller.signal }).next(), { code: 'cancelled' })
  const later = new AbortController()
  const never = processBatch(
    (async function* () {
      await new Promise(() => {})
    })(),
    { signal: later.signal },
  )
  setTimeout(() => later.abort(), 50)
  await assert.rejects(never.next(), { code: 'cancelled' })
})

test('memory does not grow with the number of calls', async () => {
  const rounds = long ? 2000 : 200
  const bytes = readFileSync('fixtures/short/agent.wav')
  let before = 0
  const settle = async (ms = 50) => {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, ms))
    globalThis.gc()
  }
  const source = Array.from({ length: rounds }, () => [bytes, bytes])
  for await (const { index, call } of processBatch(source, { threads: 2 })) {
    await call.mix()
    if (index % 10 === 0) await settle(0)
    if (index === Math.floor(rounds / 3)) {
      await settle()
      before = process.memoryUsage.rss()
    }
  }
  await settle()
  const grown = (process.memoryUsage.rss() - before) / 1024
  console.log(`${rounds} calls grew ${grown.toFixed(0)} kB`)
  assert.ok(grown < 16_000, `${grown} kB`)
})
