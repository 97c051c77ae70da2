// The least of a WebSocket server (RFC 6455): text messages in, without TLS. In production, use a
// library.
import { createHash } from 'node:crypto'

const ACCEPTED = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10]
/** Bytes of the longest message that is taken. */
const LONGEST = 1 << 20

/**
 * Answers a client's handshake, and gives its messages until it closes: for the event `upgrade` of
 * an HTTP server.
 */
export async function* messages(request, socket, head) {
  const key = request.headers['sec-websocket-key'] ?? ''
  const answer = createHash('sha1')
    .update(key + ACCEPTED)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\n\r\n`,
  )
  let bytes = head
  let whole = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk])
    for (let frame = frameOf(bytes); frame; frame = frameOf(bytes)) {
      bytes = bytes.subarray(frame.length)
      if (frame.kind === CLOSE || whole.length + frame.data.length > LONGEST) return
      if (frame.kind === PING) socket.write(Buffer.concat([Buffer.from([0x80 | PONG, frame.data.length]), frame.data]))
      if (frame.kind !== 0 && frame.kind !== TEXT) continue
      whole = Buffer.concat([whole, frame.data])
      if (!frame.last) continue
      yield whole.toString()
      whole = Buffer.alloc(0)
    }
    if (bytes.length > LONGEST) return
  }
}

/** The first frame of some bytes, where it is whole. */
function frameOf(bytes) {
  if (bytes.length < 2) return null
  let [at, size] = [2, bytes[1] & 127]
  if (size >= 126) {
    const wide = size === 126 ? 2 : 8
    if (bytes.length < at + wide) return null
    size = wide === 2 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at))
    at += wide
  }
  const masked = bytes[1] >= 128
  const from = at + (masked ? 4 : 0)
  if (bytes.length < from + size) return null
  const data = Buffer.from(bytes.subarray(from, from + size))
  if (masked) for (let n = 0; n < size; n++) data[n] ^= bytes[at + (n % 4)]
  return { kind: bytes[0] & 15, last: bytes[0] >= 128, data, length: from + size }
}
