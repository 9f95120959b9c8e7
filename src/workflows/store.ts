import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import {createAttemptStore} from './attempt-store.ts'
import {createCommitStore} from './commit-store.ts'
import {createEffectStore} from './effect-store.ts'
import {createInboxStore} from './inbox-store.ts'
import {createOwnershipStore} from './ownership-store.ts'
import {createRunStore} from './run-store.ts'

export type WorkflowStore = ReturnType<typeof createWorkflowStore>

/** The SQL of runs, as one instance speaks it. */
export function createWorkflowStore(parts: {readonly pool: Pool; readonly instance: string}) {
  const {pool} = parts
  return {
    ...createAttemptStore(parts),
    ...createCommitStore(parts),
    ...createEffectStore(parts),
    ...createInboxStore(parts),
    ...createOwnershipStore(parts),
    ...createRunStore(parts),

    /** Keeps a definition's body for as long as a run pins it. */
    async pin(hash: string, name: string, body: Json): Promise<void> {
      await pool.query(
        'insert into workflow_definitions (hash, name, body) values ($1, $2, $3) on conflict do nothing',
        [hash, name, JSON.stringify(body)],
      )
    },

    async pinned(hash: string): Promise<{readonly name: string; readonly body: Json} | undefined> {
      const {rows} = await pool.query<{name: string; body: Json}>(
        'select name, body from workflow_definitions where hash = $1',
        [hash],
      )
      return rows[0]
    },

    /** Removes runs that ended longer ago than that, with all that belongs to them; answers how many, at most 1,000. */
    async forget(endedBefore: number): Promise<number> {
      const {rowCount} = await pool.query(
        `with old as (
           select workflow_id from workflow_state
           where completed_at < to_timestamp($1::float8 / 1000)
           order by completed_at limit 1000 for update skip locked
         ), journal as (
           delete from workflow_journal where workflow_id in (select workflow_id from old)
         ), inbox as (
           delete from workflow_inbox where workflow_id in (select workflow_id from old)
         ), attempts as (
           delete from workflow_attempts where workflow_id in (select workflow_id from old)
         ), effects as (
           delete from workflow_effects where workflow_id in (select workflow_id from old)
         ), followers as (
           delete from workflow_followers where workflow_id in (select workflow_id from old)
         ), shipments as (
           delete from workflow_shipments where workflow_id in (select workflow_id from old)
         )
         delete from workflow_state where workflow_id in (select workflow_id from old)`,
        [endedBefore],
      )
      return rowCount ?? 0
    },

    /** Removes definitions that no run pins; those of the last day may be about to be pinned. */
    async forgetDefinitions(): Promise<void> {
      await pool.query(
        `delete from workflow_definitions d where created_at < now() - interval '1 day'
         and not exists (select from workflow_state where definition = d.id)`,
      )
    },
  }
}
