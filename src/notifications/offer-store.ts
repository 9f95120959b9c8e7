import type {Pool} from 'pg'
import type {Db} from '../platform/postgres.ts'
import type {AfterOffer, NewOffer} from '../sdk/index.ts'

const OVER = 'settled_at is null and (press is not null or expires_at <= now())'
/** Whether there are some that are over and whose message does not say so yet. */
export const OFFERS_OVER = `exists (select from offers where ${OVER})`

export type OfferStore = ReturnType<typeof createOfferStore>

export function createOfferStore({pool}: {readonly pool: Pool}) {
  return {
    /** Answers when it expires; of one that is there already, when that does. */
    async make({id, lapsed, taken}: NewOffer, holdsMs: number): Promise<number> {
      const {rows} = await pool.query<{expires_at: Date}>(
        `insert into offers as o (id, lapsed, taken, expires_at)
         values ($1, $2, $3, now() + make_interval(secs => $4::float8 / 1000))
         on conflict (id) do update set id = o.id
         returning expires_at`,
        [id, JSON.stringify(lapsed), JSON.stringify(taken), holdsMs],
      )
      return rows[0]?.expires_at.getTime() ?? 0
    },

    async take(id: string, press: string): Promise<boolean> {
      const {rowCount} = await pool.query(
        `update offers set press = $2
         where id = $1 and (press = $2 or press is null and expires_at > now())`,
        [id, press],
      )
      return rowCount === 1
    },

    /** Those that are over and whose message does not say so yet, the oldest first. */
    async over(limit: number): Promise<readonly string[]> {
      const {rows} = await pool.query<{id: string}>(
        `select id from offers where ${OVER} order by expires_at limit $1`,
        [limit],
      )
      return rows.map(({id}) => id)
    },

    /** Marks it as told, within the caller's transaction; undefined when it is not over, or told already. */
    async settle(db: Db, id: string): Promise<AfterOffer | undefined> {
      const {rows} = await db.query<{after: AfterOffer}>(
        `update offers set settled_at = now()
         where id = $1 and ${OVER}
         returning case when press is null then lapsed else taken end as after`,
        [id],
      )
      return rows[0]?.after
    },
  }
}
