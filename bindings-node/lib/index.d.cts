/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Transform, TransformOptions } from 'node:stream'
import type { DescribedCall, Provider } from './provider.cjs'

export type * from './provider.cjs'

/** Stable code of an error's kind, the same in every language. */
export type ErrorCode =
  | 'malformed'
  | 'unsupported'
  | 'limit_exceeded'
  | 'invalid_argument'
  | 'no_audio'
  | 'cancelled'
  | 'provider'
  | 'unsure'
  | 'io'
  | 'internal'

/** A stage of the work. */
export type Stage =
  | 'config'
  | 'input'
  | 'provider'
  | 'decode'
  | 'resample'
  | 'level'
  | 'speech'
  | 'align'
  | 'mix'
  | 'export'

/**
 * An error: its kind and stage, the input and byte where it arose, what was found and what was
 * expected.
 */
export declare class CallweaveError extends Error {
  private constructor()
  readonly name: 'CallweaveError'
  /** Stable name of the kind of error. */
  readonly code: ErrorCode
  /** The stage in which the error arose, such as `decode`. */
  readonly stage: Stage | null
  /** The message without input, found and expected; `message` is the whole line. */
  readonly reason: string
  /** The name of the input in which the error arose. */
  readonly input: string | null
  /** Byte offset in the input. */
  readonly byte: number | null
  /** What was found. */
  readonly found: string | null
  /** What was expected. */
  readonly expected: string | null
  /**
   * The operating system's error number, as in Node's own errors, if the error comes from it;
   * `cause` is that error.
   */
  readonly errno: number | null
}

/** Who speaks on a track. */
export type Role = 'customer' | 'agent' | 'transfer' | 'participant' | 'mixed' | 'unknown'

/**
 * A recording: a path, a `file:`, `http:` or `https:` URL, bytes, a `Response`, samples as returned
 * by `decode`, or a stream of bytes.
 *
 * A stream is read when it is needed, up to `decode.maxBytes`; beyond 16 MB it is stored in a
 * temporary file. Bytes are copied when the work begins; do not change them before its promise is
 * settled.
 */
export type Recording =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Response
  | SamplesInput
  | AsyncIterable<Uint8Array>
  | NodeJS.ReadableStream
  | ReadableStream<Uint8Array>

/** Samples by channel with their sample rate, as returned by `decode`, `normalize` and `mix`. */
export interface SamplesInput {
  /** One array per channel, all of the same length and type. Floats are nominally in [-1, 1]. */
  channels: readonly Int16Array[] | readonly Float32Array[]
  /** Sample rate in Hz. */
  sampleRateHz: number
}

/** The format of a headerless file, by the extension that phone systems use for it. */
export type RawFormat =
  | 'ulaw'
  | 'alaw'
  | 'gsm'
  | 'g722'
  | 'g726-16'
  | 'g726-24'
  | 'g726-32'
  | 'g726-40'
  | 'g729'
  | 'g723_1'
  | 'vox'
  | 'vox6'
  | 'sln'
  | 'sln12'
  | 'sln16'
  | 'sln24'
  | 'sln32'
  | 'sln44'
  | 'sln48'
  | 'sln96'
  | 'sln192'

/** A recording, or one channel of samples with its rate. */
export type SourceWithRate =
  | { source: Recording; sampleRateHz?: undefined }
  | {
      /** One channel of samples. */
      source: Int16Array | Float32Array
      /** Sample rate in Hz. */
      sampleRateHz: number
    }

/** A recording with what is known about it. */
export type RecordingInput = RecordingFacts & SourceWithRate

/**
 * A recording with what is known about it, for functions of one recording. What concerns a call
 * only (role, party, start time, offset) is refused.
 */
export type SoundInput = Pick<RecordingFacts, 'channel' | 'name' | 'raw'> & SourceWithRate

/** What is known about a recording. */
export interface RecordingFacts {
  /** Who speaks. */
  role?: Role | undefined
  /** The party's number, address or name. */
  party?: string | undefined
  /**
   * When the recording began: RFC 3339, Unix seconds or a `Date`. Whole seconds have a resolution
   * of ±1 s.
   */
  startedAt?: string | number | Date | undefined
  /** The channel to use, from 0. */
  channel?: number | undefined
  /** The name in reports and errors, if there is no path. */
  name?: string | undefined
  /** The format of a headerless file. Skips format detection. */
  raw?: RawFormat | undefined
  /** The recording's offset on the call's timeline in milliseconds. Overrides all evidence. */
  offsetMs?: number | undefined
  /** Half the width of the 90 % interval around `offsetMs`. If omitted, the offset is exact. */
  offsetUncertaintyMs?: number | undefined
}

/**
 * The recordings of a call, a call from `provider`, or a single path of a manifest or a provider's
 * JSON next to its audio.
 */
export type CallInputs = Recording | RecordingInput | readonly (Recording | RecordingInput)[] | DescribedCall

/**
 * A level: active speech level (ITU-T P.56) in dBov, loudness (EBU R 128) in LUFS, or `off` for no
 * normalization.
 */
export type MixLevel = `${number}dbov` | `${number}lufs` | 'off'

/** How a mix is written. */
export interface MixConfig {
  /** Sample rate in Hz, `source` (the highest input rate) or `auto` (the same, up to 16000). */
  rate?: number | 'auto' | 'source' | undefined
  /**
   * Channels: one per party (`split`), one for all (`mono`), or one per party and per voice of a
   * mixed track (`voices`).
   */
  layout?: 'split' | 'mono' | 'voices' | undefined
  /** File format. */
  format?: 'wav' | 'wav-ulaw' | 'flac' | undefined
  /** The level to which each party is normalized, such as `-26dbov` or `-23lufs`, or `off`. */
  level?: MixLevel | undefined
}

/**
 * How recordings are read, and the limits on them. Exceeding a limit is the error `limit_exceeded`.
 */
export interface DecodeOptions {
  /** How a recording with two channels is read: as two tracks, or averaged into one. */
  stereo?: 'split' | 'downmix' | undefined
  /** Codec delay assumed for an MP3 without a delay tag, in samples at the file's own rate. */
  assumedMp3Delay?: number | undefined
  /**
   * Recordings of a higher rate are decoded at this rate, 8000 to 48,000 Hz; the others keep
   * theirs. Everything is then measured at it, and a kept track takes less memory. Without it, each
   * recording has its own rate.
   */
  downsampleHz?: number | null | undefined
  /** Most bytes read from one input. */
  maxBytes?: number | undefined
  /** Most bytes held in memory for an unseekable input whose format requires seeking. */
  maxBufferedBytes?: number | undefined
  /** Longest recording that is decoded. */
  maxDurationMs?: number | undefined
  /** Most channels per recording. */
  maxChannels?: number | undefined
  /** Most tracks per call. */
  maxTracks?: number | undefined
  /** Most members of an archive. */
  maxMembers?: number | undefined
  /** Most uncompressed bytes of all members of an archive together. */
  maxMembersBytes?: number | undefined
  /** Highest compression ratio of an archive member. */
  maxMemberRatio?: number | undefined
  /** Most audio per call, all tracks together. */
  maxTotalDurationMs?: number | undefined
  /** Most samples per call, all tracks together. */
  maxSamples?: number | undefined
  /** Most audio per byte of a recording, all its tracks together. */
  maxMsPerByte?: number | undefined
  /** Lowest accepted sample rate. */
  minRateHz?: number | undefined
  /** Most bytes of memory that a recording's header may make a decoder allocate. */
  maxDecoderBytes?: number | undefined
  /** Whether to compute the SHA-256 of each input. */
  sha256?: boolean | undefined
}

