// What goes out: a mix as a stream, labels and page as strings, samples let go of.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { processCall } from 'callweave'
import native from '../lib/native.cjs'
import { failing, folder } from './shared.mjs'

const CALL = 'fixtures/short/manifest.json'
const refused = failing('outputs.test.mjs')

test('a stream of the mix has the bytes of its file', async (t) => {
  const call = await processCall(CALL)
  for (const format of ['wav', 'wav-ulaw', 'flac']) {
    const out = folder(t)
    await call.write(out, { mix: { format }, page: false })
    const streamed = await buffer(call.mixStream({ format }))
    assert.ok(streamed.equals(readFileSync(join(out, `mix.${format === 'flac' ? 'flac' : 'wav'}`))), format)
  }
  const web = Readable.toWeb(call.mixStream({ layout: 'mono', rate: 8000 }))
  assert.equal(Buffer.from(await new Response(web).arrayBuffer()).readUInt16LE(22), 1)
})

test('a slow reader is not run ahead of, and others work meanwhile', async () => {
  const call = await processCall('fixtures/stereo/manifest.json')
  const stream = call.mixStream({ rate: 48000 })
  stream.once('readable', () => {})
  await pause(50)
  assert.ok(stream.readableLength <= 1 << 19, `${stream.readableLength} bytes wait`)
  assert.ok((await call.mix()).channels.length === 2)
  let size = 0
  const slow = new Writable({
    write(piece, _, done) {
      size += piece.length
      setTimeout(done, 2)
    },
  })
  await pipeline(stream, slow)
  assert.equal(size, 44 + 2 * 2 * Math.round(48 * call.report.call.durationMs))
})

test('what changes the call comes after its streams', async () => {
  const call = await processCall(CALL)
  const before = await buffer(call.mixStream())
  const stream = call.mixStream()
  const redacted = call.redact({ spans: [{ startMs: 1000, endMs: 1500 }] })
  assert.ok((await buffer(stream)).equals(before))
  await redacted
  assert.ok(!(await buffer(call.mixStream())).equals(before))
})

test('an abort or an end of interest stops it', async () => {
  const call = await processCall(CALL)
  const controller = new AbortController()
  const stream = call.mixStream({ signal: controller.signal })
  controller.abort(new Error('enough'))
  await assert.rejects(
    buffer(stream),
    (error) => refused('cancelled', /cancelled/)(error) && error.cause.message === 'enough',
  )
  await assert.rejects(buffer(call.mixStream({ signal: AbortSignal.abort() })), { code: 'cancelled' })
  call.mixStream().destroy()
  await call.redact({ keys: true })
  assert.throws(() => call.mixStream({ formt: 'wav' }), refused('invalid_argument', /format/))
  assert.throws(() => call.mixStream({ format: 'mp3' }), refused('invalid_argument', /mp3/))
})

test('labels and page are strings', async (t) => {
  const call = await processCall(CALL)
  const out = folder(t)
  const files = {
    rttm: 'call.rttm',
    textgrid: 'call.TextGrid',
    audacity: 'labels.txt',
    vtt: 'turns.vtt',
    csv: 'call.csv',
  }
  await call.write(out, { labels: Object.keys(files) })
  for (const [format, file] of Object.entries(files))
    assert.equal(call.labels(format), readFileSync(join(out, file), 'utf8'))
  assert.throws(() => call.labels('srt'), refused('invalid_argument', /vtt/))
  const page = await (await processCall(CALL)).page()
  assert.match(page, /^<!doctype html>/i)
  assert.ok(page.length > 20_000 && !page.includes('mix.wav'))
})

test('chunks are merged into windows', async () => {
  const call = await processCall('fixtures/stereo/manifest.json')
  const chunks = async (options) => {
    const found = []
    for await (const chunk of call.chunks(options)) found.push(chunk)
    return found
  }
  const [plain, merged] = [await chunks(), await chunks({ mergeGapMs: 5000 })]
  assert.ok(merged.length < plain.length)
  for (const chunk of merged) assert.ok(chunk.samples.length <= 30 * 16000)
  await assert.rejects(chunks({ mergeGapMs: -1 }), { code: 'invalid_argument' })
})

test('samples are let go of at once, and the garbage collector knows', async () => {
  // What earlier tests left is collected before, not between.
  for (let round = 0; round < 3; round++) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
  const before = native.externalMemory()
  const call = await processCall(CALL)
  const samples = ({ source }) => (source.durationMs / 1000) * source.sampleRateHz
  const bytes = 2 * call.report.tracks.map(samples).reduce((a, b) => a + b)
  const held = () => native.externalMemory() - before
  assert.ok(held() > 0.95 * bytes, `${held()} of ${bytes}`)
  const mixing = call.mix()
  await new Promise(setImmediate)
  call[Symbol.dispose]()
  assert.ok(held() < 0.05 * bytes, `${held()} of ${bytes}`)
  // What has begun to read them reads them to the end.
  assert.ok((await mixing).channels[0].length > 0)
  await assert.rejects(call.mix(), refused('invalid_argument', /disposed of/))
  assert.equal(call.report.call.id, 'short')
  assert.ok(call.labels('rttm').startsWith('SPEAKER'))
  assert.throws(() => call.mixStream(), refused('invalid_argument', /disposed of/))
  await assert.rejects(call.redact({ keys: true }), { code: 'invalid_argument' })
  call[Symbol.dispose]()
})
