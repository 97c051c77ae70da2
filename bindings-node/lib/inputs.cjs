'use strict'

const { setImmediate: nextTurn } = require('node:timers/promises')
const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { CallweaveError, failed, refuse, refuseUnknown } = require('./errors.cjs')
const { Spool } = require('./spool.cjs')

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

/**
 * All bytes of a stream, in memory, or in a file where there are many. Where the stream is longer
 * than the core's limit, reading stops: the core refuses what has been read, with the numbers. One
 * chunk is asked for when the one before is kept.
 */
async function collect(stream, limit, signal) {
  const spool = new Spool()
  const chunks = chunksOf(stream)
  try {
    while (spool.size <= limit) {
      const { done, value } = await unlessAborted(Promise.resolve(chunks.next()), signal)
      if (done) break
      if (!(value instanceof Uint8Array)) throw refuse('a stream of bytes', typeof value, 'chunks of Uint8Array')
      await spool.append(value)
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
async function body(response, limit, signal) {
  const name = response.url || 'response'
  if (!response.ok) throw failed('input', name, `HTTP ${response.status} ${response.statusText}`.trim())
  if (response.bodyUsed) throw refuse('a response', 'one whose body was read', 'one that was not')
  if (!response.body) return { name, bytes: new Uint8Array() }
  try {
    return { name, ...(await collect(response.body, limit, signal)) }
  } catch (error) {
    if (signal?.aborted || error instanceof CallweaveError) throw error
    throw failed('input', name, `broke off: ${error.cause?.message ?? error.message}`, error.cause ?? error)
  }
}

/** What lies at an address. */
async function fetched(url, limit, signal) {
  let response
  try {
    response = await fetch(url, { signal })
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw failed('input', url.href, `cannot be fetched: ${error.cause?.message ?? error.message}`, error.cause ?? error)
  }
  return { ...(await body(response, limit, signal)), name: url.href }
}

/** Samples by channel for the compiled part. */
function samplesSpec({ channels, sampleRateHz }) {
  const float32 = channels[0] instanceof Float32Array
  const Kind = float32 ? Float32Array : Int16Array
  for (const channel of channels) {
    const found = channel?.constructor?.name ?? typeof channel
    if (!(channel instanceof Kind))
      throw refuse('samples', found, 'an Int16Array or Float32Array for each channel, all of one kind')
    if (channel.length !== channels[0].length)
      throw refuse('samples', channel.length, `${channels[0].length} on each channel`)
  }
  if (typeof sampleRateHz !== 'number') throw refuse('sampleRateHz', typeof sampleRateHz, 'a number with the samples')
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

/** Path or bytes of one recording. */
async function content(source, limit, signal) {
  if (typeof source === 'string') return { path: source }
  if (source instanceof URL) {
    if (source.protocol === 'file:') return { path: require('node:url').fileURLToPath(source) }
    if (source.protocol === 'http:' || source.protocol === 'https:') return fetched(source, limit, signal)
    throw refuse('an input', `a URL of ${source.protocol}`, 'a URL of file:, http: or https:')
  }
  if (source instanceof Uint8Array) return { bytes: source }
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source) }
  if (source instanceof Blob) return collect(source.stream(), limit, signal)
  if (source instanceof Response) return body(source, limit, signal)
  if (isSamples(source)) return samplesSpec(source)
  if (typeof source?.[Symbol.asyncIterator] === 'function') return collect(source, limit, signal)
  const found = source === null ? 'null' : (source?.constructor?.name ?? typeof source)
  throw refuse('an input', found, 'a path, a URL, bytes, a Blob, a Response, samples with a rate or a stream of bytes')
}

/** When a recording began, as JSON. */
function moment(value) {
  if (value instanceof Date) return JSON.stringify(value.toISOString())
  return JSON.stringify(value)
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

/** One input as the compiled part takes it, but for bytes in hand, which `copied` takes over. */
async function inputSpec(item, limit, signal) {
  const given =
    isRecording(item) && !isSamples(item)
      ? { source: item }
      : item === null || typeof item !== 'object'
        ? { source: item }
        : item
  refuseUnknown('of an input', given, ['source', ...FIELDS, ...SAMPLES, ...(isSamples(item) ? DECODED : [])])
  const spec = await content(sourceOf(given), limit, signal)
  for (const field of FIELDS) {
    const value = given[field]
    if (value !== undefined && value !== null) spec[field] = field === 'startedAt' ? moment(value) : value
  }
  return spec
}

/**
 * One input or several, as `inputSpec` gives them. Where one cannot be read, the others are not
 * read on.
 */
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

/**
 * Removes the files that keep streams; those of work that goes on are open and stay readable where
 * the system allows that.
 */
function discard(specs) {
  for (const { path, isTemporary } of specs) if (isTemporary) Spool.discard(path)
}

module.exports = { DOCUMENT, anyStreamed, copied, discard, inputSpec, inputSpecs, releaseAll }
