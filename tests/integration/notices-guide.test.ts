import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type pg from 'pg'
import {Registry} from 'prom-client'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {createDispatcher, type Dispatcher} from '../../src/notifications/dispatcher.ts'
import type {NoticeChannel, Notices} from '../../src/notifications/notice.ts'
import {createNoticeMetrics} from '../../src/notifications/notice-metrics.ts'
import {createNoticeStore} from '../../src/notifications/notice-store.ts'
import {createNotices} from '../../src/notifications/notices.ts'
import {route} from '../../src/notifications/routing.ts'
import {loadConfig} from '../../src/platform/config/load-config.ts'
import {NOTICE_EVENTS} from '../../src/platform/config/sections/notifications.ts'
import {silentLogger, type LogFields} from '../../src/platform/logger.ts'
import {createPool, transaction} from '../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {runSample, samplesOf} from '../support/guide.ts'
import {aChannel, aNotice, noRules} from '../support/notices.ts'

const GUIDE = 'NOTIFICATION_SYSTEM.md'
const samples = await samplesOf(GUIDE)
const text = await readFile(new URL(`../../docs/${GUIDE}`, import.meta.url), 'utf8')
const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    match => match[1] ?? '',
  )

let database: TestDatabase
let pool: pg.Pool
let channels: NoticeChannel[]
let notices: Notices
let dispatcher: Dispatcher
let registry: Registry
let said: (LogFields & {readonly message: string})[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  const store = createNoticeStore({pool})
  channels = []
  said = []
  registry = new Registry()
  notices = createNotices({store, channels, rules: noRules})
  dispatcher = createDispatcher({
    databaseUrl: database.url,
    store,
    channels: [...channels, ...(['linear', 'mail', 'discord', 'pull-request'] as const).map(proxy)],
    rules: noRules,
    metrics: createNoticeMetrics({registry, backlog: () => store.backlog()}),
    clock: Date.now,
    log: silentLogger,
  })
})
afterEach(async () => {
  await dispatcher.close()
  await pool.end()
  await database.drop()
})

/** Whatever the test has put into `channels` by then. */
function proxy(name: NoticeChannel['name']): NoticeChannel {
  const now = () => channels.find(channel => channel.name === name)
  return {
    name,
    tells: notice => now()?.tells(notice) ?? false,
    tell: (notice, how) => now()?.tell(notice, how) ?? Promise.reject(new Error('no channel')),
  }
}

async function run(title: string, given: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const sample = samples.find(each => each.title.startsWith(title))
  if (!sample) throw new Error(`${GUIDE} has no sample under ${title}`)
  const say = (fields: LogFields, message: string) => void said.push({message, ...fields})
  await runSample(sample, {
    pool,
    notices,
    channels,
    route,
    rules: noRules,
    notice: aNotice(),
    transaction,
    jobId: '7',
    log: {info: say},
    page: () => Promise.resolve({ok: true, status: 200}),
    ...given,
  })
}

async function settle(): Promise<void> {
  await dispatcher.sweep()
  await dispatcher.idle()
}

test('every sample of the guide is run here', () => {
  expect(samples.map(({title}) => title)).toEqual([
    'Example 1: announce',
    'Example 2: where would it be told',
    'Example 3: a channel of one’s own'.replace('’', "'"),
    'Example 4: follow a story',
  ])
})

test('examples 1 and 4: what was announced is told, and its story says where', async () => {
  await pool.query(`create table nightly_jobs as select '7'::text as id, 'running'::text as state`)
  channels.push(aChannel('linear', () => ({kind: 'skipped', reason: 'it is about no issue'})))
  const [mail, discord] = [aChannel('mail'), aChannel('discord')]
  channels.push(mail, discord)
  await run('Example 1')
  await run('Example 1')
  await settle()
  await settle()
  expect((await pool.query('select state from nightly_jobs')).rows).toEqual([{state: 'failed'}])
  expect(discord.heard.map(({notice}) => notice.title)).toEqual(['the nightly build failed'])
  await run('Example 4')
  const row = (channel: string, state: string, reason: string | null) => ({
    ...{seq: 1, event: 'task_failed', channel, state, reason},
  })
  expect(said[0]?.['rows']).toEqual([
    row('discord', 'told', null),
    row('linear', 'skipped', 'it is about no issue'),
    row('mail', 'told', null),
  ])
})

