import type {Json} from '../kernel/json.ts'
import type {Versioned} from './versioned.ts'

/** A run's states; which may follow which is in TRANSITIONS of src/workflows/progress.ts. */
export type RunStatus = 'pending' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled'

/**
 * One execution of a workflow: the fold of its facts, and nothing else. It can be rebuilt at any time from its journal.
 * A value: every run stays what it was, also one that was decided upon and never committed.
 */
export interface Run {
  readonly id: string
  readonly workflow: string
  readonly correlationId: string
  readonly input: Json
  /** `paused` only as told by an operator; how it shows outside is `statusOf` of src/workflows/progress.ts. */
  readonly status: RunStatus
  /** Told to cancel: nothing but compensation starts any more. */
  readonly cancelling: boolean
  /** Its steps have ended without success, and what they did is being undone. */
  readonly undoing: boolean
  /** The last thing an operator told it, which its sub-workflows are told too. */
  readonly told: {readonly how: 'pause' | 'resume' | 'cancel'; readonly id: string} | undefined
  /** By path, in the order in which they were first touched. Steps not touched yet are absent: pending. */
  readonly steps: Versioned<StepState>
  /** Those of them under way that have no steps of their own inside: attempts, waits, sub-workflows. */
  readonly open: Versioned<StepState>
  /** What is under way and has steps inside, by its path; the run itself at the empty path, for as long as it lives. */
  readonly scopes: Versioned<ScopeState>
  /** Signals received but not yet awaited by a step, in order of arrival. Each is used once. */
  readonly signals: readonly Signal[]
  /** Ids of all messages from outside that were taken, so that a repetition is nothing new. */
  readonly taken: Versioned<true>
  /** Steps added by `generate`, by the path of their round, in the definition's vocabulary. */
  readonly generated: Versioned<Json>
  /** How many those are. */
  readonly generatedSteps: number
  /** What a failure has to undo, the last first. */
  readonly undo: Undo | undefined
  /** What was undone or could not be, in that order. */
  readonly undone: readonly {readonly path: string; readonly error?: Fault}[]
  readonly counts: {readonly total: number; readonly completed: number; readonly failed: number}
  /** Attempts under way in the owner's process, and locks asked for or held. */
  readonly bound: {readonly attempts: number; readonly locks: number}
  readonly result: Json
  /** The first failure that nobody tolerated. */
  readonly error: Fault | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
}

export interface Undo {
  readonly path: string
  readonly before: Undo | undefined
}

/** Steps inside a step: those of a group, the items of `for-each`, the rounds of `repeat` and `generate`. */
export interface ScopeState {
  /** How many there are; of rounds it is not known before. */
  readonly size: number | undefined
  readonly ended: number
  /** How many of them count as done: those cut short do as far as they got. */
  readonly done: number
  /** One failed and nobody tolerates it: no other starts, unless it asks the outcome. */
  readonly failing: boolean
  /** Some were left out or broken off because of a failure elsewhere, or to cancel. */
  readonly cut: boolean
}

/**
 * One step in one place of the run. `build` is a step of the top level, `release/build` one inside the group
 * `release`, `build[2]` the third round or item of a step with `repeat`, `generate` or `for-each`, whose own state is at
 * `build`; with both, `build[2][0]` is the first round of the third item.
 */
export interface StepState {
  readonly status:
    | 'pending' // a retry of the run takes it up again
    | 'locking' // waits for its lock
    | 'running' // an attempt, the inner steps or the child run are under way
    | 'waiting' // for a signal, an approval, a time, or until the next attempt
    | 'succeeded'
    | 'failed'
    | 'skipped'
    | 'cancelled'
    | 'compensating'
    | 'compensated'
  /** From 1; attempts of the compensation, and after a retry of the run, count on. */
  readonly attempt: number
  /** The attempts before the step, its compensation or the retry of the run began: its patience counts from there. */
  readonly attemptsBefore: number
  readonly output: Json
  readonly error: Fault | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** Left out or broken off because of a failure, its own too, or to cancel. */
  readonly cut: boolean
  /** When to look again: the retry's time, the timer's end, the deadline of an attempt or a wait. */
  readonly wakeAt: number | undefined
  /** An attempt is under way: in the owner's process, or through the agent's queue. */
  readonly where: 'here' | 'queue' | undefined
  /** `for-each`: the items, evaluated once. */
  readonly items: readonly Json[] | undefined
  /** The lock it waits for, or holds: then there is a fence. Once it has ended: that it had. */
  readonly lock: StepLock | undefined
  readonly awaits:
    {readonly kind: 'signal' | 'approval' | 'timer' | 'retry' | 'child'; readonly id: string} | undefined
}

