import type pg from 'pg'
import type {Clock} from '../kernel/clock.ts'
import {toError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {BusCore} from './bus.ts'
import {newEvent, type Event, type EventOptions, type EventType, type InterAgentEvent} from './event.ts'
import {createJournalStore, type HistoryQuery, type Remark} from './journal-store.ts'
import type {Transport} from './transport.ts'

/**
 * Events that must not be lost, and the history of all that happened. A durable event is a row committed with the
 * state change; it reaches every subscriber of every live process at least once, whatever crashes or goes away in
 * between. Subscribers see it twice at most when more than ten minutes lie between, and must bear that.
 */
export interface EventJournal {
  /** Writes the event with the caller's transaction. Hand what it answers to `announce` right after the commit. */
  emitWithin(db: Db, type: EventType, data: Json, options: EventOptions): Promise<Event>
  /** Returns at once, never throws. Who crashes before it, or forgets it, leaves the event to the sweep. */
  announce(events: readonly Event[]): void
  /** Tells what has been left untold; answers how many. */
  sweep(): Promise<number>
  /** Remembers without telling anyone, soon and if possible. */
  remember(remark: Remark): void
  history(query: HistoryQuery): Promise<readonly InterAgentEvent[]>
  /** Removes what is older than the retention; answers how many. */
  forget(): Promise<number>
  start(): void
  /** Resolves when all that was announced or remembered so far has been dealt with. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface JournalOptions {
  readonly pool: Pick<pg.Pool, 'connect' | 'query'>
  readonly bus: Pick<BusCore, 'note' | 'deliver' | 'publish' | 'open'>
  readonly transport: Pick<Transport, 'watch'>
  readonly log: Pick<Logger, 'warn'>
  readonly clock: Clock
  readonly sweepEveryMs?: number
  /** How long an event is left to the process that wrote it. */
  readonly graceMs?: number
  readonly retention?: {readonly ageMs: number; readonly rows: number}
}

const BATCH = 200
const REMARKS_AT_MOST = 5_000
const FORGET_EVERY_MS = 60_000
/** Clocks differ, and an event may have been told a moment before it was marked as told. */
const MARGIN_MS = 15_000
const WEEK_MS = 7 * 24 * 3_600_000

export function createJournal(options: JournalOptions): EventJournal {
  const {pool, bus, transport, log, clock, sweepEveryMs = 1_000, graceMs = 1_500} = options
  const {retention = {ageMs: WEEK_MS, rows: 1_000_000}} = options
  const store = createJournalStore()
  const inFlight = new Set<Promise<unknown>>()
  const remarks: Remark[] = []
  const timers: NodeJS.Timeout[] = []
  let writing: Promise<void> | undefined
  let sweeping: Promise<number> | undefined
  let missedSince: number | undefined

  transport.watch({
    up: () => undefined,
    down: () => undefined,
    gap(since) {
      missedSince = Math.min(missedSince ?? since, since)
      track(catchUp())
    },
  })

  function track(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => log.warn({reason: toError(error).message}, 'events left to the sweep'))
      .finally(() => inFlight.delete(tracked))
    inFlight.add(tracked)
  }

  async function tell(events: readonly Event[]): Promise<void> {
    if (!bus.open()) return
    const told = await Promise.allSettled(events.map(event => bus.publish(event)))
    const ids = events.filter((_, index) => told[index]?.status === 'fulfilled').map(event => event.event_id)
    if (ids.length > 0) await store.markPublished(pool, ids)
  }

  /** What was told to others while the transport did not know this process. */
  async function catchUp(): Promise<void> {
    const since = missedSince
    if (since === undefined) return
    for (let after = '0', more = true; more;) {
      const {events, last} = await store.told(pool, clock() - since + MARGIN_MS, after, BATCH)
      for (const event of events) bus.deliver(event)
      after = last
      more = events.length === BATCH
    }
    if (missedSince === since) missedSince = undefined
  }

  async function sweepAll(): Promise<number> {
    if (missedSince !== undefined) await catchUp()
    for (let total = 0; ;) {
      // Nearly always nothing is left: that is not worth a transaction.
      if (!bus.open() || !(await store.isAnyUnpublished(pool, graceMs))) return total
      const told = await transaction(pool, async client => {
        const events = await store.claimUnpublished(client, graceMs, BATCH)
        if (events.length === 0) return 0
        for (const event of events) bus.deliver(event)
        const results = await Promise.allSettled(events.map(event => bus.publish(event)))
        const ids = events
          .filter((_, index) => results[index]?.status === 'fulfilled')
          .map(each => each.event_id)
        await store.markPublished(client, ids)
        return ids.length
      })
      total += told
      if (told < BATCH) return total
    }
  }

  function sweep(): Promise<number> {
    sweeping ??= sweepAll().finally(() => (sweeping = undefined))
    return sweeping
  }

  // Whatever arrives while a batch is written goes together in the next.
  async function write(): Promise<void> {
    while (remarks.length > 0) {
      try {
        await store.remember(pool, remarks.splice(0, 500))
      } catch (error) {
        log.warn({reason: toError(error).message, lost: remarks.length}, 'the history has a hole')
        remarks.length = 0
      }
    }
  }

  async function forget(): Promise<number> {
    for (let total = 0; ;) {
      const gone = await store.forget(pool, {...retention, limit: 5_000})
      total += gone
      if (gone < 5_000) return total
    }
  }

  const quietly = (work: () => Promise<unknown>, what: string) => (): void =>
    void work().catch((error: unknown) => log.warn({reason: toError(error).message}, what))

  return {
    async emitWithin(db, type, data, about) {
      const event = newEvent(type, data, about, clock())
      await store.insert(db, event)
      return event
    },

    announce(events) {
      for (const event of events) bus.note(event)
      for (const event of events) bus.deliver(event)
      track(tell(events))
    },

    sweep,

    remember(remark) {
      if (remarks.length >= REMARKS_AT_MOST) remarks.shift()
      remarks.push(remark)
      writing ??= Promise.resolve()
        .then(write)
        .finally(() => (writing = undefined))
    },

    history: query => store.find(pool, query),

    forget,

    start() {
      if (timers.length > 0) return
      timers.push(
        setInterval(quietly(sweep, 'event sweep failed'), sweepEveryMs),
        setInterval(quietly(forget, 'old events could not be removed'), FORGET_EVERY_MS),
      )
    },

    async flush() {
      await Promise.all(inFlight)
      await writing
    },

    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(inFlight)
      await writing
      await sweeping?.catch(() => undefined)
    },
  }
}
