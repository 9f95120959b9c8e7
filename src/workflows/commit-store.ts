import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import {groupCommit} from '../platform/group-commit.ts'
import type {OutboxEntry} from '../platform/outbox.ts'
import type {AttemptKey, Call} from './attempt-store.ts'
import type {Fact} from './fact.ts'
import {packFacts} from './journal-row.ts'
import type {RunStatus} from './run.ts'

/** A run to be created. */
export interface NewRun {
  readonly id: string
  readonly workflow: string
  /** The hash of its pinned definition. */
  readonly definition: string
  readonly correlationId: string
  readonly input: Json
  /** What asked for it: asking again with the same starts nothing. */
  readonly sourceId?: string | undefined
  readonly agents: readonly string[]
  readonly metadata: Readonly<Record<string, Json>>
}

/** Where a run stands after a commit, as its row shows it. */
export interface Standing {
  readonly status: RunStatus
  readonly step: string
  readonly waitingFor: {readonly kind: string; readonly id: string} | undefined
  readonly result: Json
  readonly error: string | undefined
  readonly total: number
  readonly completed: number
  readonly failed: number
  /** Of the whole, 0 to 100. */
  readonly percentage: number
  /** `undefined`: the owner keeps it. Parked or ended, it belongs to nobody, and is looked at again at `wakeAt`. */
  readonly parked: {readonly wakeAt: number | undefined} | undefined
}

/** What commits together with a run's facts, because of them. */
export interface Asked {
  readonly opened: readonly {readonly path: string; readonly attempt: number; readonly call: Call}[]
  readonly closed: readonly {readonly path: string; readonly attempt: number}[]
  readonly children: readonly (Omit<NewRun, 'sourceId' | 'metadata'> & {readonly path: string})[]
  readonly jobs: readonly {
    readonly queue: string
    readonly name: string
    readonly id: string
    readonly data: Json
  }[]
  readonly checkpoints: readonly {readonly name: string; readonly agent: string; readonly data: Json}[]
}

export interface Commit {
  readonly id: string
  readonly fence: number
  /** Messages the inbox had when it was read: with a further one there, nothing is committed. */
  readonly inbox: number
  /** Of the journal's row; without facts none is written. */
  readonly seq: number
  readonly facts: readonly Fact[]
  readonly standing: Standing
  readonly asked: Asked | undefined
}

/** The commit that creates a run. */
export type First = Pick<Commit, 'facts' | 'standing'>

const CREATE = `
  with given as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[], $8::text[], $9::json[],
      $10::boolean[], $11::float8[], $12::json[], $13::text[], $14::text[], $15::float8[], $16::json[], $17::json[],
      $18::text[], $19::integer[], $20::integer[], $21::integer[], $22::integer[])
    as g(id, workflow, definition, correlation_id, source_id, input, agents, metadata,
      owned, at, facts, status, step, wake, waiting, result, error, total, completed, failed, percentage)
  ), created as (
    insert into workflow_state (workflow_id, workflow_type, definition, correlation_id, source_id, input,
      participating_agents, metadata, owner, fence, status, current_step, completed_at, wake_at, waiting_for, result,
      error_message, steps_total, steps_completed, steps_failed, percentage)
    select id, workflow, (select d.id from workflow_definitions d where d.hash = given.definition), correlation_id,
      source_id, input, agents::text[], metadata::jsonb,
      case when owned then $1 end, 1, status, step,
      case when status in ('completed', 'failed', 'cancelled') then now() end, to_timestamp(wake / 1000), waiting,
      result, error, total, completed, failed, percentage
    from given
    on conflict do nothing
    returning workflow_id
  ), noted as (
    insert into workflow_journal (workflow_id, seq, at, facts)
    select id, 1, to_timestamp(at / 1000), facts from given where facts is not null and id in (select workflow_id from created)
  )
  select workflow_id from created`

