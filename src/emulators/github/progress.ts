/**
 * The life of a workflow run as a state machine over plain data. It knows no timer and no server: whoever owns
 * a run says what time it is, and the run catches up with its script, stamping each transition with the moment
 * it was due. The functions are generators so that an observer sees the run as it was at each transition, not
 * as it is after the last.
 */
import {
  latest,
  type Conclusion,
  type JobState,
  type Progress,
  type StepState,
  type Transition,
} from './attempt.ts'

/** Wall time of the next transition; `Infinity` when only an outside act can move the run. */
export function nextDue(run: Progress): number {
  if (run.status === 'completed') return Infinity
  const scripted =
    run.heldAt === undefined ? Math.min(...activeJobs(run).map(job => job.dueAt)) + run.heldMs : Infinity
  return Math.min(scripted, run.cancelAt ?? Infinity)
}

/** Plays everything that was due by `now`. */
export function* advance(run: Progress, now: number): Generator<Transition> {
  for (let due = nextDue(run); due <= now; due = nextDue(run)) {
    if (run.cancelAt !== undefined && run.cancelAt <= due) {
      delete run.cancelAt
      yield* cancelJobs(run, due, false)
      continue
    }
    const job = activeJobs(run).reduce((first, other) => (other.dueAt < first.dueAt ? other : first))
    if (job.status === 'queued') yield* startJob(run, job, due)
    else yield* endStep(run, job, due)
  }
}

/** Lets a new (or no longer pending) attempt begin: its jobs without needs are queued. */
export function* begin(run: Progress, at: number): Generator<Transition> {
  run.status = 'queued'
  run.updatedAt = at
  yield* openReadyJobs(run, at)
}

export function hold(run: Progress, now: number): void {
  run.heldAt ??= now
}

export function release(run: Progress, now: number): void {
  if (run.heldAt === undefined) return
  run.heldMs += now - run.heldAt
  delete run.heldAt
}

/** Lets jobs that wait for an environment into the queue. */
export function* approve(run: Progress, at: number): Generator<Transition> {
  for (const job of latest(run).jobs.filter(waiting => waiting.status === 'waiting'))
    yield* queueJob(run, job, at)
}

/** Ends whatever is still open, at once, so that the run comes out as asked. */
export function* finish(run: Progress, conclusion: Conclusion, at: number): Generator<Transition> {
  if (run.status === 'completed') return
  if (conclusion === 'startup_failure') latest(run).jobs = []
  for (const job of latest(run).jobs.filter(open => open.status !== 'completed')) {
    const needsRunner = conclusion === 'failure' || conclusion === 'timed_out'
    if (needsRunner && (job.status === 'queued' || job.status === 'waiting')) yield* startJob(run, job, at)
    yield* endJob(run, job, job.status === 'blocked' && conclusion !== 'success' ? 'skipped' : conclusion, at)
  }
  yield* complete(run, conclusion, at)
}

/**
 * Makes one step of one job fail now: what it needs and the steps before it succeed, the steps after it are
 * skipped, and the other jobs go on as scripted. Names that do not exist throw.
 */
export function* fail(
  run: Progress,
  at: number,
  failure: {
    readonly job: string
    readonly step: string
    readonly log?: readonly string[]
    readonly exitCode?: number
  },
): Generator<Transition> {
  const job = latest(run).jobs.find(named => named.script.name === failure.job)
  const step = job?.steps.find(named => named.script.name === failure.step)
  if (!job || !step || job.status === 'completed') {
    throw new Error(`No unfinished job "${failure.job}" with a step "${failure.step}" in this run`)
  }
  yield* reach(run, job, at)
  for (const before of job.steps.slice(0, step.number - 1)) closeStep(before, 'success', at)
  step.script = {...step.script, log: failure.log ?? step.script.log ?? [], exitCode: failure.exitCode ?? 1}
  closeStep(step, 'failure', at)
  yield* endJob(run, job, 'failure', at)
  yield* settleAfter(run, at)
}

export function* cancelJobs(run: Progress, at: number, force: boolean): Generator<Transition> {
  for (const job of latest(run).jobs) {
    if (job.status === 'completed' || (job.script.ignoresCancel && job.status === 'in_progress' && !force))
      continue
    yield* endJob(run, job, 'cancelled', at)
  }
  yield* settleAfter(run, at)
}

function activeJobs(run: Progress): JobState[] {
  return latest(run).jobs.filter(job => job.status === 'queued' || job.status === 'in_progress')
}

function runTime(run: Progress, wall: number): number {
  return (run.heldAt ?? wall) - run.heldMs
}

