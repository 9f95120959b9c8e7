import {createHash, randomUUID} from 'node:crypto'
import {z} from 'zod'
import type {Invocations} from '../invocations/service.ts'
import {code} from '../kernel/markdown.ts'
import {shortId} from '../kernel/correlation.ts'
import type {Logger} from '../platform/logger.ts'
import type {QueueWorker, Queues} from '../platform/queue.ts'

export interface ScheduledDigest {
  readonly cron: string
  readonly timezone: string
  readonly channel: string
  readonly period: 'daily' | 'weekly'
}

export const SCHEDULES_QUEUE = 'schedules'
const digestJob = z.object({period: z.enum(['daily', 'weekly']), channel: z.string(), schedule: z.string()})

/**
 * Posts digests on schedule, through BullMQ's job schedulers: each firing becomes a command like any other, known
 * by its job, so two workers or a repeated job post it once. Schedules no longer configured are removed.
 */
export async function startSchedules(options: {
  readonly digests: readonly ScheduledDigest[]
  readonly queues: Queues
  readonly invocations: Invocations
  readonly log: Logger
  readonly lockMs: number
}): Promise<QueueWorker> {
  const {digests, queues, invocations, log, lockMs} = options
  const wanted = new Map(
    digests.map(digest => [
      `digest-${createHash('sha256')
        .update(JSON.stringify([digest.cron, digest.timezone, digest.channel, digest.period]))
        .digest('hex')
        .slice(0, 16)}`,
      digest,
    ]),
  )
  for (const {id} of await queues.schedules(SCHEDULES_QUEUE))
    if (!wanted.has(id)) await queues.unschedule(SCHEDULES_QUEUE, id)
  for (const [id, {cron, timezone, channel, period}] of wanted) {
    await queues.schedule(
      SCHEDULES_QUEUE,
      id,
      {cron, timezone},
      {name: 'digest', data: {period, channel, schedule: id}},
    )
  }
  if (wanted.size > 0) log.info({schedules: [...wanted.keys()]}, 'scheduled posts')

  return queues.work(SCHEDULES_QUEUE, {concurrency: 2, lockMs}, async (job, _signal) => {
    const {period, channel, schedule} = digestJob.parse(job.data)
    const id = randomUUID()
    await invocations.accept({
      id,
      source: 'schedule',
      // One firing, one job id: a job that runs twice makes one post.
      sourceId: job.id,
      command: 'status-digest',
      options: {period},
      actor: {kind: 'schedule', id: schedule, name: 'schedule'},
      agent: 'status_reporter',
      action: 'digest',
      reply: {
        target: {kind: 'channel', channelId: channel},
        view: {
          state: 'running',
          title: `${period} digest · queued`,
          lines: [`on schedule · ${code(shortId(id))}`],
        },
      },
    })
    return {invocation: id}
  })
}
