// Every failure is a CallweaveError that says what it came of; what does not exist is refused with
// what was meant.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import * as callweave from 'callweave'
import { folder } from './shared.mjs'

const { CallweaveError, analyze, chunks, decode, normalize, peaks, probe, processBatch, processCall, resolveConfig } =
  callweave
const SHORT = 'fixtures/short/manifest.json'
const STEREO = 'fixtures/stereo/call.wav'

test('the old name of processCall is the same function', () => {
  assert.equal(callweave.process, processCall)
})

test('a missing file has the system’s error as its cause', async () => {
  await assert.rejects(processCall('gone.wav'), (error) => {
    assert.ok(error instanceof CallweaveError)
    assert.deepEqual([error.code, error.errno, error.cause.errno, error.cause.code], ['io', -2, -2, 'ENOENT'])
    return true
  })
})

test('a stream’s own error is the cause', async () => {
  const lost = Object.assign(new Error('connection lost'), { code: 'ECONNRESET', errno: -104 })
  const broken = () =>
    new Readable({
      read() {
        this.destroy(lost)
      },
    })
  for (const work of [
    () => processCall(broken()),
    () => decode(broken()),
    async () => (await processBatch([broken()]).next()).value.error,
  ]) {
    const error = await work().then(
      (value) => value,
      (reason) => reason,
    )
    assert.ok(error instanceof CallweaveError, String(error))
    assert.deepEqual([error.code, error.cause, error.errno], ['io', lost, -104])
    assert.match(error.message, /connection lost/)
    assert.match(error.stack, /errors\.test\.mjs/)
  }
})

test('what only JavaScript can get wrong is a CallweaveError too', async () => {
  for (const wrong of [
    new URL('ftp://example.com/a.mp3'),
    5,
    null,
    Readable.from(['text']),
    { source: undefined },
    { source: STEREO, channel: 'x' },
  ]) {
    await assert.rejects(
      analyze(wrong),
      (error) => error instanceof CallweaveError && error.code === 'invalid_argument',
      String(wrong),
    )
  }
  await assert.rejects(analyze(new URL('ftp://example.com/a.mp3')), /a URL of ftp:.*a URL of file:, http: or https:/)
})

test('options that do not exist are refused with the nearest name', async () => {
  const call = await processCall(SHORT)
  const cases = [
    [() => processCall(SHORT, { role: ['agent'] }), /role.*expected roles/],
    [() => analyze(SHORT, { onprogress: () => {} }), /onprogress.*expected onProgress/],
    [() => probe(STEREO, { quik: true }), /quik.*expected quick/],
    [() => decode(STEREO, { types: 'int16' }), /types.*expected type/],
    [() => normalize(STEREO, { levle: 'off' }), /levle.*expected level/],
    [() => peaks(STEREO, { pointsPerSeconds: 10 }), /expected pointsPerSecond/],
    [() => chunks(SHORT, { longest_ms: 1000 }).next(), /longest_ms/],
    [() => call.chunks({ padms: 1 }).next(), /padms.*expected padMs/],
    [() => call.mix({ layuot: 'mono' }), /layuot.*expected layout/],
    [() => call.write('out', { label: ['vtt'] }), /label.*expected labels/],
    [() => call.write('out', { mix: { lvl: 'off' } }), /lvl/],
    [() => call.redact({ span: [] }), /span/],
    [() => processCall({ source: STEREO, rolle: 'agent' }), /rolle.*expected role/],
  ]
  for (const [work, words] of cases) {
    await assert.rejects(work, (error) => error.code === 'invalid_argument' && words.test(error.message), String(words))
  }
  assert.throws(() => processBatch([], { thread: 2 }), /thread.*expected threads/)
  assert.throws(() => resolveConfig({ speach: {} }), /did you mean `speech`/)
  assert.throws(() => resolveConfig({ detector: 'slero' }), /did you mean `silero`/)
})

test('a missing leg fails the call unless it may be missing', async () => {
  const legs = ['fixtures/short/customer.wav', 'gone.wav']
  for (const work of [processCall, analyze])
    await assert.rejects(work(legs), { code: 'io', message: /track 1 .*gone\.wav/ })
  const { report } = await processCall(legs, { strict: false })
  assert.equal(report.tracks[1].error.code, 'io')
  assert.deepEqual(
    report.warnings.map(({ code }) => code),
    ['track_unreadable'],
  )
  const [strict, lenient] = await Promise.all(
    [true, false].map(async (strict) => (await processBatch([legs], { strict }).next()).value),
  )
  assert.deepEqual([strict.error.code, lenient.error, lenient.report], ['io', null, report])
})

test('a mix is one of the options of write, and has its level', async (t) => {
  const out = folder(t)
  const call = await processCall(STEREO)
  const gains = async (...said) => (await call.write(`${out}/x`, ...said)).tracks.map(({ level }) => level.gainDb)
  const [quiet] = await gains({ mix: { level: '-30dbov' }, page: false })
  const [loud] = await gains({ level: '-24dbov' }, { page: false })
  assert.ok(Math.abs(loud - quiet - 6) < 0.01, `${loud} ${quiet}`)
  await call.write(`${out}/x`, { mix: { format: 'flac' }, page: false })
  assert.equal(readFileSync(`${out}/x/mix.flac`).subarray(0, 4).toString(), 'fLaC')
  assert.deepEqual(
    call.report.outputs.map(({ path }) => path),
    ['mix.flac'],
  )
  await assert.rejects(call.write('s3://bucket/1'), /invalid output folder/)
  await assert.rejects(normalize(STEREO, { output: `${out}/x.mp3` }), /\.wav or \.flac/)
})

test('chunks of no use are refused', async () => {
  const call = await processCall(SHORT)
  await assert.rejects(call.chunks({ longestMs: 5 }).next(), {
    code: 'invalid_argument',
    message: /maximum chunk length: found 5 ms/,
  })
  await assert.rejects(call.chunks({ padMs: -1 }).next(), /chunk padding/)
  const { value } = await call.chunks().next()
  assert.equal(value.sampleRateHz, 16000)
})
