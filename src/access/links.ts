import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {TypedCode} from '../sdk/index.ts'
import type {AccountStore, ProvableKind} from './account-store.ts'
import {codesIn, hashOf, newCode, newToken} from './code.ts'
import type {Account} from './people.ts'
import {canonical, type Roster} from './roster.ts'

/** Jobs that look whether a code was posted. */
export const ACCOUNTS_QUEUE = 'accounts'

const CODE_VALID_MS = 10 * 60_000
const WRONG_TRIES = 5
const TOKEN_VALID_MS = 90 * 24 * 3_600_000
const HOUR = 3_600_000
/** A code goes to whatever address was typed: nobody's mailbox may be filled that way. */
const MAILS_PER_HOUR = 5

/** What came of a code that somebody posted. */
export type Claim =
  | {readonly kind: 'linked'; readonly person: string}
  /** The account is another person's; the code is used up. */
  | {readonly kind: 'taken'}
  /** No such code, or it has lapsed or was used. */
  | {readonly kind: 'unknown'}

/** How far a person is with proving an account, as far as is known here. */
export type Proof =
  /** `codeUntil`: a code was shown and can be posted until then, in milliseconds since the epoch. */
  | {readonly kind: 'open'; readonly codeUntil: number | undefined}
  | {readonly kind: 'linked' | 'taken'; readonly account: string}

/** A comment as its vendor tells of it. */
export interface PostedComment {
  readonly body: string
  /** The login of the person who wrote it; undefined where no person did. */
  readonly person: string | undefined
  readonly edited: boolean
  readonly createdAt: number
}

export interface LinksOptions {
  readonly pool: Pool
  readonly store: AccountStore
  readonly roster: Roster
  /**
   * The comments of our repositories since a moment. A repository that can't be read is left out and named by
   * `unread`. Undefined: GitHub is off.
   */
  readonly githubComments:
    | ((
        since: number,
        signal: AbortSignal,
      ) => Promise<{readonly comments: readonly PostedComment[]; readonly unread: readonly string[]}>)
    | undefined
  /** Mails a code. @throws AppError when it can't. Undefined: mail is off. */
  readonly sendCode: ((address: string, code: string) => Promise<void>) | undefined
  /** Whether the operator's people have addresses there. */
  readonly isOurDomain: (domain: string) => boolean
  readonly log: Logger
}

export type Links = ReturnType<typeof createLinks>

/**
 * Proving that an account is one's own: a one-time code, shown to a known person in Discord, comes back from the
 * account. What counts is who the vendor says wrote it. An account that is somebody's, by configuration or by proof,
 * never changes hands this way. Of codes and tokens only hashes are kept; the texts leave this process once, in the
 * answer to the person.
 */
