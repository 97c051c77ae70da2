'use strict'

const { onAbort, unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { batchOver } = require('./batch.cjs')
const { CallweaveError, calledFrom, calling, cancelled, refuse, refuseUnknown, translated } = require('./errors.cjs')
const { stoppedAtExit } = require('./exit.cjs')
const { anyStreamed, copied, discard, inputSpec, inputSpecs, releaseAll } = require('./inputs.cjs')
const { AmrPackets, LiveCall, SpeechStream, endsIn } = require('./live.cjs')
const provider = require('./provider.cjs')
const { inTurn, readingTurn } = require('./queue.cjs')
const { mixStreamOf } = require('./mix-stream.cjs')

const version = native.version()
const errorCodes = Object.freeze(native.errorCodes())

function resolveConfig(config = {}) {
  try {
    return JSON.parse(native.readConfig(JSON.stringify(config)))
  } catch (error) {
    throw translated(error, calledFrom(resolveConfig))
  }
}

const OF_WORK = ['config', 'signal']
const OF_CALL = [...OF_WORK, 'roles', 'strict', 'onProgress']
const OF_FACTS = [...OF_CALL, 'facts']
const OF_CHUNKS = ['longestMs', 'padMs', 'mergeGapMs', 'sampleRateHz', 'signal']
const OF_MIX = ['rate', 'layout', 'format', 'level']
const OF_WRITE = [
  'mix',
  'page',
  'embedAudio',
  'peaks',
  'series',
  'labels',
  'showParties',
  'redactedTracks',
  'keepUnsure',
  'signal',
]

/** The options of a call, checked for what only JavaScript can get wrong. */
function checked(options, known) {
  if (options === null || typeof options !== 'object') throw refuse('options', typeof options, 'an object')
  refuseUnknown('an option', options, known)
  const { signal, onProgress, config = {}, roles = [], strict = true } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse('signal', typeof signal, 'an AbortSignal')
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw refuse('onProgress', typeof onProgress, 'a function')
  }
  if (!Array.isArray(roles)) throw refuse('roles', typeof roles, 'an array of roles')
  if (typeof strict !== 'boolean') throw refuse('strict', String(strict), 'true or false')
  const text = JSON.stringify(config)
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
  const { signal } = settings
  const gather = (limit) => inputSpecs(inputs, limit, signal)
  return read(inputs, settings, gather, (ready) =>
    inTurn({ wide: true, signal }, async (threads) => work(await ready(), threads)),
  )
}

/**
 * Work on one recording, in the same way; `brief` work, which takes milliseconds, does not wait
 * behind calls.
 */
async function onRecording(recording, settings, work) {
  const { signal, wide, settles, brief } = settings
  const gather = async (limit) => [await inputSpec(recording, limit, signal)]
  return read(recording, settings, gather, (ready) => {
    const begin = async (threads) => work(...(await ready()), threads)
    return brief ? unlessAborted(begin(1), signal) : inTurn({ wide, settles, signal }, begin)
  })
}

function audioOf({ channels, sampleRateHz }) {
  return { channels, sampleRateHz }
}

/**
 * The options for a mix: those of the call, with the mix's own before them; what is `undefined` was
 * not said.
 */
function mixConfig(config, mix) {
  if (mix !== undefined && (mix === null || typeof mix !== 'object')) throw refuse('a mix', String(mix), 'an object')
  refuseUnknown('an option of a mix', mix ?? {}, OF_MIX)
  const said = Object.entries(mix ?? {}).filter(([, value]) => value !== undefined)
  return JSON.stringify(said.length > 0 ? { ...config, mix: { ...config.mix, ...Object.fromEntries(said) } } : config)
}

/** The options of `write`; up to 1.0 the mix may also come before them, by itself. */
function writeOptions([first, second]) {
  const isMix = second !== undefined || Object.keys(first ?? {}).some((name) => OF_MIX.includes(name))
  return isMix ? { ...second, mix: first ?? undefined } : (first ?? {})
}

// `Symbol.dispose` came with Node 20.
Symbol.dispose ??= Symbol.for('nodejs.dispose')