function* openReadyJobs(run: Progress, at: number): Generator<Transition> {
  const {jobs} = latest(run)
  for (const job of jobs) {
    if (job.status !== 'blocked') continue
    const needs = jobs.filter(other => job.script.needs?.includes(other.script.name))
    if (needs.some(need => need.status !== 'completed')) continue
    job.createdAt = at
    if (needs.some(need => need.conclusion !== 'success')) {
      yield* endJob(run, job, 'skipped', at)
      yield* openReadyJobs(run, at)
    } else if (job.script.waitingFor) {
      job.status = 'waiting'
      if (run.status === 'queued') run.status = 'waiting'
      yield {of: 'job', action: 'waiting', job, at}
    } else yield* queueJob(run, job, at)
  }
}

function* queueJob(run: Progress, job: JobState, at: number): Generator<Transition> {
  job.status = 'queued'
  job.dueAt = runTime(run, at) + (job.script.queuedMs ?? 300) / run.speed
  if (run.status === 'waiting') run.status = 'queued'
  run.updatedAt = at
  yield {of: 'job', action: 'queued', job, at}
}

function* startJob(run: Progress, job: JobState, at: number): Generator<Transition> {
  job.status = 'in_progress'
  job.startedAt = at
  run.updatedAt = at
  startStep(run, job, 0, at)
  if (run.status !== 'in_progress') {
    run.status = 'in_progress'
    yield {of: 'run', action: 'in_progress', at}
  }
  yield {of: 'job', action: 'in_progress', job, at}
}

function startStep(run: Progress, job: JobState, index: number, at: number): void {
  const step = job.steps[index]
  if (!step) return
  step.status = 'in_progress'
  step.startedAt = at
  job.dueAt = runTime(run, at) + step.script.ms / run.speed
}

function* endStep(run: Progress, job: JobState, at: number): Generator<Transition> {
  const index = job.steps.findIndex(step => step.status === 'in_progress')
  const step = job.steps[index]
  if (!step) throw new Error('A running job has a running step')
  const conclusion = step.script.conclusion ?? 'success'
  closeStep(step, conclusion, at)
  if (conclusion === 'failure' || conclusion === 'cancelled') yield* endJob(run, job, conclusion, at)
  else if (index + 1 < job.steps.length) return startStep(run, job, index + 1, at)
  else yield* endJob(run, job, 'success', at)
  yield* settleAfter(run, at)
}

/** Everything the job still needs succeeds, and the job itself is running. */
function* reach(run: Progress, job: JobState, at: number): Generator<Transition> {
  for (const need of latest(run).jobs.filter(other => job.script.needs?.includes(other.script.name))) {
    if (need.status === 'completed') continue
    yield* reach(run, need, at)
    yield* endJob(run, need, 'success', at)
  }
  if (job.status === 'blocked') job.createdAt = at
  if (job.status !== 'in_progress') yield* startJob(run, job, at)
}

function* endJob(run: Progress, job: JobState, conclusion: Conclusion, at: number): Generator<Transition> {
  if (job.status === 'blocked') job.createdAt = at
  const ran = job.status === 'in_progress' || conclusion === 'success'
  let blamed = job.steps.some(step => step.conclusion === 'failure' || step.conclusion === 'cancelled')
  for (const step of job.steps) {
    if (step.status === 'completed') continue
    const last = step.number === job.steps.length
    if (conclusion === 'success' || (last && conclusion === 'failure')) closeStep(step, 'success', at)
    else if (step.number === 1 && conclusion === 'failure') closeStep(step, 'success', at)
    else if (ran && !blamed && !last) {
      closeStep(step, conclusion === 'failure' ? 'failure' : 'cancelled', at)
      blamed = true
    } else closeStep(step, 'skipped', at)
  }
  if (!ran) job.steps.length = 0
  job.status = 'completed'
  job.conclusion = conclusion
  job.startedAt ??= at
  job.completedAt = at
  run.updatedAt = at
  yield {of: 'job', action: 'completed', job, at}
}

function closeStep(step: StepState, conclusion: Conclusion, at: number): void {
  if (step.status === 'completed') return
  step.status = 'completed'
  step.conclusion = conclusion
  step.startedAt ??= at
  step.completedAt = at
}

function* settleAfter(run: Progress, at: number): Generator<Transition> {
  yield* openReadyJobs(run, at)
  const {jobs} = latest(run)
  if (run.status === 'completed' || jobs.some(job => job.status !== 'completed')) return
  yield* complete(run, verdict(jobs), at)
}

function verdict(jobs: readonly JobState[]): Conclusion {
  const worst = (['failure', 'timed_out', 'cancelled'] as const).find(bad =>
    jobs.some(job => job.conclusion === bad),
  )
  if (worst) return worst === 'timed_out' ? 'failure' : worst
  return jobs.length > 0 && jobs.every(job => job.conclusion === 'skipped') ? 'skipped' : 'success'
}

function* complete(run: Progress, conclusion: Conclusion, at: number): Generator<Transition> {
  if (run.status === 'completed') return
  run.status = 'completed'
  run.conclusion = conclusion
  run.updatedAt = at
  delete run.cancelAt
  yield {of: 'run', action: 'completed', at}
}
