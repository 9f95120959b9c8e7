import {afterEach, beforeEach, expect, test} from 'vitest'
import {createBus} from '../../../src/events/bus.ts'
import {createFrames} from '../../../src/events/frames.ts'
import {createEventMetrics} from '../../../src/events/metrics.ts'
import type {Event} from '../../../src/events/index.ts'
import {silentLogger} from '../../../src/platform/logger.ts'
import {Registry} from 'prom-client'
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

function collect(node: ReturnType<typeof open>, type = 'task_completed') {
  const heard: Event[] = []
  node.bus.subscribe(type, 'collect', event => void heard.push(event))
  return {heard, data: () => heard.map(event => event.data)}
}

test('an event reaches subscribers here and elsewhere once each, with all it says', async () => {
  const [ada, lin] = [open(), open()]
  const [atAda, atLin] = [collect(ada), collect(lin)]
  await ada.bus.emit('task_completed', {n: 1}, {source: 'deploy_client', correlationId: 'c-1'})
  await expect.poll(() => atLin.heard).toHaveLength(1)
  expect(atLin.heard[0]).toEqual(atAda.heard[0])
  expect(atLin.heard[0]).toMatchObject({
    type: 'task_completed',
    data: {n: 1},
    source: 'deploy_client',
    correlation_id: 'c-1',
  })
  expect(new Date(atLin.heard[0]?.timestamp ?? '').toISOString()).toBe(atLin.heard[0]?.timestamp)
  // The echo of our own event has passed by now: it came with the same delivery.
  expect(atAda.heard).toHaveLength(1)
  expect(ada.bus.stats()).toMatchObject({
    eventsEmitted: 1,
    eventsDelivered: 1,
    remotePublished: 1,
    remoteReceived: 0,
  })
  expect(lin.bus.stats()).toMatchObject({eventsEmitted: 0, eventsDelivered: 1, remoteReceived: 1})
})

test('an event that is not for others stays here', async () => {
  const [ada, lin] = [open(), open()]
  const [atAda, atLin] = [collect(ada), collect(lin)]
  await ada.bus.emit('task_completed', 'private', {source: 'a', publishRemote: false})
  await ada.bus.emit('task_completed', 'public', {source: 'a'})
  await expect.poll(atLin.data).toEqual(['public'])
  expect(atAda.data()).toEqual(['private', 'public'])
})

test('a subscriber that throws, now or later, disturbs nobody and is counted by its name', async () => {
  const ada = open()
  ada.bus.subscribe('task_failed', 'throws', () => {
    throw new Error('now')
  })
  ada.bus.subscribe('task_failed', 'rejects', async () => {
    await Promise.resolve()
    throw new Error('later')
  })
  const {heard} = collect(ada, 'task_failed')
  await ada.bus.emit('task_failed', {}, {source: 'a'})
  await ada.bus.settled()
  expect(heard).toHaveLength(1)
  const errors = (callback_name: string) =>
    ada.metric('event_bus_subscriber_errors_total', {event_type: 'task_failed', callback_name})
  expect(await errors('throws')).toBe(1)
  expect(await errors('rejects')).toBe(1)
  expect(await ada.metric('event_bus_events_delivered_total', {event_type: 'task_failed'})).toBe(1)
  expect(ada.bus.stats()).toMatchObject({eventsDelivered: 1, subscriberErrors: 2})
})

test('subscribers of one event run at the same time', async () => {
  const ada = open()
  let meet!: () => void
  const met = new Promise<void>(resolve => (meet = resolve))
  ada.bus.subscribe('task_failed', 'waits', () => met)
  ada.bus.subscribe('task_failed', 'frees', () => meet())
  await ada.bus.emit('task_failed', {}, {source: 'a'})
  await ada.bus.settled()
  expect(ada.bus.stats().eventsDelivered).toBe(2)
})

test('after unsubscribing nothing is heard, and others still hear', async () => {
  const [ada, lin] = [open(), open()]
  const heard: unknown[] = []
  const first = lin.bus.subscribe('task_failed', 'first', event => void heard.push(['first', event.data]))
  lin.bus.subscribe('task_failed', 'second', event => void heard.push(['second', event.data]))
  expect(lin.bus.listSubscribers()).toEqual({task_failed: ['first', 'second']})
  await first.close()
  await ada.bus.emit('task_failed', 1, {source: 'a'})
  await expect.poll(() => heard).toEqual([['second', 1]])
})