test('example 2 says where it would be told', async () => {
  await run('Example 2')
  expect(said[0]?.['routes']).toEqual([{channel: 'linear'}, {channel: 'mail', held: {heldMs: 600_000}}])
})

test('example 3 is a channel: it tells, waits and gives up', async () => {
  const answers = [
    {ok: false, status: 429},
    {ok: true, status: 200},
    {ok: false, status: 400},
  ]
  const pages: {readonly dedupKey: string}[] = []
  await run('Example 3', {
    page: (request: {readonly dedupKey: string}) => {
      pages.push(request)
      return Promise.resolve(answers.shift())
    },
  })
  const critical = (story: string) =>
    transaction(pool, db => notices.announce(db, aNotice({story, level: 'critical', event: 'break_glass'})))
  await critical('a:1')
  await settle()
  await pool.query('update notice_deliveries set due_at = now()')
  await settle()
  await critical('a:2')
  await transaction(pool, db => notices.announce(db, aNotice({story: 'a:3', event: 'break_glass'})))
  await settle()
  const {rows} = await pool.query<{state: string; failures: number}>(
    'select state, failures from notice_deliveries order by story',
  )
  expect(rows).toEqual([
    {state: 'told', failures: 1},
    {state: 'refused', failures: 0},
  ])
  expect(pages).toHaveLength(3)
  expect(pages[0]?.dedupKey).toBe(pages[1]?.dedupKey)
})

test('the configuration is one that is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-guide-'))
  try {
    await writeFile(join(folder, 'signalbox.yaml'), blocks('yaml')[0] ?? '')
    const {notificationRules: rules} = loadConfig({cwd: folder, env: {LINEAR_WEB_TOKEN: 'lin_api_x'}})
    const routes = route(aNotice({level: 'medium', event: 'task_failed'}), rules, () => true)
    expect(routes.map(({channel}) => channel)).toEqual(['linear', 'pull-request'])
  } finally {
    await rm(folder, {recursive: true})
  }
})

test('the queries find what waits and what was refused, and bring it back', async () => {
  const [waiting = '', refused = '', again = ''] = blocks('sql')
  let answer: 'failed' | 'refused' | undefined = 'failed'
  const linear = aChannel('linear', () => answer && {kind: answer, reason: 'HTTP 502'})
  channels.push(linear)
  await transaction(pool, db => notices.announce(db, aNotice({story: 'nightly:7', event: 'task_completed'})))
  await settle()
  expect((await pool.query(waiting)).rows).toMatchObject([
    {channel: 'linear', failures: 1, reason: 'HTTP 502'},
  ])
  answer = 'refused'
  await pool.query('update notice_deliveries set due_at = now()')
  await settle()
  expect((await pool.query(refused)).rows).toMatchObject([
    {event: 'task_completed', channel: 'linear', count: '1'},
  ])
  answer = undefined
  await pool.query(again)
  await settle()
  expect(linear.shown.size).toBe(1)
  expect((await pool.query(refused)).rows).toEqual([])
})

test('the guide names every event, and the metrics that there are', async () => {
  const table = text.slice(text.indexOf('| event |'), text.indexOf('`task_failed` is announced'))
  for (const event of NOTICE_EVENTS) expect(table).toContain(`\`${event}\``)
  const named = [...text.matchAll(/^\| `(notification_\w+)` \|/gm)].map(match => match[1]).sort()
  const metrics = await registry.getMetricsAsJSON()
  expect(named).toEqual(metrics.map(({name}) => name).sort())
})
