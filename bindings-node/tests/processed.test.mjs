// What is made of a processed call: redaction, chunks, peaks, files.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { chunks, decode, peaks, process as processCall, redact } from 'callweave'
import { folder } from './shared.mjs'

const KEYPAD = 'fixtures/keypad-hold/manifest.json'
const SHORT = 'fixtures/short/manifest.json'
const loudest = (samples) => samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

test('a redacted stretch is gone from everything made afterwards', async (t) => {
  const call = await processCall(KEYPAD)
  const before = await call.mix()
  const report = await call.redact({
    spans: [
      { startMs: 22_000, endMs: 23_000 },
      { startMs: 1000, endMs: 1500 },
    ],
  })
  assert.equal(report, call.report)
  assert.deepEqual(report.redacted, [
    { startMs: 470, endMs: 2030 },
    { startMs: 21_470, endMs: 23_530 },
  ])
  const after = await call.mix()
  const hole = (channel) =>
    loudest(channel.subarray((21_760 * after.sampleRateHz) / 1000, (23_240 * after.sampleRateHz) / 1000))
  assert.ok(before.channels.some((channel) => hole(channel) > 1000))
  assert.ok(after.channels.every((channel) => hole(channel) <= 1))
  assert.deepEqual((await call.write(folder(t))).redacted, report.redacted)
  await assert.rejects(call.redact({ spans: [{ startMs: 5, endMs: 1 }] }), { code: 'invalid_argument' })
  await assert.rejects(call.redact({ cover: 'noise' }), { code: 'invalid_argument' })
})

test('keys are taken out', async () => {
  const call = await redact(KEYPAD, { keys: true, cover: 'beep' }, { config: { dtmfDigits: true } })
  const keys = call.report.tracks.flatMap((track) => track.events).filter((event) => event.kind === 'dtmf')
  assert.ok(keys.length > 0 && call.report.redacted.length > 0)
  assert.ok(keys.every((key) => key.detail === null))
  const facts = [{ kind: 'key', key: '7', atMs: 26_000, party: 'customer' }]
  const { report } = await redact(KEYPAD, { keys: true }, { facts, config: { dtmfDigits: true } })
  assert.ok(report.tracks.flatMap((track) => track.events).every(({ kind, detail }) => kind !== 'dtmf' || !detail))
  assert.ok(report.redacted.some(({ startMs, endMs }) => startMs < 26_000 && 26_000 < endMs))
})

test('chunks hold each party’s speech and know the way back', async () => {
  const call = await processCall(KEYPAD)
  const all = []
  for await (const chunk of call.chunks({ longestMs: 5000 })) all.push(chunk)
  assert.ok(all.length > 2)
  for (const [i, chunk] of all.entries()) {
    assert.ok(i === 0 || all[i - 1].startMs <= chunk.startMs)
    assert.ok(chunk.samples instanceof Float32Array && chunk.samples.length <= 80_001 && loudest(chunk.samples) > 0.001)
    assert.ok(Math.abs(chunk.toCall(0) - chunk.startMs) < 0.001)
    assert.ok(Math.abs(chunk.toCall(chunk.samples.length / 16) - chunk.endMs) < 1)
    assert.equal(chunk.role, call.report.tracks[chunk.track].role)
  }
  for (const track of call.report.tracks) {
    for (const span of track.speech) {
      const own = all.filter((chunk) => chunk.track === track.index)
      const kept = own.reduce(
        (sum, c) => sum + Math.max(0, Math.min(c.endMs, span.endMs) - Math.max(c.startMs, span.startMs)),
        0,
      )
      assert.ok(kept > 0.8 * (span.endMs - span.startMs))
    }
  }
  const sound = await decode('fixtures/short/agent.wav')
  for await (const chunk of chunks('fixtures/short/agent.wav', { sampleRateHz: sound.sampleRateHz })) {
    const start = Math.round((chunk.startMs * sound.sampleRateHz) / 1000)
    assert.deepEqual(chunk.samples, sound.channels[0].slice(start, start + chunk.samples.length))
  }
  await assert.rejects(call.chunks({ sampleRateHz: 0 }).next(), { code: 'invalid_argument' })
  await assert.rejects(call.chunks({ signal: AbortSignal.abort() }).next(), { code: 'cancelled' })
  await assert.rejects(chunks('gone.mp3').next(), { code: 'io' })
})

