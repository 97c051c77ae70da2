/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Transform, TransformOptions } from 'node:stream'
import type { DescribedCall, Provider } from './provider.cjs'

export type * from './provider.cjs'

/** Stable name of a kind of error, the same in every language. */
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

/** What went wrong, in which stage, where in which input, what was found and what was expected. */
export declare class CallweaveError extends Error {
  private constructor()
  readonly name: 'CallweaveError'
  /** Stable name of the kind of error. */
  readonly code: ErrorCode
  /** The stage of the work that failed, such as `decode`. */
  readonly stage: Stage | null
  /** What went wrong, without place, found and expected; `message` is the whole line. */
  readonly reason: string
  /** The input's name, where one input is to blame. */
  readonly input: string | null
  /** The byte of the input at which it was noticed. */
  readonly byte: number | null
  /** What was found. */
  readonly found: string | null
  /** What was expected instead. */
  readonly expected: string | null
  /** The system's number of the error, as in Node's own errors, where that is what it came of; `cause` is that error. */
  readonly errno: number | null
}

/** Who is heard on a track. */
export type Role = 'customer' | 'agent' | 'transfer' | 'participant' | 'mixed' | 'unknown'

/**
 * One recording: a path, a URL of a file or of `http:` and `https:`, bytes, a `Response`, samples as `decode` gives them, or a stream of
 * bytes. A stream is read when its turn has come, at most `decode.maxBytes`; beyond 16 MB it is kept in a temporary file. Bytes are copied
 * when the work begins: leave them as they are until its promise is settled.
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

/** Samples by channel with their rate: what `decode`, `normalize` and `mix` give. */
export interface SamplesInput {
  /** One array per channel, all of one length and kind; floats are nominally within -1 and 1. */
  channels: readonly Int16Array[] | readonly Float32Array[]
  /** Samples per second. */
  sampleRateHz: number
}

/** How the samples of a file without a header are written, by the endings that phone systems give such files. */
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

/** One recording, with what is known of it. */
export type RecordingInput = RecordingFacts &
  (
    | { source: Recording; sampleRateHz?: undefined }
    | {
        /** One channel of samples. */
        source: Int16Array | Float32Array
        /** Samples per second. */
        sampleRateHz: number
      }
  )

/** What is known of a recording. */
export interface RecordingFacts {
  /** Who is heard. */
  role?: Role | undefined
  /** The party's number, address or name. */
  party?: string | undefined
  /** When the recording began: RFC 3339, Unix seconds or a Date. Whole seconds mean ±1 s. */
  startedAt?: string | number | Date | undefined
  /** The channel of the recording that is meant, from 0. */
  channel?: number | undefined
  /** What reports and errors call it, where it has no path. */
  name?: string | undefined
  /** The format of a file without a header; its content is then not asked. */
  raw?: RawFormat | undefined
  /** Where the recording begins on the call's timeline, in milliseconds: it is placed there and nowhere else. */
  offsetMs?: number | undefined
  /** Half the width of the interval that holds `offsetMs` nine times in ten; exact where it is not said. */
  offsetUncertaintyMs?: number | undefined
}

/**
 * A call's recordings; or a call of `provider`; or, as one path alone, a manifest or a provider's JSON with its audio
 * beside it.
 */
export type CallInputs = Recording | RecordingInput | readonly (Recording | RecordingInput)[] | DescribedCall

/** A level of speech: active speech level (ITU-T P.56) in dBov, loudness (EBU R 128) in LUFS, or as recorded. */
export type MixLevel = `${number}dbov` | `${number}lufs` | 'off'

/** How a mix is made. */
export interface MixConfig {
  /** Samples per second: a number, `source` (the inputs' highest) or `auto` (that, at most 16000). */
  rate?: number | 'auto' | 'source' | undefined
  /** One channel per party, one for all (`mono`), or one per party and per voice of a mixed track (`voices`). */
  layout?: 'split' | 'mono' | 'voices' | undefined
  /** How the file is written. */
  format?: 'wav' | 'wav-ulaw' | 'flac' | undefined
  /** The level to which each party is brought: such as `-26dbov` or `-23lufs`, or `off`. */
  level?: MixLevel | undefined
}

/** How recordings are read, and how much of one is accepted. */
export interface DecodeOptions {
  /** What becomes of a recording with two channels. */
  stereo?: 'split' | 'downmix' | undefined
  /** Codec delay of an mp3 without a tag, in samples of the file's own rate. */
  assumedMp3Delay?: number | undefined
  /** The most bytes that are read of one input. */
  maxBytes?: number | undefined
  /** The most bytes of an input without seeking that are kept in memory, where its format asks for that. */
  maxBufferedBytes?: number | undefined
  /** The longest recording that is decoded. */
  maxDurationMs?: number | undefined
  /** The most channels of one recording. */
  maxChannels?: number | undefined
  /** The most tracks of one call. */
  maxTracks?: number | undefined
  /** The most members of an archive. */
  maxMembers?: number | undefined
  /** The most bytes of all recordings in an archive together, unpacked. */
  maxMembersBytes?: number | undefined
  /** How many times its packed size a member of an archive may have. */
  maxMemberRatio?: number | undefined
  maxTotalDurationMs?: number | undefined
  maxSamples?: number | undefined
  maxMsPerByte?: number | undefined
  minRateHz?: number | undefined
  maxDecoderBytes?: number | undefined
  /** Whether the SHA-256 of each input is computed while it is read. */
  sha256?: boolean | undefined
}

