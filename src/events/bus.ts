import {z} from 'zod'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {toError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import {
  fromInterAgentEvent,
  interAgentEventSchema,
  newEvent,
  toInterAgentEvent,
  type Event,
  type EventOptions,
  type EventType,
} from './event.ts'
import type {Frames} from './frames.ts'
import type {EventMetrics} from './metrics.ts'
import {createOutbox} from './outbox.ts'
import {createSeen} from './seen.ts'
import type {Transport, TransportSubscription} from './transport.ts'

export type Subscriber = (event: Event) => unknown

export interface Subscription {
  /** Resolves when events of other processes reach it; those of this process do at once. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

export interface BusStats {
  readonly eventsEmitted: number
  readonly eventsDelivered: number
  readonly subscriberErrors: number
  readonly remotePublished: number
  readonly remoteReceived: number
}

export interface Bus {
  /**
   * Tells subscribers, here at once and elsewhere through the transport. Resolves when the transport has it, or when
   * it waits for a transport that is away; never rejects because of the transport or a subscriber. Rejects with
   * INVALID_INPUT for what can't be an event. For facts that must survive a crash see `EventJournal.emitWithin`.
   */
  emit(type: EventType, data: Json, options: EventOptions & {readonly publishRemote?: boolean}): Promise<void>
  /** `name` is the subscriber in logs and metrics. All subscribers of a type run at once; what one throws harms none. */
  subscribe(type: EventType, name: string, subscriber: Subscriber): Subscription
  listSubscribers(): Readonly<Record<string, readonly string[]>>
  stats(): BusStats
  transportUp(): boolean
  /** Resolves when every subscriber that is running now has ended. */
  settled(): Promise<void>
}

/** What the other parts of src/events build upon. */
export interface BusCore extends Bus {
  /** Counts an event as emitted by this process. */
  note(event: Event): void
  /** Delivers an event to this process's subscribers unless it was delivered before. */
  deliver(event: Event): void
  /** Sends an event that has been delivered here. Rejects when it is not certain that the transport has it. */
  publish(event: Event): Promise<void>
  /** Whether publishing now is expected to reach everyone who listens. */
  open(): boolean
  close(): Promise<void>
}

export interface BusOptions {
  readonly transport: Transport
  readonly frames: Frames
  readonly metrics: EventMetrics
  readonly log: Pick<Logger, 'warn' | 'error'>
  readonly clock: Clock
  /** Events kept while the transport is away. */
  readonly outboxLimit?: number
  readonly settleMs?: number
  /** Told of each event emitted here, for the history. */
  readonly onEmitted?: (event: Event) => void
}

/** Publish and subscribe across processes, and within this one when there is no way out. */
export function createBus(options: BusOptions): BusCore {
  const {transport, frames, metrics, log, clock, outboxLimit = 10_000, settleMs = 3_000, onEmitted} = options
  const stats = {
    eventsEmitted: 0,
    eventsDelivered: 0,
    subscriberErrors: 0,
    remotePublished: 0,
    remoteReceived: 0,
  }
  const topics = new Map<
    string,
    {subscribers: Set<{name: string; run: Subscriber}>; remote: TransportSubscription}
  >()
  const seen = createSeen({clock})
  const running = new Set<Promise<void>>()
  const outbox = createOutbox({
    frames,
    transport,
    clock,
    limit: outboxLimit,
    settleMs,
    onDropped: () => metrics.dropped.inc({reason: 'outbox_full'}),
  })
  const showUp = (): void => metrics.transportUp.set(transport.isUp() ? 1 : 0)
  showUp()
  transport.watch({up: showUp, down: showUp, gap: () => undefined})

  function note({type, source}: Event): void {
    stats.eventsEmitted++
    metrics.emitted.inc({event_type: metrics.eventType(type), source: metrics.agentName(source)})
  }

  function deliver(event: Event): void {
    if (!seen.add(event.event_id)) return
    for (const subscriber of topics.get(event.type)?.subscribers ?? []) {
      const run = tell(subscriber, event).finally(() => running.delete(run))
      running.add(run)
    }
  }

  async function tell({name, run}: {name: string; run: Subscriber}, event: Event): Promise<void> {
    const event_type = metrics.eventType(event.type)
    try {
      await (event.correlation_id === undefined
        ? run(event)
        : correlation.run(event.correlation_id, () => run(event)))
      stats.eventsDelivered++
      metrics.delivered.inc({event_type})
    } catch (error) {
      stats.subscriberErrors++
      metrics.subscriberErrors.inc({event_type, callback_name: name})
      log.error(
        {
          err: toError(error),
          event: event.type,
          eventId: event.event_id,
          subscriber: name,
          correlationId: event.correlation_id,
        },
        'event subscriber failed',
      )
    }
  }

  function receive(messages: readonly unknown[]): void {
    for (const message of messages) {
      const wire = messageSchema.safeParse(message)
      if (!wire.success) {
        metrics.dropped.inc({reason: 'malformed'})
        continue
      }
      if (wire.data.origin === transport.nodeId) continue
      stats.remoteReceived++
      deliver(fromInterAgentEvent(wire.data))
    }
  }

  const toMessage = (event: Event) => ({...toInterAgentEvent(event), origin: transport.nodeId})

  return {
    async emit(type, data, {publishRemote = true, ...about}) {
      const event = newEvent(type, data, about, clock())
      note(event)
      onEmitted?.(event)
      deliver(event)
      if (publishRemote && (await outbox.push(topicOf(type), toMessage(event)))) stats.remotePublished++
    },

    subscribe(type, name, run) {
      const subscriber = {name, run}
      let topic = topics.get(type)
      if (!topic) {
        topic = {subscribers: new Set(), remote: transport.subscribe(topicOf(type), receive)}
        topics.set(type, topic)
      }
      const {subscribers, remote} = topic
      subscribers.add(subscriber)
      return {
        ready: remote.ready,
        async close() {
          subscribers.delete(subscriber)
          if (subscribers.size > 0 || topics.get(type)?.subscribers !== subscribers) return
          topics.delete(type)
          await remote.close()
        },
      }
    },

    listSubscribers: () =>
      Object.fromEntries(
        [...topics].map(([type, {subscribers}]) => [type, [...subscribers].map(each => each.name)]),
      ),
    stats: () => ({...stats}),
    transportUp: () => transport.isUp(),
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },

    note,
    deliver,
    async publish(event) {
      await frames.send(topicOf(event.type), toMessage(event))
      stats.remotePublished++
    },
    open: () => outbox.open(),
    async close() {
      outbox.close()
      await Promise.all([...topics.values()].map(({remote}) => remote.close()))
    },
  }
}

/** An event on the transport says which process sent it, which does not listen to itself. */
const messageSchema = interAgentEventSchema.extend({origin: z.string()})

const topicOf = (type: string): string => `events.${type}`
