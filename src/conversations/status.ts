import {code, plain, timestamp} from '../kernel/markdown.ts'
import {
  REPLY_STATES,
  type Actor,
  type ApprovalSummary,
  type LockSummary,
  type Reply,
  type RunSummary,
  type Services,
  type TargetSummary,
} from '../sdk/index.ts'
import {idIn} from './orders.ts'

export type StatusServices = Pick<
  Services,
  'runs' | 'approvals' | 'locks' | 'deployments' | 'workflowRuns' | 'invocations' | 'planning'
>

const LISTED = 5
const TARGETS_LISTED = 3
const RUNS_SEARCHED = 100
const APPROVALS_SEARCHED = 200
const APPROVALS_LISTED = 20
const RUNS_WITHIN_MS = 5000
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const DEPLOYS = /\b(?:deploy|ship|releas|roll-?out|deliver)/i

interface Asking {
  readonly actor: Actor
  readonly signal: AbortSignal
}

/**
 * How things stand: one run, plan, command or request where it is named, the runs of one target, the deploys, what waits for
 * approval, or all of it.
 */
export async function statusOf(
  {run, about}: {readonly run: string | undefined; readonly about: string},
  asking: Asking,
  services: StatusServices,
): Promise<Reply> {
  const id = idIn(about)
  const named = id === undefined ? undefined : await namedStatus(id, asking, services)
  if (named) return named
  if (run !== undefined) return services.runs.show(run)
  const target = services.deployments
    .targets()
    .find(({name}) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'i').test(about))
  if (target) return targetStatus(target, asking, services)
  if (/\b(?:approvals?|approved?|pending)\b/i.test(about)) return approvalStatus(asking, services)
  return DEPLOYS.test(about) ? deployStatus(asking, services) : wholeStatus(asking, services)
}

/** What begins with these characters, whatever it is; undefined where nothing does, or more than one thing. */
async function namedStatus(
  id: string,
  {actor}: Asking,
  {runs, approvals, invocations, planning}: StatusServices,
): Promise<Reply | undefined> {
  const draft = UUID.test(id) ? await planning.find(id) : undefined
  if (draft?.run !== undefined) return runs.show(draft.run)
  if (draft)
    return {
      state: draft.status === 'waiting' ? 'waiting' : 'other',
      title: draft.status === 'waiting' ? 'this plan waits to be started' : `this plan is ${draft.status}`,
      lines: [`“${plain(draft.description, 200)}” · by ${plain(draft.asker.name, 40)}`],
    }
  const bare = id.replace(/^wf-/, '')
  const [recent, waiting, open] = await Promise.all([
    runs.recent(RUNS_SEARCHED),
    id.startsWith('wf-') ? [] : approvals.pending({actor, whose: 'all', limit: APPROVALS_SEARCHED}),
    invocations.open(actor),
  ])
  const run = recent.filter(one => one.id.startsWith(`wf-${bare}`))
  const request = waiting.filter(one => one.id.startsWith(id))
  const command = open.filter(one => one.id.startsWith(id))
  if (run.length + request.length + command.length !== 1) return undefined
  const [[theRun], [theRequest], [theCommand]] = [run, request, command]
  if (theRun) return runs.show(theRun.id)
  if (theRequest)
    return {
      state: 'waiting',
      title: `${theRequest.approvals} of ${theRequest.needed} approvals`,
      lines: [requestLine(theRequest), `still waits for ${plain(theRequest.waitsFor, 200)}`],
    }
  return theCommand
    ? {
        state: 'running',
        title: 'under way',
        lines: [
          `${plain(theCommand.title, 80)} · by ${plain(theCommand.requester, 40)} · since ${timestamp(theCommand.createdAt)}`,
        ],
      }
    : undefined
}

async function targetStatus(target: TargetSummary, asking: Asking, services: StatusServices): Promise<Reply> {
  const {name, environment} = target
  const {locks, approvals} = services
  const [latest, held, waiting] = await Promise.all([
    latestOf(target, asking, services),
    locks.held(),
    approvals.pending({actor: asking.actor, whose: 'all', limit: APPROVALS_LISTED}),
  ])
  const title = `${name} → ${environment}`
  const lines = [
    ...held
      .filter(({resource, reason}) => resource.startsWith('deployment:') && reason?.includes(name))
      .map(({owner, since}) => `under way: ${plain(owner, 40)} deploys it since ${timestamp(since)}`),
    ...waiting.filter(request => request.title.startsWith(title)).map(requestLine),
  ]
  if (!latest) return {state: 'info', title: `${title} · never deployed`, lines}
  const {status, conclusion, url, updatedAt} = latest
  return {
    state: stateOf(latest),
    title: `${title} · ${conclusion ?? status}`,
    lines: [...lines, `last run ${timestamp(updatedAt)} · [run](<${url}>)`],
  }
}

