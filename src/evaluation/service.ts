import type {Clock} from '../kernel/clock.ts'
import type {EvaluationsPort, Scorecard, Worsening} from '../sdk/index.ts'
import {worseThan} from './changes.ts'
import type {EvaluationMetrics} from './metrics.ts'
import {evaluate, regressionOf, taskScore, type WorkflowResult} from './score.ts'
import type {AgentTally, EvaluationRow, EvaluationStore} from './store.ts'
import {resultOf, type EndedRun} from './tasks.ts'

const AT_ONCE = 100
const CARDS_MS = 30 * 86_400_000
const KEPT_MS = 365 * 86_400_000
/** One more than a baseline takes: the run itself may be among them. */
const HISTORY = 6

/** A run as whoever carries runs on shows it. */
export interface LookedAtRun extends EndedRun {
  readonly status: string
  readonly version: number
}

export interface Evaluations extends EvaluationsPort {
  /** Evaluates what ended since; answers how many runs it looked at. */
  sweep(): Promise<number>
  forgetOld(): Promise<void>
}

/** Grades each run that has ended, once for each time it ends, and keeps that for later ones to be compared with. */
export function createEvaluations({
  store,
  runs,
  metrics,
  clock,
}: {
  readonly store: EvaluationStore
  readonly runs: () => {get(id: string): Promise<LookedAtRun | undefined>}
  readonly metrics: EvaluationMetrics
  readonly clock: Clock
}): Evaluations {
  /** Undefined while it has not ended. */
  function rowOf(run: LookedAtRun): EvaluationRow | undefined {
    if (run.completed_at === null) return undefined
    const result = resultOf(run)
    return {
      run: run.id,
      workflow: run.workflow,
      version: run.version,
      completedAt: Date.parse(run.completed_at),
      seconds: result.total_execution_time,
      evaluation: result.task_results.length === 0 ? undefined : evaluate(result),
      agents: talliesOf(result),
    }
  }

  return {
    async report(id) {
      const wanted = id ?? (await store.latest())
      if (wanted === undefined) return {kind: 'none'}
      const run = await runs().get(wanted)
      if (!run) return {kind: 'unknown'}
      const row = rowOf(run)
      if (!row) return {kind: 'open', run: run.id, workflow: run.workflow, status: run.status}
      if (!row.evaluation) return {kind: 'empty', run: run.id, workflow: run.workflow}
      await store.keep(row)
      const history = await store.before(row.workflow, row.completedAt, HISTORY)
      const regression = regressionOf(row.evaluation, history)
      return {
        kind: 'evaluated',
        run: run.id,
        workflow: run.workflow,
        status: run.status,
        evaluation: row.evaluation,
        regression,
      }
    },

    async scorecards() {
      const tallies = await store.agents(clock() - CARDS_MS)
      return new Map([...tallies].map(([agent, tally]) => [agent, cardOf(tally)]))
    },

    async worsened(windowMs) {
      const now = clock()
      const [before, current] = await Promise.all([
        store.period(now - 2 * windowMs, now - windowMs),
        store.period(now - windowMs, now),
      ])
      return [...current].flatMap(([name, period]): Worsening[] => {
        const earlier = before.get(name)
        if (!earlier) return []
        const {slower, worse} = worseThan(earlier, period)
        return slower || worse ? [{name, slower, worse, before: earlier, now: period}] : []
      })
    },

    compare: (before, now) => worseThan(before, now),

    async sweep() {
      const due = await store.due(AT_ONCE)
      for (const id of due) {
        const run = await runs().get(id)
        const row = run && rowOf(run)
        if (!row) continue
        await store.keep(row)
        metrics.evaluated(row.evaluation?.grade)
      }
      return due.length
    },

    forgetOld: () => store.forget(KEPT_MS),
  }
}

function talliesOf({task_results: tasks}: WorkflowResult): Record<string, AgentTally> {
  const tallies = new Map<string, AgentTally>()
  for (const task of tasks) {
    const {
      tasks: done,
      succeeded,
      seconds,
      points,
    } = tallies.get(task.agent_role) ?? {
      tasks: 0,
      succeeded: 0,
      seconds: 0,
      points: 0,
    }
    tallies.set(task.agent_role, {
      tasks: done + 1,
      succeeded: succeeded + (task.success ? 1 : 0),
      seconds: seconds + task.execution_time,
      points: points + taskScore(task),
    })
  }
  return Object.fromEntries(tallies)
}

function cardOf({tasks, succeeded, seconds, points}: AgentTally): Scorecard {
  return {tasks, successRate: succeeded / tasks, meanMs: (seconds / tasks) * 1000, score: points / tasks}
}
