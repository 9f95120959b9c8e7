import type {Json} from '../kernel/json.ts'

/** A living agent that offers a capability by its very name. */
export interface CapableAgent {
  readonly agent: string
  readonly status: 'active' | 'busy'
}

/** What came of passing a task on. All of it is an answer, also that there was none in time. */
export interface RoutedAnswer {
  readonly status: 'success' | 'partial' | 'error' | 'timeout' | 'rejected'
  /** What the agent answered; null for nothing. */
  readonly result: Json
  /** For people; null where all is well. */
  readonly error: string | null
}

/** Finding agents by what they can do, and asking them for what changes nothing. */
export interface RoutingPort {
  /** The one to ask first in front. */
  capable(capability: string): Promise<readonly CapableAgent[]>
  /** Passes a task on as the orchestrator's own; the agent itself decides whether it may be asked for it. */
  ask(task: {
    readonly agent: string
    readonly capability: string
    readonly input: Readonly<Record<string, Json>>
    readonly timeoutSeconds: number
    readonly correlationId: string
  }): Promise<RoutedAnswer>
}
