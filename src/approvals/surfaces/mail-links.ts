import {createHash, createHmac, randomBytes, randomInt, timingSafeEqual} from 'node:crypto'
import type {People, Person} from '../../access/people.ts'
import type {Clock} from '../../kernel/clock.ts'
import type {Json} from '../../kernel/json.ts'
import type {RiskLevel} from '../../kernel/risk-level.ts'
import type {Logger} from '../../platform/logger.ts'
import type {Approvals} from '../approvals.ts'
import type {ApprovalRequest, RefusalCode, VoteOutcome} from '../request.ts'
import {CODES_PER_LINK, type MailLinkStore, type StoredLink} from './mail-link-store.ts'

const HOUR_MS = 3_600_000
const CODE_VALID_MS = 10 * 60_000
/** Between two codes of one link. */
const CODE_PAUSE_MS = 30_000
/** Attempts of one kind that are turned away within it are one line of the history. */
const SAME_ATTEMPT_MS = 60_000
const TOKEN = /^[\w-]{43}$/

export type LinkDecision = 'approve' | 'reject'

/** What a link that works leads to. */
export interface OpenedLink {
  readonly token: string
  readonly request: ApprovalRequest
  readonly decision: LinkDecision
  /** The version of the request that the mail showed. */
  readonly digest: string
  readonly person: string
  readonly address: string
  /** Undefined while it can still decide. */
  readonly usedAt: number | undefined
  /** What the link's owner must show besides the link. `code`: a code is on its way to their Discord until then. */
  readonly proof:
    | {readonly kind: 'none'}
    | {readonly kind: 'code'; readonly codeUntil: number | undefined; readonly codesLeft: number}
}

export type CodeSent =
  | {readonly kind: 'sent'}
  /** Nobody to send it to, or Discord did not take it. */
  | {readonly kind: 'unreachable'}
  /** One was sent a moment ago. */
  | {readonly kind: 'wait'; readonly forMs: number}
  | {readonly kind: 'used-up'}

export type LinkOutcome =
  | VoteOutcome
  | {readonly kind: 'wrong-code'; readonly triesLeft: number}
  /** There is no code to compare with: it has lapsed, or was tried too often. */
  | {readonly kind: 'no-code'}

/** Sends a person a text by a way other than mail; false when it could not. */
export type TellPrivately = (
  person: Person,
  text: {readonly code: string; readonly about: string},
) => Promise<boolean>

export type MailLinks = ReturnType<typeof createMailLinks>

/**
 * Links by which one person takes one decision on one version of one request, from a mail. The token is the
 * credential of a mailbox, so for high and critical requests it is half of one: the other half is a code sent to the
 * person's Discord. What a vote needs besides is judged by `Approvals`, as from everywhere.
 */
