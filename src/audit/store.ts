import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import {groupCommit} from '../platform/group-commit.ts'
import {isTransient, transaction, type Db} from '../platform/postgres.ts'
import type {AuditLine, AuditPhase, Link} from './chain.ts'

/** A record before it has its place. The same `id` is appended once. */
export interface NewRecord {
  readonly id: string
  readonly action: string
  /** Found by the correlation id when undefined. */
  readonly actor: {readonly id: string; readonly name: string} | undefined
  readonly subject: string
  readonly correlationId: string | undefined
  readonly phase: AuditPhase
  readonly intent: string | undefined
  readonly details: Readonly<Record<string, string | number | boolean | null>>
}

export interface Appended {
  readonly id: string
  readonly seq: number
  readonly phase: AuditPhase
}

/** Which records are looked for; each part narrows. */
export interface AuditQuery {
  /** The id of an account, or a name. */
  readonly who?: string | undefined
  /** The beginning of an action. */
  readonly what?: string | undefined
  /** The beginning of a correlation id. */
  readonly correlationId?: string | undefined
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined
  /** Only those with a smaller number. */
  readonly before?: number | undefined
  readonly limit: number
}

/** A refusal, an intent or a note, with the outcome that was recorded for it; undefined: none was. */
export interface AuditCase {
  readonly line: AuditLine
  readonly outcome: AuditLine | undefined
}

interface LineRow {
  seq: string
  id: string
  at: Date
  action: string
  actor_id: string
  actor_name: string
  subject: string
  correlation_id: string | null
  phase: AuditPhase
  intent: string | null
  details: Readonly<Record<string, Json>>
  previous: string
  hash: string
}

const PAGE = 2_000
const NOTES_AT_ONCE = 500

/** Whether transactions have left something to be appended. */
export const AUDIT_NOTED = 'exists (select from audit_notes)'

export type AuditStore = ReturnType<typeof createAuditStore>

