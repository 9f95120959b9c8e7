import fastify from 'fastify'
import {describe, expect, test} from 'vitest'
import {z} from 'zod'
import {refusalRecords} from '../../../src/api/refusals.ts'
import {auditAgents} from '../../../src/audit/agents.ts'
import type {AuditEvent} from '../../../src/audit/audit.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import {defineAction, defineAgent, type ActionContext, type Reply} from '../../../src/sdk/index.ts'

function aRecord() {
  const refused: AuditEvent[] = []
  return {
    refused,
    audit: {
      async refused(event: AuditEvent) {
        refused.push(event)
        return undefined
      },
    },
  }
}

describe('a flood of requests that are turned away', () => {
  async function aServer(now: () => number) {
    const {refused, audit} = aRecord()
    const app = fastify({trustProxy: true})
    refusalRecords({audit, clock: now})(app)
    app.get('/locks', async (_request, reply) => reply.status(401).send({code: 'UNAUTHENTICATED'}))
    app.get('/runs', async (_request, reply) => reply.status(403).send({code: 'NOT_PERMITTED'}))
    app.get('/health', async () => ({status: 'ok'}))
    const ask = (url: string, address = '10.0.0.1') =>
      app.inject({url, headers: {'x-forwarded-for': address}})
    return {app, refused, ask}
  }

  test('is one record at once, and one with how many more when its minute is over', async () => {
    let now = 0
    const {app, refused, ask} = await aServer(() => now)
    for (let i = 0; i < 500; i++) await ask('/locks')
    await ask('/health')
    expect(refused).toMatchObject([
      {
        action: 'http.refused',
        subject: 'GET /locks',
        details: {status: 401, code: 'UNAUTHENTICATED', address: '10.0.0.1'},
      },
    ])
    now = 61_000
    await ask('/locks')
    expect(refused.slice(1)).toMatchObject([{details: {more: 499}}, {subject: 'GET /locks'}])
    await app.close()
    expect(refused).toHaveLength(3)
  })

  test('tells routes and addresses apart, up to a number; what is beyond is one', async () => {
    const {app, refused, ask} = await aServer(() => 0)
    await ask('/runs')
    for (let i = 0; i < 1_000; i++) await ask('/locks', `10.0.${i >> 8}.${i & 255}`)
    expect(refused.length).toBeLessThanOrEqual(31)
    expect(refused.at(-1)?.details).toEqual({address: 'many'})
    await app.close()
    expect(refused.at(-1)?.details).toMatchObject({address: 'many', more: 1_000 - 29 - 1})
  })
})

describe('an agent', () => {
  const context = {
    actor: {kind: 'discord', id: '333', name: 'bob'},
    correlationId: 'c-1',
  } as unknown as ActionContext

  async function asked(end: () => Reply, known: readonly {line: {phase: string}}[] = []) {
    const {refused, audit} = aRecord()
    const agent = defineAgent({
      id: 'keeper',
      name: 'Keeper',
      description: 'Keeps',
      queue: {concurrency: 1, timeoutMs: 1},
      actions: {
        open: defineAction({
          description: 'Open',
          input: z.object({}),
          run: async () => ({kind: 'replied', reply: end()}),
        }),
      },
    })
    const watched = auditAgents(new Map([['keeper', agent]]), {audit, trail: {search: async () => known}})
    const outcome = await watched
      .get('keeper')
      ?.actions['open']?.run({}, context)
      .catch((error: unknown) => error)
    return {refused, outcome}
  }
  const event = {
    action: 'agent.refused',
    subject: 'keeper.open',
    actor: {id: '333', name: 'bob'},
    correlationId: 'c-1',
  }

  test('that refuses by an error has that recorded, and the error goes on', async () => {
    const error = new AppError('NOT_PERMITTED', 'Only admins.')
    const {refused, outcome} = await asked(() => {
      throw error
    })
    expect(outcome).toBe(error)
    expect(refused).toEqual([{...event, details: {reason: 'Only admins.'}}])
  })

  test('that refuses by its answer has that recorded', async () => {
    const {refused} = await asked(() => ({state: 'refused', title: 'you can’t'}))
    expect(refused).toEqual([{...event, details: {reason: 'you can’t'}}])
  })

  test('that did its work, or failed, has nothing recorded', async () => {
    expect((await asked(() => ({state: 'ok', title: 'done'}))).refused).toEqual([])
    const {refused} = await asked(() => {
      throw new AppError('NOT_FOUND', 'There is none.')
    })
    expect(refused).toEqual([])
  })

  test('whose feature recorded the refusal itself adds nothing', async () => {
    const {refused} = await asked(() => ({state: 'refused', title: 'no'}), [{line: {phase: 'refused'}}])
    expect(refused).toEqual([])
  })
})
