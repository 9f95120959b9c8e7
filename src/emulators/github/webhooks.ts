import {createHmac, randomUUID} from 'node:crypto'
import type {Changes} from './changes.ts'
import type {Faults} from './faults.ts'
import type {Ids} from './ids.ts'

export interface Delivery {
  readonly id: number
  /** `X-GitHub-Delivery`: the same again when redelivered. */
  readonly guid: string
  readonly event: string
  readonly action: string
  readonly body: string
  readonly at: number
  readonly redelivery: boolean
  outcome: 'sending' | 'delivered' | 'refused' | 'unreachable' | 'lost'
  /** The receiver's HTTP status. */
  status?: number
}

export interface Hook {
  readonly url: string
  readonly secret: string
  /** Events to send; all by default. */
  readonly events?: readonly string[]
}

/** Sends signed deliveries, one after the other and never again by itself, as GitHub does not retry either. */
export interface Webhooks {
  readonly deliveries: readonly Delivery[]
  /** Adds a receiver and pings it. */
  readonly add: (hook: Hook) => void
  send(event: string, payload: {readonly action: string; readonly [field: string]: unknown}): void
  /** Sends a past delivery again under its old GUID. */
  readonly redeliver: (id: number) => void
  close(): Promise<void>
}

const ANSWER_WITHIN_MS = 10_000
const LATE_BY_MS = 1000

export function createWebhooks({
  ids,
  now,
  faults,
  changes,
}: {
  readonly ids: Ids
  readonly now: () => number
  readonly faults: Faults
  readonly changes: Changes
}): Webhooks {
  const hooks: (Hook & {readonly id: number})[] = []
  const deliveries: (Delivery & {readonly hook: Hook & {readonly id: number}})[] = []
  const closing = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  let line: Promise<unknown> = Promise.resolve()
  let overtaken: (() => void)[] = []

  type Sendable = (typeof deliveries)[number]

  const enqueue = (delivery: Sendable, secret?: string) => {
    line = line.then(() => post(delivery, secret))
  }

  function prepare(
    hook: Sendable['hook'],
    event: string,
    action: string,
    body: string,
    guid?: string,
  ): Sendable {
    const delivery: Sendable = {
      id: ids.next(),
      guid: guid ?? randomUUID(),
      event,
      action,
      body,
      at: now(),
      redelivery: guid !== undefined,
      outcome: 'sending',
      hook,
    }
    deliveries.push(delivery)
    return delivery
  }

  async function post(delivery: Sendable, secret: string = delivery.hook.secret): Promise<void> {
    if (closing.signal.aborted) return
    const hmac = (algorithm: string) => createHmac(algorithm, secret).update(delivery.body).digest('hex')
    try {
      const response = await fetch(delivery.hook.url, {
        method: 'POST',
        body: delivery.body,
        redirect: 'manual',
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'GitHub-Hookshot/044aadd',
          'x-github-delivery': delivery.guid,
          'x-github-event': delivery.event,
          'x-github-hook-id': String(delivery.hook.id),
          'x-github-hook-installation-target-type': 'repository',
          'x-hub-signature': `sha1=${hmac('sha1')}`,
          'x-hub-signature-256': `sha256=${hmac('sha256')}`,
        },
      })
      await response.arrayBuffer()
      delivery.status = response.status
      delivery.outcome = response.ok ? 'delivered' : 'refused'
    } catch {
      delivery.outcome = 'unreachable'
    }
    changes.emit({kind: 'delivery', delivery})
  }

  /** One delivery to one receiver, through whatever fault is armed for it. */
  function dispatch(hook: Sendable['hook'], event: string, action: string, body: string): void {
    const fault = event === 'ping' ? undefined : faults.takeForWebhook(event, action)
    const waiting = overtaken
    overtaken = []
    if (fault?.webhook === 'forged') enqueue(prepare(hook, event, action, body), 'not the secret')
    const delivery = prepare(hook, event, action, body)
    switch (fault?.webhook) {
      case 'lost':
        delivery.outcome = 'lost'
        changes.emit({kind: 'delivery', delivery})
        break
      case 'late': {
        const timer = setTimeout(() => {
          timers.delete(timer)
          enqueue(delivery)
        }, fault.ms ?? LATE_BY_MS)
        timers.add(timer)
        break
      }
      case 'outOfOrder':
        overtaken.push(() => enqueue(delivery))
        break
      case 'duplicate':
        enqueue(delivery)
        enqueue(prepare(hook, event, action, body, delivery.guid))
        break
      case 'forged':
      case undefined:
        enqueue(delivery)
    }
    for (const follow of waiting) follow()
  }

  return {
    deliveries,
    add(options) {
      const hook = {...options, id: ids.next()}
      hooks.push(hook)
      const zen = 'Keep it logically awesome.'
      dispatch(
        hook,
        'ping',
        '',
        JSON.stringify({zen, hook_id: hook.id, hook: {type: 'Repository', id: hook.id}}),
      )
    },
    send(event, payload) {
      const body = JSON.stringify(payload)
      for (const hook of hooks) {
        if (hook.events?.includes(event) ?? true) dispatch(hook, event, payload.action, body)
      }
    },
    redeliver(id) {
      const past = deliveries.find(delivery => delivery.id === id)
      if (!past) throw new Error(`There was no delivery ${id}`)
      enqueue(prepare(past.hook, past.event, past.action, past.body, past.guid))
    },
    async close() {
      closing.abort()
      for (const timer of timers) clearTimeout(timer)
      await line
    },
  }
}
