'use strict'

// A processed call: its report, and what is made of its tracks.

const { unlessAborted } = require('./abort.cjs')
const native = require('./native.cjs')
const { calledFrom, cancelled, refuse, told, translated } = require('./errors.cjs')
const { mixStreamOf } = require('./mix-stream.cjs')
const { inTurn } = require('./queue.cjs')
const { described, finite, flag, ifSaid, json, optionsOf, pathOf, signalOf, text, whole } = require('./values.cjs')
const { run } = require('./work.cjs')

const OF_CHUNKS = ['longestMs', 'padMs', 'mergeGapMs', 'sampleRateHz', 'signal']
/** What says how a mix sounds, and with it what it is written as. */
const OF_SOUND = ['rate', 'layout', 'level']
const OF_MIX = [...OF_SOUND, 'format']
const OF_REDACTION = ['spans', 'keys', 'unsure', 'cover']
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

function audioOf({ channels, sampleRateHz }) {
  return { channels, sampleRateHz }
}

/**
 * The options for a mix: those of the call, with the mix's own before them; what is `undefined` was
 * not said.
 */
function mixConfig(config, mix = {}, known = OF_MIX) {
  optionsOf('an option of a mix', mix, known, 'mix')
  const said = Object.entries(mix).filter(([, value]) => value !== undefined)
  return json('config', said.length > 0 ? { ...config, mix: { ...config.mix, ...Object.fromEntries(said) } } : config)
}

/** The options of `write`; up to 1.0 the mix may also come before them, by itself. */
function writeOptions([first = {}, second]) {
  optionsOf('an option of write', first, [...OF_WRITE, ...OF_MIX])
  const isMix = second !== undefined || Object.keys(first).some((name) => OF_MIX.includes(name))
  return isMix ? { ...optionsOf('an option of write', second ?? {}, OF_WRITE), mix: first } : first
}

/** What is said to be written beside the mix and the report. */
function writeSpec({
  page = true,
  embedAudio = false,
  peaks,
  series = false,
  labels = [],
  showParties = false,
  ...more
}) {
  const { redactedTracks, keepUnsure = false } = more
  if (!Array.isArray(labels)) throw refuse('labels', described(labels), 'an array of formats')
  return {
    page: flag('page', page),
    embedAudio: flag('embedAudio', embedAudio),
    peaks: ifSaid(peaks, (value) => whole('peaks', value)),
    series: flag('series', series),
    labels: labels.map((label) => text('labels', label)),
    showParties: flag('showParties', showParties),
    redactedTracks: ifSaid(redactedTracks, (value) => text('redactedTracks', value)),
    keepUnsure: flag('keepUnsure', keepUnsure),
  }
}

/** A redaction as JSON. */
function redactionOf(what) {
  const {
    spans = [],
    keys = false,
    unsure = false,
    cover = 'silence',
  } = optionsOf('of a redaction', what, OF_REDACTION, 'a redaction')
  if (!Array.isArray(spans)) throw refuse('spans', described(spans), 'an array of spans')
  for (const [at, span] of spans.entries()) {
    finite(`spans[${at}].startMs`, span?.startMs)
    finite(`spans[${at}].endMs`, span?.endMs)
  }
  flag('keys', keys)
  flag('unsure', unsure)
  return json('a redaction', { spans, keys, unsure, cover: text('cover', cover) })
}

/** The call's time of a moment of a chunk. */
function momentOf(caller, knots, timeMs) {
  return told(caller, () => native.toCall(knots, finite('timeMs', timeMs)))
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
    return run(this.mix, [options, ['signal']], ({ signal, cancel }) => {
      const config = mixConfig(this.#config, mix, OF_SOUND)
      return this.#inTurn({ signal }, async (threads) => audioOf(await this.#inner.mix(config, threads, cancel)))
    })
  }

  mixStream(options = {}) {
    const holder = calledFrom(this.mixStream)
    try {
      const { signal, ...mix } = optionsOf('an option of mixStream', options, [...OF_MIX, 'signal'])
      signalOf(signal)
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
    return told(this.labels, () => {
      const { showParties = false } = optionsOf('an option of labels', options, ['showParties'])
      return native.labels(this.#json, text('format', format), flag('showParties', showParties))
    })
  }

  async page(options = {}) {
    return run(this.page, [options, ['mix', 'showParties', 'signal']], ({ signal, cancel }) => {
      const { mix, showParties = false } = options
      const config = mixConfig(this.#config, mix)
      flag('showParties', showParties)
      return this.#inTurn({ signal }, () => this.#inner.page(config, showParties, cancel))
    })
  }

  /** Lets go of the samples now. */
  [Symbol.dispose]() {
    for (const stream of this.#streams) stream.destroy()
    this.#released = true
    this.#inner.release()
  }

  #alive() {
    if (this.#released) throw refuse('a call', 'one that was disposed of', 'one that was not')
  }

  /** Work on the tracks, which must be here when it begins. */
  #inTurn(turn, work) {
    this.#alive()
    return inTurn({ known: true, ...turn }, (threads) => {
      this.#alive()
      return work(threads)
    })
  }

  /** Waits for streams of the mix: what changes the call comes after them. */
  async #quiet(signal) {
    this.#alive()
    const ended = [...this.#streams].map((stream) => new Promise((resolve) => stream.once('close', resolve)))
    if (ended.length > 0) await unlessAborted(Promise.all(ended), signal)
  }

  async write(folder, ...said) {
    const [path, options] = told(this.write, () => [pathOf('folder', folder), writeOptions(said)])
    return run(this.write, [options, OF_WRITE], async ({ signal, cancel }) => {
      const [spec, config] = [writeSpec(options), mixConfig(this.#config, options.mix)]
      await this.#quiet(signal)
      const write = (threads) => this.#inner.write(path, config, spec, threads, cancel)
      return this.#changed(await this.#inTurn({ wide: true, settles: true, signal }, write))
    })
  }

  async redact(what = {}, options = {}) {
    return run(this.redact, [options, ['signal']], async ({ signal }) => {
      const redaction = redactionOf(what)
      await this.#quiet(signal)
      return this.#changed(await this.#inTurn({ settles: true, signal }, () => this.#inner.redact(redaction)))
    })
  }

  async series(options = {}) {
    return run(this.series, [options, ['signal']], async ({ signal }) =>
      JSON.parse(await this.#inTurn({ signal }, () => this.#inner.series())),
    )
  }

  chunks(options = {}) {
    return this.#chunks(options, calledFrom(this.chunks))
  }

  async *#chunks(options, holder) {
    let signal
    try {
      const { longestMs, padMs, mergeGapMs, sampleRateHz } = optionsOf('an option of chunks', options, OF_CHUNKS)
      signal = signalOf(options.signal)
      for (const [name, value] of Object.entries({ longestMs, padMs, mergeGapMs })) {
        ifSaid(value, () => finite(name, value))
      }
      ifSaid(sampleRateHz, () => whole('sampleRateHz', sampleRateHz))
      const plan = () => this.#inner.chunks(json('config', this.#config), longestMs, padMs, mergeGapMs)
      const chunks = JSON.parse(await this.#inTurn({ signal }, plan))
      for (const { placed, parts, knots, ...told } of chunks) {
        const chunk = { placed, voice: told.voice ?? undefined, parts, padMs, rateHz: sampleRateHz }
        const { samples, sampleRateHz: hz } = await this.#inTurn({ signal }, () => this.#inner.cut(chunk))
        const toCall = (timeMs) => momentOf(toCall, knots, timeMs)
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

module.exports = { Processed, audioOf, mixConfig, redactionOf }
