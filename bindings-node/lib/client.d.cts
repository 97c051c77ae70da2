import type { LookupAddress } from 'node:dns'
import type { NewRecording } from './provider.cjs'

/** A request as a value: what is to be sent. */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  path: string
  query: string
  headers: [name: string, value: string][]
  body: string | null
  /** Whether the body is the file that the sender has. */
  file: boolean
}

/** What came of a request. */
export interface Answered {
  /** null: the connection failed, broke off or took too long. */
  status: number | null
  retryAfter?: string | null
  body?: string
}

/** What an answer means. */
export type Judgement =
  | { judgement: 'done' | 'early' | 'post_again' }
  | { judgement: 'again'; waitMs: number | null }
  | { judgement: 'gone' | 'refused'; reason: string }

/** What to do behind a try: `rest` puts the work down for longer and gives nothing up. */
export type NextTry =
  | { next: 'done' | 'post_again' }
  | { next: 'wait' | 'rest'; waitMs: number }
  | { next: 'stop'; reason: string }

/** How patiently requests are tried again. */
export interface RetryPolicy {
  firstMs?: number
  longestMs?: number
  budgetMs?: number
  restMs?: number
}

/** How long a session waits. */
export interface Patience {
  settleMs?: number
  deadlineMs?: number
  expectsCdr?: boolean
}

/** How a session stands. */
export type Standing = { standing: 'waiting'; untilMs: number } | { standing: 'ready' | 'changed' | 'settled' }

/** A state that a step gave and the next takes: to be stored as it is. */
export type State = Record<string, unknown>

/** Whose recordings requests are about. */
export interface ApiAccess {
  token?: string
  accessKey?: string
  base?: string
  business?: string
}

/** The audio of a posting. */
export interface UploadFile {
  sha256: string
  bytes: number
  /** By its first bytes, as `steps.contentType` tells it. */
  contentType: string
}

/** How a session stands, and the document that describes its call. */
export interface SessionLook {
  standing: Standing
  /** To be given back by `sessionHandled` once the call is processed. */
  fingerprint: string
  document: object[]
  described: object | null
}

/** The core's steps. */
export declare const steps: {
  readonly contentType: (head: Uint8Array) => string
  /** Whether what begins with these bytes is a text and no recording: a page, an error as JSON. */
  readonly isText: (head: Uint8Array) => boolean
  readonly judge: (of: {
    of: 'mcloud' | 'upload' | 'wellcloud' | 'voipbin' | 'audio'
    answer: Answered
    nowMs: number
    /** Of Wellcloud and audio: when the call ended, or its push came. */
    sinceMs?: number | undefined
    /** A file was asked for: a success with a text in `body` is a refusal. */
    file?: boolean
  }) => Judgement
  readonly mcloudAnswer: (answer: { endpoint: string; body: string }) => unknown
  readonly mcloudRequest: (ask: {
    endpoint: 'whoami' | 'list' | 'create' | 'recording' | 'upload' | 'review' | 'delete' | 'reextract'
    api?: ApiAccess
    id?: string
    query?: object
    body?: object
    uploadUrl?: string
    contentType?: string
  }) => HttpRequest
  /** Whether a reason is a refusal of the key, which another key ends. */
  readonly needsAnotherKey: (reason: string) => boolean
  readonly nextTry: (state: {
    retries: State
    judgement: Judgement
    nowMs: number
    policy?: RetryPolicy | undefined
  }) => { retries: State; next: NextTry }
  readonly pace: (state: { pacing?: State | undefined; nowMs: number; holdMs?: number }) => {
    pacing: State
    waitMs: number
  }
  readonly piecesHandled: (state: { pieces: State; fingerprint: string }) => State
  readonly piecesNew: (call: { kind: 'wellcloud' | 'voipbin'; callId: string; endedMs: number }) => State
  readonly piecesStanding: (state: {
    pieces: State
    nowMs: number
    patience?: Patience
  }) => SessionLook & { nextLookMs: number | null }
  readonly piecesTake: (state: { pieces: State; rows: object[]; nowMs: number }) => { pieces: State; changed: boolean }
  readonly posting: (made: { posting: State | null; body: NewRecording; audio: UploadFile | null }) => State
  readonly postingAnswered: (state: {
    posting: State
    answer: Answered
    nowMs: number
    policy?: RetryPolicy | undefined
  }) => { posting: State; next: NextTry; recordingId: string | null; warnings: string[] }
  readonly postingRequest: (state: { posting: State; api: ApiAccess }) => {
    posting: State
    request: HttpRequest | null
    uploads: UploadFile | null
  }
  readonly sessionHandled: (state: { session: State; fingerprint: string }) => State
  readonly sessionStanding: (state: { session: State; nowMs: number; patience?: Patience }) => SessionLook
  readonly sessionTake: (push: {
    session: State | null
    action: string
    uuid: string | null
    body: string
    nowMs: number
  }) => { session: State | null; sessionId: string | null; taken: 'new' | 'repeat' | 'kept'; kind: string }
  readonly transferLimit: (bytes: number) => number
  readonly voipbinPage: (answer: { body: string }) => {
    records: object[]
    /** When each was made; null where it does not say. */
    createdMs: (number | null)[]
    nextPageToken: string | null
    /** Gives once more what has the very time at which the page ends. */
    overlappingToken: string | null
  }
  readonly voipbinRequest: (ask: {
    endpoint: 'recordings' | 'recording' | 'recordingFile' | 'recordingStart'
    api: ApiAccess
    id?: string
    pageSize?: number
    pageToken?: string
    start?: object
  }) => HttpRequest
  readonly wellcloudList: (answer: { status: number; body: string }) => { rows: object[]; refusal: number | null }
  readonly wellcloudRequest: (ask: {
    endpoint: 'recordings' | 'audio' | 'audioOfCall'
    id: string
    api: ApiAccess
    download?: boolean
  }) => HttpRequest
}

