import type {Actor} from './actor.ts'

/** A lock that is held now. */
export interface LockSummary {
  /** Names this very hold: another holder's has another one. */
  readonly id: string
  /** Such as `deployment:production:web`. */
  readonly resource: string
  readonly owner: string
  readonly kind: string
  readonly reason: string | undefined
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Those who wait for it, in the order in which they will be served. */
  readonly line: readonly {readonly owner: string; readonly since: number}[]
}

/** What came of asking for a lock that somebody holds. */
export type TakeOverOutcome =
  /** The holder was asked, and has until then. */
  | {readonly kind: 'asked'; readonly owner: string; readonly answerBy: number}
  | {readonly kind: 'taken'; readonly resource: string; readonly owner: string}
  | {readonly kind: 'not-held'}
  | {readonly kind: 'refused'; readonly reason: string}

/** `over`: it was decided before, or the lock is not held any more. */
export type TakeOverAnswer = 'done' | 'over' | 'not-yours'

/** Locks as people see them, and how they change hands. */
export interface LocksPort {
  /** What is held right now, in order of names. */
  held(): Promise<readonly LockSummary[]>
  /**
   * Asks the holder of a lock, by its name or the id of its hold, to let go; takes it at once where it is the actor's
   * own or an admin forces it. Idempotent by correlation id.
   */
  takeOver(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly lock: string
    readonly reason?: string | undefined
    readonly force: boolean
  }): Promise<TakeOverOutcome>
  /** The Discord id of the holder whose answer to this ask is awaited; undefined once there is one. */
  asked(id: string): Promise<string | undefined>
  /** What the holder, or an admin, says to the ask. */
  answer(request: {
    readonly id: string
    readonly actor: Actor
    readonly letGo: boolean
  }): Promise<TakeOverAnswer>
  /** Leaves the command that asks open until there is an answer. */
  follow(id: string): Promise<void>
}
