import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createOfferStore} from '../../src/notifications/offer-store.ts'
import {createOffers, type Offers} from '../../src/notifications/offers.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createSeal} from '../../src/platform/sealed.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
/** As many processes. */
let all: Offers[]
const notified: string[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  all = [1, 2].map(() =>
    createOffers({
      pool,
      store: createOfferStore({pool}),
      replies: createReplyStore({pool}),
      notify: async id => void notified.push(id),
    }),
  )
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const store = () => createInvocationStore({pool, openSeal: async () => createSeal('a key for tests')})

async function aCommand(
  options: Readonly<Record<string, unknown>> = {},
  secrets: readonly string[] = [],
): Promise<string> {
  const id = randomUUID()
  await store().record({
    ...{
      id,
      source: 'discord',
      sourceId: id,
      command: 'set',
      options,
      secrets,
      agent: 'keeper',
      action: 'set',
    },
    actor: {kind: 'discord', id: '1', name: 'ada'},
    reply: {
      target: {kind: 'channel', channelId: '1'},
      view: {
        state: 'waiting',
        title: 'confirm',
        lines: ['what would change'],
        controls: [{kind: 'action', label: 'Set', action: 'confirm', subject: id, style: 'danger'}],
      },
    },
  })
  return id
}

const [first, second] = [() => all[0] as Offers, () => all[1] as Offers]
const offer = async () => {
  const id = await aCommand()
  await first().make({
    id,
    lapsed: {state: 'other', title: 'not confirmed'},
    taken: {state: 'ok', title: 'confirmed'},
  })
  return id
}
const shown = async (id: string) =>
  (
    await pool.query<{view: {title: string; lines: string[]; controls: unknown[]}; version: number}>(
      'select view, version from replies where id = $1',
      [id],
    )
  ).rows[0]
const expire = (id: string) => pool.query('update offers set expires_at = now() where id = $1', [id])

test('of twenty presses at once in two processes one counts, and that one counts again', async () => {
  const id = await offer()
  const presses = Array.from({length: 20}, (_, n) => `press-${n}`)
  const taken = await Promise.all(presses.map((press, n) => (all[n % 2] as Offers).take(id, press)))
  expect(taken.filter(Boolean)).toHaveLength(1)
  const winner = presses[taken.indexOf(true)] ?? ''
  expect(await second().take(id, winner)).toBe(true)
  expect(await second().take(id, 'late')).toBe(false)
})

test('nobody takes what has expired, or was never offered', async () => {
  const id = await offer()
  await expire(id)
  expect(await first().take(id, 'late')).toBe(false)
  expect(await first().take(randomUUID(), 'none')).toBe(false)
})

test('made again it is the same offer, that ends when the first one did', async () => {
  const id = await offer()
  await pool.query(`update offers set expires_at = now() + interval '1 minute' where id = $1`, [id])
  const until = await second().make({id, lapsed: {state: 'ok', title: 'x'}, taken: {state: 'ok', title: 'x'}})
  expect(until - Date.now()).toBeLessThan(61_000)
})

test('what is over says so once, keeps its lines and loses its buttons; what still holds stays as it is', async () => {
  const [lapsed, taken, open] = [await offer(), await offer(), await offer()]
  await expire(lapsed)
  await first().take(taken, 'press')
  notified.length = 0
  await Promise.all([first().sweep(), second().sweep()])
  await first().sweep()
  expect(await shown(lapsed)).toMatchObject({
    view: {title: 'not confirmed', lines: ['what would change'], controls: []},
    version: 2,
  })
  expect(await shown(taken)).toMatchObject({view: {title: 'confirmed', controls: []}, version: 2})
  expect(await shown(open)).toMatchObject({view: {title: 'confirm'}, version: 1})
  expect(notified.sort()).toEqual(expect.arrayContaining([lapsed, taken].sort()))
  expect(notified).not.toContain(open)
})

test('secret options stand sealed in the record, open for their own command alone, and are given back as they were', async () => {
  const id = await aCommand({url: 'https://hidden.example.com', confirm: true}, ['url'])
  const {rows} = await pool.query<{options: Record<string, unknown>}>(
    'select options from invocations where id = $1',
    [id],
  )
  expect(rows[0]?.options).toEqual({
    url: {
      fingerprint: expect.stringMatching(/^…[0-9a-f]{4}$/) as string,
      sealed: expect.stringMatching(/^v1\./) as string,
    },
    confirm: true,
  })
  expect((await store().find(id))?.options).toEqual({url: 'https://hidden.example.com', confirm: true})
  const claimed = await store().claim(id)
  expect(claimed && (await store().opened(claimed)).options).toEqual((await store().find(id))?.options)

  const other = await aCommand()
  await pool.query('update invocations set options = $2 where id = $1', [
    other,
    JSON.stringify(rows[0]?.options),
  ])
  await expect(store().find(other)).rejects.toMatchObject({code: 'NOT_CONFIGURED'})
})
