'use strict'

// Calls while they go on. Samples are pushed as they arrive; what is certain is told at once.

const { EventEmitter } = require('node:events')
const { Transform } = require('node:stream')
const { onAbort } = require('./abort.cjs')
const { calledFrom, cancelled, refuse, told, translated } = require('./errors.cjs')
const { stoppedAtExit } = require('./exit.cjs')
const native = require('./native.cjs')
const { inTurn } = require('./queue.cjs')
const {
  described,
  finite,
  flag,
  ifSaid,
  json,
  momentOf,
  optionsOf,
  pathOf,
  signalOf,
  text,
  whole,
} = require('./values.cjs')

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
const KEEPS = "'nothing', 'memory' or { spool: folder }"
const OF_AMR = ['wideband', 'octetAligned', 'crc']
const OF_CALL = ['keep', 'windowMs', 'deadAfterMs', 'called', 'config']

const listed = (json) => (json == null ? [] : JSON.parse(json))

/** The encoding of arrays of numbers, which say it themselves. */
const encodingOf = (samples) =>
  samples instanceof Int16Array ? 's16' : samples instanceof Float32Array ? 'f32' : undefined

/** Samples as bytes, and their encoding. */
function asBytes(samples, encoding) {
  const own = encodingOf(samples)
  if (own === undefined && !(samples instanceof Uint8Array)) {
    throw refuse('samples', described(samples), 'an Int16Array, a Float32Array or bytes')
  }
  if (own === undefined && encoding === undefined) {
    throw refuse('samples', 'bytes without an encoding', 'one of s16, s16be, mulaw, alaw, f32')
  }
  if (encoding !== undefined) native.checkEncoding(text('encoding', encoding))
  if (own !== undefined && encoding !== undefined && encoding !== own) {
    throw refuse('encoding', encoding, `${own}, which the samples are, or none`)
  }
  return [new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), own ?? encoding]
}

const rateOf = (hz) => whole('sampleRateHz', hz)
const trackOf = (track) => whole('track', track)

/** Emits all events; what a listener throws is thrown afterwards, the first of several. */
function emitAll(emitter, events) {
  const thrown = []
  for (const [name, event] of events) {
    try {
      emitter.emit(name, event)
    } catch (error) {
      thrown.push(error)
    }
  }
  if (thrown.length > 0) throw thrown[0]
}

class SpeechStream extends EventEmitter {
  #native
  #encoding

  constructor(sampleRateHz, options = {}) {
    super()
    told(SpeechStream, () => {
      const { encoding, ...rest } = optionsOf('an option of a stream', options, OF_SPEECH)
      if (encoding !== undefined) native.checkEncoding(text('encoding', encoding))
      this.#native = new native.NativeSpeechStream(rateOf(sampleRateHz), json('options', rest))
      this.#encoding = encoding
    })
  }

  push(samples, sampleRateHz) {
    const push = () => this.#native.push(...asBytes(samples, this.#encoding), ifSaid(sampleRateHz, rateOf))
    return this.#tell(told(this.push, push))
  }

  flush() {
    return this.#tell(told(this.flush, () => this.#native.flush()))
  }

