import type {Db} from '../platform/postgres.ts'
import type {Event, InterAgentEvent} from './event.ts'

export interface HistoryQuery {
  readonly correlationId?: string
  readonly type?: string
  readonly workflowId?: string
  /** Source or target. */
  readonly agent?: string
  readonly messageType?: string
  /** The latest so many; 100 unless said otherwise, 1,000 at most. */
  readonly limit?: number
}

/** A remembered event that is not told to anyone again, such as a message or a request. */
export type Remark = Pick<InterAgentEvent, 'event_type' | 'source_agent' | 'payload' | 'timestamp'> &
  Partial<Pick<InterAgentEvent, 'target_agent' | 'correlation_id' | 'priority'>> & {readonly event_id: string}

/** How long an event is left to the process that wrote it. */
const GRACE_MS = 1_500
const UNTOLD = `published_at is null and created_at < clock_timestamp() - interval '${GRACE_MS} ms'`

/** Whether events wait that nobody told: see `sweep`. */
export const EVENTS_UNTOLD = `exists (select from events where ${UNTOLD})`

/** The SQL of the `events` table. Times are the database's. */
export function createJournalStore() {
  return {
    async insert(db: Db, event: Event): Promise<void> {
      await db.query({
        name: 'event-insert',
        text: `insert into events (event_id, event_type, source_agent, correlation_id, payload, durable)
               values ($1, $2, $3, $4, $5, true)`,
        values: [
          event.event_id,
          event.type,
          event.source,
          event.correlation_id ?? null,
          JSON.stringify(event.data),
        ],
      })
    },

    async remember(db: Db, remarks: readonly Remark[]): Promise<void> {
      await db.query({
        name: 'event-remember',
        text: `insert into events (event_id, event_type, source_agent, target_agent, correlation_id, priority,
                                   payload, durable, created_at, published_at)
               select (e->>'event_id')::uuid, e->>'event_type', e->>'source_agent', e->>'target_agent',
                      e->>'correlation_id', coalesce((e->>'priority')::integer, 0), e->'payload', false,
                      (e->>'timestamp')::timestamptz, now()
               from jsonb_array_elements($1::jsonb) with ordinality as t (e, n) order by n
               on conflict (event_id) do nothing`,
        values: [JSON.stringify(remarks)],
      })
    },

    async markPublished(db: Db, eventIds: readonly string[]): Promise<void> {
      await db.query({
        name: 'event-published',
        text: 'update events set published_at = now() where event_id = any($1::uuid[]) and published_at is null',
        values: [eventIds],
      })
    },

    /** Those that were left untold, locked: what another process holds is skipped. */
    async claimUnpublished(db: Db, limit: number): Promise<readonly Event[]> {
      const {rows} = await db.query<EventRow>({
        name: 'event-unpublished',
        text: `select ${COLUMNS} from events where ${UNTOLD} order by seq limit $1 for update skip locked`,
        values: [limit],
      })
      return rows.map(toEvent)
    },

    /** Durable events told within the last `ageMs`, or not at all yet, in the order they were written. */
    async told(
      db: Db,
      ageMs: number,
      afterSeq: string,
      limit: number,
    ): Promise<{events: readonly Event[]; last: string}> {
      const {rows} = await db.query<EventRow>({
        name: 'event-told',
        text: `select ${COLUMNS} from events
               where durable and seq > $2
                 and (published_at >= clock_timestamp() - $1 * interval '1 millisecond' or published_at is null)
               order by seq limit $3`,
        values: [ageMs, afterSeq, limit],
      })
      return {events: rows.map(toEvent), last: rows.at(-1)?.seq ?? afterSeq}
    },

    /** The latest that match, oldest first. */
    async find(db: Db, query: HistoryQuery): Promise<readonly InterAgentEvent[]> {
      const {rows} = await db.query<EventRow>({
        name: 'event-history',
        text: `select * from (
                 select ${COLUMNS} from events
                 where ($1::text is null or correlation_id = $1)
                   and ($2::text is null or event_type = $2)
                   and ($3::text is null or payload->>'workflow_id' = $3)
                   and ($4::text is null or source_agent = $4 or target_agent = $4)
                   and ($5::text is null or payload->>'type' = $5)
                 order by seq desc limit $6
               ) latest order by seq`,
        values: [
          query.correlationId ?? null,
          query.type ?? null,
          query.workflowId ?? null,
          query.agent ?? null,
          query.messageType ?? null,
          Math.min(Math.max(1, query.limit ?? 100), 1_000),
        ],
      })
      return rows.map(toWire)
    },

    /** Removes what is older than `ageMs` and all but about the last `rows`, some thousands at a time; answers how many. */
    async forget(
      db: Db,
      {ageMs, rows, limit}: {ageMs: number; rows: number; limit: number},
    ): Promise<number> {
      const {rowCount} = await db.query({
        name: 'event-forget',
        text: `delete from events where seq in (
                 select seq from events
                 where published_at is not null
                   and (created_at < clock_timestamp() - $1 * interval '1 millisecond'
                        or seq <= (select max(seq) from events) - $2)
                 order by seq limit $3 for update skip locked)`,
        values: [ageMs, rows, limit],
      })
      return rowCount ?? 0
    },
  }
}
export type JournalStore = ReturnType<typeof createJournalStore>

const COLUMNS =
  'seq, event_id, event_type, source_agent, target_agent, correlation_id, priority, payload, created_at'

interface EventRow {
  seq: string
  event_id: string
  event_type: string
  source_agent: string
  target_agent: string | null
  correlation_id: string | null
  priority: number
  payload: InterAgentEvent['payload']
  created_at: Date
}

function toWire(row: EventRow): InterAgentEvent {
  return {
    event_id: row.event_id,
    event_type: row.event_type,
    source_agent: row.source_agent,
    target_agent: row.target_agent,
    payload: row.payload,
    timestamp: row.created_at.toISOString(),
    ...(row.correlation_id === null ? {} : {correlation_id: row.correlation_id}),
    priority: row.priority,
  }
}

function toEvent(row: EventRow): Event {
  return {
    event_id: row.event_id,
    type: row.event_type,
    data: row.payload,
    timestamp: row.created_at.toISOString(),
    source: row.source_agent,
    ...(row.correlation_id === null ? {} : {correlation_id: row.correlation_id}),
  }
}
