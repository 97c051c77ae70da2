// No argument is rounded, wrapped, left out or taken for a default.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import * as callweave from 'callweave'
import { failing, folder } from './shared.mjs'

const { LiveCall, SpeechStream, analyze, chunks, decode, mix, peaks, probe, processBatch, processCall, provider } =
  callweave
const refused = failing('values.test.mjs')
const CALL = ['fixtures/short/customer.wav', 'fixtures/short/agent.wav']
const STEREO = 'fixtures/stereo/call.wav'
const samples = new Int16Array(160)
const live = (options) => new LiveCall([{ sampleRateHz: 8000 }, { sampleRateHz: 8000 }], options)

/** Holds that all of some work is refused, at once or by a promise, with words that say what. */
async function allRefused(cases) {
  for (const [work, words] of cases) {
    const check = refused('invalid_argument', words)
    await assert.rejects(async () => await work(), check, String(work))
  }
}

test('numbers are whole and in range', async () => {
  const call = await processCall(CALL)
  await allRefused([
    ...[1.7, Number.NaN, 2 ** 32, -1].map((channel) => [
      () => decode({ source: STEREO, channel }),
      new RegExp(`channel: found ${channel}, expected a whole number from 0 to 65535`),
    ]),
    ...[8000.7, -8000, '8000'].map((sampleRateHz) => [
      () => analyze({ source: samples, sampleRateHz }),
      /sampleRateHz: found .*8000.*, expected a whole number/,
    ]),
    ...[0.5, 2 ** 32].map((track) => [() => live().push(track, samples), /track: found/]),
    [() => live().end(0.5), /track: found 0.5/],
    [() => live().begin(0, Number.NaN), /atMs: found NaN/],
    [() => live({ called: 0.5 }), /called: found 0.5/],
    ...[50.7, 2 ** 32 + 50].map((pointsPerSecond) => [
      () => peaks(STEREO, { pointsPerSecond }),
      /pointsPerSecond: found/,
    ]),
    [() => peaks(STEREO, { bits: 8.9 }), /bits: found 8.9/],
    ...[50.5, 2 ** 32 + 100].map((points) => [() => call.write('out/x', { peaks: points }), /peaks: found/]),
    ...[8000.5, 2 ** 32 + 8000].map((sampleRateHz) => [
      () => call.chunks({ sampleRateHz }).next(),
      /sampleRateHz: found/,
    ]),
    [() => processBatch([], { threads: 2 ** 32 }), /threads: found 4294967296/],
  ])
})

test('what JSON has no word for is refused with its path', async () => {
  const call = await processCall(CALL)
  const cyclic = {}
  cyclic.speech = cyclic
  const config = (config) => () => analyze(CALL, { config })
  await allRefused([
    [config({ speech: { maxSpeechMs: Number.NaN } }), /config\.speech\.maxSpeechMs: found NaN/],
    [config({ speech: { threshold: () => 1 } }), /config\.speech\.threshold: found a function/],
    [config({ speech: { threshold: 1n } }), /config\.speech\.threshold: found 1n/],
    [config({ speech: { threshold: Symbol('x') } }), /config\.speech\.threshold: found Symbol/],
    [config(new Map([['speech', 1]])), /config: found Map/],
    [config(cyclic), /config\.speech: found an object that holds itself/],
    [() => callweave.resolveConfig(new Map()), /config: found Map/],
    [() => new SpeechStream(8000, { negThreshold: Number.NaN }), /negThreshold: found NaN/],
    [() => new SpeechStream(8000, { resetAfterMs: Number.NaN }), /resetAfterMs: found NaN/],
    [() => new SpeechStream(8000, { minSilenceMs: Infinity }), /minSilenceMs: found Infinity/],
    [() => live({ windowMs: Number.NaN }), /windowMs: found NaN/],
    [() => live({ deadAfterMs: Number.NaN }), /deadAfterMs: found NaN/],
    [() => new LiveCall([{ sampleRateHz: 8000, offsetMs: Number.NaN }]), /tracks\[0\]\.offsetMs: found NaN/],
    ...[Number.NaN, null, undefined].map((startMs) => [
      () => call.redact({ spans: [{ startMs, endMs: 10 }] }),
      /spans\[0\]\.startMs: found/,
    ]),
    [
      () => analyze(CALL, { facts: [{ kind: 'answer', at: new Date(Number.NaN) }] }),
      /facts\[0\]\.at: found an invalid/,
    ],
    [() => provider.mcloud.patchBody({ call: new Set() }), /report\.call: found Set/],
  ])
  // Dates are moments, and what is undefined was not said.
  callweave.resolveConfig({ speech: { maxSpeechMs: undefined } })
})

