import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction} from '../platform/postgres.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {
  Actor,
  Draft,
  DraftOrder,
  Planned,
  PlanningPort,
  PlanningRequest,
  Proposed,
} from '../sdk/index.ts'
import {askedFor} from '../workflows/follower-store.ts'
import type {Followers} from '../workflows/followers.ts'
import type {LaunchDefinition} from '../workflows/launch.ts'
import type {Built} from './build.ts'
import {describe, settled} from './message.ts'
import type {DraftStore, StoredDraft} from './store.ts'

const HOLDS_MS = 60 * 60_000
const AT_ONCE = 50
/** How long a started draft may be without a run before somebody else sees to it. */
const GRACE_MS = 10_000

/** A workflow, and who made it of the words. */
export type Made =
  | (Extract<Built, {readonly kind: 'built'}> & {
      readonly planner: 'rules' | 'model'
      readonly remarks: readonly string[]
    })
  | Exclude<Planned, {readonly kind: 'planned'}>

export interface Planning extends PlanningPort {
  /** Says on messages what became of their drafts, and starts what a crash left unstarted. */
  sweep(): Promise<number>
  forgetOld(): Promise<number>
}

/**
 * Drafts of workflows: made of words, shown, and started once by whoever asked. Its run pins the definition that was
 * shown, so what happens is what was read.
 */
export function createPlanning({
  pool,
  store,
  make,
  launch,
  followers,
  replies,
  ownerOf,
  refusalsToStart,
  redact,
  notify,
  log,
}: {
  readonly pool: Pool
  readonly store: DraftStore
  readonly make: (request: PlanningRequest) => Promise<Made>
  readonly launch: LaunchDefinition
  readonly followers: Pick<Followers, 'follow'>
  readonly replies: Pick<ReplyStore, 'viewOf' | 'write'>
  /** Whose a draft is: the person where we know them, else the account. */
  readonly ownerOf: (actor: Actor) => Promise<string>
  /** Why this actor may not start runs of workflows; empty: they may. */
  readonly refusalsToStart: (actor: Actor) => Promise<readonly string[]>
  readonly redact: (text: string) => string
  readonly notify: (id: string) => Promise<void>
  readonly log: Pick<Logger, 'warn'>
}): Planning {
  async function propose({
    description,
    correlationId,
    actor,
    ...request
  }: Parameters<PlanningPort['propose']>[0]): Promise<Proposed> {
    const known = await store.answerTo(correlationId)
    if (known) return drafted(known)
    const made = await make({...request, description})
    if (made.kind !== 'built') return made
    const kept = await store.keep(
      {
        id: randomUUID(),
        correlationId,
        owner: await ownerOf(actor),
        asker: {id: actor.id, name: actor.name, kind: actor.kind},
        description: redact(description),
        plan: planIn(made),
        definition: made.definition,
        input: made.input,
      },
      HOLDS_MS,
    )
    if (!kept) throw new AppError('CONTENDED', 'The plan could not be kept. Try again.')
    return drafted(kept)
  }

  async function ownDraft({id, actor}: Pick<DraftOrder, 'id' | 'actor'>): Promise<StoredDraft> {
    const draft = await store.find(id)
    if (!draft) throw new AppError('NOT_FOUND', 'There is no such plan.')
    if (draft.owner !== (await ownerOf(actor)))
      throw new AppError(
        'NOT_PERMITTED',
        `This plan is ${draft.asker.name}’s: only they can decide about it.`,
      )
    return draft
  }

  async function decide(order: DraftOrder, status: 'started' | 'edited' | 'cancelled'): Promise<void> {
    if (await store.decide(order.id, status, order)) return
    const now = (await store.find(order.id))?.status ?? 'gone'
    throw new AppError('CONFLICT', `This plan ${SAYS[now]}. Ask again for a new one.`)
  }

  /** Once: whoever does it again gets the same run. */
  async function begin({id, correlationId, definition, input, asker}: StoredDraft): Promise<string> {
    const run = await launch({
      definition,
      input,
      correlationId,
      sourceId: `draft ${id}`,
      metadata: {...askedFor(asker), draft: id},
    })
    await store.began(id, run.id)
    return run.id
  }

  async function settle(id: string): Promise<void> {
    const about = await transaction(pool, async db => {
      const draft = await store.settle(db, id)
      const view = draft && (await replies.viewOf(db, draft.correlationId))
      if (!view) return undefined
      await replies.write(db, draft.correlationId, {...view, ...settled(draft), controls: []})
      return draft.correlationId
    })
    if (about !== undefined) await notify(about)
  }

  return {
    async plan(request) {
      const made = await make(request)
      return made.kind === 'built' ? {kind: 'planned', plan: planIn(made)} : made
    },

    propose,

    async start(order) {
      const draft = await ownDraft(order)
      const refusals = await refusalsToStart(order.actor)
      if (refusals.length > 0)
        throw new AppError('NOT_PERMITTED', `You may not start workflows: ${refusals.join('; ')}.`)
      await decide(order, 'started')
      const run = await begin(draft)
      await followers.follow(order.correlationId, run)
      await settle(draft.id)
      return publicly({...draft, status: 'started', run})
    },

    async cancel(order) {
      const draft = await ownDraft(order)
      await decide(order, 'cancelled')
      await settle(draft.id)
      return publicly({...draft, status: 'cancelled'})
    },

    async edit({id, actor, correlationId, description, signal}) {
      const draft = await ownDraft({id, actor})
      if (draft.status !== 'waiting' && draft.status !== 'edited')
        throw new AppError('CONFLICT', `This plan ${SAYS[draft.status]}. Ask again for a new one.`)
      const proposed = await propose({description, correlationId, actor, signal})
      if (proposed.kind !== 'drafted') return proposed
      await decide({id, actor, correlationId}, 'edited')
      await settle(id)
      return proposed
    },

    async find(id) {
      const draft = await store.find(id)
      return draft && publicly(draft)
    },

    async sweep() {
      const left = (id: string) => (error: unknown) =>
        log.warn({draft: id, reason: toError(error).message}, 'a draft is left to a later sweep')
      const unstarted = await store.unstarted(GRACE_MS, AT_ONCE)
      for (const draft of unstarted) await begin(draft).catch(left(draft.id))
      const over = await store.over(AT_ONCE)
      for (const id of over) await settle(id).catch(left(id))
      return unstarted.length + over.length
    },

    forgetOld: () => store.forgetOld(),
  }
}

const SAYS: Readonly<Record<Draft['status'] | 'gone', string>> = {
  waiting: 'waits to be started',
  started: 'was started',
  edited: 'was replaced by a newer one',
  cancelled: 'was dropped',
  expired: 'was not started in time',
  gone: 'is gone',
}

function planIn({plan, planner, remarks}: Extract<Made, {readonly kind: 'built'}>) {
  return {...plan, planner, notes: [...remarks, ...plan.notes]}
}

function drafted(stored: StoredDraft): Proposed {
  const draft = publicly(stored)
  return {kind: 'drafted', draft, reply: describe(draft)}
}

function publicly({owner: _owner, definition: _definition, input: _input, ...draft}: StoredDraft): Draft {
  return draft
}
