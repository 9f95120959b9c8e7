import {AppError, toError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Json} from '../kernel/json.ts'
import type {ActionContext, AgentDefinition} from '../sdk/agent.ts'
import type {Services} from '../sdk/services.ts'
import type {Message} from './run.ts'

/** One action to be performed for a step. */
export interface ActionRequest {
  readonly agent: string
  readonly action: string
  readonly input: Json
  readonly correlationId: string
  readonly workflow: string
}

/** The actions this process can perform. */
export interface Actions {
  hosts(agent: string): boolean
  /** How many of the agent's attempts may go on at a time for the runs of this process. */
  capacity(agent: string): number
  /** Rejects with what went wrong. Must heed the signal: what goes on after its abort can begin no more effects. */
  run(request: ActionRequest, context: Pick<ActionContext, 'signal' | 'effect' | 'step'>): Promise<Json>
}

const MAX_OUTPUT_CHARS = 262_144

/** The actions of the agents of this checkout, with their input and output validated. */
export function agentActions({
  agents,
  services,
  clock,
}: {
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly services: Services
  readonly clock: Clock
}): Actions {
  return {
    hosts: agent => agents.has(agent),

    capacity: agent => agents.get(agent)?.queue.concurrency ?? 1,

    async run({agent, action, input, correlationId, workflow}, {signal, effect, step}) {
      const definition = agents.get(agent)?.actions[action]
      if (!definition) throw new AppError('INVARIANT_BROKEN', `Agent ${agent} has no action ${action}.`)
      const parsed = definition.input.safeParse(input)
      if (!parsed.success) {
        const [issue] = parsed.error.issues
        throw new AppError(
          'INVALID_INPUT',
          `${agent}.${action} was given a wrong ${where(issue?.path)}: ${issue?.message}.`,
        )
      }
      const result = await definition.run(parsed.data, {
        // No person's id has this form: a workflow can't be taken for one.
        actor: {kind: 'api', id: `workflow:${workflow}`, name: workflow},
        correlationId,
        ...(step ? {step} : {}),
        signal,
        services,
        now: clock,
        progress: async () => undefined,
        effect,
      })
      if (result.kind === 'following')
        throw new AppError(
          'INVARIANT_BROKEN',
          `${agent}.${action} leaves its end to others, which no step can wait for.`,
        )
      const output = result.output ?? null
      if (!definition.output) return output
      const checked = definition.output.safeParse(output)
      if (checked.success) return checked.data
      const [issue] = checked.error.issues
      throw new AppError(
        'INVARIANT_BROKEN',
        `${agent}.${action} answered a wrong ${where(issue?.path)}: ${issue?.message}.`,
      )
    },
  }
}

/** How an attempt came to its end. */
export type AttemptEnd = Extract<
  Message,
  {kind: 'attempt-succeeded' | 'attempt-failed' | 'attempt-interrupted'}
>

/** What the run is told of an attempt that answered. */
export function succeeded(path: string, attempt: number, answer: unknown, at: number): AttemptEnd {
  let text: string | undefined
  try {
    text = JSON.stringify(answer ?? null)
  } catch (error) {
    return failed(
      path,
      attempt,
      new AppError('INVARIANT_BROKEN', `The output is no JSON: ${toError(error).message}.`),
      at,
    )
  }
  if (text === undefined || text.length > MAX_OUTPUT_CHARS) {
    const why =
      text === undefined
        ? 'The output is no JSON.'
        : `The output has ${text.length} characters, over ${MAX_OUTPUT_CHARS}.`
    return failed(path, attempt, new AppError('INVARIANT_BROKEN', why), at)
  }
  // A copy, as it will be when the journal is read: without what JSON leaves out, and nobody else's to change.
  const output = typeof answer === 'object' ? (JSON.parse(text) as Json) : ((answer ?? null) as Json)
  return {kind: 'attempt-succeeded', path, attempt, output, at}
}

/** What the run is told of an attempt that threw. */
export function failed(path: string, attempt: number, thrown: unknown, at: number): AttemptEnd {
  const error = toError(thrown)
  const known = error instanceof AppError ? error : undefined
  return {
    kind: 'attempt-failed',
    path,
    attempt,
    error: {code: known?.code ?? 'INTERNAL', message: error.message.slice(0, 2_000)},
    retryable: known === undefined || known.disposition === 'retry',
    ...(known?.retryAfterMs === undefined ? {} : {retryAfterMs: known.retryAfterMs}),
    at,
  }
}

function where(path: readonly PropertyKey[] | undefined): string {
  return path && path.length > 0 ? `"${path.join('.')}"` : 'value'
}
