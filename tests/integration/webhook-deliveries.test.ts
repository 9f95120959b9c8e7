import type pg from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {forgetDeliveries} from '../../src/api/webhooks.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

test('deliveries are remembered for longer than anybody redelivers, and then let go', async () => {
  await pool.query(
    `insert into webhook_deliveries (source, delivery_id, received_at)
     select 'github', days || ' days', now() - make_interval(days => days, mins => -1)
     from unnest(array[0, 3, 7, 14, 15, 400]) as days`,
  )
  await forgetDeliveries(pool)
  const {rows} = await pool.query<{delivery_id: string}>(
    'select delivery_id from webhook_deliveries order by received_at desc',
  )
  expect(rows.map(row => row.delivery_id)).toEqual(['0 days', '3 days', '7 days', '14 days'])
})
