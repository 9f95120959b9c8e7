import {createHash, randomUUID} from 'node:crypto'
import {z} from 'zod'
import type {Invocations} from '../invocations/service.ts'
import {shortId} from '../kernel/correlation.ts'
import {code} from '../kernel/markdown.ts'
import type {ScheduledWork} from './schedules.ts'

export interface ScheduledDigest {
  readonly cron: string
  readonly timezone: string
  readonly channel: string
  readonly period: 'daily' | 'weekly'
}

const digestJob = z.object({period: z.enum(['daily', 'weekly']), channel: z.string(), schedule: z.string()})

/** Posts digests: each firing becomes a command like any other, known by its job, so a repeated job posts once. */
export function scheduledDigests(
  digests: readonly ScheduledDigest[],
  invocations: Pick<Invocations, 'accept'>,
): ScheduledWork {
  return {
    name: 'digest',

    schedules: digests.map(({cron, timezone, channel, period}) => {
      const id = `digest-${createHash('sha256')
        .update(JSON.stringify([cron, timezone, channel, period]))
        .digest('hex')
        .slice(0, 16)}`
      return {id, when: {cron, timezone}, data: {period, channel, schedule: id}}
    }),

    async run(job) {
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
    },
  }
}