/** How tracks are placed: what may be used, and where to look. */
export interface AlignOptions {
  /** How far apart two recorders may have started, or stopped, or have been from their start times; 1 s to 1 h. */
  searchMs?: number | undefined
  /** Whether one party heard on the other's track may be used. */
  bleed?: boolean | undefined
  /** Whether start times may be used. */
  timestamps?: boolean | undefined
  /** Whether turn taking may be used. */
  turns?: boolean | undefined
  /** Whether one recorder made all tracks: they begin together, but for those whose offset is known. */
  aligned?: boolean | undefined
}

/** From probabilities to spans, with the meanings that users of Silero VAD know. */
export interface SpeechConfig {
  /** Speech begins at this probability. */
  threshold?: number | undefined
  /** Speech goes on until the probability is below this. */
  negThreshold?: number | undefined
  /** Shorter speech is dropped. */
  minSpeechMs?: number | undefined
  /** Shorter pauses do not end speech. */
  minSilenceMs?: number | undefined
  /** Added on either side of a span, without meeting its neighbour. */
  speechPadMs?: number | undefined
  /** The longest span; a longer one is cut in its longest pause. `null`: no limit. */
  maxSpeechMs?: number | null | undefined
  /** Pauses up to this long do not end a party's turn, unless the other party takes the floor. */
  turnPauseMs?: number | undefined
  /** Silero begins anew after so long without a probability of `negThreshold`. `null`: never, as its users know it. */
  resetAfterMs?: number | null | undefined
  /** What says where a span begins and ends: the detector, the level and the noise together, or the detector alone. */
  edges?: 'energy' | 'detector' | undefined
  /** Whether speech that only repeats another track is told apart as bleed. */
  bleedGate?: boolean | undefined
}

/** The parameters of the conversation's figures. */
export interface MetricsConfig {
  /** Silence of all parties from this long on is non-talk. */
  nonTalkMs?: number | undefined
  /** An interruption begins at least this long after the interrupted turn. */
  interruptionAfterMs?: number | undefined
  /** An interruption overlaps the interrupted turn at least this long. */
  interruptionOverlapMs?: number | undefined
  /** The interrupted party stops within this time. */
  interruptionYieldMs?: number | undefined
  /** A backchannel lasts at most this long. */
  backchannelMs?: number | undefined
  /** Placements less certain than this make no figures that compare parties in time. */
  maxUncertaintyMs?: number | undefined
}

/** From which measures on something is wrong with a recording. */
export interface IntegrityConfig {
  /** A track with at least this share of its samples at full scale is clipped. */
  clippedShare?: number | undefined
  /** Speech is wideband where at least this share of its loud frames holds power above the telephone band. */
  wideShare?: number | undefined
  /** Digital zero, or time that the recording leaves out, of at least this length is a pause. */
  pauseMs?: number | undefined
  /** Short holes that take at least this share of a track are reported. */
  dropoutShare?: number | undefined
}

/** The limits of the rules that decide outcome and tag, and the map from one to the other. */
export interface OutcomeConfig {
  /** Less speech than this in a conversation is a short call. */
  shortSpeechMs?: number | undefined
  /** First to last speech no longer than this is a short call, if it holds few exchanges. */
  shortSpanMs?: number | undefined
  /** Fewer exchanges of turns than this are few. */
  shortExchanges?: number | undefined
  /** A party silent for at least this long may be a silent party. */
  silentPartyMs?: number | undefined
  /** The other party speaks at least this many times to a silent one. */
  silentPartyTurns?: number | undefined
  /** Speech of at least this length without room for an answer is a monologue. */
  monologueMs?: number | undefined
  /** A gap of at least this length is room for an answer. */
  monologueGapMs?: number | undefined
  /** Voice of its own that a party needs to count as one who speaks: two short words. */
  minVoiceMs?: number | undefined
  /** Fax tones from a party with less voice of its own than this are a machine's. */
  faxVoiceMs?: number | undefined
  /** A greeting ends at most this long after a monologue has begun. */
  greetingMs?: number | undefined
  /** A caller says no more than this before a machine's beep. */
  beforeBeepMs?: number | undefined
  /** A machine greets for longer than this in one go; a person who answers says a word or two. */
  machineGreetingMs?: number | undefined
  /** A machine greets no longer than this. */
  maxGreetingMs?: number | undefined
  /** A pause of at least this length ends a greeting. */
  greetingPauseMs?: number | undefined
  /** A dead line's level lies below this. */
  deadDbov?: number | undefined
  /** The map from outcome to tag that `tags` changes: `spam` takes a silent party and a monologue for wrong_or_spam too. */
  profile?: 'default' | 'spam' | undefined
  /** The map from outcome to tag, where it differs from the profile's. */
  tags?: Partial<Record<OutcomeValue, TagValue>> | undefined
}

/** Everything that a caller can choose. Fields left out keep the core's defaults; fields that do not exist are refused. */
export interface Config {
  /** How recordings are read. */
  decode?: DecodeOptions | undefined
  /** How tracks are placed. */
  align?: AlignOptions | undefined
  /** Which speech detector listens. */
  detector?: 'silero' | 'webrtc' | undefined
  /** From probabilities to spans. */
  speech?: SpeechConfig | undefined
  /** How a mix is made. */
  mix?: MixConfig | undefined
  /** The conversation's figures. */
  metrics?: MetricsConfig | undefined
  /** What is wrong with a recording. */
  integrity?: IntegrityConfig | undefined
  /** Outcome and tag. */
  outcome?: OutcomeConfig | undefined
  /** Whether the voices of mixed tracks are told apart. */
  voices?: boolean | undefined
  /** Whether key presses are reported with their digits (card numbers often enough). */
  dtmfDigits?: boolean | undefined
  /** What becomes of personal data in a report. */
  pii?: 'keep' | 'drop' | undefined
  /** Takes the slower path whose bits are the same on every kind of CPU. */
  portable?: boolean | undefined
  /** How often placements of a confidence are right on calls like these: pairs of what is said and what is right. */
  confidenceMap?: readonly (readonly [number, number])[] | undefined
  /**
   * What is known of a trunk or recorder, under what this configuration changes: the name of a profile, or one of
   * `calibrate`.
   */
  profile?: 'freeswitch' | 'twilio-conference' | 'vicidial' | Profile | undefined
}

