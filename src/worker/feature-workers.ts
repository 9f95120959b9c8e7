import {z} from 'zod'
import {DEPLOYMENTS_QUEUE, WEBHOOKS_QUEUE, type Deployments} from '../deployments/service.ts'
import {correlation} from '../kernel/correlation.ts'
import {REPLIES_QUEUE, type Notifications} from '../notifications/service.ts'
import type {QueueWorker, Queues} from '../platform/queue.ts'

const replyJob = z.object({id: z.uuid()})
const tickJob = z.object({id: z.uuid(), nudged: z.boolean().default(false)})
const hintJob = z.object({runId: z.string(), title: z.string()})

/** Delivers messages: edits, the move to the channel, the closing word. */
export function startReplyWorker({
  queues,
  notifications,
  lockMs,
}: {
  readonly queues: Queues
  readonly notifications: Notifications
  readonly lockMs: number
}): QueueWorker {
  return queues.work(REPLIES_QUEUE, {concurrency: 20, lockMs}, async (job, _signal) => {
    const {id} = replyJob.parse(job.data)
    await correlation.run(id, () => notifications.deliver(id))
    return null
  })
}

/** Advances deployments, and takes webhooks as the hint to do so now. */
export function startDeploymentWorkers({
  queues,
  deployments,
  lockMs,
}: {
  readonly queues: Queues
  readonly deployments: Deployments
  readonly lockMs: number
}): readonly QueueWorker[] {
  return [
    queues.work(DEPLOYMENTS_QUEUE, {concurrency: 20, lockMs}, async (job, _signal) => {
      const {id, nudged} = tickJob.parse(job.data)
      await correlation.run(id, () => deployments.tick(id, nudged))
      return null
    }),
    queues.work(WEBHOOKS_QUEUE, {concurrency: 10, lockMs}, async (job, _signal) => {
      const {runId, title} = hintJob.parse(job.data)
      return {nudged: await deployments.heard(runId, title)}
    }),
  ]
}
