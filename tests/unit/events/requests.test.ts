import {afterEach, beforeEach, expect, test} from 'vitest'
import {
  Answer,
  requestWithRetries,
  type AgentRequest,
  type Directory,
  type RequestHandler,
} from '../../../src/events/index.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {Letter} from '../../../src/events/post.ts'
import {openNode, type MemoryServer, type NodeOptions} from '../../support/events.ts'
import {createMemoryServer} from '../../support/memory-transport.ts'

let server: MemoryServer
let closers: (() => Promise<unknown>)[]

beforeEach(() => {
  server = createMemoryServer()
  closers = []
})
afterEach(async () => {
  for (const close of closers.reverse()) await close()
})

function open(options: NodeOptions = {}) {
  const node = openNode(server, options)
  closers.push(() => node.close())
  return node
}

const ask = (target_agent = 'reviewer', more: object = {}) => ({
  source_agent: 'planner',
  target_agent,
  request_type: 'review_code' as const,
  payload: {pr: 7},
  ...more,
})
const serveReviewer = (handler: RequestHandler, options = {}) => {
  const node = open()
  node.requests.serve('reviewer', handler, options)
  return node
}

test('a request is answered by another process, and both sides agree on what was asked', async () => {
  const planner = open()
  let seen: AgentRequest | undefined
  serveReviewer(async request => {
    seen = request
    return {verdict: 'fine'}
  })
  const response = await planner.requests.request(ask('reviewer', {correlation_id: 'c-1'}))
  expect(response).toMatchObject({
    request_id: seen?.request_id,
    source_agent: 'reviewer',
    target_agent: 'planner',
    status: 'success',
    result: {verdict: 'fine'},
    metadata: {request_type: 'review_code', correlation_id: 'c-1'},
  })
  expect(response.processing_time_ms).toBeGreaterThanOrEqual(0)
  expect(seen).toMatchObject({payload: {pr: 7}, priority: 'normal', timeout_seconds: 30})
  expect(planner.requests.stats()).toEqual({
    requestsSent: 1,
    responsesReceived: 1,
    timeouts: 0,
    lateResponses: 0,
  })
})

test('an agent of this process answers also while the transport is away', async () => {
  const node = serveReviewer(async () => 'here')
  server.stop()
  expect(await node.requests.request(ask())).toMatchObject({status: 'success', result: 'here'})
})

test('what the handler throws is an error response; whether to retry follows the error', async () => {
  const planner = open()
  let error: Error = new Error('boom')
  serveReviewer(async () => {
    throw error
  })
  expect(await planner.requests.request(ask())).toMatchObject({
    status: 'error',
    error: 'AGENT_ERROR: boom',
    retryable: false,
  })
  error = new AppError('UPSTREAM_UNAVAILABLE', 'GitHub is away')
  expect(await planner.requests.request(ask())).toMatchObject({
    status: 'error',
    code: 'UPSTREAM_UNAVAILABLE',
    error: 'UPSTREAM_UNAVAILABLE: GitHub is away',
    retryable: true,
  })
})

test('a handler may answer in part, or refuse', async () => {
  const planner = open()
  let answer = Answer.partial([1], 'two files were too large')
  serveReviewer(async () => answer)
  expect(await planner.requests.request(ask())).toMatchObject({
    status: 'partial',
    result: [1],
    error: 'two files were too large',
  })
  answer = Answer.rejected('not on Fridays')
  expect(await planner.requests.request(ask())).toMatchObject({status: 'rejected', code: 'REJECTED'})
})

test('at the deadline a timeout response comes; what is answered later is dropped and counted', async () => {
  const planner = open()
  let answer!: () => void
  serveReviewer(() => new Promise(resolve => (answer = () => resolve('late'))))
  const response = await planner.requests.request(ask(), {timeoutMs: 50})
  expect(response).toMatchObject({
    status: 'timeout',
    code: 'TIMEOUT',
    source_agent: 'reviewer',
    retryable: true,
  })
  answer()
  // Nobody waits for it any more, also not the sender: a response has the request's deadline.
  const labels = {source_agent: 'planner', target_agent: 'reviewer'}
  expect(await planner.metric('agent_request_timeouts_total', labels)).toBe(1)
  expect(await planner.metric('agent_requests_active', labels)).toBe(0)
  expect(planner.requests.stats()).toMatchObject({timeouts: 1, responsesReceived: 0})
})