/** What is known of a trunk or recorder. */
export interface Profile {
  name: string
  /** Where what it says is written, or what it was fitted to. */
  sources?: readonly string[] | undefined
  /** Who is on which channel, by role; `caller` and `callee` are customer or agent by the call's direction. */
  channels?: readonly (Role | 'caller' | 'callee')[] | undefined
  /** What differs from the default configuration. */
  config?: Omit<Config, 'mix' | 'profile'> | undefined
}

/** The same with every field. */
export type DeepRequired<T> = T extends object ? { [K in keyof T]-?: DeepRequired<Exclude<T[K], undefined>> } : T

/** The whole configuration, defaults included. */
export type ResolvedConfig = DeepRequired<Omit<Config, 'outcome' | 'profile' | 'confidenceMap'>> & {
  profile?: Profile
  confidenceMap?: [number, number][]
  outcome: DeepRequired<Omit<OutcomeConfig, 'tags'>> & { tags: Partial<Record<OutcomeValue, TagValue>> }
}

/** How far the work has come. */
export interface Progress {
  /** The stage at work. */
  stage: Stage
  /** Bytes of the inputs that have been read. */
  bytesDone: number
  /** Bytes of the inputs in all, where they are known. */
  bytesTotal: number | null | undefined
}

/** What every call takes. */
export interface WorkOptions {
  /** What differs from the defaults. */
  config?: Config | undefined
  /**
   * Stops the work; it then fails at once with the code `cancelled` and the signal's reason as its cause. Where files are
   * written it fails when the work has stopped, so that none appears afterwards.
   */
  signal?: AbortSignal | undefined
}

/** What calls take that work on a whole call. */
export interface CallOptions extends WorkOptions {
  /** Who is heard on the tracks, in order; a recording with two channels is two tracks. */
  roles?: readonly Role[] | undefined
  /**
   * Whether a recording among several that cannot be read fails the call. With `false` the others are processed, and the failure is in the
   * track's `error` and in the report's `warnings`.
   * @default true
   */
  strict?: boolean | undefined
  /** What a phone system knows of the call: `process` and `analyze` are bounded by it. */
  facts?: readonly Fact[] | undefined
  /**
   * Hears of the progress; news that come while the event loop is busy are left out. Where it throws, the work stops and
   * the promise is rejected with what it threw.
   */
  onProgress?: ((progress: Progress) => void) | undefined
}

/** What a phone system knows of a call. */
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

/** Something that a phone system knows of a call, at a moment or at a time on the call's timeline. */
export interface Fact {
  kind: FactKind
  /** Unix seconds, RFC 3339 or a date. */
  at?: number | string | Date | undefined
  /** Milliseconds on the call's timeline. */
  atMs?: number | undefined
  /** Whom it concerns: a role, or the number, address or name of a track's party. */
  party?: string | undefined
  reason?: string | undefined
  /** The key that was pressed. */
  key?: string | undefined
}

/** Samples with their rate. */
export interface Audio<Samples = Int16Array> {
  /** One array per channel, all of one length. */
  channels: Samples[]
  /** Samples per second. */
  sampleRateHz: number
}

/** Something wrong with a recording or a call that did not stop the work. */
export interface CallWarning {
  /** Stable name of the fault. */
  code: string
  /** The fault in words, with its numbers. */
  message: string
  /** The byte of the recording at which it was noticed. */
  atByte?: number
}

/** A stretch of time, in milliseconds on the call's timeline. */
export interface Span {
  startMs: number
  endMs: number
}

/** A recording, as it really is. */
export interface Source {
  path: string | null
  container: string
  codec: string
  sampleRateHz: number
  channels: number
  bytes: number
  sha256: string | null
  durationMs: number
  /** Removed from the start: samples that the codec added. */
  codecDelayMs: number
  codecDelayBasis: 'tag' | 'assumed' | 'none'
  warnings: CallWarning[]
}

/** Where a track lies on the call's timeline. */
export interface Alignment {
  /** Call time of the track's first sample. */
  offsetMs: number
  /** The recorder's clock error; above 0 it ran fast. */
  driftPpm: number
  /** How the place was found. */
  method: 'reference' | 'bleed' | 'given' | 'lengths' | 'timestamps' | 'turns' | 'none'
  /** The probability that the placement is within 250 ms of the truth. */
  confidence: number
  /** Half the width of the interval that holds the truth nine times in ten. */
  uncertaintyMs: number
  /** The placement: pairs of track time and call time, linear between. */
  knots: [trackMs: number, callMs: number][]
}

/** How loud a track is; levels are null where there is nothing to measure. */
export interface Level {
  /** Active speech level, ITU-T P.56. */
  activeDbov: number | null
  /** Share of the time in which speech is active. */
  activityFactor: number
  truePeakDbtp: number | null
  loudnessLufs: number | null
  /** The line's noise outside speech. */
  noiseDbov: number | null
  clippedSamples: number
  /** The gain that brings the party to the mix's level. */
  gainDb: number
}

