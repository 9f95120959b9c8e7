import {permit, type AccessPolicy} from '../access/policy.ts'
import {agentQueue, type Invocation} from '../invocations/invocation.ts'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import {shortId} from '../kernel/correlation.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {ReplyStore} from '../notifications/store.ts'
import {transaction} from '../platform/postgres.ts'
import type {Queues} from '../platform/queue.ts'
import type {InvocationsPort} from '../sdk/index.ts'
import type {Pool} from 'pg'
import type {Deployments} from './service.ts'
import type {DeploymentState} from './state.ts'

/**
 * Stops commands wherever they are: still queued (the record is ended, so the job finds nothing to do), carried
 * on as a deployment (no dispatch starts any more; a run is told to stop), a workflow run or a diagnosis, or long handed
 * to GitHub.
 */
export function createCancellation(options: {
  readonly pool: Pool
  readonly policy: AccessPolicy
  readonly invocations: InvocationStore
  readonly replies: Pick<ReplyStore, 'write'>
  readonly deployments: Deployments | undefined
  /** What carries commands on besides deployments. */
  readonly carriers: readonly {cancel(invocationId: string, by: string): Promise<'stopping' | undefined>}[]
  readonly queues: Queues
  readonly notify: (invocationId: string) => Promise<void>
  readonly observeEnd: (ended: EndedCommand) => void
}): InvocationsPort {
  const {pool, policy, invocations, replies, deployments, carriers, queues, notify, observeEnd} = options

  /** Ends a command that nothing outside knows of yet. A worker in the middle of it finds its claim gone and starts nothing. */
  async function cancelUnstarted(invocation: Invocation, by: string): Promise<boolean> {
    const ended = await transaction(pool, async client => {
      const {rows} = await client.query<{status: string}>(
        'select status from invocations where id = $1 for update',
        [invocation.id],
      )
      if (rows[0]?.status !== 'queued' && rows[0]?.status !== 'running') return undefined
      const cancelled = await invocations.endWithin(client, invocation.id, {status: 'cancelled'})
      await replies.write(client, invocation.id, {
        state: 'other',
        title: `/${invocation.command} · cancelled before it started`,
        lines: [
          `asked by ${plain(invocation.actor.name, 60)} · ${code(shortId(invocation.id))}`,
          `stopped by ${plain(by, 60)}`,
        ],
      })
      return cancelled
    })
    if (!ended) return false
    observeEnd(ended)
    // Tidying only: the claim in Postgres already refuses this job.
    await queues.remove(agentQueue(invocation.agent), `invocation-${invocation.id}`).catch(() => 'absent')
    await notify(invocation.id)
    return true
  }

  return {
    async open(actor) {
      const open = await invocations.open()
      return open
        .filter(
          invocation =>
            invocation.command !== 'cancel' &&
            permit(policy, actor, {kind: 'owner', ownerId: invocation.actor.id}).allowed,
        )
        .slice(0, 25)
        .map(invocation => ({
          id: invocation.id,
          command: invocation.command,
          title: `/${invocation.command}${typeof invocation.options['target'] === 'string' ? ` ${invocation.options['target']}` : ''}`,
          requester: invocation.actor.name,
          createdAt: invocation.createdAt,
        }))
    },

    async cancel(id, actor) {
      const invocation = await invocations.find(id)
      if (!invocation) return {kind: 'not-found'}
      if (!permit(policy, actor, {kind: 'owner', ownerId: invocation.actor.id}).allowed) {
        return {kind: 'not-permitted', owner: invocation.actor.name}
      }
      if (await cancelUnstarted(invocation, actor.name)) return {kind: 'cancelled'}
      for (const carrier of carriers)
        if (await carrier.cancel(invocation.id, actor.name)) return {kind: 'stopping'}
      const stopped = await deployments?.cancel(invocation.id, actor)
      if (!stopped) return {kind: 'already-ended', status: invocation.status}
      if (stopped.phase !== 'finished') return {kind: 'stopping', runUrl: stopped.run?.url}
      if (stopped.verdict?.kind === 'cancelled-before-start') return {kind: 'cancelled'}
      if (mayStillRun(stopped)) {
        const outcome = await deployments?.cancelRun(stopped)
        if (outcome === 'accepted') return {kind: 'stopping', runUrl: stopped.run?.url}
        if (outcome !== undefined && outcome !== 'already-ended')
          return {kind: 'refused', reason: outcome.refused}
      }
      return {
        kind: 'already-ended',
        status: stopped.run?.conclusion ?? invocation.status,
        runUrl: stopped.run?.url,
      }
    },
  }
}

/** No longer watched, without its end being known. */
function mayStillRun({verdict}: DeploymentState): boolean {
  return verdict?.kind === 'started' || verdict?.kind === 'watch-timeout' || verdict?.kind === 'run-hidden'
}