test('a response that arrives after the deadline is dropped and counted', async () => {
  const planner = open()
  const node = open({id: 'slow'})
  let letter: Extract<Letter, {kind: 'request'}> | undefined
  const raw = server.transport('slow-raw')
  raw.subscribe('nodes.slow', messages => (letter = messages[0] as typeof letter))
  await node.close()
  raw.subscribe('agents.reviewer', () => undefined)
  const directory: Directory = {
    resolve: async () => ({kind: 'found', candidates: [{agentId: 'reviewer', instanceId: 'slow'}]}),
  }
  const asker = open({directory})
  expect(await asker.requests.request(ask(), {timeoutMs: 50})).toMatchObject({status: 'timeout'})
  const response = {
    response_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a11',
    request_id: letter?.request.request_id,
    source_agent: 'reviewer',
    target_agent: 'planner',
    status: 'success',
    metadata: {request_type: 'review_code'},
    created_at: new Date().toISOString(),
  }
  await raw.publish(`nodes.${asker.instanceId}`, [{kind: 'response', from: 'slow', response}])
  await expect.poll(() => asker.requests.stats().lateResponses).toBe(1)
  expect(await asker.metric('event_bus_dropped_total', {reason: 'late_response'})).toBe(1)
  expect(planner.requests.stats().lateResponses).toBe(0)
})

test('an unknown agent and one that is offline are answered at once, by their codes', async () => {
  const planner = open()
  expect(await planner.requests.request(ask('nobody'))).toMatchObject({
    status: 'error',
    code: 'AGENT_UNKNOWN',
    retryable: false,
  })
  const asker = open({directory: {resolve: async () => ({kind: 'offline'})}})
  expect(await asker.requests.request(ask())).toMatchObject({
    status: 'error',
    code: 'AGENT_OFFLINE',
    retryable: true,
  })
})

test('any agent is found by capability, and the next one is asked when the first is gone', async () => {
  const asked: unknown[] = []
  const lin = open({id: 'lin'})
  lin.requests.serve('linter', async () => 'linted')
  const asker = open({
    directory: {
      async resolve(target) {
        asked.push(target)
        return {
          kind: 'found',
          candidates: [
            {agentId: 'gone', instanceId: 'nowhere'},
            {agentId: 'linter', instanceId: 'lin'},
          ],
        }
      },
    },
  })
  expect(await asker.requests.request(ask('any', {metadata: {capability: 'lint'}}))).toMatchObject({
    status: 'success',
    result: 'linted',
    source_agent: 'linter',
  })
  await asker.requests.request(ask('any'))
  expect(asked).toEqual([{capability: 'lint'}, {capability: 'review_code'}])
})

