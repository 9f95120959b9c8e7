import {randomUUID} from 'node:crypto'
import {Registry} from 'prom-client'
import {z} from 'zod'
import {systemClock} from '../../src/kernel/clock.ts'
import {createLockMetrics} from '../../src/locks/metrics.ts'
import {createLocks} from '../../src/locks/service.ts'
import {createLockStore} from '../../src/locks/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createOutbox, OUTBOX_OVERDUE} from '../../src/platform/outbox.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createQueues} from '../../src/platform/queue.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {defineAction, defineAgent, type AgentDefinition, type Services} from '../../src/sdk/index.ts'
import {defineWorkflow, type WorkflowDefinition} from '../../src/sdk/workflow.ts'
import {startWorkflowWorker} from '../../src/worker/workflow-attempts.ts'
import {startSweeper} from '../../src/worker/sweeper.ts'
import {agentActions} from '../../src/workflows/actions.ts'
import {createLibrary} from '../../src/workflows/definition/load.ts'
import {startEngine, type Definition} from '../../src/workflows/engine.ts'
import {createWorkflowMetrics} from '../../src/workflows/metrics.ts'
import {RUNS_DUE} from '../../src/workflows/ownership-store.ts'
import {createWorkflows} from '../../src/workflows/service.ts'
import {createWorkflowStore} from '../../src/workflows/store.ts'

/** Each resolves only when its work is durably complete; any number may be under way at once. */
export interface WorkflowsUnderTest {
  /** Three trivial steps, one after the other, each durably recorded. */
  sequence3(): Promise<void>
  /** One run with 20 parallel steps and a join. */
  fanOut20(): Promise<void>
  /** One run of so many steps in layers of 10. */
  dag(steps: number): Promise<void>
  /** Starts a run that waits for a signal; resolves when it is parked. */
  park(index: number): Promise<void>
  /** Sends that signal; resolves when the run is complete. */
  resume(index: number): Promise<void>
  /** Resolves when the run is durably started, with the wait for its end. */
  start3(): Promise<() => Promise<void>>
  close(): Promise<void>
}

const agent: AgentDefinition = defineAgent({
  id: 'bench',
  name: 'Bench',
  description: 'Does nothing, quickly',
  queue: {concurrency: 50, timeoutMs: 60_000},
  actions: {
    nothing: defineAction({
      description: 'Answers at once',
      input: z.object({n: z.int()}),
      pure: true,
      async run({n}) {
        return {kind: 'replied', reply: {state: 'ok', title: 'done'}, output: {n}}
      },
    }),
  },
})

