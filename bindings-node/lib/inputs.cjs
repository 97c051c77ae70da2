'use strict'

const { setImmediate: nextTurn } = require('node:timers/promises')
const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { CallweaveError, failed, refuse, refuseUnknown } = require('./errors.cjs')
const { Spool } = require('./spool.cjs')
const { described, finite, json, momentOf, pathOf, text, whole } = require('./values.cjs')

const FIELDS = ['role', 'party', 'startedAt', 'channel', 'name', 'offsetMs', 'offsetUncertaintyMs', 'raw']
/** What an input of samples says beside them. */
const SAMPLES = ['channels', 'sampleRateHz']

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
    value instanceof Response ||
    isSamples(value) ||
    typeof value?.[Symbol.asyncIterator] === 'function'
  )
}

/** Whether a value is samples by channel with their rate, as `decode` gives them. */
function isSamples(value) {
  return Array.isArray(value?.channels)
}

/** Whether there is a stream to be read of a recording or an input. */
function isStreamed(item) {
  const source = isRecording(item) ? item : item?.source
  const isRemote = source instanceof URL && source.protocol !== 'file:'
  return (
    isRemote ||
    source instanceof Response ||
    source instanceof Blob ||
    typeof source?.[Symbol.asyncIterator] === 'function'
  )
}

/** Whether there is a stream to be read among a call's inputs. */
function anyStreamed(inputs) {
  const list = inputs?.[DOCUMENT] ? Object.values(inputs.audio) : Array.isArray(inputs) ? inputs : [inputs]
  return list.some(isStreamed)
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
    const source = isRecording(item) ? item : item?.source
    const stream = source instanceof Response ? source.body : source
    if (typeof stream?.[Symbol.asyncIterator] === 'function' && !stream.locked) release(stream)
  }
}

/**
 * The chunks of a stream, one by one. A web stream's iterator could not end while it waits for a
 * chunk; its reader can.
 */
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

/** How much of a stream there is when its head is looked at, as long as it is in memory. */
const LOOKS = [1 << 16, 1 << 18, 1 << 20, 1 << 23]

/**
 * All bytes of a stream, in memory, or in a file where there are many. Where the stream is longer
 * than the core's limit, reading stops: the core refuses what has been read, with the numbers. One
 * chunk is asked for when the one before is kept. Where `enough` says so of the first bytes, no more
 * are read.
 */
async function collect({ stream, label }, { limit, signal, enough }) {
  const spool = new Spool()
  const chunks = chunksOf(stream)
  let looks = enough ? LOOKS : []
  try {
    while (spool.size <= limit) {
      const { done, value } = await unlessAborted(Promise.resolve(chunks.next()), signal).catch((error) => {
        if (signal?.aborted || error instanceof CallweaveError) throw error
        // What `fetch` says of a body has what happened as its cause.
        const cause = error instanceof TypeError && error.cause ? error.cause : error
        throw failed('input', label, `broke off: ${cause?.message ?? cause}`, cause)
      })
      if (done) break
      if (!(value instanceof Uint8Array)) throw refuse('a stream of bytes', described(value), 'chunks of Uint8Array')
      await spool.append(value)
      if (spool.size < looks[0]) continue
      looks = looks.filter((size) => size > spool.size)
      if (enough && spool.path === null && (await enough({ bytes: [...spool.parts], isHead: true }))) break
    }
    return await spool.finish()
  } catch (error) {
    await spool.remove()
    throw error
  } finally {
    new Promise((resolve) => resolve(chunks.end())).catch(() => {})
  }
}

/** The body of an answer over HTTP; an answer that is a refusal is an error. */
function body(response, name) {
  if (!response.ok) throw failed('input', name, `HTTP ${response.status} ${response.statusText}`.trim())
  if (response.bodyUsed) throw refuse('a response', 'one whose body was read', 'one that was not')
  return response.body ? { name, label: name, stream: response.body } : { name, bytes: new Uint8Array() }
}

/** What lies at an address. */
async function fetched(url, name, signal) {
  try {
    return body(await fetch(url, { signal }), name)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (error instanceof CallweaveError) throw error
    throw failed('input', name, `cannot be fetched: ${error.cause?.message ?? error.message}`, error.cause ?? error)
  }
}

/** Samples by channel for the compiled part. */
function samplesSpec({ channels, sampleRateHz }) {
  const float32 = channels[0] instanceof Float32Array
  const Kind = float32 ? Float32Array : Int16Array
  for (const channel of channels) {
    if (!(channel instanceof Kind))
      throw refuse('samples', described(channel), 'an Int16Array or Float32Array for each channel, all of one kind')
    if (channel.length !== channels[0].length)
      throw refuse('samples', String(channel.length), `${channels[0].length} on each channel`)
  }
  whole('sampleRateHz', sampleRateHz)
  const bytes = channels.map((channel) => new Uint8Array(channel.buffer, channel.byteOffset, channel.byteLength))
  return { bytes, samples: { float32, channels: channels.length, sampleRateHz } }
}

/**
 * The inputs with their bytes out of JavaScript's memory, copied slice by slice so that the event
 * loop stays free.
 */
async function copied(specs, signal) {
  const out = []
  let room = SLICE
  for (const spec of specs) {
    const parts = Array.isArray(spec.bytes) ? spec.bytes : [spec.bytes]
    if (!(parts[0] instanceof Uint8Array)) {
      out.push(spec.bytes === undefined || !Array.isArray(spec.bytes) ? spec : { ...spec, bytes: new native.Bytes() })
      continue
    }
    const bytes = new native.Bytes(parts.reduce((sum, part) => sum + part.byteLength, 0))
    for (const part of parts) {
      for (let at = 0; at < part.byteLength; ) {
        if (room === 0) {
          await nextTurn()
          signal?.throwIfAborted()
          room = SLICE
        }
        const slice = part.subarray(at, at + room)
        bytes.append(slice)
        at += slice.byteLength
        room -= slice.byteLength
      }
    }
    out.push({ ...spec, bytes })
  }
  return out
}