// One alone, the usual case when little goes on, has plain statements that cost the server a fraction.
const CREATE_ONE = `
  with created as (
    insert into workflow_state (workflow_id, workflow_type, definition, correlation_id, source_id, input,
      participating_agents, metadata, owner, fence, status, current_step, completed_at, wake_at, waiting_for, result,
      error_message, steps_total, steps_completed, steps_failed, percentage)
    values ($2, $3, (select id from workflow_definitions where hash = $4), $5, $6, $7, $8::text[], $9,
      case when $10::boolean then $1 end, 1, $13, $14, case when $13 in ('completed', 'failed', 'cancelled') then now() end, to_timestamp($15::float8 / 1000), $16, $17,
      $18, $19, $20, $21, $22)
    on conflict do nothing
    returning workflow_id
  ), noted as (
    insert into workflow_journal (workflow_id, seq, at, facts)
    select workflow_id, 1, to_timestamp($11::float8 / 1000), $12::json from created where $12::json is not null
  )
  select workflow_id from created`

const COMMIT_ONE = `
  with committed as (
    update workflow_state set
      status = $7, current_step = $8, version = version + 1, updated_at = now(),
      completed_at = case when $7 in ('completed', 'failed', 'cancelled') then now() end,
      error_message = $13, result = $12, owner = case when $9::boolean then owner end, taken = $4,
      wake_at = to_timestamp($10::float8 / 1000), waiting_for = $11,
      steps_total = $14, steps_completed = $15, steps_failed = $16, percentage = $17
    where workflow_id = $2 and owner = $1 and fence = $3 and inbox = $4
    returning workflow_id
  ), noted as (
    insert into workflow_journal (workflow_id, seq, at, facts)
    select workflow_id, $5, to_timestamp($6::float8 / 1000), $18::json from committed where $18::json is not null
  )
  select workflow_id from committed`

