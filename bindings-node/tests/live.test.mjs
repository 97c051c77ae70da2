// Calls while they go on: the same ears as for whole recordings, whatever way the samples come.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { AmrPackets, LiveCall, SpeechStream, decode } from 'callweave'
import { folder } from './shared.mjs'

const CALL = ['fixtures/keypad-hold/customer.mp3', 'fixtures/keypad-hold/agent.mp3']

async function samplesOf(path) {
  const { channels, sampleRateHz } = await decode(path, { type: 'int16' })
  return [channels[0], sampleRateHz]
}

/** Cuts of a length, the same for the same seed; some are empty. */
function* parts(length, seed, longest) {
  let state = seed + 1
  for (let at = 0; at < length; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const end = Math.min(length, at + (state % longest))
    yield [at, end]
    at = end
  }
}

function heard(stream, frames) {
  const events = []
  const probabilities = []
  for (const frame of frames) {
    events.push(...stream.push(frame))
    probabilities.push(...stream.probabilities)
  }
  events.push(...stream.flush())
  return [events, [...probabilities, ...stream.probabilities]]
}

/** Bytes of samples, the high byte first. */
function bigEndian(samples) {
  const bytes = Buffer.alloc(2 * samples.length)
  for (const [at, sample] of samples.entries()) bytes.writeInt16BE(sample, 2 * at)
  return bytes
}

test('any cutting and encoding gives the same speech', async () => {
  const [line, rate] = await samplesOf('fixtures/short/customer.wav')
  const whole = heard(new SpeechStream(rate), [line])
  assert.ok(whole[0].length >= 2 && whole[0][0].type === 'speechStart')
  const floats = Float32Array.from(line, (x) => x / 32768)
  const bytes = bigEndian(line)
  for (const seed of [0, 1, 2]) {
    const cut = (array, longest) =>
      [...parts(array.length, seed, longest)].map(([from, to]) => array.subarray(from, to))
    assert.deepEqual(heard(new SpeechStream(rate), cut(line, 900)), whole)
    assert.deepEqual(heard(new SpeechStream(rate), cut(floats, 900)), whole)
    assert.deepEqual(heard(new SpeechStream(rate, { encoding: 's16be' }), cut(bytes, 1801)), whole)
  }
})

test('events come as return values, as events, by an async iterator and through a Transform', async () => {
  const [line, rate] = await samplesOf('fixtures/short/customer.wav')
  const frames = []
  for (let at = 0; at < line.length; at += 160) frames.push(line.subarray(at, at + 160))
  const [expected, probabilities] = heard(new SpeechStream(rate), frames)

  const emitting = new SpeechStream(rate)
  const emitted = []
  const told = []
  for (const type of ['speechStart', 'speechEnd']) emitting.on(type, (event) => emitted.push(event))
  emitting.on('probability', (p) => told.push(p))
  heard(emitting, frames)
  assert.deepEqual([emitted, told], [expected, probabilities])

  const iterated = []
  for await (const event of new SpeechStream(rate).events(frames)) iterated.push(event)
  assert.deepEqual(iterated, expected)

  const read = []
  const bytes = frames.map((frame) => Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))
  await pipeline(Readable.from(bytes), new SpeechStream(rate, { encoding: 's16' }).transform(), async (events) => {
    for await (const event of events) read.push(event)
  })
  assert.deepEqual(read, expected)
  await assert.rejects(
    pipeline(Readable.from(['no samples']), new SpeechStream(rate).transform(), async () => {}),
    {
      code: 'invalid_argument',
    },
  )
})

test('parameters have their names and nonsense is refused', async () => {
  const [line, rate] = await samplesOf('fixtures/short/customer.wav')
  const few = heard(new SpeechStream(rate, { minSilenceMs: 2000, minSpeechMs: 500, resetAfterMs: null }), [line])[0]
  const many = heard(new SpeechStream(rate, { minSilenceMs: 0 }), [line])[0]
  assert.ok(few.length > 0 && few.length < many.length)
  const refused = (work, found) =>
    assert.throws(work, (e) => e.code === 'invalid_argument' && e.message.includes(found))
  refused(() => new SpeechStream(rate, { treshold: 0.5 }), 'threshold')
  refused(() => new SpeechStream(rate, { threshold: 1.5 }), 'threshold')
  refused(() => new SpeechStream(0.5), 'sampleRateHz: found 0.5')
  const stream = new SpeechStream(rate)
  refused(() => stream.push(new Uint8Array(2)), 'without an encoding')
  refused(() => stream.push([1, 2]), 'Int16Array')
  refused(() => stream.push(line, 16000), '16000 Hz')
  assert.deepEqual(stream.push(new Float32Array(160).fill(NaN)), [])
  assert.deepEqual(stream.push(new Int16Array(0)), [])
  stream.flush()
  refused(() => stream.push(line), 'push after flush')
  stream.reset()
  assert.deepEqual([stream.heardMs, stream.speaking, stream.probability], [0, false, 0])
})

