import type {Pool} from 'pg'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Posting} from './relay.ts'

interface RelayRow {
  status: 'posting' | Posting['kind']
  began_at: Date
  message_id: string | null
  audit_id: string | null
  reason: string | null
}

/** Whether a message may be posted now. */
export type Begun =
  /** `again`: an earlier try of the same command may have posted it. */
  | {readonly kind: 'begun'; readonly again: boolean; readonly at: number}
  | {readonly kind: 'ended'; readonly posting: Posting; readonly auditId: string | undefined}
  /** The command was stopped before. */
  | {readonly kind: 'stopped'}
  /** The same message went to the same place moments ago. */
  | {readonly kind: 'repeated'}
  /** Its author posted as many as they may. */
  | {readonly kind: 'limited'; readonly until: number}

export interface NewRelay {
  readonly id: string
  readonly authorId: string
  readonly target: string
  readonly fingerprint: string
}

export interface Limits {
  readonly most: number
  readonly withinMs: number
  readonly repeatedWithinMs: number
}

export type RelayStore = ReturnType<typeof createRelayStore>

/** The SQL of relayed messages: one row per command, from when it may be at Discord. */
export function createRelayStore({pool}: {readonly pool: Pool}) {
  return {
    /**
     * Begins to post, for a command that still goes on: whoever stops the command first, stops this. The beginnings of
     * one author follow each other, so that no two are the last one allowed.
     */
    async begin({id, authorId, target, fingerprint}: NewRelay, limits: Limits): Promise<Begun> {
      return transaction(pool, async db => {
        await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`relay ${authorId}`])
        const {rows: known} = await db.query<RelayRow>(
          'select status, began_at, message_id, audit_id, reason from relays where id = $1',
          [id],
        )
        if (known[0]) return begunBefore(known[0])
        const {rowCount: live} = await db.query(
          'select from invocations where id = $1 and ended_at is null for share',
          [id],
        )
        if (live !== 1) return {kind: 'stopped'}
        const {rows} = await db.query<{n: number; first: Date | null; repeated: boolean | null}>(
          `select count(*)::int as n, min(began_at) as first,
             bool_or(target = $3 and fingerprint = $4 and status <> 'failed'
               and began_at > now() - make_interval(secs => $5::float8 / 1000)) as repeated
           from relays where author_id = $1 and began_at > now() - make_interval(secs => $2::float8 / 1000)`,
          [authorId, limits.withinMs, target, fingerprint, limits.repeatedWithinMs],
        )
        const {n = 0, first = null, repeated = false} = rows[0] ?? {}
        if (repeated === true) return {kind: 'repeated'}
        if (n >= limits.most) return {kind: 'limited', until: (first?.getTime() ?? 0) + limits.withinMs}
        const {rows: begun} = await db.query<{began_at: Date}>(
          `insert into relays (id, author_id, target, fingerprint) values ($1, $2, $3, $4) returning began_at`,
          [id, authorId, target, fingerprint],
        )
        return {kind: 'begun', again: false, at: begun[0]?.began_at.getTime() ?? 0}
      })
    },

    /** It was never sent: nothing stays of it. */
    async withdraw(id: string): Promise<void> {
      await pool.query(`delete from relays where id = $1 and status = 'posting'`, [id])
    },

    /** Notes how posting ended; false where that is noted already. */
    async endWithin(db: Db, id: string, posting: Posting, auditId: string | undefined): Promise<boolean> {
      const {rowCount} = await db.query(
        `update relays set status = $2, message_id = $3, reason = $4, audit_id = $5, ended_at = now()
         where id = $1 and status = 'posting'`,
        [
          id,
          posting.kind,
          posting.kind === 'posted' ? posting.messageId : null,
          posting.kind === 'posted' ? null : posting.reason,
          auditId ?? null,
        ],
      )
      return rowCount === 1
    },
  }
}

function begunBefore({status, began_at, message_id, audit_id, reason}: RelayRow): Begun {
  if (status === 'posting') return {kind: 'begun', again: true, at: began_at.getTime()}
  const posting: Posting =
    status === 'posted' ? {kind: status, messageId: message_id ?? ''} : {kind: status, reason: reason ?? ''}
  return {kind: 'ended', posting, auditId: audit_id ?? undefined}
}
