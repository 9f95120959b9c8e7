import type {AuditCase} from '../audit/store.ts'
import type {DeploymentState, Verdict} from '../deployments/state.ts'
import type {Trace, TraceStep} from '../sdk/index.ts'
import type {TraceFacts} from './store.ts'

const ENDED = ['succeeded', 'failed', 'cancelled'] as const

/** The story of a command, from what the records say about it. Pure; `redact` goes over every text that it did not make. */
export function traceOf(
  facts: TraceFacts,
  audited: readonly AuditCase[],
  {now, redact}: {readonly now: number; readonly redact: (text: string) => string},
): Trace {
  const {id, command, recordedAt, endedAt, deployment} = facts
  const status = ENDED.find(end => end === facts.status) ?? 'open'
  const steps = [
    ...receipt(facts),
    ...queue(facts, now),
    ...work(facts, now),
    ...facts.effects.map(effect => effectStep(effect, status, now)),
    ...audited.map(one => auditStep(one, status, now)),
    ...(deployment ? deploymentSteps(deployment.state, now) : []),
    ...(facts.run ? [runStep(facts.run)] : []),
    ...answer(facts),
  ]
  return {
    id,
    command,
    status,
    startedAt: recordedAt,
    ms: endedAt === undefined ? undefined : Math.max(0, endedAt - recordedAt),
    steps: steps.map(step => ({
      ...step,
      name: redact(step.name),
      ...(step.detail === undefined ? {} : {detail: redact(step.detail)}),
    })),
    error: status === 'failed' ? redact(errorOf(facts)) : undefined,
    runUrl: deployment?.state.run?.url,
  }
}

/** Discord's clock and ours may differ: no time is less than none. */
function took(from: number, to: number): {readonly ms: number} {
  return {ms: Math.max(0, Math.round(to - from))}
}

function receipt({receivedAt, recordedAt}: TraceFacts): readonly TraceStep[] {
  return receivedAt === undefined
    ? []
    : [{name: 'acknowledged and recorded', status: 'done', ...took(receivedAt, recordedAt)}]
}

function queue({recordedAt, startedAt, endedAt}: TraceFacts, now: number): readonly TraceStep[] {
  if (startedAt !== undefined)
    return [{name: 'waited for a worker', status: 'done', ...took(recordedAt, startedAt)}]
  return [
    endedAt === undefined
      ? {name: 'waits for a worker', status: 'open', ...took(recordedAt, now)}
      : {
          name: 'waited for a worker',
          status: 'failed',
          ...took(recordedAt, endedAt),
          detail: 'stopped before',
        },
  ]
}

function work(
  {agent, action, status, attempt, startedAt, endedAt, deployment, run, errorCode}: TraceFacts,
  now: number,
): readonly TraceStep[] {
  if (startedAt === undefined) return []
  const name = `${agent} · ${action}`
  const tries = attempt > 1 ? {detail: `try ${attempt}`} : {}
  // A record carries the command on from then: it alone says more.
  if (deployment) return [{name, status: 'done', ...took(startedAt, deployment.recordedAt), ...tries}]
  if (run || status === 'following') return [{name, status: 'done', ...tries}]
  if (endedAt === undefined) return [{name, status: 'open', ...took(startedAt, now), ...tries}]
  if (status === 'succeeded') return [{name, status: 'done', ...took(startedAt, endedAt), ...tries}]
  const detail = [errorCode ?? status, ...(attempt > 1 ? [`try ${attempt}`] : [])].join(' · ')
  return [{name, status: 'failed', ...took(startedAt, endedAt), detail}]
}

function effectStep(
  {name, done, beganAt, doneAt}: TraceFacts['effects'][number],
  command: Trace['status'],
  now: number,
): TraceStep {
  if (done) return {name, status: 'done', ...(doneAt === undefined ? {} : took(beganAt, doneAt))}
  return command === 'open' ? {name, status: 'open', ...took(beganAt, now)} : {name, status: 'unknown'}
}

const PHASES = {
  done: 'done',
  failed: 'failed',
  unknown: 'unknown',
  refused: 'failed',
  intent: 'unknown',
} as const

