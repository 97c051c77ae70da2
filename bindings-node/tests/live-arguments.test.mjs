// What live calls and streams are told beside samples is used or refused; listeners' own errors
// come through; a call is finished once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LiveCall, SpeechStream } from 'callweave'
import { failing } from './shared.mjs'

const refused = failing('live-arguments.test.mjs')
const samples = new Int16Array(160)
const call = (options) => new LiveCall([{ sampleRateHz: 8000 }, { sampleRateHz: 8000 }], options)
const packet = { sequence: 0, timestamp: 0, payload: new Uint8Array(160) }

test('unknown and contradictory options are refused', () => {
  const cases = [
    [() => call().push(0, samples, { sampleRate: 16000 }), /found sampleRate, expected sampleRateHz/],
    [() => call().push(0, samples, 16000), /found 16000, expected an object/],
    [() => call().packet(0, packet, { encoding: 'mulaw', rate: 16000 }), /found rate/],
    [() => call().rtp(0, packet.payload, { encoding: 'mulaw', rate: 16000 }), /found rate/],
    [() => call().push(0, samples, { encoding: 'mulaw' }), /encoding: found mulaw, expected s16/],
    [() => new SpeechStream(8000, { encoding: 'mulaw' }).push(samples), /encoding: found mulaw, expected s16/],
    [() => new SpeechStream(8000, { encoding: 'ulaw' }), /unknown sample encoding: found ulaw/],
    [() => new SpeechStream(8000).push(samples, null), /sampleRateHz: found null/],
  ]
  for (const [work, words] of cases) assert.throws(work, refused('invalid_argument', words))
  assert.deepEqual(call().push(0, samples, { encoding: 's16', sampleRateHz: 8000 }), [])
  assert.deepEqual(new SpeechStream(8000, { encoding: 'f32' }).push(new Float32Array(160)), [])
})

test('what a listener throws is its own, after all events of the push', () => {
  const mine = new TypeError('mine')
  const live = new LiveCall([{ sampleRateHz: 8000 }], { deadAfterMs: 1000 })
  const heard = []
  live.on('event', () => {
    throw mine
  })
  live.on('dead_track', ({ track }) => heard.push(track))
  assert.throws(
    () => live.push(0, new Int16Array(40_000)),
    (error) => error === mine,
  )
  assert.deepEqual(heard, [0])
  const stream = new SpeechStream(8000)
  let count = 0
  stream.on('probability', () => {
    count += 1
    throw mine
  })
  assert.throws(
    () => stream.push(new Int16Array(8000)),
    (error) => error === mine,
  )
  assert.ok(count > 20)
})

test('a call is finished once', async () => {
  const live = call()
  live.push(0, new Int16Array(80_000))
  const first = live.finish()
  const second = live.finish()
  assert.throws(() => live.push(0, samples), refused('invalid_argument', /finish\(\) was called already/))
  await assert.rejects(second, refused('invalid_argument', /finish\(\) was called already/))
  assert.ok((await first).report.tracks.length === 2)
  await assert.rejects(live.finish(), { code: 'invalid_argument' })
})
