import type {Principal} from '../platform/config/config.ts'
import type {Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'
import type {AccountStore, ProvedAccount} from './account-store.ts'
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

/** What configuration alone says about somebody; a Discord account is never proved otherwise. */
export interface Holder extends Pick<Person, 'id' | 'roles'> {
  readonly discord: string | undefined
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
  /** None for whom we do not know. */
  rolesOf(id: string): readonly string[]
  /** Everybody who holds at least one of the roles, in order of their ids. */
  holding(roles: readonly string[]): readonly Holder[]
}

/** Reads what was proved afresh each time, by one indexed query; roles are configuration's alone. */
export function createPeople({
  roster,
  accounts,
}: {
  readonly roster: Roster
  readonly accounts: Pick<AccountStore, 'ownerOf' | 'accountsOf'>
}): People {
  function person(principal: Principal, proved: readonly ProvedAccount[]): Person {
    const theirs = [
      // What configuration gave to somebody else since is not theirs any more.
      ...proved.filter(account => roster.ownerOf(account) === undefined),
      ...configuredAccounts(principal).filter(({kind}) => kind !== 'api'),
    ]
    return {
      id: principal.id,
      roles: principal.roles,
      accounts: Object.fromEntries(theirs.map(one => [one.kind, one.id])),
    }
  }

  const withProved = async (principal: Principal | undefined, db: Db | undefined) =>
    principal && person(principal, await accounts.accountsOf(principal.id, db))

  return {
    find: (id, db) => withProved(roster.find(id), db),

    async personOf(account, db) {
      const configured = roster.ownerOf(account)
      if (configured) return withProved(configured, db)
      const owner = await accounts.ownerOf(canonical(account), db)
      const principal = owner && roster.find(owner.principal)
      return principal && person(principal, owner.accounts)
    },

    rolesOf: id => roster.find(id)?.roles ?? [],

    holding: roles => roster.holding(roles).map(({id, roles, discord}) => ({id, roles, discord})),
  }
}

/** The account an actor acts by, where it is a person's: schedules and the house's own token are nobody's. */
export function accountOf({kind, id}: Actor): Account | undefined {
  if (kind === 'discord') return {kind, id}
  return kind === 'api' && /^[0-9a-f]{64}$/.test(id) ? {kind, id} : undefined
}
