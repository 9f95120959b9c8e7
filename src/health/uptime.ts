import {randomUUID} from 'node:crypto'
import type {Pool} from 'pg'
import type {Clock} from '../kernel/clock.ts'
import {correlation} from '../kernel/correlation.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import {formatDuration} from '../kernel/time.ts'
import type {NewNotice, Notices} from '../notifications/notice.ts'
import {transaction} from '../platform/postgres.ts'
import type {ServiceHistory, UptimeCheck, UptimePort} from '../sdk/index.ts'
import {fold, type Tell, type Watch} from './flips.ts'
import {availability, sparkline} from './trend.ts'
import {standingOf} from './uptime-checks.ts'
import type {Recorded, UptimeStore} from './uptime-store.ts'

/** Wide enough to show a day's hours, narrow enough for one line of a phone. */
const SLOTS = 24
const KEEP_MS = 90 * 86_400_000

export interface Uptime extends UptimePort {
  /** One scheduled look: what was found goes into the history, and people are told of what changed. */
  watch(signal: AbortSignal): Promise<readonly UptimeCheck[]>
  /** Removes what is older than 90 days. */
  forgetOld(): Promise<void>
}

/**
 * Whether services are up. What is told commits together with what it is told about, once, and is delivered from there
 * until it was: a channel that is away loses no alarm, and none is told twice.
 */
export function createUptime({
  pool,
  store,
  look,
  notices,
  everyMs,
  alert,
  channelId,
  levelOf,
  redact,
  clock,
}: {
  readonly pool: Pool
  readonly store: UptimeStore
  readonly look: (signal: AbortSignal) => Promise<readonly UptimeCheck[]>
  readonly notices: Notices
  readonly everyMs: number | undefined
  readonly alert: boolean
  /** Where alarms go; the status channel when undefined. */
  readonly channelId: string | undefined
  /** How grave it is when this service is down. */
  readonly levelOf: (service: string) => RiskLevel
  readonly redact: (text: string) => string
  readonly clock: Clock
}): Uptime {
  /** Each service in a transaction of its own: their alarms do not wait for each other. */
  async function take(check: UptimeCheck, correlationId: string, at: number): Promise<void> {
    const standing = standingOf(check.state)
    await transaction(pool, async db => {
      await store.record(db, [check], at)
      if (!standing) return
      const {watch, tell} = fold(await store.watch(db, check.service), standing, at)
      await store.keep(db, check.service, watch)
      if (tell && alert) await notices.announce(db, noticeOf(check, watch, tell, correlationId))
    })
  }

  function noticeOf(check: UptimeCheck, watch: Watch, tell: Tell, correlationId: string): NewNotice {
    const {service} = check
    const {title, note, down} = wordsFor(check, tell)
    return {
      // Nothing of this look: told again after a crash, it is the same word.
      key: `uptime:${service}:${watch.told}`,
      story: `uptime:${service}:${watch.outages}`,
      event: down ? 'service_down' : 'service_up',
      level: levelOf(service),
      correlationId,
      people: [],
      watchers: [],
      ...(channelId === undefined ? {} : {channelId}),
      title: redact(title),
      data: {note: redact(note)},
    }
  }

  return {
    everyMs,
    check: look,

    async watch(signal) {
      const id = randomUUID()
      return correlation.run(id, async () => {
        const checks = await look(signal)
        const at = clock()
        for (const check of checks) await take(check, id, at)
        return checks
      })
    },

    async history(windowMs) {
      return (await store.history(clock(), windowMs, SLOTS)).flatMap(toHistory)
    },

    forgetOld: () => store.forget(KEEP_MS),
  }
}

function wordsFor(
  {service, state, place, reason}: UptimeCheck,
  tell: Tell,
): {readonly title: string; readonly note: string; readonly down: boolean} {
  const where = place === undefined ? '' : ` · ${place}`
  const how = state.replace('_', ' ')
  const why = `${reason ?? state}${where}`
  switch (tell.what) {
    case 'down':
      return {title: `${service} is down · ${how}`, note: why, down: true}
    case 'up':
      return {
        title: `${service} is up again · was down for ${formatDuration(tell.downMs)}`,
        note: place ?? service,
        down: false,
      }
    case 'flapping':
      return {
        title: `${service} keeps going up and down`,
        note: `It is told again once it has been steady for 15 minutes${where}`,
        down: true,
      }
    case 'steady':
      return tell.standing === 'up'
        ? {title: `${service} is up, and steady again`, note: place ?? service, down: false}
        : {title: `${service} stays down · ${how}`, note: why, down: true}
  }
}

function toHistory({service, slots, p50Ms, p95Ms, before}: Recorded): ServiceHistory[] {
  const total = (count: 'up' | 'down') => slots.reduce((sum, slot) => sum + slot[count], 0)
  const up = total('up')
  const down = total('down')
  const share = availability(up, down)
  if (share === undefined) return []
  const earlier = availability(before.up, before.down)
  return [
    {
      service,
      checks: up + down,
      availability: share,
      p50Ms,
      p95Ms,
      picture: sparkline(slots),
      change: earlier === undefined ? undefined : Math.round((share - earlier) * 10) / 10,
    },
  ]
}