export interface StepLock {
  readonly resource: string
  readonly kind: string
  readonly token: string
  readonly fence: number | undefined
}

export interface Fault {
  readonly code: string
  readonly message: string
}

export interface Signal {
  readonly id: string
  readonly name: string
  readonly payload: Json
}

/** What reaches a run. `at` is the time of the one who delivers, in milliseconds since the epoch. */
export type Message = {readonly at: number} & (
  | {readonly kind: 'begin'}
  | {
      readonly kind: 'attempt-succeeded'
      readonly path: string
      readonly attempt: number
      readonly output: Json
    }
  | {
      readonly kind: 'attempt-failed'
      readonly path: string
      readonly attempt: number
      readonly error: Fault
      readonly retryable: boolean
      /** The least pause before another attempt, where the other side named one. */
      readonly retryAfterMs?: number
    }
  /** It could not go on because the run was told to stop: no failure. The same attempt goes on when the run does. */
  | {readonly kind: 'attempt-interrupted'; readonly path: string; readonly attempt: number}
  /** Another process carries the run on from here: what it hosts may differ. All that is outstanding is owed again. */
  | {readonly kind: 'taken-over'}
  /** Time has passed: what is due is done. */
  | {readonly kind: 'clock'}
  | {readonly kind: 'signal'; readonly id: string; readonly name: string; readonly payload: Json}
  | {
      readonly kind: 'child-ended'
      readonly path: string
      /** Of the sub-workflow's run: a step that is retried starts another. */
      readonly id: string
      readonly status: 'completed' | 'failed' | 'cancelled'
      readonly result: Json
      readonly error?: Fault
    }
  | {readonly kind: 'lock-granted'; readonly path: string; readonly token: string; readonly fence: number}
  | {readonly kind: 'lock-lost'; readonly path: string; readonly token: string}
  | {
      readonly kind: 'pause' | 'resume' | 'cancel'
      readonly id: string
      readonly by: string
      readonly reason?: string
    }
  /** A failed or cancelled run goes on from this step; without a path, from everything that did not succeed. */
  | {readonly kind: 'retry'; readonly id: string; readonly by: string; readonly path?: string}
)

/**
 * What the shell is to do once the facts have committed. Doing one twice must be harmless. All but `abort`, which dies
 * with the process, are `outstanding` after a crash; of a run that ended in the same commit, nobody asks any more: what
 * lets go (`unlock`, `stop-child`, `withdraw-approval`) should commit with the facts, in the outbox.
 */
export type Effect =
  | {
      readonly kind: 'perform'
      readonly path: string
      readonly attempt: number
      readonly where: 'here' | 'queue'
      readonly agent: string
      readonly action: string
      readonly input: Json
      readonly pure: boolean
      readonly timeoutMs: number | undefined
      /** It undoes the step. */
      readonly compensation: boolean
    }
  | {readonly kind: 'abort'; readonly path: string; readonly attempt: number}
  | {
      readonly kind: 'lock'
      readonly path: string
      readonly resource: string
      readonly lockKind: string
      readonly token: string
    }
  | {readonly kind: 'unlock'; readonly path: string; readonly resource: string; readonly token: string}
  | {
      readonly kind: 'start-child'
      readonly path: string
      readonly id: string
      readonly workflow: string
      readonly input: Json
    }
  /** `cause` is the same for the same order: what makes its message one. */
  | {
      readonly kind: 'stop-child'
      readonly id: string
      readonly how: 'pause' | 'resume' | 'cancel'
      readonly cause: string
    }
  | {
      readonly kind: 'request-approval'
      readonly path: string
      readonly signal: string
      readonly request: Json
    }
  | {readonly kind: 'withdraw-approval'; readonly path: string; readonly signal: string}
