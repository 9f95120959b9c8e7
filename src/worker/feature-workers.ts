import {z} from 'zod'
import {ACCOUNTS_QUEUE, type Links} from '../access/links.ts'
import {DEPLOYMENTS_QUEUE, WEBHOOKS_QUEUE, type Deployments} from '../deployments/service.ts'
import {APPROVAL_OUTCOMES_QUEUE, tellOutcome, type Waiting} from '../approvals/outcomes.ts'
import type {ApprovalService} from '../approvals/service.ts'
import {LINEAR_QUEUE, type LinearInbox} from '../approvals/surfaces/linear-inbox.ts'
import {correlation} from '../kernel/correlation.ts'
import {REPLIES_QUEUE, type Notifications} from '../notifications/service.ts'
import {PLANS_QUEUE, type Plans} from '../plans/plans.ts'
import type {QueueWorker, Queues} from '../platform/queue.ts'
import {RELEASES_QUEUE, type Conductor} from '../releases/conductor.ts'

const replyJob = z.object({id: z.uuid()})
const approvalJob = z.object({id: z.uuid()})
const releaseJob = z.object({id: z.uuid()})
const issueJob = z.object({repository: z.string(), number: z.int()})
const tickJob = z.object({id: z.uuid(), nudged: z.boolean().default(false)})
const hintJob = z.object({runId: z.string(), title: z.string()})
const linearJob = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('comment'),
    id: z.uuid(),
    issueId: z.uuid(),
    parentId: z.uuid().exactOptional(),
  }),
  z.object({kind: z.literal('reaction'), commentId: z.uuid()}),
  z.object({kind: z.literal('session'), id: z.uuid()}),
])

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

/** Looks for posted codes when a webhook says that there may be one; one look at a time finds them all. */
export function startAccountWorker({
  queues,
  links,
  lockMs,
}: {
  readonly queues: Queues
  readonly links: Pick<Links, 'lookAtGithub'>
  readonly lockMs: number
}): QueueWorker {
  return queues.work(ACCOUNTS_QUEUE, {concurrency: 1, lockMs}, async (_job, signal) => {
    await links.lookAtGithub(signal)
    return null
  })
}

/** Looks where webhooks from Linear say that something happened. */
export function startLinearWorker({
  queues,
  inbox,
  lockMs,
}: {
  readonly queues: Queues
  readonly inbox: Pick<LinearInbox, 'look'>
  readonly lockMs: number
}): QueueWorker {
  return queues.work(LINEAR_QUEUE, {concurrency: 5, lockMs}, async (job, _signal) => {
    await inbox.look(linearJob.parse(job.data))
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

/** Does the next thing about releases: verify, show, have decisions carried out. */
export function startReleaseWorker({
  queues,
  releases,
  lockMs,
}: {
  readonly queues: Queues
  readonly releases: Pick<Conductor, 'advance'>
  readonly lockMs: number
}): QueueWorker {
  return queues.work(RELEASES_QUEUE, {concurrency: 10, lockMs}, async (job, _signal) => {
    const {id} = releaseJob.parse(job.data)
    await correlation.run(id, () => releases.advance(id))
    return null
  })
}

/** Takes webhooks about issues as the hint to look how plans stand. */
export function startPlanWorker({
  queues,
  plans,
  lockMs,
}: {
  readonly queues: Queues
  readonly plans: Pick<Plans, 'heard'>
  readonly lockMs: number
}): QueueWorker {
  return queues.work(PLANS_QUEUE, {concurrency: 2, lockMs}, async (job, _signal) => {
    const {repository, number} = issueJob.parse(job.data)
    return {due: await plans.heard(repository, number)}
  })
}

/** Tells what waited for an approval that it has ended. */
export function startApprovalOutcomeWorker({
  queues,
  approvals,
  waiting,
  lockMs,
}: {
  readonly queues: Queues
  readonly approvals: Pick<ApprovalService, 'find'>
  readonly waiting: Waiting
  readonly lockMs: number
}): QueueWorker {
  return queues.work(APPROVAL_OUTCOMES_QUEUE, {concurrency: 20, lockMs}, async (job, _signal) => {
    const {id} = approvalJob.parse(job.data)
    const request = await approvals.find(id)
    if (request) await correlation.run(request.correlationId, () => tellOutcome(waiting, request))
    return null
  })
}
