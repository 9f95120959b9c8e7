import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator} from '../../src/emulators/github/index.ts'
import type {Sent} from '../../src/integrations/discord/api.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import type {RepositoryHost} from '../../src/integrations/github/repository-host.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createPlans, type Plans} from '../../src/plans/plans.ts'
import {createPlanStore} from '../../src/plans/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import type {Actor} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const ADA: Actor = {kind: 'discord', id: '1', name: 'ada'}
const CHANNEL = '55555555555555555'

let database: TestDatabase
let pool: pg.Pool
let github: GithubEmulator
let host: RepositoryHost
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(async () => {
  github = await startGithubEmulator()
  const permissions = {issues: 'read', metadata: 'read'} as const
  host = await createOctokitRepositoryHost({
    auth: {kind: 'token', token: github.token({permissions})},
    apiUrl: github.url,
    clock: Date.now,
    throttle: false,
    timeoutMs: 300,
  })
  threads = []
  thread = {kind: 'sent', messageId: '77'}
})
afterEach(async () => {
  await github.close()
  await pool.query('truncate plans, replies cascade')
})

let threads: string[] = []
let thread: Sent
/** A process of its own. Discord shows each message at once. */
function aPlanner(): Plans {
  const replies = createReplyStore({pool})
  return createPlans({
    pool,
    store: createPlanStore({pool}),
    replies,
    discord: {
      async startThread(_channel, message) {
        threads.push(message)
        return thread
      },
    },
    host,
    repositoryOf: text => text ?? 'acme/web',
    people: {personOf: async () => undefined},
    requirement: {approvers: 0, roles: []},
    isAdmin: () => false,
    defaults: {label: 'ready', channels: [CHANNEL]},
    audit: {
      around: async (_event, effect) => effect({id: 'x', seq: 1}),
      refused: async () => undefined,
      note: async () => undefined,
    },
    notify: async id => {
      await pool.query(
        `update replies set channel_message_id = '77', delivered_version = version where id = $1`,
        [id],
      )
    },
    guildId: '9',
    clock: Date.now,
    log: createLogger({level: 'error', redactor: createRedactor([]), destination: {write: () => undefined}}),
  })
}
const propose = (planner = aPlanner(), correlationId = randomUUID()) =>
  planner.propose({correlationId, actor: ADA, channelId: CHANNEL, signal: new AbortController().signal})
const plans = async () =>
  (await pool.query<{status: string; thread: string}>('select status, thread from plans')).rows

describe('the plan of the day', () => {
  test('asked for by many at once is one plan with one thread', async () => {
    github.repository('acme/web').issue('One', 'ada', ['ready'])
    const planner = aPlanner()
    const all = await Promise.all(Array.from({length: 5}, () => propose(planner)))
    expect(new Set(all.map(({id}) => id)).size).toBe(1)
    expect(all.filter(({joined}) => !joined)).toHaveLength(1)
    expect(await plans()).toEqual([{status: 'pending', thread: 'open'}])
    const {rows} = await pool.query(`select id from replies where target ->> 'channelId' = '77'`)
    expect(rows).toHaveLength(1)
  })

  test('made again by the same command after a crash is the same', async () => {
    github.repository('acme/web').issue('One', 'ada', ['ready'])
    const id = randomUUID()
    const first = await propose(aPlanner(), id)
    expect(await propose(aPlanner(), id)).toMatchObject({id: first.id, joined: false})
  })

  test('whose thread a crash left out gets it from the next sweep, and without one when it is refused', async () => {
    github.repository('acme/web').issue('One', 'ada', ['ready'])
    thread = {kind: 'failed', reason: 'no answer'}
    expect(await propose()).toMatchObject({threadUrl: undefined, threadRefused: false})
    thread = {kind: 'refused', reason: 'Discord error 50013 (HTTP 403)'}
    await aPlanner().sweep()
    expect(await plans()).toEqual([{status: 'pending', thread: 'refused'}])
    await aPlanner().sweep()
    expect(threads).toHaveLength(2)
  })

  test('learns from GitHub itself what webhooks did not tell', async () => {
    const web = github.repository('acme/web')
    const [one, two] = ['One', 'Two'].map(title => web.issue(title, 'ada', ['ready']))
    const {id} = await propose()
    await aPlanner().approve({plan: id, actor: ADA})
    await aPlanner().sweep()
    web.closeIssue(one ?? 0)
    web.closeIssue(two ?? 0, 'not_planned')
    await aPlanner().sweep()
    expect(await plans()).toMatchObject([{status: 'in_progress'}])
    // A hint, from whatever repository spells its name however, makes the next look come now.
    expect(await aPlanner().heard('acme/other', two ?? 0)).toBe(0)
    expect(await aPlanner().heard('Acme/Web', two ?? 0)).toBe(1)
    await aPlanner().sweep()
    expect(await plans()).toMatchObject([{status: 'completed'}])
  })

  test.each([
    ['secondaryLimit', 'UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.'],
    ['serverError', 'UPSTREAM_UNAVAILABLE', 'GitHub answered 502.'],
    ['timeout', 'UPSTREAM_UNAVAILABLE', 'GitHub did not answer in time.'],
    ['reset', 'UPSTREAM_UNAVAILABLE', 'GitHub did not answer.'],
    ['forbidden', 'UPSTREAM_REFUSED', 'Our GitHub token may not do this'],
    ['notFound', 'UPSTREAM_REFUSED', 'acme/web was not found'],
  ] as const)('is not made when GitHub answers with %s', async (kind, code, sentence) => {
    github.repository('acme/web').issue('One', 'ada', ['ready'])
    github.misbehave({route: 'issues', kind})
    await expect(propose()).rejects.toMatchObject({code, message: expect.stringContaining(sentence)})
    expect(await plans()).toEqual([])
  })

  test('is not ended by what nobody could read', async () => {
    github.repository('acme/web').issue('One', 'ada', ['ready'])
    const {id} = await propose()
    await aPlanner().approve({plan: id, actor: ADA})
    github.misbehave({route: 'issues', kind: 'serverError'})
    await expect(aPlanner().finish({plan: id, actor: ADA})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
    })
    expect(await plans()).toMatchObject([{status: 'in_progress'}])
    await expect(aPlanner().finish({plan: id, actor: ADA})).resolves.toMatchObject({
      status: 'failed',
      total: 1,
    })
  })
})
