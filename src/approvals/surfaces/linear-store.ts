import type {Pool} from 'pg'

/** A request's thread in Linear. */
export interface LinearThread {
  readonly approvalId: string
  /** The hub, or the request's own issue under it. */
  readonly issueId: string
  readonly ownIssue: boolean
  readonly rootId: string
  readonly opened: boolean
  readonly closed: boolean
}

export interface LinearSessionRow {
  readonly sessionId: string
  /** Undefined: it is about nothing that waits. */
  readonly approvalId: string | undefined
  readonly ended: boolean
}

/** Whether the hub is to be read. */
export const READING_DUE = 'exists (select from linear_reading where due_at <= now())'

export type LinearStore = ReturnType<typeof createLinearStore>

const THREAD = `approval_id as "approvalId", issue_id as "issueId", own_issue as "ownIssue", root_id as "rootId",
  opened_at is not null as opened, closed_at is not null as closed`
const SESSION = `session_id as "sessionId", approval_id as "approvalId", ended_at is not null as ended`

/** A reading that is due so soon anyway is not brought forward: its row is one for all requests. */
const SOON_MS = 2000

export function createLinearStore({pool}: {readonly pool: Pool}) {
  async function one<T extends object>(text: string, values: readonly unknown[]): Promise<T | undefined> {
    return (await pool.query<T>(text, [...values])).rows[0]
  }

  return {
    /** Notes where the thread is going to be, before anything is there; its first comment is ours. */
    async plan(thread: Omit<LinearThread, 'opened' | 'closed'>): Promise<void> {
      await pool.query(
        `with own as (
           insert into linear_inputs (key, outcome) values ('comment:' || $4::uuid, 'own') on conflict do nothing)
         insert into linear_threads (approval_id, issue_id, own_issue, root_id) values ($1, $2, $3, $4::uuid)
         on conflict (approval_id) do nothing`,
        [thread.approvalId, thread.issueId, thread.ownIssue, thread.rootId],
      )
    },

    /** It is there now; the next reading must not be far. */
    async opened(approvalId: string): Promise<void> {
      await pool.query(
        `with thread as (update linear_threads set opened_at = coalesce(opened_at, now()) where approval_id = $1)
         update linear_reading set due_at = now() where due_at > now() + $2 * interval '1 ms'`,
        [approvalId, SOON_MS],
      )
    },

    async closed(approvalId: string): Promise<void> {
      await pool.query(
        'update linear_threads set closed_at = coalesce(closed_at, now()) where approval_id = $1',
        [approvalId],
      )
    },

    thread: (approvalId: string) =>
      one<LinearThread>(`select ${THREAD} from linear_threads where approval_id = $1`, [approvalId]),

    /**
     * The thread that a comment at this place belongs to: under its root, or directly on the request's own issue. Other
     * threads there are other people's talk.
     */
    threadAt: ({issueId, parentId}: {readonly issueId: string; readonly parentId: string | undefined}) =>
      one<LinearThread>(
        `select ${THREAD} from linear_threads
         where root_id = $2::uuid or ($2::uuid is null and own_issue and issue_id = $1::uuid)`,
        [issueId, parentId ?? null],
      ),

    /** The thread that a session is about: held under its root, or anywhere on the request's own issue. */
    threadOfSession: (session: {
      readonly issueId: string | undefined
      readonly commentId: string | undefined
    }) =>
      one<LinearThread>(
        `select ${THREAD} from linear_threads where root_id = $2::uuid or (own_issue and issue_id = $1::uuid)`,
        [session.issueId ?? null, session.commentId ?? null],
      ),

    /** Those of some comments that threads of ours begin with. */
    async threadsOfRoots(rootIds: readonly string[]): Promise<readonly LinearThread[]> {
      if (rootIds.length === 0) return []
      const {rows} = await pool.query<LinearThread>(
        `select ${THREAD} from linear_threads where root_id = any($1::uuid[])`,
        [rootIds],
      )
      return rows
    },

    /** Whether an input is still to be worked on; begins it. One that was begun and not ended is begun again. */
    async begin(key: string): Promise<boolean> {
      const row = await one<{outcome: string | null}>(
        `insert into linear_inputs (key) values ($1)
         on conflict (key) do update set received_at = linear_inputs.received_at returning outcome`,
        [key],
      )
      return row?.outcome === null
    },

    async settle(key: string, outcome: string): Promise<void> {
      await pool.query(
        `insert into linear_inputs (key, outcome) values ($1, $2)
         on conflict (key) do update set outcome = excluded.outcome`,
        [key, outcome],
      )
    },

    /** Of some keys those that are not settled. */
    async unsettled(keys: readonly string[]): Promise<ReadonlySet<string>> {
      if (keys.length === 0) return new Set()
      const {rows} = await pool.query<{key: string}>(
        `select key from unnest($1::text[]) key
         where not exists (select from linear_inputs i where i.key = key.key and i.outcome is not null)`,
        [keys],
      )
      return new Set(rows.map(({key}) => key))
    },

    /**
     * The instant up to which the hub was read, for one process at a time: nobody else is due before `againMs`, or before
     * `idleMs` when nothing waits. Undefined: it is not due.
     */
    async takeReading(againMs: number, idleMs: number): Promise<number | undefined> {
      const row = await one<{readUntil: Date}>(
        `update linear_reading set due_at = now() + interval '1 ms' *
           case when exists (select from linear_threads where closed_at is null) then $1::bigint else $2::bigint end
         where due_at <= now() returning read_until as "readUntil"`,
        [againMs, idleMs],
      )
      return row?.readUntil.getTime()
    },

    async readUntil(at: number): Promise<void> {
      await pool.query('update linear_reading set read_until = greatest(read_until, $1)', [new Date(at)])
    },

    session: (sessionId: string) =>
      one<LinearSessionRow>(`select ${SESSION} from linear_sessions where session_id = $1`, [sessionId]),

    async keepSession(sessionId: string, approvalId: string | undefined): Promise<void> {
      await pool.query(
        `insert into linear_sessions (session_id, approval_id) values ($1, $2)
         on conflict (session_id) do update set touched_at = now()`,
        [sessionId, approvalId ?? null],
      )
    },

    async endSession(sessionId: string): Promise<void> {
      await pool.query(
        'update linear_sessions set ended_at = coalesce(ended_at, now()) where session_id = $1',
        [sessionId],
      )
    },

    async sessionsOf(approvalId: string): Promise<readonly LinearSessionRow[]> {
      const {rows} = await pool.query<LinearSessionRow>(
        `select ${SESSION} from linear_sessions where approval_id = $1 and ended_at is null`,
        [approvalId],
      )
      return rows
    },

    /** Open sessions in which we said nothing for so long; they count as touched, so that one process sees to each. */
    async takeQuietSessions(quietMs: number, limit: number): Promise<readonly LinearSessionRow[]> {
      const {rows} = await pool.query<LinearSessionRow>(
        `update linear_sessions set touched_at = now()
         where session_id in (
           select session_id from linear_sessions
           where ended_at is null and touched_at < now() - $1 * interval '1 ms'
           order by touched_at limit $2 for update skip locked)
         returning ${SESSION}`,
        [quietMs, limit],
      )
      return rows
    },

    /** Lets go of inputs too old to come again. */
    async forget(): Promise<void> {
      await pool.query(`delete from linear_inputs where received_at < now() - interval '90 days'`)
    },
  }
}
