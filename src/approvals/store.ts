import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import type {RiskLevel} from '../platform/config/config.ts'
import type {OutboxEntry} from '../platform/outbox.ts'
import type {Db} from '../platform/postgres.ts'
import {entitledRoles, type ApprovalState, type HistoryLine} from './decide.ts'
import type {ApprovalStatus, HistoryEntry, Subject} from './request.ts'

interface ApprovalRow {
  id: string
  subject: Subject
  correlation_id: string
  status: ApprovalStatus
  action: ApprovalState['action']
  requester: ApprovalState['requester']
  risk_level: RiskLevel
  risk_score: string
  risk_reasons: readonly string[]
  required: ApprovalState['required']
  bound: ApprovalState['bound']
  digest: string
  card: ApprovalState['card'] | null
  decisions: ApprovalState['decisions']
  escalations: number
  note: string | null
  channel_id: string | null
  linear: ApprovalState['linear'] | null
  version: number
  created_at: Date
  remind_at: Date | null
  expires_at: Date | null
  decided_at: Date | null
  used_at: Date | null
}

const COLUMNS = `id, subject, correlation_id, status, action, requester, risk_level, risk_score, risk_reasons, required,
  bound, digest, card, decisions, escalations, note, channel_id, linear, version, created_at, remind_at, expires_at, decided_at,
  used_at`
const RISKIEST_FIRST = `array_position(array['critical', 'high', 'medium', 'low'], risk_level), created_at`

interface ActionRow {
  seq: number
  action: HistoryEntry['action']
  actor: string
  role: string | null
  surface: HistoryEntry['surface'] | null
  note: string | null
  metadata: HistoryEntry['metadata']
  at: Date
}

/** What identifies an attempt of somebody's: repeated, it is the same one. */
export interface Attempt {
  readonly key: string
  readonly evidence: Readonly<Record<string, Json>>
}

export type ApprovalStore = ReturnType<typeof createApprovalStore>