test('a request that has expired on its way is rejected without being carried out', async () => {
  let carriedOut = 0
  const node = serveReviewer(async () => void carriedOut++)
  const raw = server.transport('raw')
  const request = {
    ...ask(),
    request_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a11',
    created_at: new Date(Date.now() - 60_000).toISOString(),
  }
  await raw.publish(`nodes.${node.instanceId}`, [{kind: 'request', from: 'raw', to: 'reviewer', request}])
  // Its asker has given up too: there is nobody to answer, and that is counted.
  await expect.poll(() => node.metric('event_bus_dropped_total', {reason: 'unreachable_response'})).toBe(1)
  expect(carriedOut).toBe(0)
  expect(
    await node.requests.request({...request, request_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a12'}),
  ).toMatchObject({
    status: expect.stringMatching(/rejected|timeout/) as unknown,
  })
  expect(carriedOut).toBe(0)
})

test('waiting requests are served by priority', async () => {
  const planner = open()
  const served: unknown[] = []
  let free!: () => void
  const busy = new Promise<void>(resolve => (free = resolve))
  const node = serveReviewer(
    async ({payload}) => {
      served.push(payload['n'])
      if (payload['n'] === 0) await busy
    },
    {concurrency: 1},
  )
  const send = (n: number, priority: string) =>
    planner.requests.request({...ask(), payload: {n}, priority: priority})
  const all = [send(0, 'low')]
  await expect.poll(() => served).toEqual([0])
  all.push(send(1, 'low'), send(2, 'medium'), send(3, 'critical'), send(4, 'high'), send(5, 'urgent'))
  await expect.poll(() => node.requests.waiting()).toEqual({reviewer: 5})
  free()
  await Promise.all(all)
  expect(served).toEqual([0, 3, 5, 4, 2, 1])
})

test('a request of a time without transport is answered when it is back', async () => {
  const planner = open()
  serveReviewer(async () => 'at last')
  await planner.requests.request(ask())
  server.stop()
  const response = planner.requests.request(ask())
  setTimeout(() => server.start(), 300)
  expect(await response).toMatchObject({status: 'success', result: 'at last'})
})

test('a response that finds no box waits until its asker is known again, and nothing is carried out twice', async () => {
  const planner = open({id: 'planner'})
  let carriedOut = 0
  let answer!: () => void
  const node = open({id: 'lin'})
  node.requests.serve('reviewer', () => {
    carriedOut++
    return new Promise(resolve => (answer = () => resolve('once')))
  })
  const response = planner.requests.request(ask())
  await expect.poll(() => carriedOut).toBe(1)
  server.stop()
  server.start({forgetful: true})
  server.remember('lin')
  // The response finds no box to go into, until the planner is known again.
  answer()
  server.remember('planner')
  expect(await response).toMatchObject({status: 'success', result: 'once'})
  expect(carriedOut).toBe(1)
})

test('a request that a forgetful server lost is put into the box again, and is the same request', async () => {
  const raw = server.transport('raw')
  const letters: Extract<Letter, {kind: 'request'}>[] = []
  raw.subscribe('nodes.raw', messages => void letters.push(...(messages as typeof letters)))
  const planner = open({
    id: 'planner',
    directory: {
      resolve: async () => ({kind: 'found', candidates: [{agentId: 'reviewer', instanceId: 'raw'}]}),
    },
  })
  const response = planner.requests.request(ask())
  await expect.poll(() => letters).toHaveLength(1)
  server.stop()
  server.start({forgetful: true})
  server.remember('raw')
  server.remember('planner')
  await expect.poll(() => letters).toHaveLength(2)
  expect(letters[1]).toEqual(letters[0])
  const answer = {
    response_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a12',
    request_id: letters[0]?.request.request_id,
    source_agent: 'reviewer',
    target_agent: 'planner',
    status: 'success',
    metadata: {request_type: 'review_code'},
    created_at: new Date().toISOString(),
  }
  await raw.publish('nodes.planner', [{kind: 'response', from: 'raw', response: answer}])
  expect(await response).toMatchObject({status: 'success'})
})

test('a request that comes twice is carried out once, and both times answered alike', async () => {
  let carriedOut = 0
  const node = serveReviewer(async () => ++carriedOut)
  const raw = server.transport('raw')
  const answers: Extract<Letter, {kind: 'response'}>[] = []
  raw.subscribe('nodes.raw', messages => void answers.push(...(messages as typeof answers)))
  const request = {
    ...ask(),
    request_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a11',
    created_at: new Date().toISOString(),
  }
  const put = () =>
    raw.publish(`nodes.${node.instanceId}`, [{kind: 'request', from: 'raw', to: 'reviewer', request}])
  await put()
  await expect.poll(() => answers).toHaveLength(1)
  await put()
  await expect.poll(() => answers).toHaveLength(2)
  expect(answers[1]).toEqual(answers[0])
  expect(carriedOut).toBe(1)
})

test('retries keep the correlation id and the idempotency key, and stop at what retrying cannot help', async () => {
  const planner = open()
  const seen: AgentRequest[] = []
  serveReviewer(async request => {
    seen.push(request)
    if (seen.length < 3) throw new AppError('CONTENDED', 'again')
    return 'done'
  })
  const response = await requestWithRetries(planner.requests, ask(), {attempts: 5, backoffMs: 1})
  expect(response).toMatchObject({status: 'success', result: 'done'})
  expect(new Set(seen.map(each => each.request_id)).size).toBe(3)
  expect(new Set(seen.map(each => each.correlation_id)).size).toBe(1)
  expect(new Set(seen.map(each => each.metadata['idempotency_key'])).size).toBe(1)
  expect(seen[0]?.metadata['idempotency_key']).toBeTypeOf('string')

  const refusing = open()
  let tries = 0
  refusing.requests.serve('refuser', async () => {
    tries++
    throw new AppError('NOT_PERMITTED', 'no')
  })
  expect(await requestWithRetries(planner.requests, ask('refuser'), {backoffMs: 1})).toMatchObject({
    code: 'NOT_PERMITTED',
  })
  expect(tries).toBe(1)
})

test('every outcome is measured: totals, latency, activity', async () => {
  const planner = open()
  serveReviewer(async () => 'fine')
  await planner.requests.request(ask())
  const pair = {source_agent: 'planner', target_agent: 'reviewer'}
  expect(await planner.metric('agent_requests_total', {...pair, request_type: 'review_code'})).toBe(1)
  expect(
    await planner.metric('agent_request_latency_seconds_count', {...pair, request_type: 'review_code'}),
  ).toBe(1)
  expect(await planner.metric('agent_requests_active', pair)).toBe(0)
  expect(
    await planner.metric('agent_responses_total', {
      source_agent: 'reviewer',
      target_agent: 'planner',
      status: 'success',
    }),
  ).toBe(1)
})

test('two handlers for the same agent and types in one process are a mistake', () => {
  const node = serveReviewer(async () => 1)
  expect(() => node.requests.serve('reviewer', async () => 2)).toThrow(/served twice/)
  const special = node.requests.serve('reviewer', async () => 3, {types: ['deliver_message']})
  expect(() => node.requests.serve('reviewer', async () => 4, {types: ['deliver_message']})).toThrow(
    /served twice/,
  )
  return special.close()
})

test('a handler that never ends gives way at the deadline, and is told by its signal', async () => {
  const planner = open()
  let aborted = false
  let first = true
  serveReviewer(
    (_request, {signal}) => {
      if (!first) return Promise.resolve('my turn')
      first = false
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise(() => undefined)
    },
    {concurrency: 1},
  )
  const stuck = planner.requests.request(ask(), {timeoutMs: 100})
  expect(await planner.requests.request(ask())).toMatchObject({status: 'success', result: 'my turn'})
  expect(await stuck).toMatchObject({status: 'timeout'})
  expect(aborted).toBe(true)
})

test('the id of a request under way can not be used again', async () => {
  const planner = open()
  serveReviewer(async () => 'once')
  const request = ask('reviewer', {request_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a11'})
  const first = planner.requests.request(request)
  await expect(planner.requests.request(request)).rejects.toMatchObject({code: 'CONFLICT'})
  expect(await first).toMatchObject({status: 'success'})
})

test('a process that ends tells its own askers so', async () => {
  const planner = openNode(server)
  serveReviewer(() => new Promise(() => undefined))
  const response = planner.requests.request(ask(), {timeoutMs: 2_000})
  await expect.poll(() => planner.requests.stats().requestsSent).toBe(1)
  await planner.close()
  expect(await response).toMatchObject({status: 'error', code: 'SHUTTING_DOWN', retryable: true})
})

test('closing waits for what was asked of this process, but not for ever', async () => {
  const planner = open()
  const node = openNode(server)
  let begin!: () => void
  const begun = new Promise<void>(resolve => (begin = resolve))
  node.requests.serve('reviewer', () => {
    begin()
    return new Promise(() => undefined)
  })
  void planner.requests.request(ask(), {timeoutMs: 60_000})
  await begun
  await node.close(50)
})
