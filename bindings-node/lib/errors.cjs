'use strict'

const { getSystemErrorName } = require('node:util')
const native = require('./native.cjs')

/** What went wrong, in which stage, where in which input, what was found and what was expected. */
class CallweaveError extends Error {
  constructor(fields, options) {
    super(fields.text, options)
    this.name = 'CallweaveError'
    this.code = fields.code
    this.stage = fields.stage ?? null
    this.reason = fields.reason ?? fields.text
    this.input = fields.input ?? null
    this.byte = fields.byte ?? null
    this.found = fields.found ?? null
    this.expected = fields.expected ?? null
    this.errno = fields.errno ?? null
  }
}

/** The fields of an error from the compiled part, or null where the error is another's. */
function fieldsOf(error) {
  if (!(error instanceof Error) || !error.message.startsWith('{')) return null
  try {
    const fields = JSON.parse(error.message)
    return typeof fields.code === 'string' ? fields : null
  } catch {
    return null
  }
}

/** What an error of the compiled part came of, with the system's number as Node tells it. */
function causeOf({ cause, osError }) {
  if (typeof cause !== 'string') return undefined
  const made = new Error(cause)
  if (typeof osError === 'number') {
    made.errno = -osError
    try {
      made.code = getSystemErrorName(-osError)
    } catch {
      // A number that Node has no name for.
    }
  }
  return made
}

/**
 * The kind of an error that is not ours: a wrong argument of JavaScript's, or a stream's or the
 * system's refusal.
 */
function kindOf(error) {
  // What the compiled part's frame says of a value of another type.
  const refused = typeof error?.code === 'string' && /^(?:InvalidArg|\w+Expected)$/.test(error.code)
  return refused || error instanceof TypeError || error instanceof RangeError ? 'invalid_argument' : 'io'
}

/**
 * A CallweaveError for any error, with the stack of `caller`'s caller; what another's came of is
 * its cause.
 */
function translated(error, caller, cause) {
  const made = error instanceof CallweaveError ? error : wrapped(error, cause)
  if (caller.stack) made.stack = `${made.name}: ${made.message}\n${caller.stack.split('\n').slice(1).join('\n')}`
  return made
}

function wrapped(error, cause) {
  const fields = fieldsOf(error)
  if (fields) {
    const from = cause ?? causeOf(fields)
    const errno = typeof fields.osError === 'number' ? -fields.osError : null
    return new CallweaveError({ ...fields, errno }, from === undefined ? undefined : { cause: from })
  }
  const reason = error instanceof Error ? error.message : String(error)
  const errno = typeof error?.errno === 'number' ? error.errno : null
  const text = `input: ${reason}`
  return new CallweaveError({ code: kindOf(error), stage: 'input', text, reason, errno }, { cause: error })
}

/** Where a public function was called: errors of asynchronous work get this stack. */
function calledFrom(publicFunction) {
  const holder = {}
  Error.captureStackTrace(holder, publicFunction)
  return holder
}

/** What asynchronous work comes to; its errors get the stack of the public function's caller. */
async function calling(publicFunction, work) {
  const holder = calledFrom(publicFunction)
  try {
    return await work()
  } catch (error) {
    throw translated(error, holder)
  }
}

/** Does something at once; its errors get the stack of `caller`'s caller. */
function told(caller, work) {
  try {
    return work()
  } catch (error) {
    throw translated(error, calledFrom(caller))
  }
}

/** Refuses names that do not exist, with the nearest that does. */
function refuseUnknown(what, given, known) {
  for (const name of Object.keys(given)) {
    if (known.includes(name) || given[name] === undefined) continue
    const meant = native.nearestName(name, known)
    const names = known.length > 0 ? `one of ${known.join(', ')}` : 'nothing'
    const hint = meant === null ? names : `${meant} (${names})`
    throw refuse(what, name, hint)
  }
}

/** An argument that makes no sense, refused before any work. */
function refuse(reason, found, expected) {
  const text = `config: ${reason}: found ${found}, expected ${expected}`
  return new CallweaveError({ code: 'invalid_argument', stage: 'config', text, reason, found, expected })
}

/** A recording that could not be had. */
function failed(stage, input, reason, cause) {
  const text = `${stage}: ${input}: ${reason}`
  const errno = typeof cause?.errno === 'number' ? cause.errno : null
  return new CallweaveError(
    { code: 'io', stage, text, reason, input, errno },
    cause === undefined ? undefined : { cause },
  )
}

/** Work that a signal stopped. */
function cancelled(signal) {
  const text = 'input: cancelled'
  return new CallweaveError({ code: 'cancelled', stage: 'input', text, reason: 'cancelled' }, { cause: signal.reason })
}

module.exports = { CallweaveError, calledFrom, calling, cancelled, failed, refuse, refuseUnknown, told, translated }
