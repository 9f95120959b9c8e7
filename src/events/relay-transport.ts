import {setTimeout as sleep} from 'node:timers/promises'
import {Relay, RelayError, type RelaySubscription} from 'bullmq'
import {AppError, toError} from '../kernel/errors.ts'
import {systemClock, type Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import {
  postgresRelay,
  redisRelay,
  type RelayBackend,
  type RelayPulse,
  type RelayWhere,
} from './relay-backend.ts'
import type {Transport, TransportSubscription, TransportWatcher} from './transport.ts'

const ANSWER_WITHIN_MS = 5_000
const TRY_AGAIN_MS = {least: 100, most: 2_000} as const

export interface RelayTransportOptions {
  readonly where: RelayWhere
  readonly nodeId: string
  /** Keeps installations on one server apart. */
  readonly namespace?: string
  readonly log: Pick<Logger, 'warn'>
  readonly clock?: Clock
  /** How long this process's inbox is kept while nothing is heard of it. */
  readonly leaseMs?: number
  /** How soon a lost registration is noticed. */
  readonly heartbeatMs?: number
}

/**
 * BullMQ's Relay, kept alive: it is opened again until it is ready, its subscriptions with it, and its pulse decides
 * whether the transport counts as up. Returns at once, whether or not the server is there.
 */
export function createRelayTransport(options: RelayTransportOptions): Transport {
  const {where, nodeId, namespace = 'signalbox', log, clock = systemClock} = options
  const {leaseMs = 30_000, heartbeatMs = 1_000} = options
  const watchers: TransportWatcher[] = []
  const wanted = new Set<Wanted>()
  let up = false
  let relay: Relay | undefined
  const closing = new AbortController()
  /** When the registration was last known to be there, and since when it is known to be gone. */
  let confirmedAt = clock()
  let goneSince: number | undefined

  const pulse: RelayPulse = {
    beat(alive, askedAt) {
      if (!alive) {
        goneSince ??= confirmedAt
        setDown(new Error('it has forgotten this process'))
      } else if (goneSince === undefined) {
        confirmedAt = askedAt
        setUp()
      }
    },
    fail: setDown,
  }
  const backend: RelayBackend =
    'redisUrl' in where
      ? redisRelay(where.redisUrl, pulse, clock)
      : postgresRelay(where.databaseUrl, pulse, clock)

  function setUp(): void {
    if (up || closing.signal.aborted || !relay) return
    up = true
    for (const watcher of watchers) watcher.up()
  }

  function setDown(error: unknown): void {
    if (!up) return
    up = false
    const reason = toError(error).message
    log.warn({reason}, 'event transport is away: delivering in this process only')
    for (const watcher of watchers) watcher.down(reason)
  }

  async function open(): Promise<void> {
    for (
      let pause: number = TRY_AGAIN_MS.least;
      !closing.signal.aborted;
      pause = Math.min(pause * 2, TRY_AGAIN_MS.most)
    ) {
      const opened = new Relay({
        ...backend.options,
        namespace,
        nodeId,
        leaseDuration: leaseMs,
        heartbeatInterval: heartbeatMs,
      })
      // Its pulse says what matters; the rest would be said once a second.
      opened.on('error', () => undefined)
      opened.on('lag', (unread: number) => log.warn({unread}, 'this process falls behind with its events'))
      opened.on('recovered', () => {
        const since = goneSince ?? confirmedAt
        goneSince = undefined
        confirmedAt = clock()
        log.warn({gapMs: confirmedAt - since}, 'event transport had forgotten this process')
        for (const watcher of watchers) watcher.gap(since)
        setUp()
      })
      const closeEarly = (): void => void opened.close().catch(() => undefined)
      closing.signal.addEventListener('abort', closeEarly, {once: true})
      try {
        await opened.waitUntilReady()
        closing.signal.removeEventListener('abort', closeEarly)
        if (closing.signal.aborted) return
        relay = opened
        confirmedAt = clock()
        setUp()
        for (const each of wanted) void activate(each)
        return
      } catch (error) {
        closing.signal.removeEventListener('abort', closeEarly)
        await limited(opened.close()).catch(() => undefined)
        if (!closing.signal.aborted)
          log.warn({reason: toError(error).message}, 'event transport can’t be opened yet')
        await sleep(pause, undefined, {signal: closing.signal}).catch(() => undefined)
      }
    }
  }

  async function activate(each: Wanted): Promise<void> {
    for (let pause: number = TRY_AGAIN_MS.least; relay && wanted.has(each) && !closing.signal.aborted;) {
      try {
        each.live = await relay.subscribe(each.topic, ({data}) => {
          if (wanted.has(each) && Array.isArray(data)) each.listener(data)
        })
        if (!wanted.has(each)) await each.live.unsubscribe().catch(() => undefined)
        each.begun()
        return
      } catch {
        await sleep(pause, undefined, {signal: closing.signal}).catch(() => undefined)
        pause = Math.min(pause * 2, TRY_AGAIN_MS.most)
      }
    }
  }

  function current(): Relay {
    if (relay && !closing.signal.aborted) return relay
    throw new AppError('UPSTREAM_UNAVAILABLE', 'The event transport is not there.')
  }

  const opening = open()

  return {
    kind: backend.kind,
    nodeId,
    isUp: () => up,

    async publish(topic, messages) {
      try {
        const {nodes} = await limited(current().publish(topic, messages))
        return {reached: nodes}
      } catch (error) {
        if (error instanceof RelayError) throw new AppError('INVALID_INPUT', error.message, {cause: error})
        setDown(error)
        throw new AppError('UPSTREAM_UNAVAILABLE', 'The event transport does not answer.', {cause: error})
      }
    },

    subscribe(topic, listener): TransportSubscription {
      let begun!: () => void
      const ready = new Promise<void>(resolve => (begun = resolve))
      const each: Wanted = {topic, listener, begun, live: undefined}
      wanted.add(each)
      if (relay) void activate(each)
      return {
        ready,
        async close() {
          wanted.delete(each)
          begun()
          await each.live?.unsubscribe().catch(() => undefined)
        },
      }
    },

    async listeners(topic) {
      const subscriptions = await limited(current().getSubscriptions({pattern: topic}))
      return [...new Set(subscriptions.map(each => each.nodeId))]
    },

    watch: watcher => void watchers.push(watcher),

    async close() {
      closing.abort()
      up = false
      for (const each of wanted) each.begun()
      await limited(opening).catch(() => undefined)
      if (relay) await limited(relay.close()).catch(() => undefined)
      await limited(backend.close()).catch(() => undefined)
    },
  }
}

interface Wanted {
  readonly topic: string
  readonly listener: (messages: readonly unknown[]) => void
  readonly begun: () => void
  live: RelaySubscription | undefined
}

/** The Relay waits for its server without limit; nobody here may. */
async function limited<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing heard for ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
