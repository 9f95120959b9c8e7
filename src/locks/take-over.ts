import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {isAdmin, type AccessPolicy} from '../access/policy.ts'
import type {NewInvocation} from '../invocations/invocation.ts'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import {shortId} from '../kernel/correlation.ts'
import {code, plain, timestamp} from '../kernel/markdown.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Actor, Reply, TakeOverAnswer, TakeOverOutcome} from '../sdk/index.ts'
import type {Locks} from './service.ts'
import type {Ask, AskEnd, TakeOverStore} from './take-over-store.ts'

/** How long a holder may think about it. */
const ANSWER_WITHIN_MS = 5 * 60_000

/** One hold of one lock, as it was looked at. */
export interface Hold {
  readonly resource: string
  readonly fence: number
  readonly owner: string
  /** The Discord id of the person who holds it; none where an agent does so of itself. */
  readonly holder: string | undefined
}

export interface TakeOversOptions {
  readonly pool: Pool
  readonly store: TakeOverStore
  readonly locks: Pick<Locks, 'forceUnlock' | 'forceUnlockWithin'>
  readonly policy: AccessPolicy
  readonly invocations: {
    accept(invocation: NewInvocation): Promise<unknown>
    readonly store: Pick<InvocationStore, 'endWithin' | 'followWithin'>
  }
  readonly replies: {
    messageOf(id: string): Promise<{readonly channelId?: string} | undefined>
    write(db: Db, id: string, view: Reply, closing?: Reply): Promise<void>
  }
  readonly notify: (invocationId: string) => Promise<void>
  /** Told of each command that came to its end here. */
  readonly observeEnd: (ended: EndedCommand) => void
}

export type TakeOvers = ReturnType<typeof createTakeOvers>

/**
 * Taking a lock away from its holder, who is asked first: a message with two buttons that only they, or an admin, can
 * press. Without an answer in time the lock is taken; an admin need not ask, but must say why. Whatever is decided
 * concerns the hold that was asked about, never the next, and is kept in `lock_history`.
 */
