// One process of the bus's benchmark: publishes to a subscriber, answers requests, or asks; through the product or
// through bare Redis pub/sub, which has no inbox, no liveness, no deadline and no de-duplication.
import {randomUUID} from 'node:crypto'
import {Redis} from 'ioredis'
import {bus} from './bus-adapter.ts'
import {percentile} from './statistics.ts'

export interface BusTargetOptions {
  readonly kind: 'product' | 'raw'
  readonly role: 'publish' | 'answer' | 'ask'
  readonly where: {readonly redisUrl: string} | {readonly databaseUrl: string}
}

export interface BusRound {
  readonly inFlight: number
  readonly ms: number
}

export interface BusRoundResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
}

interface Target {
  roundtrip(): Promise<unknown>
  close(): Promise<void>
}

let target: Target | undefined

async function open({kind, role, where}: BusTargetOptions): Promise<Target> {
  if (kind === 'raw' && 'redisUrl' in where) return openRaw(role, where.redisUrl)
  const mine = await bus(where)
  if (role === 'answer') {
    await mine.serve('answerer', payload => payload)
    return {roundtrip: async () => undefined, close: () => mine.close()}
  }
  if (role === 'ask') return {roundtrip: () => mine.request('answerer', {n: 1}), close: () => mine.close()}
  // Another process to the first, so that everything goes over the transport.
  const other = await bus(where)
  const waiting = new Map<string, () => void>()
  await other.subscribe('bench.topic', data => waiting.get((data as {id: string}).id)?.())
  return {
    async roundtrip() {
      const id = randomUUID()
      const heard = new Promise<void>(resolve => waiting.set(id, resolve))
      await mine.publish('bench.topic', {id})
      await heard
      waiting.delete(id)
    },
    async close() {
      await mine.close()
      await other.close()
    },
  }
}

async function openRaw(role: BusTargetOptions['role'], redisUrl: string): Promise<Target> {
  const [publisher, subscriber] = [new Redis(redisUrl), new Redis(redisUrl)]
  const waiting = new Map<string, () => void>()
  const me = randomUUID()
  const channel = role === 'answer' ? 'questions' : me
  subscriber.on('message', (_channel, text) => {
    const {id, from} = JSON.parse(text) as {id: string; from?: string}
    if (role === 'answer') void publisher.publish(from ?? '', JSON.stringify({id}))
    else waiting.get(id)?.()
  })
  await subscriber.subscribe(channel)
  return {
    async roundtrip() {
      const id = randomUUID()
      const heard = new Promise<void>(resolve => waiting.set(id, resolve))
      await publisher.publish(role === 'ask' ? 'questions' : me, JSON.stringify({id, from: me}))
      await heard
      waiting.delete(id)
    },
    async close() {
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}

async function round({roundtrip}: Target, {inFlight, ms}: BusRound): Promise<BusRoundResult> {
  const took: number[] = []
  const began = performance.now()
  await Promise.all(
    Array.from({length: inFlight}, async () => {
      for (let now = performance.now(); now - began < ms;) {
        await roundtrip()
        const then = now
        now = performance.now()
        took.push(now - then)
      }
    }),
  )
  return {
    perSecond: took.length / ((performance.now() - began) / 1000),
    p50Ms: percentile(took, 0.5),
    p95Ms: percentile(took, 0.95),
  }
}

async function hear(
  message: BusTargetOptions | BusRound | 'close',
): Promise<BusRoundResult | 'ready' | 'closed'> {
  if (message === 'close') {
    await target?.close()
    return 'closed'
  }
  if ('kind' in message) {
    target = await open(message)
    return 'ready'
  }
  return round(target as Target, message)
}

process.on('message', (message: BusTargetOptions | BusRound | 'close') => {
  hear(message).then(
    answer => process.send?.(answer, () => answer === 'closed' && process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
