// Hears a call that comes as RTP over UDP, a stream for each direction, as Asterisk's ARI sends
// external media.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { CallweaveError, LiveCall } from 'callweave'

/** Asterisk's names of formats: how RTP writes their samples, and their rate. */
const FORMATS = { ulaw: ['mulaw', 8000], alaw: ['alaw', 8000], slin: ['s16be', 8000], slin16: ['s16be', 16_000] }

/** A call of two directions. It begins with the first packet of either. */
export class RtpCall {
  #encoding
  #call
  #begun
  #sockets = []

  /** `begunAt`: when both directions began, where that is known, by `performance.now()`. */
  constructor(format, tell, begunAt) {
    const [encoding, sampleRateHz] = FORMATS[format]
    this.#encoding = encoding
    this.#begun =
      begunAt === undefined
        ? new Map()
        : new Map([
            [0, begunAt],
            [1, begunAt],
          ])
    const tracks = ['customer', 'agent'].map((role) => ({ sampleRateHz, role }))
    this.#call = new LiveCall(tracks, { keep: 'memory', called: 0 })
    this.#call.on('event', tell)
  }

  /** Opens a port for each direction; 0: any. */
  async listen(ports, host = '127.0.0.1') {
    for (const [track, port] of ports.entries()) {
      const socket = createSocket('udp4')
      socket.on('message', (datagram) => this.#heard(track, datagram))
      socket.bind(port, host)
      await once(socket, 'listening')
      this.#sockets.push(socket)
    }
    return this.#sockets.map((socket) => socket.address().port)
  }

  /** Takes a packet; what is none is left out. */
  #heard(track, datagram) {
    if (!this.#begun.has(track)) {
      const now = performance.now()
      this.#begun.set(track, now)
      this.#call.begin(track, now - Math.min(...this.#begun.values()))
    }
    try {
      this.#call.rtp(track, datagram, { encoding: this.#encoding })
    } catch (error) {
      if (!(error instanceof CallweaveError)) throw error
    }
  }

  /** Ends the call; its report. */
  async finish() {
    for (const socket of this.#sockets) socket.close()
    return (await this.#call.finish()).report
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [format = 'ulaw', ...ports] = process.argv.slice(2)
  const print = (value) => console.log(JSON.stringify(value))
  const call = new RtpCall(format, print)
  await call.listen(ports.length === 2 ? ports.map(Number) : [4000, 4002])
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)))
  print(await call.finish())
}
