'use strict'

const native = require('./native.cjs')
const { batchOver } = require('./batch.cjs')
const { CallweaveError, calledFrom, cancelled, refuse, translated } = require('./errors.cjs')
const { inputSpec, inputSpecs } = require('./inputs.cjs')
const provider = require('./provider.cjs')

const version = native.version()
const errorCodes = Object.freeze(native.errorCodes())

function resolveConfig(config = {}) {
  try {
    return JSON.parse(native.readConfig(JSON.stringify(config)))
  } catch (error) {
    throw translated(error, calledFrom(resolveConfig))
  }
}

/** The options of a call, checked for what only JavaScript can get wrong. */
function checked(options) {
  if (options === null || typeof options !== 'object') throw refuse('options', typeof options, 'an object')
  const { signal, onProgress, config = {}, roles = [] } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse('signal', typeof signal, 'an AbortSignal')
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw refuse('onProgress', typeof onProgress, 'a function')
  }
  if (!Array.isArray(roles)) throw refuse('roles', typeof roles, 'an array of roles')
  const text = JSON.stringify(config)
  const limit = JSON.parse(native.readConfig(text)).decode.maxBytes
  const hear = onProgress && ((stage, bytesDone, bytesTotal) => onProgress({ stage, bytesDone, bytesTotal }))
  return { signal, hear, config: text, roles, limit }
}

/** Does work that an AbortSignal can stop, before it begins and while it goes on; errors get the caller's stack. */
async function run(caller, options, work) {
  const holder = calledFrom(caller)
  let cleanUp = () => {}
  let signal
  try {
    const settings = checked(options)
    signal = settings.signal
    if (signal?.aborted) throw cancelled(signal)
    const cancel = new native.CancelSwitch()
    if (signal) {
      const stop = () => cancel.cancel()
      signal.addEventListener('abort', stop, { once: true })
      cleanUp = () => signal.removeEventListener('abort', stop)
    }
    return await work({ ...settings, cancel })
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw cancelled(signal)
    throw translated(error, holder, signal?.aborted ? signal.reason : undefined)
  } finally {
    cleanUp()
  }
}

function audioOf({ channels, sampleRateHz }) {
  return { channels, sampleRateHz }
}

/** The options for a mix: those of the call, with the mix's own before them. */
function mixConfig(config, mix) {
  return JSON.stringify(mix ? { ...config, mix: { ...config.mix, ...mix } } : config)
}

class Processed {
  #inner
  #config
  #json
  #report

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
    return run(this.mix, options, async ({ cancel }) => audioOf(await this.#inner.mix(mixConfig(this.#config, mix), cancel)))
  }

  async write(folder, mix, options = {}) {
    return run(this.write, options, async ({ cancel }) => {
      const { page = true, embedAudio = false, peaks, series = false, labels = [], showParties = false } = options
      if (!Array.isArray(labels)) throw refuse('labels', typeof labels, 'an array of formats')
      const spec = { page, embedAudio, peaks, series, labels, showParties }
      return this.#changed(await this.#inner.write(String(folder), mixConfig(this.#config, mix), spec, cancel))
    })
  }

  async redact({ spans = [], keys = false, cover = 'silence' } = {}) {
    return run(this.redact, {}, async () => {
      return this.#changed(await this.#inner.redact(JSON.stringify({ spans, keys, cover })))
    })
  }

  async series() {
    return run(this.series, {}, async () => JSON.parse(await this.#inner.series()))
  }

  chunks(options = {}) {
    return this.#chunks(options, calledFrom(this.chunks))
  }

  async *#chunks({ longestMs = 30_000, padMs = 200, sampleRateHz = 16_000, signal } = {}, holder) {
    try {
      const { chunks, knots } = JSON.parse(await this.#inner.chunks(JSON.stringify(this.#config), longestMs, padMs))
      for (const { placed, trackStartMs, trackEndMs, ...told } of chunks) {
        if (signal?.aborted) throw cancelled(signal)
        const samples = await this.#inner.cut(placed, trackStartMs, trackEndMs, sampleRateHz)
        const toCall = (ms) => native.toCall(knots[placed], trackStartMs + ms)
        yield { ...told, samples, sampleRateHz, toCall }
      }
    } catch (error) {
      throw translated(error, holder)
    }
  }

  #changed(json) {
    this.#json = json
    this.#report = undefined
    return this.report
  }
}

async function process(inputs, options = {}) {
  return run(process, options, async ({ signal, hear, config, roles, limit, cancel }) => {
    const inner = await native.process(await inputSpecs(inputs, limit, signal), roles, config, cancel, hear)
    return new Processed(inner, JSON.parse(config))
  })
}

async function analyze(inputs, options = {}) {
  return run(analyze, options, async ({ signal, hear, config, roles, limit, cancel }) => {
    return JSON.parse(await native.analyze(await inputSpecs(inputs, limit, signal), roles, config, cancel, hear))
  })
}

async function align(inputs, options = {}) {
  const report = await analyze(inputs, options)
  return report.tracks.map((track) => track.alignment)
}

async function detectSpeech(recording, options = {}) {
  const report = await analyze(recording, options)
  return report.tracks.map((track) => track.speech)
}

async function mix(inputs, options = {}) {
  const call = await process(inputs, options)
  return call.mix(undefined, { signal: options.signal })
}

async function redact(inputs, what = {}, options = {}) {
  const call = await process(inputs, options)
  await call.redact(what)
  return call
}

async function* chunks(inputs, options = {}) {
  const call = await process(inputs, options)
  yield* call.chunks(options)
}

async function peaks(recording, options = {}) {
  return run(peaks, options, async ({ signal, hear, config, limit, cancel }) => {
    const { pointsPerSecond = 100, bits = 8 } = options
    const spec = await inputSpec(recording, limit, signal)
    return native.peaks(spec, pointsPerSecond, bits, config, cancel, hear)
  })
}

const processBatch = batchOver(process, analyze, resolveConfig)

async function probe(recording, options = {}) {
  return run(probe, options, async ({ signal, config, limit }) => {
    const { quick = false } = options
    if (typeof quick !== 'boolean') throw refuse('quick', String(quick), 'true or false')
    return JSON.parse(await native.probe(await inputSpec(recording, limit, signal), quick, config))
  })
}

async function decode(recording, options = {}) {
  return run(decode, options, async ({ signal, config, limit, cancel }) => {
    const { type = 'float32' } = options
    if (type !== 'float32' && type !== 'int16') throw refuse('type', String(type), 'float32 or int16')
    const spec = await inputSpec(recording, limit, signal)
    const parts = await native.decode(spec, type === 'float32', config, cancel)
    return { ...audioOf(parts), source: JSON.parse(parts.source) }
  })
}

async function normalize(recording, options = {}) {
  return run(normalize, options, async ({ signal, hear, config, limit, cancel }) => {
    const { rate, level, layout, output } = options
    const spec = await inputSpec(recording, limit, signal)
    const wanted = mixConfig(JSON.parse(config), { rate, level, layout })
    const path = output === undefined ? undefined : String(output)
    const parts = await native.normalize(spec, path, wanted, cancel, hear)
    const audio = output === undefined ? audioOf(parts) : null
    return { audio, sampleRateHz: parts.sampleRateHz, source: JSON.parse(parts.source), gainDb: parts.gainDb }
  })
}

module.exports = {
  CallweaveError,
  Processed,
  align,
  analyze,
  chunks,
  decode,
  detectSpeech,
  errorCodes,
  mix,
  normalize,
  peaks,
  probe,
  process,
  processBatch,
  provider,
  redact,
  resolveConfig,
  version,
}
