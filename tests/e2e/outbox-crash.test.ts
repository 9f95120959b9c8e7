import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {NewInvocation} from '../../src/invocations/invocation.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {openWorld, type World} from '../support/world.ts'

let world: World
let pool: pg.Pool
beforeEach(async () => {
  world = await openWorld()
  pool = createPool({connectionString: world.database.url, onError: () => undefined})
})
afterEach(async () => {
  await pool.end()
  await world.close()
})

/** What a process leaves that dies between its commit and the relay: record, message and job, nobody told. */
function left(given: Partial<NewInvocation> = {}): Promise<unknown> {
  const id = randomUUID()
  return createInvocationStore({pool}).record({
    id,
    source: 'discord',
    sourceId: `interaction-${id}`,
    command: 'agents',
    options: {},
    actor: {kind: 'discord', id: world.ada.id, name: 'ada'},
    agent: 'status_reporter',
    action: 'agents',
    reply: {
      target: {kind: 'channel', channelId: world.discord.channel('general').id},
      view: {state: 'running', title: 'agents · queued'},
    },
    ...given,
  })
}

const ends = async () =>
  (await pool.query<{status: string; attempt: number}>('select status, attempt from invocations')).rows
const outboxRows = async () =>
  (await pool.query<{n: number}>('select count(*)::int as n from outbox')).rows[0]?.n

describe('a crash between the commit of a command and its relay', () => {
  test('delays it, and the sweep carries it out once, message and all', async () => {
    await left()
    await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(message => message.embeds[0]?.description?.includes('total: ')),
      {what: 'the answer', timeoutMs: 20_000},
    )
    expect(await ends()).toEqual([{status: 'succeeded', attempt: 1}])
    expect(world.discord.channel('general').history()).toHaveLength(1)
    await expect.poll(outboxRows, {timeout: 10_000}).toBe(0)
  })

  test('loses none of many', async () => {
    await Promise.all(Array.from({length: 25}, () => left({command: 'help', action: 'help'})))
    await expect
      .poll(
        async () => (await ends()).filter(each => each.status === 'succeeded' && each.attempt === 1).length,
        {
          timeout: 30_000,
        },
      )
      .toBe(25)
  })

  test('of a deploy dispatches it once', async () => {
    await left({
      command: 'deploy-client',
      options: {wait: true, target: 'client'},
      agent: 'deploy_client',
      action: 'deploy',
    })
    await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(message => message.content.startsWith('🟢 client → development · success')),
      {what: 'the verdict', timeoutMs: 30_000},
    )
    expect(world.github.count('dispatch')).toBe(1)
    await expect.poll(async () => (await ends()).map(each => each.status)).toEqual(['succeeded'])
  })
})

describe('a crash between the relay and the deletion of its row', () => {
  test('repeats the job, and the command is carried out once all the same', async () => {
    await left()
    await expect
      .poll(async () => (await ends()).map(each => each.status), {timeout: 20_000})
      .toEqual(['succeeded'])
    await pool.query(
      `insert into outbox (queue, name, job_id, data, created_at)
       select 'agent-status_reporter', 'agents', 'invocation-' || id || '-again', jsonb_build_object('id', id), now() - interval '1 minute'
       from invocations`,
    )
    await expect
      .poll(
        () =>
          world.logs.some(line => line['msg'] === 'command is over or carried on elsewhere; nothing to do'),
        {
          timeout: 20_000,
        },
      )
      .toBe(true)
    expect(await ends()).toEqual([{status: 'succeeded', attempt: 1}])
  })
})

describe('a queue that loses its data', () => {
  test('delays the commands in it: once they take long, it is asked for them again, once each', async () => {
    await left()
    await left({command: 'help', action: 'help'})
    // Relayed, as far as Postgres knows, and forgotten by the queue.
    expect((await pool.query('delete from outbox')).rowCount).toBe(2)
    await expect
      .poll(async () => (await ends()).map(({status, attempt}) => `${status} ${attempt}`), {timeout: 30_000})
      .toEqual(['succeeded 1', 'succeeded 1'])
  })
})
