import type {FastifyInstance} from 'fastify'
import {createHash} from 'node:crypto'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {approvalRoutes} from '../../src/api/approvals.ts'
import {createApi} from '../../src/api/server.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {anAsk, openApprovals, peopleOf, TEAM, type OpenApprovals} from '../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const HOUSE = 'the-token-of-the-house'
const MINUTE = 60_000

let database: TestDatabase
let here: OpenApprovals
let api: FastifyInstance

beforeEach(async () => {
  database = await createTestDatabase()
  // Everybody has a token of their own, which only they know: here, their name.
  const persons = TEAM.map(person => ({
    ...person,
    accounts: {...person.accounts, api: createHash('sha256').update(person.id).digest('hex')},
  }))
  here = openApprovals(database.url, {persons})
  api = await createApi({
    apiToken: HOUSE,
    metricsToken: undefined,
    people: peopleOf(persons),
    log: silentLogger,
    routes: [approvalRoutes({approvals: here.approvals})],
  })
})

afterEach(async () => {
  await api.close()
  await here.close()
  await database.drop()
})

async function send(
  method: 'GET' | 'POST',
  url: string,
  token: string | undefined,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await api.inject({
    ...{method, url},
    headers: {...headers, ...(token === undefined ? {} : {authorization: `Bearer ${token}`})},
    ...(body === undefined ? {} : {payload: JSON.stringify(body)}),
  })
  return {
    status: answer.statusCode,
    type: answer.headers['content-type'],
    body: answer.json<Record<string, unknown>>(),
  }
}

test('a person decides with a token of their own, the house’s reads and never decides', async () => {
  const {id, digest} = await here.ask()
  expect(await send('POST', `/approve/${id}`, HOUSE, {})).toMatchObject({
    status: 403,
    body: {code: 'NOT_PERMITTED', detail: expect.stringContaining('/link')},
  })
  expect(await send('POST', `/approve/${id}`, 'tom')).toMatchObject({
    status: 200,
    body: {
      status: 'pending',
      decisions: [{principal: 'tom', decision: 'approve', surface: 'http', reason: null}],
    },
  })
  expect(await send('POST', `/approve/${id}`, 'grace', {justification: 'it burns', digest})).toMatchObject({
    status: 200,
    body: {status: 'approved', decisions: [{}, {principal: 'grace', justification: 'it burns'}]},
  })
  const {body} = await send('GET', `/approvals/${id}`, HOUSE)
  expect(body).toMatchObject({
    id,
    status: 'approved',
    risk_level: 'high',
    risk_score: 7.5,
    reasons: ['deploy to production (deploy_production)'],
    required: {approvers: 2, roles: ['team_lead', 'tech_lead', 'cto'], including: ['tech_lead', 'cto']},
    requester: {name: 'ada', principal: 'ada'},
    action: {operation: 'deploy', environment: 'production'},
    digest,
    expires_at: expect.stringMatching(/Z$/),
    correlation_id: expect.any(String),
  })
  expect((body['history'] as {action: string}[]).map(({action}) => action)).toEqual([
    'ask',
    'approve',
    'approve',
  ])
})

test.each([
  [undefined, 401],
  ['nobody-s-token', 401],
  ['', 401],
])('without a token that is somebody’s nothing is said: %j', async (token, status) => {
  const {id} = await here.ask()
  for (const [method, url] of [
    ['GET', '/approvals/pending'],
    ['GET', `/approvals/${id}`],
    ['POST', `/approve/${id}`],
    ['POST', `/reject/${id}`],
    ['POST', `/resume/${id}`],
  ] as const)
    expect(await send(method, url, token, method === 'POST' ? {} : undefined)).toMatchObject({
      status,
      type: expect.stringContaining('application/problem+json'),
      body: {code: 'UNAUTHENTICATED'},
    })
})

