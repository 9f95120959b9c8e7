import type {Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'
import type {AccountStore} from './account-store.ts'
import {canonical, configuredAccounts, type Roster} from './roster.ts'

/** Where somebody can be known from. `api`: the SHA-256, in hex, of a token of their own for the HTTP routes. */
export type AccountKind = 'discord' | 'github' | 'linear' | 'email' | 'api'

/** An account as its surface authenticated it. Logins of GitHub and addresses are compared in lower case. */
export interface Account {
  readonly kind: AccountKind
  readonly id: string
}

/** One human being, whatever the number of their accounts: what a quorum counts. */
export interface Person {
  /** The principal's id in signalbox.yaml. */
  readonly id: string
  readonly roles: readonly string[]
  /** Where to reach them; the configured ones first. Tokens are not among them. */
  readonly accounts: Readonly<Partial<Record<AccountKind, string>>>
}

/**
 * Who is who, as it is now: the configured principals with the accounts configured for them and those they proved by
 * `/link`. Asked again at each decision, so that a removed role or account counts at once.
 */
export interface People {
  // `db`: asks within that transaction. Who decides holds a connection already and must not wait for a second one.
  /** Undefined: nobody we know. No account belongs to two. */
  personOf(account: Account, db?: Db): Promise<Person | undefined>
  find(id: string, db?: Db): Promise<Person | undefined>
  /** Everybody who holds at least one of the roles, in order of their ids. */
  holding(roles: readonly string[], db?: Db): Promise<readonly Person[]>
}

/** Reads what was proved afresh each time: one indexed query for whom configuration knows by that account, else two. */
export function createPeople({
  roster,
  accounts,
}: {
  readonly roster: Roster
  readonly accounts: Pick<AccountStore, 'ownerOf' | 'accountsOf'>
}): People {
  async function persons(ids: readonly string[], db: Db | undefined): Promise<readonly Person[]> {
    const proved = await accounts.accountsOf(ids, db)
    return ids.flatMap(id => {
      const principal = roster.find(id)
      if (!principal) return []
      const theirs = [
        // What configuration gave to somebody else since is not theirs any more.
        ...proved.filter(account => account.principal === id && roster.ownerOf(account) === undefined),
        ...configuredAccounts(principal).filter(({kind}) => kind !== 'api'),
      ]
      return [
        {id, roles: principal.roles, accounts: Object.fromEntries(theirs.map(one => [one.kind, one.id]))},
      ]
    })
  }

  const person = async (id: string | undefined, db: Db | undefined) =>
    id === undefined || !roster.find(id) ? undefined : (await persons([id], db))[0]

  return {
    find: person,
    personOf: async (account, db) =>
      person(roster.ownerOf(account)?.id ?? (await accounts.ownerOf(canonical(account), db)), db),
    holding: (roles, db) =>
      persons(
        roster.holding(roles).map(({id}) => id),
        db,
      ),
  }
}

/** The account an actor acts by, where it is a person's: schedules and the house's own token are nobody's. */
export function accountOf(actor: Actor): Account | undefined {
  return actor.kind === 'discord' ? {kind: 'discord', id: actor.id} : undefined
}
