import {atLeast, type RiskLevel} from '../kernel/risk-level.ts'
import type {ChannelName, NotificationRules, Threshold} from '../platform/config/config.ts'
import type {NewNotice, NoticeEvent} from './notice.ts'

/** The least level at which each event is told in a channel; channels that are not named never tell it. */
const TOLD: Readonly<Record<NoticeEvent, Partial<Record<ChannelName, Threshold>>>> = {
  // In Discord the request has a message of its own, which asks, and is edited as votes come in.
  approval_required: {linear: 'low', mail: 'low'},
  approval_vote: {linear: 'low'},
  approval_question: {linear: 'low', mail: 'low', discord: 'low'},
  approval_reminder: {linear: 'low', mail: 'low', discord: 'low'},
  approval_escalated: {linear: 'low', mail: 'low', discord: 'low'},
  // How it ended, the request's own message says, and that of the command which waited for it.
  approval_approved: {linear: 'low', mail: 'low', 'pull-request': 'low'},
  approval_rejected: {linear: 'low', mail: 'low', 'pull-request': 'low'},
  approval_expired: {linear: 'low', mail: 'low', 'pull-request': 'low'},
  approval_cancelled: {linear: 'low', mail: 'low', 'pull-request': 'low'},
  break_glass: {linear: 'low', mail: 'low', discord: 'low'},
  task_completed: {linear: 'low', 'pull-request': 'low'},
  task_failed: {linear: 'low', mail: 'medium', discord: 'low', 'pull-request': 'low'},
  agent_error: {linear: 'low', mail: 'medium', discord: 'low'},
  service_down: {mail: 'medium', discord: 'low'},
  service_up: {mail: 'medium', discord: 'low'},
}

const MAIL: Readonly<Record<RiskLevel, 'at-once' | 'fallback'>> = {
  low: 'fallback',
  medium: 'fallback',
  high: 'at-once',
  critical: 'at-once',
}

/** After these nothing of a request is open any more. */
const FINAL: ReadonlySet<NoticeEvent> = new Set([
  'approval_approved',
  'approval_rejected',
  'approval_expired',
  'approval_cancelled',
])

/** The first try and two more. */
const FAILING_AFTER = 3
/** Who is not even asked again for so long is as good as away. */
const FAILING_PAUSE_MS = 30_000

/** What is to become of a notice in one channel. */
export interface Route {
  readonly channel: ChannelName
  /** Held back until Linear fails, or until so long after the notice when `heldMs` says; told at once when absent. */
  readonly held?: {readonly heldMs: number | undefined}
}

/** Where a notice is told. `available` says which channels can tell it at all. */
export function route(
  notice: NewNotice,
  rules: NotificationRules,
  available: (channel: ChannelName) => boolean,
): readonly Route[] {
  const {event, level} = notice
  const mail = rules.levels.get(level)?.mail ?? MAIL[level]
  const told = {...TOLD[event], ...rules.events.get(event)?.from}
  const channels = (['linear', 'mail', 'discord', 'pull-request'] as const).filter(
    channel => reaches(level, told[channel] ?? 'never') && available(channel),
  )
  return channels.flatMap((channel): Route[] => {
    if (channel !== 'mail') return [{channel}]
    if (mail === 'never') return []
    if (mail === 'at-once' || !channels.includes('linear')) return [{channel}]
    // Only what asks can be left without an answer.
    const heldMs = event === 'approval_required' ? notice.mailAfterMs : undefined
    return [{channel, held: {heldMs}}]
  })
}

/** The notice with everybody who, by configuration, wants to know of such notices. */
export function withStakeholders<T extends NewNotice>(notice: T, rules: NotificationRules): T {
  const {event, level, project} = notice
  // The more special one takes the place of the more general: project, event, level.
  const added =
    (project === undefined ? undefined : rules.projects.get(project)?.watchers) ??
    rules.events.get(event)?.watchers ??
    rules.levels.get(level)?.watchers ??
    []
  return {...notice, watchers: [...new Set([...notice.watchers, ...added])]}
}

/** The notice with only those people who want to hear of its level in this channel. */
export function narrowed<T extends NewNotice>(notice: T, channel: ChannelName, rules: NotificationRules): T {
  const wants = (person: string) => reaches(notice.level, rules.people.get(person)?.[channel] ?? 'low')
  return {...notice, people: notice.people.filter(wants), watchers: notice.watchers.filter(wants)}
}

function reaches(level: RiskLevel, from: Threshold): boolean {
  return from !== 'never' && atLeast(level, from)
}

export type DeliveryState = 'held' | 'waiting' | 'told' | 'skipped' | 'refused' | 'failed'

/** How a notice of a story stands in one channel. Times are milliseconds since the epoch. */
export interface Standing {
  readonly seq: number
  readonly channel: ChannelName
  readonly state: DeliveryState
  /** Tries that came to nothing. */
  readonly failures: number
  /** When it is tried next. */
  readonly dueAt: number
  readonly heldUntil: number | undefined
}

export type Released = {readonly seq: number; readonly channel: ChannelName} & (
  | {readonly state: 'waiting' | 'skipped'; readonly reason: string}
  /** Judged again at `lookAt`, or when something happens to the story. */
  | {readonly state: 'held'; readonly lookAt: number | undefined}
)

/**
 * What becomes of a story's held deliveries: told where Linear did not do, let go where it did. `notices` are all that
 * the story has so far.
 */
export function release(
  notices: readonly {readonly seq: number; readonly event: NoticeEvent}[],
  rows: readonly Standing[],
  now: number,
): readonly Released[] {
  return rows
    .filter(row => row.state === 'held')
    .map((row): Released => {
      const {seq, channel, heldUntil} = row
      const settle = (state: 'waiting' | 'skipped', reason: string) => ({seq, channel, state, reason})
      if (notices.some(later => later.seq > seq && FINAL.has(later.event)))
        return settle('skipped', 'decided meanwhile')
      if (rows.some(other => other.channel === channel && other.seq < seq && isTelling(other)))
        return settle('waiting', 'the story is told here')
      const linear = rows.find(other => other.channel === 'linear' && other.seq === seq)
      if (!linear || isFailing(linear, now)) return settle('waiting', 'Linear does not tell it')
      if (heldUntil !== undefined)
        return heldUntil <= now
          ? settle('waiting', 'no answer in Linear')
          : {seq, channel, state: 'held', lookAt: heldUntil}
      return linear.state === 'told'
        ? settle('skipped', 'told in Linear')
        : {seq, channel, state: 'held', lookAt: undefined}
    })
}

function isTelling({state}: Standing): boolean {
  return state === 'told' || state === 'waiting'
}

function isFailing({state, failures, dueAt}: Standing, now: number): boolean {
  if (state === 'waiting')
    return failures >= FAILING_AFTER || (failures > 0 && dueAt - now > FAILING_PAUSE_MS)
  return state !== 'told'
}