test('while the transport is away this process is served, and the others hear everything in order afterwards', async () => {
  const [ada, lin] = [open(), open()]
  const [atAda, atLin] = [collect(ada), collect(lin)]
  server.stop()
  expect(await ada.metric('event_bus_transport_up')).toBe(0)
  for (let n = 0; n < 1_200; n++) await ada.bus.emit('task_completed', n, {source: 'a'})
  const all = Array.from({length: 1_200}, (_, n) => n)
  expect(atAda.data()).toEqual(all)
  expect(atLin.data()).toEqual([])
  server.start()
  await expect.poll(atLin.data).toEqual(all)
  expect(await ada.metric('event_bus_transport_up')).toBe(1)
  expect(ada.bus.transportUp()).toBe(true)
})

test('what waits for the transport is bounded: the oldest gives way and is counted', async () => {
  const transport = server.transport('ada')
  const metrics = createEventMetrics(new Registry())
  const bus = createBus({
    transport,
    frames: createFrames(transport),
    metrics,
    log: silentLogger,
    clock: Date.now,
    outboxLimit: 3,
  })
  const atLin = collect(open())
  server.stop()
  for (let n = 0; n < 5; n++) await bus.emit('task_completed', n, {source: 'a'})
  server.start()
  await expect.poll(atLin.data).toEqual([2, 3, 4])
  expect((await metrics.dropped.get()).values).toEqual([{labels: {reason: 'outbox_full'}, value: 2}])
})

test('after the server forgot everybody, events wait until the others are listening again', async () => {
  const [ada, lin] = [open({id: 'ada'}), open({id: 'lin'})]
  const atLin = collect(lin)
  server.stop()
  await ada.bus.emit('task_completed', 'kept', {source: 'a'})
  server.start({forgetful: true})
  server.remember('ada')
  await ada.bus.emit('task_completed', 'too early for lin', {source: 'a'})
  setTimeout(() => server.remember('lin'), 500)
  await expect.poll(atLin.data, {timeout: 8_000}).toEqual(['kept', 'too early for lin'])
})

test('an event that comes again is delivered once', async () => {
  const [ada, lin] = [open(), open()]
  const atLin = collect(lin)
  const raw = server.transport('raw')
  const event = {
    event_id: '6f1c1e5e-6a55-4f0e-9c0e-3f2f2a0b9a11',
    event_type: 'task_completed',
    source_agent: 'a',
    payload: 'twice',
    timestamp: new Date().toISOString(),
    origin: 'raw',
  }
  await raw.publish('events.task_completed', [event, event])
  await raw.publish('events.task_completed', [event])
  await ada.bus.emit('task_completed', 'last', {source: 'a'})
  await expect.poll(atLin.data).toEqual(['twice', 'last'])
})

test('what is no event is dropped and counted, and what came with it is heard', async () => {
  const [ada, lin] = [open(), open()]
  const atLin = collect(lin)
  await server.transport('raw').publish('events.task_completed', [null, {event_id: 'x'}, 'nonsense'])
  await ada.bus.emit('task_completed', 'fine', {source: 'a'})
  await expect.poll(atLin.data).toEqual(['fine'])
  expect(await lin.metric('event_bus_dropped_total', {reason: 'malformed'})).toBe(3)
})

test.each([
  ['a type with a blank', 'no such', {}],
  ['an empty segment', 'a..b', {}],
  ['a known type without its keys', 'task.rejected', {subtask_id: '1'}],
  ['data over 256 KiB', 'task_completed', 'x'.repeat(300_000)],
  ['data that is no JSON', 'task_completed', undefined as never],
])('%s is refused, and nobody hears of it', async (_what, type, data) => {
  const ada = open()
  const {heard} = collect(ada, type)
  await expect(ada.bus.emit(type, data, {source: 'a'})).rejects.toMatchObject({code: 'INVALID_INPUT'})
  expect(heard).toEqual([])
  expect(ada.bus.stats().eventsEmitted).toBe(0)
})

test('labels are closed sets: unknown types and malformed sources are counted as other', async () => {
  const ada = open()
  await ada.bus.emit('somebody.elses.type', {}, {source: 'not a name!'})
  expect(await ada.metric('event_bus_events_emitted_total', {event_type: 'other', source: 'other'})).toBe(1)
})
