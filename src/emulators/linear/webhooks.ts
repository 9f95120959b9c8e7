import {createHmac, randomUUID} from 'node:crypto'
import type {Changes} from './changes.ts'
import type {Faults} from './faults.ts'

export interface Delivery {
  readonly id: number
  /** `Linear-Delivery`: the same again when tried again. */
  readonly guid: string
  readonly type: string
  readonly action: string
  readonly at: number
  /** From 1. */
  readonly attempt: number
  outcome: 'sending' | 'delivered' | 'refused' | 'unreachable' | 'lost'
  /** The receiver's HTTP status. */
  status?: number
}

export interface Hook {
  readonly url: string
  readonly secret: string
  /** Types to send; all by default. */
  readonly types?: readonly string[]
}

/** What is sent; the time of sending is added at each attempt, so that a retry is fresh again. */
export type Payload = {readonly type: string; readonly action: string} & Readonly<Record<string, unknown>>

/** Sends signed deliveries, and again when they were not answered with 200 within five seconds. */
export interface Webhooks {
  readonly deliveries: readonly Delivery[]
  readonly add: (hook: Hook) => void
  send(payload: Payload): void
  /** Sends a past delivery once more under its old GUID. */
  readonly redeliver: (id: number) => void
  close(): Promise<void>
}

const ANSWER_WITHIN_MS = 5000
const LATE_BY_MS = 1000
const STALE_BY_MS = 120_000

export function createWebhooks({
  now,
  faults,
  changes,
  retryAfterMs,
}: {
  readonly now: () => number
  readonly faults: Faults
  readonly changes: Changes
  /** Pauses before the second, third and fourth try. */
  readonly retryAfterMs: readonly number[]
}): Webhooks {
  const hooks: (Hook & {readonly id: string})[] = []
  const deliveries: (Delivery & {readonly hook: (typeof hooks)[number]; readonly payload: Payload})[] = []
  const closing = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  const open = new Set<Promise<void>>()

  type Sendable = (typeof deliveries)[number]

  function prepare(
    hook: Sendable['hook'],
    payload: Payload,
    guid: string = randomUUID(),
    attempt = 1,
  ): Sendable {
    const delivery: Sendable = {
      id: deliveries.length + 1,
      guid,
      type: payload.type,
      action: payload.action,
      at: now(),
      attempt,
      outcome: 'sending',
      hook,
      payload,
    }
    deliveries.push(delivery)
    return delivery
  }

  function later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }

  function enqueue(delivery: Sendable, how: {readonly secret?: string; readonly sentAt?: number} = {}): void {
    const sending = post(delivery, how).finally(() => open.delete(sending))
    open.add(sending)
  }

  async function post(
    delivery: Sendable,
    {secret = delivery.hook.secret, sentAt = now()}: {readonly secret?: string; readonly sentAt?: number},
  ): Promise<void> {
    if (closing.signal.aborted) return
    const body = JSON.stringify({...delivery.payload, webhookTimestamp: sentAt, webhookId: delivery.hook.id})
    try {
      const response = await fetch(delivery.hook.url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'user-agent': 'Linear-Webhook',
          'linear-delivery': delivery.guid,
          'linear-event': delivery.type,
          'linear-timestamp': String(sentAt),
          'linear-signature': createHmac('sha256', secret).update(body).digest('hex'),
        },
      })
      await response.arrayBuffer()
      delivery.status = response.status
      delivery.outcome = response.status === 200 ? 'delivered' : 'refused'
    } catch {
      delivery.outcome = 'unreachable'
    }
    const pause = retryAfterMs[delivery.attempt - 1]
    if (delivery.outcome !== 'delivered' && secret === delivery.hook.secret && pause !== undefined)
      later(pause, () =>
        enqueue(prepare(delivery.hook, delivery.payload, delivery.guid, delivery.attempt + 1)),
      )
    changes.emit({kind: 'delivery', delivery})
  }

  /** One delivery to one receiver, through whatever fault is armed for it. */
  function dispatch(hook: Sendable['hook'], payload: Payload): void {
    const fault = faults.takeForWebhook(payload.type)
    if (fault?.webhook === 'forged') enqueue(prepare(hook, payload), {secret: 'not the secret'})
    const delivery = prepare(hook, payload)
    switch (fault?.webhook) {
      case 'lost':
        delivery.outcome = 'lost'
        changes.emit({kind: 'delivery', delivery})
        break
      case 'late':
        later(fault.ms ?? LATE_BY_MS, () => enqueue(delivery))
        break
      case 'duplicate':
        enqueue(delivery)
        enqueue(prepare(hook, payload, delivery.guid))
        break
      case 'stale':
        enqueue(delivery, {sentAt: now() - STALE_BY_MS})
        break
      case 'forged':
      case undefined:
        enqueue(delivery)
    }
  }

  return {
    deliveries,
    add: hook => void hooks.push({...hook, id: randomUUID()}),
    send(payload) {
      for (const hook of hooks) if (hook.types?.includes(payload.type) ?? true) dispatch(hook, payload)
    },
    redeliver(id) {
      const past = deliveries.find(delivery => delivery.id === id)
      if (!past) throw new Error(`There was no delivery ${id}`)
      enqueue(prepare(past.hook, past.payload, past.guid, past.attempt + 1))
    },
    async close() {
      closing.abort()
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(open)
    },
  }
}
