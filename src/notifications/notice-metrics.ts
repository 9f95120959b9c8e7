import type {Registry} from 'prom-client'
import type {ChannelName} from '../platform/config/config.ts'
import {createInstruments} from '../platform/instruments.ts'
import type {NoticeEvent} from './notice.ts'
import type {Backlog} from './notice-store.ts'

export type NoticeMetrics = ReturnType<typeof createNoticeMetrics>

/** The metrics of notices. Event and channel are closed sets. */
export function createNoticeMetrics({
  registry,
  backlog,
}: {
  readonly registry: Registry
  readonly backlog: () => Promise<readonly Backlog[]>
}) {
  const {counter, histogram, gauge} = createInstruments(registry)
  const latency = histogram(
    'notification_latency_seconds',
    'From a notice’s commit, or its release where it was held back, to its acceptance by the channel',
    [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600],
    ['channel'],
  )
  const deliveries = counter('notification_deliveries_total', 'Notices by what became of them in a channel', [
    'channel',
    'event',
    'outcome',
  ])
  const failures = counter(
    'notification_failed_tries_total',
    'Tries that came to nothing, to be repeated or not',
    ['channel'],
  )
  gauge(
    'notification_backlog',
    'Notices that wait, or are held back, as the database says; absent while it does not answer',
    {
      labelNames: ['channel', 'state'],
      ask: backlog,
      show: waiting => waiting.map(({channel, state, count}) => [{channel, state}, count]),
    },
  )

  return {
    told(channel: ChannelName, seconds: number): void {
      latency.observe({channel}, seconds)
    },
    ended(
      channel: ChannelName,
      event: NoticeEvent,
      outcome: 'told' | 'skipped' | 'refused' | 'failed',
    ): void {
      deliveries.inc({channel, event, outcome})
    },
    failedTry(channel: ChannelName): void {
      failures.inc({channel})
    },
  }
}
