import {code, plain, timestamp} from '../kernel/markdown.ts'
import {REPLY_STATES, type Actor, type Reply, type Services} from '../sdk/index.ts'

export type StatusServices = Pick<Services, 'runs' | 'approvals' | 'locks' | 'deployments' | 'workflowRuns'>

const LISTED = 5
const RUNS_WITHIN_MS = 5000

/** How things stand: one run where it is named, the last runs of one target, what waits for approval, or all of it. */
export async function statusOf(
  {run, about}: {readonly run: string | undefined; readonly about: string},
  {actor, signal}: {readonly actor: Actor; readonly signal: AbortSignal},
  services: StatusServices,
): Promise<Reply> {
  if (run !== undefined) return services.runs.show(run)
  const target = services.deployments
    .targets()
    .find(({name}) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'i').test(about))
  if (target) return targetStatus(target, signal, services)
  if (/\b(?:approvals?|approved?|pending)\b/i.test(about)) return approvalStatus(actor, services)
  return wholeStatus(actor, services)
}

async function targetStatus(
  {name, repository, workflow, ref, environment}: ReturnType<Services['deployments']['targets']>[number],
  signal: AbortSignal,
  {workflowRuns, locks}: StatusServices,
): Promise<Reply> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(RUNS_WITHIN_MS)])
  const [latest] = await workflowRuns.recent({repository, workflow, branch: ref}, {count: 1, signal: within})
  const held = (await locks.held()).filter(
    ({resource, reason}) => resource.startsWith('deployment:') && reason?.includes(name),
  )
  const title = `${name} → ${environment}`
  const lines = held.map(
    ({owner, since}) => `under way: ${plain(owner, 40)} deploys it since ${timestamp(since)}`,
  )
  if (!latest) return {state: 'info', title: `${title} · never deployed`, lines}
  const {status, conclusion, url, updatedAt} = latest
  return {
    state: conclusion === null ? 'running' : conclusion === 'success' ? 'success' : 'failure',
    title: `${title} · ${conclusion ?? status}`,
    lines: [...lines, `last run ${timestamp(updatedAt)} · [run](<${url}>)`],
  }
}

async function approvalStatus(actor: Actor, {approvals}: StatusServices): Promise<Reply> {
  const waiting = await approvals.pending({actor, whose: 'all', limit: LISTED})
  return waiting.length === 0
    ? {state: 'info', title: 'nothing waits for an approval'}
    : {
        state: 'waiting',
        title: `approvals · ${waiting.length} pending`,
        lines: waiting.map(
          ({id, title, level, requester, approvals: given, needed}) =>
            `**${level}** ${plain(title, 80)} · by ${plain(requester, 40)} · ${given} of ${needed} · ${code(`${id.slice(0, 8)}…`)}`,
        ),
      }
}

async function wholeStatus(actor: Actor, {runs, approvals, locks}: StatusServices): Promise<Reply> {
  const [recent, waiting, held] = await Promise.all([
    runs.recent(20),
    approvals.pending({actor, whose: 'all', limit: LISTED}),
    locks.held(),
  ])
  const open = recent.filter(run => run.open)
  const deploys = held.filter(({resource}) => resource.startsWith('deployment:'))
  const lines = [
    ...open
      .slice(0, LISTED)
      .map(
        ({id, workflow, words, state}) =>
          `${REPLY_STATES[state].glyph} ${plain(workflow, 40)} · ${plain(words, 60)} · ${code(id)}`,
      ),
    ...deploys
      .slice(0, LISTED)
      .map(
        ({resource, owner, since}) =>
          `${REPLY_STATES.running.glyph} ${plain(resource, 80)} · ${plain(owner, 40)} since ${timestamp(since)}`,
      ),
    ...waiting.map(
      ({title, id, approvals: given, needed}) =>
        `${REPLY_STATES.waiting.glyph} ${plain(title, 80)} · ${given} of ${needed} approvals · ${code(`${id.slice(0, 8)}…`)}`,
    ),
  ]
  const counts = [
    `${open.length} ${open.length === 1 ? 'run' : 'runs'} under way`,
    `${deploys.length} ${deploys.length === 1 ? 'deploy' : 'deploys'}`,
    `${waiting.length} to approve`,
  ]
  return {state: 'info', title: lines.length === 0 ? 'all quiet' : counts.join(' · '), lines}
}
