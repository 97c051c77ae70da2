import type { ErrorCode, FactKind, RecordingInput, Recording, Report, Role, TagValue, CallWarning } from './index.cjs'

/** A document: its text, its bytes, or of JSON what `JSON.parse` makes of it. */
export type JsonDocument = string | Uint8Array | object

/** Which document a text is. */
export type DocumentKind = 'manifest' | 'tencent' | 'wellcloud' | 'voipbin' | 'mcloud' | 'vcon' | 'siprec'

/** Something that a phone system knows of a call, as a document tells it. */
export interface DescribedFact {
  kind: FactKind
  party: string | null
  /** RFC 3339, or milliseconds on the call's timeline. */
  time: string | number
  reason: string | null
  key: string | null
}

/** Who is heard, and since when. */
export interface Leg {
  role: Role
  party: string | null
  /** RFC 3339. */
  startedAt: string | null
  /** The channel that holds this leg; null: all of them. */
  channel: number | null
  recordingId: string | null
}

/** One recording as its document describes it. */
export interface DescribedRecording {
  leg: Leg
  /**
   * Who is heard apart, should the audio hold its parties apart: on channels, or in files of a zip.
   */
  parts: { leg: Leg; nameEnds: string | null }[]
  startBasis: 'field' | 'file_name' | null
  /** A moment by which the recording was over. */
  overBy: string | null
  path: string | null
  urls: string[]
  aliases: string[]
  /** What the document claims: hints. */
  bytes: number | null
  durationMs: number | null
  state: 'ready' | 'pending' | 'failed' | 'unknown'
  /** What the document says beyond these fields, under its own names. */
  extra: Record<string, unknown>
  /** Hashes that the audio must have, as the document says them. */
  contentHash?: string[]
}

/** The audio of a call by recording id, URL or file name. */
export type AudioByName = Readonly<Record<string, Recording | RecordingInput>>

/**
 * A call as its document describes it, with the audio in hand. Hand it to `process` or `analyze`.
 */
export interface DescribedCall {
  readonly kind: DocumentKind | 'threecx'
  readonly call: {
    id: string | null
    provider: string | null
    direction: 'in' | 'out' | 'internal' | null
    startedAt: string | null
    /** What the phone system knows of it, where it tells. */
    facts?: DescribedFact[]
  }
  readonly recordings: DescribedRecording[]
  readonly customer: string | null
  readonly agent: string | null
  /** What the document says beyond these fields, under its own names. */
  readonly extra: Record<string, unknown>
  /** What is doubtful, and what was not understood. */
  readonly warnings: CallWarning[]
  /** Recordings without audio among that in hand. */
  readonly missing: { recording: number; label: string; code: ErrorCode; message: string }[]
  /** Names of audio that no recording asks for. */
  readonly unused: string[]
  readonly audio: AudioByName
  /** The same call with other audio. */
  withAudio(audio: AudioByName): DescribedCall
}

/** What readers of documents take. */
export interface ReadOptions {
  /** The audio in hand, by recording id, URL or file name. */
  audio?: AudioByName | undefined
  /** The offset of times that are written without one, such as `+08:00`. */
  utcOffset?: string | undefined
}

/** What an answer of Wellcloud's refuses. */
export interface Refusal {
  /** 448: no such file. 425: no such record, perhaps not yet. */
  code: number
  message: string
  /** Whether asking again can help. */
  retryable: boolean
}

/** The body of `POST /recordings`. */
export interface NewRecording {
  dataId: string
  /** RFC 3339 with its offset. */
  callAt: string
  direction: 'in' | 'out'
  customerPhone?: string
  callcenterNumber?: string
  callcenterName?: string
  tag?: TagValue
  score?: number
  note?: string
  contentType?: string
  audioPresignedUploadUrl: boolean
}

/** What a service decides about a recording, and what a document may leave open. */
export interface CreateOptions {
  /**
   * The call as its document describes it: ids of recordings, the customer of a mixed recording.
   */
  call?: DescribedCall | undefined
  dataId?: string | undefined
  /** RFC 3339, Unix seconds or a Date. */
  callAt?: string | number | Date | undefined
  /** The offset in which `callAt` is written, such as `+07:00`. */
  utcOffset?: string | undefined
  direction?: 'in' | 'out' | undefined
  /** How national numbers are dialled: `66` and `0`. Both or neither. */
  countryCode?: string | undefined
  trunkPrefix?: string | undefined
  customerPhone?: string | undefined
  callcenterNumber?: string | undefined
  callcenterName?: string | undefined
  /** A tag instead of the one that the processing came to. */
  tag?: TagValue | undefined
  /** 0 to 100. */
  score?: number | undefined
  note?: string | undefined
  /** That of the mix which the report lists unless it is said. */
  contentType?: string | undefined
  /** Whether to ask for an address to upload the audio to; true unless it is said. */
  upload?: boolean | undefined
}

/** The body of `PATCH /recordings/{id}`. */
export interface Review {
  score?: number
  tag?: TagValue
  reviewComment?: string
  note?: string
  linkedUserId?: string | null
}

/**
 * What a review says. The tag is a reviewer's: it is left out unless one is given or `overwriteTag`
 * asks for the report's.
 */