/** How tracks are placed on the call's timeline. */
export interface AlignOptions {
  /**
   * Search range, 1 s to 1 h: how far apart two recorders may have started or stopped, and how far
   * off start times may be.
   */
  searchMs?: number | undefined
  /** Whether to use bleed: one party audible on the other's track. */
  bleed?: boolean | undefined
  /** Whether to use the recordings' start times. */
  timestamps?: boolean | undefined
  /** Whether to use turn taking. */
  turns?: boolean | undefined
  /**
   * Whether one recorder made all tracks, so that they start together unless an offset is given.
   */
  aligned?: boolean | undefined
  /**
   * How far apart the recorders of two parties start, if that was measured. It decides where no
   * bleed, offset or start time does.
   */
  offsetPrior?: OffsetPrior | null | undefined
  /** Which echo the calls have, if that is known. It weighs the delays that bleed leaves open. */
  echoPrior?: EchoPrior | null | undefined
}

/** Which echo the calls of one trunk have: how much of it is near, and how late far echo comes. */
export interface EchoPrior {
  /**
   * Share of echoes that are near, 0 to 1: from a hybrid, a side tone or a loudspeaker. The others
   * come from the other party's phone.
   */
  nearShare: number
  /** The mean delay of far echo, 100 ms to 1 s. Without it, anything from 100 to 750 ms. */
  farMs?: number | null | undefined
  /** Its standard deviation from call to call. Needed with `farMs`. */
  farSpreadMs?: number | null | undefined
}

/**
 * How much later the recording of one party starts than that of another, as measured on calls of
 * one recorder.
 */
export interface OffsetPrior {
  of: 'customer' | 'agent' | 'transfer' | 'participant'
  after: 'customer' | 'agent' | 'transfer' | 'participant'
  /** The mean of the time between the two starts. */
  meanMs: number
  /** Its standard deviation. */
  spreadMs: number
  /** The number of calls on which both were measured, 2 or more. */
  calls: number
}

/** How speech probabilities become spans. Parameters mean what they mean in Silero VAD. */
export interface SpeechConfig {
  /** Speech begins when the probability reaches this. */
  threshold?: number | undefined
  /** Speech ends when the probability falls below this. */
  negThreshold?: number | undefined
  /** Shorter spans of speech are dropped. */
  minSpeechMs?: number | undefined
  /** Shorter pauses do not end a span. */
  minSilenceMs?: number | undefined
  /** Padding on either side of a span, without touching the next span. */
  speechPadMs?: number | undefined
  /** Longest span; a longer one is split at its longest pause. `null` means no limit. */
  maxSpeechMs?: number | null | undefined
  /** Pauses up to this long do not end a party's turn, unless the other party takes the turn. */
  turnPauseMs?: number | undefined
  /**
   * Resets Silero's state after this long without a probability of at least `negThreshold`. `null`
   * never resets.
   */
  resetAfterMs?: number | null | undefined
  /**
   * What decides where a span begins and ends: detector, level and noise together, or the detector
   * alone.
   */
  edges?: 'energy' | 'detector' | undefined
  /** Whether speech that only repeats another track is reported as bleed. */
  bleedGate?: boolean | undefined
}

/** Parameters of the conversation metrics. */
export interface MetricsConfig {
  /** Shortest silence of all parties that counts as non-talk. */
  nonTalkMs?: number | undefined
  /** An interrupting turn begins at least this long after the interrupted one. */
  interruptionAfterMs?: number | undefined
  /** Shortest overlap of an interruption. */
  interruptionOverlapMs?: number | undefined
  /** Longest time until the interrupted party stops. */
  interruptionYieldMs?: number | undefined
  /** Longest backchannel. */
  backchannelMs?: number | undefined
  /**
   * Largest placement uncertainty with which parties are compared in time. Beyond it, such metrics
   * are null.
   */
  maxUncertaintyMs?: number | undefined
}

/** Thresholds for problems with recordings. */
export interface IntegrityConfig {
  /** Share of samples at full scale from which a track is clipped. */
  clippedShare?: number | undefined
  /** Share of loud frames with power above the telephone band from which speech is wideband. */
  wideShare?: number | undefined
  /** Shortest digital silence, or time missing from the recording, that counts as a pause. */
  pauseMs?: number | undefined
  /** Share of a track taken up by dropouts from which they are reported. */
  dropoutShare?: number | undefined
}

/** Limits of the rules that decide the outcome, and the mapping from outcome to tag. */
export interface OutcomeConfig {
  /** A conversation with less speech than this is short. */
  shortSpeechMs?: number | undefined
  /**
   * A conversation whose first and last speech are at most this far apart is short, if it has few
   * exchanges.
   */
  shortSpanMs?: number | undefined
  /** Fewer exchanges than this count as few. */
  shortExchanges?: number | undefined
  /** A party must be silent on an open line for at least this long to be a silent party. */
  silentPartyMs?: number | undefined
  /** Number of times the other party must speak to a silent one. */
  silentPartyTurns?: number | undefined
  /** Shortest speech without room for an answer that is a monologue. */
  monologueMs?: number | undefined
  /** Shortest gap that leaves room for an answer. */
  monologueGapMs?: number | undefined
  /** Speech of its own that a party needs to count as speaking: two short words. */
  minVoiceMs?: number | undefined
  /** A party with fax tones and less speech of its own than this is a machine. */
  faxVoiceMs?: number | undefined
  /** In a monologue, the other party's greeting ends within this time of its beginning. */
  greetingMs?: number | undefined
  /** Most speech of the caller before a voicemail's beep. */
  beforeBeepMs?: number | undefined
  /** A greeting without a pause longer than this is a machine's; a person says a word or two. */
  machineGreetingMs?: number | undefined
  /** A machine's greeting is shorter than this. */
  maxGreetingMs?: number | undefined
  /** Shortest pause that ends a greeting. */
  greetingPauseMs?: number | undefined
  /** A track is dead below this level, in dBov. */
  deadDbov?: number | undefined
  /**
   * The mapping from outcome to tag, before `tags`. `spam` also maps `silent_party` and `monologue`
   * to `wrong_or_spam`.
   */
  profile?: 'default' | 'spam' | undefined
  /** Exceptions to the mapping of `profile`. */
  tags?: Partial<Record<OutcomeValue, TagValue>> | undefined
}

