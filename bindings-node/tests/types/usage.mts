// What must compile, and, marked as such, what must not. Never run.
import { createReadStream } from 'node:fs'
import * as callweave from 'callweave'
import {
  CallweaveError,
  errorCodes,
  resolveConfig,
  version,
  type ErrorCode,
  type CallEvent,
  type Report,
} from 'callweave'

const text: string = version
const codes: readonly ErrorCode[] = errorCodes
resolveConfig({ mix: { rate: 8000 }, speech: { maxSpeechMs: null } })

// @ts-expect-error: not a number
const number: number = version
// @ts-expect-error: only the library makes these
new CallweaveError()
// @ts-expect-error: no such field
resolveConfig({ speach: {} })
const whole: number = resolveConfig().speech.minSpeechMs
const tags: 'normal' | 'short' | 'wrong_or_spam' | 'other' | undefined = resolveConfig().outcome.tags.fax
// The old name, up to 1.0.
const old: typeof callweave.processCall = callweave.process
// @ts-expect-error: no such detector
resolveConfig({ detector: 'slero' })
// @ts-expect-error: no such level
resolveConfig({ mix: { level: '-26 dB' } })
// @ts-expect-error: no such format
resolveConfig({ mix: { format: 'mp3' } })
// @ts-expect-error: no such layout
resolveConfig({ mix: { layout: 'round' } })

export async function work(signal: AbortSignal, web: ReadableStream<Uint8Array>): Promise<void> {
  const call = await callweave.processCall(['a.mp3', createReadStream('b.mp3')], {
    roles: ['customer', 'agent'],
    signal,
  })
  const report: Report = call.report
  const offset: number | undefined = report.tracks[0]?.alignment?.offsetMs
  const mix: Int16Array | undefined = (await call.mix({ layout: 'mono' })).channels[0]
  await callweave.analyze({ source: web, role: 'agent', startedAt: new Date() }, { onProgress: (p) => p.bytesDone })
  const floats: Float32Array | undefined = (await callweave.decode('a.mp3')).channels[0]
  const numbers: Int16Array | undefined = (await callweave.decode('a.mp3', { type: 'int16' })).channels[0]
  const nothing: null = (await callweave.normalize('a.mp3', { output: 'b.wav' })).audio

  await callweave.analyze([new URL('https://x.example/a.mp3'), new Response('')])
  await callweave.analyze({ source: new Int16Array(8000), sampleRateHz: 8000, role: 'agent' })
  await callweave.analyze(await callweave.decode('a.mp3'))
  await callweave.analyze({ source: 'a.bin', raw: 'ulaw' })
  // @ts-expect-error: samples have a rate
  await callweave.analyze({ source: new Int16Array(8000) })
  // @ts-expect-error: no such raw format
  await callweave.analyze({ source: 'a.bin', raw: 'mp3' })
  const labels: string = call.labels('rttm', { showParties: true })
  // @ts-expect-error: no such labels
  call.labels('srt')
  const page: string = await call.page({ signal })
  for await (const piece of call.mixStream({ format: 'flac', signal })) void piece
  for await (const chunk of call.chunks({ mergeGapMs: 2000 })) void chunk.samples
  call[Symbol.dispose]()
  void [labels, page]

  const declared: number | null | undefined = (await callweave.probe('a.mp3', { quick: true })).head?.declaredDurationMs
  const bytes: number | undefined = (await callweave.probe('a.zip')).members[0]?.source?.bytes

  ;(await callweave.probe('a.mp3', { quick: whole > 5 })).problem
  // @ts-expect-error: what concerns a call is no matter of one recording
  await callweave.decode({ source: 'a.mp3', role: 'agent' })
  // @ts-expect-error: a whole probe has no head
  ;(await callweave.probe('a.mp3')).head
  // @ts-expect-error: nothing was read to its end
  ;(await callweave.probe('a.mp3', { quick: true })).source.bytes
  // @ts-expect-error: no such role
  await callweave.processCall('a.mp3', { roles: ['boss'] })
  // @ts-expect-error: a recording is no number
  await callweave.processCall(5)
  // @ts-expect-error: a dead track has no source
  report.tracks[0]?.source.codec
  // @ts-expect-error: figures may be missing
  report.metrics.overlapMs.toFixed()
  // @ts-expect-error: floats unless asked for numbers
  const wrong: Int16Array | undefined = (await callweave.decode('a.mp3')).channels[0]
  // @ts-expect-error: reports are not made by hand
  new callweave.Processed()
  void [offset, mix, floats, numbers, nothing, declared, bytes, wrong]
}

