'use strict'

const { setImmediate: nextTurn } = require('node:timers/promises')
const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { refuse, refuseUnknown } = require('./errors.cjs')

const FIELDS = ['role', 'party', 'startedAt', 'channel', 'name', 'offsetMs', 'offsetUncertaintyMs']

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

/** How much is copied in one turn of the event loop: less than a millisecond of work. */
const SLICE = 1 << 20

/** Lets go of a stream that is not read on; what becomes of it is nobody's concern any more. */
function release(stream) {
  const end = () => {
    stream.on?.('error', () => {})
    if (typeof stream.destroy === 'function') return stream.destroy()
    return typeof stream.cancel === 'function' ? stream.cancel() : stream.return?.()
  }
  new Promise((resolve) => resolve(end())).catch(() => {})
}

/** Lets go of all streams among a call's inputs. */
function releaseAll(inputs) {
  const list = inputs?.[DOCUMENT] ? Object.values(inputs.audio) : Array.isArray(inputs) ? inputs : [inputs]
  for (const item of list) {
    const stream = isRecording(item) ? item : item?.source
    if (typeof stream?.[Symbol.asyncIterator] === 'function') release(stream)
  }
}

/** The chunks of a stream, one by one. A web stream's iterator could not end while it waits for a chunk; its reader can. */
function chunksOf(stream) {
  if (typeof stream.getReader !== 'function') {
    const chunks = stream[Symbol.asyncIterator]()
    const end = () => {
      stream.destroy?.()
      return chunks.return?.()
    }
    return { next: () => chunks.next(), end }
  }
  const reader = stream.getReader()
  const end = () => {
    const ended = reader.cancel()
    reader.releaseLock()
    return ended
  }
  return { next: () => reader.read(), end }
}

/**
 * All bytes of a stream. Where the stream is longer than the core's limit, reading stops: the core refuses what has
 * been read, with the numbers.
 */
async function collect(stream, limit, signal) {
  const bytes = new native.Bytes()
  const chunks = chunksOf(stream)
  let size = 0
  try {
    while (size <= limit) {
      const { done, value } = await unlessAborted(Promise.resolve(chunks.next()), signal)
      if (done) return bytes
      if (!(value instanceof Uint8Array)) throw refuse('a stream of bytes', typeof value, 'chunks of Uint8Array')
      bytes.append(value)
      size += value.byteLength
    }
    return bytes
  } finally {
    new Promise((resolve) => resolve(chunks.end())).catch(() => {})
  }
}

/** The inputs with their bytes out of JavaScript's memory, copied slice by slice so that the event loop stays free. */
async function copied(specs, signal) {
  const out = []
  let room = SLICE
  for (const spec of specs) {
    if (!(spec.bytes instanceof Uint8Array)) {
      out.push(spec)
      continue
    }
    const bytes = new native.Bytes(spec.bytes.byteLength)
    for (let at = 0; at < spec.bytes.byteLength; ) {
      if (room === 0) {
        await nextTurn()
        signal?.throwIfAborted()
        room = SLICE
      }
      const slice = spec.bytes.subarray(at, at + room)
      bytes.append(slice)
      at += slice.byteLength
      room -= slice.byteLength
    }
    out.push({ ...spec, bytes })
  }
  return out
}

/** Path or bytes of one recording. */
async function content(source, limit, signal) {
  if (typeof source === 'string') return { path: source }
  if (source instanceof URL) {
    if (source.protocol !== 'file:') throw refuse('an input', `a URL of ${source.protocol}`, 'a file URL')
    return { path: require('node:url').fileURLToPath(source) }
  }
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

/** One input as the compiled part takes it, but for bytes in hand, which `copied` takes over. */
async function inputSpec(item, limit, signal) {
  const given = isRecording(item) || item === null || typeof item !== 'object' ? { source: item } : item
  const spec = await content(given.source, limit, signal)
  refuseUnknown('of an input', given, ['source', ...FIELDS])
  for (const field of FIELDS) {
    const value = given[field]
    if (value !== undefined && value !== null) spec[field] = field === 'startedAt' ? moment(value) : value
  }
  return spec
}

/** One input or several, as `inputSpec` gives them. Where one cannot be read, the others are not read on. */
async function inputSpecs(inputs, limit, signal) {
  const stop = new AbortController()
  const off = onAbort(signal, () => stop.abort(signal.reason))
  const read = (item) =>
    inputSpec(item, limit, stop.signal).catch((error) => {
      stop.abort(error)
      throw error
    })
  try {
    if (inputs?.[DOCUMENT]) {
      const one = async ([key, sound]) => ({ ...(await read(sound)), key })
      const audio = await Promise.all(Object.entries(inputs.audio).map(one))
      return [{ document: JSON.stringify(inputs[DOCUMENT]) }, ...audio]
    }
    return await Promise.all((Array.isArray(inputs) ? inputs : [inputs]).map(read))
  } finally {
    off()
  }
}

module.exports = { DOCUMENT, copied, inputSpec, inputSpecs, releaseAll }
