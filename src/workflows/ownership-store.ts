import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import type {Fact} from './fact.ts'
import {unpackFacts, type JournalRow} from './journal-row.ts'
import type {Message} from './run.ts'

/** All of a run that its owner needs. */
export interface Snapshot {
  readonly id: string
  readonly workflow: string
  readonly definition: string
  readonly correlationId: string
  readonly input: Json
  readonly parentId: string | null
  readonly parentPath: string | null
  readonly fence: number
  readonly inbox: number
  readonly startedAt: number
  readonly journal: readonly (readonly Fact[])[]
  /** Delivered, but not accounted for by the facts. */
  readonly messages: readonly Message[]
}

/** As Postgres answers it. */
export type StoredSnapshot = Omit<Snapshot, 'journal'> & {readonly journal: readonly JournalRow[]}

/** Whether runs are due that nobody carries on. */
export const RUNS_DUE = 'exists (select from workflow_state where wake_at <= now())'

/** Which instance carries which run on: one lease for each instance, and a fence for each owner that a run has. */
export function createOwnershipStore({pool, instance}: {readonly pool: Pool; readonly instance: string}) {
  return {
    /** Makes this instance the owner of those that nobody alive owns. */
    async claim(ids: readonly string[]): Promise<readonly Snapshot[]> {
      const {rows} = await pool.query<{run: StoredSnapshot}>({
        name: 'workflows-claim',
        text: 'select workflow_claim($1, $2) as run',
        values: [instance, ids],
      })
      return rows.map(row => toSnapshot(row.run))
    },

    /** Parked runs whose time has come, the most overdue first. */
    async due(now: number, limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'workflows-due',
        text: `select workflow_id as id from workflow_state where wake_at <= to_timestamp($1::float8 / 1000)
          order by wake_at limit $2`,
        values: [now, limit],
      })
      return rows.map(row => row.id)
    },

    /** Open runs of these instances. */
    async ownedBy(
      instances: readonly string[],
    ): Promise<readonly {readonly id: string; readonly fence: number}[]> {
      const {rows} = await pool.query<{id: string; fence: number}>(
        `select workflow_id as id, fence from workflow_state
         where completed_at is null and owner = any($1) limit 10000`,
        [instances],
      )
      return rows
    },

    /** Makes this instance's lease last `leaseMs` from now; answers the others whose lease has run out. */
    async renew(leaseMs: number): Promise<readonly string[]> {
      // Lost in a crash of the database, it is renewed a moment later: nobody waits for the disk.
      const {rows} = await pool.query<{lapsed: string[]}>({
        name: 'workflows-renew',
        text: `with renewed as (
            insert into workflow_owners (instance, expires_at)
            values ($1, clock_timestamp() + $2 * interval '1 millisecond')
            on conflict (instance) do update set expires_at = excluded.expires_at
          )
          select set_config('synchronous_commit', 'off', true), array(
            select instance from workflow_owners where instance <> $1 and expires_at <= clock_timestamp()) as lapsed`,
        values: [instance, leaseMs],
      })
      return rows[0]?.lapsed ?? []
    },

    /** Forgets instances that are gone and own nothing any more. */
    async forgetOwners(instances: readonly string[]): Promise<void> {
      await pool.query(
        `delete from workflow_owners o where instance = any($1) and expires_at <= clock_timestamp()
         and not exists (select from workflow_state where completed_at is null and owner = o.instance)`,
        [instances],
      )
    },

    /** Gives up all that this instance owns, for others to carry on at once, and its lease. */
    async resign(): Promise<void> {
      await pool.query(
        `with released as (
           update workflow_state set owner = null, wake_at = clock_timestamp()
           where completed_at is null and owner = $1
         ) delete from workflow_owners where instance = $1`,
        [instance],
      )
    },

    /** Gives up runs that this instance owns, for anybody to claim at once. */
    async release(runs: readonly {readonly id: string; readonly fence: number}[]): Promise<void> {
      await pool.query(
        `update workflow_state s set owner = null, wake_at = clock_timestamp()
         from unnest($2::text[], $3::int[]) as r(id, fence)
         where s.workflow_id = r.id and s.fence = r.fence and s.owner = $1 and s.completed_at is null`,
        [instance, runs.map(({id}) => id), runs.map(({fence}) => fence)],
      )
    },

    /** Leaves a run that cannot be carried on, with the reason, until a message or an operator comes. */
    async strand(id: string, fence: number, reason: string): Promise<void> {
      await pool.query(
        `update workflow_state set owner = null, wake_at = null, error_message = $4, updated_at = now()
         where workflow_id = $1 and owner = $2 and fence = $3`,
        [id, instance, fence, reason],
      )
    },
  }
}

export function toSnapshot(stored: StoredSnapshot): Snapshot {
  return {...stored, journal: stored.journal.map(unpackFacts)}
}
