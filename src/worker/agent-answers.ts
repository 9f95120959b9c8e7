import {jsonSchema} from '../events/event.ts'
import {Answer, REQUEST_TYPES, type AgentRequest, type Requests} from '../events/index.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Load} from '../registry/agent.ts'
import {statusForLoad} from '../registry/decide.ts'
import {registrationOf} from '../registry/registration.ts'
import type {AgentDefinition, Services} from '../sdk/index.ts'

/**
 * Answers for one agent over the bus: `get_status`, `query_capability`, the request types that are actions of its own,
 * whose input is the payload, and `execute_task`, whose payload names any action as `task` (or the request's
 * `metadata.capability` does) and holds its `input`. Only actions that say so can be asked for, since a request names
 * its asker without proving it. Nothing they do needs to be done once only.
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
          capabilities: jsonSchema.parse(registrationOf(agent, '').capabilities),
        }
      default:
        return execute(request, signal)
    }
  }

  async function execute(request: AgentRequest, signal: AbortSignal): Promise<Json | Answer> {
    const {source_agent, correlation_id, request_id} = request
    const {action, given} = wanted(agent, request)
    if (!action) return Answer.rejected(`${agent.id} has no task of this name`)
    if (action.askable !== true) {
      const way = agent.command === undefined ? ', as a step of a workflow' : `, by ${agent.command}`
      return Answer.rejected(`only people can ask for this${way}`)
    }
    const input = action.input.safeParse(given)
    if (!input.success) {
      const [issue] = input.error.issues
      return Answer.rejected(
        `${['input', ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'is wrong'}`,
      )
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
    types: REQUEST_TYPES.filter(type => ALWAYS.has(type) || Object.hasOwn(agent.actions, type)),
  })
}

const ALWAYS: ReadonlySet<string> = new Set(['get_status', 'query_capability', 'execute_task'])

/** The action that is asked for, and what it is given. A task that is no action is for `execute_task` itself to know. */
function wanted({actions}: AgentDefinition, {request_type, payload, metadata}: AgentRequest) {
  const named = request_type === 'execute_task' ? (payload['task'] ?? metadata['capability']) : undefined
  if (typeof named === 'string' && Object.hasOwn(actions, named))
    return {action: actions[named], given: payload['input'] ?? {}}
  const own = Object.hasOwn(actions, request_type) ? actions[request_type] : undefined
  return {action: own, given: payload}
}
