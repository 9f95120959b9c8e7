import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import type {Db} from '../platform/postgres.ts'
import type {Actor, Draft, DraftedWorkflow} from '../sdk/index.ts'
import type {WorkflowDefinition} from '../sdk/workflow.ts'

/** A draft with what its run takes, and whose it is. */
export interface StoredDraft extends Draft {
  readonly owner: string
  readonly definition: WorkflowDefinition
  readonly input: Readonly<Record<string, Json>>
}

interface DraftRow {
  id: string
  asked_for: string
  owner: string
  asker: StoredDraft['asker']
  description: string
  plan: DraftedWorkflow
  definition: WorkflowDefinition
  input: Record<string, Json>
  status: Draft['status']
  run_id: string | null
  expires_at: Date
}

const COLUMNS = `id, asked_for, owner, asker, description, plan, definition, input, run_id, expires_at,
  case when status = 'waiting' and expires_at <= now() then 'expired' else status end as status`

const UNSTARTED = `status = 'started' and run_id is null`
const OVER = `settled_at is null and (status <> 'waiting' or expires_at <= now())`
/** Whether there are drafts that were started and have no run, or that do not wait any more and do not say so yet. */
export const DRAFTS_DUE = `exists (select from drafts where ${UNSTARTED})
  or exists (select from drafts where ${OVER})`

export type DraftStore = ReturnType<typeof createDraftStore>

/** The SQL of drafts. Each is decided about once, by one order. */
export function createDraftStore({pool}: {readonly pool: Pool}) {
  return {
    /** Keeps a draft; what the same command or request was answered before wins. */
    async keep(
      draft: Pick<
        StoredDraft,
        'id' | 'correlationId' | 'owner' | 'asker' | 'description' | 'definition' | 'input'
      > & {readonly plan: DraftedWorkflow},
      holdsMs: number,
    ): Promise<StoredDraft | undefined> {
      await pool.query(
        `insert into drafts (id, asked_for, owner, asker, description, plan, definition, input, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9::float8 / 1000))
         on conflict do nothing`,
        [
          draft.id,
          draft.correlationId,
          draft.owner,
          JSON.stringify(draft.asker),
          draft.description,
          JSON.stringify(draft.plan),
          JSON.stringify(draft.definition),
          JSON.stringify(draft.input),
          holdsMs,
        ],
      )
      return this.answerTo(draft.correlationId)
    },

    async find(id: string): Promise<StoredDraft | undefined> {
      const {rows} = await pool.query<DraftRow>(`select ${COLUMNS} from drafts where id = $1`, [id])
      return rows[0] && toDraft(rows[0])
    },

    /** The draft that a command or request was answered with. */
    async answerTo(correlationId: string): Promise<StoredDraft | undefined> {
      const {rows} = await pool.query<DraftRow>(`select ${COLUMNS} from drafts where asked_for = $1`, [
        correlationId,
      ])
      return rows[0] && toDraft(rows[0])
    },

    /** Decides about one that waits; false when it does not wait any more, unless this very order decided so. */
    async decide(
      id: string,
      status: 'started' | 'edited' | 'cancelled',
      {correlationId}: {readonly correlationId: string; readonly actor: Actor},
    ): Promise<boolean> {
      const {rowCount} = await pool.query(
        `update drafts set status = $2, decision = $3
         where id = $1 and (status = 'waiting' and expires_at > now() or status = $2 and decision = $3)`,
        [id, status, correlationId],
      )
      return rowCount === 1
    },

    async began(id: string, run: string): Promise<void> {
      await pool.query('update drafts set run_id = $2 where id = $1', [id, run])
    },

    /** Those that were started and, a while later, have no run: a crash came between. */
    async unstarted(graceMs: number, limit: number): Promise<readonly StoredDraft[]> {
      const {rows} = await pool.query<DraftRow>({
        name: 'drafts-unstarted',
        text: `select ${COLUMNS} from drafts
          where ${UNSTARTED} and created_at < now() - make_interval(secs => $1::float8 / 1000)
          order by created_at limit $2`,
        values: [graceMs, limit],
      })
      return rows.map(toDraft)
    },

    /** Those that do not wait any more and whose message does not say so yet. */
    async over(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'drafts-over',
        text: `select id from drafts
          where ${OVER} order by expires_at limit $1`,
        values: [limit],
      })
      return rows.map(({id}) => id)
    },

    /** Marks it as told, within the caller's transaction; undefined when it still waits, or was told. */
    async settle(db: Db, id: string): Promise<StoredDraft | undefined> {
      const {rows} = await db.query<DraftRow>(
        `update drafts set settled_at = now(), status = case when status = 'waiting' then 'expired' else status end
         where id = $1 and ${OVER}
         returning ${COLUMNS}`,
        [id],
      )
      return rows[0] && toDraft(rows[0])
    },

    /** Removes what is older than thirty days; runs keep what they need themselves. */
    async forgetOld(): Promise<number> {
      const {rowCount} = await pool.query(
        `delete from drafts where created_at < now() - interval '30 days' and settled_at is not null`,
      )
      return rowCount ?? 0
    },
  }
}

function toDraft(row: DraftRow): StoredDraft {
  const {id, owner, asker, description, plan, definition, input, status} = row
  return {
    ...plan,
    ...{id, owner, asker, description, definition, input, status},
    correlationId: row.asked_for,
    run: row.run_id ?? undefined,
    expiresAt: row.expires_at.getTime(),
  }
}
