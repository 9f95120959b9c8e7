import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'

/** Which step shipped where. */
export interface ShipmentKey {
  readonly run: string
  readonly path: string
  readonly target: string
}

export type ShipmentStore = ReturnType<typeof createShipmentStore>

/** What steps of runs were permitted to ship to guarded targets. */
export function createShipmentStore({pool}: {readonly pool: Pool}) {
  return {
    /** Keeps which commit it was permitted to ship by which approval, the last time; undefined: the glass was broken. */
    async keep(
      db: Db,
      {run, path, target}: ShipmentKey,
      {sha, approvalId}: {readonly sha: string | undefined; readonly approvalId?: string},
    ): Promise<void> {
      await db.query(
        `insert into workflow_shipments (workflow_id, path, target, approval_id, sha) values ($1, $2, $3, $4, $5)
         on conflict (workflow_id, path, target)
           do update set approval_id = excluded.approval_id, sha = excluded.sha, at = now()`,
        [run, path, target, approvalId ?? null, sha ?? null],
      )
    },

    /** The commit that was shipped to the target by this approval, whose row is held until the transaction ends. */
    async shippedBy(db: Db, approvalId: string, target: string): Promise<string | undefined> {
      await db.query('select from approval_requests where id = $1 for update', [approvalId])
      const {rows} = await db.query<{sha: string}>(
        `select sha from workflow_shipments
         where approval_id = $1 and target = $2 and sha is not null order by at limit 1`,
        [approvalId, target],
      )
      return rows[0]?.sha
    },

    async has({run, path, target}: ShipmentKey): Promise<boolean> {
      const {rowCount} = await pool.query(
        'select from workflow_shipments where workflow_id = $1 and path = $2 and target = $3',
        [run, path, target],
      )
      return rowCount === 1
    },
  }
}
