import type {Pool} from 'pg'
import {transaction, type Db} from '../platform/postgres.ts'
import {decide, type DiagnosisEvent, type DiagnosisState} from './diagnosis.ts'

export interface ClaimedDiagnosis {
  readonly id: string
  readonly state: DiagnosisState
  readonly fence: number
}

const KEPT_DAYS = 90

const DUE = `phase <> 'ended' and look_at <= now() and (lease_until is null or lease_until < now())`
/** Whether there are some that are due with nobody at them. */
export const DIAGNOSES_DUE = `exists (select from diagnoses where ${DUE})`

export type DiagnosisStore = ReturnType<typeof createDiagnosisStore>

/** The record of diagnoses. A claim raises the fence; a commit under an older fence changes nothing. */
export function createDiagnosisStore({pool}: {readonly pool: Pool}) {
  return {
    /** Once per diagnosis; answers whether this call did. */
    async insertWithin(db: Db, state: DiagnosisState): Promise<boolean> {
      const {rowCount} = await db.query(
        `insert into diagnoses (id, state, phase) values ($1, $2, $3) on conflict (id) do nothing`,
        [state.order.id, JSON.stringify(state), state.phase],
      )
      return rowCount === 1
    },

    /** Takes one whose next look is due, for `leaseMs`; undefined while another process has it, or nothing is due. */
    async claim(id: string, leaseMs: number): Promise<ClaimedDiagnosis | undefined> {
      const {rows} = await pool.query<{state: DiagnosisState; fence: number}>({
        name: 'diagnoses-claim',
        text: `update diagnoses set fence = fence + 1, lease_until = now() + make_interval(secs => $2::float8 / 1000)
          where id = $1 and phase <> 'ended' and look_at <= now() and (lease_until is null or lease_until < now())
          returning state, fence`,
        values: [id, leaseMs],
      })
      const row = rows[0]
      return row && {id, state: row.state, fence: row.fence}
    },

    /** Those that are due with nobody at them, the longest first. */
    async due(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'diagnoses-due',
        text: `select id from diagnoses
          where ${DUE}
          order by look_at limit $1`,
        values: [limit],
      })
      return rows.map(row => row.id)
    },

    /**
     * Folds one fact into the record, onto whatever it says by now. With a fence, the fact counts only while no newer
     * claim exists: undefined otherwise. What `also` writes commits with it.
     */
    async fold(
      id: string,
      event: DiagnosisEvent,
      also: (db: Db, after: DiagnosisState) => Promise<void>,
      fence?: number,
    ): Promise<DiagnosisState | undefined> {
      return transaction(pool, async db => {
        const {rows} = await db.query<{state: DiagnosisState; fence: number}>(
          'select state, fence from diagnoses where id = $1 for update',
          [id],
        )
        const row = rows[0]
        if (!row || (fence !== undefined && row.fence !== fence)) return undefined
        const after = decide(row.state, event)
        if (after === row.state) return after
        await db.query(
          `update diagnoses set state = $2, phase = $3, look_at = to_timestamp($4::float8 / 1000),
             ended_at = case when $3 = 'ended' then now() end
           where id = $1`,
          [id, JSON.stringify(after), after.phase, after.lookAt],
        )
        await also(db, after)
        return after
      })
    },

    /** Keeps the claim while GitHub takes its time. Answers whether it is still ours. */
    async renew({id, fence}: Pick<ClaimedDiagnosis, 'id' | 'fence'>, leaseMs: number): Promise<boolean> {
      const {rowCount} = await pool.query(
        `update diagnoses set lease_until = now() + make_interval(secs => $3::float8 / 1000)
         where id = $1 and fence = $2 and lease_until is not null`,
        [id, fence, leaseMs],
      )
      return rowCount === 1
    },

    async release({id, fence}: Pick<ClaimedDiagnosis, 'id' | 'fence'>): Promise<void> {
      await pool.query('update diagnoses set lease_until = null where id = $1 and fence = $2', [id, fence])
    },

    async find(id: string): Promise<DiagnosisState | undefined> {
      const {rows} = await pool.query<{state: DiagnosisState}>('select state from diagnoses where id = $1', [
        id,
      ])
      return rows[0]?.state
    },

    async forgetOld(): Promise<void> {
      await pool.query(
        `delete from diagnoses where phase = 'ended' and ended_at < now() - make_interval(days => $1)`,
        [KEPT_DAYS],
      )
    },
  }
}
