import type {Outbox} from '../platform/outbox.ts'
import {agentQueue, type NewInvocation, type Recorded} from './invocation.ts'
import type {InvocationStore} from './store.ts'

export type Invocations = ReturnType<typeof createInvocations>

/**
 * Takes commands in: the record, its message and its job commit together, then the job is relayed at once.
 * A crash in between leaves the outbox row to the sweep, so an accepted command is carried out exactly once.
 */
export function createInvocations({
  store,
  outbox,
}: {
  readonly store: InvocationStore
  readonly outbox: Pick<Outbox, 'relay'>
}) {
  return {
    async accept(invocation: NewInvocation): Promise<Recorded> {
      const outcome = await store.record(invocation)
      if (outcome.kind === 'recorded' && outcome.outboxId !== undefined) {
        outbox.relay([
          {
            outboxId: outcome.outboxId,
            queue: agentQueue(invocation.agent),
            name: invocation.action,
            id: `invocation-${invocation.id}`,
            data: {id: invocation.id},
          },
        ])
      }
      return outcome
    },
  }
}