function callOf(sampleRateHz, options) {
  return new LiveCall(
    [
      { sampleRateHz, role: 'customer' },
      { sampleRateHz, role: 'agent' },
    ],
    options,
  )
}

function listened(call, cuts, tracks) {
  const events = []
  const at = tracks.map(() => 0)
  for (let step = 0; at.some((from, place) => from < tracks[place].length); step++) {
    for (const [place, line] of tracks.entries()) {
      const end = Math.min(line.length, at[place] + cuts[step % cuts.length])
      events.push(...call.push(place, line.subarray(at[place], end)))
      at[place] = end
    }
  }
  return events
}

test('any cutting of a call gives the same events and the report of process', async (t) => {
  const lines = await Promise.all(CALL.map(samplesOf))
  const [tracks, rate] = [lines.map(([line]) => line), lines[0][1]]
  const spool = folder(t)
  let expected
  for (const [cuts, keep] of [
    [[160], 'memory'],
    [[7, 4001, 0, 333], 'memory'],
    [[1600], { spool }],
  ]) {
    const call = callOf(rate, { keep })
    const emitted = []
    call.on('event', (event) => emitted.push(event))
    listened(call, cuts, tracks)
    const done = await call.finish()
    emitted.sort((a, b) => a.knownMs - b.knownMs || a.id - b.id)
    expected ??= [emitted, done.reportJson]
    assert.deepEqual([emitted, done.reportJson], expected)
    assert.ok((await done.mix()).channels[0].length > 0)
  }
  const kinds = new Set(expected[0].map((event) => event.kind))
  for (const kind of ['speech', 'turn', 'dtmf', 'music']) assert.ok(kinds.has(kind), kind)
  assert.deepEqual(readdirSync(spool), [])
  const { source } = JSON.parse(expected[1]).tracks[0]
  assert.deepEqual([source.container, source.sha256], ['samples', null])
})

test('an end that is aborted loses nothing', async () => {
  const lines = await Promise.all(CALL.map(samplesOf))
  const [tracks, rate] = [lines.map(([line]) => line), lines[0][1]]
  const call = callOf(rate, { keep: 'memory' })
  listened(call, [1600], tracks)
  await assert.rejects(call.finish({ signal: AbortSignal.abort() }), { code: 'cancelled' })
  const stop = new AbortController()
  setImmediate(() => setImmediate(() => stop.abort()))
  await assert.rejects(call.finish({ signal: stop.signal }), { code: 'cancelled' })
  await assert.rejects(call.finish({ signall: stop.signal }), { code: 'invalid_argument' })
  const whole = callOf(rate, { keep: 'memory' })
  listened(whole, [1600], tracks)
  assert.equal((await call.finish()).reportJson, (await whole.finish()).reportJson)
})

test('a snapshot is a report and without samples the report says so', async () => {
  const [line, rate] = await samplesOf(CALL[0])
  const call = callOf(rate)
  assert.throws(() => call.snapshot(), { code: 'no_audio' })
  for (const track of [0, 1]) call.push(track, line.subarray(0, 10 * rate))
  // What waits for the rest of its 32 ms is not in it.
  assert.equal(call.snapshot().call.durationMs, 9984)
  const { report } = await call.finish()
  assert.deepEqual(
    report.warnings.map((warning) => warning.code),
    ['samples_not_kept'],
  )
  assert.throws(() => call.push(0, line), { code: 'invalid_argument' })
  await assert.rejects(call.finish(), { code: 'invalid_argument' })
})

function rtp(sequence, payload, kind = 0) {
  const head = Buffer.alloc(12)
  head[0] = 0x80
  head[1] = kind
  head.writeUInt16BE(sequence & 0xffff, 2)
  head.writeUInt32BE(160 * sequence, 4)
  return Buffer.concat([head, payload])
}

