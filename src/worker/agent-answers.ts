import {Answer, type AgentRequest, type Requests} from '../events/index.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Load} from '../registry/agent.ts'
import {statusForLoad} from '../registry/decide.ts'
import {registrationOf} from '../registry/registration.ts'
import type {AgentDefinition, Services} from '../sdk/index.ts'

/**
 * Answers for one agent over the bus: `get_status`, `query_capability`, and `execute_task`, whose payload names the
 * action as `task` (or the request's `metadata.capability` does) and holds its `input`. Only actions that say so can
 * be asked for, since a request names its asker without proving it. Nothing they do needs to be done once only.
 */
export function answerRequests({
  agent,
  requests,
  services,
  load,
  clock,
}: {
  readonly agent: AgentDefinition
  readonly requests: Pick<Requests, 'serve'>
  readonly services: Services
  readonly load: () => Load
  readonly clock: Clock
}): {close(): Promise<void>} {
  async function answer(request: AgentRequest, {signal}: {readonly signal: AbortSignal}) {
    switch (request.request_type) {
      case 'get_status': {
        const {active, capacity} = load()
        return {agent_id: agent.id, status: statusForLoad({active, capacity}), load: {active, capacity}}
      }
      case 'query_capability':
        return {
          agent_id: agent.id,
          capabilities: registrationOf(agent, '').capabilities as unknown as Json,
        }
      default:
        return execute(request, signal)
    }
  }

  async function execute(request: AgentRequest, signal: AbortSignal): Promise<Json | Answer> {
    const {payload, metadata, source_agent, correlation_id, request_id} = request
    const task = payload['task'] ?? metadata['capability']
    const action =
      typeof task === 'string' && Object.hasOwn(agent.actions, task) ? agent.actions[task] : undefined
    if (!action) return Answer.rejected(`${agent.id} has no task of this name`)
    if (action.askable !== true) {
      const way = agent.command === undefined ? '' : `, by ${agent.command}`
      return Answer.rejected(`only people can ask for this${way}`)
    }
    const input = action.input.safeParse(payload['input'] ?? {})
    if (!input.success) {
      const [issue] = input.error.issues
      return Answer.rejected(`input.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`)
    }
    const result = await action.run(input.data, {
      // No person's id has this form: an agent can't be taken for one.
      actor: {kind: 'api', id: `agent:${source_agent}`, name: source_agent},
      correlationId: correlation_id ?? request_id,
      signal: AbortSignal.any([signal, AbortSignal.timeout(agent.queue.timeoutMs)]),
      services,
      now: clock,
      progress: async () => undefined,
      effect: async () => {
        throw new AppError('INVARIANT_BROKEN', `What others may ask ${agent.id} for must change nothing.`)
      },
    })
    if (result.kind === 'following') return Answer.partial({}, 'it goes on, and nobody will answer for it')
    const {state, title, lines = []} = result.reply
    return {state, title, lines: [...lines], output: result.output ?? null}
  }

  return requests.serve(agent.id, answer, {
    concurrency: agent.queue.concurrency,
    types: ['get_status', 'query_capability', 'execute_task'],
  })
}
