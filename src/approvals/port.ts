import {accountOf as discordAccountOf, type Account, type People} from '../access/people.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Actor, ApprovalsPort, ApprovalSummary, VoteReport} from '../sdk/index.ts'
import type {Approvals} from './approvals.ts'
import {ballotOf, parseBallot, type Ballot} from './ballot.ts'
import {decide, stillNeeded, type ApprovalEvent, type Voter} from './decide.ts'
import type {ApprovalRequest, RefusalCode, Surface, VoteOutcome} from './request.ts'
import {shownRequester} from './requester.ts'
import {totalOf} from './statistics.ts'

const WORDLESS: readonly (RefusalCode | undefined)[] = ['REASON_REQUIRED', 'JUSTIFICATION_REQUIRED']

/** What commands, agents and conversations may do about approvals. Whoever acts is who their surface says. */
export function createApprovalsPort({
  approvals,
  people,
  messageOf,
  clock,
  surface = 'discord',
  accountOf = discordAccountOf,
}: {
  readonly approvals: Pick<Approvals, 'vote' | 'question' | 'find' | 'pending' | 'statistics'>
  readonly people: Pick<People, 'personOf'>
  /** The Discord message of a request. */
  readonly messageOf: (id: string) => Promise<MessagePlace | undefined>
  readonly clock: Clock
  readonly surface?: Surface
  /** The account that the surface has authenticated the actor by; by default that in Discord. */
  readonly accountOf?: (actor: Actor) => Account | undefined
}): ApprovalsPort {
  async function summaryOf(request: ApprovalRequest, actor: Actor): Promise<ApprovalSummary> {
    const {id, action, status, risk, requester, required, decisions, createdAt, expiresAt} = request
    return {
      ...{id, status, createdAt, expiresAt},
      ballot: ballotOf(request),
      title: action.title,
      level: risk.level,
      requester: shownRequester(requester),
      approvals: decisions.filter(({decision}) => decision === 'approve').length,
      needed: required.approvers,
      waitsFor: stillNeeded(request),
      url: urlOf(await messageOf(id), actor),
    }
  }

  /** What was meant, by a ballot, a whole id, or the beginning of one that waits and that fits no other. */
  async function ballotFor(text: string): Promise<Ballot | undefined> {
    const ballot = parseBallot(text)
    if (ballot) return ballot
    const [found, ...others] = await approvals.pending({beginning: text.replace('…', ''), limit: 2})
    return found && others.length === 0 ? {id: found.id, seen: undefined} : undefined
  }

  async function report(outcome: VoteOutcome, actor: Actor): Promise<VoteReport> {
    const request = outcome.request && (await summaryOf(outcome.request, actor))
    if (outcome.kind === 'refused') return {kind: 'refused', message: outcome.message, request}
    return {kind: 'counted', request: await summaryOf(outcome.request, actor)}
  }

  async function voterOf(actor: Actor): Promise<Voter | undefined> {
    const account = accountOf(actor)
    return account && {account, person: await people.personOf(account)}
  }

  /** What the decision would say now to somebody who acts without a word: the same judge, with nothing kept. */
  function refusalOf(
    request: ApprovalRequest,
    voter: Voter,
    intent: 'approve' | 'reject' | 'ask',
  ): RefusalCode | undefined {
    const attempt = {at: clock(), voter, surface}
    const event: ApprovalEvent =
      intent === 'ask'
        ? {type: 'question', ...attempt, text: ''}
        : {type: 'vote', ...attempt, decision: intent, rolesNow: new Map()}
    return decide({...request, channelId: undefined, remindAt: undefined}, event, undefined).refusal?.code
  }

  function waitsFor(voter: Voter, request: ApprovalRequest): boolean {
    const code = refusalOf(request, voter, 'approve')
    return code === undefined || WORDLESS.includes(code)
  }

  return {
    async pending({actor, whose, limit}) {
      const summaries = (requests: readonly ApprovalRequest[]) =>
        Promise.all(requests.map(request => summaryOf(request, actor)))
      if (whose === 'all') return summaries(await approvals.pending({limit}))
      const voter = await voterOf(actor)
      if (!voter?.person) return []
      const theirs = await approvals.pending({roles: voter.person.roles, limit})
      return summaries(theirs.filter(request => waitsFor(voter, request)))
    },

    statistics: async () => totalOf(await approvals.statistics()),

    async needsWords({ballot, actor, intent}) {
      const id = parseBallot(ballot)?.id
      const request = id === undefined ? undefined : await approvals.find(id)
      if (!request) return undefined
      const voter = await voterOf(actor)
      return voter !== undefined && WORDLESS.includes(refusalOf(request, voter, intent))
    },

    async vote({request, actor, correlationId, decision, reason, justification}) {
      const account = accountOf(actor)
      if (!account) return NOBODY
      const ballot = await ballotFor(request)
      if (!ballot) return UNKNOWN
      const outcome = await approvals.vote({
        id: ballot.id,
        account,
        decision,
        surface,
        ...(reason === undefined ? {} : {reason}),
        ...(justification === undefined ? {} : {justification}),
        ...(ballot.seen === undefined ? {} : {digest: ballot.seen}),
        key: correlationId,
        evidence: {command: correlationId},
      })
      return report(outcome, actor)
    },

    async ask({request, actor, correlationId, text}) {
      const account = accountOf(actor)
      if (!account) return NOBODY
      const ballot = await ballotFor(request)
      if (!ballot) return UNKNOWN
      const {id} = ballot
      return report(await approvals.question({id, account, surface, text, key: correlationId}), actor)
    },
  }
}

interface MessagePlace {
  readonly channelId?: string
  readonly messageId?: string
}

const NOBODY: VoteReport = {
  kind: 'refused',
  message: 'Only a person can say this, from an account of theirs.',
  request: undefined,
}
const UNKNOWN: VoteReport = {
  kind: 'refused',
  message: 'No such request waits. See /approvals for those that do.',
  request: undefined,
}

/** Requests are asked in the server that the actor looks from: there is one. */
function urlOf(place: MessagePlace | undefined, {guildId = '@me'}: Actor): string | undefined {
  if (place?.channelId === undefined || place.messageId === undefined) return undefined
  return `https://discord.com/channels/${guildId}/${place.channelId}/${place.messageId}`
}
