import {AppError} from '../kernel/errors.ts'
import {code as inCode, timestamp} from '../kernel/markdown.ts'
import type {AccountsPort, Actor, BreakGlassPort, KnownAccount, Reply} from '../sdk/index.ts'
import type {AccountStore} from './account-store.ts'
import type {BreakGlass} from './break-glass.ts'
import type {Links} from './links.ts'
import {accountOf, type AccountKind, type People, type Person} from './people.ts'
import {configuredAccounts, type Roster} from './roster.ts'

/** What people call the kinds of accounts, where that differs. */
const WORDS: Readonly<Partial<Record<AccountKind, string>>> = {email: 'mail'}

/** What commands and agents may ask about people's own accounts. */
export function createAccountsPort({
  people,
  roster,
  store,
  links,
  repositories,
  hubIssue,
}: {
  readonly people: Pick<People, 'personOf'>
  readonly roster: Roster
  readonly store: Pick<AccountStore, 'accountsOf' | 'tokenOf'>
  readonly links: Links
  /** Whose comments are read for codes; undefined: GitHub is off. */
  readonly repositories: readonly string[] | undefined
  /** Where codes of Linear accounts are posted; undefined: Linear is off, or has no hub. */
  readonly hubIssue: string | undefined
}): AccountsPort {
  async function personOf(actor: Actor): Promise<Person> {
    const account = accountOf(actor)
    const person = account && (await people.personOf(account))
    if (person) return person
    throw new AppError(
      'NOT_PERMITTED',
      'You are not among the principals of signalbox.yaml. An admin can add you there with your Discord id.',
    )
  }

  function whereToPost(kind: 'github' | 'linear'): readonly string[] {
    if (kind === 'linear') {
      if (hubIssue !== undefined) return [hubIssue]
      throw new AppError(
        'NOT_CONFIGURED',
        'Linear is not set up here. An operator must set LINEAR_API_KEY and LINEAR_APPROVAL_HUB_ISSUE_ID.',
      )
    }
    if (repositories && repositories.length > 0) return repositories
    throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
  }

  async function knownAccounts(person: string): Promise<readonly KnownAccount[]> {
    const principal = roster.find(person)
    const configured = principal ? configuredAccounts(principal) : []
    const proved = await store.accountsOf(person)
    return [
      ...configured.map(({kind, id}) => ({
        name: kind === 'api' ? 'api' : nameOf(kind, id),
        provedAt: undefined,
      })),
      ...proved.map(({kind, id, linkedAt}) => ({name: nameOf(kind, id), provedAt: linkedAt})),
    ]
  }

  return {
    async mine(actor) {
      const {id, roles} = await personOf(actor)
      const [accounts, token] = await Promise.all([knownAccounts(id), store.tokenOf(id)])
      return {person: id, roles, accounts, token}
    },

    async prove(actor, kind, signal) {
      const {id} = await personOf(actor)
      const where = whereToPost(kind)
      const unread = kind === 'github' ? await links.lookAtGithub(signal) : []
      const proof = await links.proofOf(id, kind)
      return proof.kind === 'open' ? {...proof, where, unread} : proof
    },

    async mailCode(actor, address) {
      return links.mailCode((await personOf(actor)).id, address)
    },

    async typeCode(actor, code) {
      return links.typeCode((await personOf(actor)).id, code)
    },

    async remove(actor, name) {
      const {id} = await personOf(actor)
      if (name === 'api') return links.remove(id, 'token')
      const known = (await store.accountsOf(id)).find(account => nameOf(account.kind, account.id) === name)
      return known ? links.remove(id, {kind: known.kind, id: known.id}) : false
    },

    async reveal({actor, what, press}): Promise<Reply> {
      const {id} = await personOf(actor)
      if (what === 'api') {
        const made = await links.makeToken(id, press)
        if (!made) throw new AppError('CONFLICT', 'It was shown already. Press again for a new one.')
        return {
          state: 'ok',
          title: 'your token · shown this once',
          lines: [
            inCode(made.token),
            `it speaks for you over HTTP, as \`Authorization: Bearer …\` · until ${timestamp(made.expiresAt, 'f')}`,
            'a new one, or `/link remove:api`, ends it',
          ],
        }
      }
      if (what !== 'github' && what !== 'linear')
        throw new AppError('INVALID_INPUT', 'There is no such account to prove.')
      const where = whereToPost(what)
      const {code, expiresAt} = await links.showCode(id, what)
      return {
        state: 'waiting',
        title: `your code for ${what === 'github' ? 'GitHub' : 'Linear'}`,
        lines: [
          inCode(code),
          `post it as a comment ${what === 'github' ? 'on any issue or pull request of' : 'on'} ${where.map(one => inCode(one)).join(' or ')}`,
          `from the account that is yours, before ${timestamp(expiresAt, 't')} (${timestamp(expiresAt)}); then press Check`,
        ],
      }
    },
  }
}

/** What commands and agents may ask about broken glass. */
export function createBreakGlassPort({
  breakGlass,
  channelOf,
}: {
  readonly breakGlass: BreakGlass
  /** Where a command was given. */
  readonly channelOf: (correlationId: string) => Promise<string | undefined>
}): BreakGlassPort {
  return {
    async begin({correlationId, actor, reason, forMs}) {
      const channelId = await channelOf(correlationId)
      const {person, endsAt} = await breakGlass.begin({
        ...{id: correlationId, actor, reason, forMs},
        ...(channelId === undefined ? {} : {channelId}),
      })
      return {person, endsAt}
    },
    end: async actor => (await breakGlass.end(actor)) !== undefined,
  }
}

function nameOf(kind: AccountKind, id: string): string {
  return `${WORDS[kind] ?? kind}:${id}`
}
