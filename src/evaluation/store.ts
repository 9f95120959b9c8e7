import type {Pool} from 'pg'
import type {Evaluation} from './score.ts'
import type {Period} from './changes.ts'

/** What an agent did, in one run or in many. */
export interface AgentTally {
  readonly tasks: number
  readonly succeeded: number
  /** Of all its tasks together. */
  readonly seconds: number
  /** Sum of its tasks' scores, each 0 to 100. */
  readonly points: number
}

export interface EvaluationRow {
  readonly run: string
  readonly workflow: string
  readonly version: number
  /** Milliseconds since the epoch. */
  readonly completedAt: number
  readonly seconds: number
  /** Undefined: no agent did anything in it. */
  readonly evaluation: Evaluation | undefined
  readonly agents: Readonly<Record<string, AgentTally>>
}

export type EvaluationStore = ReturnType<typeof createEvaluationStore>

/** Commits become visible a moment after their time: what ended that much earlier than the last one seen is looked for, too. */
const OVERLAP = `interval '2 minutes'`

const DUE = `from workflow_state s left join evaluations e using (workflow_id)
  where s.completed_at > (select coalesce(max(completed_at), '-infinity') - ${OVERLAP} from evaluations)
    and s.definition is not null and e.version is distinct from s.version`
/** Whether there are runs that ended, or ended again, and were not evaluated since. */
export const EVALUATIONS_DUE = `exists (select ${DUE})`

export function createEvaluationStore({pool}: {readonly pool: Pool}) {
  return {
    /** Runs that ended, or ended again, and were not evaluated since; those that ended first, first. */
    async due(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'evaluations-due',
        text: `select s.workflow_id as id ${DUE} order by s.completed_at limit $1`,
        values: [limit],
      })
      return rows.map(({id}) => id)
    },

    /** Once for each end of a run; an older one changes nothing. */
    async keep({
      run,
      workflow,
      version,
      completedAt,
      seconds,
      evaluation,
      agents,
    }: EvaluationRow): Promise<void> {
      await pool.query({
        name: 'evaluations-keep',
        text: `insert into evaluations as e
            (workflow_id, workflow_type, version, completed_at, score, success_rate, seconds, body, agents)
          values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
          on conflict (workflow_id) do update set
            version = excluded.version, completed_at = excluded.completed_at, score = excluded.score,
            success_rate = excluded.success_rate, seconds = excluded.seconds, body = excluded.body, agents = excluded.agents
          where e.version < excluded.version`,
        values: [
          run,
          workflow,
          version,
          new Date(completedAt),
          evaluation?.score ?? null,
          evaluation?.performance.success_rate ?? null,
          seconds,
          evaluation === undefined ? null : JSON.stringify(evaluation),
          JSON.stringify(agents),
        ],
      })
    },

    /** The latest graded runs of a type that ended before then, the oldest of them first. */
    async before(workflow: string, completedAt: number, limit: number): Promise<readonly Evaluation[]> {
      const {rows} = await pool.query<{body: Evaluation}>({
        name: 'evaluations-before',
        text: `select body from evaluations
          where workflow_type = $1 and completed_at < $2 and score is not null
          order by completed_at desc limit $3`,
        values: [workflow, new Date(completedAt), limit],
      })
      return rows.map(({body}) => body).reverse()
    },

    /** The run that ended last, of those that were graded. */
    async latest(): Promise<string | undefined> {
      const {rows} = await pool.query<{id: string}>(
        `select workflow_id as id from evaluations where score is not null order by completed_at desc limit 1`,
      )
      return rows[0]?.id
    },

    /** What each agent did since then. */
    async agents(since: number): Promise<ReadonlyMap<string, AgentTally>> {
      const {rows} = await pool.query<AgentTally & {agent: string}>(
        `select a.key as agent, sum((a.value ->> 'tasks')::int)::int as tasks,
           sum((a.value ->> 'succeeded')::int)::int as succeeded, sum((a.value ->> 'seconds')::float8) as seconds,
           sum((a.value ->> 'points')::float8) as points
         from evaluations e, jsonb_each(e.agents) a where e.completed_at >= $1 group by a.key`,
        [new Date(since)],
      )
      return new Map(rows.map(({agent, ...tally}) => [agent, tally]))
    },

    /** What each type of workflow came to in a window of time. */
    async period(from: number, to: number): Promise<ReadonlyMap<string, Period>> {
      const {rows} = await pool.query<Period & {workflow: string; score: number}>(
        `select workflow_type as workflow, count(*)::int as runs, avg(seconds)::float8 as seconds,
           avg(score)::float8 as score, avg(success_rate)::float8 as "successRate"
         from evaluations where completed_at >= $1 and completed_at < $2 and score is not null group by 1`,
        [new Date(from), new Date(to)],
      )
      return new Map(rows.map(({workflow, ...period}) => [workflow, period]))
    },

    async forget(olderThanMs: number): Promise<void> {
      await pool.query(
        `delete from evaluations where completed_at < now() - make_interval(secs => $1::float8 / 1000)`,
        [olderThanMs],
      )
    },
  }
}
