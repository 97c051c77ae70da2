'use strict'

// Arguments checked once: what the compiled part would round, wrap or take for a default is refused
// here.

const { fileURLToPath } = require('node:url')
const { refuse, refuseUnknown } = require('./errors.cjs')

/** What a value is, for people. */
function described(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date'
  return value.constructor?.name === 'Object' ? 'an object' : (value.constructor?.name ?? 'an object')
}

/** An object of options, with known names alone where they are given. */
function optionsOf(what, options, known, name = 'options') {
  const isObject = typeof options === 'object' && options !== null
  if (!isObject || Array.isArray(options) || ArrayBuffer.isView(options) || options instanceof Map) {
    throw refuse(name, described(options), 'an object')
  }
  if (known) refuseUnknown(what, options, known)
  return options
}

/** A whole number, from 0 to what so many bits hold. */
function whole(name, value, bits = 32, least = 0) {
  const most = 2 ** bits - 1
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw refuse(name, described(value), `a whole number from ${least} to ${most}`)
}

/** A number that is finite. */
function finite(name, value) {
  if (Number.isFinite(value)) return value
  throw refuse(name, described(value), 'a finite number')
}

function flag(name, value) {
  if (typeof value === 'boolean') return value
  throw refuse(name, described(value), 'true or false')
}

function text(name, value) {
  if (typeof value === 'string') return value
  throw refuse(name, described(value), 'a string')
}

/** A value as a check has it, where it was said. */
const ifSaid = (value, check) => (value === undefined ? undefined : check(value))

/** The path of a file or a folder. */
function pathOf(name, value) {
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  if (typeof value === 'string' && value !== '') return value
  throw refuse(name, described(value), 'a path')
}

function signalOf(signal) {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw refuse('signal', described(signal), 'an AbortSignal')
}

/** A moment: JSON of another type would be refused in the parser's words. */
function momentOf(name, value) {
  if (value instanceof Date || typeof value === 'string' || Number.isFinite(value)) return value
  throw refuse(name, described(value), 'a Date, RFC 3339 or Unix seconds')
}

/** A value with nothing in it that JSON has no word for. */
function plain(path, value, above) {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return finite(path, value)
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
  const isRefused = typeof value !== 'object' || value instanceof Date || value instanceof Map || value instanceof Set
  if (isRefused || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw refuse(path, described(value), 'what JSON can say')
  }
  if (above.includes(value)) throw refuse(path, 'an object that holds itself', 'what JSON can say')
  const within = [...above, value]
  if (typeof value.toJSON === 'function') return plain(path, value.toJSON(), within)
  if (Array.isArray(value)) return Array.from(value, (item, at) => plain(`${path}[${at}]`, item, within))
  const said = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(said.map(([name, item]) => [name, plain(`${path}.${name}`, item, within)]))
}

/** A value as JSON; what JSON would drop or turn into `null` is refused with its path. */
function json(name, value) {
  return JSON.stringify(plain(name, value, []))
}

module.exports = { described, finite, flag, ifSaid, json, momentOf, optionsOf, pathOf, signalOf, text, whole }
