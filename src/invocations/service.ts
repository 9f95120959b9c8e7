import type {Clock} from '../kernel/clock.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {QueueJob, Queues} from '../platform/queue.ts'
import {agentQueue, type NewInvocation, type Recorded} from './invocation.ts'
import type {InvocationStore} from './store.ts'

export type Invocations = ReturnType<typeof createInvocations>

const AT_ONCE = 200

/**
 * Takes commands in: the record, its message and its job commit together, then the job is relayed at once.
 * A crash in between leaves the outbox row to the sweep, so an accepted command is carried out exactly once.
 */
export function createInvocations({
  store,
  outbox,
  queues,
  lostAfterMs,
  clock,
}: {
  readonly store: InvocationStore
  readonly outbox: Pick<Outbox, 'relay'>
  readonly queues: Pick<Queues, 'addMany'>
  /** How long a command may be unfinished before the queue is asked for its job again. */
  readonly lostAfterMs: number
  readonly clock: Clock
}) {
  let seen = new Date(0)
  return {
    async accept(invocation: NewInvocation): Promise<Recorded> {
      const outcome = await store.record(invocation)
      if (outcome.kind === 'recorded' && outcome.outboxId !== undefined) {
        outbox.relay([
          {
            outboxId: outcome.outboxId,
            ...jobOf(invocation),
          },
        ])
      }
      return outcome
    },

    /**
     * Asks the queue once more for commands that take long, some at a time: a queue that lost its data has forgotten
     * them. The job's id makes it nothing where the job is still there, so nothing runs twice.
     */
    async sweep(): Promise<number> {
      const before = new Date(clock() - lostAfterMs)
      const waiting = await store.unfinished({after: seen, before, limit: AT_ONCE})
      const last = waiting.at(-1)
      seen = last && waiting.length === AT_ONCE ? last.createdAt : new Date(0)
      if (waiting.length > 0) await queues.addMany(waiting.map(jobOf))
      return waiting.length
    },
  }
}

function jobOf({
  id,
  agent,
  action,
}: Pick<NewInvocation, 'id' | 'agent' | 'action'>): QueueJob & {readonly id: string} {
  return {queue: agentQueue(agent), name: action, id: `invocation-${id}`, data: {id}}
}
