'use strict'

// Calls while they go on. Samples are pushed as they arrive; what is certain is told at once.

const { EventEmitter } = require('node:events')
const { Transform } = require('node:stream')
const { onAbort } = require('./abort.cjs')
const { calledFrom, cancelled, refuse, refuseUnknown, translated } = require('./errors.cjs')
const { stoppedAtExit } = require('./exit.cjs')
const native = require('./native.cjs')
const { inTurn } = require('./queue.cjs')

const OF_SPEECH = [
  'threshold',
  'negThreshold',
  'minSpeechMs',
  'minSilenceMs',
  'speechPadMs',
  'resetAfterMs',
  'portable',
  'encoding',
]
const OF_TRACK = ['sampleRateHz', 'role', 'name', 'party', 'startedAt', 'offsetMs']
const OF_AMR = ['wideband', 'octetAligned', 'crc']
const OF_CALL = ['keep', 'windowMs', 'deadAfterMs', 'called', 'config']

/** Does something of the compiled part; its errors get the caller's stack. */
function told(caller, work) {
  try {
    return work()
  } catch (error) {
    throw translated(error, calledFrom(caller))
  }
}

/** A whole number as packets have it; the compiled part would take another one modulo its width. */
function whole(name, value, bits) {
  const most = 2 ** bits - 1
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw refuse(name, String(value), `a whole number from 0 to ${most}`)
}

const listed = (json) => (json == null ? [] : JSON.parse(json))

/** Samples as bytes, and their encoding: arrays of numbers say it themselves. */
function asBytes(samples, encoding) {
  const bytes = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  if (samples instanceof Int16Array) return [bytes(samples), 's16']
  if (samples instanceof Float32Array) return [bytes(samples), 'f32']
  if (!(samples instanceof Uint8Array))
    throw refuse('samples', typeof samples, 'an Int16Array, a Float32Array or bytes')
  if (encoding === undefined)
    throw refuse('samples', 'bytes without an encoding', 'one of s16, s16be, mulaw, alaw, f32')
  return [samples, encoding]
}

class SpeechStream extends EventEmitter {
  #native
  #encoding

  constructor(sampleRateHz, options = {}) {
    super()
    const { encoding, ...rest } = options
    told(SpeechStream, () => {
      refuseUnknown('an option of a stream', options, OF_SPEECH)
      this.#native = new native.NativeSpeechStream(sampleRateHz, JSON.stringify(rest))
    })
    this.#encoding = encoding
  }

  push(samples, sampleRateHz) {
    return told(this.push, () => this.#tell(this.#native.push(...asBytes(samples, this.#encoding), sampleRateHz)))
  }

  flush() {
    return told(this.flush, () => this.#tell(this.#native.flush()))
  }

  reset() {
    told(this.reset, () => this.#native.reset())
  }

  #tell(json) {
    const events = listed(json)
    if (this.listenerCount('probability') > 0) for (const p of this.#native.probabilities) this.emit('probability', p)
    for (const event of events) this.emit(event.type, event)
    return events
  }

  async *events(frames) {
    for await (const frame of frames) yield* this.push(frame)
    yield* this.flush()
  }

  transform(options = {}) {
    /** Hands on the events of some work. */
    const handOn = (stream, done, work) => {
      try {
        for (const event of work()) stream.push(event)
        done()
      } catch (error) {
        done(error)
      }
    }
    const ears = this
    return new Transform({
      ...options,
      readableObjectMode: true,
      // Arrays of samples are chunks too.
      writableObjectMode: true,
      transform(frame, _, done) {
        handOn(this, done, () => ears.push(frame))
      },
      flush(done) {
        handOn(this, done, () => ears.flush())
      },
    })
  }

  get probabilities() {
    return this.#native.probabilities
  }

  get probability() {
    return this.#native.probability
  }

  get heardMs() {
    return this.#native.heardMs
  }

  get speaking() {
    return this.#native.speaking
  }
}

class LiveCall extends EventEmitter {
  #native
  #config

  constructor(tracks, options = {}) {
    super()
    const { config = {}, ...rest } = options
    told(LiveCall, () => {
      refuseUnknown('an option of a call', options, OF_CALL)
      if (!Array.isArray(tracks)) throw refuse('tracks', typeof tracks, 'an array of tracks')
      for (const track of tracks) refuseUnknown('of a track', track, OF_TRACK)
      this.#native = new native.NativeLiveCall(JSON.stringify(tracks), JSON.stringify(config), JSON.stringify(rest))
    })
    this.#config = config
  }

  push(track, samples, options = {}) {
    const { encoding, sampleRateHz } = options
    return told(this.push, () => this.#tell(this.#native.push(track, ...asBytes(samples, encoding), sampleRateHz)))
  }

  packet(track, packet, options = {}) {
    const { sequence, timestamp, payload } = packet
    return told(this.packet, () => {
      const place = [whole('sequence', sequence, 16), whole('timestamp', timestamp, 32)]
      return this.#tell(this.#native.packet(track, ...place, ...asBytes(payload, options.encoding)))
    })
  }

  rtp(track, datagram, options = {}) {
    return told(this.rtp, () => this.#tell(this.#native.rtp(track, ...asBytes(datagram, options.encoding))))
  }

  begin(track, atMs) {
    told(this.begin, () => this.#native.begin(track, atMs))
  }

  end(track) {
    return told(this.end, () => this.#tell(this.#native.end(track)))
  }

  packets(track) {
    return JSON.parse(told(this.packets, () => this.#native.packets(track)))
  }

  snapshot() {
    return JSON.parse(told(this.snapshot, () => this.#native.snapshot()))
  }

  async finish(options = {}) {
    const holder = calledFrom(this.finish)
    const { signal } = options
    const after = []
    try {
      refuseUnknown('an option of finish', options, ['signal'])
      if (signal?.aborted) throw cancelled(signal)
      const cancel = new native.CancelSwitch()
      after.push(
        stoppedAtExit(cancel),
        onAbort(signal, () => cancel.cancel()),
      )
      const work = (threads) => this.#native.finish(threads, cancel)
      // What was aborted has stopped before it is told: the call may be finished again at once.
      const done = ended(await inTurn({ wide: true, settles: true, signal }, work), this.#config)
      this.#tell(this.#native.events())
      return done
    } catch (error) {
      const aborted = signal?.aborted && error === signal.reason
      throw translated(aborted ? cancelled(signal) : error, holder, signal?.aborted ? signal.reason : undefined)
    } finally {
      for (const cleanUp of after) cleanUp()
    }
  }

  #tell(json) {
    const events = listed(json)
    for (const event of events) {
      this.emit('event', event)
      this.emit(event.kind, event)
    }
    return events
  }

  get heardMs() {
    return this.#native.heardMs
  }
}

/** What a call that has ended becomes; index.cjs says it, which knows the class. */
let ended

function endsIn(processed) {
  ended = processed
}

class AmrPackets {
  #native

  constructor(options = {}) {
    told(AmrPackets, () => {
      refuseUnknown('an option of packets', options, OF_AMR)
      const { wideband = false, octetAligned = false, crc = false } = options
      this.#native = new native.NativeAmrPackets(wideband, octetAligned, crc)
    })
  }

  push(timestamp, payload) {
    told(this.push, () => this.#native.push(whole('timestamp', timestamp, 32), payload))
  }

  finish() {
    return this.#native.finish()
  }
}

module.exports = { AmrPackets, LiveCall, SpeechStream, endsIn }