test('packets come in their place or become silence', async () => {
  const encoding = 'mulaw'
  const call = callOf(8000, { keep: 'memory', windowMs: 100 })
  const frame = (n) => Buffer.alloc(160, n % 100)
  for (let n = 0; n < 50; n++) {
    const sent = n ^ 1
    if (sent === 10 || sent === 11) continue
    call.rtp(0, rtp(sent + 65_500, frame(sent)), { encoding })
    call.packet(1, { sequence: sent, timestamp: 160 * sent, payload: frame(sent) }, { encoding })
  }
  const { lost, late, repeated } = call.packets(0)
  assert.deepEqual([lost, late, repeated], [2, 0, 1])
  call.rtp(0, rtp(65_550, Buffer.from('1234'), 101), { encoding })
  assert.throws(() => call.rtp(0, Buffer.from('no packet'), { encoding }), { code: 'malformed' })
  const { report } = await call.finish()
  assert.deepEqual(
    report.tracks[0].source.warnings.map((warning) => warning.code),
    ['packets_lost'],
  )
  assert.equal(report.call.durationMs, 20 * 49)
})

test('who answers is told while it rings', async () => {
  const [voice] = await samplesOf('fixtures/short/customer.wav')
  const ring = Int16Array.from({ length: 16_000 }, (_, n) => {
    const turn = (2 * Math.PI * n) / 8000
    return 3000 * (Math.sin(440 * turn) + Math.sin(480 * turn))
  })
  const call = new LiveCall([{ sampleRateHz: 8000 }], { called: 0 })
  const answers = []
  call.on('answer', (event) => answers.push(event.detail))
  const pause = new Int16Array(32_000)
  for (const part of [pause, ring, pause, ring, pause, voice]) call.push(0, part)
  assert.deepEqual(answers.slice(0, 2), ['ringing', 'ringing'])
  assert.ok(answers.includes('answered'))
})

test('tracks and options that make no sense are refused', () => {
  const refused = (work, found) =>
    assert.throws(work, (e) => e.code === 'invalid_argument' && e.message.includes(found), found)
  const track = { sampleRateHz: 8000 }
  refused(() => new LiveCall([]), 'no tracks')
  refused(() => new LiveCall([track], { called: 3 }), 'called')
  refused(() => new LiveCall([track], { keep: 'tape' }), 'tape')
  refused(() => new LiveCall([track], { window: 3 }), 'windowMs')
  refused(() => new LiveCall([{ ...track, rol: 'agent' }]), 'role')
  const call = new LiveCall([track])
  refused(() => call.push(1, new Int16Array(160)), 'track 1')
  call.begin(0, 500)
  call.push(0, new Int16Array(160))
  refused(() => call.begin(0, 0), 'cannot be set')
  assert.deepEqual([call.end(0), call.heardMs], [[], 520])
})

test('packets of AMR become a recording', async () => {
  const packets = new AmrPackets()
  const payload = new Uint8Array(32)
  payload.set([0xf3, 0xc0]) // 12.2 kbit/s, a good frame
  packets.push(160, payload)
  packets.push(480, payload) // one packet is missing between
  const { channels } = await decode(packets.finish())
  assert.equal(channels[0].length, 3 * 160)
  assert.throws(() => packets.push(640, new Uint8Array(1)), { code: 'malformed' })
  assert.throws(() => packets.push(-1, payload), { code: 'invalid_argument', message: /timestamp: found -1/ })
  assert.throws(() => new AmrPackets({ wide: true }), { code: 'invalid_argument', message: /wideband/ })
  assert.equal((await decode(packets.finish())).channels[0].length, 3 * 160, 'nothing was added')
})

test('a number of a packet that no packet has is refused', () => {
  const call = new LiveCall([{ sampleRateHz: 8000 }])
  const payload = new Uint8Array(160)
  for (const [sequence, timestamp] of [
    [65536, 0],
    [-1, 0],
    [0.5, 0],
    [0, 2 ** 32],
    [0, Number.NaN],
  ]) {
    const pushed = () => call.packet(0, { sequence, timestamp, payload }, { encoding: 'mulaw' })
    assert.throws(pushed, { code: 'invalid_argument' })
  }
})
