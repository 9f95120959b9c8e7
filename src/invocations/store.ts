import type {Pool} from 'pg'
import {AppError} from '../kernel/errors.ts'
import {groupCommit} from '../platform/group-commit.ts'
import type {Db} from '../platform/postgres.ts'
import type {Seal} from '../platform/sealed.ts'
import type {Reply} from '../sdk/index.ts'
import {
  agentQueue,
  type Invocation,
  type InvocationEnd,
  type NewInvocation,
  type Recorded,
} from './invocation.ts'
import {withOpenOptions, withSealedOptions} from './sealed-options.ts'

interface InvocationRow {
  id: string
  source: Invocation['source']
  command: string
  options: Invocation['options']
  actor: Invocation['actor']
  agent: string
  action: string
  status: Invocation['status']
  attempt: number
  created_at: Date
}

const COLUMNS = 'id, source, command, options, actor, agent, action, status, attempt, created_at'

// Record, message and job commit together: one statement, one round trip, however many arrive at once. A command that
// was noted on arrival takes its note away, which only one can do: not once the sweep has given it up.
const RECORD = `
  with given as (
    select * from jsonb_to_recordset($1::jsonb) as g(
      id uuid, source text, source_id text, command text, options jsonb, actor jsonb, agent text, action text,
      join_key text, target jsonb, view jsonb, queue text, arrived boolean)
  ), taken as (
    delete from arrivals
    where interaction_id = any(array(select source_id from given where arrived)) and given_up_at is null
    returning interaction_id
  ), recorded as (
    insert into invocations (id, source, source_id, command, options, actor, agent, action, status, join_key)
    select id, source, source_id, command, options, actor, agent, action, 'queued', join_key from given
    where not arrived or source_id in (select interaction_id from taken)
    on conflict (source, source_id) do nothing
    returning id
  ), messages as (
    insert into replies (id, target, view, version)
    select g.id, g.target, g.view, 1 from given g join recorded using (id) where g.target is not null
  ), jobs as (
    insert into outbox (queue, name, job_id, data)
    select g.queue, g.action, 'invocation-' || g.id, jsonb_build_object('id', g.id) from given g join recorded using (id)
    returning id as outbox_id, data
  )
  select r.id, j.outbox_id from recorded r join jobs j on (j.data ->> 'id')::uuid = r.id`

const UNFINISHED = `status in ('queued', 'running')`
/** Whether there are commands that wait or are worked at, however fresh. */
export const INVOCATIONS_UNFINISHED = `exists (select from invocations where ${UNFINISHED})`

// The claim that makes a repeated job harmless: whatever has ended, or is carried on elsewhere, is not given out.
// It need not outlive a crash of the database: the job would be given out again, and claimed again. So nobody waits
// for the disk. `ended_at is null` rather than the status, or the planner would walk all of `invocations_open`.
const claimWhere = (which: string) => `
  update invocations set status = 'running', attempt = attempt + 1, started_at = coalesce(started_at, now())
  where id = ${which} and ended_at is null and status <> 'following'
  returning ${COLUMNS}, set_config('synchronous_commit', 'off', true)`

// The end of a command and the last word about it commit together.
const END = `
  with ended as (
    update invocations set status = $2, result = $3, error = $4, ended_at = now()
    where id = $1 and ended_at is null
    returning id, command, extract(epoch from now() - created_at)::float8 * 1000 as took_ms
  ), told as (
    update replies r set view = $5, version = version + 1, changed_at = now()
    from ended where r.id = ended.id and $5::jsonb is not null
  )
  select id, command, took_ms from ended`

const END_MANY = `
  with given as (
    select * from jsonb_to_recordset($1::jsonb) as g(id uuid, status text, result jsonb, error jsonb, view jsonb)
  ), ended as (
    update invocations i set status = g.status, result = g.result, error = g.error, ended_at = now()
    from given g where i.id = g.id and i.ended_at is null
    returning i.id
  ), told as (
    update replies r set view = g.view, version = version + 1, changed_at = now()
    from given g join ended using (id) where r.id = g.id and g.view is not null
  )
  select id from ended`

/** What the metrics ask about a command that has just ended. */
export interface EndedCommand {
  readonly command: string
  readonly status: InvocationEnd['status']
  /** From its record to its end. */
  readonly tookMs: number
}

export type InvocationStore = ReturnType<typeof createInvocationStore>

/**
 * The record of commands. Hot statements are grouped across callers: see src/platform/group-commit.ts. Secret options
 * are sealed in the database and nowhere else.
 */
