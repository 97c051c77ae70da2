// No stream of a call that fails is left open or read on.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { analyze, decode, process as processCall, processBatch, provider } from 'callweave'

/** Streams that say nothing, and how many of them are still open. */
function silent() {
  const open = new Set(['node', 'web'])
  const node = new Readable({
    read() {},
    destroy(error, done) {
      open.delete('node')
      done(error)
    },
  })
  const web = new ReadableStream({
    cancel() {
      open.delete('web')
    },
  })
  return { streams: [node, web], open }
}

test('where one input fails, the others are not read on', async () => {
  for (const wrong of [
    5,
    { source: null },
    Readable.from([Buffer.alloc(10), 'text']),
    Readable.from(
      (function* () {
        throw new Error('cut off')
      })(),
    ),
  ]) {
    const { streams, open } = silent()
    await assert.rejects(processCall([...streams, wrong]))
    await pause(1)
    assert.deepEqual([...open], [])
  }
})

test('an abort closes what is being read', async () => {
  const { streams, open } = silent()
  const controller = new AbortController()
  const work = analyze(streams, { signal: controller.signal })
  await pause(5)
  controller.abort()
  await assert.rejects(work, { code: 'cancelled' })
  await pause(1)
  assert.deepEqual([...open], [])
})

test('a call that is refused closes what it did not begin to read', async () => {
  for (const options of [{ signal: AbortSignal.abort() }, { config: { nothing: 1 } }]) {
    const { streams, open } = silent()
    await assert.rejects(analyze(streams, options))
    await assert.rejects(decode({ source: streams[0] }, options))
    await pause(1)
    assert.deepEqual([...open], [])
  }
  const gone = new Readable({ construct: (done) => setImmediate(done, new Error('cannot be opened')), read() {} })
  await assert.rejects(analyze(gone, { signal: AbortSignal.abort() }), { code: 'cancelled' })
  await pause(5)
})

test('the audio of a described call is closed too', async () => {
  const name = '[A]_0812345678-204_20260520081400(7).wav'
  for (const begun of [false, true]) {
    const {
      streams: [, web],
      open,
    } = silent()
    const controller = new AbortController()
    if (!begun) controller.abort()
    const work = analyze(provider.threecx(name, { audio: { source: web } }), { signal: controller.signal })
    setTimeout(() => controller.abort(), 5)
    await assert.rejects(work, { code: 'cancelled' })
    await pause(1)
    assert.equal(open.has('web'), false)
  }
})

test('a batch that is stopped closes the calls that it took', async () => {
  const taken = [silent(), silent(), silent()]
  const controller = new AbortController()
  const { signal } = controller
  const results = processBatch(
    taken.map(({ streams }) => streams),
    { signal, threads: 2 },
  )
  const first = results.next()
  await pause(5)
  controller.abort()
  await assert.rejects(first, { code: 'cancelled' })
  await pause(5)
  assert.deepEqual(
    taken.flatMap(({ open }) => [...open]),
    [],
  )

  let closed = false
  const calls = { [Symbol.asyncIterator]: () => ({ next: () => assert.fail('asked'), return: () => (closed = true) }) }
  await assert.rejects(processBatch(calls, { signal }).next(), { code: 'cancelled' })
  assert.ok(closed)
})

test('a web stream that was read is free again', async () => {
  const stream = new Blob(['no sound']).stream()
  await assert.rejects(analyze(stream))
  assert.equal(stream.locked, false)
})
