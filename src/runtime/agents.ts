import {systemClock} from '../kernel/clock.ts'
import type {QueueWorker} from '../platform/queue.ts'
import type {Load} from '../registry/agent.ts'
import {joinRegistry, type Membership} from '../registry/membership.ts'
import {answerRequests} from '../worker/agent-answers.ts'
import {startAgentWorker, type AgentWorker} from '../worker/agent-worker.ts'
import {createAttemptRunner} from '../worker/workflow-attempts.ts'
import type {Actions} from '../workflows/actions.ts'
import type {House} from './house.ts'

export interface ServedAgents {
  readonly workers: readonly QueueWorker[]
  /** Out of the registry first, so that nobody sends more work here, then deaf to requests. Jobs go on. */
  leave(): Promise<void>
}

/** Makes this process serve the agents: their jobs, their answers on the bus, their place in the registry. */
export function startAgents(house: House, actions: Actions): ServedAgents {
  const {config, agents, queues, pool, invocationStore, replies, notify, services, metrics, log} = house
  const {instanceId, registry, events} = house.coordination
  const workers = new Map<string, AgentWorker>()
  const runAttempt = createAttemptRunner({
    store: house.workflows.store,
    workflows: house.workflows.service(),
    actions,
    clock: systemClock,
  })

  for (const agent of agents.values()) {
    const worker = startAgentWorker({
      agent,
      queues,
      pool,
      invocations: invocationStore,
      replies,
      notify,
      services,
      runAttempt,
      tellError: house.tellAgentError,
      observe: (labels, seconds) => metrics.commandDuration.observe(labels, seconds),
      clock: systemClock,
      log,
      lockMs: house.leaseMs,
      // Jobs begin after this turn, when it is there.
      onCapacity: () => membership.beat(),
    })
    workers.set(agent.id, worker)
  }
  const load = (agentId: string): Load => workers.get(agentId)?.load() ?? {active: 0, capacity: 1}
  const answers = [...agents.values()].map(agent =>
    answerRequests({
      agent,
      requests: events.requests,
      services,
      load: () => load(agent.id),
      clock: systemClock,
    }),
  )
  const membership: Membership = joinRegistry({
    registry,
    agents: agents.values(),
    instanceId,
    load,
    heartbeatMs: config.registry.heartbeatMs,
    log,
  })
  return {
    workers: [...workers.values()],
    async leave() {
      await membership.close()
      await Promise.all(answers.map(answer => answer.close()))
    },
  }
}