export function createInvocationStore({
  pool,
  openSeal = noSeal,
}: {
  readonly pool: Pool
  readonly openSeal?: () => Promise<Seal>
}) {
  const record = groupCommit(
    async (items: readonly NewInvocation[]): Promise<readonly {recorded: boolean; outboxId?: string}[]> => {
      const {rows} = await pool.query<{id: string; outbox_id: string}>({
        name: 'invocations-record',
        text: RECORD,
        values: [JSON.stringify(items.map(toGiven))],
      })
      const outbox = new Map(rows.map(row => [row.id, row.outbox_id]))
      return items.map(item => {
        const outboxId = outbox.get(item.id)
        return outboxId === undefined ? {recorded: false} : {recorded: true, outboxId}
      })
    },
  )

  // One alone, the usual case, has a statement prepared for one. Several are planned anew each time: a plan made
  // while the tables were small would scan them for as long as its connection lives.
  const claim = groupCommit(async (ids: readonly string[]): Promise<readonly (Invocation | undefined)[]> => {
    const {rows} = await pool.query<InvocationRow>(
      ids.length === 1
        ? {name: 'invocations-claim', text: claimWhere('$1'), values: [ids[0]]}
        : {text: claimWhere('any($1::uuid[])'), values: [ids]},
    )
    const claimed = new Map(rows.map(row => [row.id, toInvocation(row)]))
    return ids.map(id => claimed.get(id))
  })

  const end = groupCommit(async (items: readonly Ending[]): Promise<readonly boolean[]> => {
    // Two ends of one command in one batch: the first is the one, as it would be apart.
    const firsts = new Map(items.toReversed().map(item => [item.id, item]))
    const [first] = items
    const {rows} = await pool.query<{id: string}>(
      first && items.length === 1
        ? endOne(first)
        : {text: END_MANY, values: [JSON.stringify([...firsts.values()])]},
    )
    const ended = new Set(rows.map(row => row.id))
    return items.map(item => ended.has(item.id) && firsts.get(item.id) === item)
  })

  return {
    /** Commits the record, its message and its job together. Answers what became of it, and the outbox row to relay. */
    async record(given: NewInvocation): Promise<Recorded & {readonly outboxId?: string}> {
      const invocation = await withSealedOptions(given, openSeal)
      if (invocation.join) return recordUnlessJoined(pool, invocation)
      const outcome = await record(invocation)
      if (outcome.recorded && outcome.outboxId !== undefined)
        return {kind: 'recorded', outboxId: outcome.outboxId}
      return notRecorded(pool, invocation)
    },

    /**
     * Takes the invocation for this attempt, or nothing when it is over or carried on elsewhere. Its secret options are
     * still sealed: see `opened`.
     */
    claim,

    /** With its options as they were given. @throws NOT_CONFIGURED when they were sealed with another key. */
    opened: (invocation: Invocation) => withOpenOptions(invocation, openSeal),

    /** Ends it, with what its message is to say, unless it has ended; answers whether this call did. */
    end(id: string, how: InvocationEnd, view?: Reply): Promise<boolean> {
      return end({id, ...how, ...(view === undefined ? {} : {view})})
    },

    /** As `end`, inside the caller's transaction; undefined when it had ended. */
    async endWithin(db: Db, id: string, how: InvocationEnd): Promise<EndedCommand | undefined> {
      const {rows} = await db.query<{command: string; took_ms: number}>(endOne({id, ...how}))
      return rows[0] && {command: rows[0].command, status: how.status, tookMs: rows[0].took_ms}
    },

    /** What its message says until it ends; what was said at its end stays. Answers whether it goes on. */
    async show(id: string, view: Reply): Promise<boolean> {
      const {rowCount} = await pool.query({
        name: 'invocations-show',
        text: `with live as (select id from invocations where id = $1 and ended_at is null for share)
          update replies r set view = $2, version = version + 1, changed_at = now() from live where r.id = live.id`,
        values: [id, JSON.stringify(view)],
      })
      return rowCount === 1
    },

    async followWithin(db: Db, id: string): Promise<boolean> {
      const {rowCount} = await db.query(
        `update invocations set status = 'following' where id = $1 and ended_at is null and status <> 'following'`,
        [id],
      )
      return rowCount === 1
    },

    async find(idOrPrefix: string): Promise<Invocation | undefined> {
      const {rows} = await pool.query<InvocationRow>(
        `select ${COLUMNS} from invocations where id::text like $1 || '%' order by created_at desc limit 2`,
        [idOrPrefix.replace(/[^0-9a-f-]/g, '')],
      )
      // A prefix that fits two commands names neither.
      return rows.length === 1 && rows[0] ? withOpenOptions(toInvocation(rows[0]), openSeal) : undefined
    },

    /** How it stands and what it came to; undefined for one that there is not. */
    async outcomeOf(
      id: string,
    ): Promise<{readonly status: Invocation['status']; readonly result: unknown} | undefined> {
      const {rows} = await pool.query<{status: Invocation['status']; result: unknown}>(
        'select status, result from invocations where id = $1',
        [id],
      )
      return rows[0]
    },

    /** Commands of before `before` that no process and no other record has brought to an end, oldest first. */
    async unfinished(query: {readonly after: Date; readonly before: Date; readonly limit: number}): Promise<
      readonly {
        readonly id: string
        readonly agent: string
        readonly action: string
        readonly createdAt: Date
      }[]
    > {
      const {rows} = await pool.query<{id: string; agent: string; action: string; createdAt: Date}>({
        name: 'invocations-unfinished',
        text: `select id, agent, action, created_at as "createdAt" from invocations
          where ${UNFINISHED} and created_at > $1 and created_at < $2
          order by created_at limit $3`,
        values: [query.after, query.before, query.limit],
      })
      return rows
    },

    async open(): Promise<readonly Invocation[]> {
      const {rows} = await pool.query<InvocationRow>(
        `select ${COLUMNS} from invocations where status in ('queued', 'running', 'following') order by created_at desc limit 100`,
      )
      return rows.map(toInvocation)
    },
  }
}

