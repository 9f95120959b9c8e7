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
    /** Keeps by which approval it was permitted, the last time; undefined: the glass was broken. */
    async keep(db: Db, {run, path, target}: ShipmentKey, approvalId: string | undefined): Promise<void> {
      await db.query(
        `insert into workflow_shipments (workflow_id, path, target, approval_id) values ($1, $2, $3, $4)
         on conflict (workflow_id, path, target) do update set approval_id = excluded.approval_id, at = now()`,
        [run, path, target, approvalId ?? null],
      )
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
