import type pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createUptimeStore} from '../../src/health/uptime-store.ts'
import {createUptime, type Uptime} from '../../src/health/uptime.ts'
import type {NewNotice} from '../../src/notifications/notice.ts'
import {createNoticeStore} from '../../src/notifications/notice-store.ts'
import {createNotices} from '../../src/notifications/notices.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import type {UptimeCheck} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aChannel, noRules} from '../support/notices.ts'

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
let now = Date.UTC(2026, 5, 1, 12)
let found: readonly UptimeCheck[]
beforeEach(async () => {
  found = [up()]
  await pool.query('truncate uptime_checks, uptime_watches, notice_stories cascade')
})

const up = (ms = 20): UptimeCheck => ({service: 'api', state: 'online', ms, place: 'api.test'})
const down = (reason = 'It answered 503.'): UptimeCheck => ({
  service: 'api',
  state: 'error_503',
  ms: 5,
  place: 'api.test',
  reason,
})

function open({
  announce,
  alert = true,
}: {announce?: (notice: NewNotice) => void; alert?: boolean} = {}): Uptime {
  const real = createNotices({
    store: createNoticeStore({pool}),
    channels: [aChannel('discord')],
    rules: noRules,
  })
  return createUptime({
    ...{pool, store: createUptimeStore({pool}), look: async () => found, alert},
    notices: {
      async announce(db, notice) {
        announce?.(notice)
        await real.announce(db, notice)
      },
    },
    ...{
      everyMs: 60_000,
      channelId: '77',
      levelOf: () => 'medium',
      redact: createRedactor([]).text,
      clock: () => ++now,
    },
  })
}

async function looks(uptime: Uptime, ...each: readonly UptimeCheck[]): Promise<void> {
  for (const check of each) {
    found = [check]
    now += 60_000
    await uptime.watch(new AbortController().signal)
  }
}

interface Told {
  readonly key: string
  readonly event: string
  readonly correlation_id: string
  readonly content: NewNotice
}
const told = async () =>
  (await pool.query<Told>('select key, event, correlation_id, content from notices order by created_at, seq'))
    .rows
const rowsOf = async () => (await pool.query('select 1 from uptime_checks')).rowCount

describe('alarms', () => {
  test('are named after the service and the outage, never after the look that found it', async () => {
    await looks(open(), up(), down(), down(), down(), up())
    const all = await told()
    expect(all.map(({key, event}) => `${event} ${key}`)).toEqual([
      'service_down uptime:api:1',
      'service_up uptime:api:2',
    ])
    for (const {key, correlation_id} of all) expect(key).not.toContain(correlation_id)
  })

  test('are told once, however many processes look at the same time', async () => {
    const processes = Array.from({length: 8}, () => open())
    await looks(open(), up())
    found = [down()]
    for (let round = 0; round < 3; round++) {
      now += 60_000
      await Promise.all(processes.map(each => each.watch(new AbortController().signal)))
    }
    expect(await told()).toHaveLength(1)
  })

  test('that can’t be written down are not used up: the look counts as not made, and the next one tells', async () => {
    let broken = true
    const uptime = open({
      announce() {
        if (broken) throw new Error('the database went away')
      },
    })
    await looks(uptime, up(), down())
    const before = await rowsOf()
    await expect(looks(uptime, down())).rejects.toThrow('went away')
    expect(await rowsOf()).toBe(before)
    expect(await told()).toEqual([])
    broken = false
    await looks(uptime, down())
    expect((await told()).map(({event}) => event)).toEqual(['service_down'])
  })

  test('hold no secret that the answer held, ping nobody, and go to the configured channel', async () => {
    const token = `ghp_${'a1'.repeat(18)}`
    await looks(open(), down(`It said token=${token}`), down(`It said token=${token}`))
    const [alarm] = await told()
    expect(JSON.stringify(alarm)).not.toContain(token)
    expect(alarm?.content).toMatchObject({
      people: [],
      watchers: [],
      channelId: '77',
      title: 'api is down · error 503',
    })
  })

  test('are not told where they are switched off, and the history is kept all the same', async () => {
    await looks(open({alert: false}), up(), down(), down())
    expect(await told()).toEqual([])
    expect(await rowsOf()).toBe(3)
  })

  test('do not come of what nobody looked at', async () => {
    const skipped: UptimeCheck = {service: 'api', state: 'skipped', reason: 'API_BASE_URL is not set'}
    const refused: UptimeCheck = {service: 'api', state: 'request_error', reason: 'private'}
    await looks(open(), up(), skipped, refused, skipped, refused)
    expect(await told()).toEqual([])
    expect(await open().history(3_600_000)).toMatchObject([{service: 'api', checks: 1, availability: 100}])
  })
})

describe('history', () => {
  test('counts, cuts into slots and compares with the window before', async () => {
    const hour = 3_600_000
    const insert = (agoMs: number, state: string, ms: number | null) =>
      pool.query('insert into uptime_checks (service, at, state, ms) values ($1, $2, $3, $4)', [
        'api',
        new Date(now - agoMs),
        state,
        ms,
      ])
    // The day before: half of it down. This one: an hour of trouble long ago, then slower and slower.
    for (let n = 1; n <= 10; n++)
      await insert(24 * hour + n * 60_000, n % 2 === 0 ? 'online' : 'timeout', null)
    await insert(23.5 * hour, 'error_500', 3)
    await insert(23.4 * hour, 'online', 40)
    for (const [n, ms] of [10, 20, 30, 40, 50, 60, 70, 80].entries())
      await insert((7.5 - n) * hour, 'online', ms)
    const [api] = await open().history(24 * hour)
    expect(api).toEqual({
      service: 'api',
      checks: 10,
      availability: 90,
      p50Ms: 40,
      p95Ms: 80,
      picture: `✕${'·'.repeat(15)}▂▃▄▅▆▇██`,
      change: 40,
    })
  })

  test('is empty for a window in which nobody looked, and compares with nothing', async () => {
    expect(await open().history(3_600_000)).toEqual([])
    await looks(open(), up())
    now += 1
    expect(await open().history(3_600_000)).toMatchObject([{checks: 1, change: undefined}])
  })

  test('is kept for 90 days', async () => {
    await pool.query(
      `insert into uptime_checks (service, at, state) values
         ('api', now() - interval '91 days', 'online'), ('api', now() - interval '89 days', 'online')`,
    )
    await open().forgetOld()
    expect(await rowsOf()).toBe(1)
  })
})