/** All options. Missing fields keep their defaults; unknown fields are errors. */
export interface Config {
  /** How recordings are read. */
  decode?: DecodeOptions | undefined
  /** How tracks are placed on the timeline. */
  align?: AlignOptions | undefined
  /** The speech detector. */
  detector?: 'silero' | 'webrtc' | undefined
  /** How speech probabilities become spans. */
  speech?: SpeechConfig | undefined
  /** How a mix is written. */
  mix?: MixConfig | undefined
  /** Parameters of the conversation metrics. */
  metrics?: MetricsConfig | undefined
  /** Thresholds for problems with recordings. */
  integrity?: IntegrityConfig | undefined
  /** Limits for outcome and tag. */
  outcome?: OutcomeConfig | undefined
  /** Whether to separate the voices of mixed tracks. */
  voices?: boolean | undefined
  /** Whether DTMF events include their digits, which are often card numbers. */
  dtmfDigits?: boolean | undefined
  /** What happens to personal data in a report. */
  pii?: 'keep' | 'drop' | undefined
  /** Whether to take a slower path that is bit-identical on every kind of CPU. */
  portable?: boolean | undefined
  /** Calibration of placement confidence: pairs of stated and true confidence, both increasing. */
  confidenceMap?: readonly (readonly [number, number])[] | undefined
  /**
   * The profile on which the configuration is based: the name of a built-in one, or one made by
   * `calibrate`.
   */
  profile?: 'freeswitch' | 'genesys-audiohook' | 'twilio-conference' | 'vicidial' | Profile | undefined
}

/** What is known about a trunk or recorder. */
export interface Profile {
  name: string
  /** Sources of its statements, or the data to which it was fitted. */
  sources?: readonly string[] | undefined
  /**
   * The role on each channel. `caller` and `callee` become customer or agent by the call's
   * direction.
   */
  channels?: readonly (Role | 'caller' | 'callee')[] | undefined
  /** Differences from the default configuration. */
  config?: Omit<Config, 'mix' | 'profile'> | undefined
}

/** The same type with every field required. */
export type DeepRequired<T> = T extends object ? { [K in keyof T]-?: DeepRequired<Exclude<T[K], undefined>> } : T

/** The whole configuration, including defaults. */
export type ResolvedConfig = DeepRequired<Omit<Config, 'outcome' | 'align' | 'profile' | 'confidenceMap'>> & {
  align: DeepRequired<Omit<AlignOptions, 'offsetPrior' | 'echoPrior'>> & {
    offsetPrior?: OffsetPrior
    echoPrior?: EchoPrior
  }
  profile?: Profile
  confidenceMap?: [number, number][]
  outcome: DeepRequired<Omit<OutcomeConfig, 'tags'>> & { tags: Partial<Record<OutcomeValue, TagValue>> }
}

/** The progress of the work. */
export interface Progress {
  /** The current stage. */
  stage: Stage
  /** Bytes of the inputs read so far. */
  bytesDone: number
  /** Total bytes of the inputs, if known. */
  bytesTotal: number | null | undefined
}

/** Options of every function. */
export interface WorkOptions {
  /** Differences from the default configuration. */
  config?: Config | undefined
  /**
   * Cancels the work. The promise is rejected at once with the code `cancelled` and the signal's
   * reason as its cause. If files are written, it is rejected when the work has stopped, so that
   * none appears afterwards.
   */
  signal?: AbortSignal | undefined
}

/** Options of functions that take a whole call. */
export interface CallOptions extends WorkOptions {
  /** The role of each track, in order. A recording with two channels is two tracks. */
  roles?: readonly Role[] | undefined
  /**
   * Whether one unreadable recording among several fails the call. With `false` the others are
   * processed, and the failure is in the track's `error` and in the report's `warnings`. That holds
   * for paths, and for streams, responses and URLs that break off.
   * @default true
   */
  strict?: boolean | undefined
  /** Facts from the phone system. They constrain the call's report. */
  facts?: readonly Fact[] | undefined
  /**
   * Called with the progress. Updates that arrive while the event loop is busy are skipped. If it
   * throws, the work stops and the promise is rejected with its exception.
   */
  onProgress?: ((progress: Progress) => void) | undefined
}

/** The kind of a fact that a phone system reports about a call. */
export type FactKind =
  | 'answer'
  | 'hold'
  | 'resume'
  | 'pause'
  | 'unpause'
  | 'mute'
  | 'unmute'
  | 'consult'
  | 'conference'
  | 'transfer'
  | 'key'
  | 'hangup'

/**
 * An event that a phone system reports about a call, at a calendar time or at a time on the call's
 * timeline.
 */
export interface Fact {
  kind: FactKind
  /** Unix seconds, RFC 3339 or a `Date`. */
  at?: number | string | Date | undefined
  /** Milliseconds on the call's timeline. */
  atMs?: number | undefined
  /** The party concerned: a role, or the number, address or name of a track's party. */
  party?: string | undefined
  reason?: string | undefined
  /** The key that was pressed. */
  key?: string | undefined
}

/** Samples with their sample rate. */
export interface Audio<Samples = Int16Array> {
  /** One array per channel, all of the same length. */
  channels: Samples[]
  /** Sample rate in Hz. */
  sampleRateHz: number
}

/** A problem with a recording or a call that did not stop the work. */
export interface CallWarning {
  /** Stable name of the problem. */
  code: string
  /** Description of the problem with its numbers. */
  message: string
  /** Byte offset in the recording. */
  atByte?: number
}

/** A span of time in milliseconds on the call's timeline. */
export interface Span {
  startMs: number
  endMs: number
}

/** The actual properties of a recording. */
export interface Source {
  path: string | null
  container: string
  codec: string
  sampleRateHz: number
  /**
   * The lower rate at which it was decoded and measured, if `downsampleHz` asks for one. Absent if
   * it was decoded at its own rate.
   */
  decodedRateHz?: number
  channels: number
  bytes: number
  sha256: string | null
  durationMs: number
  /** Codec delay removed from the start. */
  codecDelayMs: number
  codecDelayBasis: 'tag' | 'assumed' | 'none'
  warnings: CallWarning[]
}

/** A track's placement on the call's timeline. */
export interface Alignment {
  /** Call time of the track's first sample. */
  offsetMs: number
  /** The recorder's clock error; positive if it ran fast. */
  driftPpm: number
  /** How the placement was found. */
  method: 'reference' | 'bleed' | 'given' | 'lengths' | 'timestamps' | 'turns' | 'prior' | 'none'
  /** The probability that the placement is within 250 ms of the truth. */
  confidence: number
  /** Half the width of the 90 % interval around the placement. */
  uncertaintyMs: number
  /** The placement itself: pairs of track time and call time, linear in between. */
  knots: [trackMs: number, callMs: number][]
}

