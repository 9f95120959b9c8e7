import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import type {LocksUnderTest} from './locks-adapter.ts'

const TAKE = `
  insert into lock_table (resource, token, expires_at) values ($1, $2, now() + interval '30 seconds')
  on conflict (resource) do update set token = excluded.token, expires_at = excluded.expires_at
    where lock_table.expires_at <= now()
  returning token`
const GIVE_BACK = 'delete from lock_table where resource = $1 and token = $2'

/**
 * The yardstick: the table with an expiry that everybody writes once, both statements prepared, retried after a random
 * pause of at most 10 ms. No fence, no line, no history, no renewal.
 */
export async function lockTable({
  databaseUrl,
  pool: max,
}: {
  readonly databaseUrl: string
  readonly pool: number
}): Promise<LocksUnderTest> {
  const pool = new pg.Pool({connectionString: databaseUrl, max})
  await pool.query(
    'create table lock_table (resource text primary key, token uuid not null, expires_at timestamptz not null)',
  )
  return {
    async withLock(resource) {
      const token = randomUUID()
      for (;;) {
        const {rowCount} = await pool.query({name: 'take', text: TAKE, values: [resource, token]})
        if (rowCount === 1) break
        await sleep(Math.random() * 10)
      }
      await pool.query({name: 'give-back', text: GIVE_BACK, values: [resource, token]})
    },
    close: () => pool.end(),
  }
}