export function createLinks(options: LinksOptions) {
  const {pool, store, roster, githubComments, sendCode, isOurDomain, log} = options

  /** Makes the account theirs, if it is nobody's or theirs already, and uses up the code. */
  async function prove(db: Db, hash: string, given: Account, principal: string): Promise<'linked' | 'taken'> {
    const account = canonical(given)
    const kind = account.kind as ProvableKind
    const owner = roster.ownerOf(account)?.id ?? (await store.link(db, {kind, id: account.id}, principal))
    const outcome = owner === principal ? 'linked' : 'taken'
    await store.settleCode(db, hash, account.id, outcome)
    await store.note(db, {
      principal,
      event: outcome === 'linked' ? 'linked' : 'link_refused',
      kind,
      accountId: account.id,
      ...(outcome === 'taken' ? {note: `it belongs to ${owner}`} : {}),
    })
    return outcome
  }

  async function claimCode({
    account,
    code,
  }: {
    readonly account: Account
    readonly code: string
  }): Promise<Claim> {
    const {kind} = account
    if (kind !== 'github' && kind !== 'linear') return {kind: 'unknown'}
    const hash = hashOf(code.toUpperCase())
    return transaction(pool, async (db): Promise<Claim> => {
      const record = await store.openCode(db, kind, hash)
      if (!record || !roster.find(record.principal)) return {kind: 'unknown'}
      const outcome = await prove(db, hash, account, record.principal)
      log.info({person: record.principal, account: kind, outcome}, 'a code was posted')
      return outcome === 'linked' ? {kind: 'linked', person: record.principal} : {kind: 'taken'}
    })
  }

  /**
   * Looks for open codes in the comments of our repositories. Of several comments with the same code the oldest counts,
   * and none that was edited: whoever copies a code that they saw comes too late. Answers the repositories that could
   * not be read.
   */
  async function lookAtGithub(signal: AbortSignal): Promise<readonly string[]> {
    const since = githubComments && (await store.openSince('github'))
    if (!githubComments || since === undefined) return []
    // Clocks differ a little, and GitHub's second may have begun before ours.
    const {comments, unread} = await githubComments(since - 60_000, signal)
    for (const {body, person, edited} of [...comments].sort((a, b) => a.createdAt - b.createdAt)) {
      if (person === undefined || edited) continue
      for (const code of codesIn(body)) await claimCode({account: {kind: 'github', id: person}, code})
    }
    return unread
  }

  return {
    claimCode,
    lookAtGithub,

    /** A fresh code for the person to post; it ends their earlier one of that kind. */
    async showCode(principal: string, kind: 'github' | 'linear') {
      const code = newCode()
      const expiresAt = await transaction(pool, async db => {
        await store.note(db, {principal, event: 'code_shown', kind})
        return store.putCode(db, {principal, kind, hash: hashOf(code), validMs: CODE_VALID_MS})
      })
      return {code, expiresAt}
    },

    /** What came of the person's newest code of that kind. */
    async proofOf(principal: string, kind: 'github' | 'linear'): Promise<Proof> {
      const code = await transaction(pool, db => store.codeOf(db, principal, kind))
      return code?.outcome !== undefined && code.accountId !== undefined
        ? {kind: code.outcome, account: code.accountId}
        : {kind: 'open', codeUntil: code?.expiresAt}
    },

    /**
     * Mails a code to the address; answers when it lapses. Throws NOT_CONFIGURED without mail, INVALID_INPUT for an
     * address that no mail of ours goes to, CONFLICT after too many, and what the mailer throws.
     */
    async mailCode(principal: string, address: string): Promise<number> {
      if (!sendCode)
        throw new AppError('NOT_CONFIGURED', 'Mail is not set up here. An operator must set SMTP_HOST.')
      const {id} = canonical({kind: 'email', id: address})
      const domain = id.slice(id.lastIndexOf('@') + 1)
      if (!/^[^\s@<>"(),:;\\[\]]{1,64}@[a-z0-9.-]{1,253}$/.test(id) || !isOurDomain(domain))
        throw new AppError(
          'INVALID_INPUT',
          `No mail of ours goes to that address. It must be at a domain that NOTIFICATION_EMAIL_FROM, NOTIFICATION_EMAIL_TO or an e-mail of signalbox.yaml names; an admin can also add it to principals there.`,
        )
      const code = newCode()
      const expiresAt = await transaction(pool, async db => {
        if ((await store.countEvents(db, principal, 'code_mailed', HOUR)) >= MAILS_PER_HOUR)
          throw new AppError(
            'CONFLICT',
            `${MAILS_PER_HOUR} codes were mailed, or tried to be, within the hour. Try again later.`,
          )
        await store.note(db, {principal, event: 'code_mailed', kind: 'email', accountId: id})
        return store.putCode(db, {
          ...{principal, kind: 'email', hash: hashOf(code), accountId: id, validMs: CODE_VALID_MS},
        })
      })
      await sendCode(id, code)
      return expiresAt
    },

    /** The code from the mail, typed back. After five wrong ones it is worth nothing. */
    async typeCode(principal: string, typed: string): Promise<TypedCode> {
      const hash = hashOf(typed.trim().toUpperCase())
      return transaction(pool, async (db): Promise<TypedCode> => {
        const code = await store.codeOf(db, principal, 'email')
        if (code?.accountId === undefined || code.outcome !== undefined || code.wrongTries >= WRONG_TRIES)
          return {kind: 'lapsed'}
        if (code.hash !== hash) {
          await store.countWrong(db, code.hash)
          await store.note(db, {principal, event: 'code_wrong', kind: 'email', accountId: code.accountId})
          return {kind: 'wrong', triesLeft: WRONG_TRIES - code.wrongTries - 1}
        }
        const outcome = await prove(db, hash, {kind: 'email', id: code.accountId}, principal)
        return {kind: outcome, account: code.accountId}
      })
    },

    /**
     * A token of the person's own; the one before is worth nothing from then on. Undefined when this press, named by
     * `madeFor`, made one already: it was shown then.
     */
    async makeToken(principal: string, madeFor: string) {
      const token = newToken()
      const expiresAt = await transaction(pool, async db => {
        const until = await store.putToken(db, {
          ...{principal, hash: hashOf(token), madeFor, validMs: TOKEN_VALID_MS},
        })
        if (until !== undefined) await store.note(db, {principal, event: 'token_made', kind: 'api'})
        return until
      })
      return expiresAt === undefined ? undefined : {token, expiresAt}
    },

    /** Takes away what the person proved, or their token; false when there is no such thing. Counts at once. */
    async remove(principal: string, account: Account | 'token'): Promise<boolean> {
      return transaction(pool, async db => {
        const gone =
          account === 'token'
            ? await store.revokeToken(db, principal)
            : await store.unlink(db, canonical(account), principal)
        if (gone) {
          await store.note(db, {
            principal,
            ...(account === 'token'
              ? {event: 'token_revoked', kind: 'api'}
              : {event: 'unlinked', kind: account.kind, accountId: canonical(account).id}),
          })
        }
        return gone
      })
    },
  }
}