export function tell(event: CallEvent): string {
  switch (event.kind) {
    case 'dtmf':
      return `key ${event.detail ?? 'hidden'}`
    case 'fax':
      // @ts-expect-error: a fax calls or answers
      return event.detail === 'sings' ? 'no' : 'fax'
    default:
      return event.kind
  }
}

export function describe(error: unknown): string {
  if (!(error instanceof CallweaveError)) return 'another'
  // @ts-expect-error: no such code
  if (error.code === 'broken') return 'never'
  return `${error.code} in ${error.stage ?? 'no stage'} at ${error.byte ?? 'no'} byte`
}
export { codes, number, old, tags, text, whole }

export async function hand(report: Report): Promise<void> {
  const call = callweave.provider.tencent([{ SessionId: 's' }], { audio: { '1': 'a.mp3', '2': new Uint8Array() } })
  const state: 'ready' | 'pending' | 'failed' | 'unknown' | undefined = call.recordings[0]?.state
  const made: callweave.NewRecording = callweave.provider.mcloud.createBody(report, {
    call,
    direction: 'in',
    callAt: new Date(),
  })
  const again: boolean = callweave.provider.mcloud.error('rate_limited').retryable
  await callweave.processCall(call)
  const vcon: string = callweave.provider.vconWithReport('{}', report)
  const told: callweave.FactKind | undefined = callweave.provider.siprec(vcon).call.facts?.[0]?.kind
  // @ts-expect-error: MCloud knows no internal calls
  callweave.provider.mcloud.createBody(report, { direction: 'internal' })
  // @ts-expect-error: no code of the table
  callweave.provider.mcloud.error('tired')
  // @ts-expect-error: audio has a name
  callweave.provider.tencent([], { audio: ['a.mp3'] })
  // @ts-expect-error: the customer may not be known
  call.customer.length
  void [state, made, again, told]
}

export async function many(source: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  for await (const done of callweave.processBatch(source, { threads: 2, signal })) {
    if (done.error) {
      const nothing: null = done.call
      void nothing
    } else {
      await done.call.write('out', {
        mix: { layout: 'mono', level: '-23lufs' },
        page: false,
        labels: ['vtt'],
        peaks: 100,
      })
      await done.call.write('out', { layout: 'mono' }, { page: false })
      const series: callweave.Series = await done.call.series()
      const redacted: Report = await done.call.redact({ keys: true, cover: 'beep' })
      void [series, redacted]
    }
    // @ts-expect-error: there may be no report
    done.report.tag
  }
  for await (const done of callweave.processBatch(['a.mp3'], { tracks: false })) {
    const call: null = done.call
    void call
  }
  for await (const chunk of callweave.chunks('a.mp3', { longestMs: 20_000 })) {
    const at: number = chunk.toCall(200)
    const samples: Float32Array = chunk.samples
    void [at, samples]
  }
  const peaks: callweave.Peaks = await callweave.peaks('a.mp3', { bits: 16 })
  // @ts-expect-error: 8 or 16
  await callweave.peaks('a.mp3', { bits: 12 })
  // @ts-expect-error: no such labels
  await (await callweave.processCall('a.mp3')).write('out', { labels: ['midi'] })
  // @ts-expect-error: one call is no list of calls
  callweave.processBatch(5)
  void peaks
}

export async function live(samples: Int16Array, bytes: Uint8Array): Promise<void> {
  const stream = new callweave.SpeechStream(8000, { encoding: 'mulaw', minSilenceMs: 300, resetAfterMs: null })
  stream.on('speechStart', ({ atMs }) => atMs.toFixed()).on('probability', (p) => p.toFixed())
  for (const event of stream.push(bytes)) if (event.type === 'speechEnd') event.endMs.toFixed()
  for await (const event of stream.events([samples])) event.knownMs.toFixed()
  createReadStream('call.ulaw').pipe(stream.transform())
  // @ts-expect-error: no such encoding
  new callweave.SpeechStream(8000, { encoding: 'gsm' })
  const call = new callweave.LiveCall([{ sampleRateHz: 8000, role: 'customer' }], { keep: { spool: 'out' }, called: 0 })
  for (const event of call.push(0, samples)) if (event.kind === 'answer') event.detail?.toUpperCase()
  call.rtp(0, bytes, { encoding: 's16be' })
  // @ts-expect-error: packets say their encoding
  call.packet(0, { sequence: 1, timestamp: 160, payload: bytes })
  const lost: number | undefined = call.packets(0)?.lost
  const report: Report = (await call.finish()).report
  call.on('event', (event: callweave.LiveEvent) => [event.track, lost, report])
}
