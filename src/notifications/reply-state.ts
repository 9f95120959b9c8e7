import type {Reply, ReplyState} from '../sdk/index.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'

/** The wish for one command's message, and how much of it Discord is known to show. */
export interface ReplyRecord {
  readonly id: string
  readonly target: ReplyTarget
  readonly view: Reply
  readonly version: number
  readonly deliveredVersion: number
  readonly closing: Reply | undefined
  readonly closingState: 'none' | 'wanted' | 'posted'
  readonly messageId: string | undefined
  readonly channelMessageId: string | undefined
  readonly attempts: number
  readonly createdAt: number
  readonly changedAt: number
  readonly deliveredAt: number | undefined
}

/** The next thing to do about a message. Each may be done twice without harm. */
export type Delivery =
  | {readonly do: 'edit-original'}
  /** The interaction is near its end: the story goes on in a channel message, the first one points there. */
  | {readonly do: 'move-to-channel'; readonly channelId: string}
  | {readonly do: 'post-to-channel'; readonly channelId: string; readonly replyTo: string | undefined}
  | {readonly do: 'edit-channel-message'; readonly channelId: string; readonly messageId: string}
  | {readonly do: 'post-closing'; readonly channelId: string; readonly replyTo: string | undefined}
  /** There is nowhere to post it, or nobody else may read it: the first message alone tells the end. */
  | {readonly do: 'skip-closing'}
  | {readonly do: 'wait'; readonly untilMs: number}
  | {readonly do: 'give-up'; readonly reason: string}
  | {readonly do: 'nothing'}

/** Edits at most this often: Discord accepts about five in two seconds and people can't read faster. */
export const EDIT_EVERY_MS = 2000

const UNDER_WAY: ReadonlySet<ReplyState> = new Set(['running', 'waiting'])

/** The pure half of delivery: what to do about a reply at `now`. Progress waits its turn; the end never does. */
export function nextDelivery(reply: ReplyRecord, now: number, handoverMs: number): Delivery {
  const {target} = reply
  const stale = reply.deliveredVersion < reply.version
  const ending = reply.closingState === 'wanted'
  if (!stale && !ending) return {do: 'nothing'}

  if (stale) {
    const dueAt = (reply.deliveredAt ?? 0) + EDIT_EVERY_MS
    const isOver = ending || !UNDER_WAY.has(reply.view.state)
    if (reply.deliveredAt !== undefined && now < dueAt && !isOver) return {do: 'wait', untilMs: dueAt}
    if (target.kind === 'channel') {
      return reply.channelMessageId === undefined
        ? {do: 'post-to-channel', channelId: target.channelId, replyTo: target.replyTo}
        : {do: 'edit-channel-message', channelId: target.channelId, messageId: reply.channelMessageId}
    }
    if (reply.channelMessageId !== undefined && target.channelId !== undefined) {
      return {do: 'edit-channel-message', channelId: target.channelId, messageId: reply.channelMessageId}
    }
    if (now - target.receivedAt < handoverMs) return {do: 'edit-original'}
    // A private answer has no channel to move to: nobody else may read it.
    if (target.private || target.channelId === undefined)
      return {do: 'give-up', reason: 'the interaction expired before its answer was ready'}
    return {do: 'move-to-channel', channelId: target.channelId}
  }

  const {channelId} = target
  if (channelId === undefined || (target.kind === 'interaction' && target.private))
    return {do: 'skip-closing'}
  return {do: 'post-closing', channelId, replyTo: reply.channelMessageId ?? reply.messageId}
}
