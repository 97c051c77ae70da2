// An abort is heard at once at every stage, and its error points at the caller.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import * as callweave from 'callweave'
import { failing, folder, long, longWave } from './shared.mjs'

const { analyze, decode, normalize, peaks, probe, process: processCall, processBatch } = callweave
const isCancelled = failing('abort.test.mjs')('cancelled', /cancelled/)
const wave = longWave(long ? 60 : 15)

/**
 * Begins work, aborts it where `when` says, and holds how long that took against the promise of the
 * README.
 */
async function aborts(name, begin, when = () => pause(30)) {
  const controller = new AbortController()
  let settled = false
  const work = begin(controller.signal).finally(() => (settled = true))
  work.catch(() => {})
  await when()
  assert.equal(settled, false, `${name}: done before the abort`)
  const started = performance.now()
  controller.abort(`enough of ${name}`)
  await assert.rejects(work, (error) => isCancelled(error) && error.cause === `enough of ${name}`, name)
  const took = performance.now() - started
  console.log(`${name}: ${took.toFixed(1)} ms`)
  if (long) assert.ok(took < 100, `${name}: ${took} ms`)
}

test('before work begins', async () => {
  const signal = AbortSignal.abort('changed my mind')
  const call = await processCall('fixtures/short/manifest.json')
  const all = {
    process: () => processCall('gone.mp3', { signal }),
    analyze: () => analyze('gone.mp3', { signal }),
    align: () => callweave.align('gone.mp3', { signal }),
    detectSpeech: () => callweave.detectSpeech('gone.mp3', { signal }),
    mix: () => callweave.mix('gone.mp3', { signal }),
    redact: () => callweave.redact('gone.mp3', { keys: true }, { signal }),
    chunks: () => callweave.chunks('gone.mp3', { signal }).next(),
    processBatch: () => processBatch(['gone.mp3'], { signal }).next(),
    probe: () => probe('gone.mp3', { signal }),
    decode: () => decode('gone.mp3', { signal }),
    normalize: () => normalize('gone.mp3', { signal }),
    peaks: () => peaks('gone.mp3', { signal }),
    'a call’s mix': () => call.mix(undefined, { signal }),
    'a call’s write': () => call.write('out', undefined, { signal }),
    'a call’s redact': () => call.redact({ spans: [{ startMs: 0, endMs: 500 }] }, { signal }),
    'a call’s series': () => call.series({ signal }),
    'a call’s chunks': () => call.chunks({ signal }).next(),
  }
  for (const [name, work] of Object.entries(all)) {
    // Not awaited where it is called: the stack must point there all the same.
    const promise = work()
    await assert.rejects(promise, (error) => isCancelled(error) && error.cause === 'changed my mind', name)
  }
})

test('while a stream is read, even one that says nothing more', async () => {
  let destroyed = false
  const silent = new Readable({
    read() {},
    destroy(error, done) {
      destroyed = true
      done(error)
    },
  })
  silent.push(Buffer.alloc(1000))
  await aborts('a silent stream', (signal) => analyze(silent, { signal }))
  assert.ok(destroyed)
  await aborts('a silent web stream', (signal) => analyze(new ReadableStream({}), { signal }))
  const endless = Readable.from(
    (async function* () {
      for (;;) yield Buffer.alloc(await pause(1, 1000))
    })(),
  )
  await aborts('a slow stream', (signal) => processCall(endless, { signal }))
})

test('while the bytes are copied', async () => {
  await aborts(
    'copying',
    (signal) => analyze([wave, wave, wave], { signal }),
    () => new Promise(setImmediate),
  )
})

for (const [name, work] of Object.entries({
  process: (options) => processCall([wave, wave], options),
  analyze: (options) => analyze([wave, wave], options),
  align: (options) => callweave.align([wave, wave], options),
  mix: (options) => callweave.mix([wave, wave], options),
  redact: (options) => callweave.redact([wave, wave], { keys: true }, options),
  chunks: (options) => callweave.chunks([wave, wave], options).next(),
  normalize: (options) => normalize(wave, options),
  peaks: (options) => peaks(wave, options),
})) {
  test(`while ${name} decodes`, async () => {
    let heard
    const decoding = new Promise((resolve) => (heard = resolve))
    await aborts(
      name,
      (signal) => work({ signal, onProgress: heard }),
      () => decoding,
    )
  })
}

test('while probe and decode read', async () => {
  const hours = longWave(120)
  await aborts('probe', (signal) => probe(hours, { signal }))
  await aborts('decode', (signal) => decode(hours, { signal }))
})

test('while it waits for its turn', async () => {
  const first = new AbortController()
  let done = 0
  const before = Array.from({ length: 8 }, () =>
    analyze([wave, wave], { signal: first.signal }).finally(() => (done += 1)),
  )
  for (const work of before) work.catch(() => {})
  await aborts(
    'waiting',
    (signal) => analyze('fixtures/short/manifest.json', { signal }),
    () => pause(10),
  )
  assert.equal(done, 0, 'it did not wait for those before it')
  first.abort()
  await Promise.allSettled(before)
  assert.equal((await analyze('fixtures/short/manifest.json')).call.id, 'short', 'those who come later are served')
})

