import pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type {Conversation} from '../../src/emulators/discord/index.ts'
import {startProcess, type ProductProcess} from '../support/processes.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const YAML = DEFAULT_YAML.replace(
  'principals:',
  'principals:\n  - { id: bob, discord: "333333333333333333", roles: [developer] }',
)

let world: World
let db: pg.Client
let workers: ProductProcess[]
beforeEach(async () => {
  world = await openWorld({yaml: YAML, roles: 'bot,api', queue: 'postgres', env: {WORKER_LEASE_MS: '1000'}})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
  workers = []
})
afterEach(async () => {
  await Promise.all(workers.map(worker => worker.kill('SIGKILL')))
  await db.end()
  await world.close()
})

async function startWorker(): Promise<ProductProcess> {
  const worker = await startProcess({
    name: `worker-${workers.length + 1}`,
    env: {...world.env, ROLES: 'worker'},
  })
  workers.push(worker)
  return worker
}

const says = (talk: Conversation, text: string) =>
  talk.settled(
    ({reply}) => `${reply()?.content ?? ''} ${reply()?.embeds[0]?.description ?? ''}`.includes(text),
    {timeoutMs: 60_000},
  )
const held = async () =>
  (
    await db.query<{owner: string; fence: number}>(
      `select owner, fence::int from resource_locks where owner_token is not null`,
    )
  ).rows
const ends = async () =>
  (
    await db.query<{end: string}>(`select operation || ' ' || owner as end from lock_history order by id`)
  ).rows.map(row => row.end)

/** Ada's deploy is watched, bob's waits for it. */
async function oneBehindTheOther(): Promise<{first: Conversation; second: Conversation}> {
  world.github.repository('acme/web').workflow('client-deploy.yml', {
    name: 'Client Deploy',
    inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
    jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 200_000}]}],
  })
  const first = await world.ada.runs('/deploy-client wait:true')
  await says(first, 'deploying')
  const second = await world.bob.runs('/deploy-client wait:true')
  await says(second, '1st in line')
  return {first, second}
}

async function bothEndInOrder({first, second}: {first: Conversation; second: Conversation}): Promise<void> {
  await says(first, '🟢 client → development · success')
  await says(second, '🟢 client → development · success')
  expect(world.github.repository('acme/web').runs).toHaveLength(2)
  expect(await ends()).toEqual(['release ada', 'release bob'])
  expect(await held()).toEqual([])
}

test('a worker killed in mid-watch: who carries on carries on the same claim, and nobody gets in between', async () => {
  const worker = await startWorker()
  const talks = await oneBehindTheOther()
  await worker.kill('SIGKILL')
  expect(await held()).toEqual([{owner: 'ada', fence: 1}])
  await startWorker()
  await bothEndInOrder(talks)
})

test('even when no worker lived for longer than the lease: the first to come back renews it before anybody can take it', async () => {
  const worker = await startWorker()
  const talks = await oneBehindTheOther()
  await worker.kill('SIGKILL')
  await db.query(
    `update resource_locks set expires_at = now() - interval '1 minute' where owner_token is not null`,
  )
  await startWorker()
  await bothEndInOrder(talks)
})