/** What every sound has. */
export interface CallEventBase extends Span {
  /** How sure, from 0 to 1. */
  confidence: number
}

/** A sound that is not speech, told apart by `kind`. */
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

/** One party of a track that holds several; its role is `unknown` where nothing tells. */
export interface Voice {
  voice: number
  role: Role
  roleConfidence: number | null
  speech: Span[]
}

/** One participant. A track that could not be read has an `error` and neither source, alignment nor level. */
export interface Track {
  index: number
  role: Role
  party: string | null
  error?: { code: ErrorCode; message: string }
  source: Source | null
  /** The recordings it is made of, where a party has several, one after the other; `source` is the first of them. */
  pieces?: (Span & { source: Source })[]
  alignment: Alignment | null
  level: Level | null
  /** Where the party speaks. */
  speech: Span[]
  /** The parties of a track that holds several; null where nobody looked, or where they cannot be told apart. */
  voices: Voice[] | null
  /** The expected share of speech that is with its right voice. */
  voicesConfidence: number | null
  /** Where another party is heard faintly. */
  bleed: (Span & { fromTrack: number })[]
  events: CallEvent[]
}

/** The conversation's figures; null where a placement is too uncertain, or parties share a track. */
export interface Metrics {
  byTrack: {
    track: number
    /** The party's voice, where the track holds several. */
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
  /** Why figures are missing. */
  unavailable: 'alignment' | 'voices' | null
}

/** What was heard to happen in a call. */
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

/** The four tags of the service's API. */
export type TagValue = 'normal' | 'short' | 'wrong_or_spam' | 'other'

/** Something that is wrong with a recording. */
export interface Finding {
  code:
    | 'dead_track'
    | 'one_way_audio'
    | 'clipped'
    | 'narrow_band'
    | 'header_mismatch'
    | 'damaged'
    | 'pause_zeros'
    | 'pause_splice'
    | 'dropouts'
    | 'dual_mono'
  /** The track's place among the call's tracks. */
  track: number
  measured: number
  limit: number
  unit: string
  message: string
}

/** What callweave heard in a call. Times are milliseconds on the call's timeline unless a name says otherwise. */
export interface Report {
  schemaVersion: 1
  library: { name: string; version: string }
  /** What of the configuration differed from the defaults. */
  config: Config
  configHash: string
  /** The profile that the configuration came from. */
  profile: { name: string; hash: string } | null
  /** A revision per stage, which rises when the stage's numbers change. */
  stages: Record<string, number>
  detector: { name: string; version: string }
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
    /** The probability that it is the true one among those it could be. */
    confidence: number
    reasons: { code: string; measured: number; limit: number; unit: string; message: string }[]
  }
  tag: { value: TagValue; from: string }
  /** What is wrong with the recordings. */
  integrity: Finding[]
  /** Where sound was taken out of the tracks. */
  redacted: Span[]
  /** What the caller knew of the call. */
  facts: (Span & { kind: FactKind; party: string | null; reason: string | null; contradicted: boolean })[]
  warnings: CallWarning[]
  outputs: { kind: string; path: string; sampleRateHz: number; channels: number; sha256: string }[]
}

/** What a file really is, and what is wrong with it. */
export interface Probe {
  path: string
  /** What the recording is, read to its end; null where it is no recording. */
  source: Source | null
  /** Why it cannot be read, or not to its end; null where it can. */
  problem: { code: ErrorCode; message: string } | null
  /** The members of a zip archive; empty for anything else. */
  members: Probe[]
}

/** What a file is by its first bytes; nothing of it is checked. */
export interface QuickProbe {
  path: string
  source: null
  /** Absent where it is no recording, and for a zip archive itself. */
  head?: Head
  /** Why it cannot be read; null where its first bytes are those of a recording. */
  problem: { code: ErrorCode; message: string } | null
  /** The members of a zip archive; empty for anything else. */
  members: QuickProbe[]
}

/** What a recording's first bytes say of it: a file that is cut off or damaged says the same as a whole one. */
export interface Head {
  container: string
  codec: string
  /** Samples per second. */
  sampleRateHz: number
  channels: number
  /** Bytes of the input, where that is known without reading it. */
  bytes: number | null
  /** The length that the header declares, without codec delay and padding; null where it declares none, as ogg and an mp3 without a tag do. Never guessed from a bit rate. */
  declaredDurationMs: number | null
  /** Samples that the codec added, which decoding removes from the start. */
  codecDelayMs: number
  codecDelayBasis: 'tag' | 'assumed' | 'none'
}

/** How samples are written in bytes: 16 bits with the low or the high byte first, G.711, 32-bit floats. */
export type SampleEncoding = 's16' | 's16be' | 'mulaw' | 'alaw' | 'f32'

/** Mono samples of any number: an array of numbers, or bytes in an encoding. */
export type LiveSamples = Int16Array | Float32Array | Uint8Array

/** When speech begins and ends, by the names of Silero VAD; what is left out is as the core has it (docs/live.md). */
export interface SpeechOptions {
  /** How bytes are samples. Arrays of numbers say it themselves. */
  encoding?: SampleEncoding | undefined
  threshold?: number | undefined
  negThreshold?: number | null | undefined
  minSpeechMs?: number | undefined
  minSilenceMs?: number | undefined
  speechPadMs?: number | undefined
  resetAfterMs?: number | null | undefined
  portable?: boolean | undefined
}