export function createTakeOvers(options: TakeOversOptions) {
  const {pool, store, locks, policy, invocations, replies, notify, observeEnd} = options

  async function ask(
    correlationId: string,
    actor: Actor,
    {resource, fence, owner}: Hold,
    holderId: string,
    reason: string | undefined,
  ): Promise<TakeOverOutcome> {
    const channelId = (await replies.messageOf(correlationId))?.channelId
    if (channelId === undefined) return {kind: 'refused', reason: 'There is no channel to ask in.'}
    const asked = await store.ask({
      ...{id: randomUUID(), askedFor: correlationId, withinMs: ANSWER_WITHIN_MS},
      ...{resource, fence, owner, holderId, asker: actor.name, reason},
    })
    // A command of its own, with a message of its own: edits notify nobody.
    await invocations.accept({
      id: asked.id,
      source: 'api',
      sourceId: `take-over ${correlationId}`,
      command: 'take-over',
      options: {id: asked.id},
      actor,
      agent: 'lock_keeper',
      action: 'wait',
      reply: {target: {kind: 'channel', channelId}, view: question(asked)},
    })
    return {kind: 'asked', owner, answerBy: asked.answerBy}
  }

  async function end(id: string, how: AskEnd, by: string): Promise<boolean> {
    const told: (() => void)[] = []
    const done = await transaction(pool, async db => {
      const asked = await store.endWithin(db, id, how)
      if (!asked) return false
      if (how === 'let_go' || how === 'unanswered') {
        const reason = how === 'let_go' ? `let go for ${asked.asker}` : `no answer to ${asked.asker}`
        const {fence} = asked
        const forced = await locks.forceUnlockWithin(db, asked.resource, {by, reason, fence})
        told.push(forced.announce)
      }
      const last = outcome(asked, how)
      await replies.write(db, id, last, last)
      const ended = await invocations.store.endWithin(db, id, {status: 'succeeded', result: {answer: how}})
      if (ended) told.push(() => observeEnd(ended))
      return true
    })
    for (const tell of told) tell()
    if (done) await notify(id)
    return done
  }

  return {
    /** Asks the holder, or takes the lock at once where it is the actor's own, or an admin forces it. */
    async takeOver({
      correlationId,
      actor,
      hold,
      reason,
      force,
    }: {
      readonly correlationId: string
      readonly actor: Actor
      readonly hold: Hold
      readonly reason: string | undefined
      readonly force: boolean
    }): Promise<TakeOverOutcome> {
      const {resource, fence, owner, holder} = hold
      const own = actor.kind === 'discord' && actor.id === holder
      if (force && !own && !isAdmin(policy, actor))
        return {kind: 'refused', reason: 'Only an admin can force it. Leave force out to ask the holder.'}
      if (force && reason === undefined)
        return {kind: 'refused', reason: 'Say why: the holder is told, and it is kept.'}
      if (own || force) {
        const by = own ? actor.name : `${actor.name} (admin)`
        const previous = await locks.forceUnlock(resource, {
          by,
          reason: reason ?? 'let go by its owner',
          fence,
        })
        return previous.length === 0 ? {kind: 'not-held'} : {kind: 'taken', resource, owner}
      }
      if (holder === undefined) {
        return {
          kind: 'refused',
          reason: `It is held by ${owner}, who can’t be asked here. An admin can force it, with a reason.`,
        }
      }
      return ask(correlationId, actor, hold, holder, reason)
    },

    /** The Discord id of whoever is to answer; undefined once that is over. */
    asked: (id: string) => store.holderAsked(id),

    /** The holder's answer, or an admin's for them. */
    async answer({
      id,
      actor,
      letGo,
    }: {
      readonly id: string
      readonly actor: Actor
      readonly letGo: boolean
    }): Promise<TakeOverAnswer> {
      const holderId = await store.holderAsked(id)
      if (holderId === undefined) return 'over'
      if (!(actor.kind === 'discord' && actor.id === holderId) && !isAdmin(policy, actor)) return 'not-yours'
      const done = await end(id, letGo ? 'let_go' : 'kept', actor.name)
      return done ? 'done' : 'over'
    },

    /** The asking command goes on until it is answered. */
    async follow(id: string): Promise<void> {
      await invocations.store.followWithin(pool, id)
    },

    /** Takes what nobody answered for in time, and ends asks for what is not held any more. */
    async sweep(): Promise<number> {
      const due = await store.due(100)
      for (const {id, how} of due) await end(id, how, 'a take-over')
      return due.length
    },
  }
}

function question({id, resource, owner, holderId, asker, reason, answerBy}: Ask): Reply {
  const why = reason === undefined ? '' : `: ${plain(reason, 200)}`
  return {
    state: 'waiting',
    title: `${plain(resource, 80)} · ${plain(asker, 40)} asks for it`,
    mentions: [holderId],
    lines: [
      `${plain(owner, 60)}, you hold it. ${plain(asker, 60)} wants to take over${why}`,
      `without an answer it is taken ${timestamp(answerBy)}; what you run under it is not stopped by that`,
      code(shortId(id)),
    ],
    controls: [
      {kind: 'action', label: 'Keep it', action: 'keep', subject: id, style: 'secondary'},
      {kind: 'action', label: 'Let it go', action: 'let-go', subject: id, style: 'danger'},
    ],
  }
}

function outcome({id, resource, owner, asker}: Ask, how: AskEnd): Reply {
  const who = plain(owner, 60)
  const endings: Readonly<Record<AskEnd, readonly [Reply['state'], string, string]>> = {
    let_go: ['ok', 'let go', `${who} let it go; the next in line has it`],
    kept: ['other', 'kept', `${who} still needs it. An admin can force it, with a reason`],
    unanswered: ['ok', 'taken over', `${who} did not answer; the next in line has it`],
    gone: ['ok', 'free again', `${who} had given it back already`],
  }
  const [state, words, line] = endings[how]
  return {
    state,
    title: `${plain(resource, 80)} · ${words}`,
    lines: [line, `asked for by ${plain(asker, 60)} · ${code(shortId(id))}`],
  }
}
