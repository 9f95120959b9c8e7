import {createArtifact, type ArtifactState, type NewArtifact} from './artifacts.ts'
import type {Changes} from './changes.ts'
import type {Ids} from './ids.ts'
import {latest, planJobs, type Conclusion, type JobState, type Progress, type Transition} from './attempt.ts'
import {advance, begin, cancelJobs, finish, nextDue, release} from './progress.ts'
import {resolveRef, type RepositoryState, type WorkflowState} from './repositories.ts'
import {renderRunName} from './workflow-file.ts'

export interface RunState extends Progress {
  readonly id: number
  readonly number: number
  readonly checkSuiteId: number
  readonly repository: RepositoryState
  readonly workflow: WorkflowState
  readonly event: string
  readonly branch: string
  readonly headSha: string
  /** Login of whoever caused the first attempt. */
  readonly actor: string
  readonly inputs: Readonly<Record<string, string>>
  readonly displayTitle: string
  readonly concurrencyGroup?: string
  readonly createdAt: number
  /** Newest first. */
  readonly artifacts: ArtifactState[]
}

interface NewRun {
  readonly repository: RepositoryState
  readonly workflow: WorkflowState
  readonly event: string
  readonly ref: {readonly name: string; readonly sha: string}
  readonly actor: string
  readonly inputs?: Readonly<Record<string, string>>
  readonly title?: string
  readonly createdAt?: number
}

/** Owns the runs and their clock: plays their scripts, tells the observer, keeps concurrency groups in order. */
export interface Runs {
  start(run: NewRun): RunState
  /** A run that is history already: nobody is told about it. */
  seed(
    run: NewRun & {readonly createdAt: number; readonly endedAt: number; readonly conclusion: Conclusion},
  ): RunState
  find(id: number): RunState | undefined
  job(id: number): {readonly run: RunState; readonly job: JobState} | undefined
  artifact(id: number): {readonly run: RunState; readonly artifact: ArtifactState} | undefined
  /** As a job of the run would. */
  upload(run: RunState, made: NewArtifact): void
  /** Brings every run up to the present; call before reading one. */
  settle(): void
  /** Applies an outside act to a run that is up to date, at the present moment. */
  act(run: RunState, act: (run: RunState, now: number) => Iterable<Transition> | void): void
  /** Asks for cancellation; without force it takes effect a moment later. */
  cancel(run: RunState, force: boolean): void
  rerun(run: RunState, actor: string, which: 'all' | 'failed'): void
  close(): void
}

/** Script time between a cancel request and its effect. */
const CANCEL_TAKES_MS = 400

