import type {Environment} from '../kernel/environment.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'

/** A step of a workflow that was drafted from words. */
export interface DraftStep {
  readonly id: string
  /** What it does, in words: `review pull request #7`. */
  readonly title: string
  /** `agent`: performs an action. `gate`: waits for people. `check`: stops the run where something is not well. */
  readonly kind: 'agent' | 'gate' | 'check'
  /** Who performs it; several where the step is a workflow of its own; nobody for gates and checks. */
  readonly agents: readonly string[]
  readonly action: string | undefined
  /** Ids of the steps it waits for. Those that need none of each other go on at the same time. */
  readonly needs: readonly string[]
  /** Ids of the steps whose outputs it works with. */
  readonly reads: readonly string[]
  /** Only there for another step: the look at a pull request for its newest commit. */
  readonly prepares: boolean
}

/** What a description comes to: a workflow that would do it. */
export interface DraftedWorkflow {
  /** The same for the same steps, so that its runs can be compared. */
  readonly workflow: string
  readonly steps: readonly DraftStep[]
  /** Who made it of the words. */
  readonly planner: 'rules' | 'model'
  /** What a person should know before starting it, in whole sentences: that the model's answer was of no use, say. */
  readonly notes: readonly string[]
  readonly risk: {
    readonly level: RiskLevel
    readonly reasons: readonly string[]
  }
}

/** A workflow made of somebody’s words, kept until they decide about it. */
export interface Draft extends DraftedWorkflow {
  readonly id: string
  /** Without secrets. */
  readonly description: string
  /** Who alone can decide about it. */
  readonly asker: Pick<Actor, 'id' | 'name' | 'kind'>
  /** The command, message or request it answers, and the run's from then on. A UUID. */
  readonly correlationId: string
  readonly status: 'waiting' | 'started' | 'edited' | 'cancelled' | 'expired'
  /** Once started. */
  readonly run: string | undefined
  /** Nobody can start it from then on. Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** A fact that a question asks for; with its answer behind it, the description can be proposed again. */
export type MissingFact = 'pr_number' | 'target' | 'repository' | 'path' | 'variable' | 'task'

/** What became of a description. */
export type Planned =
  | {readonly kind: 'planned'; readonly plan: DraftedWorkflow}
  /** It takes an answer first; what could be answered is in the question. */
  | {readonly kind: 'question'; readonly question: string; readonly missing: MissingFact}
  /** It is not done here, and why: a guardrail, or nobody who could do it. Whole sentences. */
  | {readonly kind: 'refused'; readonly reasons: readonly string[]}

/** The same, where a draft was kept of it. */
export type Proposed =
  /** `reply` shows it as a graph with Start, Edit and Cancel, for the message that answers the person. */
  | {readonly kind: 'drafted'; readonly draft: Draft; readonly reply: Reply}
  | Exclude<Planned, {readonly kind: 'planned'}>

/** A description, and what is known around it. */
export interface PlanningRequest {
  /** What the person wants, in their own words: the only text that decides what is done. */
  readonly description: string
  /**
   * What others wrote that it is about: an issue, a log, a pull request's title. A model may read it; it adds no kind
   * of step that the description does not ask for.
   */
  readonly material?: readonly {readonly text: string; readonly source: string}[] | undefined
  /** What is known besides, where the description does not say it. */
  readonly given?:
    | {
        readonly pr_number?: number | undefined
        readonly repo_url?: string | undefined
        readonly target?: string | undefined
        readonly environment?: Environment | undefined
        readonly ref?: string | undefined
        readonly path?: string | undefined
      }
    | undefined
  readonly signal: AbortSignal
}

/** What a person tells a draft. */
export interface DraftOrder {
  readonly id: string
  readonly actor: Actor
  /** The order's own: the same one again is the same order. */
  readonly correlationId: string
}

/**
 * Makes workflows of words. A draft is its asker's: it does nothing until they start it, within the hour, and it is
 * started once. Orders throw NOT_FOUND for a draft that there is not, NOT_PERMITTED for whom it does not hear, CONFLICT
 * once it is decided about or has expired.
 */
export interface PlanningPort {
  /** What the description comes to; keeps nothing. */
  plan(request: PlanningRequest): Promise<Planned>
  /**
   * The same, kept for whoever asks to start it, once for a correlation id. The message of that id loses its buttons
   * once the draft is decided about.
   */
  propose(
    request: PlanningRequest & {readonly correlationId: string; readonly actor: Actor},
  ): Promise<Proposed>
  /** Starts its run. Where the order is a command, the run carries that on and ends it. */
  start(order: DraftOrder): Promise<Draft>
  /** Lets go of it: it can’t be started any more. */
  cancel(order: DraftOrder): Promise<Draft>
  /** Another draft in its place. The old one stays as it is where the answer is none. */
  edit(order: DraftOrder & {readonly description: string; readonly signal: AbortSignal}): Promise<Proposed>
  /** Whoever it belongs to. Undefined: there is none of that id. */
  find(id: string): Promise<Draft | undefined>
}