/** The workflows that production runs, in one process. Migrates the database if need be. */
export async function workflows({
  databaseUrl,
  redisUrl,
  pool: max,
}: {
  readonly databaseUrl: string
  readonly redisUrl?: string
  /** Connections at most. */
  readonly pool: number
}): Promise<WorkflowsUnderTest> {
  const log = createLogger({
    level: 'warn',
    redactor: createRedactor([]),
    destination: {write: line => void process.stderr.write(line)},
  })
  await migrate({databaseUrl, queueOnPostgres: redisUrl === undefined, log})
  const pool = createPool({
    connectionString: databaseUrl,
    max,
    applicationName: 'signalbox bench',
    onError: error => log.warn({err: error}, 'connection'),
  })
  const queues = createQueues({...(redisUrl === undefined ? {databaseUrl} : {redisUrl}), log})
  const outbox = createOutbox({db: pool, queues, log, clock: systemClock})
  const lockStore = createLockStore({pool})
  const registry = new Registry()
  const locks = createLocks({
    store: lockStore,
    databaseUrl,
    metrics: createLockMetrics({registry, agents: new Set(), countActive: () => lockStore.countActive()}),
    emit: () => undefined,
    log,
  })
  const instance = randomUUID()
  const store = createWorkflowStore({pool, instance})
  const agents = new Map([[agent.id, agent]])
  const library = createLibrary(
    {definitions: new Map(KNOWN.map(each => [each.name, each])), faults: []},
    agents,
  )
  const engine = await startEngine({
    store,
    instance,
    databaseUrl,
    definitions: library,
    actions: agentActions({agents, services: {} as Services, clock: systemClock}),
    outbox,
    locks,
    metrics: createWorkflowMetrics({
      registry,
      workflows: new Set(library.definitions.keys()),
      countOpen: () => store.countOpen(),
    }),
    clock: systemClock,
    log,
  })
  const sweeper = startSweeper({
    db: pool,
    log,
    sweeps: [
      {name: 'outbox', everyMs: 2000, when: OUTBOX_OVERDUE, run: () => outbox.sweep()},
      {name: 'runs', everyMs: 1000, when: RUNS_DUE, run: () => engine.sweep()},
      {name: 'runs of this process', everyMs: 10_000, run: () => engine.reconcile()},
    ],
  })
  const service = createWorkflows({store, engine, definitions: library, clock: systemClock})
  const worker = startWorkflowWorker({
    queues,
    workflows: service,
    tellEnd: async () => undefined,
    lockMs: 30_000,
  })
  const parkedRuns = new Map<number, string>()

  const dags = new Map<number, Definition>()

  async function start(workflow: string | Definition): Promise<() => Promise<void>> {
    const {id} = await service.start({workflow, input: {}})
    return async () => {
      const status = await service.ended(id)
      if (status !== 'completed') throw new Error(`run ${status}`)
    }
  }

  return {
    sequence3: async () => (await start('sequence3'))(),
    fanOut20: async () => (await start('fanOut20'))(),
    start3: () => start('sequence3'),
    async dag(steps) {
      let definition = dags.get(steps)
      if (!definition) {
        const body = dag(steps)
        definition = {plan: library.compile(body.name, body), body}
        dags.set(steps, definition)
      }
      await (
        await start(definition)
      )()
    },
    async park(index) {
      const {id} = await service.start({workflow: 'gated', input: {}})
      // Parked by its very creation, unless something was in the way.
      while (engine.carries(id)) await new Promise(resolve => setTimeout(resolve, 1))
      parkedRuns.set(index, id)
    },
    async resume(index) {
      const id = parkedRuns.get(index) ?? ''
      await service.signal(id, {id: `resume ${index}`, name: 'go'})
      const status = await service.ended(id)
      if (status !== 'completed') throw new Error(`run ${status}`)
    },
    async close() {
      await worker.drain(10_000)
      await worker.close()
      await sweeper.close()
      await engine.close(10_000)
      await outbox.close()
      await queues.close()
      await locks.close()
      await pool.end()
    },
  }
}

type StepDefinition = WorkflowDefinition['steps'][number]

const nothing = (n: number, needs: readonly string[]): StepDefinition => ({
  id: `s${n}`,
  agent: 'bench',
  action: 'nothing',
  with: {n},
  needs: [...needs],
})

const upTo = (count: number) => Array.from({length: count}, (_, n) => n)

const KNOWN: readonly WorkflowDefinition[] = [
  defineWorkflow({name: 'sequence3', steps: [nothing(0, []), nothing(1, ['s0']), nothing(2, ['s1'])]}),
  defineWorkflow({
    name: 'fanOut20',
    steps: [
      ...upTo(20).map(n => nothing(n, [])),
      nothing(
        20,
        upTo(20).map(n => `s${n}`),
      ),
    ],
  }),
  defineWorkflow({name: 'gated', steps: [{id: 'gate', wait: {signal: 'go'}}]}),
]

/** Each layer of 10 begins when the whole layer before it has ended. */
function dag(count: number): WorkflowDefinition {
  const layerBefore = (n: number) => upTo(10).map(index => `s${Math.floor(n / 10) * 10 - 10 + index}`)
  return defineWorkflow({
    name: `dag${count}`,
    steps: upTo(count).map(n => nothing(n, n < 10 ? [] : layerBefore(n))),
  })
}
