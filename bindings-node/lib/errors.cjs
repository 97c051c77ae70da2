'use strict'

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

/** A CallweaveError for an error from the compiled part, with the stack of `caller`'s caller; others' errors stay as they are. */
function translated(error, caller, cause) {
  const fields = fieldsOf(error)
  const made = fields ? new CallweaveError(fields, cause === undefined ? undefined : { cause }) : error
  if (made instanceof CallweaveError && caller.stack) {
    made.stack = `${made.name}: ${made.message}\n${caller.stack.split('\n').slice(1).join('\n')}`
  }
  return made
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

/** An argument that makes no sense, refused before any work. */
function refuse(reason, found, expected) {
  const text = `config: ${reason}: found ${found}, expected ${expected}`
  return new CallweaveError({ code: 'invalid_argument', stage: 'config', text, reason, found, expected })
}

/** Work that a signal stopped. */
function cancelled(signal) {
  const text = 'input: cancelled'
  return new CallweaveError({ code: 'cancelled', stage: 'input', text, reason: 'cancelled' }, { cause: signal.reason })
}

module.exports = { CallweaveError, calledFrom, calling, cancelled, refuse, translated }