  reset() {
    told(this.reset, () => this.#native.reset())
  }

  #tell(json) {
    const events = listed(json)
    const heard = this.listenerCount('probability') > 0 ? [...this.#native.probabilities] : []
    emitAll(this, [...heard.map((p) => ['probability', p]), ...events.map((event) => [event.type, event])])
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

/** What becomes of the samples of a call. */
function keepOf(keep) {
  if (typeof keep === 'string') return keep
  if (keep === null || typeof keep !== 'object') throw refuse('keep', described(keep), KEEPS)
  return { ...keep, spool: pathOf('keep.spool', keep.spool) }
}

class LiveCall extends EventEmitter {
  #native
  #config
  /** Whether `finish` was called, and has not failed. */
  #finishing = false

  constructor(tracks, options = {}) {
    super()
    told(LiveCall, () => {
      const { config = {}, keep, called, ...rest } = optionsOf('an option of a call', options, OF_CALL)
      for (const [name, value] of Object.entries(rest)) ifSaid(value, () => finite(name, value))
      if (!Array.isArray(tracks)) throw refuse('tracks', described(tracks), 'an array of tracks')
      for (const [at, track] of tracks.entries()) {
        rateOf(optionsOf('of a track', track, OF_TRACK, `tracks[${at}]`).sampleRateHz)
        if (track.startedAt != null) momentOf(`tracks[${at}].startedAt`, track.startedAt)
      }
      const said = { ...rest, keep: ifSaid(keep, keepOf), called: called == null ? undefined : whole('called', called) }
      this.#config = json('config', config)
      this.#native = new native.NativeLiveCall(json('tracks', tracks), this.#config, json('options', said))
    })
  }

  push(track, samples, options = {}) {
    const push = () => {
      const { encoding, sampleRateHz } = optionsOf('an option of push', options, ['encoding', 'sampleRateHz'])
      return this.#native.push(trackOf(track), ...asBytes(samples, encoding), ifSaid(sampleRateHz, rateOf))
    }
    return this.#tell(this.#open(this.push, push))
  }

  packet(track, packet, options = {}) {
    const push = () => {
      const { encoding } = optionsOf('an option of packet', options, ['encoding'])
      const { sequence, timestamp, payload } = optionsOf('of a packet', packet, undefined, 'a packet')
      const place = [trackOf(track), whole('sequence', sequence, 16), whole('timestamp', timestamp)]
      return this.#native.packet(...place, ...asBytes(payload, encoding))
    }
    return this.#tell(this.#open(this.packet, push))
  }

  rtp(track, datagram, options = {}) {
    const push = () => {
      const { encoding } = optionsOf('an option of rtp', options, ['encoding'])
      return this.#native.rtp(trackOf(track), ...asBytes(datagram, encoding))
    }
    return this.#tell(this.#open(this.rtp, push))
  }

  begin(track, atMs) {
    this.#open(this.begin, () => this.#native.begin(trackOf(track), finite('atMs', atMs)))
  }

  end(track) {
    return this.#tell(this.#open(this.end, () => this.#native.end(trackOf(track))))
  }

  packets(track) {
    return JSON.parse(told(this.packets, () => this.#native.packets(trackOf(track))))
  }

  snapshot() {
    return JSON.parse(told(this.snapshot, () => this.#native.snapshot()))
  }

  async finish(options = {}) {
    const holder = calledFrom(this.finish)
    const after = []
    let signal, done, begun
    try {
      signal = signalOf(optionsOf('an option of finish', options, ['signal']).signal)
      if (signal?.aborted) throw cancelled(signal)
      this.#refuseFinished('finish()')
      begun = this.#finishing = true
      const cancel = new native.CancelSwitch()
      after.push(
        stoppedAtExit(cancel),
        onAbort(signal, () => cancel.cancel()),
      )
      const work = (threads) => this.#native.finish(threads, cancel)
      // What was aborted has stopped before it is told: the call may be finished again at once.
      done = ended(await inTurn({ wide: true, settles: true, signal }, work), JSON.parse(this.#config))
    } catch (error) {
      if (begun) this.#finishing = false
      const aborted = signal?.aborted && error === signal.reason
      throw translated(aborted ? cancelled(signal) : error, holder, signal?.aborted ? signal.reason : undefined)
    } finally {
      for (const cleanUp of after) cleanUp()
    }
    this.#tell(told(this.finish, () => this.#native.events()))
    return done
  }

  #refuseFinished(what) {
    if (this.#finishing) throw refuse('finish() was called already', what, 'no more of this call')
  }

  /** Does something to a call that goes on. */
  #open(caller, work) {
    return told(caller, () => {
      this.#refuseFinished(`${caller.name}()`)
      return work()
    })
  }

  #tell(json) {
    const events = listed(json)
    emitAll(
      this,
      events.flatMap((event) => [
        ['event', event],
        [event.kind, event],
      ]),
    )
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
      const { wideband = false, octetAligned = false, crc = false } = optionsOf('an option of packets', options, OF_AMR)
      const flags = [flag('wideband', wideband), flag('octetAligned', octetAligned), flag('crc', crc)]
      this.#native = new native.NativeAmrPackets(...flags)
    })
  }

  push(timestamp, payload) {
    told(this.push, () => {
      if (!(payload instanceof Uint8Array)) throw refuse('payload', described(payload), 'a Uint8Array')
      this.#native.push(whole('timestamp', timestamp), payload)
    })
  }

  finish() {
    return this.#native.finish()
  }
}

module.exports = { AmrPackets, LiveCall, SpeechStream, endsIn }
