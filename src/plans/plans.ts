import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {setTimeout as sleep} from 'node:timers/promises'
import {accountOf, type People} from '../access/people.ts'
import type {Requirement} from '../approvals/request.ts'
import type {Audit, AuditNotes} from '../audit/audit.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {ReplyStore} from '../notifications/store.ts'
import {unseenRepository} from '../pipelines/commit-refs.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Actor, PlanOrder, PlansPort, PlanSummary} from '../sdk/index.ts'
import {count, isOver, turned, type PlanEvent} from './decide.ts'
import {describe, news, opening} from './message.ts'
import type {PlanRecord, PlanStore} from './store.ts'

/** Webhooks that say an issue moved. */
export const PLANS_QUEUE = 'plans'

/** How often GitHub is asked how the issues of a plan stand; webhooks make it sooner. */
const LOOK_EVERY_MS = 5 * 60_000
const AT_ONCE = 20
/** How long the command waits to be able to say that Discord shows the plan. */
const SHOWN_WITHIN_MS = 6_000
/** GitHub's clock and ours may differ this much. */
const CLOCK_SKEW_MS = 60_000
const THREAD_RESTS_AFTER_MINUTES = 1440

export interface PlansOptions {
  readonly pool: Pool
  readonly store: PlanStore
  readonly replies: Pick<ReplyStore, 'open' | 'write' | 'messageOf'>
  readonly discord: Pick<DiscordApi, 'startThread'>
  /** Undefined: GitHub is not set up. */
  readonly host: Pick<RepositoryHost, 'openIssues' | 'issuesChanged'> | undefined
  /** The `owner/name` that a text means. @throws AppError for one that configuration does not name. */
  readonly repositoryOf: (text: string | undefined) => string
  readonly people: Pick<People, 'personOf'>
  /** What it takes to start a plan: the policy of low risk. One approver is enough, since nothing outside changes. */
  readonly requirement: Pick<Requirement, 'approvers' | 'roles'>
  readonly isAdmin: (actor: Actor) => boolean
  /** The label where none is given, and the channels that anybody may have a plan posted to. */
  readonly defaults: {readonly label: string; readonly channels: readonly string[]}
  readonly audit: Pick<Audit, 'around' | 'refused'> & AuditNotes
  readonly notify: (id: string) => Promise<void>
  readonly guildId: string | undefined
  readonly clock: Clock
  readonly log: Logger
}

export interface Plans extends PlansPort {
  /** An issue of a repository moved. */
  heard(repository: string, issue: number): Promise<number>
  /** Opens threads that a crash left out, and looks how the issues of plans stand. */
  sweep(): Promise<number>
}

/**
 * Plans of the day. The row is the truth; the message, the thread and what is said there are brought to it. What the
 * issues have come to is read from GitHub: webhooks only make the next look come now.
 */
