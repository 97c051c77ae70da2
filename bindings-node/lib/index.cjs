'use strict'

const native = require('./native.cjs')
const { CallweaveError, calledFrom, refuse, translated } = require('./errors.cjs')
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

function cancelled(signal) {
  const text = 'input: cancelled'
  return new CallweaveError({ code: 'cancelled', stage: 'input', text, reason: 'cancelled' }, { cause: signal.reason })
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
      this.#json = await this.#inner.write(String(folder), mixConfig(this.#config, mix), cancel)
      this.#report = undefined
      return this.report
    })
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

async function probe(recording, options = {}) {
  return run(probe, options, async ({ signal, config, limit }) => {
    return JSON.parse(await native.probe(await inputSpec(recording, limit, signal), config))
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
  decode,
  detectSpeech,
  errorCodes,
  mix,
  normalize,
  probe,
  process,
  provider,
  resolveConfig,
  version,
}
