'use strict'

const native = require('./native.cjs')
const { batchOver } = require('./batch.cjs')
const { CallweaveError, calledFrom, calling, refuse, told, translated } = require('./errors.cjs')
const { AmrPackets, LiveCall, SpeechStream, endsIn } = require('./live.cjs')
const { Processed, audioOf, mixConfig, redactionOf } = require('./processed.cjs')
const provider = require('./provider.cjs')
const { inTurn } = require('./queue.cjs')
const { described, flag, ifSaid, json, momentOf, optionsOf, pathOf, text, whole } = require('./values.cjs')
const { onCall, onRecording, run } = require('./work.cjs')

const version = native.version()
const errorCodes = Object.freeze(native.errorCodes())

function resolveConfig(config = {}) {
  return told(resolveConfig, () => JSON.parse(native.readConfig(json('config', config))))
}

const OF_WORK = ['config', 'signal']
const OF_CALL = [...OF_WORK, 'roles', 'strict', 'onProgress']
const OF_FACTS = [...OF_CALL, 'facts']
const OF_CUTS = ['longestMs', 'padMs', 'mergeGapMs', 'sampleRateHz']

/** What a phone system knows of a call, as the core reads it; dates become RFC 3339. */
function factsOf({ facts = [] }) {
  if (!Array.isArray(facts)) throw refuse('facts', described(facts), 'an array')
  for (const [at, fact] of facts.entries()) if (fact?.at != null) momentOf(`facts[${at}].at`, fact.at)
  return facts.length > 0 ? json('facts', facts) : undefined
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
    const path = pathOf('folder', folder)
    const spec = json('evaluate', { seed, kinds, roles, labels: ifSaid(labels, () => pathOf('labels', labels)) })
    const work = (threads) => native.evaluate(path, spec, config, threads, cancel)
    return counted(await inTurn({ wide: true, signal }, work))
  })
}

function calibrate(evaluation, name = 'calibrated') {
  return told(calibrate, () => JSON.parse(native.calibrate(json('evaluation', evaluation), text('name', name))))
}

async function calibrateByReports(reports, options = {}) {
  return run(calibrateByReports, [options, ['name', 'evaluation', 'signal']], async ({ cancel, signal }) => {
    const { name = 'calibrated', evaluation } = options
    const folders = (Array.isArray(reports) ? reports : [reports]).map((folder) => pathOf('reports', folder))
    const measured = ifSaid(evaluation, () => json('evaluation', evaluation))
    text('name', name)
    const work = (threads) => native.calibrateByReports(measured, name, folders, threads, cancel)
    const [profile] = await inTurn({ signal }, work)
    return JSON.parse(profile)
  })
}

async function compare(before, after, options = {}) {
  return run(compare, [options, ['signal']], async ({ signal }) => {
    const folders = [pathOf('before', before), ifSaid(after, () => pathOf('after', after))]
    const work = (threads) => native.compare(...folders, threads)
    return counted(await inTurn({ signal }, work))
  })
}

/** Counts, with `toString` for people. */
function counted([json, text]) {
  return Object.defineProperty(JSON.parse(json), 'toString', { value: () => text })
}

async function align(inputs, options = {}) {
  return calling(align, async () => (await analyze(inputs, options)).tracks.map((track) => track.alignment))
}

async function detectSpeech(recording, options = {}) {
  return calling(detectSpeech, async () => {
    optionsOf('an option of detectSpeech', options, OF_CALL)
    return (await analyze(recording, options)).tracks.map((track) => track.speech)
  })
}

async function mix(inputs, options = {}) {
  return calling(mix, async () => {
    optionsOf('an option of mix', options, OF_CALL)
    return (await processCall(inputs, options)).mix(undefined, { signal: options.signal })
  })
}

async function redact(inputs, what = {}, options = {}) {
  return calling(redact, async () => {
    redactionOf(what)
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
    optionsOf('an option of chunks', options, [...OF_FACTS, ...OF_CUTS])
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
      ifSaid(pointsPerSecond, () => whole('pointsPerSecond', pointsPerSecond))
      ifSaid(bits, () => whole('bits', bits))
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
      flag('quick', quick)
      const work = (spec, threads) => native.probe(spec, quick, settings.config, threads)
      return JSON.parse(await onRecording(recording, { ...settings, quick, unused: ['channel'] }, work))
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
      if (type !== 'float32' && type !== 'int16') throw refuse('type', described(type), 'float32 or int16')
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
      const path = ifSaid(output, () => pathOf('output', output))
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
