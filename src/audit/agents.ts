import {AppError} from '../kernel/errors.ts'
import type {ActionDefinition, AgentDefinition} from '../sdk/index.ts'
import type {Audit} from './audit.ts'
import type {AuditQuery} from './store.ts'

/**
 * The agents, with whatever they refuse in the record before whoever asked is told, be it a command, a step of a run or
 * another agent that asked. Not twice: what a feature recorded itself under that correlation id, in its own words, is
 * better.
 */
export function auditAgents(
  agents: ReadonlyMap<string, AgentDefinition>,
  {
    audit,
    trail,
  }: {
    readonly audit: Pick<Audit, 'refused'>
    readonly trail: {search(query: AuditQuery): Promise<readonly {readonly line: {readonly phase: string}}[]>}
  },
): ReadonlyMap<string, AgentDefinition> {
  function watched(agent: string, name: string, action: ActionDefinition): ActionDefinition {
    return {
      ...action,
      async run(input, context) {
        const {actor, correlationId} = context
        const refused = async (reason: string) => {
          const known = await trail.search({correlationId, limit: 10}).catch(() => [])
          if (known.some(({line}) => line.phase === 'refused')) return
          await audit.refused({
            action: 'agent.refused',
            subject: `${agent}.${name}`,
            actor: {id: actor.id, name: actor.name},
            correlationId,
            details: {reason},
          })
        }
        try {
          const result = await action.run(input, context)
          if (result.kind === 'replied' && result.reply.state === 'refused') await refused(result.reply.title)
          return result
        } catch (error) {
          if (error instanceof AppError && error.code === 'NOT_PERMITTED') await refused(error.message)
          throw error
        }
      },
    }
  }

  return new Map(
    [...agents].map(([id, agent]) => [
      id,
      {
        ...agent,
        actions: Object.fromEntries(
          Object.entries(agent.actions).map(([name, action]) => [name, watched(id, name, action)]),
        ),
      },
    ]),
  )
}