function auditStep({line, outcome}: AuditCase, command: Trace['status'], now: number): TraceStep {
  const name = `${line.action} ${line.subject}`
  const beganAt = Date.parse(line.at)
  if (outcome) {
    const reason = outcome.details['reason']
    const told = typeof reason === 'string' ? {detail: reason} : {}
    return {name, status: PHASES[outcome.phase], ...took(beganAt, Date.parse(outcome.at)), ...told}
  }
  if (line.phase === 'intent' && command === 'open') return {name, status: 'open', ...took(beganAt, now)}
  return {name, status: PHASES[line.phase], ...(line.phase === 'refused' ? {detail: 'refused'} : {})}
}

function deploymentSteps(state: DeploymentState, now: number): readonly TraceStep[] {
  const {gate, line, dispatchBeganAt, locatingSince, watchingSince, endedAt, verdict, run, phase} = state
  const until = endedAt ?? now
  const over = phase === 'finished'
  const steps: TraceStep[] = []
  if (gate?.passed)
    steps.push({
      name: 'approval',
      status: 'done',
      ms: gate.waitedMs,
      detail: gate.passed.how.replaceAll('-', ' '),
    })
  else if (gate?.ask)
    steps.push({name: 'approval', status: over ? 'failed' : 'open', ...took(gate.ask.askedAt, until)})
  if (line && dispatchBeganAt === undefined)
    steps.push({name: 'line for the lock', status: over ? 'failed' : 'open', ...took(line.since, until)})
  else if (line && dispatchBeganAt !== undefined)
    steps.push({name: 'line for the lock', status: 'done', ...took(line.since, dispatchBeganAt)})
  if (dispatchBeganAt !== undefined)
    steps.push(stage('dispatch', dispatchBeganAt, locatingSince ?? watchingSince, until, over))
  if (locatingSince !== undefined)
    steps.push(stage('find the run', locatingSince, watchingSince, until, over))
  if (watchingSince !== undefined)
    steps.push({
      name: `run ${run?.id ?? ''}`.trim(),
      status: over ? statusOf(verdict) : 'open',
      ...took(watchingSince, until),
    })
  if (verdict) steps.push({name: 'verdict', status: statusOf(verdict), detail: wordsOf(verdict)})
  return steps
}

function stage(name: string, from: number, to: number | undefined, until: number, over: boolean): TraceStep {
  return to === undefined
    ? {name, status: over ? 'failed' : 'open', ...took(from, until)}
    : {name, status: 'done', ...took(from, to)}
}

function statusOf(verdict: Verdict | undefined): TraceStep['status'] {
  switch (verdict?.kind) {
    case 'concluded':
      return verdict.conclusion === 'success' ? 'done' : 'failed'
    case 'started':
      return 'done'
    case undefined:
    case 'watch-timeout':
    case 'run-hidden':
      return 'unknown'
    default:
      return 'failed'
  }
}

function wordsOf(verdict: Verdict): string {
  if (verdict.kind === 'concluded') return verdict.conclusion
  const words = verdict.kind.replaceAll('-', ' ')
  return 'reason' in verdict && verdict.reason !== undefined ? `${words}: ${verdict.reason}` : words
}

function runStep({id, status}: NonNullable<TraceFacts['run']>): TraceStep {
  const name = `workflow run ${id}`
  if (status === 'completed') return {name, status: 'done'}
  if (status === 'failed' || status === 'cancelled') return {name, status: 'failed', detail: status}
  return status === 'unknown' ? {name, status: 'unknown'} : {name, status: 'open', detail: status}
}

function answer({answer: told}: TraceFacts): readonly TraceStep[] {
  if (!told) return []
  if (told.undeliverable !== undefined)
    return [{name: 'answer', status: 'failed', detail: told.undeliverable}]
  return told.shown && told.deliveredAt !== undefined
    ? [{name: 'answer', status: 'done', ...took(told.changedAt, told.deliveredAt)}]
    : [{name: 'answer', status: 'open'}]
}

/** Of its message, the title and the line below it. */
function errorOf({errorCode, answer: told}: TraceFacts): string {
  const said = told ? [told.view.title, ...(told.view.lines ?? []).slice(0, 1)].join(' · ') : ''
  return [errorCode ?? 'failed', said].filter(part => part !== '').join(': ')
}
