import {createHash} from 'node:crypto'
import type {Clock} from '../kernel/clock.ts'
import {code, link} from '../kernel/markdown.ts'
import type {DiscordApi, Sent} from '../integrations/discord/api.ts'
import {renderReply, type MessageBody} from '../integrations/discord/render.ts'
import type {Logger} from '../platform/logger.ts'
import type {QueueJob, Queues} from '../platform/queue.ts'
import type {Reply} from '../sdk/index.ts'
import {nextDelivery, type Delivery, type ReplyRecord} from './reply-state.ts'
import type {Delivered, ReplyStore} from './store.ts'

/** Messages that are to be brought to what their records say. */
export const REPLIES_QUEUE = 'replies'

/** How long Discord is known to honour an enforced nonce; after that we look before posting again. */
const NONCE_TRUSTED_MS = 120_000
/** An outage of Discord is waited out; what nobody could read for a day is let go, loudly. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000
const TOO_EARLY_MS = 5000
/** A sweep does not ask again for a delivery that it asked for so shortly before and that still waits. */
const SWEEP_AGAIN_MS = 2_000

export type Notifications = ReturnType<typeof createNotifications>

export interface NotificationsOptions {
  readonly store: ReplyStore
  readonly discord: Pick<DiscordApi, 'editOriginal' | 'createMessage' | 'editMessage' | 'ownMessages'>
  readonly queues: Queues
  readonly clock: Clock
  readonly log: Logger
  readonly handoverMs: number
  /** How long a delivery may take before another worker may take it over. */
  readonly leaseMs: number
  /** Whose channels are posted to without an interaction there; undefined: nobody said. */
  readonly guildId?: string | undefined
}

/**
 * Brings each message to what its record says, whoever changed it and however often: level-triggered, so a crash
 * at any point is mended by simply delivering again. Edits are naturally repeatable; posts carry a nonce.
 */
