import type {Pool} from 'pg'
import {transaction, type Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'
import {decide, isOver, type Plan, type PlanEvent} from './decide.ts'

/** A plan with where it is and whose it is. */
export interface PlanRecord {
  readonly id: string
  /** `YYYY-MM-DD`. */
  readonly day: string
  readonly repository: string
  readonly label: string
  readonly channelId: string
  readonly requester: Pick<Actor, 'id' | 'name' | 'kind'>
  readonly plan: Plan
  /** `refused`: there can be none; the message alone tells. */
  readonly thread: 'wanted' | 'open' | 'refused'
  readonly threadId: string | undefined
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

interface PlanRow {
  id: string
  day: string
  repository: string
  label: string
  channel_id: string
  requester: PlanRecord['requester']
  state: Plan
  thread: PlanRecord['thread']
  thread_id: string | null
  created_at: Date
}

const COLUMNS = `id, to_char(day, 'YYYY-MM-DD') as day, repository, label, channel_id, requester, state, thread, thread_id,
  created_at`

const THREADLESS = `thread = 'wanted' and created_at > now() - interval '1 day'`
const DUE = `status = 'in_progress' and look_at <= now()`
/** Whether there are plans whose thread nobody has seen to, or that are to be looked at. */
export const PLANS_DUE = `exists (select from plans where ${THREADLESS}) or exists (select from plans where ${DUE})`

export type PlanStore = ReturnType<typeof createPlanStore>

/** The SQL of plans. Facts are folded in under the row's lock, one after the other. */
export function createPlanStore({pool}: {readonly pool: Pool}) {
  return {
    /** Records the plan, unless the same command did or the day has an open one: then false. */
    async insertWithin(
      db: Db,
      {
        askedFor,
        ...plan
      }: Omit<PlanRecord, 'thread' | 'threadId' | 'createdAt'> & {readonly askedFor: string},
    ): Promise<boolean> {
      const {rowCount} = await db.query(
        `insert into plans (id, asked_for, day, repository, label, channel_id, requester, status, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
        [
          plan.id,
          askedFor,
          plan.day,
          plan.repository,
          plan.label,
          plan.channelId,
          JSON.stringify(plan.requester),
          plan.plan.status,
          JSON.stringify(plan.plan),
        ],
      )
      return rowCount === 1
    },

    /** What that command made, or else the day's open plan of its kind. */
    async known(
      askedFor: string,
      {day, repository, label, channelId}: Pick<PlanRecord, 'day' | 'repository' | 'label' | 'channelId'>,
    ): Promise<(PlanRecord & {readonly own: boolean}) | undefined> {
      const {rows} = await pool.query<PlanRow & {own: boolean}>(
        `select ${COLUMNS}, asked_for = $1 as own from plans
         where asked_for = $1 or (day = $2 and repository = $3 and label = $4 and channel_id = $5
           and status in ('pending', 'in_progress'))
         order by asked_for = $1 desc limit 1`,
        [askedFor, day, repository, label, channelId],
      )
      return rows[0] && {...toRecord(rows[0]), own: rows[0].own}
    },

    /** By its id or a beginning of it that fits no other. */
    async find(idOrPrefix: string): Promise<PlanRecord | undefined> {
      const {rows} = await pool.query<PlanRow>(
        `select ${COLUMNS} from plans where id::text like $1 || '%' order by created_at desc limit 2`,
        [idOrPrefix.toLowerCase().replace(/[^0-9a-f-]/g, '')],
      )
      return rows.length === 1 && rows[0] ? toRecord(rows[0]) : undefined
    },

    /**
     * Folds one fact into the plan as it is by now; whatever `also` writes commits with it. Undefined when there is no
     * such plan.
     */
    async fold(
      id: string,
      event: PlanEvent,
      also: (db: Db, after: PlanRecord, before: PlanRecord) => Promise<void>,
    ): Promise<PlanRecord | undefined> {
      return transaction(pool, async db => {
        const {rows} = await db.query<PlanRow>(`select ${COLUMNS} from plans where id = $1 for update`, [id])
        const before = rows[0] && toRecord(rows[0])
        if (!before) return undefined
        const plan = decide(before.plan, event)
        if (plan === before.plan) return before
        await db.query(
          'update plans set state = $2, status = $3, ended_at = case when $4 then now() end where id = $1',
          [id, JSON.stringify(plan), plan.status, isOver(plan)],
        )
        const after = {...before, plan}
        await also(db, after, before)
        return after
      })
    },

    /** Says what became of its thread, once; false when that was known. */
    async threadedWithin(
      db: Db,
      id: string,
      thread: 'open' | 'refused',
      threadId: string | undefined,
    ): Promise<boolean> {
      const {rowCount} = await db.query(
        `update plans set thread = $2, thread_id = $3 where id = $1 and thread = 'wanted'`,
        [id, thread, threadId ?? null],
      )
      return rowCount === 1
    },

    /** Young plans whose thread nobody has seen to. */
    async withoutThread(limit: number): Promise<readonly PlanRecord[]> {
      const {rows} = await pool.query<PlanRow>({
        name: 'plans-without-thread',
        text: `select ${COLUMNS} from plans
          where ${THREADLESS} order by created_at limit $1`,
        values: [limit],
      })
      return rows.map(toRecord)
    },

    /** Takes the plans that are due to be looked at; nobody else does for `forMs`. */
    async claimDue(forMs: number, limit: number): Promise<readonly PlanRecord[]> {
      const {rows} = await pool.query<PlanRow>({
        name: 'plans-claim-due',
        text: `update plans set look_at = now() + make_interval(secs => $1::float8 / 1000)
          where id in (
            select id from plans where ${DUE}
            order by look_at limit $2 for update skip locked)
          returning ${COLUMNS}`,
        values: [forMs, limit],
      })
      return rows.map(toRecord)
    },

    /** An issue moved: the plans under way that have it are due now. Answers how many. */
    async heard(repository: string, issue: number): Promise<number> {
      const {rowCount} = await pool.query(
        `update plans set look_at = now()
         where status = 'in_progress' and lower(repository) = lower($1) and state -> 'issues' @> $2`,
        [repository, JSON.stringify([{number: issue}])],
      )
      return rowCount ?? 0
    },
  }
}

function toRecord(row: PlanRow): PlanRecord {
  return {
    id: row.id,
    day: row.day,
    repository: row.repository,
    label: row.label,
    channelId: row.channel_id,
    requester: row.requester,
    plan: row.state,
    thread: row.thread,
    threadId: row.thread_id ?? undefined,
    createdAt: row.created_at.getTime(),
  }
}
