import type {Pool} from 'pg'
import type {Clock} from '../kernel/clock.ts'
import {createDispatcher, type Dispatcher} from '../notifications/dispatcher.ts'
import {createNoticeMetrics} from '../notifications/notice-metrics.ts'
import {createNoticeStore} from '../notifications/notice-store.ts'
import type {NoticeChannel, Notices} from '../notifications/notice.ts'
import {createNotices} from '../notifications/notices.ts'
import type {NotificationRules} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'

/** What people are told besides the messages of their own commands. */
export interface HouseNotices {
  readonly notices: Notices
  /**
   * Through which channels, of several with one name the first that takes a notice. To be called once, before anything
   * is announced: what is told about requests needs the requests, and they need who tells.
   */
  readonly through: (channels: readonly (NoticeChannel | undefined)[]) => Dispatcher
}

export function openNotices({
  pool,
  databaseUrl,
  rules,
  metrics: {registry},
  clock,
  log,
}: {
  readonly pool: Pool
  readonly databaseUrl: string
  readonly rules: NotificationRules
  readonly metrics: Pick<Metrics, 'registry'>
  readonly clock: Clock
  readonly log: Logger
}): HouseNotices {
  const store = createNoticeStore({pool})
  const open: NoticeChannel[] = []
  return {
    notices: createNotices({store, channels: open, rules}),
    through(channels) {
      open.push(...channels.filter(channel => channel !== undefined))
      const metrics = createNoticeMetrics({registry, backlog: () => store.backlog()})
      return createDispatcher({databaseUrl, store, channels: open, rules, metrics, clock, log})
    },
  }
}