export function createNotifications(options: NotificationsOptions) {
  const {store, discord, queues, clock, log, handoverMs, leaseMs, guildId} = options

  async function deliver(id: string): Promise<void> {
    const reply = await store.claim(id, leaseMs)
    if (!reply) return
    const delivery = nextDelivery(reply, clock(), handoverMs)
    if (delivery.do === 'wait') {
      await store.release(id, {})
      await nudge(id, Math.max(0, delivery.untilMs - clock()))
      return
    }
    const delivered = await carryOut(reply, delivery)
    const more = await store.release(id, delivered)
    if (more) await nudge(id, delivered.retryAfterMs)
  }

  async function carryOut(reply: ReplyRecord, delivery: Exclude<Delivery, {do: 'wait'}>): Promise<Delivered> {
    switch (delivery.do) {
      case 'nothing':
        return {}
      case 'give-up':
        log.warn({reply: reply.id, reason: delivery.reason}, 'reply can not be delivered')
        return {undeliverable: delivery.reason}
      case 'edit-original': {
        const sent = await discord.editOriginal(tokenOf(reply), renderReply(reply.view))
        if (sent.kind === 'gone' || sent.kind === 'refused') return fallBack(reply, sent)
        return outcome(reply, sent, messageId => ({version: reply.version, messageId}))
      }
      case 'edit-channel-message': {
        const sent = await discord.editMessage(
          delivery.channelId,
          delivery.messageId,
          renderReply(reply.view),
        )
        if (sent.kind === 'gone') return {undeliverable: 'its message was deleted'}
        return outcome(reply, sent, () => ({version: reply.version}))
      }
      case 'post-to-channel': {
        const sent = await postOnce(
          reply,
          delivery.channelId,
          'main',
          renderReply(reply.view),
          delivery.replyTo,
        )
        return outcome(reply, sent, channelMessageId => ({version: reply.version, channelMessageId}))
      }
      case 'move-to-channel':
        return moveToChannel(reply, delivery.channelId)
      case 'skip-closing':
        return {closingMessageId: 'skipped'}
      case 'post-closing': {
        if (!reply.closing) return {}
        const sent = await postOnce(
          reply,
          delivery.channelId,
          'closing',
          renderReply(linked(reply, reply.closing, guildId)),
          delivery.replyTo,
        )
        if (sent.kind === 'refused' || sent.kind === 'gone') {
          // The first message shows the whole story; only the extra notice is lost.
          log.warn({reply: reply.id, reason: sent.reason}, 'closing message refused')
          return {closingMessageId: 'refused'}
        }
        return outcome(reply, sent, closingMessageId => ({closingMessageId}))
      }
    }
  }

  async function moveToChannel(reply: ReplyRecord, channelId: string): Promise<Delivered> {
    const body = renderReply(linked(reply, reply.view, guildId))
    const sent = await postOnce(reply, channelId, 'main', body, reply.messageId)
    if (sent.kind === 'sent') {
      // Best effort: the token may be gone by now, and the story goes on in the channel either way.
      await discord.editOriginal(
        tokenOf(reply),
        renderReply({
          state: 'moved',
          title: 'continues below',
          lines: linkTo('go to the message', messageUrl(reply, sent.messageId, guildId)),
        }),
      )
    }
    return outcome(reply, sent, channelMessageId => ({version: reply.version, channelMessageId}))
  }

  /** The interaction is of no use any more: a public answer goes to the channel instead, a private one is lost. */
  async function fallBack(
    reply: ReplyRecord,
    sent: Extract<Sent, {kind: 'gone' | 'refused'}>,
  ): Promise<Delivered> {
    const {target} = reply
    // Answered over HTTP, the acknowledgement may still be on its way to Discord: too early is not too late.
    if (target.kind === 'interaction' && clock() - target.receivedAt < TOO_EARLY_MS)
      return {retryAfterMs: 500}
    if (target.kind === 'interaction' && !target.private && target.channelId !== undefined) {
      return moveToChannel(reply, target.channelId)
    }
    log.warn({reply: reply.id, reason: sent.reason}, 'reply can not be delivered')
    return {undeliverable: sent.reason}
  }

  /**
   * Posts a message that must exist once. Discord drops repeats of a nonce for some minutes; when an earlier try
   * lies further back, we look for its message first.
   */
  async function postOnce(
    reply: ReplyRecord,
    channelId: string,
    part: 'main' | 'closing',
    body: MessageBody,
    replyTo: string | undefined,
  ): Promise<Sent> {
    if (reply.attempts > 1 && clock() - reply.changedAt > NONCE_TRUSTED_MS) {
      const mark = code(`${reply.id.slice(0, 8)}…`)
      const known = [reply.messageId, reply.channelMessageId]
      const earlier = (await discord.ownMessages(channelId)).find(
        message => message.text.includes(mark) && !known.includes(message.id),
      )
      if (earlier) return {kind: 'sent', messageId: earlier.id}
    }
    return discord.createMessage(channelId, body, {nonce: nonceOf(reply.id, part), replyTo})
  }

  function outcome(reply: ReplyRecord, sent: Sent, delivered: (messageId: string) => Delivered): Delivered {
    if (sent.kind === 'sent') return delivered(sent.messageId)
    if (sent.kind === 'refused' || sent.kind === 'gone' || clock() - reply.changedAt > GIVE_UP_AFTER_MS) {
      log.error({reply: reply.id, reason: sent.reason}, 'reply can not be delivered')
      return {undeliverable: sent.reason}
    }
    log.warn({reply: reply.id, reason: sent.reason}, 'delivery failed; will try again')
    return {retryAfterMs: backoff(reply.attempts)}
  }

  /** Asks for a delivery, at once or later. Asking often is cheap: one waits while one runs. */
  async function nudge(id: string, delayMs = 0): Promise<void> {
    await ask(
      id,
      // Later ones are one per second and message, however often progress asks.
      delayMs > 0
        ? {delayMs, deduplicate: {id: `reply-${id}-${Math.ceil((clock() + delayMs) / 1000)}`}}
        : {deduplicate: {id: `reply-${id}`, keepLast: true}},
    )
  }

  async function ask(id: string, how: Pick<QueueJob, 'delayMs' | 'deduplicate'>): Promise<void> {
    await queues.add({queue: REPLIES_QUEUE, name: 'deliver', data: {id}, ...how})
  }

  return {
    deliver,

    /** After a commit that changed the message. Failing to ask is no loss: the sweep will notice. */
    async changed(id: string): Promise<void> {
      await nudge(id).catch((error: unknown) =>
        log.warn({err: error, reply: id}, 'delivery left to the sweep'),
      )
    },

    /** Catches what a crash left between a commit and its delivery. */
    async sweep(): Promise<number> {
      const ids = await store.overdue(1500, 100)
      // A key of its own: the ordinary one may be held for ever by a job that the queue lost in a crash.
      const round = Math.floor(clock() / SWEEP_AGAIN_MS)
      for (const id of ids) await ask(id, {deduplicate: {id: `reply-${id}-sweep-${round}`}})
      return ids.length
    },

    forgetTokens(): Promise<void> {
      return store.forgetTokens(2 * 3_600_000)
    },
  }
}

function tokenOf(reply: ReplyRecord): string {
  return reply.target.kind === 'interaction' ? reply.target.token : ''
}

/** 1 s after the first failure, doubling up to a minute. */
function backoff(attempts: number): number {
  return Math.min(1000 * 2 ** Math.min(attempts - 1, 6), 60_000)
}

/** At most 25 characters, the same for the same message on every try. */
function nonceOf(id: string, part: string): string {
  return createHash('sha256').update(`${id} ${part}`).digest('base64url').slice(0, 25)
}

function linked(reply: ReplyRecord, view: Reply, guildId: string | undefined): Reply {
  const first = reply.channelMessageId ?? reply.messageId
  return first === undefined
    ? view
    : {
        ...view,
        lines: [...(view.lines ?? []), ...linkTo('the whole story', messageUrl(reply, first, guildId))],
      }
}

function linkTo(label: string, url: string | undefined): readonly string[] {
  return url === undefined ? [] : [link(label, url)]
}

/** Undefined where nobody knows the server of the channel: an address without it leads nowhere. */
function messageUrl(
  {target}: ReplyRecord,
  messageId: string,
  guildId: string | undefined,
): string | undefined {
  const place = target.kind === 'interaction' ? (target.guildId ?? '@me') : guildId
  return place === undefined
    ? undefined
    : `https://discord.com/channels/${place}/${target.channelId ?? ''}/${messageId}`
}
