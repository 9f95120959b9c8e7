import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {systemClock} from '../../src/kernel/clock.ts'
import {AppError} from '../../src/kernel/errors.ts'
import type {Json} from '../../src/kernel/json.ts'
import {createLocks} from '../../src/locks/service.ts'
import {createLockStore} from '../../src/locks/store.ts'
import {createOutbox, OUTBOX_OVERDUE, type Outbox} from '../../src/platform/outbox.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createQueues, type QueueWorker, type Queues} from '../../src/platform/queue.ts'
import {createAttemptRunner, startWorkflowWorker} from '../../src/worker/workflow-attempts.ts'
import type {ActionContext} from '../../src/sdk/agent.ts'
import {startSweeper} from '../../src/worker/sweeper.ts'
import type {ActionRequest, Actions} from '../../src/workflows/actions.ts'
import {startEngine, type Definition, type Definitions, type Engine} from '../../src/workflows/engine.ts'
import {RUNS_DUE} from '../../src/workflows/ownership-store.ts'
import type {Plan, Scope, Step, Work} from '../../src/workflows/plan.ts'
import {createWorkflows, type Workflows} from '../../src/workflows/service.ts'
import {createWorkflowStore, type WorkflowStore} from '../../src/workflows/store.ts'

type StepOptions = Partial<Omit<Step, 'id' | 'work' | 'dependents'>>

/** A step of a plan made by hand. Without `needs` it follows the one before it. */
export function aStep(id: string, work: Work, options: StepOptions = {}): Omit<Step, 'dependents'> {
  return {
    id,
    work,
    needs: [],
    retry: {max: 0, delayMs: 10, maxDelayMs: 1_000},
    continueOnError: false,
    ...options,
  }
}

export function doing(action: string, {agent = 'tester', input = null, pure = false} = {}): Work {
  return {kind: 'action', agent, action, with: () => input, pure}
}

export const waitingForSignal = (name: string): Work => ({kind: 'signal', name: () => name})

/** The plan, as if it had been compiled from a definition. Its body is its name, which `definitionsOf` knows. */
export function aPlan(
  name: string,
  steps: readonly Omit<Step, 'dependents'>[],
  result?: Plan['result'],
): Definition {
  const plan: Plan = {
    name,
    hash: `hash of ${name}`,
    steps: scopeOf(steps),
    maxGenerated: 200,
    ...(result === undefined ? {} : {result}),
  }
  return {plan, body: {name}}
}

export function scopeOf(steps: readonly Omit<Step, 'dependents'>[]): Scope {
  const order = steps.map(step => ({
    ...step,
    dependents: steps.filter(other => other.needs.includes(step.id)).map(({id}) => id),
  }))
  return {order, byId: new Map(order.map(step => [step.id, step]))}
}

/** Steps one after the other. */
export function inSequence(
  ...steps: readonly Omit<Step, 'dependents'>[]
): readonly Omit<Step, 'dependents'>[] {
  return steps.map((step, index) => ({...step, needs: index === 0 ? [] : [steps[index - 1]?.id ?? '']}))
}

export function definitionsOf(known: readonly Definition[]): Definitions {
  const byName = new Map(known.map(definition => [definition.plan.name, definition]))
  return {
    current: name => byName.get(name),
    compile(name) {
      const definition = byName.get(name)
      if (!definition) throw new AppError('INVALID_INPUT', `The step "gone" of ${name} can't be carried on.`)
      return definition.plan
    },
  }
}

export type TestAction = (
  request: ActionRequest,
  context: Pick<ActionContext, 'signal' | 'effect' | 'step'>,
) => Promise<Json | undefined>

/** Agents `tester` unless said, with these actions. */
export function actionsOf(
  table: Readonly<Record<string, TestAction>>,
  agents: readonly string[] = ['tester'],
  capacity = Infinity,
): Actions {
  return {
    hosts: agent => agents.includes(agent),
    capacity: () => capacity,
    async run(request, context) {
      const action = table[request.action]
      if (!action) throw new AppError('INVARIANT_BROKEN', `No action ${request.action}.`)
      return (await action(request, context)) ?? null
    },
  }
}

