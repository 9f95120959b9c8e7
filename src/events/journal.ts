import {setTimeout as sleep} from 'node:timers/promises'
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
  readonly retention?: {readonly ageMs: number; readonly rows: number}
}

const BATCH = 200
const REMARKS_AT_MOST = 5_000
/** What was missed is looked for again when Postgres did not tell. */
const CATCH_UP_AGAIN_MS = 1_000
/** Clocks differ, and an event may have been told a moment before it was marked as told. */
const MARGIN_MS = 15_000
const WEEK_MS = 7 * 24 * 3_600_000

export function createJournal(options: JournalOptions): EventJournal {
  const {pool, bus, transport, log, clock} = options
  const {retention = {ageMs: WEEK_MS, rows: 1_000_000}} = options
  const store = createJournalStore()
  const inFlight = new Set<Promise<unknown>>()
  const remarks: Remark[] = []
  const closing = new AbortController()
  let writing: Promise<void> | undefined
  let sweeping: Promise<number> | undefined
  let missedSince: number | undefined
  let gaps = 0
  let catchingUp: Promise<void> | undefined

  transport.watch({
    up: () => undefined,
    down: () => undefined,
    gap(since) {
      gaps++
      missedSince = Math.min(missedSince ?? since, since)
      catchingUp ??= catchUp().finally(() => (catchingUp = undefined))
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

  /** Hears what was told to others while the transport did not know this process. */
  async function catchUp(): Promise<void> {
    while (missedSince !== undefined && !closing.signal.aborted)
      try {
        const before = gaps
        await hearSince(missedSince)
        if (gaps === before) missedSince = undefined
      } catch (error) {
        log.warn({reason: toError(error).message}, 'missed events can’t be read yet')
        await sleep(CATCH_UP_AGAIN_MS, undefined, {signal: closing.signal}).catch(() => undefined)
      }
  }

  async function hearSince(since: number): Promise<void> {
    for (let after = '0', more = true; more;) {
      const {events, last} = await store.told(pool, clock() - since + MARGIN_MS, after, BATCH)
      for (const event of events) bus.deliver(event)
      after = last
      more = events.length === BATCH
    }
  }

  async function sweepAll(): Promise<number> {
    for (let total = 0; ;) {
      if (!bus.open()) return total
      const told = await transaction(pool, async client => {
        const events = await store.claimUnpublished(client, BATCH)
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

    async flush() {
      await catchingUp
      await Promise.all(inFlight)
      await writing
    },

    async close() {
      closing.abort()
      await catchingUp
      await Promise.all(inFlight)
      await writing
      await sweeping?.catch(() => undefined)
    },
  }
}
