import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'

export interface TaskResult {
  readonly task_id: string
  readonly agent_role: string
  readonly success: boolean
  readonly output: Json
  /** In seconds. */
  readonly execution_time: number
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** What a run of a workflow came to. */
export interface WorkflowResult {
  readonly workflow_id: string
  /** Runs are compared with those of the same type only. */
  readonly workflow_type: string
  readonly task_results: readonly TaskResult[]
  /** In seconds: less than the sum of its tasks' where these overlapped. */
  readonly total_execution_time: number
}

export type QualityGrade = 'EXCELLENT' | 'GOOD' | 'FAIR' | 'POOR'

export interface Evaluation {
  readonly workflow_id: string
  readonly workflow_type: string
  /** 0 to 100. */
  readonly score: number
  readonly grade: QualityGrade
  /** Times in seconds, rates from 0 to 1. */
  readonly performance: {
    readonly total_time: number
    readonly tasks: number
    readonly succeeded: number
    readonly success_rate: number
    readonly average_time: number
    readonly longest_time: number
    readonly shortest_time: number
  }
  readonly quality: {
    /** Of the tasks, 0 to 100. */
    readonly average_score: number
    readonly tasks_with_issues: number
    readonly error_free_rate: number
    readonly issues: readonly string[]
    readonly strengths: readonly string[]
  }
  /** By agent. */
  readonly success_rates: Readonly<Record<string, number>>
  readonly recommendations: readonly string[]
}

export interface Regression {
  readonly detected: boolean
  /** Without earlier runs of the type there is nothing to compare with: null, and nothing is detected. */
  readonly baseline: {readonly score: number; readonly success_rate: number; readonly runs: number} | null
  readonly current: {readonly score: number; readonly success_rate: number}
  /** Current less baseline. */
  readonly differences: {readonly score: number; readonly success_rate: number} | null
  readonly details: readonly string[]
}

const GRADES = [
  [90, 'EXCELLENT'],
  [75, 'GOOD'],
  [60, 'FAIR'],
] as const

const BUDGET_SECONDS = 30
const SLOW_SECONDS = 60
const QUICK_SECONDS = 10
const MIN_SUCCESS_RATE = 0.8
const MIN_QUALITY = 75
const BASELINE_RUNS = 5
const SCORE_DROP = 10
const SUCCESS_RATE_DROP = 0.1

/**
 * Scores a run: how much of it succeeded, how well and how quickly. `budgetSeconds` is what a task may take until its speed
 * counts for nothing. Throws INVALID_INPUT for a run without tasks, of which nothing can be said.
 */
export function evaluate(
  {workflow_id, workflow_type, task_results: tasks, total_execution_time}: WorkflowResult,
  {budgetSeconds = BUDGET_SECONDS}: {readonly budgetSeconds?: number} = {},
): Evaluation {
  if (tasks.length === 0)
    throw new AppError('INVALID_INPUT', `The run ${workflow_id} has no tasks to be evaluated.`)
  const times = tasks.map(task => task.execution_time)
  const averageTime = mean(times)
  const succeeded = tasks.filter(task => task.success).length
  const successRate = succeeded / tasks.length
  const errorFreeRate = tasks.filter(task => task.errors.length === 0).length / tasks.length
  const averageScore = exact(mean(tasks.map(task => taskScore(task, budgetSeconds))))
  const issues = tasks.flatMap(issuesOf)
  const tasksWithIssues = tasks.filter(task => issuesOf(task).length > 0).length
  const score = exact(
    30 * successRate +
      0.4 * averageScore +
      20 * errorFreeRate +
      Math.max(0, 10 * (1 - averageTime / budgetSeconds)),
  )
  const successRates = successRatesOf(tasks)
  const failing = Object.keys(successRates).filter(agent => (successRates[agent] ?? 0) < MIN_SUCCESS_RATE)
  const recommendations = [
    ...(successRate < MIN_SUCCESS_RATE
      ? [`Only ${percent(successRate)} of the tasks succeeded: look at those that failed, and retry them.`]
      : []),
    ...(averageTime > budgetSeconds
      ? [`A task takes ${averageTime.toFixed(1)} s on average: split the slow ones, or let more run at once.`]
      : []),
    ...(averageScore < MIN_QUALITY
      ? [
          `The tasks score ${averageScore.toFixed(0)} on average, under ${MIN_QUALITY}: ask for fuller output.`,
        ]
      : []),
    ...(tasksWithIssues > 0 ? [`Tasks with issues: ${tasksWithIssues} of ${tasks.length}.`] : []),
    ...failing.map(agent => `${agent} succeeds in ${percent(successRates[agent] ?? 0)} of its tasks.`),
  ]
  return {
    workflow_id,
    workflow_type,
    score,
    grade: gradeOf(score),
    performance: {
      total_time: total_execution_time,
      tasks: tasks.length,
      succeeded,
      success_rate: successRate,
      average_time: averageTime,
      longest_time: times.reduce((longest, time) => Math.max(longest, time)),
      shortest_time: times.reduce((shortest, time) => Math.min(shortest, time)),
    },
    quality: {
      average_score: averageScore,
      tasks_with_issues: tasksWithIssues,
      error_free_rate: errorFreeRate,
      issues,
      strengths: tasks.flatMap(strengthsOf),
    },
    success_rates: successRates,
    recommendations: recommendations.length > 0 ? recommendations : ['All standards are met.'],
  }
}

export function gradeOf(score: number): QualityGrade {
  return GRADES.find(([least]) => score >= least)?.[1] ?? 'POOR'
}

/**
 * Compares an evaluation with the mean of the latest others of its type, at most five. `history` is oldest first, and may hold
 * the evaluation itself and those of other types.
 */
export function regressionOf(current: Evaluation, history: readonly Evaluation[]): Regression {
  const now = {score: current.score, success_rate: current.performance.success_rate}
  const others = history
    .filter(
      ({workflow_id, workflow_type}) =>
        workflow_type === current.workflow_type && workflow_id !== current.workflow_id,
    )
    .slice(-BASELINE_RUNS)
  if (others.length === 0)
    return {detected: false, baseline: null, current: now, differences: null, details: ['no baseline']}
  const baseline = {
    score: exact(mean(others.map(({score}) => score))),
    success_rate: mean(others.map(({performance}) => performance.success_rate)),
    runs: others.length,
  }
  const differences = {
    score: exact(now.score - baseline.score),
    success_rate: exact(now.success_rate - baseline.success_rate),
  }
  const details = [
    ...(-differences.score > SCORE_DROP
      ? [`The score fell from ${baseline.score.toFixed(1)} to ${now.score.toFixed(1)}.`]
      : []),
    ...(-differences.success_rate > SUCCESS_RATE_DROP
      ? [`The success rate fell from ${percent(baseline.success_rate)} to ${percent(now.success_rate)}.`]
      : []),
  ]
  return {detected: details.length > 0, baseline, current: now, differences, details}
}

/** 0 to 100: 40 for success, 20 each for speed, for no errors, and for what it answered. */
export function taskScore(
  {success, execution_time, errors, output}: TaskResult,
  budgetSeconds = BUDGET_SECONDS,
): number {
  const speed = Math.min(20, Math.max(0, 20 * (1 - execution_time / budgetSeconds)))
  const clean = [20, 10][errors.length] ?? 0
  return (success ? 40 : 0) + speed + clean + Math.min(20, 4 * fieldsOf(output))
}

function fieldsOf(output: Json): number {
  return typeof output === 'object' && output !== null ? Object.keys(output).length : 0
}

function issuesOf({task_id, success, errors, execution_time}: TaskResult): string[] {
  return [
    ...(success ? [] : [`${task_id} failed`]),
    ...(errors.length > 0
      ? [`${task_id} had ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`]
      : []),
    ...(execution_time > SLOW_SECONDS ? [`${task_id} was slow: ${execution_time.toFixed(1)} s`] : []),
  ]
}

function strengthsOf({task_id, success, errors, warnings, execution_time, output}: TaskResult): string[] {
  return [
    ...(success && execution_time < QUICK_SECONDS ? [`${task_id} succeeded quickly`] : []),
    ...(errors.length + warnings.length === 0 ? [`${task_id} had no errors or warnings`] : []),
    ...(fieldsOf(output) > 0 ? [`${task_id} has output`] : []),
  ]
}

function successRatesOf(tasks: readonly TaskResult[]): Record<string, number> {
  const agents = new Set(tasks.map(task => task.agent_role))
  return Object.fromEntries(
    [...agents].map(agent => {
      const own = tasks.filter(task => task.agent_role === agent)
      return [agent, own.filter(task => task.success).length / own.length]
    }),
  )
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Without the noise of binary fractions, which would miss a boundary that was met. */
function exact(value: number): number {
  return Math.round(value * 1e9) / 1e9
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`
}
