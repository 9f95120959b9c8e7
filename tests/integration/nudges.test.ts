import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {createDeployments, DEPLOYMENTS_QUEUE, type DeploymentsOptions} from '../../src/deployments/service.ts'
import {createDeploymentStore} from '../../src/deployments/store.ts'
import type {Look, RunDetail} from '../../src/integrations/github/code-host.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {QueueJob} from '../../src/platform/queue.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aDeployment, aRequest} from '../support/deployments.ts'

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

/** A deployment in the middle of being watched whose looks at GitHub take as long as the test likes. */
async function watched() {
  const id = randomUUID()
  const store = createDeploymentStore({pool})
  await pool.query(
    `insert into invocations (id, source, source_id, command, options, actor, agent, action, status)
     values ($1, 'discord', $2, 'deploy-client', '{}', '{}', 'deploy_client', 'deploy', 'following')`,
    [id, `interaction-${id}`],
  )
  const request = aRequest({
    correlationId: id,
    patience: {discoveryMs: 30_000, watchMs: 3_600_000, pollMs: 600_000},
  })
  await store.insertWithin(pool, id, aDeployment({request, watchingSince: Date.now()}))

  const looks: ((look: Look<RunDetail>) => void)[] = []
  const asked: QueueJob[] = []
  const deployments = createDeployments({
    pool,
    store,
    replies: createReplyStore({pool}),
    invocations: createInvocationStore({pool}),
    codeHost: {run: () => new Promise(resolve => looks.push(resolve))},
    queues: {add: (job: QueueJob) => Promise.resolve(void asked.push(job))},
    lock: {keepEveryMs: 1000},
    notify: async () => undefined,
    observeEnd: () => undefined,
    tellEnd: async () => undefined,
    redact: (text: string) => text,
    phases: {observe: () => undefined},
    clock: () => Date.now(),
    log: {info: () => undefined, warn: () => undefined},
    leaseMs: 60_000,
  } as unknown as DeploymentsOptions)
  const looking = (times: number) => expect.poll(() => looks.length).toBe(times)
  return {id, deployments, looks, asked, looking}
}

const goesOn: Look<RunDetail> = {
  kind: 'seen',
  value: {
    id: '42',
    url: 'https://github.com/acme/web/actions/runs/42',
    name: 'Client Deploy',
    displayTitle: 'Client Deploy',
    status: 'in_progress',
    conclusion: null,
    attempt: 1,
    createdAt: 0,
    updatedAt: 0,
    jobs: [],
  } as unknown as RunDetail,
}

test('a webhook that comes while another worker is looking is not lost: it looks once more', async () => {
  const {id, deployments, looks, asked, looking} = await watched()
  const first = deployments.tick(id, false)
  await looking(1)
  await deployments.tick(id, true)
  expect(asked).toEqual([])
  looks[0]?.(goesOn)
  await first
  expect(asked).toEqual([expect.objectContaining({queue: DEPLOYMENTS_QUEUE, data: {id, nudged: true}})])

  // The next poll is ten minutes away; the nudge is not.
  const second = deployments.tick(id, true)
  await looking(2)
  looks[1]?.(goesOn)
  await second
  expect(asked.at(-1)).toMatchObject({data: {id}, delayMs: expect.any(Number) as number})
})

test('without news the next look comes when it is due', async () => {
  const {id, deployments, looks, asked, looking} = await watched()
  const first = deployments.tick(id, false)
  await looking(1)
  looks[0]?.(goesOn)
  await first
  expect(asked).toHaveLength(1)
  expect(asked[0]?.delayMs).toBeGreaterThan(500_000)
})