export function createRuns({
  now,
  speed,
  ids,
  changes,
  observe,
}: {
  readonly now: () => number
  readonly speed: number
  readonly ids: Ids
  readonly changes: Changes
  /** Called at each transition, while the run is exactly in that state. */
  readonly observe: (run: RunState, transition: Transition) => void
}): Runs {
  const all = new Map<number, RunState>()
  const live = new Set<RunState>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const settle = () => {
    const time = now()
    for (const run of [...live]) play(run, advance(run, time))
    wakeAtNextDue()
  }

  function play(run: RunState, transitions: Iterable<Transition>): void {
    for (const transition of transitions) {
      if (transition.of === 'run') {
        if (transition.action === 'completed') {
          live.delete(run)
          for (const made of run.workflow.artifacts(run.inputs, run.conclusion ?? 'success'))
            upload(run, made)
        }
        observe(run, transition)
        changes.emit({kind: 'run', runId: run.id, action: transition.action})
        if (transition.action === 'completed') beginNextOfGroup(run, transition.at)
      } else {
        observe(run, transition)
        changes.emit({kind: 'job', runId: run.id, job: transition.job.script.name, action: transition.action})
      }
    }
  }

  function upload(run: RunState, made: NewArtifact): void {
    run.artifacts.unshift(createArtifact(made, {ids, at: now()}))
  }

  function wakeAtNextDue(): void {
    clearTimeout(timer)
    if (closed) return
    const due = Math.min(...[...live].map(nextDue))
    if (due === Infinity) return
    timer = setTimeout(settle, Math.min(Math.max(due - now(), 0), 2 ** 31 - 1))
    timer.unref()
  }

  function act(run: RunState, outside: (run: RunState, time: number) => Iterable<Transition> | void): void {
    settle()
    const transitions = outside(run, now())
    if (transitions) play(run, transitions)
    wakeAtNextDue()
  }

  /** One run of a group works, at most one waits: a newer one takes the place of the waiting one. */
  function beginOrWait(run: RunState, at: number): void {
    live.add(run)
    const others = [...live].filter(other => other !== run && sameGroup(other, run))
    if (others.length === 0) return play(run, begin(run, at))
    run.status = 'pending'
    for (const waiting of others.filter(other => other.status === 'pending'))
      play(waiting, cancelJobs(waiting, at, true))
  }

  function beginNextOfGroup(done: RunState, at: number): void {
    const group = [...live].filter(run => sameGroup(run, done))
    const next = group.find(run => run.status === 'pending')
    if (next && group.every(run => run.status === 'pending')) play(next, begin(next, at))
  }

  function create(options: NewRun): RunState {
    const {repository, workflow, ref, actor, inputs = {}, createdAt = now()} = options
    const group = workflow.definition.concurrency
    const github = {
      actor,
      ref: ref.name,
      ref_name: ref.name,
      workflow: workflow.definition.name,
      sha: ref.sha,
    }
    const run: RunState = {
      id: ids.next(),
      number: ++workflow.runCount,
      checkSuiteId: ids.next(),
      repository,
      workflow,
      event: options.event,
      branch: ref.name,
      headSha: ref.sha,
      actor,
      inputs,
      displayTitle: title(options),
      ...(group !== undefined && {concurrencyGroup: renderRunName(group, {inputs, github})}),
      createdAt,
      updatedAt: createdAt,
      status: 'queued',
      conclusion: null,
      speed,
      heldMs: 0,
      artifacts: [],
      attempts: [
        {
          number: 1,
          startedAt: createdAt,
          triggeredBy: actor,
          jobs: planJobs(workflow.jobs(inputs, 1), createdAt, ids.next),
        },
      ],
    }
    all.set(run.id, run)
    const {runs} = repository
    const older = runs.findIndex(other => other.createdAt <= createdAt)
    runs.splice(older === -1 ? runs.length : older, 0, run)
    return run
  }

  return {
    settle,
    act,
    find: id => all.get(id),
    artifact(id) {
      for (const run of all.values()) {
        const artifact = run.artifacts.find(one => one.id === id)
        if (artifact) return {run, artifact}
      }
      return undefined
    },
    upload,
    job(id) {
      for (const run of all.values()) {
        const job = run.attempts.flatMap(attempt => attempt.jobs).find(one => one.id === id)
        if (job && job.status !== 'blocked') return {run, job}
      }
      return undefined
    },
    start(options) {
      const run = create(options)
      if (run.workflow.startHeld) run.heldAt = run.createdAt
      play(run, [{of: 'run', action: 'requested', at: run.createdAt}])
      beginOrWait(run, run.createdAt)
      settle()
      return run
    },
    seed(options) {
      const run = create(options)
      drain(begin(run, options.createdAt))
      drain(finish(run, options.conclusion, options.endedAt))
      return run
    },
    cancel(run, force) {
      act(run, (current, time) => {
        if (force) return cancelJobs(current, time, true)
        current.cancelAt ??= time + CANCEL_TAKES_MS / speed
        return undefined
      })
    },
    rerun(run, actor, which) {
      const time = now()
      const before = latest(run)
      const number = before.number + 1
      const jobs = planJobs(run.workflow.jobs(run.inputs, number), time, ids.next).map(job => {
        const earlier = before.jobs.find(same => same.script.name === job.script.name)
        const kept = which === 'failed' && earlier?.conclusion === 'success'
        return kept ? {...earlier, id: job.id} : job
      })
      run.attempts.push({number, startedAt: time, triggeredBy: actor, jobs})
      run.conclusion = null
      run.status = 'queued'
      run.updatedAt = time
      release(run, time)
      beginOrWait(run, time)
      settle()
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

function title({repository, workflow, event, ref, actor, inputs = {}, title: given}: NewRun): string {
  if (given !== undefined) return given
  const runName = event === 'workflow_dispatch' ? workflow.runName(inputs, actor, ref.name) : undefined
  if (runName !== undefined && runName.trim() !== '') return runName
  const commit = repository.commits.get(resolveRef(repository, ref.sha)?.sha ?? '')
  return event === 'push' && commit ? (commit.message.split('\n')[0] ?? '') : workflow.definition.name
}

function sameGroup(one: RunState, other: RunState): boolean {
  return (
    one.concurrencyGroup !== undefined &&
    one.repository === other.repository &&
    one.concurrencyGroup === other.concurrencyGroup
  )
}

function drain(transitions: Iterable<Transition>): void {
  for (const _ of transitions);
}