/** The SQL of the record. Numbers, hashes and times are the database's: see audit_append in migrations/0019_audit.sql. */
export function createAuditStore({pool}: {readonly pool: Pool}) {
  // One lane: appends take their turns anyway, and two batches would only hold two connections for it. An outage fails
  // the batch as a whole, since one after another they would each wait for it.
  const append = groupCommit<NewRecord, {readonly appended: Appended} | {readonly error: unknown}>(
    async records => {
      try {
        const appended = await appendWith(pool, JSON.stringify(records.map(toGiven)))
        return records.map((_, i) => ({appended: appended[i] as Appended}))
      } catch (error) {
        if (!isTransient(error)) throw error
        return records.map(() => ({error}))
      }
    },
    {lanes: 1},
  )

  /** Each with its outcome: the one recorded last. By two statements, since a join might be made before the limit. */
  async function casesOf(rows: readonly LineRow[]): Promise<readonly AuditCase[]> {
    const intents = rows.filter(({phase}) => phase === 'intent').map(({id}) => id)
    if (intents.length === 0) return rows.map(row => ({line: toLine(row), outcome: undefined}))
    const {rows: outcomes} = await pool.query<LineRow>(
      'select * from audit_records where intent = any($1::uuid[]) order by seq',
      [intents],
    )
    const byIntent = new Map(outcomes.map(row => [row.intent, toLine(row)]))
    return rows.map(row => ({line: toLine(row), outcome: byIntent.get(row.id)}))
  }

  return {
    /** Durable when it resolves. Those of the same moment share a commit. @throws what Postgres throws. */
    async append(record: NewRecord): Promise<Appended> {
      const outcome = await append(record)
      if ('error' in outcome) throw outcome.error
      return outcome.appended
    },

    /** Leaves it with the caller's transaction, for `takeNotes`. */
    async note(db: Db, record: NewRecord): Promise<void> {
      await db.query({
        name: 'audit-note',
        text: 'insert into audit_notes (id, record) values ($1, $2)',
        values: [record.id, JSON.stringify(toGiven(record))],
      })
    },

    /** Appends what transactions have left, the oldest first; answers those. */
    async takeNotes(): Promise<readonly Appended[]> {
      return transaction(pool, async db => {
        const {rows} = await db.query<{record: unknown}>(
          `with taken as (
             delete from audit_notes where id in (
               select id from audit_notes order by noted_at limit $1 for update skip locked)
             returning record, noted_at
           ) select record from taken order by noted_at`,
          [NOTES_AT_ONCE],
        )
        return rows.length === 0 ? [] : appendWith(db, JSON.stringify(rows.map(({record}) => record)))
      })
    },

    /** The newest first. */
    async search({
      who,
      what,
      correlationId,
      since,
      before,
      limit,
    }: AuditQuery): Promise<readonly AuditCase[]> {
      const {rows} = await pool.query<LineRow>(
        `select r.* from audit_records r
         where r.intent is null
           and ($1::text is null or r.actor_id = $1 or lower(r.actor_name) = lower($1))
           and ($2::text is null or starts_with(r.action, $2))
           and ($3::text is null or starts_with(r.correlation_id, $3))
           and ($4::timestamptz is null or r.at >= $4)
           and ($5::bigint is null or r.seq < $5)
         order by r.seq desc limit $6`,
        [
          who ?? null,
          what ?? null,
          correlationId ?? null,
          since === undefined ? null : new Date(since),
          before ?? null,
          limit,
        ],
      )
      return casesOf(rows)
    },

    /** By the id of a record or of its outcome, or the beginning of one: at least 8 characters of a UUID. */
    async find(id: string, limit: number): Promise<readonly AuditCase[]> {
      const [from, to] = rangeOf(id) ?? []
      if (from === undefined) return []
      const {rows} = await pool.query<LineRow>(
        `select r.* from audit_records r
         where r.id in (select coalesce(intent, id) from audit_records where id between $1 and $2)
         order by r.seq desc limit $3`,
        [from, to, limit],
      )
      return casesOf(rows)
    },

    /** The hash of the record with that number. */
    async hashAt(db: Db, seq: number): Promise<string | undefined> {
      const {rows} = await db.query<{hash: string}>('select hash from audit_records where seq = $1', [seq])
      return rows[0]?.hash
    },

    /** Where the chain is noted to end. */
    async head(db: Db = pool): Promise<Link | undefined> {
      const {rows} = await db.query<{seq: string; hash: string}>('select seq, hash from audit_head')
      return rows[0] && {seq: Number(rows[0].seq), hash: rows[0].hash}
    },

    /** Every record after that one, in order, some thousand at a time. */
    async *lines(db: Db, after: number): AsyncGenerator<readonly AuditLine[]> {
      for (let last = after; ;) {
        const {rows} = await db.query<LineRow>({
          name: 'audit-lines',
          text: 'select * from audit_records where seq > $1 order by seq limit $2',
          values: [last, PAGE],
        })
        if (rows.length === 0) return
        yield rows.map(toLine)
        last = Number(rows.at(-1)?.seq)
      }
    },
  }
}

async function appendWith(db: Db, given: string): Promise<readonly Appended[]> {
  const {rows} = await db.query<{id: string; seq: string; phase: AuditPhase}>({
    name: 'audit-append',
    text: 'select id, seq, phase from audit_append($1::jsonb)',
    values: [given],
  })
  return rows.map(({id, seq, phase}) => ({id, seq: Number(seq), phase}))
}

function toGiven({actor, correlationId, intent, ...record}: NewRecord) {
  return {
    ...record,
    actor_id: actor?.id ?? null,
    actor_name: actor?.name ?? null,
    correlation_id: correlationId ?? null,
    intent: intent ?? null,
  }
}

function toLine(row: LineRow): AuditLine {
  return {
    seq: Number(row.seq),
    id: row.id,
    at: row.at.toISOString(),
    action: row.action,
    actor: {id: row.actor_id, name: row.actor_name},
    subject: row.subject,
    correlation_id: row.correlation_id,
    phase: row.phase,
    intent: row.intent,
    details: row.details,
    previous: row.previous,
    hash: row.hash,
  }
}

/** The first and the last UUID that begin with the text. */
function rangeOf(id: string): readonly [string, string] | undefined {
  const text = id.toLowerCase()
  const fits = /^[0-9a-f]{8}/.test(text) && '00000000-0000-0000-0000-000000000000'.length >= text.length
  if (!fits) return undefined
  const filled = (digit: string) =>
    `${text}${'00000000-0000-0000-0000-000000000000'.slice(text.length)}`.replace(/./g, (mark, i: number) =>
      i < text.length || mark === '-' ? mark : digit,
    )
  const [from, to] = [filled('0'), filled('f')]
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(from) ? [from, to] : undefined
}
