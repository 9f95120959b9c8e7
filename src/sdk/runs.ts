import type {Actor} from './actor.ts'
import type {Reply, ReplyState} from './reply.ts'

/** A workflow that can be started by name. */
export interface WorkflowSummary {
  readonly name: string
  readonly description: string
  /** Its input as it is typed: `pr_number=… repo_url=… [target=…]`. */
  readonly usage: string
}

/** A run in a list. */
export interface RunSummary {
  readonly id: string
  readonly workflow: string
  /** How it stands, in words: `waits for approval`. */
  readonly words: string
  readonly state: ReplyState
  readonly open: boolean
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** What a person tells a run. */
export interface RunOrder {
  readonly run: string
  readonly actor: Actor
  /** The command's: the same one again is the same order. */
  readonly correlationId: string
  readonly reason?: string | undefined
}

/**
 * Runs of the workflows in workflows/. Orders throw NOT_FOUND for a run that there is not, and CONFLICT where the run
 * does not stand as they need it to.
 */
export interface RunsPort {
  /** Those that can be started by name. */
  workflows(): readonly WorkflowSummary[]
  /** All that is wrong with starting this workflow with this input, JSON or `name=value` pairs. */
  problems(workflow: string, input: string): readonly string[]
  /** Starts a run, once per command, which the run then carries on and ends. */
  start(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly workflow: string
    readonly input: string
  }): Promise<void>
  /** Lets a failed or cancelled run go on, from a step or from all that did not succeed; it carries the command on. */
  retry(order: RunOrder & {readonly step?: string | undefined}): Promise<void>
  /** Lets nothing new begin; what is under way ends. */
  pause(order: RunOrder): Promise<void>
  /** Lets a paused run go on. */
  resume(order: RunOrder): Promise<void>
  /** Stops it, and undoes what its steps say how to undo. */
  cancel(order: RunOrder): Promise<void>
  /**
   * Votes on the gate that the run waits at, and answers what came of it: `approved`, `rejected`, or how many it still
   * takes. Throws NOT_PERMITTED, with what to do, for a vote that does not count.
   */
  decide(order: RunOrder & {readonly approved: boolean}): Promise<string>
  /** The run as it is, drawn. Throws NOT_FOUND. */
  show(run: string): Promise<Reply>
  /** The newest first, at most `limit`. */
  recent(limit: number): Promise<readonly RunSummary[]>
}
