'use strict'

// How work is done: its options are checked, its streams read, its turn waited for; a signal stops
// it.

const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { calledFrom, cancelled, refuse, translated } = require('./errors.cjs')
const { stoppedAtExit } = require('./exit.cjs')
const { anyStreamed, copied, discard, inputSpec, inputSpecs, releaseAll } = require('./inputs.cjs')
const { inTurn, readingTurn } = require('./queue.cjs')
const { described, flag, json, optionsOf, signalOf } = require('./values.cjs')

/** What is said of a recording for its call alone. */
const OF_CALLS = ['role', 'party', 'startedAt', 'offsetMs', 'offsetUncertaintyMs']

/** The options of a call, checked for what only JavaScript can get wrong. */
function checked(options, known) {
  optionsOf('an option', options, known)
  const { signal, onProgress, config = {}, roles = [], strict = true } = options
  signalOf(signal)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw refuse('onProgress', described(onProgress), 'a function')
  }
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) {
    throw refuse('roles', described(roles), 'an array of roles')
  }
  flag('strict', strict)
  const text = json('config', config)
  const limit = JSON.parse(native.readConfig(text)).decode.maxBytes
  return { signal, onProgress, config: text, roles, strict, limit }
}

/**
 * Progress as the native half tells it; what the caller's function throws stops the work, and is
 * kept in `thrown`.
 */
function listener({ signal, onProgress }, cancel, thrown) {
  if (!onProgress) return undefined
  return (stage, bytesDone, bytesTotal) => {
    if (signal?.aborted || thrown.length > 0) return
    try {
      onProgress({ stage, bytesDone, bytesTotal })
    } catch (error) {
      thrown.push(error)
      cancel.cancel()
    }
  }
}

/**
 * Does work that an AbortSignal can stop, before it begins and while it goes on; errors get the
 * caller's stack. Where it fails, however early, no stream of its inputs stays open.
 */
async function run(caller, [options, known], work, inputs) {
  const holder = calledFrom(caller)
  const after = []
  const thrown = []
  let signal
  try {
    const settings = checked(options, known)
    signal = settings.signal
    if (signal?.aborted) throw cancelled(signal)
    const cancel = new native.CancelSwitch()
    after.push(
      stoppedAtExit(cancel),
      onAbort(signal, () => cancel.cancel()),
    )
    const done = await work({ ...settings, cancel, hear: listener(settings, cancel, thrown) })
    if (thrown.length > 0) throw thrown[0]
    return done
  } catch (error) {
    releaseAll(inputs)
    if (thrown.length > 0) throw thrown[0]
    const aborted = signal?.aborted && error === signal.reason
    throw translated(aborted ? cancelled(signal) : error, holder, signal?.aborted ? signal.reason : undefined)
  } finally {
    for (const cleanUp of after) cleanUp()
  }
}

/**
 * Reads streams when their turn comes, then does work when its own does; what kept them is removed
 * when it ends.
 */
async function read(inputs, { limit, signal }, gather, work) {
  const done = anyStreamed(inputs) ? await readingTurn(signal) : () => {}
  let specs = []
  try {
    specs = await gather(limit, signal)
    return await work(async () => {
      const ready = await copied(specs, signal)
      specs = specs.map(({ path, isTemporary }) => ({ path, isTemporary }))
      done()
      return ready
    })
  } finally {
    done()
    discard(specs)
  }
}

/** Work on a whole call. */
async function onCall(inputs, settings, work) {
  const { signal, strict } = settings
  const gather = (limit) => inputSpecs(inputs, { limit, signal, strict })
  return read(inputs, settings, gather, (ready) =>
    inTurn({ wide: true, signal }, async (threads) => work(await ready(), threads)),
  )
}

/**
 * Work on one recording, in the same way, but `quick` work: it takes milliseconds, does not wait
 * behind calls, and is asked again with more of a stream until it has had enough.
 */
async function onRecording(recording, settings, work) {
  const { signal, wide, settles, quick, unused = [] } = settings
  let answer
  const enough = async (head) => {
    const [spec] = await copied([head], signal)
    const asked = unlessAborted(work(spec, 1), signal)
    const found = await asked.catch((error) => {
      if (!spec.bytes.starved) throw error
    })
    if (spec.bytes.starved) return false
    answer = found
    return true
  }
  const options = { unused: [...OF_CALLS, ...unused], signal, enough: quick ? enough : undefined }
  const gather = async (limit) => [await inputSpec(recording, { ...options, limit })]
  return read(recording, settings, gather, (ready) => {
    const begin = async (threads) => answer ?? work(...(await ready()), threads)
    return quick ? unlessAborted(begin(1), signal) : inTurn({ wide, settles, signal }, begin)
  })
}

module.exports = { checked, onCall, onRecording, run }