/** The SQL of approvals. Changes are made under the lock of the request's row, by whoever took it with `lock`. */
export function createApprovalStore({pool}: {readonly pool: Pool}) {
  async function one(db: Db, where: string, values: readonly unknown[]): Promise<ApprovalState | undefined> {
    const {rows} = await db.query<ApprovalRow>(
      `select ${COLUMNS} from approval_requests where ${where}`,
      values as unknown[],
    )
    return rows[0] && toState(rows[0])
  }

  return {
    /** The database's time, which is the only one that counts here. */
    async now(db: Db): Promise<number> {
      const {rows} = await db.query<{at: Date}>('select clock_timestamp() as at')
      return (rows[0] as {at: Date}).at.getTime()
    },

    find: (id: string) => one(pool, 'id = $1', [id]),

    findBySubject: (db: Db, subject: Subject) => one(db, 'subject_key = $1', [keyOf(subject)]),

    /** The latest request about a deployment or a run. */
    findByTask: (taskId: string) => one(pool, 'task_id = $1 order by created_at desc limit 1', [taskId]),

    /** Those of a run's gates that were approved and used, the last one first. */
    async usedBy(db: Db, run: string): Promise<readonly ApprovalState[]> {
      const {rows} = await db.query<ApprovalRow>(
        `select ${COLUMNS} from approval_requests
         where task_id = $1 and subject ->> 'kind' = 'gate' and status = 'approved' and used_at is not null
         order by used_at desc`,
        [run],
      )
      return rows.map(toState)
    },

    /** Takes the request's row for the rest of the transaction. */
    async lock(db: Db, id: string): Promise<ApprovalState | undefined> {
      const {rows} = await db.query<ApprovalRow>({
        name: 'approvals-lock',
        text: `select ${COLUMNS} from approval_requests where id = $1 for update`,
        values: [id],
      })
      return rows[0] && toState(rows[0])
    },

    /**
     * Under the row's lock: the time, and what became of this very attempt when it was made before. A statement of its
     * own, since that of the lock still sees what was there before it waited.
     */
    async look(
      db: Db,
      id: string,
      key: string | undefined,
    ): Promise<{readonly at: number; readonly earlier: HistoryEntry | undefined}> {
      const {rows} = await db.query<{now: Date} & (ActionRow | {seq: null})>({
        name: 'approvals-look',
        text: `select clock_timestamp() as now, seq, action, actor, role, surface, note, metadata, at
          from (values (1)) as once left join approval_actions on approval_id = $1 and key = $2`,
        values: [id, key ?? null],
      })
      const [row] = rows as [{now: Date} & (ActionRow | {seq: null})]
      return {at: row.now.getTime(), earlier: row.seq === null ? undefined : toEntry(row)}
    },

    /** False when there is one for this subject already. */
    async insert(db: Db, state: ApprovalState): Promise<boolean> {
      const {rowCount} = await db.query({
        name: 'approvals-insert',
        text: `insert into approval_requests (
            id, subject_key, task_id, subject, correlation_id, action, requester, risk_level, risk_score, risk_reasons,
            required, entitled, bound, digest, card, channel_id, created_at, remind_at, expires_at, status)
          values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 'pending')
          on conflict (subject_key) do nothing`,
        values: [
          state.id,
          keyOf(state.subject),
          state.subject.kind === 'deployment' ? state.subject.id : state.subject.run,
          JSON.stringify(state.subject),
          state.correlationId,
          JSON.stringify(state.action),
          JSON.stringify(state.requester),
          state.risk.level,
          state.risk.score,
          JSON.stringify(state.risk.reasons),
          JSON.stringify(state.required),
          entitledRoles(state),
          JSON.stringify(state.bound),
          state.digest,
          state.card === undefined ? null : JSON.stringify(state.card),
          state.channelId ?? null,
          new Date(state.createdAt),
          date(state.remindAt),
          date(state.expiresAt),
        ],
      })
      return rowCount === 1
    },

    /**
     * Writes what a decision made of the row, by the database's clock once more: false when `before` is not what stands
     * there any more, or when its time ran out since it was looked at.
     */
    async save(db: Db, before: ApprovalState, after: ApprovalState): Promise<boolean> {
      const {rowCount} = await db.query({
        name: 'approvals-save',
        text: `update approval_requests set status = $3, decisions = $4, escalations = $5, entitled = $6, note = $7,
            version = $8, remind_at = $9, expires_at = $10, decided_at = $11, used_at = $12
          where id = $1 and version = $2 and status = $13
            and (status <> 'pending' or $3 = 'expired' or $5 > escalations
              or expires_at is null or expires_at > clock_timestamp())`,
        values: [
          before.id,
          before.version,
          after.status,
          JSON.stringify(after.decisions),
          after.escalations,
          entitledRoles(after),
          after.note ?? null,
          after.version,
          date(after.remindAt),
          date(after.expiresAt),
          date(after.decidedAt),
          date(after.usedAt),
          before.status,
        ],
      })
      return rowCount === 1
    },

    async place(db: Db, id: string, linear: NonNullable<ApprovalState['linear']>): Promise<void> {
      await db.query('update approval_requests set linear = $2 where id = $1', [id, JSON.stringify(linear)])
    },

    /** Writes lines under the row's lock; the last one is the attempt's. Answers the number of the first. */
    async append(
      db: Db,
      id: string,
      lines: readonly HistoryLine[],
      at: number,
      attempt: Attempt | undefined,
    ): Promise<number> {
      const given = lines.map((line, i) => {
        const own = i === lines.length - 1 ? attempt : undefined
        return {
          ...line,
          n: i,
          key: own?.key ?? null,
          metadata: {
            ...line.metadata,
            ...(own && Object.keys(own.evidence).length > 0 ? {evidence: own.evidence} : {}),
          },
        }
      })
      const {rows} = await db.query<{seq: number}>({
        name: 'approvals-append',
        text: `insert into approval_actions (approval_id, seq, action, actor, role, surface, note, metadata, key, at)
          select $1, n + (select coalesce(max(seq), 0) + 1 from approval_actions where approval_id = $1),
                 action, actor, role, surface, note, metadata, key, $3
          from jsonb_to_recordset($2::jsonb) as g(
            n integer, action text, actor text, role text, surface text, note text, metadata jsonb, key text)
          order by n
          returning seq`,
        values: [id, JSON.stringify(given), new Date(at)],
      })
      return Math.min(...rows.map(({seq}) => seq))
    },

    async history(id: string): Promise<readonly HistoryEntry[]> {
      const {rows} = await pool.query<ActionRow>(
        `select seq, action, actor, role, surface, note, metadata, at from approval_actions
         where approval_id = $1 order by seq`,
        [id],
      )
      return rows.map(toEntry)
    },

    async pending({
      roles,
      limit,
    }: {
      readonly roles?: readonly string[]
      readonly limit: number
    }): Promise<readonly ApprovalState[]> {
      const {rows} = await pool.query<ApprovalRow>(
        `select ${COLUMNS} from approval_requests
         where status = 'pending' and ($1::text[] is null or entitled && $1)
         order by ${RISKIEST_FIRST} limit $2`,
        [roles ?? null, limit],
      )
      return rows.map(toState)
    },

    /** Those for which something is due by itself. */
    async due(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'approvals-due',
        text: `select id from approval_requests
          where status = 'pending' and least(remind_at, expires_at) <= now()
          order by least(remind_at, expires_at) limit $1`,
        values: [limit],
      })
      return rows.map(({id}) => id)
    },

    /** How many wait, by level. */
    async backlog(): Promise<ReadonlyMap<string, number>> {
      const {rows} = await pool.query<{risk_level: string; n: number}>({
        name: 'approvals-backlog',
        text: `select risk_level, count(*)::int as n from approval_requests where status = 'pending' group by risk_level`,
      })
      return new Map(rows.map(({risk_level, n}) => [risk_level, n]))
    },

    /** Leaves jobs that commit with the rest; to be relayed once that has happened. */
    async leave(db: Db, jobs: readonly Omit<OutboxEntry, 'outboxId'>[]): Promise<readonly OutboxEntry[]> {
      if (jobs.length === 0) return []
      const {rows} = await db.query<{outbox_id: string; job_id: string}>({
        name: 'approvals-leave',
        text: `insert into outbox (queue, name, job_id, data, delay_ms)
          select queue, name, job_id, data, delay_ms from jsonb_to_recordset($1::jsonb) as g(
            queue text, name text, job_id text, data jsonb, delay_ms integer)
          returning id as outbox_id, job_id`,
        values: [
          JSON.stringify(
            jobs.map(({queue, name, id, data, delayMs = 0}) => ({
              queue,
              name,
              job_id: id,
              data,
              delay_ms: delayMs,
            })),
          ),
        ],
      })
      const rowOf = new Map(rows.map(({job_id, outbox_id}) => [job_id, outbox_id]))
      return jobs.map(job => ({...job, outboxId: rowOf.get(job.id) ?? ''}))
    },
  }
}

