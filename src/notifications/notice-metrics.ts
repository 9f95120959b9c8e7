import {Counter, Gauge, Histogram, type Registry} from 'prom-client'
import {inTimeForScrape} from '../platform/scrape.ts'
import type {ChannelName, NoticeEvent} from './notice.ts'
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
  const registers = [registry]
  const latency = new Histogram({
    name: 'notification_latency_seconds',
    help: 'From a notice’s commit, or its release where it was held back, to its acceptance by the channel',
    labelNames: ['channel'] as const,
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600],
    registers,
  })
  const deliveries = new Counter({
    name: 'notification_deliveries_total',
    help: 'Notices by what became of them in a channel',
    labelNames: ['channel', 'event', 'outcome'] as const,
    registers,
  })
  const failures = new Counter({
    name: 'notification_failed_tries_total',
    help: 'Tries that came to nothing, to be repeated or not',
    labelNames: ['channel'] as const,
    registers,
  })
  new Gauge({
    name: 'notification_backlog',
    help: 'Notices that wait, or are held back, as the database says; absent while it does not answer',
    labelNames: ['channel', 'state'] as const,
    registers,
    async collect() {
      this.reset()
      for (const {channel, state, count} of (await inTimeForScrape(backlog())) ?? [])
        this.set({channel, state}, count)
    },
  })

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
