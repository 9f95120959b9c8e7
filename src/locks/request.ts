import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {LockKind} from './decide.ts'
import type {HeldLock} from './lease.ts'
import type {Blocker, Claim, ClaimReply} from './store.ts'

const DEFAULT_TTL_MS = 30_000

export interface LockRequest {
  /** Who is shown as the holder: an agent's id, or a person. At most 128 characters. */
  readonly owner: string
  readonly kind?: LockKind
  /** A holder that dies keeps others out for this long at most; a living one renews itself. */
  readonly ttlMs?: number
  /** Shown to those who wait; at most 512 characters. */
  readonly reason?: string
  readonly metadata?: Readonly<Record<string, Json>>
  /** Higher goes first in line; 0 unless said. */
  readonly priority?: number
}

export interface AcquireOptions extends LockRequest {
  /** How long to stand in line; 0, the default, does not wait. */
  readonly waitMs?: number
  /** Leaves the line; the acquisition rejects with its reason. */
  readonly signal?: AbortSignal
  /** Locks that will not be released before this one is had. Those of an enclosing `withLock` are known by themselves. */
  readonly holding?: readonly HeldLock[]
  /** Told the place in line whenever it changes. */
  readonly onWaiting?: (place: Place) => void
}

export interface Place {
  /** Undefined where the holder has just gone. */
  readonly by: Blocker | undefined
  /** From 1. */
  readonly position: number
  /** The owners before it in line, the next one first. */
  readonly ahead: readonly string[]
}

export type Refusal = {readonly resource: string} & (
  | ({
      readonly kind: 'held'
      /** When the present lease ends, unless it is renewed. */
      readonly retryAfterMs: number
    } & Place)
  /** Waiting would never have ended: those ahead wait, in a circle, for what this one holds. */
  | {readonly kind: 'deadlock'}
)

export interface HeldLocks {
  readonly kind: 'acquired'
  readonly locks: readonly HeldLock[]
  /** Aborted when any of them is lost. */
  readonly signal: AbortSignal
  release(): Promise<void>
}

/** A request that lives in a row, not in a process: repeated by its token, from anywhere, until it is granted. */
export interface DurableClaim extends LockRequest {
  readonly token: string
  readonly ttlMs: number
  /** How long it may go unrepeated: while waiting it is passed over after that, and just granted it lapses. */
  readonly silenceMs: number
  /** How long it has been asked for; none the first time. Its age in line, should its place have been lost. */
  readonly waitedMs?: number | undefined
  /** The fence it was told when it was granted before, so that a grant is announced once. */
  readonly fence?: number | undefined
}

/** What became of one step of a durable request. */
export interface Claimed {
  readonly outcome: {readonly kind: 'granted'; readonly fence: number} | Refusal
  /** Tells everybody; to be called once the step is committed. */
  readonly announce: () => void
}

/** What a person is told who can't have a lock. */
export function refusalError(refusal: Refusal): AppError {
  const {resource} = refusal
  if (refusal.kind === 'deadlock') {
    return new AppError(
      'CONTENDED',
      `${resource} is held by somebody who waits, in turn, for what you hold: let go and try again.`,
      {details: {resource}},
    )
  }
  const {by, position, retryAfterMs} = refusal
  const why = by?.reason ? `: ${by.reason}` : ''
  return new AppError(
    'CONFLICT',
    `${resource} is locked by ${by?.owner ?? 'somebody who has just let go'}${why}. ` +
      (position > 1 ? `${position - 1} more in line.` : 'Nobody else is in line.'),
    {details: {resource, owner: by?.owner, position}, retryAfterMs},
  )
}

/** The refusal that a reply of `held` amounts to. */
export function toRefusal(
  resource: string,
  reply: ClaimReply & {readonly outcome: 'held'},
): Refusal & {readonly kind: 'held'} {
  const {by, position, ahead} = reply
  return {
    kind: 'held',
    resource,
    retryAfterMs: Math.ceil(by?.leaseMs ?? 0),
    by: by ?? undefined,
    position,
    ahead,
  }
}

/** The claim that a request amounts to. Throws INVALID_INPUT for what no lock can be. */
export function toClaim(
  resource: string,
  token: string,
  request: LockRequest,
  holding: readonly string[],
): Claim {
  const {owner, kind = 'exclusive', ttlMs = DEFAULT_TTL_MS, priority = 0, reason, metadata = {}} = request
  const invalid = (what: string) => new AppError('INVALID_INPUT', `A lock’s ${what}.`)
  if (!isName(resource, 256)) throw invalid('resource id has 1 to 256 characters, none of them invisible')
  if (!isName(owner, 128)) throw invalid('owner has 1 to 128 characters, none of them invisible')
  if (reason !== undefined && !isName(reason, 512))
    throw invalid('reason is one line of at most 512 characters')
  if (!Number.isInteger(ttlMs) || ttlMs < 100 || ttlMs > 86_400_000)
    throw invalid('lease lasts 100 ms to a day')
  if (!Number.isInteger(priority)) throw invalid('priority is a whole number')
  return {
    resource,
    token,
    again: false,
    owner,
    kind,
    ttlMs,
    silenceMs: 0,
    priority,
    waitedMs: 0,
    holding,
    reason,
    metadata,
  }
}

/** Control characters mislead those who read a line, and half surrogate pairs and zero bytes Postgres can't keep. */
function isName(text: string, maxLength: number): boolean {
  return text.length >= 1 && text.length <= maxLength && !/[\p{Cc}\p{Cs}]/u.test(text)
}