async function latestOf(
  {repository, workflow, ref}: TargetSummary,
  {signal}: Asking,
  {workflowRuns}: StatusServices,
) {
  const within = AbortSignal.any([signal, AbortSignal.timeout(RUNS_WITHIN_MS)])
  const [latest] = await workflowRuns.recent({repository, workflow, branch: ref}, {count: 1, signal: within})
  return latest
}

const stateOf = ({conclusion}: {readonly conclusion: string | null}) =>
  conclusion === null ? 'running' : conclusion === 'success' ? 'success' : 'failure'

async function approvalStatus({actor}: Asking, {approvals}: StatusServices): Promise<Reply> {
  const waiting = await approvals.pending({actor, whose: 'all', limit: LISTED})
  return waiting.length === 0
    ? {state: 'info', title: 'nothing waits for an approval'}
    : {state: 'waiting', title: `approvals · ${waiting.length} pending`, lines: waiting.map(requestLine)}
}

/** The deploys under way and those that wait; where there are none, how the last ones ended. */
async function deployStatus(asking: Asking, services: StatusServices): Promise<Reply> {
  const {open, waiting, deploys} = await underWay(asking, services)
  const runs = open.filter(({workflow}) => DEPLOYS.test(workflow))
  const requests = waiting.filter(({title}) => /→/.test(title) || DEPLOYS.test(title))
  const [run] = runs
  if (run && runs.length === 1 && deploys.length === 0) return services.runs.show(run.id)
  const lines = [...runs.map(runLine), ...deploys.map(lockLine), ...requests.map(requestLine)]
  if (lines.length > 0) return {state: 'info', title: 'deploys under way', lines: lines.slice(0, 2 * LISTED)}
  const targets = services.deployments.targets().slice(0, TARGETS_LISTED)
  const last = await Promise.all(
    targets.map(async target => ({target, latest: await latestOf(target, asking, services)})),
  )
  return {
    state: 'info',
    title: 'no deploy is under way',
    lines: last.map(({target: {name, environment}, latest}) =>
      latest
        ? `${REPLY_STATES[stateOf(latest)].glyph} ${name} → ${environment} · ${latest.conclusion ?? latest.status} ${timestamp(latest.updatedAt)} · [run](<${latest.url}>)`
        : `${name} → ${environment} · never deployed`,
    ),
  }
}

async function wholeStatus(asking: Asking, services: StatusServices): Promise<Reply> {
  const {open, waiting, deploys} = await underWay(asking, services)
  const lines = [
    ...open.slice(0, LISTED).map(runLine),
    ...deploys.slice(0, LISTED).map(lockLine),
    ...waiting
      .slice(0, LISTED)
      .map(
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

async function underWay({actor}: Asking, {runs, approvals, locks}: StatusServices) {
  const [recent, waiting, held] = await Promise.all([
    runs.recent(RUNS_SEARCHED),
    approvals.pending({actor, whose: 'all', limit: APPROVALS_LISTED}),
    locks.held(),
  ])
  return {
    open: recent.filter(run => run.open),
    waiting,
    deploys: held.filter(({resource}) => resource.startsWith('deployment:')),
  }
}

function requestLine({id, title, level, requester, approvals: given, needed}: ApprovalSummary): string {
  return `**${level}** ${plain(title, 80)} · by ${plain(requester, 40)} · ${given} of ${needed} · ${code(`${id.slice(0, 8)}…`)}`
}

function runLine({id, workflow, words, state}: RunSummary): string {
  return `${REPLY_STATES[state].glyph} ${plain(workflow, 40)} · ${plain(words, 60)} · ${code(id)}`
}

function lockLine({resource, owner, since}: LockSummary): string {
  return `${REPLY_STATES.running.glyph} ${plain(resource, 80)} · ${plain(owner, 40)} since ${timestamp(since)}`
}