test('peaks are audiowaveform’s', async () => {
  const sound = await decode('fixtures/stereo/call.wav', { type: 'int16' })
  const made = await peaks('fixtures/stereo/call.wav', { pointsPerSecond: 50, bits: 16 })
  assert.deepEqual([made.sampleRateHz, made.samplesPerPoint, made.channels.length], [8000, 160, 2])
  for (let point = 0; point < 10; point += 1) {
    const stretch = sound.channels[1].subarray(160 * point, 160 * (point + 1))
    assert.deepEqual(
      [...made.channels[1].subarray(2 * point, 2 * point + 2)],
      [Math.min(...stretch), Math.max(...stretch)],
    )
  }
  const told = JSON.parse(made.json)
  assert.deepEqual([told.version, told.bits, 2 * told.length], [2, 16, made.channels[0].length])
  assert.equal(made.dat.length, 24 + 2 * told.data.length)
  for (const wrong of [{ pointsPerSecond: 0 }, { pointsPerSecond: 4001 }, { bits: 12 }]) {
    await assert.rejects(peaks('fixtures/stereo/call.wav', wrong), { code: 'invalid_argument' })
  }
  await assert.rejects(peaks(Buffer.alloc(0)), { code: 'no_audio' })
})

test('tracks are written anew without what was redacted', async (t) => {
  const out = folder(t)
  const call = await processCall(KEYPAD)
  const write = (options) => call.write(out, undefined, { page: false, redactedTracks: 'wav', ...options })
  await assert.rejects(write(), { code: 'invalid_argument', message: /nothing was redacted/ })
  await assert.rejects(call.redact({ unsure: true }), { code: 'invalid_argument' })
  await assert.rejects(call.write(out, undefined, { keepUnsure: true }), { code: 'invalid_argument' })
  await call.redact({ keys: true, unsure: true })
  const { outputs } = await write()
  const paths = ['mix.wav', 'redacted-0.wav', 'redacted-1.wav']
  assert.deepEqual(
    outputs.map((output) => output.path),
    paths,
  )
  await assert.rejects(write({ redactedTracks: 'mp3' }), { code: 'invalid_argument', message: /mp3/ })
})

test('files are written as they are asked for', async (t) => {
  const out = folder(t)
  const names = (path) => readdirSync(path).sort()
  const write = async (name, ...args) => {
    const call = await processCall(SHORT)
    await call.write(`${out}/${name}`, ...args)
    return call
  }
  await write('a')
  assert.deepEqual(names(`${out}/a`), ['mix.wav', 'report.html', 'report.json'])
  const options = { page: false, peaks: 50, series: true, labels: ['rttm', 'vtt'], showParties: true }
  const call = await write('b', { format: 'flac', layout: 'mono' }, options)
  assert.deepEqual(names(`${out}/b`), [
    'call.rttm',
    'mix.flac',
    'peaks.json',
    'report.json',
    'series.json',
    'turns.vtt',
  ])
  assert.deepEqual(JSON.parse(readFileSync(`${out}/b/series.json`)), await call.series())
  assert.equal((await call.series()).stepMs, 1000)
  await write('c', undefined, { embedAudio: true })
  assert.ok(statSync(`${out}/c/report.html`).size > statSync(`${out}/a/report.html`).size + 100_000)
  await assert.rejects(call.write(`${out}/d`, undefined, { labels: ['midi'] }), {
    code: 'invalid_argument',
    message: /midi/,
  })
  assert.equal(existsSync(`${out}/d`), false)
})