export interface ReviewOptions {
  score?: number | undefined
  tag?: TagValue | undefined
  reviewComment?: string | undefined
  note?: string | undefined
  /** null unlinks. */
  linkedUserId?: string | null | undefined
  overwriteTag?: boolean | undefined
}

/** The codes of the API's error table. */
export type ApiCode =
  | 'business_required'
  | 'missing_token'
  | 'invalid_token'
  | 'token_disabled'
  | 'insufficient_scope'
  | 'forbidden_business'
  | 'not_found'
  | 'validation_failed'
  | 'rate_limited'
  | 'internal_error'

/** An answer of the API that is not a success. */
export interface ApiError {
  status: number
  /** The code as it was sent; one of the table's where `known`. */
  code: ApiCode | (string & {}) | null
  known: boolean
  message: string | null
  /** Whether the same request can succeed later. */
  retryable: boolean
}

/** The parameters of `GET /recordings`. */
export interface ListOptions {
  /** 1 to 200. */
  limit?: number | undefined
  offset?: number | undefined
  direction?: 'in' | 'out' | undefined
  sourceProvider?: 'threecx' | 'dtac' | 'upload' | undefined
  callDateFrom?: string | number | Date | undefined
  callDateTo?: string | number | Date | undefined
  customerPhone?: string | undefined
  search?: string | undefined
}

/** What MCloud's Call Recording API takes and answers. Sending is the caller's. */
export interface Mcloud {
  /** The body of `POST /recordings` for a processed call. */
  createBody(report: Report | undefined, options?: CreateOptions): NewRecording
  /** The body of `PATCH /recordings/{id}`. */
  patchBody(report?: Report, options?: ReviewOptions): Review
  /**
   * The id under which a call is posted: the same whenever it is the same call, and nobody's number
   * or address.
   */
  dataId(source: Report | DescribedCall): string
  /** A code of the API's table, with its status and whether a retry can help. */
  error(code: ApiCode): ApiError
  /** The error in an answer of the API; null for a success. */
  readError(status: number, body?: string | Uint8Array): ApiError | null
  /** The query of `GET /recordings`, checked and percent-encoded, without its question mark. */
  listQuery(options?: ListOptions): string
  /** A telephone number in E.164, if it can be had. */
  e164(text: string, countryCode?: string, trunkPrefix?: string): string | null
  /** The call of a recording as `GET /recordings/{id}` gives it. */
  recording(document: JsonDocument, options?: Pick<ReadOptions, 'audio'>): DescribedCall
}

/**
 * Providers' documents: JSON (of SIPREC, XML) in, a described call out. Mistakes are
 * `CallweaveError`s.
 */
export interface Provider {
  /** Which document it is; null if it is none that is known. */
  detect(document: JsonDocument): DocumentKind | null
  /** The one call of any document that `detect` knows. */
  read(document: JsonDocument, options?: ReadOptions): DescribedCall
  /**
   * Every call of a document, as a page of MCloud's list or pushes of several sessions hold them.
   */
  readAll(document: JsonDocument, options?: Pick<ReadOptions, 'utcOffset'>): DescribedCall[]
  /**
   * The call of one push or several of Tencent Cloud Contact Center, in any order, repeated or not.
   */
  tencent(pushes: JsonDocument, options?: Pick<ReadOptions, 'audio'>): DescribedCall
  /** The answer to a push; code 0 says that it was taken. */
  tencentReply(code?: number, message?: string): { ErrCode: number; ErrMsg: string }
  /**
   * The call of Wellcloud's `recordings2`. Its times have no offset: +08:00 unless `utcOffset` says
   * otherwise.
   */
  wellcloud(rows: JsonDocument, options?: ReadOptions): DescribedCall
  /** The path of a call's list of recordings, below the service's address. */
  wellcloudListPath(callId: string): string
  /** The path of a recording's audio, below the service's address. */
  wellcloudStreamPath(recordingId: string): string
  /**
   * What an answer of Wellcloud's refuses, by its status or by a code in its body; null if it is no
   * refusal.
   */
  wellcloudRefusal(status: number, body?: string | Uint8Array): Refusal | null
  /** The call of one recording or several of VoIPBin; the audio may be the zip or its members. */
  voipbin(recordings: JsonDocument, options?: Pick<ReadOptions, 'audio'>): DescribedCall
  /**
   * The call of a file named as 3CX names them. Its time has no offset: without `utcOffset` it is
   * not known.
   */
  threecx(
    name: string,
    options?: { audio?: Recording | RecordingInput | undefined; utcOffset?: string | undefined },
  ): DescribedCall
  /**
   * The call of a vCon (IETF): audio inside it needs none; other audio by file name, by URL or by
   * `dialog[0]`.
   */
  vcon(document: JsonDocument, options?: Pick<ReadOptions, 'audio'>): DescribedCall
  /**
   * A vCon's text with the report as another `analysis`; everything else stays as it is written.
   */
  vconWithReport(document: JsonDocument, report: Report): string
  /**
   * The call of SIPREC's recording metadata (RFC 7865): the XML, or several one after another, each
   * with its XML declaration; the audio by the label or the id of its stream.
   */
  siprec(document: string | Uint8Array, options?: Pick<ReadOptions, 'audio'>): DescribedCall
  /** The call of callweave's own manifest; the audio by the paths in it. */
  manifest(document: JsonDocument, options?: Pick<ReadOptions, 'audio'>): DescribedCall
  readonly mcloud: Mcloud
}
