import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type pg from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {z} from 'zod'
import {agentQueue} from '../../src/invocations/invocation.ts'
import {createInvocationStore, type InvocationStore} from '../../src/invocations/store.ts'
import {AppError} from '../../src/kernel/errors.ts'
import {createNoticeStore} from '../../src/notifications/notice-store.ts'
import {createNotices} from '../../src/notifications/notices.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {JobProcessor, Queues, ReceivedJob} from '../../src/platform/queue.ts'
import {defineAction, defineAgent, type Services} from '../../src/sdk/index.ts'
import {createAgentErrors} from '../../src/worker/agent-error.ts'
import {startAgentWorker} from '../../src/worker/agent-worker.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aChannel, noRules} from '../support/notices.ts'

let database: TestDatabase
let pool: pg.Pool
let invocations: InvocationStore
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  invocations = createInvocationStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** Has the agent carry a command out that ends as told; answers what is recorded of it. */
async function carriedOut(
  run: (signal: AbortSignal) => Promise<never>,
  {
    attempt = 1,
    lastAttempt = true,
    timeoutMs = 5_000,
  }: {readonly attempt?: number; readonly lastAttempt?: boolean; readonly timeoutMs?: number} = {},
) {
  const id = randomUUID()
  const agent = defineAgent({
    id: 'breaker',
    name: 'Breaker',
    description: 'Breaks',
    queue: {concurrency: 1, timeoutMs},
    actions: {
      run: defineAction({
        description: 'Breaks',
        input: z.object({}),
        run: (_input, {signal}) => run(signal),
      }),
    },
  })
  await invocations.record({
    id,
    source: 'discord',
    sourceId: id,
    command: 'break',
    options: {},
    actor: {kind: 'discord', id: '1', name: 'ada'},
    agent: 'breaker',
    action: 'run',
    reply: {target: {kind: 'channel', channelId: '5'}, view: {state: 'running', title: 'queued'}},
  })
  let work: JobProcessor | undefined
  const queues = {
    work(queue: string, _options: unknown, processor: JobProcessor) {
      expect(queue).toBe(agentQueue('breaker'))
      work = processor
      return {drain: async () => undefined, close: async () => undefined}
    },
  } as unknown as Queues
  startAgentWorker({
    agent,
    queues,
    pool,
    invocations,
    replies: createReplyStore({pool}),
    notify: async () => undefined,
    services: {} as Services,
    runAttempt: async () => undefined,
    tellError: createAgentErrors({
      people: {
        personOf: async account => (account.id === '1' ? {id: 'ada', roles: [], accounts: {}} : undefined),
      },
      notices: createNotices({
        store: createNoticeStore({pool}),
        channels: [aChannel('mail')],
        rules: noRules,
      }),
    }),
    observe: () => undefined,
    clock: Date.now,
    log: silentLogger,
    lockMs: 10_000,
    onCapacity: () => undefined,
  })
  const job = {id: 'j', name: 'run', data: {id}, attempt, lastAttempt} as ReceivedJob
  const failure = await Promise.resolve(work?.(job, new AbortController().signal)).then(
    () => undefined,
    (error: unknown) => error,
  )
  const {rows} = await pool.query<{
    said: string
    title: string
    view: unknown
    content: {watchers: string[]} | null
  }>(
    `select i.status || coalesce(': ' || (i.error ->> 'code'), '') as said, r.view ->> 'title' as title, r.view,
       n.content
     from invocations i join replies r using (id) left join notices n on n.story = 'command:' || i.id
     where i.id = $1`,
    [id],
  )
  return {...rows[0], id, failure}
}

test('a crash of an agent ends the command, tells its person, and is announced, all in one', async () => {
  const {said, title, view, content} = await carriedOut(() =>
    Promise.reject(new Error('undefined is not a function')),
  )
  expect(said).toBe('failed: INTERNAL')
  expect(title).toBe('/break failed on our side')
  expect(content).toMatchObject({watchers: ['ada'], data: {error: 'agent breaker, action run: INTERNAL'}})
  for (const shown of [view, content]) expect(JSON.stringify(shown)).not.toContain('not a function')
  expect(JSON.stringify(view)).toContain('code `INTERNAL`')
})

test('so does one that takes too long', async () => {
  const {said, content} = await carriedOut(
    signal => sleep(60_000, undefined, {signal}).then(() => Promise.reject(new Error('late'))),
    {timeoutMs: 50},
  )
  expect(said).toBe('failed: TIMED_OUT')
  expect(content).not.toBeNull()
})

test('a refusal is the person’s own affair, and what may pass is tried again first', async () => {
  const refused = await carriedOut(() => Promise.reject(new AppError('INVALID_INPUT', 'No.')))
  expect(refused).toMatchObject({said: 'failed: INVALID_INPUT', content: null})
  const away = () => Promise.reject(new AppError('UPSTREAM_UNAVAILABLE', 'GitHub is away.'))
  const first = await carriedOut(away, {lastAttempt: false})
  expect(first).toMatchObject({said: 'running', content: null})
  expect(first.failure).toBeInstanceOf(AppError)
  expect(await carriedOut(away)).toMatchObject({
    said: 'failed: UPSTREAM_UNAVAILABLE',
    content: {watchers: ['ada']},
  })
})

test.each([
  [
    'a pause that is asked for is shown',
    40_000,
    1,
    'running',
    '/break · waiting to try again',
    'next try <t:',
  ],
  [
    'a pause that is too long is not waited for: its end is told',
    61_000,
    1,
    'failed: UPSTREAM_RATE_LIMITED',
    '/break could not be done now',
    'try again <t:',
  ],
  [
    'the third try is the last, whatever the queue has left',
    1_000,
    3,
    'failed: UPSTREAM_RATE_LIMITED',
    '/break could not be done now',
    'code `UPSTREAM_RATE_LIMITED`',
  ],
])('%s', async (_what, retryAfterMs, attempt, said, title, words) => {
  const ended = await carriedOut(
    () =>
      Promise.reject(new AppError('UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.', {retryAfterMs})),
    {attempt, lastAttempt: false},
  )
  expect(ended).toMatchObject({said, title})
  expect(JSON.stringify(ended.view)).toContain(words)
  expect(JSON.stringify(ended.view)).toContain('GitHub asks us to slow down.')
})

test('what a command shows while it goes on does not replace what its end said', async () => {
  const ended = await carriedOut(() => Promise.reject(new AppError('INVALID_INPUT', 'No.')))
  expect(await invocations.show(ended.id, {state: 'running', title: 'at it'})).toBe(false)
  const {rows} = await pool.query<{view: unknown}>('select view from replies where id = $1', [ended.id])
  expect(rows).toEqual([{view: ended.view}])
})
