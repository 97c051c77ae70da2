'use strict'

// Many calls, several at a time, in order. Core's batch works on them on threads of its own; here
// calls are asked for, their streams are read, and results are handed on.

const { onAbort } = require('./abort.cjs')
const { calledFrom, cancelled, refuse, translated } = require('./errors.cjs')
const { stoppedAtExit } = require('./exit.cjs')
const { copied, discard, inputSpecs, releaseAll } = require('./inputs.cjs')
const native = require('./native.cjs')
const { described, flag, json, optionsOf, signalOf, whole } = require('./values.cjs')

/** The longest wait that a timer takes: while it runs, the process does not end. */
const LONG_MS = 2 ** 31 - 1
const OPTIONS = ['config', 'signal', 'threads', 'tracks', 'strict', 'onProgress']

function checked(calls, options) {
  optionsOf('an option of processBatch', options, OPTIONS)
  const { threads = native.parallelism(), signal, onProgress, tracks = true, strict = true } = options
  const iterator = calls?.[Symbol.asyncIterator]?.() ?? calls?.[Symbol.iterator]?.()
  if (!iterator || typeof calls === 'string')
    throw refuse('calls', described(calls), 'an iterable or async iterable of calls')
  whole('threads', threads, 32, 1)
  flag('tracks', tracks)
  flag('strict', strict)
  signalOf(signal)
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw refuse('onProgress', described(onProgress), 'a function')
  return { threads, signal, onProgress, tracks, strict, iterator }
}

/**
 * A bell that one waits for and others ring; the process does not end while somebody waits for
 * core's work.
 */
function bell() {
  let rung = false
  let waiting = null
  return {
    ring() {
      rung = true
      waiting?.()
    },
    async wait(working) {
      const hold = working ? setInterval(() => {}, LONG_MS) : undefined
      if (!rung) await new Promise((resolve) => (waiting = resolve))
      clearInterval(hold)
      rung = false
      waiting = null
    },
  }
}

/**
 * Calls on their way into core's batch: asked for while there is room, pushed in their order when
 * their streams are read.
 */
class Intake {
  constructor(iterator, batch, { limit, strict, room, stop, ring }) {
    Object.assign(this, { iterator, batch, limit, strict, room, stop, ring })
    /** Calls that were asked for, and those of them that core has, and that were taken again. */
    this.asked = 0
    this.pushed = 0
    this.taken = 0
    this.pulling = false
    this.ended = false
    this.failure = null
    /** Why calls could not be begun, by their place. */
    this.refused = new Map()
    /** What the streams of calls in work were kept in. */
    this.spooled = new Map()
    this.last = Promise.resolve()
  }

  /** Asks for the next call while there is room. */
  pull() {
    if (this.pulling || this.ended || this.asked - this.taken >= this.room) return
    this.pulling = true
    new Promise((resolve) => resolve(this.iterator.next())).then(
      ({ done, value }) => {
        this.pulling = false
        if (done) this.ended = true
        else {
          this.begin(value)
          this.pull()
        }
        this.ring()
      },
      (error) => {
        this.pulling = false
        this.ended = true
        this.failure = { error }
        this.ring()
      },
    )
  }

  /** Reads a call's streams, beside those of others, and pushes it when those before it are. */
  begin(call) {
    const index = this.asked
    this.asked += 1
    const { limit, strict } = this
    const read = inputSpecs(call, { limit, strict, signal: this.stop.signal }).then(
      (specs) => ({ specs }),
      (error) => ({ error }),
    )
    this.last = this.last.then(async () => {
      const { specs, error } = await read
      try {
        if (error) throw error
        this.spooled.set(index, specs)
        this.batch.push(await copied(specs, this.stop.signal))
      } catch (refusal) {
        releaseAll(call)
        this.refused.set(index, refusal)
        this.batch.refuse()
      }
      this.pushed += 1
      this.ring()
    })
  }

  /** What came of the next call, where it is there. */
  take(keep) {
    if (this.pushed === this.taken) return null
    const index = this.taken
    let result
    try {
      const made = this.batch.take()
      if (made === null || made === undefined) return null
      result = keep(index, made)
    } catch (error) {
      result = { index, call: null, report: null, error: this.refused.get(index) ?? error }
      this.refused.delete(index)
    }
    this.discard(index)
    this.taken += 1
    return result
  }

  /** Removes the files that keep a call's streams. */
  discard(index) {
    discard(this.spooled.get(index) ?? [])
    this.spooled.delete(index)
  }

  get isDone() {
    return this.ended && this.taken === this.asked
  }
}

/** `processBatch`, by what makes a processed call of core's. */
function batchOver(processed, resolveConfig) {
  function processBatch(calls, options = {}) {
    const holder = calledFrom(processBatch)
    try {
      const settings = checked(calls, options)
      const config = json('config', options.config ?? {})
      const limit = resolveConfig(options.config).decode.maxBytes
      const total = Array.isArray(calls) ? calls.length : null
      return results({ ...settings, config, limit, total, holder })
    } catch (error) {
      throw translated(error, holder)
    }
  }

  /** A result of core's as callers see it. */
  function kept(index, made, config) {
    if (typeof made === 'string') return { index, call: null, report: JSON.parse(made), error: null }
    const call = processed(made, config)
    return { index, call, report: call.report, error: null }
  }

  async function* results({ threads, signal, onProgress, tracks, strict, iterator, total, config, limit, holder }) {
    const { ring, wait } = bell()
    const stop = new AbortController()
    const keep = (index, made) => kept(index, made, JSON.parse(config))
    let batch
    try {
      batch = new native.CallBatch(config, threads, tracks, strict, ring)
    } catch (error) {
      throw translated(error, holder)
    }
    const intake = new Intake(iterator, batch, { limit, strict, room: 2 * threads, stop, ring })
    const halt = () => {
      batch.cancel()
      stop.abort(signal?.reason)
      ring()
    }
    const after = [onAbort(signal, halt), stoppedAtExit(batch)]
    try {
      for (;;) {
        if (signal?.aborted) throw translated(cancelled(signal), holder)
        intake.pull()
        const result = intake.take(keep)
        if (result) {
          if (result.error) result.error = translated(result.error, holder)
          intake.pull()
          onProgress?.({ callsDone: result.index + 1, callsTotal: total })
          yield result
        } else if (intake.isDone) {
          if (intake.failure) throw intake.failure.error
          return
        } else {
          await wait(intake.pushed > intake.taken)
        }
      }
    } finally {
      const before = intake.ended
      intake.ended = true
      halt()
      for (const cleanUp of after) cleanUp()
      for (const index of [...intake.spooled.keys()]) intake.discard(index)
      if (!before) void Promise.resolve(iterator.return?.()).catch(() => {})
    }
  }

  return processBatch
}

module.exports = { batchOver }
