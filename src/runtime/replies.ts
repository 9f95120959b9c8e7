import type {Pool} from 'pg'
import type {DiscordApi} from '../integrations/discord/api.ts'
import type {Clock} from '../kernel/clock.ts'
import {createOfferStore} from '../notifications/offer-store.ts'
import {createOffers, type Offers} from '../notifications/offers.ts'
import {createNotifications, type Notifications} from '../notifications/service.ts'
import {createReplyStore, type ReplyStore} from '../notifications/store.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Queues} from '../platform/queue.ts'

/** The messages of commands and requests: what they say, and that they say it. */
export interface HouseReplies {
  readonly replies: ReplyStore
  /** Brings messages to what they are to say; undefined without Discord. */
  readonly notifications: Notifications | undefined
  readonly offers: Offers
  /** The message under this id changed. */
  readonly notify: (id: string) => Promise<void>
  /** Where the message is, or the command was given. */
  readonly channelOf: (id: string) => Promise<string | undefined>
  /** The message's own address, once it is there. */
  readonly addressOf: (id: string) => Promise<string | undefined>
}

export function openReplies({
  config,
  pool,
  discord,
  queues,
  clock,
  log,
}: {
  readonly config: Pick<Config, 'discord' | 'interactionHandoverMs' | 'worker'>
  readonly pool: Pool
  readonly discord: DiscordApi | undefined
  readonly queues: Queues
  readonly clock: Clock
  readonly log: Logger
}): HouseReplies {
  const replies = createReplyStore({pool})
  const notifications =
    discord &&
    createNotifications({
      store: replies,
      discord,
      queues,
      clock,
      log,
      handoverMs: config.interactionHandoverMs,
      leaseMs: config.worker.leaseMs + 5000,
      guildId: config.discord?.guildId,
    })
  const notify = async (id: string) => notifications?.changed(id)
  return {
    replies,
    notifications,
    offers: createOffers({pool, store: createOfferStore({pool}), replies, notify}),
    notify,
    channelOf: async id => (await replies.messageOf(id))?.channelId,
    async addressOf(id) {
      const {channelId, messageId} = (await replies.messageOf(id)) ?? {}
      return channelId === undefined || messageId === undefined
        ? undefined
        : `https://discord.com/channels/${config.discord?.guildId ?? '@me'}/${channelId}/${messageId}`
    },
  }
}
