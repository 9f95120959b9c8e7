import type {z} from 'zod'
import type {Json} from '../kernel/json.ts'
import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'
import type {Services} from './services.ts'

/** What an action is handed besides its input. Nothing else: an agent has no globals to reach for. */
export interface ActionContext {
  readonly actor: Actor
  /** The invocation's id: the same from the Discord interaction to the GitHub run. */
  readonly correlationId: string
  /** Aborted when the work was cancelled, timed out, or this worker lost its claim to it. */
  readonly signal: AbortSignal
  readonly services: Services
  readonly now: () => number
  /** Shows how far it is; the message is edited in place, at most every 2 s. */
  progress(reply: Reply): Promise<void>
}

/**
 * How an action ended. `replied`: done, this is the answer. `following`: a durable record (a deployment) carries
 * the command on and will end it; the worker is free.
 */
export type ActionResult =
  {readonly kind: 'replied'; readonly reply: Reply; readonly output?: Json} | {readonly kind: 'following'}

export interface ActionDefinition<I extends z.ZodType = z.ZodType> {
  readonly description: string
  readonly input: I
  run(input: z.output<I>, context: ActionContext): Promise<ActionResult>
}

export interface AgentDefinition {
  /** Equals the file's name. */
  readonly id: string
  readonly name: string
  readonly description: string
  /** The slash command people reach it by. */
  readonly command: string
  readonly queue: {
    readonly concurrency: number
    /** After this the action's signal is aborted and the command fails by name. */
    readonly timeoutMs: number
  }
  readonly actions: Readonly<Record<string, ActionDefinition>>
}

/** Declares one agent: the default export of a file in agents/. Boot checks it against its file and the commands. */
export function defineAgent(agent: AgentDefinition): AgentDefinition {
  return agent
}

/** Keeps the input's type for `run`; without it, TypeScript forgets it inside the `actions` record. */
export function defineAction<I extends z.ZodType>(action: ActionDefinition<I>): ActionDefinition {
  return action
}