export function createMailLinks({
  store,
  approvals,
  people,
  publicUrl,
  tellPrivately,
  clock,
  log,
}: {
  readonly store: MailLinkStore
  readonly approvals: Pick<Approvals, 'find' | 'vote' | 'turnAway'>
  readonly people: Pick<People, 'find' | 'personOf'>
  /** How the outside reaches this server, without a slash at its end. */
  readonly publicUrl: () => string
  /** Undefined: there is no second way to people, and what needs one can't be decided by mail. */
  readonly tellPrivately: TellPrivately | undefined
  readonly clock: Clock
  readonly log: Logger
}) {
  /** Whether this person could decide this request by mail at all. */
  function canDecide(request: ApprovalRequest, person: Person): boolean {
    return (
      !needsCode(request.risk.level) || (tellPrivately !== undefined && person.accounts.discord !== undefined)
    )
  }

  /**
   * Puts it into the request's history. `attempt` tells those of one link and code apart: what nothing else limits is
   * one a minute, since whoever has a link could fill the history with it.
   */
  async function turnAway(
    {token, request: {id}, decision, address}: OpenedLink,
    {
      code,
      note,
      evidence,
      attempt = `${Math.floor(clock() / SAME_ATTEMPT_MS)}`,
    }: {
      readonly code: RefusalCode
      readonly note: string
      readonly evidence: Readonly<Record<string, Json>>
      readonly attempt?: string
    },
  ): Promise<VoteOutcome> {
    const account = {kind: 'email', id: address} as const
    const key = `mail:${shortHash(token)}:${code}:${attempt}`
    return approvals.turnAway({id, account, decision, surface: 'mail', code, note, key, evidence})
  }

  return {
    canDecide,

    /** Writes down an attempt with a link that works, but which the page turned away; at most one a minute of a kind. */
    async turnAway(
      link: OpenedLink,
      why: {
        readonly code: RefusalCode
        readonly note: string
        readonly evidence: Readonly<Record<string, Json>>
      },
    ): Promise<void> {
      await turnAway(link, why)
    },

    /** New links for a mail to this person, one for each decision. Those of earlier mails go on working. */
    async issue(
      request: ApprovalRequest,
      {person, address}: {readonly person: string; readonly address: string},
    ): Promise<{readonly approve: string; readonly reject: string; readonly expiresAt: number}> {
      const expiresAt = linkExpiry(request, clock())
      const tokens = {approve: newToken(), reject: newToken()}
      await store.add(
        (['approve', 'reject'] as const).map(decision => ({
          tokenHash: hashOf(tokens[decision]),
          approvalId: request.id,
          digest: request.digest,
          decision,
          person,
          address,
          expiresAt,
        })),
      )
      const urlOf = (decision: LinkDecision) =>
        `${publicUrl()}/approvals/${request.id}/decide/${decision}/${tokens[decision]}`
      return {approve: urlOf('approve'), reject: urlOf('reject'), expiresAt}
    },

    /** What the link leads to; changes nothing. Undefined for unknown, forged and expired ones alike. */
    async open(token: string): Promise<OpenedLink | undefined> {
      const link = TOKEN.test(token) ? await store.find(hashOf(token)) : undefined
      const request = link && (await approvals.find(link.approvalId))
      return request && {token, request, ...shown(link, request.risk.level)}
    },

    /** Sends the link's owner a code for it. */
    async sendCode({token, request, person: id, decision, proof}: OpenedLink): Promise<CodeSent> {
      if (proof.kind === 'none') return {kind: 'used-up'}
      if (proof.codesLeft <= 0) return {kind: 'used-up'}
      const person = await people.find(id)
      if (!person || !tellPrivately) return {kind: 'unreachable'}
      const code = String(randomInt(1_000_000)).padStart(6, '0')
      const put = await store.putCode(hashOf(token), {
        hash: codeHash(token, code),
        validMs: CODE_VALID_MS,
        pauseMs: CODE_PAUSE_MS,
      })
      if (!put) return {kind: 'wait', forMs: CODE_PAUSE_MS}
      const told = await tellPrivately(person, {code, about: `${decision} ${request.action.title}`})
      log.info({approvalId: request.id, person: id, told}, 'a code for a link was sent')
      return {kind: told ? 'sent' : 'unreachable'}
    },

    /**
     * Decides, if the code is right where one is needed. `view` names this showing of the form: sent twice, it is one
     * attempt.
     */
    async decide(
      link: OpenedLink,
      given: {
        readonly view: string
        readonly code?: string
        readonly reason?: string
        readonly justification?: string
        readonly evidence: Readonly<Record<string, Json>>
      },
    ): Promise<LinkOutcome> {
      const {token, request, decision, digest, person, address, proof} = link
      const {evidence} = given
      const tokenHash = hashOf(token)
      const account = {kind: 'email', id: address} as const
      const owner = await people.personOf(account)
      // The mailbox has become somebody else's since the mail was sent: then nobody decides by it.
      if (owner?.id !== person) {
        const code = 'UNKNOWN_PERSON'
        const note = 'the address is no longer that of whom the mail was for'
        await turnAway(link, {code, note, evidence: {...evidence, mailed_to: person}})
        const message = 'This address is no longer yours here. Decide in Discord or Linear.'
        return {kind: 'refused', code, message}
      }
      if (proof.kind === 'code') {
        const tried = await store.takeTry(tokenHash)
        if (!tried) {
          await turnAway(link, {code: 'NO_CODE', note: 'there was no code to try', evidence})
          return {kind: 'no-code'}
        }
        if (!timingSafeEqual(tried.hash, codeHash(token, given.code ?? ''))) {
          const {codesSent, triesLeft} = tried
          const note = `not the code that was sent; tries left: ${triesLeft}`
          await turnAway(link, {code: 'WRONG_CODE', note, evidence, attempt: `${codesSent}.${triesLeft}`})
          log.warn({approvalId: request.id, person, triesLeft}, 'a wrong code for a link')
          return {kind: 'wrong-code', triesLeft}
        }
      }
      const outcome = await approvals.vote({
        id: request.id,
        account,
        decision,
        surface: 'mail',
        digest,
        key: `mail:${shortHash(token)}:${given.view}`,
        evidence: {...evidence, second_factor: proof.kind === 'code' ? 'discord' : 'none'},
        ...(given.reason === undefined ? {} : {reason: given.reason}),
        ...(given.justification === undefined ? {} : {justification: given.justification}),
      })
      if (outcome.kind === 'counted') await store.useUp(request.id, person)
      return outcome
    },

    forgetOld: () => store.forgetOld(),
  }
}

/** At most an hour for high and critical requests, a day for others, and never longer than the request. */
export function linkExpiry(
  {risk, expiresAt}: Pick<ApprovalRequest, 'risk' | 'expiresAt'>,
  now: number,
): number {
  const life = needsCode(risk.level) ? HOUR_MS : 24 * HOUR_MS
  return Math.min(now + life, expiresAt ?? Infinity)
}

/** Whether a link alone is not enough: programs that read mail before people do are known to press buttons. */
export function needsCode(level: RiskLevel): boolean {
  return level === 'high' || level === 'critical'
}

function shown(link: StoredLink, level: RiskLevel): Omit<OpenedLink, 'token' | 'request'> {
  const {decision, digest, person, address, usedAt, codeUntil, codesSent} = link
  return {
    decision,
    digest,
    person,
    address,
    usedAt,
    proof: needsCode(level)
      ? {kind: 'code', codeUntil, codesLeft: CODES_PER_LINK - codesSent}
      : {kind: 'none'},
  }
}

function newToken(): string {
  return randomBytes(32).toString('base64url')
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Names a link where it may be read. */
function shortHash(token: string): string {
  return hashOf(token).toString('hex').slice(0, 16)
}

function codeHash(token: string, code: string): Buffer {
  return createHmac('sha256', token).update(code).digest()
}
