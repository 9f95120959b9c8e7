import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'

/** How an ask ended. `gone`: the lock was given back, or lost, without anybody's doing here. */
export type AskEnd = 'let_go' | 'kept' | 'unanswered' | 'gone'

/** Somebody asked for a lock: of which holder, and until when the answer is waited for. */
export interface Ask {
  readonly id: string
  readonly resource: string
  /** Of the hold that is asked for. */
  readonly fence: number
  readonly owner: string
  /** The Discord id of the person who holds it. */
  readonly holderId: string
  readonly asker: string
  readonly reason: string | undefined
  /** Milliseconds since the epoch. */
  readonly answerBy: number
}

interface AskRow {
  id: string
  resource_id: string
  fence: string
  owner: string
  holder_id: string
  asker: string
  reason: string | null
  answer_by: Date
}

const COLUMNS = 'id, resource_id, fence, owner, holder_id, asker, reason, answer_by'

const DUE = `from (
    select id, answer_by, exists (
      select from resource_locks l
      where l.resource_id = t.resource_id and l.fence = t.fence and l.owner_token is not null
    ) as held
    from lock_take_overs t where status = 'asked'
  ) as asks where (answer_by <= now() or not held)`
/** Whether there are asks whose time is up, or about a hold that has ended. */
export const TAKE_OVERS_DUE = `exists (select ${DUE})`

export type TakeOverStore = ReturnType<typeof createTakeOverStore>

/** The SQL of asks. An ask ends once: whoever ends it first decides how. */
export function createTakeOverStore({pool}: {readonly pool: Pool}) {
  return {
    /** Records the ask, once per command that asks; answers the one there is. */
    async ask(
      ask: Omit<Ask, 'answerBy'> & {readonly askedFor: string; readonly withinMs: number},
    ): Promise<Ask> {
      await pool.query(
        `insert into lock_take_overs (id, asked_for, resource_id, fence, owner, holder_id, asker, reason, answer_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 millisecond')
         on conflict (asked_for) do nothing`,
        [
          ask.id,
          ask.askedFor,
          ask.resource,
          ask.fence,
          ask.owner,
          ask.holderId,
          ask.asker,
          ask.reason ?? null,
          ask.withinMs,
        ],
      )
      const {rows} = await pool.query<AskRow>(`select ${COLUMNS} from lock_take_overs where asked_for = $1`, [
        ask.askedFor,
      ])
      return toAsk(rows[0] as AskRow)
    },

    /** Whose answer is awaited; undefined once it has ended. */
    async holderAsked(id: string): Promise<string | undefined> {
      const {rows} = await pool.query<{holder_id: string}>(
        `select holder_id from lock_take_overs where id = $1 and status = 'asked'`,
        [id],
      )
      return rows[0]?.holder_id
    },

    /** Ends it, unless it has ended: then undefined. */
    async endWithin(db: Db, id: string, how: AskEnd): Promise<Ask | undefined> {
      const {rows} = await db.query<AskRow>(
        `update lock_take_overs set status = $2, ended_at = now() where id = $1 and status = 'asked'
         returning ${COLUMNS}`,
        [id, how],
      )
      return rows[0] && toAsk(rows[0])
    },

    /** Those whose time is up, and those about a hold that has ended. */
    async due(limit: number): Promise<readonly {readonly id: string; readonly how: 'unanswered' | 'gone'}[]> {
      const {rows} = await pool.query<{id: string; how: 'unanswered' | 'gone'}>(
        `select id, case when held then 'unanswered' else 'gone' end as how ${DUE} limit $1`,
        [limit],
      )
      return rows
    },
  }
}

function toAsk(row: AskRow): Ask {
  return {
    id: row.id,
    resource: row.resource_id,
    fence: Number(row.fence),
    owner: row.owner,
    holderId: row.holder_id,
    asker: row.asker,
    reason: row.reason ?? undefined,
    answerBy: row.answer_by.getTime(),
  }
}