const COMMIT = `
  select moved, jobs, unbegun from workflow_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

/** Creations and commits of runs. Those that happen at once share statements: see src/platform/group-commit.ts. */
export function createCommitStore({pool, instance}: {readonly pool: Pool; readonly instance: string}) {
  const create = groupCommit(async (items: readonly Creation[]): Promise<readonly boolean[]> => {
    const rows = items.map(creationRow)
    const [row] = rows
    const result = await pool.query<{workflow_id: string}>(
      row && rows.length === 1
        ? {name: 'workflows-create-one', text: CREATE_ONE, values: [instance, ...row]}
        : {name: 'workflows-create', text: CREATE, values: [instance, ...columnsOf(rows)]},
    )
    const created = new Set(result.rows.map(({workflow_id}) => workflow_id))
    return items.map(({run}) => created.has(run.id))
  })

  const commit = groupCommit(async (items: readonly Commit[]): Promise<readonly Committed[]> => {
    const rows = items.map(commitRow)
    const asked = items.some(item => item.asked !== undefined)
    const [row] = rows
    if (row && rows.length === 1 && !asked) {
      const {rowCount} = await pool.query({
        name: 'workflows-commit-one',
        text: COMMIT_ONE,
        values: [instance, ...row],
      })
      return [{moved: rowCount === 1, jobs: [], unbegun: []}]
    }
    const result = await pool.query<{
      moved: string[]
      jobs: OutboxEntry[] | null
      unbegun: AttemptKey[] | null
    }>({
      name: 'workflows-commit',
      text: COMMIT,
      values: [instance, ...columnsOf(rows), asked ? JSON.stringify(mergeAsked(items)) : null],
    })
    const moved = new Set(result.rows[0]?.moved)
    const jobs = result.rows[0]?.jobs ?? []
    const unbegun = result.rows[0]?.unbegun ?? []
    return items.map((item, index) => ({
      moved: moved.has(item.id),
      jobs: index === 0 ? jobs : [],
      unbegun: unbegun.filter(({run}) => run === item.id),
    }))
  })

  return {
    /**
     * Creates the run with its first facts, owned by this instance (fence 1) unless they park it; without `first`,
     * pending and due at once for any instance. False when its id or its source is there already.
     */
    create: (run: NewRun, first?: First): Promise<boolean> => create({run, first}),

    /**
     * Commits, unless the run is another's by now or has a further message. `jobs` are the outbox rows to relay, of this
     * commit or of those that shared its statement.
     */
    commit,

    /** What became of a commit whose answer was lost, and whether the run is still this instance's. */
    async probe(id: string, fence: number): Promise<{readonly seq: number; readonly owned: boolean}> {
      const {rows} = await pool.query<{seq: number; owned: boolean}>(
        `select coalesce(max(j.seq), 0) as seq, s.owner = $2 and s.fence = $3 as owned
         from workflow_state s left join workflow_journal j using (workflow_id)
         where s.workflow_id = $1 group by s.owner, s.fence`,
        [id, instance, fence],
      )
      return {seq: rows[0]?.seq ?? 0, owned: rows[0]?.owned === true}
    },
  }
}

interface Creation {
  readonly run: NewRun
  readonly first: First | undefined
}

interface Committed {
  readonly moved: boolean
  /** Outbox rows to relay, of all that shared the statement; with the first of them. */
  readonly jobs: readonly OutboxEntry[]
  /** Attempts that it closed and that nobody had begun. */
  readonly unbegun: readonly AttemptKey[]
}

type Cell = string | number | boolean | null

function creationRow({run, first}: Creation): readonly Cell[] {
  const standing = first?.standing
  return [
    run.id,
    run.workflow,
    run.definition,
    run.correlationId === run.id ? null : run.correlationId,
    run.sourceId ?? null,
    JSON.stringify(run.input),
    textArray(run.agents),
    JSON.stringify(run.metadata),
    standing !== undefined && standing.parked === undefined,
    first?.facts[0]?.at ?? null,
    packFacts(first?.facts ?? []),
    standing?.status ?? 'pending',
    standing?.step ?? 'initialized',
    standing ? (standing.parked?.wakeAt ?? null) : 0,
    optionalJson(standing?.waitingFor),
    optionalJson(standing?.result),
    standing?.error ?? null,
    standing?.total ?? 0,
    standing?.completed ?? 0,
    standing?.failed ?? 0,
    standing?.percentage ?? 0,
  ]
}

function commitRow({id, fence, inbox, seq, facts, standing}: Commit): readonly Cell[] {
  return [
    id,
    fence,
    inbox,
    seq,
    facts[0]?.at ?? null,
    standing.status,
    standing.step,
    standing.parked === undefined,
    standing.parked?.wakeAt ?? null,
    optionalJson(standing.waitingFor),
    optionalJson(standing.result),
    standing.error ?? null,
    standing.total,
    standing.completed,
    standing.failed,
    standing.percentage,
    packFacts(facts),
  ]
}

/** One array for each column, as the statements for many take them. */
function columnsOf(rows: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] {
  return (rows[0] ?? []).map((_, column) => rows.map(row => row[column] ?? null))
}

function mergeAsked(items: readonly Commit[]) {
  const all = <K extends keyof Asked>(what: K) =>
    items.flatMap(({id, asked}) => (asked?.[what] ?? []).map(each => ({run: id, ...each})))
  return {
    opened: all('opened'),
    closed: all('closed'),
    children: items.flatMap(({id, asked}) =>
      (asked?.children ?? []).map(({correlationId, ...child}) => ({
        run: id,
        ...child,
        correlation_id: correlationId,
      })),
    ),
    jobs: all('jobs'),
    checkpoints: all('checkpoints'),
  }
}

function optionalJson(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}

/** One array as an element of another, which Postgres would take for a matrix. */
function textArray(texts: readonly string[]): string {
  return `{${texts.map(text => JSON.stringify(text)).join(',')}}`
}