class Processed {
  #inner
  #config
  #json
  #report
  /** Streams of the mix that are open. */
  #streams = new Set()
  #released = false

  constructor(inner, config) {
    this.#inner = inner
    this.#config = config
    this.#json = inner.reportJson()
  }

  get report() {
    this.#report ??= JSON.parse(this.#json)
    return this.#report
  }

  get reportJson() {
    return this.#json
  }

  async mix(mix, options = {}) {
    return run(this.mix, [options, OF_WORK], ({ signal, cancel }) =>
      inTurn({ known: true, signal }, async (threads) => {
        return audioOf(await this.#inner.mix(mixConfig(this.#config, mix), threads, cancel))
      }),
    )
  }

  mixStream(options = {}) {
    const { signal, ...mix } = options
    const holder = calledFrom(this.mixStream)
    try {
      refuseUnknown('an option of mixStream', options, [...OF_MIX, 'signal'])
      checked({ signal }, OF_WORK)
      this.#alive()
      const cancel = new native.CancelSwitch()
      const stream = mixStreamOf(this.#inner.mixStream(mixConfig(this.#config, mix), cancel), cancel, {
        signal,
        holder,
      })
      this.#streams.add(stream)
      stream.once('close', () => this.#streams.delete(stream))
      return stream
    } catch (error) {
      throw translated(error, holder)
    }
  }

  labels(format, options = {}) {
    const holder = calledFrom(this.labels)
    try {
      refuseUnknown('an option of labels', options, ['showParties'])
      const { showParties = false } = options
      return native.labels(this.#json, String(format), showParties)
    } catch (error) {
      throw translated(error, holder)
    }
  }

  async page(options = {}) {
    return run(this.page, [options, ['mix', 'showParties', 'signal']], ({ signal, cancel }) => {
      const { mix, showParties = false } = options
      const page = () => this.#inner.page(mixConfig(this.#config, mix), showParties, cancel)
      return inTurn({ known: true, signal }, page)
    })
  }

  /** Lets go of the samples now. */
  [Symbol.dispose]() {
    for (const stream of this.#streams) stream.destroy()
    this.#released = true
    this.#inner.release()
  }

  #alive() {
    if (this.#released) throw refuse('a call', 'one whose samples were let go of', 'one that was not disposed of')
  }

  /** Waits for streams of the mix: what changes the call comes after them. */
  async #quiet(signal) {
    this.#alive()
    const ended = [...this.#streams].map((stream) => new Promise((resolve) => stream.once('close', resolve)))
    if (ended.length > 0) await unlessAborted(Promise.all(ended), signal)
  }

  async write(folder, ...said) {
    const options = writeOptions(said)
    return run(this.write, [options, OF_WRITE], async ({ signal, cancel }) => {
      await this.#quiet(signal)
      const { mix, page = true, embedAudio = false, peaks, series = false, labels = [], showParties = false } = options
      const { redactedTracks, keepUnsure = false } = options
      if (!Array.isArray(labels)) throw refuse('labels', typeof labels, 'an array of formats')
      const spec = { page, embedAudio, peaks, series, labels, showParties, redactedTracks, keepUnsure }
      const write = (threads) => this.#inner.write(String(folder), mixConfig(this.#config, mix), spec, threads, cancel)
      return this.#changed(await inTurn({ wide: true, known: true, settles: true, signal }, write))
    })
  }

  async redact({ spans = [], keys = false, unsure = false, cover = 'silence', ...more } = {}, options = {}) {
    return run(this.redact, [options, OF_WORK], async ({ signal }) => {
      refuseUnknown('of a redaction', more, [])
      await this.#quiet(signal)
      const redact = () => this.#inner.redact(JSON.stringify({ spans, keys, unsure, cover }))
      return this.#changed(await inTurn({ known: true, settles: true, signal }, redact))
    })
  }

  async series(options = {}) {
    return run(this.series, [options, OF_WORK], async ({ signal }) =>
      JSON.parse(await inTurn({ known: true, signal }, () => this.#inner.series())),
    )
  }

  chunks(options = {}) {
    return this.#chunks(options, calledFrom(this.chunks))
  }

  async *#chunks(options, holder) {
    const { longestMs, padMs, mergeGapMs, sampleRateHz, signal } = options
    try {
      refuseUnknown('an option of chunks', options, OF_CHUNKS)
      checked({ signal }, OF_WORK)
      const plan = () => this.#inner.chunks(JSON.stringify(this.#config), longestMs, padMs, mergeGapMs)
      const chunks = JSON.parse(await inTurn({ known: true, signal }, plan))
      for (const { placed, parts, knots, ...told } of chunks) {
        const chunk = { placed, voice: told.voice ?? undefined, parts, padMs, rateHz: sampleRateHz }
        const { samples, sampleRateHz: hz } = await inTurn({ known: true, signal }, () => this.#inner.cut(chunk))
        const toCall = (ms) => native.toCall(knots, ms)
        yield { ...told, samples, sampleRateHz: hz, toCall }
      }
    } catch (error) {
      throw translated(signal?.aborted && error === signal.reason ? cancelled(signal) : error, holder)
    }
  }

  #changed(json) {
    this.#json = json
    this.#report = undefined
    return this.report
  }
}

/** What a phone system knows of a call, as the core reads it; dates become RFC 3339. */
function factsOf({ facts = [] }) {
  if (!Array.isArray(facts)) throw refuse('facts', typeof facts, 'an array')
  return facts.length > 0 ? JSON.stringify(facts) : undefined
}

async function processCall(inputs, options = {}) {
  return run(
    processCall,
    [options, OF_FACTS],
    async (settings) => {
      const { hear, config, roles, strict, cancel } = settings
      const facts = factsOf(options)
      const work = (specs, threads) => native.process(specs, { roles, facts, strict }, config, threads, cancel, hear)
      return new Processed(await onCall(inputs, settings, work), JSON.parse(config))
    },
    inputs,
  )
}

async function analyze(inputs, options = {}) {
  return run(
    analyze,
    [options, OF_FACTS],
    async (settings) => {
      const { hear, config, roles, strict, cancel } = settings
      const facts = factsOf(options)
      const work = (specs, threads) => native.analyze(specs, { roles, facts, strict }, config, threads, cancel, hear)
      return JSON.parse(await onCall(inputs, settings, work))
    },
    inputs,
  )
}

async function evaluate(folder, options = {}) {
  const known = [...OF_WORK, 'seed', 'kinds', 'roles', 'labels']
  return run(evaluate, [options, known], async ({ config, cancel, signal }) => {
    const { seed, kinds = [], roles = [], labels } = options
    const spec = JSON.stringify({ seed, kinds, roles, labels: labels === undefined ? undefined : String(labels) })
    const work = (threads) => native.evaluate(String(folder), spec, config, threads, cancel)
    return told(await inTurn({ wide: true, signal }, work))
  })
}

function calibrate(evaluation, name = 'calibrated') {
  try {
    return JSON.parse(native.calibrate(JSON.stringify(evaluation), String(name)))
  } catch (error) {
    throw translated(error, calledFrom(calibrate))
  }
}

async function calibrateByReports(reports, options = {}) {
  return run(calibrateByReports, [options, ['name', 'evaluation', 'signal']], async ({ cancel, signal }) => {
    const { name = 'calibrated', evaluation } = options
    const folders = (Array.isArray(reports) ? reports : [reports]).map(String)
    const text = evaluation === undefined ? undefined : JSON.stringify(evaluation)
    const work = (threads) => native.calibrateByReports(text, String(name), folders, threads, cancel)
    const [profile] = await inTurn({ signal }, work)
    return JSON.parse(profile)
  })
}

async function compare(before, after, options = {}) {
  return run(compare, [options, ['signal']], async ({ signal }) => {
    const work = (threads) => native.compare(String(before), after === undefined ? undefined : String(after), threads)
    return told(await inTurn({ signal }, work))
  })
}

/** Counts, with `toString` for people. */
function told([json, text]) {
  return Object.defineProperty(JSON.parse(json), 'toString', { value: () => text })
}

async function align(inputs, options = {}) {
  return calling(align, async () =>
    (await analyze(inputs, { ...options, strict: false })).tracks.map((track) => track.alignment),
  )
}

async function detectSpeech(recording, options = {}) {
  return calling(detectSpeech, async () => (await analyze(recording, options)).tracks.map((track) => track.speech))
}

async function mix(inputs, options = {}) {
  return calling(mix, async () => (await processCall(inputs, options)).mix(undefined, { signal: options.signal }))
}

async function redact(inputs, what = {}, options = {}) {
  return calling(redact, async () => {
    const call = await processCall(inputs, options)
    await call.redact(what, { signal: options.signal })
    return call
  })
}

function chunks(inputs, options = {}) {
  return chunksOf(inputs, options, calledFrom(chunks))
}

async function* chunksOf(inputs, options, holder) {
  try {
    const { longestMs, padMs, mergeGapMs, sampleRateHz, ...rest } = options
    const call = await processCall(inputs, rest)
    yield* call.chunks({ longestMs, padMs, mergeGapMs, sampleRateHz, signal: options.signal })
  } catch (error) {
    throw translated(error, holder)
  }
}

async function peaks(recording, options = {}) {
  return run(
    peaks,
    [options, [...OF_WORK, 'pointsPerSecond', 'bits', 'onProgress']],
    (settings) => {
      const { pointsPerSecond, bits } = options
      const { hear, config, cancel } = settings
      const work = (spec, threads) => native.peaks(spec, pointsPerSecond, bits, config, threads, cancel, hear)
      return onRecording(recording, settings, work)
    },
    recording,
  )
}

endsIn((inner, config) => new Processed(inner, config))

const processBatch = batchOver((inner, config) => new Processed(inner, config), resolveConfig)

async function probe(recording, options = {}) {
  return run(
    probe,
    [options, [...OF_WORK, 'quick']],
    async (settings) => {
      const { quick = false } = options
      if (typeof quick !== 'boolean') throw refuse('quick', String(quick), 'true or false')
      const work = (spec, threads) => native.probe(spec, quick, settings.config, threads)
      return JSON.parse(await onRecording(recording, { ...settings, brief: quick }, work))
    },
    recording,
  )
}

async function decode(recording, options = {}) {
  return run(
    decode,
    [options, [...OF_WORK, 'type']],
    async (settings) => {
      const { type = 'float32' } = options
      if (type !== 'float32' && type !== 'int16') throw refuse('type', String(type), 'float32 or int16')
      const { config, cancel } = settings
      const work = (spec, threads) => native.decode(spec, type === 'float32', config, threads, cancel)
      const parts = await onRecording(recording, settings, work)
      return { ...audioOf(parts), source: JSON.parse(parts.source) }
    },
    recording,
  )
}

async function normalize(recording, options = {}) {
  return run(
    normalize,
    [options, [...OF_WORK, 'rate', 'level', 'layout', 'output', 'onProgress']],
    async (settings) => {
      const { rate, level, layout, output } = options
      const { hear, config, cancel } = settings
      const wanted = mixConfig(JSON.parse(config), { rate, level, layout })
      const path = output === undefined ? undefined : String(output)
      const work = (spec, threads) => native.normalize(spec, path, wanted, threads, cancel, hear)
      const parts = await onRecording(recording, { ...settings, wide: true, settles: path !== undefined }, work)
      const audio = path === undefined ? audioOf(parts) : null
      return { audio, sampleRateHz: parts.sampleRateHz, source: JSON.parse(parts.source), gainDb: parts.gainDb }
    },
    recording,
  )
}

module.exports = {
  AmrPackets,
  CallweaveError,
  LiveCall,
  Processed,
  SpeechStream,
  align,
  analyze,
  calibrate,
  calibrateByReports,
  chunks,
  compare,
  decode,
  detectSpeech,
  errorCodes,
  evaluate,
  mix,
  normalize,
  peaks,
  probe,
  process: processCall,
  processBatch,
  processCall,
  provider,
  redact,
  resolveConfig,
  version,
}
