import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import {createInvocations} from '../../src/invocations/service.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {systemClock} from '../../src/kernel/clock.ts'
import {correlation} from '../../src/kernel/correlation.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createOutbox, OUTBOX_OVERDUE} from '../../src/platform/outbox.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createQueues} from '../../src/platform/queue.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {defineAction, defineAgent, type Actor, type Services} from '../../src/sdk/index.ts'
import {startAgentWorker} from '../../src/worker/agent-worker.ts'
import {startSweeper} from '../../src/worker/sweeper.ts'

/** Jobs at a time, of the bench's agent and of raw BullMQ beside it. */
export const CONCURRENCY = 50

const actor: Actor = {kind: 'api', id: 'bench', name: 'bench'}

const agent = defineAgent({
  id: 'bench',
  name: 'Bench',
  description: 'Does nothing, quickly',
  command: '/bench',
  queue: {concurrency: CONCURRENCY, timeoutMs: 60_000},
  actions: {
    nothing: defineAction({
      description: 'Answers at once',
      input: z.object({n: z.int()}),
      async run({n}) {
        return {kind: 'replied', reply: {state: 'ok', title: 'done'}, output: {n}}
      },
    }),
  },
})

export interface Commands {
  /** Resolves when the result is durably committed. Any number may be under way at once. */
  roundtrip(): Promise<void>
  close(): Promise<void>
}

/**
 * The way of a command through the very parts that production is made of, without a surface at either end: recorded
 * with its job in one commit, relayed to the queue, worked, its result recorded. Migrates the database if need be.
 */
export async function commands({
  databaseUrl,
  redisUrl,
}: {
  readonly databaseUrl: string
  readonly redisUrl?: string
}): Promise<Commands> {
  const log = createLogger({
    level: 'warn',
    redactor: createRedactor([]),
    destination: {write: line => void process.stderr.write(line)},
  })
  await migrate({databaseUrl, queueOnPostgres: redisUrl === undefined, log})
  const pool = createPool({
    connectionString: databaseUrl,
    max: 10,
    applicationName: 'signalbox bench',
    onError: error => log.warn({err: error}, 'connection'),
  })
  const queues = createQueues({...(redisUrl === undefined ? {databaseUrl} : {redisUrl}), log})
  const outbox = createOutbox({db: pool, queues, log, clock: systemClock})
  const store = createInvocationStore({pool})
  const invocations = createInvocations({store, outbox, queues, lostAfterMs: 60_000, clock: systemClock})

  const ended = new Map<string, {resolve(): void; reject(error: Error): void}>()
  const worker = startAgentWorker({
    agent,
    queues,
    pool,
    invocations: store,
    replies: createReplyStore({pool}),
    notify: async () => undefined,
    services: {} as Services,
    // Where production measures: after the result has committed.
    observe({outcome}) {
      const waiting = ended.get(correlation.id() ?? '')
      if (outcome === 'succeeded') waiting?.resolve()
      else waiting?.reject(new Error(`command ${outcome}`))
    },
    clock: systemClock,
    log,
    lockMs: 30_000,
    onCapacity: () => undefined,
    runAttempt: async () => undefined,
    tellError: async () => undefined,
  })
  const sweeper = startSweeper({
    db: pool,
    log,
    sweeps: [{name: 'outbox', everyMs: 2000, when: OUTBOX_OVERDUE, run: () => outbox.sweep()}],
  })

  let given = 0
  return {
    async roundtrip() {
      const id = randomUUID()
      const done = new Promise<void>((resolve, reject) => ended.set(id, {resolve, reject}))
      try {
        await invocations.accept({
          id,
          source: 'api',
          sourceId: id,
          command: 'bench',
          options: {n: given++},
          actor,
          agent: agent.id,
          action: 'nothing',
        })
        await done
      } finally {
        ended.delete(id)
      }
    },

    async close() {
      await worker.drain(10_000)
      await worker.close()
      await sweeper.close()
      await outbox.close()
      await queues.close()
      await pool.end()
    },
  }
}

export {bus} from './bus-adapter.ts'
export {evaluation} from './evaluation-adapter.ts'
export {locks} from './locks-adapter.ts'
export {workflows} from './workflows-adapter.ts'
