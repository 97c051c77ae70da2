'use strict'

// Many calls, several at a time, in order.

const { onAbort, unlessAborted } = require('./abort.cjs')
const { calledFrom, cancelled, refuse, translated } = require('./errors.cjs')
const native = require('./native.cjs')

/** Lets so many pieces of work run at a time, in the order in which they were asked for. */
function limiter(most) {
  let free = most
  const waiting = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

function checked(calls, options) {
  if (options === null || typeof options !== 'object') throw refuse('options', typeof options, 'an object')
  const { threads = native.parallelism(), signal, onProgress, tracks = true } = options
  const iterator = calls?.[Symbol.asyncIterator]?.() ?? calls?.[Symbol.iterator]?.()
  if (!iterator || typeof calls === 'string') throw refuse('calls', typeof calls, 'an iterable or async iterable of calls')
  if (!Number.isInteger(threads) || threads < 1) throw refuse('threads', String(threads), 'a number from 1 on')
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse('signal', typeof signal, 'an AbortSignal')
  if (onProgress !== undefined && typeof onProgress !== 'function') throw refuse('onProgress', typeof onProgress, 'a function')
  return { threads, signal, onProgress, tracks, iterator }
}

/** `processBatch` by what works on one call: `process` and `analyze`. */
function batchOver(process, analyze, resolveConfig) {
  function processBatch(calls, options = {}) {
    const settings = checked(calls, options)
    resolveConfig(options.config)
    const total = Array.isArray(calls) ? calls.length : null
    return results({ ...settings, config: options.config, total, holder: calledFrom(processBatch) })
  }

  async function one(index, call, { config, tracks, holder }, signal) {
    try {
      if (!tracks) return { index, call: null, report: await analyze(call, { config, signal }), error: null }
      const processed = await process(call, { config, signal })
      return { index, call: processed, report: processed.report, error: null }
    } catch (error) {
      return { index, call: null, report: null, error: translated(error, holder) }
    }
  }

  async function* results(settings) {
    const { threads, signal, onProgress, iterator, total } = settings
    const stop = new AbortController()
    const off = onAbort(signal, () => stop.abort(signal.reason))
    const limited = limiter(threads)
    const begun = []
    let count = 0
    let pulling = null
    let ended = false
    let failure

    // Asks for the next call while there is room: two for each thread, in work or waiting to be taken.
    const pull = () => {
      if (pulling || ended || begun.length >= 2 * threads) return
      pulling = new Promise((resolve) => resolve(iterator.next())).then(
        ({ done, value }) => {
          pulling = null
          if (done) ended = true
          else {
            const index = count
            count += 1
            begun.push(limited(() => one(index, value, settings, stop.signal)))
            pull()
          }
        },
        (error) => {
          pulling = null
          ended = true
          failure = { error }
        },
      )
    }

    try {
      if (signal?.aborted) throw translated(cancelled(signal), settings.holder)
      for (;;) {
        pull()
        if (begun.length > 0) {
          const result = await begun[0]
          if (signal?.aborted) throw translated(cancelled(signal), settings.holder)
          begun.shift()
          pull()
          onProgress?.({ callsDone: result.index + 1, callsTotal: total })
          yield result
        } else if (pulling) {
          await unlessAborted(pulling, stop.signal).catch(() => {})
          if (signal?.aborted) throw translated(cancelled(signal), settings.holder)
        } else if (failure) {
          throw failure.error
        } else {
          return
        }
      }
    } finally {
      const before = ended
      ended = true
      stop.abort()
      off()
      if (!before) void Promise.resolve(iterator.return?.()).catch(() => {})
    }
  }

  return processBatch
}

module.exports = { batchOver }
