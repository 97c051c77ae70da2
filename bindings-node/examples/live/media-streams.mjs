// Hears calls that come as media streams over a WebSocket: JSON messages, base64 mu-law, both
// directions (Twilio's format).
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'
import { LiveCall } from 'callweave'
import { messages } from './websocket.mjs'

const TRACKS = ['inbound', 'outbound']

/** Hears the call of one connection; its report, or null where no audio came. */
export async function hear(stream, tell) {
  // Inbound is the party at the other end of the line.
  const roles = ['customer', 'agent']
  const tracks = TRACKS.map((name, track) => ({ sampleRateHz: 8000, name, role: roles[track] }))
  const call = new LiveCall(tracks, { called: 0, keep: 'memory' })
  call.on('event', tell)
  const begun = new Set()
  for await (const message of stream) {
    const { event, media } = JSON.parse(message)
    if (event === 'stop') break
    if (event !== 'media') continue
    const [track, atMs] = [TRACKS.indexOf(media.track), Number(media.timestamp)]
    if (!begun.has(track)) call.begin(track, atMs)
    begun.add(track)
    // Chunks are counted from 1 on each track; the timestamp is of the stream, in milliseconds.
    const [sequence, timestamp] = [Number(media.chunk) & 0xffff, (8 * atMs) >>> 0]
    call.packet(track, { sequence, timestamp, payload: Buffer.from(media.payload, 'base64') }, { encoding: 'mulaw' })
  }
  return begun.size > 0 ? (await call.finish()).report : null
}

/** A server whose every connection is a call. */
export function serve(port, tell, done) {
  const server = createServer()
  server.on('upgrade', async (request, socket, head) => {
    try {
      const report = await hear(messages(request, socket, head), tell)
      if (report) done(report)
    } catch (error) {
      console.error(error)
    } finally {
      socket.destroy()
    }
  })
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const print = (value) => console.log(JSON.stringify(value))
  await serve(Number(process.argv[2] ?? 8080), print, print)
}
