import {createHash} from 'node:crypto'
import type {ChannelName, NotificationRules} from '../platform/config/config.ts'
import type {NoticeChannel, Notices} from './notice.ts'
import type {NoticeStore} from './notice-store.ts'
import {route, withStakeholders} from './routing.ts'

/**
 * Announces what people are to be told. Where it is told is decided here, once, by what is configured now; the
 * dispatcher of any worker hears of it with the commit.
 */
export function createNotices({
  store,
  channels,
  rules,
}: {
  readonly store: Pick<NoticeStore, 'announce'>
  readonly channels: readonly Pick<NoticeChannel, 'name' | 'tells'>[]
  readonly rules: NotificationRules
}): Notices {
  return {
    async announce(db, given) {
      const notice = withStakeholders(given, rules)
      const available = (name: ChannelName) =>
        channels.some(channel => channel.name === name && channel.tells(notice))
      await store.announce(db, uuidOf(notice.key), notice, route(notice, rules, available))
    },
  }
}

/** The same at every try of a notice in a channel, and no other's. */
export function deliveryKey(noticeKey: string, channel: ChannelName): string {
  return uuidOf(`${channel} ${noticeKey}`)
}

/** A UUID made of a text. Its form is that of a random one: services that take ids from us accept no other version. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(`signalbox ${text}`).digest('hex')
  const variant = ((parseInt(hex[16] ?? '0', 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