function keyOf(subject: Subject): string {
  return subject.kind === 'deployment'
    ? `deployment:${subject.id}:${subject.round}`
    : `gate:${subject.run}:${subject.signal}`
}

function date(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms)
}

function toState(row: ApprovalRow): ApprovalState {
  return {
    id: row.id,
    subject: row.subject,
    correlationId: row.correlation_id,
    status: row.status,
    action: row.action,
    requester: row.requester,
    risk: {level: row.risk_level, score: Number(row.risk_score), reasons: row.risk_reasons},
    required: row.required,
    bound: row.bound,
    digest: row.digest,
    card: row.card ?? undefined,
    decisions: row.decisions,
    escalations: row.escalations,
    note: row.note ?? undefined,
    version: row.version,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime(),
    decidedAt: row.decided_at?.getTime(),
    usedAt: row.used_at?.getTime(),
    channelId: row.channel_id ?? undefined,
    ...(row.linear ? {linear: row.linear} : {}),
    remindAt: row.remind_at?.getTime(),
  }
}

function toEntry(row: ActionRow): HistoryEntry {
  return {
    seq: row.seq,
    action: row.action,
    actor: row.actor,
    role: row.role ?? undefined,
    surface: row.surface ?? undefined,
    note: row.note ?? undefined,
    metadata: row.metadata,
    at: row.at.getTime(),
  }
}
