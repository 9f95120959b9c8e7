import type pg from 'pg'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from './logger.ts'
import {transaction} from './postgres.ts'
import type {QueueJob, Queues} from './queue.ts'

/** A job whose outbox row has committed. `id` is the job's own id, the same as the row's `job_id`. */
export type OutboxEntry = {readonly outboxId: string} & Pick<
  QueueJob,
  'queue' | 'name' | 'data' | 'delayMs'
> & {
    readonly id: string
  }

export interface Outbox {
  /**
   * To be called right after the commit. Returns at once and never throws: what can't be handed to the queue now
   * stays in the table, and the sweep sees to it.
   */
  relay(entries: readonly OutboxEntry[]): void
  /** Resolves when all that was relayed so far is in the queue and its rows are gone, or it is left to the sweep. */
  flush(): Promise<void>
  /** Hands over what nobody relayed; answers how many. */
  sweep(): Promise<number>
  /** Waits for what is in flight. */
  close(): Promise<void>
}

export interface OutboxOptions {
  readonly db: Pick<pg.Pool, 'connect' | 'query'>
  readonly queues: Pick<Queues, 'addMany'>
  readonly log: Pick<Logger, 'warn'>
  readonly clock: Clock
}

const BATCH = 500
/** How long a row is left to the process that wrote it. */
const GRACE_MS = 1_500
/** How long the row of a job that is in the queue may stay, so that many are deleted at once: less than its grace. */
const TIDY_AFTER_MS = 200

/** Whether jobs wait that nobody relayed: see `sweep`. */
export const OUTBOX_OVERDUE = `exists (select from outbox where created_at < now() - interval '${GRACE_MS} ms')`

const DELETE = 'delete from outbox where id = any($1::bigint[])'

/**
 * The link between Postgres and the queue. A row in `outbox`, committed together with the state that asks for it, is
 * a promise that its job will reach the queue at least once: a crash between the queue's yes and the row's deletion
 * repeats it. The job's id makes most repetitions harmless, and consumers must bear the rest.
 */
export function createOutbox({db, queues, log, clock}: OutboxOptions): Outbox {
  const waiting: OutboxEntry[] = []
  let relayed: string[] = []
  let relaying: Promise<void> | undefined
  let tidying: NodeJS.Timeout | undefined
  let tidied: Promise<void> = Promise.resolve()
  let sweeping: Promise<number> | undefined

  // Whatever arrives while one batch is under way goes together in the next.
  async function relayAll(): Promise<void> {
    while (waiting.length > 0) {
      try {
        const taken = await handOver(waiting.splice(0, BATCH))
        relayed.push(...taken.map(entry => entry.outboxId))
        tidying ??= setTimeout(() => void tidy(), TIDY_AFTER_MS)
      } catch (error) {
        // What still waits would only meet the same fate, one timeout after another.
        waiting.length = 0
        log.warn({reason: toError(error).message}, 'jobs left to the outbox sweep')
      }
    }
  }

  // Off the way of the jobs, many at once, and before the sweep could take them for forgotten.
  function tidy(): Promise<void> {
    clearTimeout(tidying)
    tidying = undefined
    tidied = tidied.then(async () => {
      const ids = relayed
      relayed = []
      if (ids.length === 0) return
      try {
        await db.query({name: 'outbox-tidy', text: DELETE, values: [ids]})
      } catch (error) {
        log.warn(
          {jobs: ids.length, reason: toError(error).message},
          'outbox rows left to the sweep, which repeats their jobs',
        )
      }
    })
    return tidied
  }

  /** Answers those that the queue took: one job that it will never take must not hold up the others. */
  async function handOver(entries: readonly OutboxEntry[]): Promise<readonly OutboxEntry[]> {
    try {
      await queues.addMany(entries.map(toJob))
      return entries
    } catch (error) {
      if (!(error instanceof AppError) || error.disposition === 'retry') throw error
      if (entries.length === 1) {
        log.warn(
          {jobId: entries[0]?.id, reason: error.message},
          'a job that the queue refuses stays in the outbox',
        )
        return []
      }
    }
    const taken = []
    for (const entry of entries) taken.push(...(await handOver([entry])))
    return taken
  }

  async function sweepAll(): Promise<number> {
    let total = 0
    for (;;) {
      const swept = await transaction(db, async client => {
        // Skipping what another process is sweeping right now; if that one fails, its rows are free again.
        const {rows} = await client.query<Row>(
          `select id, queue, name, job_id, data, delay_ms from outbox
           where created_at < $1
           order by id limit ${BATCH} for update skip locked`,
          [new Date(clock() - GRACE_MS)],
        )
        if (rows.length === 0) return 0
        const taken = await handOver(rows.map(toEntry))
        await client.query(DELETE, [taken.map(entry => entry.outboxId)])
        return taken.length
      })
      total += swept
      if (swept < BATCH) return total
    }
  }

  function sweep(): Promise<number> {
    sweeping ??= sweepAll().finally(() => (sweeping = undefined))
    return sweeping
  }

  return {
    relay(entries) {
      waiting.push(...entries)
      relaying ??= Promise.resolve()
        .then(relayAll)
        .finally(() => (relaying = undefined))
    },

    async flush() {
      await relaying
      await tidy()
    },

    sweep,

    async close() {
      await relaying
      await tidy()
      await sweeping?.catch(() => undefined)
    },
  }
}

interface Row {
  id: string
  queue: string
  name: string
  job_id: string
  data: unknown
  delay_ms: number
}

function toEntry(row: Row): OutboxEntry {
  return {
    outboxId: row.id,
    queue: row.queue,
    name: row.name,
    id: row.job_id,
    data: row.data,
    delayMs: row.delay_ms,
  }
}

function toJob({queue, name, data, id, delayMs}: OutboxEntry): QueueJob {
  return {queue, name, data, id, ...(delayMs ? {delayMs} : {})}
}
