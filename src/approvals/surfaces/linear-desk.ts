import type {People} from '../../access/people.ts'
import {linearId} from '../../integrations/linear/ids.ts'
import type {Linear, LinearAnswer, LinearIssue, LinearUser} from '../../integrations/linear/linear.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {LinearStore} from './linear-store.ts'

/** What telling and listening in Linear both need. */
export type LinearDesk = ReturnType<typeof createLinearDesk>

/** People rename themselves and hubs get other labels; neither is worth a request per message. */
const KEPT_MS = 10 * 60_000
/** Who just proved an account is mentioned by it soon. It decides at once: that is not asked here. */
const ACCOUNT_KEPT_MS = 30_000
const MOST_USERS = 100

export function createLinearDesk({
  linear,
  store,
  people,
  hubIssue,
  clock,
}: {
  readonly linear: Linear
  readonly store: LinearStore
  readonly people: Pick<People, 'find'>
  /** Id or identifier. */
  readonly hubIssue: string
  readonly clock: Clock
}) {
  const users = new Map<string, {readonly user: LinearUser; readonly at: number}>()
  const accounts = new Map<string, {readonly id: Promise<string | undefined>; readonly at: number}>()

  function accountOf(person: string): Promise<string | undefined> {
    const known = accounts.get(person)
    if (known && clock() - known.at < ACCOUNT_KEPT_MS) return known.id
    const id = people.find(person).then(found => found?.accounts.linear)
    accounts.set(person, {id, at: clock()})
    id.catch(() => accounts.delete(person))
    return id
  }

  /** Asked once by all who want to know and remembered for a while, unless it failed. */
  function remembered<T>(ask: () => Promise<LinearAnswer<T>>): () => Promise<LinearAnswer<T>> {
    let known: {readonly answer: Promise<LinearAnswer<T>>; readonly at: number} | undefined
    return async () => {
      if (!known || clock() - known.at >= KEPT_MS) known = {answer: ask(), at: clock()}
      const asked = known
      const answer = await asked.answer
      if (answer.kind !== 'ok' && known === asked) known = undefined
      return answer
    }
  }

  /** The profiles of Linear users; those that can't be had are left out, since a text without a mention is better than none. */
  async function urlsOf(ids: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    const fresh = (id: string) => {
      const known = users.get(id)
      return known && clock() - known.at < KEPT_MS ? known.user : undefined
    }
    const missing = ids.filter(id => !fresh(id)).slice(0, MOST_USERS)
    if (missing.length > 0) {
      const answer = await linear.users(missing, signal)
      if (answer.kind === 'ok') for (const user of answer.value) users.set(user.id, {user, at: clock()})
    }
    return ids.flatMap(id => fresh(id)?.url ?? [])
  }

  return {
    linear,
    hub: remembered<LinearIssue>(() => linear.issue(hubIssue)),
    me: remembered<LinearUser>(() => linear.me()),

    /** How to mention these persons, who are ours; Linear notifies whose profile's address stands in a text. */
    async mentionsOf(persons: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
      const ids = await Promise.all(persons.map(accountOf))
      return urlsOf(
        ids.filter(id => id !== undefined),
        signal,
      )
    },

    /** Writes a comment of ours, once per intent; what it says is never taken for somebody's words. */
    async say(
      intent: string,
      comment: {readonly issueId: string; readonly parentId?: string; readonly body: string},
      signal?: AbortSignal,
    ): Promise<LinearAnswer<{readonly id: string}>> {
      const id = linearId(intent)
      await store.settle(`comment:${id}`, 'own')
      return linear.createComment({...comment, id}, signal)
    },
  }
}