/** A track's levels. A level is null if there is nothing to measure. */
export interface Level {
  /** Active speech level (ITU-T P.56). */
  activeDbov: number | null
  /** Share of the time in which speech is active. */
  activityFactor: number
  truePeakDbtp: number | null
  loudnessLufs: number | null
  /** Noise level outside speech. */
  noiseDbov: number | null
  clippedSamples: number
  /** The gain that brings the party to the mix's level. */
  gainDb: number
}

/** The fields of every event. */
export interface CallEventBase extends Span {
  /** Confidence, from 0 to 1. */
  confidence: number
}

/** A sound other than speech, discriminated by `kind`. */
export type CallEvent =
  | (CallEventBase & { kind: 'dtmf' /** The key, where the configuration asks for digits. */; detail: string | null })
  | (CallEventBase & {
      kind: 'fax' /** A machine calling (`cng`) or answering (`ced`). */
      detail: 'cng' | 'ced' | null
    })
  | (CallEventBase & { kind: 'ringback' | 'busy' | 'congestion' | 'sit'; detail: string | null })
  | (CallEventBase & {
      kind: 'beep' | 'music' | 'silence' | 'digital_zero' | 'dropout' | 'clipping'
      detail: string | null
    })

/** One party of a mixed track. Its role is `unknown` without evidence. */
export interface Voice {
  voice: number
  role: Role
  roleConfidence: number | null
  speech: Span[]
}

/** One track. A track that could not be read has an `error`, and no source, alignment or level. */
export interface Track {
  index: number
  role: Role
  party: string | null
  error?: { code: ErrorCode; message: string }
  /** The channel of its recording, if that has several and the track is one of them. */
  channel?: number
  source: Source | null
  /**
   * The recordings it consists of, if a party has several in sequence. `source` is then the first
   * of them.
   */
  pieces?: (Span & { source: Source })[]
  alignment: Alignment | null
  level: Level | null
  /** Spans in which the party speaks. */
  speech: Span[]
  /**
   * The parties of a mixed track. Null if the track was not examined or the voices cannot be told
   * apart.
   */
  voices: Voice[] | null
  /**
   * The expected share of speech time that is with its right voice. Null if `voices` is, and
   * without speech.
   */
  voicesConfidence: number | null
  /** Spans in which another party is faintly audible. */
  bleed: (Span & { fromTrack: number })[]
  events: CallEvent[]
}

/** The conversation metrics. Null if a placement is too uncertain, or parties share a track. */
export interface Metrics {
  byTrack: {
    track: number
    /** The party's voice, on a mixed track. */
    voice?: number
    talkMs: number
    talkShare: number | null
    turns: number
    longestMonologueMs: number
    firstSpeechMs: number | null
  }[]
  speechMs: number | null
  nonTalkMs: number | null
  nonTalk: Span[] | null
  overlapMs: number | null
  interruptions: (Span & { by: number })[] | null
  backchannels: number | null
  responseMs: { count: number; mean: number | null; median: number | null; p95: number | null } | null
  /** Why metrics are missing. */
  unavailable: 'alignment' | 'voices' | 'tracks' | null
}

/** What happened in a call. */
export type OutcomeValue =
  | 'conversation'
  | 'silent_party'
  | 'one_way_audio'
  | 'monologue'
  | 'ivr_only'
  | 'voicemail'
  | 'no_answer'
  | 'busy'
  | 'fax'
  | 'unknown'

/** The call's tag: one of the four values of the provider's API. */
export type TagValue = 'normal' | 'short' | 'wrong_or_spam' | 'other'

/** A problem with a recording. */
export interface Finding {
  code:
    | 'dead_track'
    | 'one_way_audio'
    | 'clipped'
    | 'dc_offset'
    | 'narrow_band'
    | 'header_mismatch'
    | 'damaged'
    | 'pause_zeros'
    | 'pause_splice'
    | 'dropouts'
    | 'dual_mono'
  /** The track's index in the call. */
  track: number
  measured: number
  limit: number
  unit: string
  message: string
}

/**
 * The analysis of one call. Times are milliseconds on the call's timeline unless a field says
 * otherwise.
 */
export interface Report {
  schemaVersion: 1
  library: { name: string; version: string }
  /** The settings that differ from the defaults. */
  config: Config
  configHash: string
  /** The configuration's profile. */
  profile: { name: string; hash: string } | null
  /** The revision of each stage. It rises when the stage's numbers change. */
  stages: Record<string, number>
  /** The speech detector, and how Silero's network was computed: null for other detectors. */
  detector: { name: string; version: string; arithmetic: 'int16' | 'f32' | 'portable' | null }
  call: {
    id: string | null
    provider: string | null
    direction: 'in' | 'out' | 'internal' | null
    /** RFC 3339. */
    startedAt: string | null
    durationMs: number
  }
  tracks: Track[]
  turns: (Span & { track: number; voice?: number })[]
  metrics: Metrics
  outcome: {
    value: OutcomeValue
    /** The probability that the outcome is right. */
    confidence: number
    reasons: { code: string; measured: number; limit: number; unit: string; message: string }[]
  }
  tag: { value: TagValue; from: string }
  /** Problems with the recordings, as measured. */
  integrity: Finding[]
  /** Spans in which audio was redacted. */
  redacted: Span[]
  /** What the caller knew about the call. */
  facts: (Span & { kind: FactKind; party: string | null; reason: string | null; contradicted: boolean })[]
  warnings: CallWarning[]
  outputs: { kind: string; path: string; sampleRateHz: number; channels: number; sha256: string }[]
}

/** A file's actual format, and what is wrong with it. */
export interface Probe {
  path: string
  /** The recording's properties, read to its end. Null if it is not a recording. */
  source: Source | null
  /** Why it cannot be read, or not to its end. Null if it can. */
  problem: { code: ErrorCode; message: string } | null
  /** The members of a ZIP archive; empty for anything else. */
  members: Probe[]
}

/** A file's format according to its first bytes, without verification. */
export interface QuickProbe {
  path: string
  source: null
  /** Absent if the file is not a recording, and for a ZIP archive itself. */
  head?: Head
  /** Why it cannot be read. Null if its first bytes are those of a recording. */
  problem: { code: ErrorCode; message: string } | null
  /** The members of a ZIP archive; empty for anything else. */
  members: QuickProbe[]
}

/**
 * What a recording's first bytes declare. A truncated or damaged file declares the same as a
 * complete one.
 */
export interface Head {
  container: string
  codec: string
  /** Sample rate in Hz. */
  sampleRateHz: number
  channels: number
  /** Bytes of the input, if known without reading it. */
  bytes: number | null
  /**
   * The duration declared by the header, without codec delay and padding. Null if it declares none,
   * like Ogg and an MP3 without a tag. Never guessed from a bit rate.
   */
  declaredDurationMs: number | null
  /** Codec delay that decoding removes from the start. */
  codecDelayMs: number
  codecDelayBasis: 'tag' | 'assumed' | 'none'
}

