/** What a caller can choose, by the names of the core. Fields left out keep the core's defaults. */
export type Config = Record<string, unknown>

/** Stable name of a kind of error, the same in every language. */
export type ErrorCode =
  | 'malformed'
  | 'unsupported'
  | 'limit_exceeded'
  | 'invalid_argument'
  | 'no_audio'
  | 'cancelled'
  | 'provider'
  | 'io'
  | 'internal'

/** What went wrong, in which stage, where in which input, what was found and what was expected. */
export declare class CallweaveError extends Error {
  private constructor()
  readonly name: 'CallweaveError'
  /** Stable name of the kind of error. */
  readonly code: ErrorCode
  /** The stage of the work that failed, such as `decode`. */
  readonly stage: string | null
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
}

/** The library's version. */
export declare const version: string

/** The codes that a `CallweaveError` can carry, in the order of the core. */
export declare const errorCodes: readonly ErrorCode[]

/**
 * The whole configuration, defaults included, of one that names only what differs.
 *
 * @throws {CallweaveError} `invalid_argument`, with the name of the field and what it may be
 */
export declare function resolveConfig(config?: Config): Required<Config>