function noSeal(): Promise<Seal> {
  throw new AppError('INVARIANT_BROKEN', 'A command with secret options needs a seal.')
}

type Ending = {readonly id: string; readonly view?: Reply} & InvocationEnd

function endOne({id, status, result, error, view}: Ending) {
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value))
  return {name: 'invocations-end', text: END, values: [id, status, json(result), json(error), json(view)]}
}

/** Joining must not race with itself: callers with the same key queue up behind an advisory lock. */
async function recordUnlessJoined(
  pool: Pool,
  invocation: NewInvocation,
): Promise<Recorded & {readonly outboxId?: string}> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [invocation.join?.key])
    const {rows: going} = await client.query<{id: string; source_id: string}>(
      `select id, source_id from invocations
       where join_key = $1 and created_at > now() - make_interval(secs => $2::float8 / 1000)
         and status not in ('failed', 'cancelled')
       order by created_at desc limit 1`,
      [invocation.join?.key, invocation.join?.withinMs],
    )
    const first = going[0]
    if (first) {
      await client.query('commit')
      return {kind: first.source_id === invocation.sourceId ? 'duplicate' : 'joined', id: first.id}
    }
    const {rows} = await client.query<{outbox_id: string}>(RECORD, [JSON.stringify([toGiven(invocation)])])
    await client.query('commit')
    if (rows[0]) return {kind: 'recorded', outboxId: rows[0].outbox_id}
  } catch (error) {
    broken = error as Error
    await client.query('rollback').catch(() => undefined)
    throw error
  } finally {
    client.release(broken)
  }
  return notRecorded(pool, invocation)
}

/** Why RECORD left it out. */
async function notRecorded(pool: Pool, {source, sourceId}: NewInvocation): Promise<Recorded> {
  const {rows} = await pool.query<{id: string}>(
    'select id from invocations where source = $1 and source_id = $2',
    [source, sourceId],
  )
  return rows[0] ? {kind: 'duplicate', id: rows[0].id} : {kind: 'given-up'}
}

function toGiven(invocation: NewInvocation) {
  return {
    id: invocation.id,
    source: invocation.source,
    source_id: invocation.sourceId,
    command: invocation.command,
    options: invocation.options,
    actor: invocation.actor,
    agent: invocation.agent,
    action: invocation.action,
    join_key: invocation.join?.key ?? null,
    target: invocation.reply?.target ?? null,
    view: invocation.reply?.view ?? null,
    queue: agentQueue(invocation.agent),
    arrived: invocation.arrived ?? false,
  }
}

function toInvocation(row: InvocationRow): Invocation {
  return {
    id: row.id,
    source: row.source,
    command: row.command,
    options: row.options,
    actor: row.actor,
    agent: row.agent,
    action: row.action,
    status: row.status,
    attempt: row.attempt,
    createdAt: row.created_at.getTime(),
  }
}
