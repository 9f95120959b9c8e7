import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import type {Fact} from './fact.ts'
import {unpackFacts, type JournalRow} from './journal-row.ts'
import type {RunStatus} from './run.ts'

export interface RunRow {
  readonly id: string
  readonly workflow: string
  readonly definition: string
  readonly status: RunStatus
  readonly currentStep: string
  readonly waitingFor: {readonly kind: string; readonly id: string} | null
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly percentage: number
  readonly version: number
  readonly input: Json
  readonly result: Json
  readonly error: string | null
  readonly correlationId: string
  /** Of a sub-workflow: the run and the step that wait for it. */
  readonly parentId: string | null
  readonly parentPath: string | null
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly updatedAt: number
  readonly completedAt: number | null
}

const RUN_COLUMNS = `
  workflow_id as id, workflow_type as workflow,
  (select hash from workflow_definitions d where d.id = definition) as definition, status, current_step as "currentStep",
  waiting_for as "waitingFor", steps_total as total, steps_completed as completed, steps_failed as failed, percentage, version,
  input, result, error_message as error, coalesce(correlation_id, workflow_id) as "correlationId",
  parent_id as "parentId", parent_path as "parentPath", floor(extract(epoch from started_at) * 1000)::float8 as "startedAt",
  floor(extract(epoch from updated_at) * 1000)::float8 as "updatedAt",
  floor(extract(epoch from completed_at) * 1000)::float8 as "completedAt"`

/** Runs as those see them who only look. */
export function createRunStore({pool}: {readonly pool: Pool}) {
  return {
    async run(id: string): Promise<(RunRow & {readonly journal: readonly (readonly Fact[])[]}) | undefined> {
      const {rows} = await pool.query<RunRow & {journal: JournalRow[]}>({
        name: 'workflows-get',
        text: `select ${RUN_COLUMNS}, (
            select coalesce(json_agg(json_build_object('at', round(extract(epoch from at) * 1000), 'facts', facts)
              order by seq), '[]')
            from workflow_journal j where j.workflow_id = s.workflow_id) as journal
          from workflow_state s where workflow_id = $1 and definition is not null`,
        values: [id],
      })
      return rows[0] && {...rows[0], journal: rows[0].journal.map(unpackFacts)}
    },

    /** The open ones first, each kind newest first. */
    async list({
      statuses,
      limit,
    }: {
      readonly statuses?: readonly RunStatus[] | undefined
      readonly limit: number
    }): Promise<readonly RunRow[]> {
      const {rows} = await pool.query<RunRow>(
        `(select ${RUN_COLUMNS} from workflow_state
          where completed_at is null and definition is not null and ($1::text[] is null or status = any($1))
          order by started_at desc limit $2)
         union all
         (select ${RUN_COLUMNS} from workflow_state
          where completed_at is not null and definition is not null and ($1::text[] is null or status = any($1))
          order by completed_at desc limit $2)
         limit $2`,
        [statuses ?? null, limit],
      )
      return rows
    },

    /** Commits of a run after the first `since`. */
    async journalSince(
      id: string,
      since: number,
    ): Promise<readonly {readonly seq: number; readonly at: number; readonly facts: readonly Fact[]}[]> {
      const {rows} = await pool.query<JournalRow & {seq: number}>({
        name: 'workflows-journal',
        text: `select seq, round(extract(epoch from at) * 1000)::float8 as at, facts
          from workflow_journal where workflow_id = $1 and seq > $2 order by seq limit 1000`,
        values: [id, since],
      })
      return rows.map(row => ({seq: row.seq, at: row.at, facts: unpackFacts(row)}))
    },

    async statusOf(id: string): Promise<RunStatus | undefined> {
      const {rows} = await pool.query<{status: RunStatus}>({
        name: 'workflows-status',
        text: 'select status from workflow_state where workflow_id = $1',
        values: [id],
      })
      return rows[0]?.status
    },

    async countOpen(): Promise<ReadonlyMap<string, number>> {
      const {rows} = await pool.query<{status: string; count: number}>({
        name: 'workflows-count',
        text: `select status, count(*)::int as count from workflow_state where completed_at is null group by 1`,
      })
      return new Map(rows.map(row => [row.status, row.count]))
    },
  }
}
