import type {Pool} from 'pg'
import {transaction, type Db} from '../platform/postgres.ts'
import {decide, type DeploymentEvent} from './decide.ts'
import type {DeploymentRequest, DeploymentState} from './state.ts'

export interface ClaimedDeployment {
  readonly id: string
  readonly state: DeploymentState
  readonly fence: number
}

// Whose next look nobody is at.
const LEFT = `phase <> 'finished' and (lease_until is null or lease_until < now())`
/** Whether there are deployments whose next look has come, however lately, with nobody at it. */
export const DEPLOYMENTS_LEFT = `exists (select from deployments where ${LEFT} and next_tick_at <= now())`

export type DeploymentStore = ReturnType<typeof createDeploymentStore>

/** The record of deployments. A claim raises the fence; a commit under an older fence changes nothing. */
export function createDeploymentStore({pool}: {readonly pool: Pool}) {
  return {
    /** Records a deployment once per command; answers whether this call did. */
    async insertWithin(db: Db, id: string, state: DeploymentState): Promise<boolean> {
      const {rowCount} = await db.query(
        `insert into deployments (id, state, phase, repository, target) values ($1, $2, $3, $4, $5) on conflict (id) do nothing`,
        [id, JSON.stringify(state), state.phase, state.request.repository, state.request.target],
      )
      return rowCount === 1
    },

    /**
     * Takes a deployment for `leaseMs`; undefined while another worker has it, once it is finished, or when its
     * next look is not due by `dueBy` (so superseded ticks end here instead of multiplying).
     */
    async claim(id: string, leaseMs: number, dueBy: number): Promise<ClaimedDeployment | undefined> {
      const {rows} = await pool.query<{state: DeploymentState; fence: number}>({
        name: 'deployments-claim',
        text: `update deployments set fence = fence + 1, nudged = false, lease_until = now() + make_interval(secs => $2::float8 / 1000)
          where id = $1 and phase <> 'finished' and (lease_until is null or lease_until < now())
            and next_tick_at <= to_timestamp($3::float8 / 1000)
          returning state, fence`,
        values: [id, leaseMs, dueBy],
      })
      const row = rows[0]
      return row && {id, state: row.state, fence: row.fence}
    },

    /**
     * Folds one fact into the record, onto whatever it says by now: the row's lock puts all facts in one order.
     * With a claim, the fact counts only while no newer claim exists (undefined otherwise: the caller must stop),
     * and the claim is kept for another `leaseMs`. Whatever `also` writes commits with it, and so does what is done to
     * find out what the fact is.
     */
    async fold(
      id: string,
      fact: DeploymentEvent | ((db: Db, before: DeploymentState) => Promise<DeploymentEvent>),
      also: (db: Db, after: DeploymentState, before: DeploymentState) => Promise<void>,
      claim?: {readonly fence: number; readonly leaseMs: number},
    ): Promise<DeploymentState | undefined> {
      return transaction(pool, async client => {
        const {rows} = await client.query<{state: DeploymentState; fence: number}>({
          name: 'deployments-lock',
          text: 'select state, fence from deployments where id = $1 for update',
          values: [id],
        })
        const row = rows[0]
        if (!row || (claim && row.fence !== claim.fence)) return undefined
        const event = typeof fact === 'function' ? await fact(client, row.state) : fact
        const after = decide(row.state, event)
        if (after === row.state) return after
        await client.query({
          name: 'deployments-fold',
          text: `update deployments set state = $2, phase = $3, run_id = $4, version = version + 1,
              lease_until = case when $5::float8 is null then lease_until else now() + make_interval(secs => $5::float8 / 1000) end,
              next_tick_at = case when $5::float8 is null then now() else next_tick_at end,
              ended_at = case when $3 = 'finished' then now() end
            where id = $1`,
          values: [id, JSON.stringify(after), after.phase, after.run?.id ?? null, claim?.leaseMs ?? null],
        })
        await also(client, after, row.state)
        return after
      })
    },

    /**
     * Keeps the claim while a request to GitHub takes its time. Answers whether it is still ours: not once a newer
     * claim exists, which then stays as it is.
     */
    async renew(claimed: {readonly id: string; readonly fence: number}, leaseMs: number): Promise<boolean> {
      const {rowCount} = await pool.query({
        name: 'deployments-renew',
        text: `update deployments set lease_until = now() + make_interval(secs => $3::float8 / 1000)
          where id = $1 and fence = $2 and lease_until is not null`,
        values: [claimed.id, claimed.fence, leaseMs],
      })
      return rowCount === 1
    },

    /** Tells whoever has claimed it that there is news; false when nobody has, or it is finished. */
    async leaveWord(id: string): Promise<boolean> {
      const {rowCount} = await pool.query(
        `update deployments set nudged = true where id = $1 and phase <> 'finished' and lease_until >= now()`,
        [id],
      )
      return rowCount === 1
    },

    /** Gives the claim back and says when to look again. Answers whether word was left meanwhile: then it is now. */
    async release(
      claimed: {readonly id: string; readonly fence: number},
      nextTickAt: number,
    ): Promise<boolean> {
      const {rows} = await pool.query<{nudged: boolean}>({
        name: 'deployments-release',
        text: `update deployments set lease_until = null,
            next_tick_at = case when nudged then now() else to_timestamp($3::float8 / 1000) end
          where id = $1 and fence = $2
          returning nudged`,
        values: [claimed.id, claimed.fence, nextTickAt],
      })
      return rows[0]?.nudged ?? false
    },

    async find(id: string): Promise<DeploymentState | undefined> {
      const {rows} = await pool.query<{state: DeploymentState}>(
        'select state from deployments where id = $1',
        [id],
      )
      return rows[0]?.state
    },

    /**
     * The newest commit that was shipped to a deployment's target with success before it, none of these; undefined when
     * none is known.
     */
    async shippedBefore(id: string, avoid: readonly string[]): Promise<string | undefined> {
      const {rows} = await pool.query<{sha: string}>(
        `select d.state -> 'run' ->> 'sha' as sha from deployments own
         join deployments d on d.target = own.target and d.ended_at < own.ended_at
         where own.id = $1 and d.state -> 'verdict' ->> 'kind' = 'concluded'
           and d.state -> 'verdict' ->> 'conclusion' = 'success' and d.state -> 'run' ->> 'sha' <> all($2::text[])
         order by d.ended_at desc limit 1`,
        [id, avoid],
      )
      return rows[0]?.sha
    },

    /** Whether a commit was shipped to a target with success. */
    async wentWell(target: string, sha: string): Promise<boolean> {
      const {rowCount} = await pool.query(
        `select from deployments
         where target = $1 and state -> 'run' ->> 'sha' = $2 and state -> 'verdict' ->> 'kind' = 'concluded'
           and state -> 'verdict' ->> 'conclusion' = 'success' limit 1`,
        [target, sha],
      )
      return rowCount === 1
    },

    /** Those that hold their lock, by what they asked for. */
    async holding(): Promise<readonly DeploymentRequest[]> {
      const {rows} = await pool.query<{request: DeploymentRequest}>({
        name: 'deployments-holding',
        text: `select state -> 'request' as request from deployments where phase <> 'finished' and state ? 'lock' and not state -> 'lock' ? 'lost'`,
      })
      return rows.map(row => row.request)
    },

    /** How it stands to its lock; undefined for what is no deployment, or has nothing to do with it any more. */
    async standing(id: string): Promise<'in line' | 'holding' | undefined> {
      const {rows} = await pool.query<{standing: 'in line' | 'holding'}>({
        name: 'deployments-standing',
        text: `select case when state ? 'line' then 'in line' else 'holding' end as standing from deployments
          where id = $1 and phase <> 'finished' and (state ? 'line' or state ? 'lock')`,
        values: [id],
      })
      return rows[0]?.standing
    },

    /** Unfinished deployments that a webhook may be about: by run id, or by the correlation id in the run's title. */
    async matching(runId: string, title: string): Promise<readonly string[]> {
      const correlationIds =
        title.match(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g) ?? []
      const {rows} = await pool.query<{id: string}>(
        `select id from deployments where phase <> 'finished' and (run_id = $1 or id = any($2::uuid[]))`,
        [runId, correlationIds],
      )
      return rows.map(row => row.id)
    },

    /** Deployments whose next look is overdue with nobody at it: what a crash or a lost job left behind. */
    async overdue(graceMs: number, limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'deployments-overdue',
        text: `select id from deployments
          where ${LEFT} and next_tick_at < now() - make_interval(secs => $1::float8 / 1000)
          order by next_tick_at limit $2`,
        values: [graceMs, limit],
      })
      return rows.map(row => row.id)
    },
  }
}