/** One process's worth of workflows, as production builds it. */
export interface TestWorkflows {
  readonly instance: string
  readonly engine: Engine
  readonly workflows: Workflows
  readonly store: WorkflowStore
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly outbox: Outbox
  readonly warnings: string[]
  /** Carries out the agent's attempts for other processes. */
  serve(agent: string): void
  close(graceMs?: number): Promise<void>
}

export async function openWorkflows(
  databaseUrl: string,
  {
    plans,
    actions,
    leaseMs,
    renewEveryMs,
    sweepEveryMs = 1_000,
    max = 10,
    instance = randomUUID(),
    approvals,
  }: {
    readonly plans: readonly Definition[] | Definitions
    readonly actions: Actions
    readonly leaseMs?: number
    readonly renewEveryMs?: number
    readonly sweepEveryMs?: number
    readonly max?: number
    readonly instance?: string
    /** Who asks for what gates want approved; without it gates wait for the signal all the same. */
    readonly approvals?: Parameters<typeof startWorkflowWorker>[0]['approvals']
  },
): Promise<TestWorkflows> {
  const warnings: string[] = []
  const warn = (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`)
  const log = {info: () => undefined, warn, error: warn}
  const pool = createPool({connectionString: databaseUrl, max, onError: () => undefined})
  const queues = createQueues({databaseUrl, log})
  const outbox = createOutbox({db: pool, queues, log, clock: systemClock})
  const store = createWorkflowStore({pool, instance})
  const definitions = 'current' in plans ? plans : definitionsOf(plans)
  const locks = createLocks({
    store: createLockStore({pool}),
    databaseUrl,
    metrics: NO_LOCK_METRICS,
    emit: () => undefined,
    log,
  })
  const engine = await startEngine({
    store,
    instance,
    databaseUrl,
    definitions,
    actions,
    outbox,
    locks,
    metrics: {ended: () => undefined},
    clock: systemClock,
    log,
    ...(leaseMs === undefined ? {} : {leaseMs}),
    ...(renewEveryMs === undefined ? {} : {renewEveryMs}),
  })
  const sweeper = startSweeper({
    db: pool,
    log,
    sweeps: [
      {name: 'outbox', everyMs: 500, when: OUTBOX_OVERDUE, run: () => outbox.sweep()},
      {name: 'runs', everyMs: sweepEveryMs, when: RUNS_DUE, run: () => engine.sweep()},
      {name: 'runs of this process', everyMs: 10_000, run: () => engine.reconcile()},
    ],
  })
  const workflows = createWorkflows({store, engine, definitions, clock: systemClock})
  const workers: QueueWorker[] = [
    startWorkflowWorker({
      ...{queues, workflows, tellEnd: async () => undefined, lockMs: 10_000},
      ...(approvals ? {approvals} : {}),
    }),
  ]
  return {
    instance,
    engine,
    workflows,
    store,
    pool,
    queues,
    outbox,
    warnings,
    serve(agent) {
      const run = createAttemptRunner({store, workflows, actions, clock: systemClock})
      workers.push(
        queues.work(`agent-${agent}`, {concurrency: 20, lockMs: 10_000}, async (job, signal) => {
          await run(job, signal)
          return null
        }),
      )
    },
    async close(graceMs = 0) {
      await Promise.all(
        workers.map(async worker => {
          await worker.drain(graceMs)
          await worker.close()
        }),
      )
      await sweeper.close()
      await engine.close(graceMs)
      await outbox.close()
      await queues.close()
      await locks.close()
      await pool.end()
    },
  }
}

const NO_LOCK_METRICS = {
  acquired: () => undefined,
  contended: () => undefined,
  released: () => undefined,
  timedOut: () => undefined,
  waited: () => undefined,
  deadlocked: () => undefined,
}

/** Effects as somebody outside would count them: one row for each that happened. */
export async function createLedger(db: Pick<pg.Pool, 'query'>): Promise<void> {
  await db.query(
    'create table ledger (id bigint generated always as identity, what text not null, at timestamptz not null default clock_timestamp())',
  )
}

export async function ledgerOf(db: Pick<pg.Pool, 'query'>): Promise<readonly string[]> {
  const {rows} = await db.query<{what: string}>('select what from ledger order by id')
  return rows.map(row => row.what)
}

/** Waits until it holds; fails with what it last was after 30 s. */
export async function until(
  holds: () => Promise<boolean> | boolean,
  what = 'it',
  withinMs = 30_000,
): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not come true within ${withinMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
