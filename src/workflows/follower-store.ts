import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {Actor} from '../sdk/index.ts'

/** A command that a run carries on. */
export interface Follower {
  /** The command's. */
  readonly id: string
  readonly run: string
  readonly asker: string
  /** Of the run as it is, and as the message shows it: the same only if there is nothing to tell. */
  readonly current: string
  readonly shown: string | null
}

/** Somebody who asked for a run. */
export interface Asker {
  readonly actor: Actor
  /** The command they did it by, where it was one. */
  readonly invocation: string | undefined
}

/** What a run keeps of whoever asked for it, from its creation on. */
export function askedFor({kind, id, name}: Pick<Actor, 'kind' | 'id' | 'name'>) {
  return {requester: name, asker: {kind, id, name}}
}

const SELECT = `
  select f.invocation_id as id, f.workflow_id as run, i.actor ->> 'name' as asker,
    s.updated_at::text as current, f.shown::text as shown
  from workflow_followers f
  join workflow_state s on s.workflow_id = f.workflow_id
  join invocations i on i.id = f.invocation_id
  where f.ended_at is null and s.updated_at is distinct from f.shown`
/** Whether there are messages that do not show how their run stands. */
export const FOLLOWERS_BEHIND = `exists (${SELECT})`

export type FollowerStore = ReturnType<typeof createFollowerStore>

/** Which command follows which run, and how much of it its message shows. */
export function createFollowerStore({pool}: {readonly pool: Pool}) {
  return {
    /** Once per command; again changes nothing. */
    async insertWithin(db: Db, id: string, run: string): Promise<void> {
      await db.query(
        `insert into workflow_followers (invocation_id, workflow_id) values ($1, $2) on conflict do nothing`,
        [id, run],
      )
    },

    /** Those whose message does not show how their run stands. */
    async behind(limit: number): Promise<readonly Follower[]> {
      const {rows} = await pool.query<Follower>({
        name: 'followers-behind',
        text: `${SELECT} limit $1`,
        values: [limit],
      })
      return rows
    },

    /** That one, if its message does not show how its run stands. */
    async ifBehind(id: string): Promise<Follower | undefined> {
      const {rows} = await pool.query<Follower>({
        name: 'followers-if-behind',
        text: `${SELECT} and f.invocation_id = $1`,
        values: [id],
      })
      return rows[0]
    },

    /** Says that the message shows the run as it is, and maybe for the last time; false when another was faster. */
    async showWithin(db: Db, {id, current, shown}: Follower, over: boolean): Promise<boolean> {
      const {rowCount} = await db.query(
        `update workflow_followers set shown = $2::timestamptz, ended_at = case when $4 then now() end
         where invocation_id = $1 and ended_at is null and shown is not distinct from $3::timestamptz`,
        [id, current, shown, over],
      )
      return rowCount === 1
    },

    /** The run that carries a command on. */
    async runOf(id: string): Promise<string | undefined> {
      const {rows} = await pool.query<{run: string}>(
        'select workflow_id as run from workflow_followers where invocation_id = $1',
        [id],
      )
      return rows[0]?.run
    },

    /** Whoever asked for this very run last; undefined when nobody we know did. */
    async actorOf(run: string): Promise<Actor | undefined> {
      const {rows} = await pool.query<{actor: Actor | null}>(
        `select coalesce(
           (select i.actor from workflow_followers f join invocations i on i.id = f.invocation_id
            where f.workflow_id = s.workflow_id order by i.created_at desc limit 1),
           s.metadata -> 'asker') as actor
         from workflow_state s where s.workflow_id = $1`,
        [run],
      )
      return rows[0]?.actor ?? undefined
    },

    /**
     * Everybody who asked for the run, or told it by a command to go on after its end, the last one first. Of a
     * sub-workflow, those who asked for the run that it is part of. A run says itself who asked for it (`askedFor`):
     * it may reach its first gate before the command that asked follows it, and some are asked for without a command.
     */
    async askersOf(run: string): Promise<readonly Asker[]> {
      const {rows} = await pool.query<{invocation: string | null; actor: Actor}>(
        `with recursive line as (
           select workflow_id, parent_id, started_at, metadata -> 'asker' as asker
           from workflow_state where workflow_id = $1
           union
           select s.workflow_id, s.parent_id, s.started_at, s.metadata -> 'asker'
           from workflow_state s join line l on s.workflow_id = l.parent_id
         ), commands as (
           select i.id as invocation, i.actor, i.created_at as at from line
           join workflow_followers f using (workflow_id) join invocations i on i.id = f.invocation_id
         )
         select invocation, actor from (
           select * from commands
           union all
           select null, asker, started_at from line
           where asker is not null and not exists (
             select from commands c
             where c.actor ->> 'kind' = asker ->> 'kind' and c.actor ->> 'id' = asker ->> 'id')
         ) as askers order by at desc limit 50`,
        [run],
      )
      return rows.map(({invocation, actor}) => ({invocation: invocation ?? undefined, actor}))
    },
  }
}
