import {z} from 'zod'
import {defineAction, type ActionDefinition} from './agent.ts'

/**
 * `get_status`, as an agent has it that steps of workflows may ask how it is: over all its processes, as the registry
 * knows it. Over the bus, the process that is asked tells of itself alone.
 */
export function statusAction(agentId: string): ActionDefinition {
  return defineAction({
    description: 'Whether the agent is up, and how much it has to do',
    pure: true,
    askable: true,
    input: z.object({}),
    output: z.object({
      agent_id: z.string(),
      /** `unknown`: the registry can't be asked. */
      status: z.enum(['active', 'busy', 'offline', 'unknown']),
      load: z.object({active: z.int(), capacity: z.int()}).nullable(),
    }),
    async run(_input, {services: {catalogue}}) {
      const own = (await catalogue.agents()).find(({id}) => id === agentId)
      const status = own?.status ?? 'unknown'
      const {load} = own ?? {}
      return {
        kind: 'replied',
        reply: {
          state: status === 'offline' ? 'error' : status === 'unknown' ? 'other' : 'ok',
          title: `${agentId} · ${status}`,
          lines: load ? [`${load.active} of ${load.capacity} at work`] : [],
        },
        output: {agent_id: agentId, status, load: load ? {...load} : null},
      }
    },
  })
}