/** The encoding of samples in bytes: 16-bit little- or big-endian, G.711, 32-bit floats. */
export type SampleEncoding = 's16' | 's16be' | 'mulaw' | 'alaw' | 'f32'

/** Any number of mono samples: an array of numbers, or bytes in an encoding. */
export type LiveSamples = Int16Array | Float32Array | Uint8Array

/** When speech begins and ends, with the names of Silero VAD. The defaults are in docs/live.md. */
export interface SpeechOptions {
  /** The encoding of byte samples. Arrays of numbers need none, and another is an error. */
  encoding?: SampleEncoding | undefined
  threshold?: number | undefined
  negThreshold?: number | null | undefined
  minSpeechMs?: number | undefined
  minSilenceMs?: number | undefined
  speechPadMs?: number | undefined
  resetAfterMs?: number | null | undefined
  portable?: boolean | undefined
}

/** Speech began. */
export interface SpeechStart {
  type: 'speechStart'
  /** When it began, including the padding before it. */
  atMs: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** Speech ended. Its beginning was reported before. */
export interface SpeechEnd {
  type: 'speechEnd'
  startMs: number
  endMs: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** The parameters of an AMR stream, as in SDP. */
export interface AmrOptions {
  /** AMR-WB instead of AMR-NB. @default false */
  wideband?: boolean
  /** `octet-align=1`; otherwise bandwidth-efficient. @default false */
  octetAligned?: boolean
  /**
   * `crc=1`: each frame has a checksum, which is ignored. Such payloads are octet-aligned.
   * @default false
   */
  crc?: boolean
}

/**
 * Collects the packets of an AMR stream (RFC 4867) into a recording that every function accepts.
 * Interleaving and robust sorting are not supported.
 *
 * @example
 * const packets = new AmrPackets({ wideband: true })
 * packets.push(packet.timestamp, packet.payload)
 * const { channels } = await decode(packets.finish())
 */
export declare class AmrPackets {
  constructor(options?: AmrOptions)
  /**
   * Adds a packet by its RTP timestamp. Duplicates are dropped. The decoder conceals missing
   * packets, whether lost or not sent during silence.
   *
   * @throws {CallweaveError} `malformed` for a payload that is none, and for a timestamp more than
   * ten minutes ahead; nothing is added then.
   */
  push(timestamp: number, payload: Uint8Array): void
  /** Returns the recording so far as an `.amr` or `.awb` file. */
  finish(): Uint8Array
}

/**
 * Detects speech on one track while its samples arrive.
 *
 * The result does not depend on how samples are divided into pushes. Each event is returned by the
 * push that decided it and emitted under its type. The probability of each 32 ms frame is emitted
 * as `probability`. What a listener throws is thrown as it is, after all events of the push were
 * emitted. The work is done on the caller's thread.
 */
export declare class SpeechStream extends EventEmitter<{
  speechStart: [SpeechStart]
  speechEnd: [SpeechEnd]
  probability: [number]
}> {
  constructor(sampleRateHz: number, options?: SpeechOptions)
  /**
   * Takes the next samples, and returns the events that became certain. A rate other than the
   * stream's is an error.
   */
  push(samples: LiveSamples, sampleRateHz?: number): (SpeechStart | SpeechEnd)[]
  /**
   * Ends the track and any open speech, and returns the last events. `reset` makes the stream
   * accept samples again.
   */
  flush(): (SpeechStart | SpeechEnd)[]
  /** Resets the stream for another track of the same rate, starting at 0 ms. */
  reset(): void
  /**
   * Pushes samples as they arrive, and yields each event at once. The track ends with the samples.
   */
  events(
    frames: AsyncIterable<LiveSamples> | Iterable<LiveSamples>,
  ): AsyncGenerator<SpeechStart | SpeechEnd, void, undefined>
  /** Returns a transform stream that takes samples and yields events. */
  transform(options?: TransformOptions): Transform
  /** The probabilities of the frames completed by the last push or flush. */
  readonly probabilities: Float32Array
  /** The probability of the last frame, or 0 before the first. */
  readonly probability: number
  /** Duration of the samples taken, in milliseconds. */
  readonly heardMs: number
  /** Whether speech was reported that has not ended. */
  readonly speaking: boolean
}

/** One track of a live call. */
export interface LiveTrack {
  sampleRateHz: number
  /** Who speaks. */
  role?: Role | undefined
  /** The name in reports and errors; by default `track 0` and so on. */
  name?: string | undefined
  /** The party's number, address or name. */
  party?: string | undefined
  /** When the track began (RFC 3339). */
  startedAt?: string | undefined
  /**
   * The track's start on the call's timeline in milliseconds, if it does not start with the call.
   */
  offsetMs?: number | undefined
}

/** Options of a live call. The defaults are in docs/live.md. */
export interface LiveOptions {
  /**
   * What happens to the samples. `spool` keeps them in files in a folder; they are removed with the
   * call.
   */
  keep?: 'nothing' | 'memory' | { spool: string } | undefined
  /** How long to wait for a missing packet, or for a track that falls behind the others. */
  windowMs?: number | undefined
  /** A track without a signal from its start for this long is reported as dead. */
  deadAfterMs?: number | undefined
  /** The track of the called party, which is watched for an answer. */
  called?: number | null | undefined
  config?: Config | undefined
}

/** An event of a live call. A later event with the same id updates it. */
export interface LiveEvent {
  id: number
  kind: 'speech' | 'turn' | 'overlap' | 'dead_track' | 'answer' | CallEvent['kind']
  certainty: 'provisional' | 'confirmed' | 'withdrawn'
  /** The track, or null for an event of all tracks. */
  track: number | null
  startMs: number
  /** Null if it continues, as far as is known. */
  endMs: number | null
  /** Details: the tone, the countries, the answer; the key if `dtmfDigits` is set. */
  detail: string | null
  confidence: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** A packet of a track, numbered like RTP. */
export interface LivePacket {
  /** Packet counter, modulo 2^16. */
  sequence: number
  /** Time of its first sample, in samples, modulo 2^32. */
  timestamp: number
  payload: Uint8Array
}

/** Statistics of a track's packets. */
export interface PacketCounts {
  received: number
  /** Packets that did not arrive in time and were replaced by silence. */
  lost: number
  /** Packets that arrived too late. */
  late: number
  repeated: number
  reordered: number
  /** Jumps of the timestamp without a jump of the sequence: nothing was sent in between. */
  pauses: number
  /** Jumps that are not pauses: the sender's clock restarted. */
  restarts: number
}

/**
 * Analyzes a call while its samples arrive: events as they become certain, and a report at any
 * time.
 *
 * Each event is returned by the push that decided it, and emitted as `event` and under its kind.
 * What a listener throws is thrown as it is, after all events of the push were emitted.
 *
 * `push`, `packet`, `rtp` and `snapshot` work on the caller's thread: some microseconds for each
 * 32 ms of sound, and 0.34 s for a snapshot after an hour of two tracks.
 */
export declare class LiveCall extends EventEmitter {
  constructor(tracks: readonly LiveTrack[], options?: LiveOptions)
  /** Takes the next samples of a track, and returns the new events. */
  push(
    track: number,
    samples: LiveSamples,
    options?: { encoding?: SampleEncoding | undefined; sampleRateHz?: number | undefined },
  ): LiveEvent[]
  /** Takes a packet. Late packets are put in their place; missing ones become silence. */
  packet(track: number, packet: LivePacket, options: { encoding: SampleEncoding }): LiveEvent[]
  /**
   * Takes an RTP packet. Payload types other than the first, such as keys, contribute only their
   * sequence number.
   */
  rtp(track: number, datagram: Uint8Array, options: { encoding: SampleEncoding }): LiveEvent[]
  /** Sets the start of a track on the call's timeline, before its first sample. */
  begin(track: number, atMs: number): void
  /** Ends a track before the others, which no longer wait for it. */
  end(track: number): LiveEvent[]
  /** Returns statistics of a track's packets, or null if it has taken none. */
  packets(track: number): PacketCounts | null
  /** Returns the report of the call so far. It lacks what requires all samples. */
  snapshot(): Report
  /**
   * Ends the call, and returns its report, with its tracks if samples were kept. The last events
   * are emitted before. If it fails or is aborted, nothing is lost, and it may be called again.
   * Otherwise a second call, or samples after the first, are an error.
   */
  finish(options?: { signal?: AbortSignal }): Promise<Processed>
  /** How much of the call has been analyzed, in milliseconds. */
  readonly heardMs: number
}

/** A processed call: its report, and its tracks, ready to be mixed. */
export declare class Processed {
  private constructor()
  /** The report, with the outputs written so far. */
  readonly report: Report
  /** The report as JSON, with the same bytes as `callweave process --json`. */
  readonly reportJson: string
  /** Returns the mix. */
  mix(mix?: Omit<MixConfig, 'format'>, options?: Pick<WorkOptions, 'signal'>): Promise<Audio>
  /**
   * Returns the mix as a Node `Readable` of a file's bytes, made while they are read.
   * `Readable.toWeb` converts it to a web stream.
   *
   * `write` and `redact` wait until the stream has ended. Destroy a stream that is not read to its
   * end.
   *
   * @example
   * await pipeline(call.mixStream({ format: 'flac' }), response)
   */
  mixStream(options?: MixConfig & Pick<WorkOptions, 'signal'>): import('node:stream').Readable
  /**
   * Returns the call's labels in the format of another tool.
   *
   * @throws {CallweaveError} `invalid_argument` for a format that does not exist
   */
  labels(format: Label, options?: { /** @default false */ showParties?: boolean | undefined }): string
  /** Returns `report.html` as text, without a player. */
  page(options?: PageOptions): Promise<string>
  /**
   * Releases the samples now instead of at garbage collection: `using call = await processCall(…)`.
   * The report stays; what needs the samples is an error afterwards.
   */
  [Symbol.dispose](): void
  /**
   * Writes the mix, `report.json` and optional files to a folder, each complete or not at all.
   * Returns the report, which lists them.
   */
  write(folder: string, options?: WriteOptions): Promise<Report>
  /** @deprecated The mix is one of the options: `write(folder, { mix })`. */
  write(folder: string, mix: MixConfig | undefined, options?: Omit<WriteOptions, 'mix'>): Promise<Report>
  /**
   * Redacts spans of the call, each widened on either side by 250 ms and by the uncertainty of the
   * placements, or every key press, on every track. Returns the report, which lists them.
   *
   * Mixes, peaks, pages and chunks made afterwards contain nothing of them; files written before
   * still do. An abort while the call is queued leaves it unchanged; once begun, redaction runs to
   * its end.
   */
  redact(what: Redaction, options?: Pick<WorkOptions, 'signal'>): Promise<Report>
  /** Returns each track's level, second by second, as in `series.json`. */
  series(options?: Pick<WorkOptions, 'signal'>): Promise<Series>
  /**
   * Yields each party's own speech in chunks for a transcriber, in the order of the call. Samples
   * are extracted during the iteration.
   */
  chunks(options?: ChunkOptions): AsyncGenerator<Chunk, void, undefined>
}

/** What is written in addition to the mix and the report. */
export interface WriteOptions extends Pick<WorkOptions, 'signal'> {
  /** Differences of the mix from the call's configuration. */
  mix?: MixConfig | undefined
  /**
   * The web page `report.html`.
   * @default true
   */
  page?: boolean | undefined
  /**
   * Embeds the mix in the page.
   * @default false
   */
  embedAudio?: boolean | undefined
  /** The mix's waveform in `peaks.json`, at this many points per second (1 to 4000). */
  peaks?: number | undefined
  /** Each track's level, second by second, in `series.json`. */
  series?: boolean | undefined
  /** Label files for other tools, one per format. */
  labels?: readonly Label[] | undefined
  /** Names parties by number, address or name instead of role, in page and labels. */
  showParties?: boolean | undefined
  /**
   * Each redacted track with 16 bits, at the length and rate at which it was decoded, in
   * `redacted-0.wav` and so on. If a key press may remain, nothing is written, and the error's code
   * is `unsure`.
   */
  redactedTracks?: 'wav' | 'wav-ulaw' | 'flac' | undefined
  /**
   * Writes redacted tracks even if a key press may remain.
   * @default false
   */
  keepUnsure?: boolean | undefined
}

/** Options of a page. */
export interface PageOptions extends Pick<WorkOptions, 'signal'> {
  /** How the parties' levels are normalized in its waveforms. */
  mix?: MixConfig | undefined
  /**
   * Names parties by number, address or name instead of role.
   * @default false
   */
  showParties?: boolean | undefined
}

/** A label format. */
export type Label = 'rttm' | 'textgrid' | 'audacity' | 'vtt' | 'csv'

/** What to redact in a call. */
export interface Redaction {
  /** Spans of the call. */
  spans?: readonly Span[] | undefined
  /** Every key press that is detected or told as a known fact, on all tracks. */
  keys?: boolean | undefined
  /** With `keys`, also the spans in which noise or speech may hide a key press. */
  unsure?: boolean | undefined
  /** What replaces the redacted audio. */
  cover?: 'silence' | 'beep' | undefined
}

/** Each track's level, second by second. */
export interface Series {
  schemaVersion: 1
  /** Milliseconds between two values. */
  stepMs: number
  tracks: { index: number; role: Role /** Null where the track holds nothing. */; dbov: (number | null)[] }[]
}

/** How speech is split into chunks. */
export interface ChunkOptions extends Pick<WorkOptions, 'signal'> {
  /**
   * Longest chunk including padding, at least 1 s. Longer speech is split at its pauses.
   * @default 30000
   */
  longestMs?: number | undefined
  /**
   * Padding on either side, at most a quarter of `longestMs`.
   * @default 200
   */
  padMs?: number | undefined
  /**
   * Merges neighboring chunks of a party up to `longestMs`, keeping at most this much of each
   * pause: windows as Whisper expects them. Other parties are silenced in them. If omitted, there
   * is one chunk per span of speech.
   */
  mergeGapMs?: number | undefined
  /**
   * Sample rate in Hz.
   * @default 16000
   */
  sampleRateHz?: number | undefined
}

/** A chunk of one party's own speech, ready for a transcriber. */
export interface Chunk {
  /** The track's index in the report. */
  track: number
  /** The voice that speaks, on a mixed track. */
  voice: number | null
  role: Role
  /** Its start on the call's timeline, including the padding before the first word. */
  startMs: number
  endMs: number
  /** Samples in [-1, 1]. */
  samples: Float32Array
  sampleRateHz: number
  /**
   * Converts a time reported by a transcriber, counted from the chunk's first sample, to the call's
   * time. Accounts for drift and lost audio.
   */
  toCall(timeMs: number): number
}

/** The lowest and the highest sample of each point of each channel. */
export interface Peaks {
  /** For each channel, the lowest and the highest 16-bit sample of each point in turn. */
  channels: Int16Array[]
  sampleRateHz: number
  samplesPerPoint: number
  /** audiowaveform's JSON, version 2, for its players and wavesurfer.js. */
  json: string
  /** audiowaveform's binary format, version 2. */
  dat: Uint8Array
}

/** Options of `processBatch`. */
export interface BatchOptions extends WorkOptions {
  /**
   * How many calls are processed at a time, on separate threads that are not libuv's. Default: the
   * number of processors.
   */
  threads?: number | undefined
  /** As in {@link CallOptions}. */
  strict?: boolean | undefined
  /** Whether to keep tracks for a mix. With `false`, `call` is null and there is only `report`. */
  tracks?: boolean | undefined
  /** Called for each call when its result is taken. */
  onProgress?: ((progress: { callsDone: number; callsTotal: number | null }) => void) | undefined
}

/** The result of one call of a batch, discriminated by `error`. */
export type BatchResult<Call = Processed> =
  | { index: number; call: Call; report: Report; error: null }
  | { index: number; call: null; report: null; error: CallweaveError }

/** The library's version. */
export declare const version: string

/** All codes of a `CallweaveError`. */
export declare const errorCodes: readonly ErrorCode[]

/**
 * Returns the whole configuration, including defaults, for a partial one.
 *
 * @throws {CallweaveError} `invalid_argument`, with the name of the field and what it may be
 */
export declare function resolveConfig(config?: Config): ResolvedConfig

/**
 * Processes a call and keeps its tracks, so that it can be mixed.
 *
 * @throws {CallweaveError} of any kind: an unreadable recording, a limit, an invalid option, an
 * abort
 * @example
 * const call = await processCall([customer, agent], { roles: ['customer', 'agent'] })
 * await call.write('out', { labels: ['vtt'] })
 */
export declare function processCall(inputs: CallInputs, options?: CallOptions): Promise<Processed>

/** @deprecated `processCall`, which does not hide Node's own `process`. */
export declare const process: typeof processCall

/**
 * Analyzes a call and returns its report. No samples are kept.
 *
 * @throws {CallweaveError} as {@link processCall}
 * @example
 * const { tag, tracks } = await analyze(new URL('https://recordings.example/1.mp3'))
 */
export declare function analyze(inputs: CallInputs, options?: CallOptions): Promise<Report>

/**
 * Returns each track's placement on the call's timeline, or null for a track that cannot be read.
 */
export declare function align(inputs: CallInputs, options?: CallOptions): Promise<(Alignment | null)[]>

/** Detects speech in a recording, and returns the spans of each of its tracks. */
export declare function detectSpeech(
  recording: Recording | RecordingInput,
  options?: Omit<CallOptions, 'facts'>,
): Promise<Span[][]>

/** Returns the mix of a call: its parties, placed and normalized. */
export declare function mix(inputs: CallInputs, options?: Omit<CallOptions, 'facts'>): Promise<Audio>

/**
 * Processes many calls in parallel, and yields the results in order.
 *
 * At most two calls per thread are queued or running, and `calls` is read lazily. A call that fails
 * yields a result with an error and does not affect the others. Leaving the loop stops the work.
 */
export declare function processBatch(
  calls: Iterable<CallInputs> | AsyncIterable<CallInputs>,
  options: BatchOptions & { tracks: false },
): AsyncGenerator<BatchResult<null>, void, undefined>
export declare function processBatch(
  calls: Iterable<CallInputs> | AsyncIterable<CallInputs>,
  options?: BatchOptions,
): AsyncGenerator<BatchResult, void, undefined>

/** A disturbance applied to a two-channel call. */
export type Disturbance =
  | 'split'
  | 'shifted'
  | 'start_times'
  | 'cut'
  | 'silence_shrunk'
  | 'packets_dropped'
  | 'transcoded'
  | 'summed'

/**
 * A count with its total, and the share with its 95 % interval. Null if the total is 0; `low` and
 * `high` are null too if the counted cases are not independent, such as the frames of one call.
 */
export interface Share {
  count: number
  of: number
  share: number | null
  low: number | null
  high: number | null
}

/**
 * Accuracy on calls whose truth is known: only counts, nothing about any single call. `String()` of
 * it is a table.
 */
export interface Evaluation {
  schemaVersion: 1
  library: { name: string; version: string }
  configHash: string
  /** Whether the configuration had a confidence map. Such an evaluation cannot be calibrated. */
  calibrated: boolean
  seed: number
  calls: { found: number; used: number; unused: Record<string, number>; failed: number }
  /** One entry per kind of disturbance. A null kind stands for all of them. */
  placement: {
    kind: Disturbance | null
    within250Ms: Share
    within100Ms: Share
    medianMs: number
    p95Ms: number
    said: number
    equalStarts: Share
    equalEnds: Share
    startTimes: Share
  }[]
  confidence: { from: number; to: number; said: number; right: Share }[]
  confidenceFine: { from: number; to: number; said: number; right: Share }[]
  sure: { wrong: Share; expectedWrong: number; mostByChance: number }
  speech: { kind: Disturbance | null; f1: number | null; missed: Share; added: Share }[]
  voices: { apart: Share; right: Share; said: number | null }
  tags: {
    kind: Disturbance | null
    tag: Share
    outcome: Share
    changed: { from: string; to: string; count: number }[]
  }[]
  labels: { tag: Share; outcome: Share; changed: { from: string; to: string; count: number }[] } | null
}

/** Options of an evaluation. */
export interface EvaluateOptions extends WorkOptions {
  /**
   * Seed of the random disturbances. The same seed and files give the same counts.
   * @default 1
   */
  seed?: number | undefined
  /** Disturbances to apply. Default: all. */
  kinds?: readonly Disturbance[] | undefined
  /** The roles on the first and the second channel. */
  roles?: readonly [Role, Role] | undefined
  /** File of known tags, with lines of `file,tag` or `file,tag,outcome`, one per call. */
  labels?: string | undefined
}

/**
 * Measures accuracy on the two-channel recordings of a folder. They are split, shifted, cut,
 * thinned, transcoded and summed, and the results are compared with what is known about them.
 */
export declare function evaluate(folder: string, options?: EvaluateOptions): Promise<Evaluation>

/** Returns a profile with placement confidence calibrated to an evaluation. */
export declare function calibrate(evaluation: Evaluation, name?: string): Profile

/** Options of a calibration by reports. */
export interface CalibrateOptions extends Pick<WorkOptions, 'signal'> {
  /**
   * Name of the profile.
   * @default 'calibrated'
   */
  name?: string | undefined
  /** An evaluation, to which placement confidence is calibrated besides. */
  evaluation?: Evaluation | undefined
}

/**
 * Returns a profile that says how far apart the recorders of the customer and the agent start
 * (`align.offsetPrior`), measured on one or several folders of reports of separate recordings.
 */
export declare function calibrateByReports(
  reports: string | readonly string[],
  options?: CalibrateOptions,
): Promise<Profile>

/** The changes between two sets of reports. `String()` of it is a text. */
export interface Comparison {
  schemaVersion: 1
  both: number
  onlyOld: string[]
  onlyNew: string[]
  /** Unreadable reports, with the reasons. Their calls are not compared. */
  unreadableOld: { report: string; reason: string }[]
  unreadableNew: { report: string; reason: string }[]
  tag: Share
  tags: { from: string; to: string; count: number }[]
  outcome: Share
  outcomes: { from: string; to: string; count: number }[]
  /** Of the calls of which that is known, as with `speech`. */
  moved: Share
  speech: Share
  stages: { stage: string; calls: number }[]
  /** The calls that differ, most important first. */
  calls: {
    call: string
    tag: { from: string; to: string; count: number } | null
    outcome: { from: string; to: string; count: number } | null
    /** A value is null if the track is unreadable or not placed in one of the reports. */
    tracks: {
      track: number
      error: { from: string; to: string; count: number } | null
      /**
       * The furthest that it moved relative to the first track, wherever in the recording that is.
       */
      movedMs: number | null
      speechAddedMs: number | null
      speechRemovedMs: number | null
      spansMoved: number | null
      spanMovedMaxMs: number | null
      role: { from: string; to: string; count: number } | null
      /** The roles of a mixed track's voices; `none` if they could not be told apart. */
      voices: { from: string; to: string; count: number } | null
      /** Speech that is with another voice. Null if one of the reports has no voices. */
      voiceChangedMs: number | null
      eventsAdded: number | null
      eventsRemoved: number | null
      eventsChanged: number | null
    }[]
    /** Tracks that only one of the reports has. */
    tracksUnpaired: number
  }[]
}

/** The reports of a folder whose revisions differ from this version's. */
export interface OutdatedReports {
  schemaVersion: 1
  reports: number
  /** Unreadable reports, with the reasons. */
  unreadable: { report: string; reason: string }[]
  stages: { stage: string; calls: number }[]
  calls: string[]
}

/** Compares two folders of reports. */
export declare function compare(
  before: string,
  after: string,
  options?: Pick<WorkOptions, 'signal'>,
): Promise<Comparison>
/** Returns which reports of a folder this version would analyze differently. */
export declare function compare(before: string): Promise<OutdatedReports>

/**
 * Processes a call and redacts spans of it, or every key press, on its tracks. The recordings are
 * not changed.
 */
export declare function redact(inputs: CallInputs, what: Redaction, options?: CallOptions): Promise<Processed>

/**
 * Yields each party's own speech in chunks for a transcriber, in the order of the call. Bleed is
 * left out, so no speech is transcribed twice.
 */
export declare function chunks(
  inputs: CallInputs,
  options?: CallOptions & ChunkOptions,
): AsyncGenerator<Chunk, void, undefined>

/**
 * Computes a recording's waveform in one pass, without keeping samples. `bits` is the width of a
 * value in both formats.
 */
export declare function peaks(
  recording: Recording | SoundInput,
  options?: WorkOptions & {
    /**
     * 1 to 4000.
     * @default 100
     */
    pointsPerSecond?: number | undefined
    /** @default 8 */
    bits?: 8 | 16 | undefined
    onProgress?: CallOptions['onProgress']
  },
): Promise<Peaks>

/**
 * Returns a file's actual format, read to its end, and what is wrong with it. A file that is not a
 * recording is a result, not an error.
 *
 * With `quick`, only the first kilobytes are read, whatever the file's length, and the result is
 * what they declare: 64 kB of most formats, an MP4 up to the end of its index, a ZIP archive as a
 * whole. A stream is closed then.
 */
export declare function probe(
  recording: Recording | (Pick<RecordingFacts, 'name' | 'raw'> & SourceWithRate),
  options: WorkOptions & { quick: true },
): Promise<QuickProbe>
export declare function probe(
  recording: Recording | (Pick<RecordingFacts, 'name' | 'raw'> & SourceWithRate),
  options?: WorkOptions & { quick?: false | undefined },
): Promise<Probe>
export declare function probe(
  recording: Recording | (Pick<RecordingFacts, 'name' | 'raw'> & SourceWithRate),
  options?: WorkOptions & { quick?: boolean | undefined },
): Promise<Probe | QuickProbe>

/**
 * Decodes a recording at its own rate with the codec delay removed, as 32-bit floats in [-1, 1] or
 * as 16-bit integers.
 */
export declare function decode(
  recording: Recording | SoundInput,
  options?: WorkOptions & { type?: 'float32' | undefined },
): Promise<Audio<Float32Array> & { source: Source }>
export declare function decode(
  recording: Recording | SoundInput,
  options: WorkOptions & { type: 'int16' },
): Promise<Audio & { source: Source }>

/**
 * Options of `normalize`. `rate`, `level` and `layout` take precedence over the configuration's
 * mix.
 */
export interface NormalizeOptions extends WorkOptions {
  rate?: MixConfig['rate']
  level?: MixConfig['level']
  layout?: 'split' | 'mono' | undefined
  onProgress?: CallOptions['onProgress']
}

/** A recording brought to another rate and level. */
export interface Normalized {
  audio: Audio
  sampleRateHz: number
  /** What the recording was, and what was wrong with it. */
  source: Source
  /** The gain that was applied, the same on all channels. */
  gainDb: number
}

/**
 * One recording at one rate and one level, in memory or in a file, wav or FLAC by the ending of its
 * name: the everyday call.
 */
export declare function normalize(
  recording: Recording | SoundInput,
  options: NormalizeOptions & { output: string },
): Promise<Omit<Normalized, 'audio'> & { audio: null }>
export declare function normalize(recording: Recording | SoundInput, options?: NormalizeOptions): Promise<Normalized>

/**
 * Providers' documents: JSON in, a described call out, and the bodies, ids and errors of MCloud's
 * API. No network.
 */
export declare const provider: Provider
