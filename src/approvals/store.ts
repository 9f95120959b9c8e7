import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {OutboxEntry} from '../platform/outbox.ts'
import type {Db} from '../platform/postgres.ts'
import {entitledRoles, type ApprovalState, type HistoryLine} from './decide.ts'
import type {Bounded} from './limits.ts'
import type {ApprovalStatus, HistoryEntry, Subject} from './request.ts'
import type {StatisticsRow} from './statistics.ts'

interface ApprovalRow {
  id: string
  kind: Subject['kind']
  task_id: string
  turn: string
  path: string | null
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

const REQUESTS = 'approval_requests join approval_requirements on hash = requirement'
const COLUMNS = `id, kind, task_id, turn, path, correlation_id, status, action, requester, risk_level, risk_score,
  risk_reasons, content as required, bound, encode(digest, 'hex') as digest, card, decisions, escalations, note, channel_id, linear, version, created_at, remind_at, expires_at, decided_at,
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

/** A job before it has a row in the outbox. */
type Job = Omit<OutboxEntry, 'outboxId'>

interface LeftRow {
  outbox_id: string
  job_id: string
}

/** What identifies an attempt of somebody's: repeated, it is the same one. */
export interface Attempt {
  readonly key: string
  readonly evidence: Readonly<Record<string, Json>>
}

/** A request whose row is held until the transaction ends. */
export interface Held {
  readonly state: ApprovalState
  /** By the database's clock, which is the only one that counts here; milliseconds since the epoch. */
  readonly at: number
  /** What became of this very attempt when it was made before. */
  readonly earlier: HistoryEntry | undefined
  /** The number of the next line of its history: nobody else writes one while the row is held. */
  readonly next: number
}

/** Lines that go on with a request's history, the last of which is the attempt's. */
interface Lines {
  readonly lines: readonly HistoryLine[]
  /** The number of the first. */
  readonly first: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly attempt?: Attempt | undefined
}

/** Thousands may wait: so many are looked at to see who has enough to decide. */
const COUNTED = 200

/** Of what a request takes, given as $4. */
const HASH = `sha256(convert_to($4::jsonb::text, 'UTF8'))`

/** Writes the lines $2 of the request $1 at the time $3. */
const NOTE = `insert into approval_actions (approval_id, seq, action, actor, role, surface, note, metadata, key, at)
  select $1, seq, action, actor, role, surface, note, metadata, key, $3
  from jsonb_to_recordset($2) as g(
    seq integer, action text, actor text, role text, surface text, note text, metadata jsonb, key text)`

/** Leaves jobs, given as this parameter. */
const leaving = (jobs: string) => `insert into outbox (queue, name, job_id, data, delay_ms)
  select queue, name, job_id, data, delay_ms from jsonb_to_recordset(${jobs}) as g(
    queue text, name text, job_id text, data jsonb, delay_ms integer)`

const DUE = `status = 'pending' and least(remind_at, expires_at) <= now()`
/** Whether something is due by itself for any of them. */
export const APPROVALS_DUE = `exists (select from approval_requests where ${DUE})`

export type ApprovalStore = ReturnType<typeof createApprovalStore>

/** The SQL of approvals. Changes are made under the lock of the request's row, by whoever holds it: see `take`. */
export function createApprovalStore({pool}: {readonly pool: Pool}) {
  async function one(db: Db, where: string, values: readonly unknown[]): Promise<ApprovalState | undefined> {
    const {rows} = await db.query<ApprovalRow>(
      `select ${COLUMNS} from ${REQUESTS} where ${where}`,
      values as unknown[],
    )
    return rows[0] && toState(rows[0])
  }

  return {
    find: (id: string) => one(pool, 'id = $1', [id]),

    /** The latest request about a deployment or a run. */
    findByTask: (taskId: string) => one(pool, 'task_id = $1 order by created_at desc limit 1', [taskId]),

    /** Those of a run's gates that were approved and used, the last one first. */
    async usedBy(db: Db, run: string): Promise<readonly ApprovalState[]> {
      const {rows} = await db.query<ApprovalRow>(
        `select ${COLUMNS} from ${REQUESTS}
         where task_id = $1 and kind = 'gate' and status = 'approved' and used_at is not null
         order by used_at desc`,
        [run],
      )
      return rows.map(toState)
    },

    /** The database's time, and the request that there may be about the subject. */
    async look(
      db: Db,
      subject: Subject,
    ): Promise<{readonly at: number; readonly asked: ApprovalState | undefined}> {
      const {rows} = await db.query<{now: Date} & (ApprovalRow | {id: null})>({
        name: 'approvals-look',
        text: `select clock_timestamp() as now, ${COLUMNS}
          from (values (1)) as once left join (${REQUESTS}) on (task_id, kind, turn) = ($1, $2, $3)`,
        values: [...keyOf(subject)],
      })
      const [row] = rows as [{now: Date} & (ApprovalRow | {id: null})]
      return {at: row.now.getTime(), asked: row.id === null ? undefined : toState(row)}
    },

    /**
     * Takes the request's row for the rest of the transaction; undefined when there is none. Sent together, its two
     * statements are carried out in turn: the second sees what was committed while the first waited for the lock.
     */
    async take(db: Db, id: string, key: string | undefined): Promise<Held | undefined> {
      const [{rows: requests}, {rows: looks}] = await Promise.all([
        db.query<ApprovalRow>({
          name: 'approvals-lock',
          text: `select ${COLUMNS} from ${REQUESTS} where id = $1 for update of approval_requests`,
          values: [id],
        }),
        db.query<{now: Date; next: number} & (ActionRow | {seq: null})>({
          name: 'approvals-earlier',
          text: `select clock_timestamp() as now, seq, action, actor, role, surface, note, metadata, at,
              (select coalesce(max(seq), 0) + 1 from approval_actions where approval_id = $1) as next
            from (values (1)) as once left join approval_actions on approval_id = $1 and key = $2`,
          values: [id, key ?? null],
        }),
      ])
      const [request] = requests
      const [look] = looks as [{now: Date; next: number} & (ActionRow | {seq: null})]
      return (
        request && {
          state: toState(request),
          at: look.now.getTime(),
          earlier: look.seq === null ? undefined : toEntry(look),
          next: look.next,
        }
      )
    },

    /** Writes a request and the first lines of its history; false when there is one for its subject already. */
    async insert(db: Db, state: ApprovalState, lines: readonly HistoryLine[]): Promise<boolean> {
      const {rowCount} = await db.query({
        name: 'approvals-insert',
        text: `with pinned as (
            insert into approval_requirements (hash, content) values (${HASH}, $4) on conflict do nothing
          ), asked as (
            insert into approval_requests (
              id, created_at, requirement, task_id, kind, turn, path, correlation_id, action, requester, risk_level,
              risk_score, risk_reasons, entitled, bound, digest, card, channel_id, remind_at, expires_at, escalations,
              status)
            values ($1, $3, ${HASH}, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, decode($17, 'hex'), $18, $19,
              $20, $21, $22, 'pending')
            on conflict (task_id, kind, turn) do nothing
            returning id
          ), noted as (${NOTE} where exists (select from asked))
          select from asked`,
        values: [
          state.id,
          linesOf({lines, first: 1}),
          new Date(state.createdAt),
          JSON.stringify(state.required),
          ...keyOf(state.subject),
          state.subject.kind === 'gate' ? state.subject.path : null,
          state.correlationId,
          JSON.stringify(state.action),
          JSON.stringify(state.requester),
          state.risk.level,
          state.risk.score,
          JSON.stringify(state.risk.reasons),
          entitledRoles(state),
          JSON.stringify(state.bound),
          state.digest,
          state.card === undefined ? null : JSON.stringify(state.card),
          state.channelId ?? null,
          date(state.remindAt),
          date(state.expiresAt),
          state.escalations,
        ],
      })
      return rowCount === 1
    },

    /**
     * Writes what a decision made of the row, by the database's clock once more, and with it the lines and the jobs, which
     * are to be relayed after the commit. Fails with SERIALIZATION_FAILURE, and the transaction with it, when `before` is
     * not what stands there any more, or when its time ran out since it was looked at.
     */
    async save(
      db: Db,
      before: ApprovalState,
      after: ApprovalState,
      lines: Lines,
      jobs: readonly Job[],
    ): Promise<readonly OutboxEntry[]> {
      const noted = [before.id, linesOf(lines), new Date(lines.at)]
      if (before === after) {
        await db.query({name: 'approvals-note', text: NOTE, values: noted})
        return []
      }
      const {rows} = await db.query<LeftRow>({
        name: 'approvals-save',
        text: `with saved as (
            update approval_requests set status = $6, decisions = $7, escalations = $8, entitled = $9, note = $10,
              version = $11, remind_at = $12, expires_at = $13, decided_at = $14, used_at = $15
            where id = $1 and version = $4 and status = $5
              and (status <> 'pending' or $6 in ('expired', 'cancelled') or $8 > escalations
                or expires_at is null or expires_at > clock_timestamp())
            returning id
          ), noted as (${NOTE}), left_behind as (${leaving('$16')} returning id, job_id)
          select assert_current(exists (select from saved)), left_behind.id as outbox_id, job_id
          from (values (1)) as once left join left_behind on true`,
        values: [
          ...noted,
          before.version,
          before.status,
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
          givenJobs(jobs),
        ],
      })
      return entriesOf(jobs, rows)
    },

    async place(db: Db, id: string, linear: NonNullable<ApprovalState['linear']>): Promise<void> {
      await db.query('update approval_requests set linear = $2 where id = $1', [id, JSON.stringify(linear)])
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
      beginning,
      limit,
    }: {
      readonly roles?: readonly string[]
      readonly beginning?: string
      readonly limit: number
    }): Promise<readonly ApprovalState[]> {
      const {rows} = await pool.query<ApprovalRow>(
        `select ${COLUMNS} from ${REQUESTS}
         where status = 'pending' and ($1::text[] is null or entitled && $1)
           and ($3::text is null or starts_with(id::text, $3))
         order by ${RISKIEST_FIRST} limit $2`,
        [roles ?? null, limit, beginning ?? null],
      )
      return rows.map(toState)
    },

    /** Those for which something is due by itself. */
    async due(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'approvals-due',
        text: `select id from approval_requests
          where ${DUE}
          order by least(remind_at, expires_at) limit $1`,
        values: [limit],
      })
      return rows.map(({id}) => id)
    },

    /**
     * Removes requests that ended 365 days ago, with their history, and answers how many. One whose history went on
     * since, or under which a run that is still remembered shipped, stays; what waits stays for ever.
     */
    async forget(limit: number): Promise<number> {
      const {rowCount} = await pool.query(
        `with old as (
           select id from approval_requests r
           where status <> 'pending' and decided_at < now() - interval '365 days'
             and not exists (
               select from approval_actions where approval_id = r.id and at >= now() - interval '365 days')
             and not exists (select from workflow_shipments where approval_id = r.id)
           limit $1
         ), history as (delete from approval_actions where approval_id in (select id from old))
         delete from approval_requests where id in (select id from old)`,
        [limit],
      )
      return rowCount ?? 0
    },

    /** Those of the persons for whom at least `most` of the riskiest requests wait that they may decide and have not. */
    async busy(db: Db, persons: readonly Bounded[]): Promise<ReadonlySet<string>> {
      if (persons.length === 0) return new Set()
      const {rows} = await db.query<{id: string}>({
        name: 'approvals-busy',
        text: `with waiting as materialized (
            select entitled, requester ->> 'person' as asker, decisions from approval_requests
            where status = 'pending' order by ${RISKIEST_FIRST} limit $2
          )
          select id from jsonb_to_recordset($1) as person(id text, roles text[], most integer)
          where (
            select count(*) from (
              select from waiting
              where entitled && roles and asker is distinct from id
                and not decisions @> jsonb_build_array(jsonb_build_object('principal', id))
              limit most
            ) as theirs
          ) >= most`,
        values: [JSON.stringify(persons), COUNTED],
      })
      return new Set(rows.map(({id}) => id))
    },

    /** The requests of the last thirty days, by level and how they stand. */
    async statistics(): Promise<readonly StatisticsRow[]> {
      const {rows} = await pool.query<StatisticsRow>({
        name: 'approvals-statistics',
        text: `select risk_level as level, status, count(*)::int as requests,
            (avg(extract(epoch from decided_at - created_at)) * 1000)::float8 as "averageMs"
          from approval_requests where created_at > now() - interval '30 days'
          group by risk_level, status order by risk_level, status`,
      })
      return rows
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
    async leave(db: Db, jobs: readonly Job[]): Promise<readonly OutboxEntry[]> {
      const {rows} = await db.query<LeftRow>({
        name: 'approvals-leave',
        text: `${leaving('$1')} returning id as outbox_id, job_id`,
        values: [givenJobs(jobs)],
      })
      return entriesOf(jobs, rows)
    },
  }
}

function givenJobs(jobs: readonly Job[]): string {
  return JSON.stringify(
    jobs.map(({queue, name, id, data, delayMs = 0}) => ({queue, name, job_id: id, data, delay_ms: delayMs})),
  )
}

function entriesOf(jobs: readonly Job[], rows: readonly LeftRow[]): readonly OutboxEntry[] {
  const rowOf = new Map(rows.map(({job_id, outbox_id}) => [job_id, outbox_id]))
  return jobs.map(job => ({...job, outboxId: rowOf.get(job.id) ?? ''}))
}

function linesOf({lines, first, attempt}: Omit<Lines, 'at'>): string {
  return JSON.stringify(
    lines.map((line, i) => {
      const own = i === lines.length - 1 ? attempt : undefined
      return {
        ...line,
        seq: first + i,
        key: own?.key ?? null,
        metadata: {
          ...line.metadata,
          ...(own && Object.keys(own.evidence).length > 0 ? {evidence: own.evidence} : {}),
        },
      }
    }),
  )
}

/** What waits, and for which round. */
function keyOf(subject: Subject): readonly [taskId: string, kind: Subject['kind'], turn: string] {
  return subject.kind === 'deployment'
    ? [subject.id, 'deployment', String(subject.round)]
    : [subject.run, 'gate', subject.signal]
}

function subjectOf({kind, task_id, turn, path}: ApprovalRow): Subject {
  return kind === 'deployment'
    ? {kind, id: task_id, round: Number(turn)}
    : {kind, run: task_id, path: path ?? '', signal: turn}
}

function date(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms)
}

function toState(row: ApprovalRow): ApprovalState {
  return {
    id: row.id,
    subject: subjectOf(row),
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