/** Speech has begun. */
export interface SpeechStart {
  type: 'speechStart'
  /** When, with the padding before it. */
  atMs: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** Speech has ended; its beginning was told before. */
export interface SpeechEnd {
  type: 'speechEnd'
  startMs: number
  endMs: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** What SDP says of a stream of AMR. */
export interface AmrOptions {
  /** AMR-WB instead of AMR-NB. @default false */
  wideband?: boolean
  /** `octet-align=1`; bandwidth-efficient otherwise. @default false */
  octetAligned?: boolean
  /** `crc=1`: a checksum for each frame, passed over. Such payloads are octet-aligned. @default false */
  crc?: boolean
}

/**
 * Gathers the packets of a stream of AMR (RFC 4867) into a recording, which every function takes. Interleaving and robust sorting
 * are not read.
 *
 * @example
 * const packets = new AmrPackets({ wideband: true })
 * packets.push(packet.timestamp, packet.payload)
 * const { channels } = await decode(packets.finish())
 */
export declare class AmrPackets {
  constructor(options?: AmrOptions)
  /**
   * Adds a packet by its RTP timestamp. What came already is left out; where packets are missing, lost or never sent in silence,
   * the decoder makes up for them.
   * @throws {CallweaveError} `malformed` for a payload that is none, and for a timestamp more than ten minutes ahead; nothing is
   * added then.
   */
  push(timestamp: number, payload: Uint8Array): void
  /** The recording so far, a file `.amr` or `.awb`. */
  finish(): Uint8Array
}

/**
 * Hears speech in one track while its samples come, in pushes of any number. Where they are cut changes nothing. Each event is given
 * by the push that decided and emitted under its type; the probability of each frame of 32 ms is emitted as `probability`.
 */
export declare class SpeechStream extends EventEmitter<{
  speechStart: [SpeechStart]
  speechEnd: [SpeechEnd]
  probability: [number]
}> {
  constructor(sampleRateHz: number, options?: SpeechOptions)
  /** Takes the next samples, and gives what is certain by them. Another rate than the stream's is an error. */
  push(samples: LiveSamples, sampleRateHz?: number): (SpeechStart | SpeechEnd)[]
  /** Ends the track; speech under way ends with it. Afterwards only `reset` makes it take samples again. */
  flush(): (SpeechStart | SpeechEnd)[]
  /** Begins another track of the same rate, at 0 ms. */
  reset(): void
  /** Pushes samples as they come, and gives each event at once; their end is that of the track. */
  events(
    frames: AsyncIterable<LiveSamples> | Iterable<LiveSamples>,
  ): AsyncGenerator<SpeechStart | SpeechEnd, void, undefined>
  /** A stream that samples are written to and events are read from. */
  transform(options?: TransformOptions): Transform
  /** The probability of each frame that the last push or flush completed. */
  readonly probabilities: Float32Array
  /** The probability of the last frame; 0 before the first. */
  readonly probability: number
  /** How much was pushed. */
  readonly heardMs: number
  /** Whether speech was told that has not ended. */
  readonly speaking: boolean
}

/** One track of a call that goes on. */
export interface LiveTrack {
  sampleRateHz: number
  /** Who is heard. */
  role?: Role | undefined
  /** What reports and errors call it; `track 0` and so on where it has none. */
  name?: string | undefined
  /** The party's number, address or name. */
  party?: string | undefined
  /** When it began (RFC 3339). */
  startedAt?: string | undefined
  /** When it begins on the call's timeline, where it does not begin with the call. */
  offsetMs?: number | undefined
}

/** How a call is heard while it goes on; what is left out is as the core has it (docs/live.md). */
export interface LiveOptions {
  /** What becomes of the samples; `spool`: they are kept in files in a folder, which go with the call. */
  keep?: 'nothing' | 'memory' | { spool: string } | undefined
  /** How long a missing packet, or a track that stays behind, is waited for. */
  windowMs?: number | undefined
  /** A track without a signal for so long since its beginning is told as dead. */
  deadAfterMs?: number | undefined
  /** The track of the party that was called, which is watched for its answer. */
  called?: number | null | undefined
  config?: Config | undefined
}

/** What is told of a call while it goes on. A later event with the same id says more of the same. */
export interface LiveEvent {
  id: number
  kind: 'speech' | 'turn' | 'overlap' | 'dead_track' | 'answer' | CallEvent['kind']
  certainty: 'provisional' | 'confirmed' | 'withdrawn'
  /** Null for what is of all tracks. */
  track: number | null
  startMs: number
  /** Null: it goes on, as far as is known. */
  endMs: number | null
  /** The tone, the countries, the answer; the key where `dtmfDigits` asks for it. */
  detail: string | null
  confidence: number
  /** The end of the frame that decided. */
  knownMs: number
}

/** One packet of a track, as RTP numbers them. */
export interface LivePacket {
  /** Counts packets, modulo 2^16. */
  sequence: number
  /** The time of its first sample, in samples, modulo 2^32. */
  timestamp: number
  payload: Uint8Array
}

/** How the packets of a track came. */
export interface PacketCounts {
  received: number
  /** Packets that never came in time: silence is in their place. */
  lost: number
  /** Packets that came after their time was over. */
  late: number
  repeated: number
  reordered: number
  /** Jumps of the timestamp without one of the sequence: nothing was sent meanwhile. */
  pauses: number
  /** Jumps that are no pause: the clock began anew. */
  restarts: number
}

/**
 * Hears a call while its samples come: events as they become certain, a report at any time. Each event is given by the push that
 * decided, and emitted as `event` and under its kind.
 */
export declare class LiveCall extends EventEmitter {
  constructor(tracks: readonly LiveTrack[], options?: LiveOptions)
  /** Takes the next samples of a track, and gives the events that were not taken yet. */
  push(
    track: number,
    samples: LiveSamples,
    options?: { encoding?: SampleEncoding | undefined; sampleRateHz?: number | undefined },
  ): LiveEvent[]
  /** Takes a packet: late ones come in their place, those that never come are silence. */
  packet(track: number, packet: LivePacket, options: { encoding: SampleEncoding }): LiveEvent[]
  /** Takes a packet of RTP. Payload types other than the first, such as keys, only take their number. */
  rtp(track: number, datagram: Uint8Array, options: { encoding: SampleEncoding }): LiveEvent[]
  /** Says when a track begins on the call's timeline, before its first sample. */
  begin(track: number, atMs: number): void
  /** Ends a track before the others; nothing waits for it any more. */
  end(track: number): LiveEvent[]
  /** How the packets of a track came; `null` where it has taken none. */
  packets(track: number): PacketCounts | null
  /** The report of what was heard so far, without what only samples say. */
  snapshot(): Report
  /**
   * Ends the call: its report, and its tracks where they were kept. Events of the end are emitted before. Where it fails or
   * is aborted nothing is lost: it may be called again.
   */
  finish(options?: { signal?: AbortSignal }): Promise<Processed>
  /** How much was heard of the call. */
  readonly heardMs: number
}

/** A processed call: its report, and its tracks for a mix. */
export declare class Processed {
  private constructor()
  /** What was heard, with the outputs that were written so far. */
  readonly report: Report
  /** The report as the core wrote it: the same bytes as `callweave process --json` prints. */
  readonly reportJson: string
  /** The mix, one channel per party or one for all. */
  mix(mix?: MixConfig, options?: Pick<WorkOptions, 'signal'>): Promise<Audio>
  /**
   * The mix as the bytes of a file, made as they are read: a `Readable` of Node's, which `Readable.toWeb` makes a web stream.
   * `write` and `redact` wait until it has ended; destroy one that is not read to its end.
   *
   * @example
   * await pipeline(call.mixStream({ format: 'flac' }), response)
   */
  mixStream(options?: MixConfig & Pick<WorkOptions, 'signal'>): import('node:stream').Readable
  /**
   * The call in the format of another tool, without writing a folder.
   *
   * @throws {CallweaveError} `invalid_argument` for a format that does not exist
   */
  labels(format: Label, options?: { /** @default false */ showParties?: boolean | undefined }): string
  /** `report.html` as text, with no player. */
  page(options?: PageOptions): Promise<string>
  /** Lets go of the samples now, not when the garbage collector comes by: `using call = await processCall(…)`. The report stays. */
  [Symbol.dispose](): void
  /** Writes the mix and `report.json` to a folder, and what else is asked for, each file whole or not at all; the report that names them. */
  write(folder: string, options?: WriteOptions): Promise<Report>
  /** @deprecated The mix is one of the options: `write(folder, { mix })`. */
  write(folder: string, mix: MixConfig | undefined, options?: Omit<WriteOptions, 'mix'>): Promise<Report>
  /**
   * Takes stretches of the call, each 250 ms wider on either side, or every key press out of every track; the report that
   * names them. Mixes, peaks, pages and chunks made afterwards hold nothing of it; files written before do.
   * An abort while it waits for its turn leaves the call as it is; once begun, it is done to its end.
   */
  redact(what: Redaction, options?: Pick<WorkOptions, 'signal'>): Promise<Report>
  /** Each second's level by track: what `series.json` holds. */
  series(options?: Pick<WorkOptions, 'signal'>): Promise<Series>
  /** Each party's own speech for a transcriber, in the order of the call. Samples are cut as the iteration goes on. */
  chunks(options?: ChunkOptions): AsyncGenerator<Chunk, void, undefined>
}

/** What is written beside the mix and the report. */
export interface WriteOptions extends Pick<WorkOptions, 'signal'> {
  /** How the mix is made, where it differs from the call's configuration. */
  mix?: MixConfig | undefined
  /**
   * `report.html`, a page to look at.
   * @default true
   */
  page?: boolean | undefined
  /**
   * The mix inside the page too.
   * @default false
   */
  embedAudio?: boolean | undefined
  /** The mix's waveform in `peaks.json`, at so many points per second (1 to 4000). */
  peaks?: number | undefined
  /** Each second's level by track, in `series.json`. */
  series?: boolean | undefined
  /** Labels for other tools, each in a file of its own. */
  labels?: readonly Label[] | undefined
  /** Page and labels name parties by number, address or name instead of role. */
  showParties?: boolean | undefined
  /**
   * Each track anew without what was redacted, as long as it was, of 16 bits at its own rate: `redacted-0.wav` and so
   * on. Where a key may have stayed on them, nothing is written, and the error's code is `unsure`.
   */
  redactedTracks?: 'wav' | 'wav-ulaw' | 'flac' | undefined
  /**
   * Redacted tracks even where a key may have stayed.
   * @default false
   */
  keepUnsure?: boolean | undefined
}

/** How a page is made. */
export interface PageOptions extends Pick<WorkOptions, 'signal'> {
  /** How the parties are levelled in its picture. */
  mix?: MixConfig | undefined
  /**
   * Parties by number, address or name instead of role.
   * @default false
   */
  showParties?: boolean | undefined
}

/** A format of labels. */
export type Label = 'rttm' | 'textgrid' | 'audacity' | 'vtt' | 'csv'

/** What is taken out of a call. */
export interface Redaction {
  /** Stretches of the call. */
  spans?: readonly Span[] | undefined
  /** Every key press that was heard, on all tracks. */
  keys?: boolean | undefined
  /** With `keys`: the stretches in which noise or a voice may hide one, too. */
  unsure?: boolean | undefined
  /** What is heard in their place. */
  cover?: 'silence' | 'beep' | undefined
}

/** Each second's level by track. */
export interface Series {
  schemaVersion: 1
  /** From one value to the next. */
  stepMs: number
  tracks: { index: number; role: Role /** Null where the track holds nothing. */; dbov: (number | null)[] }[]
}

/** How speech is cut into chunks. */
export interface ChunkOptions extends Pick<WorkOptions, 'signal'> {
  /**
   * The longest chunk, padding included; 1 s or more. Longer speech is cut in its pauses.
   * @default 30000
   */
  longestMs?: number | undefined
  /**
   * Added on either side; at most a quarter of `longestMs`.
   * @default 200
   */
  padMs?: number | undefined
  /**
   * One chunk of as many of a party's neighbours as `longestMs` holds, with at most so much left of the pauses between them: windows as
   * Whisper wants them. What others say in between is silent in it. Without, one chunk for each stretch of speech.
   */
  mergeGapMs?: number | undefined
  /**
   * The rate of the samples.
   * @default 16000
   */
  sampleRateHz?: number | undefined
}

/** A stretch of one party's own speech, ready for a transcriber. */
export interface Chunk {
  /** The track's place among the report's tracks. */
  track: number
  /** The voice that speaks, where the track holds several. */
  voice: number | null
  role: Role
  /** Where it begins on the call, the padding before the first word included. */
  startMs: number
  endMs: number
  /** Within -1 and 1. */
  samples: Float32Array
  sampleRateHz: number
  /** The call's time of a moment that a transcriber tells, from the chunk's first sample on: drift and lost audio included. */
  toCall(timeMs: number): number
}

/** The least and the greatest sample of each stretch of each channel. */
export interface Peaks {
  /** For each channel the least and the greatest sample of each point, one after the other; 16 bits. */
  channels: Int16Array[]
  sampleRateHz: number
  samplesPerPoint: number
  /** audiowaveform's JSON, version 2, which its players and wavesurfer.js read. */
  json: string
  /** audiowaveform's binary format, version 2. */
  dat: Uint8Array
}

/** What `processBatch` takes. */
export interface BatchOptions extends WorkOptions {
  /**
   * How many calls are worked on at a time, on threads of their own, none of libuv's; as many as there are processors unless said
   * otherwise.
   */
  threads?: number | undefined
  /** As in {@link CallOptions}. */
  strict?: boolean | undefined
  /** Whether tracks are kept for a mix; without, `call` is null and `report` is all there is. */
  tracks?: boolean | undefined
  /** Hears of each call as its result is taken. */
  onProgress?: ((progress: { callsDone: number; callsTotal: number | null }) => void) | undefined
}

/** What came of one call of a batch, told apart by `error`. */
export type BatchResult<Call = Processed> =
  | { index: number; call: Call; report: Report; error: null }
  | { index: number; call: null; report: null; error: CallweaveError }

/** The library's version. */
export declare const version: string

/** The codes that a `CallweaveError` can carry, in the order of the core. */
export declare const errorCodes: readonly ErrorCode[]

/**
 * The whole configuration, defaults included, of one that names only what differs.
 *
 * @throws {CallweaveError} `invalid_argument`, with the name of the field and what it may be
 */
export declare function resolveConfig(config?: Config): ResolvedConfig

/**
 * Processes a call and keeps its tracks, so that it can be mixed.
 *
 * @throws {CallweaveError} of any kind: a recording that cannot be read, a limit, an option that makes no sense, an abort
 * @example
 * const call = await processCall([customer, agent], { roles: ['customer', 'agent'] })
 * await call.write('out', { labels: ['vtt'] })
 */
export declare function processCall(inputs: CallInputs, options?: CallOptions): Promise<Processed>

/** @deprecated `processCall`, which does not hide Node's own `process`. */
export declare const process: typeof processCall

/**
 * Processes a call for its report alone: no samples are kept.
 *
 * @throws {CallweaveError} as {@link processCall}
 * @example
 * const { tag, tracks } = await analyze(new URL('https://recordings.example/1.mp3'))
 */
export declare function analyze(inputs: CallInputs, options?: CallOptions): Promise<Report>

/** Where each track lies on the call's timeline; null for a track that cannot be read. */
export declare function align(inputs: CallInputs, options?: CallOptions): Promise<(Alignment | null)[]>

/** Where somebody speaks: for each track of the recording its stretches of speech. */
export declare function detectSpeech(recording: Recording | RecordingInput, options?: CallOptions): Promise<Span[][]>

/** The call's parties, placed and levelled. */
export declare function mix(inputs: CallInputs, options?: CallOptions): Promise<Audio>

/**
 * Processes many calls, several at a time: what came of each, in their order. At most two calls for each thread are in memory,
 * and `calls` is asked for no more than that. A call that fails is a result with an error and holds up no other. Leaving the
 * loop stops the work.
 */
export declare function processBatch(
  calls: Iterable<CallInputs> | AsyncIterable<CallInputs>,
  options: BatchOptions & { tracks: false },
): AsyncGenerator<BatchResult<null>, void, undefined>
export declare function processBatch(
  calls: Iterable<CallInputs> | AsyncIterable<CallInputs>,
  options?: BatchOptions,
): AsyncGenerator<BatchResult, void, undefined>

/** What is done to a call of two channels. */
export type Disturbance =
  | 'split'
  | 'shifted'
  | 'start_times'
  | 'cut'
  | 'silence_shrunk'
  | 'packets_dropped'
  | 'transcoded'
  | 'summed'

/** How many of so many, with the interval that holds the true share 95 times in 100; null of none. */
export interface Share {
  count: number
  of: number
  share: number | null
  low: number | null
  high: number | null
}

/** How well calls are heard whose truth is known: counts, and nothing of any single call. `String()` of it is a table. */
export interface Evaluation {
  schemaVersion: 1
  library: { name: string; version: string }
  configHash: string
  seed: number
  calls: { found: number; used: number; unused: Record<string, number>; failed: number }
  /** Null as a kind stands for all of them. */
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

/** How calls are evaluated. */
export interface EvaluateOptions extends WorkOptions {
  /**
   * What the disturbances are drawn from: the same seed and files, the same counts.
   * @default 1
   */
  seed?: number | undefined
  /** What is done to the calls; all of it by default. */
  kinds?: readonly Disturbance[] | undefined
  /** Who is on the first channel, and who on the second. */
  roles?: readonly [Role, Role] | undefined
  /** A file of lines `file,tag` or `file,tag,outcome`. */
  labels?: string | undefined
}

/**
 * How well callweave hears the two-channel recordings of a folder: they are split, shifted, cut, thinned, transcoded and
 * summed, and held against what is known of them.
 */
export declare function evaluate(folder: string, options?: EvaluateOptions): Promise<Evaluation>

/** A profile whose confidence of placements is fitted to an evaluation. */
export declare function calibrate(evaluation: Evaluation, name?: string): Profile

/** What changed between two sets of reports. `String()` of it is a text. */
export interface Comparison {
  schemaVersion: 1
  both: number
  onlyOld: string[]
  onlyNew: string[]
  tag: Share
  tags: { from: string; to: string; count: number }[]
  outcome: Share
  outcomes: { from: string; to: string; count: number }[]
  moved: Share
  speech: Share
  stages: { stage: string; calls: number }[]
  /** The calls that differ, the one to listen to first before the others. */
  calls: {
    call: string
    tag: { from: string; to: string; count: number } | null
    outcome: { from: string; to: string; count: number } | null
    tracks: {
      track: number
      movedMs: number
      speechAddedMs: number
      speechRemovedMs: number
      spansMoved: number
      spanMovedMaxMs: number
      eventsMore: number
    }[]
    tracksMore: number
  }[]
}

/** What of a folder of reports is of other revisions than this version's. */
export interface OutdatedReports {
  schemaVersion: 1
  reports: number
  stages: { stage: string; calls: number }[]
  calls: string[]
}

/** What changed between two folders of reports. */
export declare function compare(
  before: string,
  after: string,
  options?: Pick<WorkOptions, 'signal'>,
): Promise<Comparison>
/** What of one folder of reports this version would do otherwise. */
export declare function compare(before: string): Promise<OutdatedReports>

/** Processes a call and takes stretches of it, or every key press, out of its tracks. The recordings are not touched. */
export declare function redact(inputs: CallInputs, what: Redaction, options?: CallOptions): Promise<Processed>

/** Each party's own speech for a transcriber, in the order of the call; bleed is left out, so nobody is transcribed twice. */
export declare function chunks(
  inputs: CallInputs,
  options?: CallOptions & ChunkOptions,
): AsyncGenerator<Chunk, void, undefined>

/** A recording's waveform as numbers, in one pass that keeps no samples; `bits` is the width of a value in both formats. */
export declare function peaks(
  recording: Recording | RecordingInput,
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
 * What a file really is, read to its end, and what is wrong with it. What is no recording is an answer, not an error.
 * With `quick`, what its first bytes say and no more: some kilobytes of a file are read, whatever its length (an mp4 up to
 * the end of its index, a zip archive as a whole).
 */
export declare function probe(
  recording: Recording | RecordingInput,
  options: WorkOptions & { quick: true },
): Promise<QuickProbe>
export declare function probe(
  recording: Recording | RecordingInput,
  options?: WorkOptions & { quick?: false | undefined },
): Promise<Probe>

/** All samples of a recording, at its own rate, codec delay removed: 32-bit floats within -1 and 1, or 16-bit numbers. */
export declare function decode(
  recording: Recording | RecordingInput,
  options?: WorkOptions & { type?: 'float32' | undefined },
): Promise<Audio<Float32Array> & { source: Source }>
export declare function decode(
  recording: Recording | RecordingInput,
  options: WorkOptions & { type: 'int16' },
): Promise<Audio & { source: Source }>

/** What `normalize` takes; `rate`, `level` and `layout` go before those of the configuration's mix. */
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

/** One recording at one rate and one level, in memory or in a file, wav or FLAC by the ending of its name: the everyday call. */
export declare function normalize(
  recording: Recording | RecordingInput,
  options: NormalizeOptions & { output: string },
): Promise<Omit<Normalized, 'audio'> & { audio: null }>
export declare function normalize(
  recording: Recording | RecordingInput,
  options?: NormalizeOptions,
): Promise<Normalized>

/** Providers' documents: JSON in, a described call out, and the bodies, ids and errors of MCloud's API. No network. */
export declare const provider: Provider
