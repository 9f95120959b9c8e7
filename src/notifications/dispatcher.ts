import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import {toError} from '../kernel/errors.ts'
import type {ChannelName, NotificationRules} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {listen} from '../platform/postgres.ts'
import type {NoticeChannel, Told} from './notice.ts'
import type {NoticeMetrics} from './notice-metrics.ts'
import {deliveryKey} from './notices.ts'
import {NOTICES_CHANNEL, type Delivery, type NoticeStore, type Settlement} from './notice-store.ts'
import {narrowed, release} from './routing.ts'

/** What a channel takes at the same time, from one process. GitHub wants comments to come seconds apart. */
const AT_ONCE: Readonly<Record<ChannelName, number>> = {linear: 20, mail: 10, discord: 5, 'pull-request': 2}
const STORIES_AT_ONCE = 200
const TELL_WITHIN_MS = 20_000
/** An outage of a channel is waited out; what nobody could be told for a day is let go, loudly. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 300_000
const FORGET_AFTER_MS = 90 * 86_400_000

export type Dispatcher = ReturnType<typeof createDispatcher>

/**
 * Tells notices, channel by channel: each has its own places, so that one that is slow or away delays no other. The rows
 * in Postgres decide what is told; a wake-up says that there is something, and the sweep catches what was missed.
 */
