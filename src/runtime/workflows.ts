import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import {systemClock} from '../kernel/clock.ts'
import type {Locks} from '../locks/service.ts'
import {inCheckout} from '../platform/checkout.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {AgentDefinition, Services} from '../sdk/index.ts'
import type {Sweep} from '../worker/sweeper.ts'
import {agentActions, type Actions} from '../workflows/actions.ts'
import {describeFault} from '../workflows/definition/fault.ts'
import {createLibrary, loadWorkflows, type Library} from '../workflows/definition/load.ts'
import {startEngine} from '../workflows/engine.ts'
import {RUNS_DUE} from '../workflows/ownership-store.ts'
import {createWorkflowMetrics} from '../workflows/metrics.ts'
import {createWorkflows, type Workflows} from '../workflows/service.ts'
import {createWorkflowStore, type WorkflowStore} from '../workflows/store.ts'

/** Workflow runs: one process's worth of them. */
export interface HouseWorkflows {
  readonly library: Library
  readonly store: WorkflowStore
  /** As of now: with the engine once this process carries runs on itself. */
  readonly service: () => Workflows
  /** From here on this process carries runs on. */
  startEngine(services: Services): Promise<RunningEngine>
}

export interface RunningEngine {
  /** What this process can perform for runs, its own and others'. */
  readonly actions: Actions
  /** Something happened to a lock's token: a hint. */
  lockRang(token: string): void
  /** What is due, and what an answer that was lost left unclear. */
  readonly sweeps: readonly Sweep[]
  /** Lets attempts end within the grace and leaves its runs to others. */
  close(graceMs: number): Promise<void>
}

/** Throws START_FAILED with a line for each fault of a definition, which names its file and line. */
export async function openWorkflows({
  pool,
  databaseUrl,
  instance,
  agents,
  outbox,
  locks,
  metrics,
  log,
  folder = inCheckout('workflows'),
}: {
  readonly pool: Pool
  readonly databaseUrl: string
  /** This process, and another at each start. */
  readonly instance: string
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly outbox: Pick<Outbox, 'relay'>
  readonly locks: Pick<Locks, 'claim' | 'release' | 'keep'>
  readonly metrics: Metrics
  readonly log: Logger
  readonly folder?: string
}): Promise<HouseWorkflows> {
  const loaded = await loadWorkflows(folder, agents)
  if (loaded.faults.length > 0) {
    const faults = loaded.faults.map(describeFault)
    throw new AppError('START_FAILED', faults.join('\n'), {details: {faults}})
  }
  const library = createLibrary(loaded, agents)
  const store = createWorkflowStore({pool, instance})
  const runMetrics = createWorkflowMetrics({
    registry: metrics.registry,
    workflows: new Set(library.definitions.keys()),
    countOpen: () => store.countOpen(),
  })
  const parts = {store, definitions: library, clock: systemClock}
  let service = createWorkflows({...parts, engine: undefined})

  return {
    library,
    store,
    service: () => service,
    async startEngine(services) {
      const actions = agentActions({agents, services, clock: systemClock})
      const engine = await startEngine({
        ...parts,
        instance,
        databaseUrl,
        actions,
        outbox,
        locks,
        metrics: runMetrics,
        log,
      })
      service = createWorkflows({...parts, engine})
      return {
        actions,
        lockRang: token => engine.lockRang(token),
        sweeps: [
          {name: 'runs', everyMs: 1000, when: RUNS_DUE, run: () => engine.sweep()},
          {name: 'runs of this process', everyMs: 10_000, run: () => engine.reconcile()},
        ],
        close: graceMs => engine.close(graceMs),
      }
    },
  }
}
