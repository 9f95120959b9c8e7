import type {Pool} from 'pg'
import {transaction, type Db} from '../platform/postgres.ts'
import {decide, isOpen, type Release, type ReleaseEvent} from './decide.ts'

/** What came of folding a fact in; the same release twice when the fact changed nothing. */
export interface Folded {
  readonly before: Release
  readonly after: Release
}

/** How a command stands; `errorCode` where it failed by itself. */
export type Standing =
  {readonly kind: 'missing'} | {readonly kind: 'open'} | {readonly kind: 'ended'; readonly errorCode?: string}

// Something was shipped to the same target since, by whichever command: what goes back now would take that back, too.
const SUPERSEDED = `exists (
  select from deployments own join deployments d on d.target = own.target and d.ended_at > own.ended_at
  where own.id = r.id and d.run_id is not null)`

const DUE = `from releases r
  where r.phase in ('shipping', 'verifying', 'deciding', 'promoting', 'rolling-back')
    and (r.lease_until is null or r.lease_until < now())
    and case r.phase
      when 'shipping' then exists (select from invocations i where i.id = r.id and i.ended_at is not null)
      when 'deciding' then r.expires_at <= now() or ${SUPERSEDED}
      when 'verifying' then true
      else not exists (select from invocations i where i.id = r.follow_up and i.ended_at is null)
    end`
/** Whether there are releases for which there is something to do, with nobody at it. */
export const RELEASES_DUE = `exists (select ${DUE})`

export type ReleaseStore = ReturnType<typeof createReleaseStore>

/** The record of releases, which is kept: what was shipped to a target, and what became of it. */
export function createReleaseStore({pool}: {readonly pool: Pool}) {
  return {
    /** Once per command; again changes nothing. */
    async insert(release: Release): Promise<void> {
      const {id, target, environment} = release.request
      await pool.query(
        `insert into releases (id, target, environment, phase, state) values ($1, $2, $3, $4, $5)
         on conflict (id) do nothing`,
        [id, target, environment, release.phase, JSON.stringify(release)],
      )
    },

    async find(id: string): Promise<Release | undefined> {
      const {rows} = await pool.query<{state: Release}>('select state from releases where id = $1', [id])
      return rows[0]?.state
    },

    /**
     * Folds one fact into the release as it is by now: the row's lock puts all facts in one order, so of two decisions
     * the first is the one. Whatever `also` writes commits with it.
     */
    async fold(
      id: string,
      event: ReleaseEvent,
      also: (db: Db, folded: Folded) => Promise<void>,
    ): Promise<Folded | undefined> {
      return transaction(pool, async db => {
        const {rows} = await db.query<{state: Release}>(
          'select state from releases where id = $1 for update',
          [id],
        )
        const before = rows[0]?.state
        if (!before) return undefined
        const after = decide(before, event)
        if (after === before) return {before, after}
        const {shipped, decision, expiresAt} = after
        await db.query(
          `update releases set state = $2, phase = $3, sha = $4, follow_up = $5,
             expires_at = to_timestamp($6::float8 / 1000), lease_until = null,
             ended_at = case when $7 then null else now() end
           where id = $1`,
          [
            id,
            JSON.stringify(after),
            after.phase,
            shipped && 'sha' in shipped ? (shipped.sha ?? null) : null,
            decision?.followUp ?? null,
            after.phase === 'deciding' ? (expiresAt ?? null) : null,
            isOpen(after),
          ],
        )
        await also(db, {before, after})
        return {before, after}
      })
    },

    /** Takes a release to advance; undefined while another has it. */
    async claim(id: string, leaseMs: number): Promise<Release | undefined> {
      const {rows} = await pool.query<{state: Release}>(
        `update releases set lease_until = now() + make_interval(secs => $2::float8 / 1000)
         where id = $1 and (lease_until is null or lease_until < now()) returning state`,
        [id, leaseMs],
      )
      return rows[0]?.state
    },

    /** Whether something else was shipped to its target since. */
    async superseded(id: string): Promise<boolean> {
      const {rows} = await pool.query<{superseded: boolean}>(
        `select ${SUPERSEDED} as superseded from releases r where id = $1`,
        [id],
      )
      return rows[0]?.superseded ?? false
    },

    async release(id: string): Promise<void> {
      await pool.query('update releases set lease_until = null where id = $1', [id])
    },

    /** Those for which there is something to do, with nobody at it. */
    async due(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>({
        name: 'releases-due',
        text: `select r.id ${DUE} order by r.created_at limit $1`,
        values: [limit],
      })
      return rows.map(({id}) => id)
    },

    /** Of the command that ships, or that carries a decision out. */
    async command(id: string): Promise<Standing> {
      const {rows} = await pool.query<{ended: boolean; code: string | null}>(
        `select ended_at is not null as ended, error ->> 'code' as code from invocations where id = $1`,
        [id],
      )
      const row = rows[0]
      if (!row) return {kind: 'missing'}
      if (!row.ended) return {kind: 'open'}
      return {kind: 'ended', ...(row.code === null ? {} : {errorCode: row.code})}
    },

    /** What was shipped to a target by `/ship`, newest first. */
    async history(target: string, limit: number): Promise<readonly Release[]> {
      const {rows} = await pool.query<{state: Release}>(
        'select state from releases where target = $1 order by created_at desc limit $2',
        [target, limit],
      )
      return rows.map(({state}) => state)
    },
  }
}