test('types of fields and options are checked in plain words', async () => {
  const call = await processCall(CALL)
  const [source] = CALL
  await allRefused([
    ...[Number.NaN, new Date(Number.NaN), 5n, true].map((startedAt) => [
      () => analyze({ source, startedAt }),
      /startedAt: found/,
    ]),
    [() => new LiveCall([{ sampleRateHz: 8000, startedAt: true }]), /tracks\[0\]\.startedAt: found true/],
    [() => new LiveCall([null]), /tracks\[0\]: found null/],
    [() => analyze({ source, name: 5 }), /name: found 5, expected a string/],
    [() => analyze({ source, offsetMs: '5' }), /offsetMs: found "5"/],
    [() => call.page({ showParties: 1 }), /showParties: found 1, expected true or false/],
    [() => call.redact({ key: true }), /found key, expected keys \(one of spans/],
    [() => live({ keep: null }), /keep: found null, expected 'nothing', 'memory'/],
    [() => live().finish({ signal: 5 }), /signal: found 5, expected an AbortSignal/],
    [() => analyze('https://example.com/a.wav'), /an address is new URL/],
    [() => probe('file:///a.wav'), /an address is new URL/],
    [() => processBatch([], { strict: 'x' }), /strict: found "x"/],
    [() => processBatch([], { tracks: 0 }), /tracks: found 0/],
    [() => processBatch([], { threads: 2000 }).next(), /too many threads: found 2000/],
  ])
})

test('null is no set of options', async () => {
  const call = await processCall(CALL)
  const { value: chunk } = await call.chunks().next()
  await allRefused([
    [() => chunk.toCall('5'), /timeMs: found "5"/],
    [() => call.mixStream(null), /found null/],
    [() => call.redact(null), /found null/],
    [() => call.chunks(null).next(), /found null/],
    [() => chunks(CALL, null).next(), /found null/],
    [() => chunks(null).next(), /an input: found null/],
    [() => live().finish(null), /found null/],
    [() => live().packet(0, null, { encoding: 'mulaw' }), /a packet: found null/],
    [() => live().push(0, samples, null), /found null/],
    [() => new SpeechStream(8000, null), /found null/],
    [() => provider.tencent('[]', null), /found null/],
  ])
})

test('an output has a name', async (t) => {
  const before = readdirSync('.')
  const call = await processCall(CALL)
  await allRefused([
    ...[undefined, null, '', 5, { labels: ['vtt'] }].map((out) => [() => call.write(out), /folder: found/]),
    [() => live({ keep: { spool: '' } }), /keep\.spool: found ""/],
    [() => callweave.normalize(STEREO, { output: '' }), /output: found ""/],
  ])
  assert.deepEqual(readdirSync('.'), before)
  await call.write(folder(t), { page: false })
})

test('arguments that are not used are refused', async () => {
  const call = await processCall(CALL)
  const raw = { source: samples, sampleRateHz: 8000, raw: 'g729' }
  const downmix = { config: { decode: { stereo: 'downmix' } } }
  await allRefused([
    [() => mix(CALL, { facts: [] }), /found facts/],
    [() => callweave.detectSpeech(CALL[0], { facts: [] }), /found facts/],
    ...Object.entries({ role: 'agent', offsetMs: 5, startedAt: 5 }).map(([name, value]) => [
      () => decode({ source: STEREO, [name]: value }),
      new RegExp(`${name}: found .*expected nothing`),
    ]),
    [() => decode({ source: STEREO, channel: 1 }, downmix), /found channel 1 and a downmix of all/],
    [() => probe({ source: STEREO, channel: 1 }), /channel: found 1, expected nothing/],
    [() => analyze(raw), /found g729 with samples/],
    [() => call.mix({ format: 'flac' }), /found format/],
    [() => provider.tencent('[]', { audo: {} }), /found audo, expected audio/],
    [() => provider.tencent('[]', { audio: null }), /audio: found null/],
  ])
})

test('samples without their rate are refused at once', async () => {
  for (const [work, words] of [
    [() => analyze(new Float32Array(8e6)), /found Float32Array, expected \{ source, sampleRateHz \}/],
    [() => probe(new Uint8ClampedArray(8e6)), /found Uint8ClampedArray/],
    [() => analyze(new DataView(new ArrayBuffer(4))), /found DataView/],
    [() => analyze(CALL, new Float32Array(8e6)), /options: found Float32Array/],
  ]) {
    const began = performance.now()
    await assert.rejects(work(), refused('invalid_argument', words))
    assert.ok(performance.now() - began < 1000)
  }
})

test('a call that was disposed of says so', async () => {
  const call = await processCall(CALL)
  call[Symbol.dispose]()
  await allRefused(
    [
      () => call.mix(),
      () => call.page(),
      () => call.series(),
      () => call.chunks().next(),
      () => call.write('out/x'),
      () => call.redact({ keys: true }),
      () => call.mixStream(),
    ].map((work) => [work, /disposed of/]),
  )
  assert.equal(call.labels('vtt').slice(0, 6), 'WEBVTT')
})