test('a refusal has the status and the code that programs need', async () => {
  const {id} = await here.ask()
  const unknown = '11111111-1111-4111-8111-111111111111'
  const expected: readonly [string, string, unknown, number, string][] = [
    ['ada', `/approve/${id}`, {}, 403, 'OWN_REQUEST'],
    ['sam', `/approve/${id}`, {}, 403, 'NOT_ENTITLED'],
    ['tom', `/reject/${id}`, {}, 400, 'REASON_REQUIRED'],
    ['tom', `/reject/${id}`, {reason: 7}, 400, 'INVALID_INPUT'],
    ['tom', `/approve/${id}`, {role: 'cto'}, 400, 'INVALID_INPUT'],
    ['tom', `/approve/${id}`, {digest: '0'.repeat(64)}, 409, 'MOVED'],
    ['tom', `/approve/${unknown}`, {}, 404, 'NOT_FOUND'],
    ['tom', '/approve/nonsense', {}, 404, 'NOT_FOUND'],
    ['tom', `/approve/${id}`, {}, 200, ''],
    ['tom', `/approve/${id}`, {}, 409, 'ALREADY_VOTED'],
    ['lin', `/reject/${id}`, {reason: 'red'}, 200, ''],
    ['cleo', `/approve/${id}`, {}, 409, 'ALREADY_DECIDED'],
  ]
  for (const [who, url, body, status, code] of expected) {
    const answer = await send('POST', url, who, body)
    expect([who, url, answer.status, answer.body['code'] ?? '']).toEqual([who, url, status, code])
  }
  const critical = await here.ask(anAsk({level: 'critical'}))
  expect(await send('POST', `/approve/${critical.id}`, 'cleo')).toMatchObject({
    status: 400,
    body: {code: 'JUSTIFICATION_REQUIRED'},
  })
  const old = await here.ask()
  await here.age(old.id, 61 * MINUTE)
  await here.approvals.sweep()
  await here.age(old.id, 61 * MINUTE)
  expect(await send('POST', `/approve/${old.id}`, 'tom')).toMatchObject({
    status: 410,
    body: {code: 'EXPIRED'},
  })
})

test('the same request again under its key is answered as before', async () => {
  const {id} = await here.ask()
  const key = {'idempotency-key': 'once'}
  expect((await send('POST', `/approve/${id}`, 'tom', {}, key)).status).toBe(200)
  expect((await send('POST', `/approve/${id}`, 'tom', {}, key)).status).toBe(200)
  expect(await here.approvals.history(id)).toHaveLength(2)
})

test('what waits is listed by risk, for a role, up to a limit', async () => {
  const high = await here.ask()
  const critical = await here.ask(anAsk({level: 'critical'}))
  const ids = async (query: string) =>
    ((await send('GET', `/approvals/pending${query}`, 'tom')).body['approvals'] as {id: string}[]).map(
      ({id}) => id,
    )
  expect(await ids('')).toEqual([critical.id, high.id])
  expect(await ids('?approver_role=team_lead')).toEqual([high.id])
  expect(await ids('?limit=1')).toEqual([critical.id])
  expect((await send('GET', '/approvals/pending?limit=0', 'tom')).status).toBe(400)
  expect((await send('GET', '/approvals/statistics', 'tom')).body).toMatchObject({
    ...{days: 30, asked: 2, approved: 0, mean_seconds: null},
    levels: [
      {risk_level: 'critical', status: 'pending', requests: 1, mean_seconds: null},
      {risk_level: 'high', status: 'pending', requests: 1, mean_seconds: null},
    ],
  })
})

test('what waited is resumed once approved, by its own id; otherwise the answer says why not', async () => {
  const asking = anAsk()
  const {id} = await here.ask(asking)
  const resume = (task: string) => send('POST', `/resume/${task}`, HOUSE)
  expect(await resume('nothing')).toMatchObject({status: 404})
  expect(await resume(asking.correlationId)).toMatchObject({status: 409, body: {code: 'PENDING'}})
  await send('POST', `/approve/${id}`, 'tom')
  await send('POST', `/approve/${id}`, 'lin')
  expect(await resume(asking.correlationId)).toMatchObject({status: 202, body: {id, status: 'approved'}})
  const word = {queue: 'approval-outcomes', data: {id}}
  expect(here.relayed).toMatchObject([word, {...word, id: expect.stringMatching('-again-') as string}])

  const rejected = await here.ask()
  await send('POST', `/reject/${rejected.id}`, 'tom', {reason: 'the tests are red'})
  expect(await resume(rejected.id)).toMatchObject({
    status: 403,
    body: {code: 'REJECTED', detail: 'It was rejected by tom: the tests are red'},
  })
  const cancelled = await here.ask()
  await transaction(here.pool, db => here.approvals.cancel(db, cancelled.id, {by: 'ada'}))
  expect(await resume(cancelled.id)).toMatchObject({status: 410, body: {code: 'CANCELLED'}})
  const expired = await here.ask()
  for (let step = 0; step < 2; step++) {
    await here.age(expired.id, 61 * MINUTE)
    await here.approvals.sweep()
  }
  expect(await resume(expired.id)).toMatchObject({status: 410, body: {code: 'EXPIRED'}})
})
