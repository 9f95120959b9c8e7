import {accountOf, type People} from '../access/people.ts'
import {ellipsis} from '../kernel/markdown.ts'
import type {Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'
import type {Requester} from './request.ts'

const NAME = 40

/**
 * The actor as the one who asks: with their person, so that none of that person's accounts can approve. Who acted by a
 * token of their own stays who they were then, also when it is not valid any more: or a token made anew would make them
 * somebody else to what they asked for.
 */
export async function requesterOf(
  people: Pick<People, 'personOf'>,
  actor: Pick<Actor, 'kind' | 'id' | 'name'>,
  db?: Db,
): Promise<Requester> {
  const account = accountOf(actor)
  const known = account && (await people.personOf(account, db))
  // The server that took the token named its actor by the person.
  const person = known?.id ?? (account?.kind === 'api' ? actor.name : undefined)
  return {
    name: actor.name,
    ...(person === undefined ? {} : {person}),
    ...(account ? {account} : {}),
  }
}

/**
 * Who it is, for people. A name is whatever somebody calls themselves: the id of the person stands before one that
 * differs, and that it is nobody known stands behind one that nobody vouches for. Unescaped, 100 characters at most.
 */
export function shownRequester({name, person}: Pick<Requester, 'name' | 'person'>): string {
  const called = ellipsis(name, NAME)
  if (person === undefined) return `${called} (no known person)`
  return name.toLowerCase() === person.toLowerCase() ? person : `${ellipsis(person, NAME)} (${called})`
}

/** Who it is, in a history: nobody can call themselves what somebody else is called there. */
export function namedInHistory({name, person, account}: Requester): string {
  return person ?? (account ? `${account.kind}:${account.id}` : `house:${name}`)
}