/** An address that the guard does not let pass. */
export declare class Refused extends Error {}

/** The file cannot be had now; it can be asked for again after `waitMs`. */
export declare class Later extends Error {
  constructor(waitMs: number)
  readonly waitMs: number
}

/** The file cannot be had, and never will: `reason` is a stable code. */
export declare class Gone extends Error {
  constructor(reason: string)
  readonly reason: string
}

/** What a guard lets pass. */
export interface GuardOptions {
  /** Host names, or domains with a dot in front. Without it: every public host. */
  allowedHosts?: readonly string[] | null
  /** For tests and networks of one's own: lets private addresses and other ports pass. */
  allowPrivate?: boolean
  maxBytes?: number
  maxRedirects?: number
  resolve?: (host: string, options: { all: true }) => Promise<LookupAddress[]>
}

/** What may be fetched. Checked behind the resolution of the name, and again for each redirect. */
export declare class Guard {
  constructor(options?: GuardOptions)
  address(url: URL): Promise<LookupAddress>
}

/** What a download takes. */
export interface DownloadOptions {
  guard?: Guard
  headers?: Record<string, string>
  /** Who answers, as `steps.judge` takes it. */
  of?: 'wellcloud' | 'voipbin' | 'audio'
  /** When the call ended or its push came. */
  sinceMs?: number
  policy?: RetryPolicy | undefined
}

/**
 * Fetches a file. It stands at `path` once it is whole and on disk, never before. Each connection
 * has 30 s up to its first bytes, 30 s for each read, and a time by the file's size for all of it
 * (`steps.transferLimit`).
 */
export declare function download(url: string, path: string, options?: DownloadOptions): Promise<string>

/** Sends a request once; a file is streamed with its length, within a time by its size. */
export declare function send(
  request: HttpRequest,
  options?: { file?: string; guard?: Guard | undefined },
): Promise<Answered>

/** A session, or a call that comes in pieces. */
export interface SessionRow {
  key: string
  provider: string
  state: State
  seenMs: number
  version: number
  /** Since when looks at it fail; null where the last one did not, or something came since. */
  failingMs: number | null
}

/** A recording on its way to MCloud. */
export interface PostingRow {
  dataId: string
  key: string
  state: State
  file: string | null
  version: number
}

/** Where pushes, sessions and postings are kept; what a method has returned from is on disk. */
export declare class Outbox {
  /** Needs Node 22.13 or newer, or the package `better-sqlite3@12`. */
  constructor(path: string)
  close(): void
  push(action: string, uuid: string | null, body: string, atMs?: number): 'new' | 'repeat' | 'kept'
  addCall(provider: 'wellcloud' | 'voipbin', callId: string, endedMs: number): boolean
  takeRows(provider: 'wellcloud' | 'voipbin', callId: string, rows: object[], atMs?: number): void
  dueSessions(atMs: number, limit?: number, provider?: string | null): SessionRow[]
  putSession(
    row: SessionRow,
    dueMs: number | null,
    how?: { status?: string | null; reason?: string | null; state?: State },
  ): boolean
  /** Notes why a look failed and when the next is; without a time, when there is another key. */
  putFailure(row: SessionRow, dueMs: number | null, reason: string): boolean
  enqueue(
    row: SessionRow,
    call: {
      state: State
      dueMs: number | null
      body: NewRecording
      audio: UploadFile
      file: string
      reason?: string | null
    },
  ): boolean
  duePostings(atMs: number, limit?: number): PostingRow[]
  putPosting(
    row: PostingRow,
    state: State,
    dueMs: number | null,
    how?: {
      status?: string
      reason?: string | null
      /**
       * What `steps.postingAnswered` gave; without it `recordingId` and `warnings` stay as they
       * are.
       */
      answered?: { recordingId: string | null; warnings: string[] } | null
    },
  ): PostingRow | null
  /**
   * Takes up what was refused for the key's sake, once there is another key. Call it at a start: of
   * what fails, the time since it was due does not count.
   */
  revive(): number
  /** Whose key is refused, and how: a provider's, or `mcloud`. */
  refused(): Record<string, string>
  nextDue(afterMs?: number | null): number | null
  /** The files that postings still need. */
  files(): Set<string>
  /** Those of `files` whose postings were refused for good. */
  givenUpFiles(): Set<string>
  /** The keys of the sessions that wait or fail. */
  unfinished(): Set<string>
  note(name: string, value?: string): string | null
  counts(): {
    sessions: Record<string, number>
    postings: Record<string, number>
    failing: Record<string, number>
    stray: number
  }
  listed(): { key: string; status: string; reason: string }[]
}

/** Brings what an outbox holds to MCloud, request by request, within the rate. */
export declare class Poster {
  constructor(outbox: Outbox, api: ApiAccess, options?: { guard?: Guard; policy?: RetryPolicy | undefined })
  /**
   * Sends the next request; resolves to the reason of a step that failed and was stored so, or
   * null.
   */
  step(row: PostingRow): Promise<string | null>
}
