import type {EventsWithJournal} from '../events/index.ts'
import type {Registry} from '../registry/index.ts'
import type {RoutingPort} from '../sdk/index.ts'

/** Agents by what they can do: found in the registry, asked over the bus. */
export function openRouting({
  registry: {directory},
  events: {requests},
}: {
  readonly registry: Pick<Registry, 'directory'>
  readonly events: Pick<EventsWithJournal, 'requests'>
}): RoutingPort {
  return {
    async capable(capability) {
      const matches = await directory.query({keywords: [capability], minConfidence: 1})
      return matches.map(({agent: {agentId, status}}) => ({
        agent: agentId,
        status: status === 'busy' ? 'busy' : 'active',
      }))
    },

    async ask({agent, capability, input, timeoutSeconds, correlationId}) {
      const {status, result, error} = await requests.request({
        source_agent: 'orchestrator',
        target_agent: agent,
        request_type: 'execute_task',
        payload: {task: capability, input: {...input}},
        timeout_seconds: timeoutSeconds,
        correlation_id: correlationId,
      })
      return {status, result: result ?? null, error: error ?? null}
    },
  }
}
