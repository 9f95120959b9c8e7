import type {Actor} from './actor.ts'

/** How a plan stands, for whoever asked for it or told it something. */
export interface PlanSummary {
  readonly id: string
  readonly repository: string
  readonly label: string
  readonly status: 'pending' | 'in_progress' | 'completed' | 'failed' | 'cancelled'
  readonly total: number
  readonly done: number
  /** Closed for another reason than that they are done. */
  readonly dropped: number
  /** Its message, once Discord is known to show it. */
  readonly url: string | undefined
  readonly threadUrl: string | undefined
  /** Why there is no thread: it goes on in the message then. */
  readonly threadRefused: boolean
}

/** What a person tells a plan. */
export interface PlanOrder {
  /** Its id, or the first 8 or more characters of it. */
  readonly plan: string
  readonly actor: Actor
}

/**
 * Plans of the day: open issues with a label, the thread where they are talked about, how many are done. Orders throw
 * NOT_FOUND for a plan that there is not, NOT_PERMITTED for whom it does not hear, CONFLICT where it does not stand as
 * they need it to.
 */
export interface PlansPort {
  /**
   * Posts the day's plan with its thread, once for a repository, label and channel: `joined` where it was there. What is
   * left out is the channel of the command and what configuration says. @throws NOT_FOUND when no issue carries the label.
   */
  propose(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly channelId?: string | undefined
    readonly label?: string | undefined
    readonly repository?: string | undefined
    readonly signal: AbortSignal
  }): Promise<PlanSummary & {readonly joined: boolean}>
  /** Whether there is a plan of that id. */
  knows(plan: string): Promise<boolean>
  /** Begins the day’s work: from here on the plan counts what is done. */
  approve(order: PlanOrder): Promise<PlanSummary>
  /** Gives it up. */
  cancel(order: PlanOrder): Promise<PlanSummary>
  /** Ends it with what was done until now. */
  finish(order: PlanOrder): Promise<PlanSummary>
}