export function createPlans(options: PlansOptions): Plans {
  const {pool, store, replies, discord, people, requirement, isAdmin, defaults, audit, notify} = options
  const {clock, log} = options

  function host() {
    if (!options.host)
      throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
    return options.host
  }

  async function summaryOf(record: PlanRecord): Promise<PlanSummary> {
    const {id, repository, label, plan, channelId, thread, threadId} = record
    const {total, done, dropped} = count(plan)
    const messageId = (await replies.messageOf(id))?.messageId
    const place = `https://discord.com/channels/${options.guildId ?? '@me'}`
    return {
      ...{id, repository, label, status: plan.status, total, done, dropped},
      url: messageId === undefined ? undefined : `${place}/${channelId}/${messageId}`,
      threadUrl: threadId === undefined ? undefined : `${place}/${threadId}`,
      threadRefused: thread === 'refused',
    }
  }

  /** Where it is posted: a channel of others only where configuration or an admin says so. */
  async function channelFor(
    {correlationId, actor}: Pick<Parameters<PlansPort['propose']>[0], 'correlationId' | 'actor'>,
    wanted: string | undefined,
  ): Promise<string> {
    const here = (await replies.messageOf(correlationId))?.channelId
    if (wanted === undefined) {
      if (here !== undefined) return here
      throw new AppError('INVALID_INPUT', 'Say in which channel: channel_id.')
    }
    if (wanted === here || defaults.channels.includes(wanted) || isAdmin(actor)) return wanted
    await refuse('plan.propose', wanted, actor, 'another channel')
    throw new AppError(
      'NOT_PERMITTED',
      'Only an admin can have a plan posted to another channel. An operator can allow one in signalbox.yaml, plans.channels.',
    )
  }

  function refuse(action: string, subject: string, actor: Actor, reason: string) {
    return audit.refused({action, subject, actor: {id: actor.id, name: actor.name}, details: {reason}})
  }

  /** Whether Discord shows it by now; a refusal for good takes the plan back. */
  async function shown(record: PlanRecord, signal: AbortSignal): Promise<boolean> {
    const until = clock() + SHOWN_WITHIN_MS
    for (;;) {
      const message = await replies.messageOf(record.id)
      if (message?.messageId !== undefined) return true
      if (message?.undeliverable !== undefined) {
        await fold(record.id, {type: 'cancelled', by: {name: 'Signalbox'}}, undefined)
        throw new AppError('UPSTREAM_REFUSED', `The plan can’t be posted there. ${message.undeliverable}.`)
      }
      if (clock() >= until || signal.aborted) return false
      await sleep(100)
    }
  }

  /** Opens the thread on the plan's message, once that is there; asking again is harmless. */
  async function openThread(record: PlanRecord): Promise<void> {
    const {id, channelId, day} = record
    const messageId = (await replies.messageOf(id))?.messageId
    if (record.thread !== 'wanted' || messageId === undefined) return
    const sent = await audit.around(
      {action: 'discord.thread', subject: channelId, details: {message: messageId}},
      () =>
        discord.startThread(channelId, messageId, {
          name: `Daily Plan - ${day}`,
          archiveAfterMinutes: THREAD_RESTS_AFTER_MINUTES,
        }),
      ({kind}) => ({phase: kind === 'sent' ? 'done' : kind === 'failed' ? 'unknown' : 'failed'}),
    )
    if (sent.kind === 'failed') {
      log.warn({plan: id, reason: sent.reason}, 'thread of a plan is left to the next sweep')
      return
    }
    const told = await transaction(pool, async db => {
      const threadId = sent.kind === 'sent' ? sent.messageId : undefined
      const thread = threadId === undefined ? 'refused' : 'open'
      if (!(await store.threadedWithin(db, id, thread, threadId))) return undefined
      if (threadId === undefined) {
        log.warn({plan: id, reason: 'reason' in sent ? sent.reason : ''}, 'a plan goes on without a thread')
        await replies.write(db, id, describe({...record, thread}))
        return id
      }
      return say(db, threadId, opening(record))
    })
    if (told !== undefined) await notify(told)
  }

  /** A message of its own in the thread: edits notify nobody, and a new one brings back a thread that rests. */
  async function say(db: Db, threadId: string, view: ReturnType<typeof opening>): Promise<string> {
    const id = randomUUID()
    await replies.open(db, id, {kind: 'channel', channelId: threadId}, view)
    return id
  }

  async function fold(id: string, event: PlanEvent, actor: Actor | undefined): Promise<PlanRecord> {
    const changed: string[] = []
    const after = await store.fold(id, event, async (db, record, before) => {
      const told = news(record.plan, before.plan, turned(before.plan, record.plan))
      // Where there is no thread to hear it in, the end is told by a message of its own.
      const closing = isOver(record.plan) && record.threadId === undefined ? told : undefined
      await replies.write(db, id, describe(record), closing)
      changed.push(id)
      if (record.threadId !== undefined && told) changed.push(await say(db, record.threadId, told))
      if (actor)
        await audit.note(db, {
          ...{action: `plan.${event.type}`, subject: id, actor: {id: actor.id, name: actor.name}},
        })
    })
    for (const each of changed) await notify(each)
    if (!after) throw unknown()
    return after
  }

  async function found(plan: string): Promise<PlanRecord> {
    const record = await store.find(plan.replace('…', ''))
    if (!record) throw unknown()
    return record
  }

  /** @throws NOT_PERMITTED, with who can. */
  async function permitApproval({id, requester}: PlanRecord, actor: Actor): Promise<void> {
    const {approvers, roles} = requirement
    if (approvers === 0) return
    if (await isOwn(requester, actor)) {
      await refuse('plan.approved', id, actor, 'own plan')
      throw new AppError('NOT_PERMITTED', 'You asked for this plan, so somebody else has to approve it.')
    }
    if (await holdsOne(roles, actor)) return
    await refuse('plan.approved', id, actor, 'role')
    throw new AppError('NOT_PERMITTED', `Approving a plan needs one of these roles: ${named(roles)}.`)
  }

  /** Its requester, those who may approve, and admins. */
  async function permitEnd({id, requester}: PlanRecord, actor: Actor, what: string): Promise<void> {
    const may =
      isAdmin(actor) || (await isOwn(requester, actor)) || (await holdsOne(requirement.roles, actor))
    if (may) return
    await refuse(`plan.${what}`, id, actor, 'not theirs')
    throw new AppError(
      'NOT_PERMITTED',
      `Only ${requester.name}, an admin or one of these roles can end this plan: ${named(requirement.roles)}.`,
    )
  }

  async function isOwn(requester: PlanRecord['requester'], actor: Actor): Promise<boolean> {
    if (requester.kind === actor.kind && requester.id === actor.id) return true
    const [theirs, own] = await Promise.all([personOf(requester), personOf(actor)])
    return theirs !== undefined && theirs.id === own?.id
  }

  async function holdsOne(roles: readonly string[], actor: Actor): Promise<boolean> {
    return (await personOf(actor))?.roles.some(role => roles.includes(role)) ?? false
  }

  async function personOf(actor: PlanRecord['requester']) {
    const account = accountOf(actor)
    return account && people.personOf(account)
  }

  async function look(record: PlanRecord): Promise<void> {
    const seen = await host().issuesChanged({
      repository: record.repository,
      since: record.createdAt - CLOCK_SKEW_MS,
    })
    const issues = valueOf(seen, unseenRepository(record.repository), clock)
    await fold(record.id, {type: 'observed', issues}, undefined)
  }

  return {
    async propose({
      correlationId,
      actor,
      channelId: wanted,
      label = defaults.label,
      repository: text,
      signal,
    }) {
      const repository = options.repositoryOf(text)
      const channelId = await channelFor({correlationId, actor}, wanted)
      const day = new Date(clock()).toISOString().slice(0, 10)
      const place = {day, repository, label, channelId}
      let known = await store.known(correlationId, place)
      if (!known) {
        const seen = await host().openIssues({repository, label, signal})
        const {items, complete} = valueOf(seen, unseenRepository(repository), clock)
        if (items.length === 0)
          throw new AppError('NOT_FOUND', `No open issue of ${repository} has the label ${label}.`)
        const record: PlanRecord = {
          ...{id: randomUUID(), ...place, thread: 'wanted', threadId: undefined, createdAt: clock()},
          requester: {id: actor.id, name: actor.name, kind: actor.kind},
          plan: {
            status: 'pending',
            issues: items.map(({number, title, url}) => ({number, title, url, outcome: 'open'})),
            more: !complete,
          },
        }
        await transaction(pool, async db => {
          if (!(await store.insertWithin(db, {...record, askedFor: correlationId}))) return
          await replies.open(db, record.id, {kind: 'channel', channelId}, describe(record))
        })
        known = await store.known(correlationId, place)
        if (!known) throw new AppError('CONTENDED', 'The plan was ended while it was made. Try again.')
        await notify(known.id)
      }
      if (await shown(known, signal)) await openThread(known)
      return {...(await summaryOf(await found(known.id))), joined: !known.own}
    },

    knows: async plan => (await store.find(plan.replace('…', ''))) !== undefined,

    async approve({plan, actor}: PlanOrder) {
      const record = await found(plan)
      await permitApproval(record, actor)
      return summaryOf(await fold(record.id, {type: 'approved', by: actor}, actor))
    },

    async cancel({plan, actor}: PlanOrder) {
      const record = await found(plan)
      await permitEnd(record, actor, 'cancelled')
      return summaryOf(await fold(record.id, {type: 'cancelled', by: actor}, actor))
    },

    async finish({plan, actor}: PlanOrder) {
      const record = await found(plan)
      await permitEnd(record, actor, 'finished')
      // What is counted at the end is what is so, not what was so at the last look; a plan that is thereby over is.
      if (record.plan.status === 'in_progress') await look(record)
      const now = await found(record.id)
      if (now.plan !== record.plan && isOver(now.plan) && !isOver(record.plan)) return summaryOf(now)
      return summaryOf(await fold(record.id, {type: 'finished', by: actor}, actor))
    },

    heard: (repository, issue) => store.heard(repository, issue),

    async sweep() {
      const threadless = await store.withoutThread(AT_ONCE)
      const due = options.host ? await store.claimDue(LOOK_EVERY_MS, AT_ONCE) : []
      const left = (record: PlanRecord) => (error: unknown) =>
        log.warn({plan: record.id, reason: toError(error).message}, 'a plan is left to a later sweep')
      for (const record of threadless) await openThread(record).catch(left(record))
      for (const record of due) await look(record).catch(left(record))
      return threadless.length + due.length
    },
  }
}

function named(roles: readonly string[]): string {
  return roles.map(role => role.replaceAll('_', ' ')).join(', ')
}

function unknown(): AppError {
  return new AppError('NOT_FOUND', 'There is no plan of that id. It stands in the plan’s message.')
}
