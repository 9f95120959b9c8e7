import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {UptimeCheck} from '../sdk/index.ts'
import {UNWATCHED, type Watch} from './flips.ts'
import type {Slot} from './trend.ts'

/** One service in a window, cut into slots of equal length. */
export interface Recorded {
  readonly service: string
  readonly slots: readonly Slot[]
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  /** In the window before. */
  readonly before: {readonly up: number; readonly down: number}
}

const UP = `state = 'online'`
const DOWN = `state not in ('online', 'request_error')`

export type UptimeStore = ReturnType<typeof createUptimeStore>

export function createUptimeStore({pool}: {readonly pool: Pool}) {
  return {
    /** What was looked at, within the caller's transaction. */
    async record(db: Db, checks: readonly UptimeCheck[], at: number): Promise<void> {
      const looked = checks.filter(({state}) => state !== 'skipped')
      await db.query(
        `insert into uptime_checks (service, at, state, ms)
         select service, $2, state, ms from jsonb_to_recordset($1) as c (service text, state text, ms int)
         on conflict do nothing`,
        [JSON.stringify(looked), new Date(at)],
      )
    },

    /** Nobody else folds anything into it until the caller's transaction ends. */
    async watch(db: Db, service: string): Promise<Watch> {
      await db.query('insert into uptime_watches (service, watch) values ($1, $2) on conflict do nothing', [
        service,
        JSON.stringify(UNWATCHED),
      ])
      const {rows} = await db.query<{watch: Watch}>(
        'select watch from uptime_watches where service = $1 for update',
        [service],
      )
      return rows[0]?.watch ?? UNWATCHED
    },

    async keep(db: Db, service: string, watch: Watch): Promise<void> {
      await db.query('update uptime_watches set watch = $2 where service = $1', [
        service,
        JSON.stringify(watch),
      ])
    },

    /** Of services that were looked at in the window, in order of their names. */
    async history(until: number, windowMs: number, slots: number): Promise<readonly Recorded[]> {
      const {rows} = await pool.query<{
        service: string
        slots: readonly {
          readonly slot: number
          readonly up: number
          readonly down: number
          readonly ms: number | null
        }[]
        latencies: readonly [number | null, number | null] | null
        before_up: number
        before_down: number
      }>(
        `with range as (
           select to_timestamp($1::float8 / 1000) as until, make_interval(secs => $2::float8 / 1000) as width
         ), looked as (
           select service, state, ms,
             floor(extract(epoch from at - (until - width)) * 1000 / ($2::float8 / $3))::int as slot
           from uptime_checks, range where at >= until - width and at < until
         ), counted as (
           select service, slot, count(*) filter (where ${UP})::int as up, count(*) filter (where ${DOWN})::int as down,
             avg(ms) filter (where ${UP})::float8 as ms
           from looked group by service, slot
         )
         select service, json_agg(json_build_object('slot', slot, 'up', up, 'down', down, 'ms', ms)) as slots,
           (select percentile_disc(array[0.5, 0.95]) within group (order by ms)
            from looked where looked.service = counted.service and ${UP}) as latencies,
           (select count(*) filter (where ${UP})::int from uptime_checks b, range
            where b.service = counted.service and at >= until - 2 * width and at < until - width) as before_up,
           (select count(*) filter (where ${DOWN})::int from uptime_checks b, range
            where b.service = counted.service and at >= until - 2 * width and at < until - width) as before_down
         from counted group by service order by service`,
        [until, windowMs, slots],
      )
      return rows.map(row => ({
        service: row.service,
        slots: Array.from({length: slots}, (_, index) => {
          const {up = 0, down = 0, ms = null} = row.slots.find(({slot}) => slot === index) ?? {}
          return {up, down, ms: ms ?? undefined}
        }),
        p50Ms: row.latencies?.[0] ?? undefined,
        p95Ms: row.latencies?.[1] ?? undefined,
        before: {up: row.before_up, down: row.before_down},
      }))
    },

    async forget(olderThanMs: number): Promise<void> {
      await pool.query(
        `delete from uptime_checks where at < now() - make_interval(secs => $1::float8 / 1000)`,
        [olderThanMs],
      )
    },
  }
}