/** Path, bytes or stream of one recording; errors call it `label` where it has no name. */
async function opened(source, { given, label }, signal) {
  if (typeof source === 'string') {
    if (!/^(?:https?|file):\/\//i.test(source)) return { path: source }
    throw refuse('an input', described(source), 'a path: an address is new URL(…)')
  }
  if (source instanceof URL) {
    if (source.protocol === 'file:') return { path: pathOf('an input', source) }
    if (source.protocol === 'http:' || source.protocol === 'https:')
      return fetched(source, given ?? source.href, signal)
    throw refuse('an input', `a URL of ${source.protocol}`, 'a URL of file:, http: or https:')
  }
  if (source instanceof Uint8Array) return { bytes: source }
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source) }
  if (source instanceof Blob) return { stream: source.stream(), label }
  if (source instanceof Response) return body(source, given ?? (source.url || 'response'))
  if (isSamples(source)) return samplesSpec(source)
  if (typeof source?.[Symbol.asyncIterator] === 'function') return { stream: source, label }
  throw refuse(
    'an input',
    described(source),
    'a path, a URL, bytes, a Blob, a Response, samples with a rate or a stream of bytes',
  )
}

/** How each field of an input is checked. */
const CHECKS = {
  role: (value) => text('role', value),
  party: (value) => text('party', value),
  startedAt: (value) => json('startedAt', momentOf('startedAt', value)),
  channel: (value) => whole('channel', value, 16),
  name: (value) => text('name', value),
  offsetMs: (value) => finite('offsetMs', value),
  offsetUncertaintyMs: (value) => finite('offsetUncertaintyMs', value),
  raw: (value) => text('raw', value),
}

/** What `decode` and `normalize` tell beside samples, so that what they give can be fed back. */
const DECODED = ['gainDb']

/** The recording of an input: what it says of samples goes with them. */
function sourceOf(given) {
  const { source, channels, sampleRateHz } = given
  if (isSamples(given)) return { channels, sampleRateHz }
  if (source instanceof Int16Array || source instanceof Float32Array) return { channels: [source], sampleRateHz }
  if (sampleRateHz !== undefined) throw refuse('sampleRateHz', 'a recording that has its own', 'samples with it')
  return source
}

/** An input with its fields; what is a recording by itself has none. */
function givenOf(item) {
  if (ArrayBuffer.isView(item) && !(item instanceof Uint8Array)) {
    throw refuse('an input', described(item), '{ source, sampleRateHz } for samples, a Uint8Array for bytes')
  }
  if ((isRecording(item) && !isSamples(item)) || item === null || typeof item !== 'object') return { source: item }
  return item
}

/**
 * One input as the compiled part takes it, but for bytes in hand, which `copied` takes over. Where
 * it may be missing (`lenient`), a stream that cannot be read is one that the compiled part cannot
 * read either.
 */
async function inputSpec(item, { limit, signal, index = 0, key, lenient = false, unused = [], enough }) {
  const given = givenOf(item)
  refuseUnknown('of an input', given, ['source', ...FIELDS, ...SAMPLES, ...(isSamples(item) ? DECODED : [])])
  const fields = {}
  for (const field of FIELDS) {
    const value = given[field]
    if (value === undefined || value === null) continue
    if (unused.includes(field)) throw refuse(field, described(value), 'nothing: it is not used here')
    fields[field] = CHECKS[field](value)
  }
  const label = fields.name ?? key ?? `input-${index}`
  try {
    const found = await opened(sourceOf(given), { given: fields.name, label }, signal)
    if (!found.stream) return { ...found, ...fields }
    const look = enough && ((head) => enough({ ...head, name: found.name, ...fields }))
    return { name: found.name, ...(await collect(found, { limit, signal, enough: look })), ...fields }
  } catch (error) {
    if (!lenient || signal?.aborted || error?.code !== 'io') throw error
    return { name: error.input, ...fields, failed: error.reason }
  }
}

/**
 * One input or several, as `inputSpec` gives them. Where one cannot be read, the others are not
 * read on, unless it may be missing.
 */
async function inputSpecs(inputs, { limit, signal, strict }) {
  signal?.throwIfAborted()
  const stop = new AbortController()
  const off = onAbort(signal, () => stop.abort(signal.reason))
  const read = (item, index, key) =>
    inputSpec(item, { limit, signal: stop.signal, index, key, lenient: !strict }).catch((error) => {
      stop.abort(error)
      throw error
    })
  try {
    if (inputs?.[DOCUMENT]) {
      const one = async ([key, sound], index) => ({ ...(await read(sound, index, key)), key })
      const audio = await Promise.all(Object.entries(inputs.audio).map(one))
      return [{ document: json('a document', inputs[DOCUMENT]) }, ...audio]
    }
    const list = Array.isArray(inputs) ? inputs : [inputs]
    return await Promise.all(list.map((item, index) => read(item, index)))
  } finally {
    off()
  }
}

/**
 * Removes the files that keep streams; those of work that goes on are open and stay readable where
 * the system allows that.
 */
function discard(specs) {
  for (const { path, isTemporary } of specs) if (isTemporary) Spool.discard(path)
}

module.exports = { DOCUMENT, anyStreamed, copied, discard, inputSpec, inputSpecs, releaseAll }
