import type {Principal} from '../platform/config/config.ts'
import type {Account} from './people.ts'

export type Roster = ReturnType<typeof createRoster>

/** The configured principals, found by id, account and role. Configuration vouches for the accounts it names. */
export function createRoster(principals: readonly Principal[]) {
  const byId = new Map(principals.map(principal => [principal.id, principal]))
  const byAccount = new Map(
    principals.flatMap(principal =>
      configuredAccounts(principal).map(account => [keyOf(account), principal] as const),
    ),
  )
  return {
    find: (id: string): Principal | undefined => byId.get(id),
    ownerOf: (account: Account): Principal | undefined => byAccount.get(keyOf(account)),
    /** In order of their ids. */
    holding: (roles: readonly string[]): readonly Principal[] =>
      principals
        .filter(principal => principal.roles.some(role => roles.includes(role)))
        .sort((one, other) => (one.id < other.id ? -1 : 1)),
  }
}

/** Logins of GitHub, addresses and hashes do not tell capital letters apart. */
export function canonical({kind, id}: Account): Account {
  return {kind, id: kind === 'github' || kind === 'email' || kind === 'api' ? id.toLowerCase() : id}
}

export function configuredAccounts({
  discord,
  github,
  linear,
  email,
  tokenHash,
}: Principal): readonly Account[] {
  const accounts = {discord, github, linear, email, api: tokenHash}
  return (Object.keys(accounts) as Account['kind'][]).flatMap(kind => {
    const id = accounts[kind]
    return id === undefined ? [] : [canonical({kind, id})]
  })
}

function keyOf(account: Account): string {
  const {kind, id} = canonical(account)
  return `${kind} ${id}`
}
