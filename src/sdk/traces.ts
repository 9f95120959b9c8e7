import type {Actor} from './actor.ts'

/** One thing that a command did, or that was done for it. Texts are redacted, and raw otherwise. */
export interface TraceStep {
  readonly name: string
  /** `open`: it still goes on. `unknown`: it began, and nobody wrote down how it ended. */
  readonly status: 'done' | 'failed' | 'open' | 'unknown'
  /** How long it took, or takes so far, in milliseconds; absent where that is not known. */
  readonly ms?: number
  readonly detail?: string
}

/** What a command did, step by step. */
export interface Trace {
  /** The correlation id. */
  readonly id: string
  readonly command: string
  readonly status: 'open' | 'succeeded' | 'failed' | 'cancelled'
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** From the record to the end; undefined while it goes on. */
  readonly ms: number | undefined
  readonly steps: readonly TraceStep[]
  /** What its person was told when it failed, with the code. */
  readonly error: string | undefined
  readonly runUrl: string | undefined
}

/** A command in a list. */
export interface TracedCommand {
  readonly id: string
  readonly command: string
  readonly startedAt: number
}

/** What commands did, told to the persons who gave them and to nobody else. */
export interface TracesPort {
  /** Whether this installation shows any. */
  readonly enabled: boolean
  /**
   * The actor's own last command of the last 14 days, or the one with this id or its first 8 or more characters. Never
   * somebody else's; looking at traces is no command to look at.
   */
  find(actor: Actor, id?: string): Promise<Trace | undefined>
  /** The newest first. */
  recent(actor: Actor, limit: number): Promise<readonly TracedCommand[]>
}
