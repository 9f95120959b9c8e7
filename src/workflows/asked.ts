import type {Json} from '../kernel/json.ts'
import {agentQueue} from '../invocations/invocation.ts'
import type {Asked} from './commit-store.ts'
import type {Plan, Scope} from './plan.ts'
import type {Fact} from './evolve.ts'
import type {Effect, Run} from './run.ts'

/** The jobs that runs leave for any worker; those of attempts go to the agent's own queue. */
export const WORKFLOWS_QUEUE = 'workflows'
export const ATTEMPT_JOB = 'workflow-attempt'

/**
 * What others are to do because of a commit, which commits with it: attempts of agents that this process does not host,
 * sub-workflows, and jobs. `key` is the commit's number in the run, so that the jobs of two commits differ.
 */
export function askedOf({
  run,
  facts,
  effects,
  closed,
  key,
  children: known,
  ended,
  told,
}: {
  /** As it is after the facts. */
  readonly run: Run
  readonly facts: readonly Fact[]
  readonly effects: readonly Effect[]
  /** Attempts of other processes that are over. */
  readonly closed: Asked['closed']
  readonly key: number
  /** The sub-workflows that can be started, by the id of their run. */
  readonly children: ReadonlyMap<string, {readonly plan: Plan; readonly input: Json}>
  /** It ends here, and a run waits for that. */
  readonly ended: boolean
  /** It ends here, and people are to be told. */
  readonly told: boolean
}): Asked {
  const opened: Asked['opened'][number][] = []
  const children: Asked['children'][number][] = []
  const jobs: Asked['jobs'][number][] = []
  const leave = (name: string, what: string, data: Json) =>
    jobs.push({queue: WORKFLOWS_QUEUE, name, id: jobId(name, run.id, key, what), data})

  for (const effect of effects) {
    switch (effect.kind) {
      case 'perform': {
        const {path, attempt, agent, action, input, timeoutMs, compensation} = effect
        if (effect.where === 'here') break
        const {workflow, correlationId} = run
        opened.push({
          path,
          attempt,
          call: {agent, action, input, timeoutMs, compensation, workflow, correlationId},
        })
        jobs.push({
          queue: agentQueue(agent),
          name: ATTEMPT_JOB,
          id: jobId(`attempt-${attempt}`, run.id, key, path),
          data: {run: run.id, path, attempt},
        })
        break
      }
      case 'start-child': {
        const child = known.get(effect.id)
        if (!child) break
        children.push({
          path: effect.path,
          id: effect.id,
          workflow: child.plan.name,
          definition: child.plan.hash,
          correlationId: run.correlationId,
          input: child.input,
          agents: agentsOf(child.plan),
        })
        break
      }
      case 'stop-child':
        leave('stop-child', `${effect.how} ${effect.id}`, {
          id: effect.id,
          how: effect.how,
          by: `workflow:${run.id}`,
          cause: effect.cause,
        })
        break
      case 'request-approval':
        leave('request-approval', effect.signal, {
          run: run.id,
          path: effect.path,
          signal: effect.signal,
          request: effect.request,
        })
        break
      case 'withdraw-approval':
        leave('withdraw-approval', effect.signal, {run: run.id, path: effect.path, signal: effect.signal})
        break
      case 'abort':
      case 'lock':
      case 'unlock':
        break
    }
  }
  if (ended) leave('child-ended', 'end', {run: run.id})
  if (told) leave('run-ended', 'end', {run: run.id, seq: key})
  return {opened, closed, children, jobs, checkpoints: checkpointsOf(run, facts)}
}

/** Named checkpoints keep all that had been answered by then. */
function checkpointsOf(run: Run, facts: readonly Fact[]): Asked['checkpoints'] {
  return facts.flatMap(fact =>
    fact.is === 'succeeded' && fact.checkpoint !== undefined
      ? [{name: fact.checkpoint, agent: 'workflow', data: {input: run.input, outputs: outputsOf(run)}}]
      : [],
  )
}

function outputsOf(run: Run): Json {
  return Object.fromEntries(
    [...run.steps].flatMap(([path, {status, output}]) => (status === 'succeeded' ? [[path, output]] : [])),
  )
}

/** The queue takes no colons and needs something else than digits; paths are long and have slashes. */
export function jobId(kind: string, run: string, number: number, what: string): string {
  return `${kind}-${run}-${number}-${what.replaceAll(/[^A-Za-z0-9_.[\]-]/g, '~')}`
}

/** The agents that a plan's steps name, sorted. */
export function agentsOf(plan: Plan): readonly string[] {
  const agents = new Set<string>()
  const visit = ({order}: Scope): void => {
    for (const {work, compensate} of order) {
      if ('agent' in work) agents.add(work.agent)
      if (compensate) agents.add(compensate.agent)
      if (work.kind === 'group') visit(work.steps)
    }
  }
  visit(plan.steps)
  return [...agents].sort()
}
