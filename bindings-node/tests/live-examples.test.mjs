// The examples of media streams and RTP, each with a peer that plays a call: in real time, and
// twenty times as fast.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { LiveCall, decode } from 'callweave'
import { serve } from '../examples/live/media-streams.mjs'
import { RtpCall } from '../examples/live/rtp.mjs'
import './shared.mjs'

const FRAME_MS = 20

/** The two parties of a call. */
async function lines(seconds) {
  const { channels, sampleRateHz } = await decode('fixtures/stereo/call.wav', { type: 'int16' })
  return channels.map((channel) => channel.subarray(0, seconds * sampleRateHz))
}

/** G.711 mu-law of a sample, and back. */
function code(sample) {
  const magnitude = Math.min(Math.abs(sample), 32_635) + 132
  const exponent = 24 - Math.clz32(magnitude)
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 0xff
}

function expanded(bytes) {
  return Int16Array.from(bytes, (byte) => {
    const bits = ~byte
    const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132
    return bits & 0x80 ? -magnitude : magnitude
  })
}

/** What a call of the same samples comes to that are kept. */
async function expected(tracks, sampleRateHz) {
  const roles = ['customer', 'agent']
  const call = new LiveCall(
    roles.map((role) => ({ sampleRateHz, role })),
    { keep: 'memory' },
  )
  for (const [track, line] of tracks.entries()) call.push(track, line)
  return (await call.finish()).report
}

async function check(report, events, tracks, rate) {
  const same = await expected(tracks, rate)
  assert.deepEqual(
    report.tracks.map((track) => track.speech),
    same.tracks.map((track) => track.speech),
  )
  assert.deepEqual([report.metrics, report.turns], [same.metrics, same.turns])
  for (const { source } of report.tracks) assert.deepEqual(source.warnings, [])
  // Who was called says nothing in the first seconds.
  const kinds = report.tracks[0].speech.length > 0 ? ['speech', 'turn', 'answer'] : ['speech', 'turn']
  for (const kind of kinds)
    assert.ok(
      events.some((event) => event.kind === kind),
      kind,
    )
}

/** A masked frame of text (RFC 6455). */
function frameOf(text) {
  const [data, mask] = [Buffer.from(text), [1, 2, 3, 4]]
  const length = data.length < 126 ? [0x80 | data.length] : [0x80 | 126, data.length >> 8, data.length & 0xff]
  return Buffer.concat([Buffer.from([0x81, ...length, ...mask]), data.map((byte, at) => byte ^ mask[at % 4])])
}

/** Waits for each frame of a call that is played so many times as fast. */
async function* paced(frames, speed) {
  const begun = performance.now()
  for (let n = 0; n < frames; n++) {
    const wait = begun + (n * FRAME_MS) / speed - performance.now()
    if (wait > 0) await pause(wait)
    // Late frames do not go all at once: who hears them gets its turn.
    else await new Promise(setImmediate)
    yield n
  }
}

async function playMedia(port, tracks, speed) {
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const [head] = await once(socket, 'data')
  assert.match(head.toString(), /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/)
  const say = (message) => socket.write(frameOf(JSON.stringify(message)))
  say({ event: 'connected', protocol: 'Call', version: '1.0.0' })
  say({ event: 'start', start: { tracks: ['inbound', 'outbound'] } })
  for await (const n of paced(Math.floor(tracks[0].length / 160), speed)) {
    for (const [at, track] of ['inbound', 'outbound'].entries()) {
      const payload = Buffer.from(tracks[at].subarray(160 * n, 160 * (n + 1))).toString('base64')
      say({ event: 'media', media: { track, chunk: String(n + 1), timestamp: String(n * FRAME_MS), payload } })
    }
  }
  say({ event: 'stop' })
  socket.resume()
  await once(socket, 'close')
}

for (const [speed, seconds] of [
  [1, 4],
  [20, 20],
]) {
  test(`a media stream is heard as it comes, ${speed} times as fast`, async (t) => {
    const tracks = (await lines(seconds)).map((line) => Uint8Array.from(line, code))
    const events = []
    let tell
    const done = new Promise((resolve) => (tell = resolve))
    const server = await serve(0, (event) => events.push(event), tell)
    t.after(() => server.close())
    await playMedia(server.address().port, tracks, speed)
    await check(await done, events, tracks.map(expanded), 8000)
  })
}

for (const [format, speed, seconds] of [
  ['ulaw', 1, 4],
  ['ulaw', 20, 20],
  ['slin16', 20, 12],
]) {
  test(`RTP of both directions is heard as it comes, ${format}, ${speed} times as fast`, async () => {
    let sound = await lines(seconds)
    // Every sample twice: 16 kHz enough for a test.
    if (format === 'slin16')
      sound = sound.map((line) => Int16Array.from({ length: 2 * line.length }, (_, n) => line[n >> 1]))
    const [kind, width, samples, rate] = format === 'ulaw' ? [0, 160, 160, 8000] : [118, 640, 320, 16_000]
    const payloads = sound.map((line) => {
      if (format === 'ulaw') return Buffer.from(Uint8Array.from(line, code))
      const bytes = Buffer.alloc(2 * line.length)
      for (const [at, sample] of line.entries()) bytes.writeInt16BE(sample, 2 * at)
      return bytes
    })
    const events = []
    const call = new RtpCall(format, (event) => events.push(event), performance.now())
    const ports = await call.listen([0, 0])
    const peer = createSocket('udp4')
    for await (const n of paced(Math.floor(payloads[0].length / width), speed)) {
      for (const [at, line] of payloads.entries()) {
        const head = Buffer.alloc(12)
        head[0] = 0x80
        head[1] = kind
        head.writeUInt16BE((n + 65_000) & 0xffff, 2)
        head.writeUInt32BE((n * samples + 4_294_960_000) % 2 ** 32, 4)
        peer.send(Buffer.concat([head, line.subarray(n * width, (n + 1) * width)]), ports[at], '127.0.0.1')
      }
    }
    await pause(200)
    peer.close()
    const report = await call.finish()
    await check(report, events, format === 'ulaw' ? payloads.map(expanded) : sound, rate)
  })
}
