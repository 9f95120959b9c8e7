import type {z} from 'zod'
import type {Json} from '../kernel/json.ts'
import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'
import type {Services} from './services.ts'

/** The step of a workflow's run that an action is performed for. */
export interface RunStep {
  readonly run: string
  /** Names the step within its run. */
  readonly path: string
  /** What the step had done is to be undone. */
  readonly undoes: boolean
}

/** What an action is handed besides its input. Nothing else: an agent has no globals to reach for. */
export interface ActionContext {
  readonly actor: Actor
  /** The invocation's id: the same from the Discord interaction to the GitHub run. */
  readonly correlationId: string
  /** Left out: no run asks for it. */
  readonly step?: RunStep
  /** Aborted when the work was cancelled, timed out, or this worker lost its claim to it. */
  readonly signal: AbortSignal
  readonly services: Services
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Shows how far it is; the message is edited in place, at most every 2 s. */
  progress(reply: Reply): Promise<void>
  /**
   * Does something outside once, however often this action is performed again after a crash: what it answered is kept
   * and answered again. `name` is unique within the action. Refused once the work was stopped or lost.
   */
  readonly effect: <T extends Json>(name: string, how: EffectSteps<T>) => Promise<T>
}

/**
 * How an effect is done. `id` is a short text of letters and digits, the same each time this effect of this attempt is
 * tried, and no other's: what it leaves outside can be found by it.
 */
export interface EffectSteps<T extends Json> {
  readonly run: (id: string) => Promise<T>
  /** Asked before `run` where an earlier try may have got through: what it brought about, or undefined for nothing. */
  readonly find?: (id: string) => Promise<T | undefined>
}

/**
 * How an action ended. `replied`: done, this is the answer. `following`: a durable record (a deployment) carries
 * the command on and will end it; the worker is free.
 */
export type ActionResult =
  {readonly kind: 'replied'; readonly reply: Reply; readonly output?: Json} | {readonly kind: 'following'}

/** One thing that an agent can do: what it takes, what it answers, and how it is done. */
export interface ActionDefinition<I extends z.ZodType = z.ZodType> {
  readonly description: string
  readonly input: I
  /** What the result's `output` holds; without it, anything. */
  readonly output?: z.ZodType<Json>
  /** It changes nothing outside: may be done anywhere, and again. */
  readonly pure?: boolean
  /** Other agents may ask for it over the bus. Only for what changes nothing: who asks there is not known for certain. */
  readonly askable?: boolean
  run(input: z.output<I>, context: ActionContext): Promise<ActionResult>
}

/** An agent: the actions it performs, and the queue from which it takes them. */
export interface AgentDefinition {
  /** Equals the file's name. */
  readonly id: string
  readonly name: string
  readonly description: string
  /** The slash command people reach it by; without one, workflows alone do. */
  readonly command?: string
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
