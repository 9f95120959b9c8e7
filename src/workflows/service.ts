import {createHash, randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {AppError} from '../kernel/errors.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Json} from '../kernel/json.ts'
import type {AttemptEnd} from './actions.ts'
import {agentsOf} from './asked.ts'
import type {Definition, Definitions, Engine} from './engine.ts'
import {evolve, isOver, newRun, type Fact} from './evolve.ts'
import type {Allows, Delivery} from './inbox-store.ts'
import type {Message, RunStatus} from './run.ts'
import type {RunRow} from './run-store.ts'
import {showRow, showRun, type ShownRun} from './shown.ts'
import type {WorkflowStore} from './store.ts'

/** What a run is to be started with. */
export interface StartRequest {
  /** By name, or a definition given along. */
  readonly workflow: string | Definition
  readonly input: Json
  /** The thread it belongs to; its own id unless said. */
  readonly correlationId?: string | undefined
  /** What asks for it, such as an interaction's id: asking again answers the same run. */
  readonly sourceId?: string | undefined
  readonly metadata?: Readonly<Record<string, Json>> | undefined
}

/** A run that was created; it may already be under way. */
export interface Started {
  readonly id: string
  readonly workflow: string
  readonly status: RunStatus
  readonly correlationId: string
  /** False when the same source had started it before. */
  readonly created: boolean
}

/** An operator's word. */
export interface Order {
  readonly by: string
  readonly reason?: string | undefined
  /** The same id again is the same order. */
  readonly id?: string | undefined
}

/** What happened in a run, as it is told outside. */
export interface RunEvent {
  /** Of the commit; several events can have the same. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly facts: readonly Fact[]
}

const POLL_MS = 300
const RETENTION_MS = 30 * 86_400_000
const OPEN: readonly Allows[] = ['pending', 'running', 'paused', 'held', 'stopping']
const MAX_PAYLOAD_CHARS = 262_144

export type Workflows = ReturnType<typeof createWorkflows>

/**
 * The use cases of runs. Whatever is acknowledged here is committed. In a process without an engine a run waits for
 * another process to carry it on; nothing else differs.
 */
export function createWorkflows({
  store,
  engine,
  definitions,
  clock,
}: {
  readonly store: WorkflowStore
  readonly engine: Engine | undefined
  readonly definitions: Definitions
  readonly clock: Clock
}) {
  const deliver = (delivery: Delivery) => engine?.deliver(delivery) ?? store.deliver(delivery, {claim: false})

  /** Commits an order, or throws: NOT_FOUND, or CONFLICT when the run does not stand as the order needs it to. */
  async function order(
    run: string,
    kind: 'pause' | 'resume' | 'cancel' | 'retry',
    {by, reason, id = randomUUID()}: Order,
    rules: Pick<Delivery, 'allowedWhen' | 'stop' | 'status'>,
    path?: string,
  ): Promise<void> {
    const at = clock()
    const message: Message =
      kind === 'retry'
        ? {kind, id, by, at, ...(path === undefined ? {} : {path})}
        : {kind, id, by, at, ...(reason === undefined ? {} : {reason})}
    const delivered = await deliver({run, messageId: `${kind} ${id}`, message, ...rules})
    if (delivered.outcome === 'unknown') throw new AppError('NOT_FOUND', `There is no run ${run}.`)
    if (delivered.outcome !== 'refused') return
    throw new AppError('CONFLICT', `Run ${run} can't be told to ${kind}: ${SAYS[delivered.standing]}.`, {
      details: {run, status: delivered.status},
    })
  }

  async function* events(id: string, since: number, signal: AbortSignal): AsyncGenerator<RunEvent> {
    for (let seq = since; !signal.aborted;) {
      const status = await store.statusOf(id)
      if (status === undefined) throw new AppError('NOT_FOUND', `There is no run ${id}.`)
      const commits = await store.journalSince(id, seq)
      for (const commit of commits) {
        yield commit
        seq = commit.seq
      }
      if (commits.length > 0) continue
      if (isOver(status)) return
      await sleep(POLL_MS, undefined, {signal}).catch(() => undefined)
    }
  }

  return {
    /**
     * Starts a run, or answers the one that the same source started before. Throws NOT_FOUND for an unknown workflow and
     * INVALID_INPUT for an input that the workflow does not take, or that is too large.
     */
    async start({
      workflow,
      input: given,
      correlationId,
      sourceId,
      metadata = {},
    }: StartRequest): Promise<Started> {
      const definition = typeof workflow === 'string' ? definitions.current(workflow) : workflow
      if (!definition) throw new AppError('NOT_FOUND', `There is no workflow ${workflow as string}.`)
      tooLarge('input', given)
      const input = definition.accept?.(given) ?? given
      const {plan, body} = definition
      const id = sourceId === undefined ? newRunId() : runIdOf(sourceId)
      const thread = correlationId ?? id
      const known = {id, input, correlationId: thread, sourceId, metadata}
      let created: boolean
      if (engine) {
        created = await engine.start(known, definition)
      } else {
        await store.pin(plan.hash, plan.name, body)
        created = await store.create({
          ...known,
          workflow: plan.name,
          definition: plan.hash,
          agents: agentsOf(plan),
        })
        if (created) await store.announce(id)
      }
      if (created) return {id, workflow: plan.name, status: 'running', correlationId: thread, created}
      const before = await store.run(id)
      if (!before) throw new AppError('CONTENDED', `The run could not be started: ${id} is taken.`)
      const {status} = before
      return {id, workflow: before.workflow, status, correlationId: before.correlationId, created}
    },

    async get(id: string): Promise<ShownRun | undefined> {
      const row = await store.run(id)
      if (!row) return undefined
      const {workflow, correlationId, input} = row
      const run = row.journal.flat().reduce(evolve, newRun({id, workflow, correlationId, input}))
      return showRun(row, run, await planOf(row))
    },

    /** The open ones first, each kind newest first; without their steps. */
    async list(
      filter: {readonly statuses?: readonly RunStatus[]; readonly limit?: number} = {},
    ): Promise<readonly ShownRun[]> {
      const rows = await store.list({statuses: filter.statuses, limit: Math.min(filter.limit ?? 100, 1_000)})
      return rows.map(showRow)
    },

    /** Nothing new begins once this resolves; what is under way ends. */
    pause: (id: string, by: Order) =>
      order(id, 'pause', by, {
        allowedWhen: ['pending', 'running', 'paused'],
        stop: 'pause',
        status: 'paused',
      }),

    /** Lifts a pause. A run that waits for a gate, a timer or a signal can't be resumed by this. */
    resume: (id: string, by: Order) =>
      order(id, 'resume', by, {allowedWhen: ['held'], stop: 'none', status: 'running'}),

    /** Nothing new begins once this resolves, but compensation. */
    cancel: (id: string, by: Order) =>
      order(id, 'cancel', by, {allowedWhen: ['pending', 'running', 'paused', 'held'], stop: 'cancel'}),

    /** A failed or cancelled run goes on from a step, or from all that did not succeed. */
    retry: (id: string, {path, ...by}: Order & {readonly path?: string}) =>
      order(id, 'retry', by, {allowedWhen: ['failed', 'cancelled'], stop: 'none', status: 'running'}, path),

    /** Seen exactly once, however often it is sent under the same id and whether the run waits for it already or not. */
    async signal(
      run: string,
      {id, name, payload = null}: {readonly id: string; readonly name: string; readonly payload?: Json},
    ): Promise<'taken' | 'repeated'> {
      tooLarge('payload', payload)
      const delivered = await deliver({
        run,
        messageId: `signal ${id}`,
        message: {kind: 'signal', id, name, payload, at: clock()},
        allowedWhen: OPEN,
      })
      switch (delivered.outcome) {
        case 'unknown':
          throw new AppError('NOT_FOUND', `There is no run ${run}.`)
        case 'refused':
          throw new AppError('CONFLICT', `Run ${run} takes no signal: ${SAYS[delivered.standing]}.`)
        case 'repeated':
          return 'repeated'
        case 'delivered':
          return 'taken'
      }
    },

    /** What happened since a commit (0: ever), and what happens from then on; ends with the run. */
    events: (id: string, since: number, signal: AbortSignal) => events(id, since, signal),

    /** Resolves when the run has ended, wherever that happens. */
    async ended(id: string): Promise<RunStatus> {
      let forget: (() => void) | undefined
      let timer: NodeJS.Timeout | undefined
      const here = new Promise<RunStatus>(resolve => (forget = engine?.onEnd(id, resolve)))
      try {
        for (;;) {
          if (!engine?.carries(id)) {
            const status = await store.statusOf(id)
            if (status === undefined) throw new AppError('NOT_FOUND', `There is no run ${id}.`)
            if (isOver(status)) return status
          }
          const heard = await Promise.race([
            here,
            new Promise<undefined>(resolve => (timer = setTimeout(() => resolve(undefined), POLL_MS))),
          ])
          if (heard !== undefined) return heard
        }
      } finally {
        clearTimeout(timer)
        forget?.()
      }
    },

    /** What an attempt came to that was carried out for the run elsewhere. */
    async answer(run: string, message: AttemptEnd): Promise<void> {
      const {kind, path, attempt} = message
      // An attempt ends once, but may be interrupted again and again.
      const messageId = `${kind === 'attempt-interrupted' ? `interrupted ${message.at}` : 'attempt'} ${path} ${attempt}`
      await deliver({run, messageId, message, allowedWhen: OPEN})
    },

    /** A sub-workflow has ended: tells the run that waits for it. Repeating it is harmless. */
    async tellParent(child: string): Promise<void> {
      const row = await store.run(child)
      if (!row) return
      const {parentId, parentPath, status, result, error} = row
      if (parentId === null || parentPath === null || !isOver(status)) return
      await deliver({
        run: parentId,
        messageId: `child ${child} ${row.version}`,
        message: {
          kind: 'child-ended',
          path: parentPath,
          id: child,
          // isOver says which of them it is.
          status: status as 'completed',
          result,
          ...(error === null ? {} : {error: {code: 'SUB_WORKFLOW', message: error}}),
          at: clock(),
        },
        allowedWhen: OPEN,
      })
    },

    /** Tells a sub-workflow what its parent was told; one that has ended need not know. */
    async tellChild(
      child: string,
      how: 'pause' | 'resume' | 'cancel',
      {by, cause}: {readonly by: string; readonly cause: string},
    ): Promise<void> {
      const rules = {
        pause: {stop: 'pause', status: 'paused'},
        resume: {stop: 'none', status: 'running'},
        cancel: {stop: 'cancel'},
      } as const
      await deliver({
        run: child,
        messageId: `${how} ${cause}`,
        message: {kind: how, id: cause, by, at: clock()},
        allowedWhen: how === 'resume' ? ['held'] : ['pending', 'running', 'paused', 'held'],
        ...rules[how],
      })
    },

    /** Removes what ended longer than 30 days ago; to be run now and then. */
    async forgetOld(): Promise<number> {
      let total = 0
      for (;;) {
        const forgotten = await store.forget(clock() - RETENTION_MS)
        total += forgotten
        if (forgotten === 0) break
      }
      await store.forgetDefinitions()
      return total
    },
  }

  async function planOf({definition, workflow}: RunRow) {
    const current = definitions.current(workflow)
    if (current?.plan.hash === definition) return current.plan
    const pinned = await store.pinned(definition)
    try {
      return pinned && definitions.compile(pinned.name, pinned.body)
    } catch {
      // It can't be carried on, but it can be looked at.
      return undefined
    }
  }
}

const SAYS: Readonly<Record<Allows, string>> = {
  pending: 'it has not begun',
  running: 'it is running',
  paused: 'it is waiting',
  held: 'it is paused',
  stopping: 'it is being cancelled',
  completed: 'it is completed',
  failed: 'it has failed',
  cancelled: 'it was cancelled',
}

function newRunId(): string {
  return `wf-${randomUUID().replace('-', '').slice(0, 12)}`
}

function runIdOf(sourceId: string): string {
  return `wf-${createHash('sha256').update(sourceId).digest('hex').slice(0, 24)}`
}

function tooLarge(what: string, value: Json): void {
  const {length} = JSON.stringify(value)
  if (length > MAX_PAYLOAD_CHARS)
    throw new AppError('INVALID_INPUT', `The ${what} has ${length} characters, over ${MAX_PAYLOAD_CHARS}.`)
}
