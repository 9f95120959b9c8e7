import {accountOf, type People} from '../access/people.ts'
import type {Invocation} from '../invocations/invocation.ts'
import type {NewNotice, Notices} from '../notifications/notice.ts'
import type {Db} from '../platform/postgres.ts'

/** What people are told when an agent failed for a reason that is nobody's to mend but an operator's. */
export function noticeOf(
  {id, command, agent, action}: Pick<Invocation, 'id' | 'command' | 'agent' | 'action'>,
  errorCode: string,
  requester: string | undefined,
): NewNotice {
  return {
    key: `command:${id}:error`,
    story: `command:${id}`,
    event: 'agent_error',
    level: 'medium',
    correlationId: id,
    people: [],
    watchers: requester === undefined ? [] : [requester],
    title: `/${command} failed on our side`,
    // The error itself may hold anything; the log has it under the correlation id.
    data: {agent, action, error: `agent ${agent}, action ${action}: ${errorCode}`},
  }
}

export type AgentErrors = ReturnType<typeof createAgentErrors>

/** Tells people of it, within the transaction that ends the command. */
export function createAgentErrors({
  people,
  notices,
}: {
  readonly people: Pick<People, 'personOf'>
  readonly notices: Notices
}) {
  return async (db: Db, invocation: Invocation, errorCode: string): Promise<void> => {
    const account = accountOf(invocation.actor)
    const person = account && (await people.personOf(account, db))
    await notices.announce(db, noticeOf(invocation, errorCode, person?.id))
  }
}