test('work on a call in memory takes its turn too, and can be aborted there', async () => {
  const call = await processCall('fixtures/short/manifest.json')
  const stop = new AbortController()
  const before = Array.from({ length: 8 }, () => analyze([wave, wave], { signal: stop.signal }))
  for (const work of before) work.catch(() => {})
  await pause(20)
  await aborts(
    'redact',
    (signal) => call.redact({ spans: [{ startMs: 0, endMs: 500 }] }, { signal }),
    () => pause(5),
  )
  await aborts(
    'series',
    (signal) => call.series({ signal }),
    () => pause(5),
  )
  await aborts(
    'chunks',
    (signal) => call.chunks({ signal }).next(),
    () => pause(5),
  )
  stop.abort()
  await Promise.allSettled(before)
  assert.deepEqual(call.report.redacted ?? [], [])
  assert.deepEqual((await call.redact({ spans: [{ startMs: 0, endMs: 500 }] })).redacted.length, 1)
  await assert.rejects(call.chunks({ signal: 'soon' }).next(), { code: 'invalid_argument' })
  assert.ok((await call.series()) && (await call.chunks().next()).value)
})

test('while a batch works, and while it waits for a call', async () => {
  const one = async (calls, options) => {
    for await (const { error } of processBatch(calls, options)) throw error ?? new Error('a result')
  }
  await aborts('a batch at work', (signal) =>
    one(
      [
        [wave, wave],
        [wave, wave],
        [wave, wave],
      ],
      { signal },
    ),
  )
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
  await aborts('a batch that waits', (signal) => one(never, { signal }))
})

test('while files are written: nothing of them appears then or later', async (t) => {
  const out = folder(t)
  const call = await processCall([wave, wave])
  // Six times the samples: an abort that comes late on a busy machine still comes before the end.
  const rate = 48_000
  await aborts(
    'mix',
    (signal) => call.mix({ rate }, { signal }),
    () => pause(5),
  )
  const begun = (name) => async () => {
    while (!existsSync(`${out}/${name}`) || readdirSync(`${out}/${name}`).length === 0) await pause(1)
  }
  for (const [name, mix, options] of [
    ['wav', { rate }, {}],
    ['flac', { rate, format: 'flac' }, {}],
    ['mono', { rate, layout: 'mono' }, { peaks: 1000 }],
  ]) {
    await aborts(`write ${name}`, (signal) => call.write(`${out}/${name}`, mix, { ...options, signal }), begun(name))
  }
  mkdirSync(`${out}/normal`)
  await aborts(
    'normalize',
    (signal) => normalize(wave, { rate, output: `${out}/normal/out.wav`, signal }),
    begun('normal'),
  )
  const left = () => ['wav', 'flac', 'mono', 'normal'].flatMap((name) => readdirSync(`${out}/${name}`))
  assert.deepEqual(left(), [])
  await pause(300)
  assert.deepEqual(left(), [])
  assert.deepEqual(
    (await call.write(`${out}/again`)).outputs.map((output) => output.path),
    ['mix.wav'],
  )
})

test('a process that exits stops the work in hand', (t) => {
  const out = folder(t)
  writeFileSync(`${out}/in.wav`, wave)
  writeFileSync(
    `${out}/exit.mjs`,
    `
    import { normalize } from ${JSON.stringify(import.meta.resolve('callweave'))}
    const options = { rate: 48_000, output: 'out.wav', onProgress: () => process.exit(3) }
    normalize('in.wav', options).finally(() => process.exit(4))
  `,
  )
  // Node waits for the threads: work that nobody stopped would have written its file to the end.
  const { status } = spawnSync(process.execPath, ['exit.mjs'], { cwd: out, stdio: 'inherit' })
  assert.deepEqual([status, readdirSync(out).sort()], [3, ['exit.mjs', 'in.wav']])
})

test('work that is done leaves no listeners for the exit', async () => {
  const before = process.listenerCount('exit')
  await Promise.all(Array.from({ length: 20 }, () => analyze('fixtures/short/manifest.json')))
  await assert.rejects(analyze('gone.mp3'))
  assert.equal(process.listenerCount('exit'), before)
})

test('one signal for a whole service draws no warning and keeps no listeners', async () => {
  const warnings = []
  const hear = (warning) => warnings.push(warning.name)
  process.on('warning', hear)
  const { signal } = new AbortController()
  let listeners = 0
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  const known = new Set()
  signal.addEventListener = (type, listener, options) => {
    known.add(listener)
    listeners = known.size
    add(type, listener, options)
  }
  signal.removeEventListener = (type, listener) => {
    known.delete(listener)
    listeners = known.size
    remove(type, listener)
  }
  await Promise.all(Array.from({ length: 40 }, () => analyze('fixtures/short/manifest.json', { signal })))
  await pause(10)
  process.off('warning', hear)
  assert.deepEqual([warnings, listeners], [[], 0])
})
