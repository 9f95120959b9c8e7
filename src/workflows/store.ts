import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'
import {groupCommit} from '../platform/group-commit.ts'
import type {OutboxEntry} from '../platform/outbox.ts'
import type {Fact} from './evolve.ts'
import type {Message, RunStatus} from './run.ts'

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

/** An attempt that another process carries out. */
export interface Call {
  readonly agent: string
  readonly action: string
  readonly input: Json
  readonly timeoutMs: number | undefined
  readonly compensation: boolean
  readonly workflow: string
  readonly correlationId: string
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

/** Where a run stands when a message arrives; `held`: told to pause, `stopping`: told to cancel. */
export type Allows = RunStatus | 'held' | 'stopping'

export interface Delivery {
  readonly run: string
  /** The same id again is the same message. */
  readonly messageId: string
  readonly message: Message
  readonly allowedWhen: readonly Allows[]
  /** Commits with the message: from then on no effect begins; `none` lifts it. */
  readonly stop?: 'pause' | 'cancel' | 'none'
  readonly status?: RunStatus
}

export type Delivered =
  | {readonly outcome: 'delivered'; readonly run: Snapshot}
  | {readonly outcome: 'delivered'; readonly run?: undefined; readonly owner: string | null}
  | {readonly outcome: 'repeated'; readonly status: RunStatus}
  | {readonly outcome: 'refused'; readonly status: RunStatus; readonly standing: Allows}
  | {readonly outcome: 'unknown'}

/** What became of the wish to begin an effect. */
export type EffectPermit =
  | {readonly kind: 'begun'}
  /** The run was cancelled, or the attempt is over or somebody else's. */
  | {readonly kind: 'refused'}
  /** The run is paused; the attempt still counts. */
  | {readonly kind: 'paused'}
  /** Begun before, with no word of how it ended. */
  | {readonly kind: 'uncertain'}
  | {readonly kind: 'done'; readonly result: Json}

export interface EffectKey {
  readonly run: string
  readonly path: string
  readonly attempt: number
  readonly name: string
}

/** Who wants to begin an effect: the owner with its fence, or the holder of an attempt that it opened. */
export type Performer =
  {readonly kind: 'owner'; readonly instance: string; readonly fence: number} | {readonly kind: 'attempt'}

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
  select moved, jobs from workflow_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

// The share lock meets the update that stops the run: either this effect had begun before the stop was acknowledged, or
// it sees the stop.
const mayBegin = (condition: string) => `
  with asked as (
    ${condition}
  ), begun as (
    insert into workflow_effects (key, workflow_id)
    select $1, workflow_id from asked where stop is null or ($3 and stop = 'cancel')
    on conflict (key) do nothing
    returning key
  )
  select (select stop from asked) as stop, exists (select from asked) as counts, exists (select from begun) as begun,
    (select json_build_object('state', state, 'result', result) from workflow_effects where key = $1) as earlier`

const BEGIN_AS_OWNER = mayBegin(`
    select workflow_id, stop from workflow_state
    where workflow_id = $2 and owner = $4 and fence = $5 for share`)

const BEGIN_AS_ATTEMPT = mayBegin(`
    select s.workflow_id, s.stop from workflow_state s join workflow_attempts a using (workflow_id)
    where s.workflow_id = $2 and a.path = $4 and a.attempt = $5
    for share of s for key share of a`)

const RUN_COLUMNS = `
  workflow_id as id, workflow_type as workflow,
  (select hash from workflow_definitions d where d.id = definition) as definition, status, current_step as "currentStep",
  waiting_for as "waitingFor", steps_total as total, steps_completed as completed, steps_failed as failed, percentage, version,
  input, result, error_message as error, coalesce(correlation_id, workflow_id) as "correlationId",
  parent_id as "parentId", parent_path as "parentPath", floor(extract(epoch from started_at) * 1000)::float8 as "startedAt",
  floor(extract(epoch from updated_at) * 1000)::float8 as "updatedAt",
  floor(extract(epoch from completed_at) * 1000)::float8 as "completedAt"`

export type WorkflowStore = ReturnType<typeof createWorkflowStore>

/** The SQL of runs. Creation and commits that happen at once share statements: see src/platform/group-commit.ts. */
export function createWorkflowStore({pool, instance}: {readonly pool: Pool; readonly instance: string}) {
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
      return [{moved: rowCount === 1, jobs: []}]
    }
    const result = await pool.query<{moved: string[]; jobs: OutboxEntry[] | null}>({
      name: 'workflows-commit',
      text: COMMIT,
      values: [instance, ...columnsOf(rows), asked ? JSON.stringify(mergeAsked(items)) : null],
    })
    const moved = new Set(result.rows[0]?.moved)
    const jobs = result.rows[0]?.jobs ?? []
    return items.map((item, index) => ({moved: moved.has(item.id), jobs: index === 0 ? jobs : []}))
  })

  async function one<T>(name: string, text: string, values: readonly unknown[]): Promise<T | undefined> {
    const {rows} = await pool.query<{answer: T}>({name, text, values: [...values]})
    return rows[0]?.answer
  }

  return {
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

    /**
     * Creates the run with its first facts, owned by this instance (fence 1) unless they park it; without `first`,
     * pending and due at once for any instance. False when its id or its source is there already.
     */
    create: (run: NewRun, first?: First): Promise<boolean> => create({run, first}),

    /** Tells the instances that a run waits for one of them. */
    async announce(id: string): Promise<void> {
      await pool.query(`select pg_notify('workflows', '* ' || $1)`, [id])
    },

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

    /** The messages that came after the first `seen`. */
    async messages(id: string, seen: number): Promise<readonly Message[]> {
      const {rows} = await pool.query<{body: Message}>({
        name: 'workflows-messages',
        text: 'select body from workflow_inbox where workflow_id = $1 and seq > $2 order by seq',
        values: [id, seen],
      })
      return rows.map(row => row.body)
    },

    /** As an instance that can carry runs on, or (`claim` false) as a process that only tells. */
    async deliver(
      {run, messageId, message, allowedWhen, stop, status}: Delivery,
      {claim}: {readonly claim: boolean},
    ): Promise<Delivered> {
      const answer = await one<Delivered & {readonly run?: StoredSnapshot}>(
        'workflows-deliver',
        'select workflow_deliver($1, $2, $3, $4, $5, $6, $7) as answer',
        [
          claim ? instance : null,
          run,
          messageId,
          JSON.stringify(message),
          allowedWhen,
          stop ?? null,
          status ?? null,
        ],
      )
      if (!answer) return {outcome: 'unknown'}
      return answer.run ? {outcome: 'delivered', run: toSnapshot(answer.run)} : answer
    },

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

    /** Whether an effect may begin now; `begun` and `uncertain` leave its row `begun` until `finishEffect`. */
    async beginEffect(key: EffectKey, by: Performer, compensation: boolean): Promise<EffectPermit> {
      for (;;) {
        const {rows} = await pool.query<{
          counts: boolean
          stop: 'pause' | 'cancel' | null
          begun: boolean
          earlier: {state: 'begun' | 'done'; result: Json} | null
        }>(
          by.kind === 'owner'
            ? {
                name: 'workflows-effect-owner',
                text: BEGIN_AS_OWNER,
                values: [effectKey(key), key.run, compensation, by.instance, by.fence],
              }
            : {
                name: 'workflows-effect-attempt',
                text: BEGIN_AS_ATTEMPT,
                values: [effectKey(key), key.run, compensation, key.path, key.attempt],
              },
        )
        const [answer] = rows
        if (!answer?.counts) return {kind: 'refused'}
        if (answer.begun) return {kind: 'begun'}
        if (answer.stop === 'pause') return {kind: 'paused'}
        if (answer.stop === 'cancel' && !compensation) return {kind: 'refused'}
        if (answer.earlier)
          return answer.earlier.state === 'done'
            ? {kind: 'done', result: answer.earlier.result}
            : {kind: 'uncertain'}
        // Somebody's insert committed while this statement ran: the next one sees it.
      }
    },

    async finishEffect(key: EffectKey, result: Json): Promise<void> {
      await pool.query({
        name: 'workflows-effect-done',
        text: `update workflow_effects set state = 'done', result = $2, done_at = now() where key = $1`,
        values: [effectKey(key), JSON.stringify(result)],
      })
    },

    /** The attempt, while its run waits for it. */
    async attempt(run: string, path: string, attempt: number): Promise<Call | undefined> {
      return one(
        'workflows-attempt',
        'select call as answer from workflow_attempts where workflow_id = $1 and path = $2 and attempt = $3',
        [run, path, attempt],
      )
    },

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
      return one('workflows-status', 'select status as answer from workflow_state where workflow_id = $1', [
        id,
      ])
    },

    async countOpen(): Promise<ReadonlyMap<string, number>> {
      const {rows} = await pool.query<{status: string; count: number}>({
        name: 'workflows-count',
        text: `select status, count(*)::int as count from workflow_state where completed_at is null group by 1`,
      })
      return new Map(rows.map(row => [row.status, row.count]))
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

/** `run:path:attempt[:name]`: what makes an effect one. */
export function effectKey({run, path, attempt, name}: EffectKey): string {
  return name === '' ? `${run}:${path}:${attempt}` : `${run}:${path}:${attempt}:${name}`
}

interface Creation {
  readonly run: NewRun
  readonly first: First | undefined
}

interface Committed {
  readonly moved: boolean
  /** Outbox rows to relay, of all that shared the statement; with the first of them. */
  readonly jobs: readonly OutboxEntry[]
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

/** Facts as the journal keeps them: those of the row's own time go without it. */
function packFacts(facts: readonly Fact[]): string | null {
  const [first] = facts
  if (!first) return null
  return JSON.stringify(facts.map(fact => (fact.at === first.at ? {...fact, at: undefined} : fact)))
}

interface JournalRow {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly facts: readonly (Omit<Fact, 'at'> & {readonly at?: number})[]
}

type StoredSnapshot = Omit<Snapshot, 'journal'> & {readonly journal: readonly JournalRow[]}

function toSnapshot(stored: StoredSnapshot): Snapshot {
  return {...stored, journal: stored.journal.map(unpackFacts)}
}

function unpackFacts({at, facts}: JournalRow): readonly Fact[] {
  return facts.map(fact => (fact.at === undefined ? {...fact, at} : fact) as Fact)
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
