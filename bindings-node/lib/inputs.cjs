'use strict'

const { refuse } = require('./errors.cjs')

const FIELDS = ['role', 'party', 'startedAt', 'channel', 'name']

/** Under which a described call keeps its document, out of the way of its fields. */
const DOCUMENT = Symbol('document')

/** Whether a value is one recording by itself, not an input that says more of it. */
function isRecording(value) {
  return (
    typeof value === 'string' ||
    value instanceof URL ||
    value instanceof Uint8Array ||
    value instanceof ArrayBuffer ||
    value instanceof Blob ||
    typeof value?.[Symbol.asyncIterator] === 'function'
  )
}

/**
 * All bytes of a stream. Where the stream is longer than the core's limit, reading stops: the core refuses what has
 * been read, with the numbers.
 */
async function collect(stream, limit, signal) {
  const chunks = []
  let size = 0
  for await (const chunk of stream) {
    signal?.throwIfAborted()
    if (!(chunk instanceof Uint8Array)) throw refuse('a stream of bytes', typeof chunk, 'chunks of Uint8Array')
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > limit) break
  }
  return Buffer.concat(chunks, size)
}

/** Path or bytes of one recording. */
async function content(source, limit, signal) {
  if (typeof source === 'string') return { path: source }
  if (source instanceof URL) return { path: require('node:url').fileURLToPath(source) }
  if (source instanceof Uint8Array) return { bytes: source }
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source) }
  if (source instanceof Blob) return { bytes: await collect(source.stream(), limit, signal) }
  if (typeof source?.[Symbol.asyncIterator] === 'function') return { bytes: await collect(source, limit, signal) }
  const found = source === null ? 'null' : (source?.constructor?.name ?? typeof source)
  throw refuse('an input', found, 'a path, a file URL, a Uint8Array, an ArrayBuffer, a Blob or a stream of bytes')
}

/** When a recording began, as JSON. */
function moment(value) {
  if (value instanceof Date) return JSON.stringify(value.toISOString())
  return JSON.stringify(value)
}

/** One input as the compiled part takes it. */
async function inputSpec(item, limit, signal) {
  const given = isRecording(item) || item === null || typeof item !== 'object' ? { source: item } : item
  const spec = await content(given.source, limit, signal)
  for (const field of FIELDS) {
    const value = given[field]
    if (value !== undefined && value !== null) spec[field] = field === 'startedAt' ? moment(value) : value
  }
  return spec
}

/** One input or several as the compiled part takes them. */
async function inputSpecs(inputs, limit, signal) {
  if (inputs?.[DOCUMENT]) {
    const one = async ([key, sound]) => ({ ...(await inputSpec(sound, limit, signal)), key })
    const audio = await Promise.all(Object.entries(inputs.audio).map(one))
    return [{ document: JSON.stringify(inputs[DOCUMENT]) }, ...audio]
  }
  const list = Array.isArray(inputs) ? inputs : [inputs]
  return Promise.all(list.map((item) => inputSpec(item, limit, signal)))
}

module.exports = { DOCUMENT, inputSpec, inputSpecs }
