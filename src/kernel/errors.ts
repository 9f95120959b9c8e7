import {inspect} from 'node:util'

/**
 * The whole taxonomy: code → what may be done about it. Nobody parses messages.
 *
 * `user`: the person can mend it; shown to them as it stands.
 * `retry`: it may pass by itself; the queue backs off and tries again.
 * `fatal`: trying again cannot help; an operator must look.
 */
export const ERRORS = {
  INVALID_INPUT: 'user',
  NOT_PERMITTED: 'user',
  NOT_FOUND: 'user',
  CONFLICT: 'user',
  NOT_CONFIGURED: 'user',
  UPSTREAM_REFUSED: 'user',
  UPSTREAM_RATE_LIMITED: 'retry',
  UPSTREAM_UNAVAILABLE: 'retry',
  CONTENDED: 'retry',
  SCHEMA_MISMATCH: 'fatal',
  UNSUPPORTED_PLATFORM: 'fatal',
  START_FAILED: 'fatal',
  EFFECT_UNCERTAIN: 'fatal',
  INVARIANT_BROKEN: 'fatal',
} as const satisfies Record<string, 'user' | 'retry' | 'fatal'>

/** A key of `ERRORS`. */
export type ErrorCode = keyof typeof ERRORS
/** What may be done about an error: see `ERRORS`. */
export type Disposition = (typeof ERRORS)[ErrorCode]

/** What an error carries besides code and message. */
export interface AppErrorOptions {
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, unknown>>
  /** For `retry` errors: when the other side said trying again makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number
}

/**
 * The one error class of the product. `message` is a full sentence fit for the person who asked when the
 * disposition is `user`; for the others it is for the log and people see a code and a correlation id.
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause})
    this.code = code
    this.details = options.details ?? {}
    this.retryAfterMs = options.retryAfterMs
  }

  get disposition(): Disposition {
    return ERRORS[this.code]
  }
}

/** Anything thrown, as an Error: a thrown string or object keeps its text. Never throws itself. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return new Error(typeof thrown === 'string' ? thrown : inspect(thrown, {breakLength: Infinity}))
}