export function createDispatcher({
  databaseUrl,
  store,
  channels,
  rules,
  metrics,
  clock,
  log,
  tellWithinMs = TELL_WITHIN_MS,
}: {
  readonly databaseUrl: string
  readonly store: Pick<NoticeStore, 'due' | 'claim' | 'settle' | 'release' | 'forget'>
  readonly channels: readonly NoticeChannel[]
  readonly rules: NotificationRules
  readonly metrics: NoticeMetrics
  readonly clock: Clock
  readonly log: Logger
  /** What a channel gets for one notice; a worker that died keeps it from others a little longer than that. */
  readonly tellWithinMs?: number
}) {
  const closing = new AbortController()
  const lanes = [...new Set(channels.map(channel => channel.name))].map(createLane)
  let releasing: Promise<void> | undefined
  let releaseAgain = false

  /** One channel's places. Asked to pull while it pulls, it pulls once more. */
  function createLane(name: ChannelName) {
    const telling = new Set<Promise<void>>()
    let pulling: Promise<void> | undefined
    let again = false

    async function takeDue(): Promise<void> {
      do {
        again = false
        const free = AT_ONCE[name] - telling.size
        if (free <= 0 || closing.signal.aborted) return
        const claimed = await store.claim(name, free, tellWithinMs + 5_000)
        for (const delivery of claimed) {
          const told = deliver(delivery).finally(() => {
            telling.delete(told)
            pull()
          })
          telling.add(told)
        }
      } while (again)
    }

    function pull(): void {
      if (closing.signal.aborted) return
      again = true
      pulling ??= takeDue()
        .catch((error: unknown) =>
          log.warn({channel: name, reason: toError(error).message}, 'notices are left to the next sweep'),
        )
        .finally(() => (pulling = undefined))
    }

    return {
      name,
      pull,
      busy: () => pulling !== undefined || telling.size > 0,
      async idle() {
        while (pulling !== undefined || telling.size > 0) await Promise.all([pulling, ...telling])
      },
    }
  }

  async function deliver(delivery: Delivery): Promise<void> {
    const {notice, channel} = delivery
    await correlation.run(notice.correlationId, async () => {
      try {
        const settlement = settlementOf(delivery, await tell(delivery), clock())
        const {settled, judged} = await store.settle(delivery, settlement)
        if (settled) report(delivery, settlement)
        if (judged) safely(releaseHeld())
        if (settlement.state === 'waiting') pullIn(settlement.retryAfterMs)
      } catch (error) {
        // Its lease lapses, and it is told again under the same key.
        log.warn(
          {notice: notice.id, channel, reason: toError(error).message},
          'what a notice came to is not recorded',
        )
      }
    })
  }

  async function tell({notice, channel: name, thread}: Delivery): Promise<Told> {
    const channel = channels.find(each => each.name === name && each.tells(notice))
    if (!channel) return {kind: 'skipped', reason: 'nobody here tells such notices any more'}
    const key = deliveryKey(notice.key, name)
    try {
      return await within(tellWithinMs, signal =>
        channel.tell(narrowed(notice, name, rules), {key, thread, signal}),
      )
    } catch (error) {
      return {kind: 'failed', reason: toError(error).message}
    }
  }

  function report({notice, channel, failures, openAt}: Delivery, settlement: Settlement): void {
    const about = {notice: notice.id, story: notice.story, event: notice.event, channel}
    if (settlement.state === 'told') {
      metrics.told(channel, (clock() - openAt) / 1000)
      log.info(about, 'notice told')
    } else if (settlement.state === 'waiting' || settlement.state === 'failed') metrics.failedTry(channel)
    switch (settlement.state) {
      case 'told':
        break
      case 'skipped':
        log.info({...about, reason: settlement.reason}, 'notice not told here')
        break
      case 'waiting':
        log.warn({...about, tries: failures + 1, reason: settlement.reason}, 'notice will be told again')
        return
      case 'refused':
      case 'failed':
        log.error({...about, tries: failures + 1, reason: settlement.reason}, 'notice can not be told')
        break
    }
    metrics.ended(channel, notice.event, settlement.state)
  }

  /** Judges what is held back, where something happened or its time has come. */
  async function releaseHeld(): Promise<void> {
    releaseAgain = true
    releasing ??= (async () => {
      while (releaseAgain) {
        releaseAgain = false
        if ((await store.release(release, STORIES_AT_ONCE)) > 0) pullAll()
      }
    })().finally(() => (releasing = undefined))
    await releasing
  }

  function pullAll(): void {
    for (const lane of lanes) lane.pull()
  }

  function pullIn(ms: number): void {
    if (ms <= LONGEST_PAUSE_MS) setTimeout(pullAll, ms).unref()
  }

  async function wake(): Promise<void> {
    pullAll()
    await releaseHeld()
  }

  return {
    /** Hears of what commits from here on, until closed. */
    start(): void {
      const listener = listen({
        connectionString: databaseUrl,
        channels: [NOTICES_CHANNEL],
        onNotify: () => safely(wake()),
        onListening: () => safely(wake()),
        onError: error => log.warn({reason: error.message}, 'notices wait for the sweep'),
      })
      closing.signal.addEventListener('abort', () => void listener.close())
    },

    /** Takes up what is due, whoever left it. */
    async sweep(): Promise<void> {
      const due = await store.due(lanes.map(({name}) => name))
      for (const lane of lanes) if (due.channels.includes(lane.name)) lane.pull()
      if (due.held) await releaseHeld()
    },

    /** Removes stories that ended long ago. */
    forgetOld: () => store.forget(FORGET_AFTER_MS),

    /** Resolves when nothing is being told. */
    async idle(): Promise<void> {
      do {
        await releasing
        await Promise.all(lanes.map(lane => lane.idle()))
      } while (releasing !== undefined || lanes.some(lane => lane.busy()))
    },

    /** Takes nothing more; what is being told ends, or is told again by another. */
    async close(): Promise<void> {
      closing.abort()
      await Promise.all(lanes.map(lane => lane.idle()))
    },
  }

  function safely(work: Promise<void>): void {
    work.catch((error: unknown) =>
      log.warn({reason: toError(error).message}, 'notices are left to the next sweep'),
    )
  }
}

function settlementOf({openAt, failures}: Delivery, told: Told, now: number): Settlement {
  switch (told.kind) {
    case 'told':
      return {state: 'told', outsideId: told.id}
    case 'skipped':
    case 'refused':
      return {state: told.kind, reason: told.reason}
    case 'failed': {
      if (now - openAt > GIVE_UP_AFTER_MS) return {state: 'failed', reason: told.reason}
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS)
      return {
        state: 'waiting',
        reason: told.reason,
        retryAfterMs: Math.max(pause, told.retryAfterMs ?? 0),
      }
    }
  }
}

/**
 * Gives the work so long; a channel that does not heed its signal is not waited for. The limit is lifted with the work's
 * end: `AbortSignal.timeout` would hold all that was told in its time.
 */
function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const late = new DOMException('took too long', 'TimeoutError')
      limit.abort(late)
      reject(late)
    }, ms).unref()
    work(limit.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
