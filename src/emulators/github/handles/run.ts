import type {NewArtifact} from '../artifacts.ts'
import {latest, type Conclusion} from '../attempt.ts'
import type {People} from '../people.ts'
import {approve, fail, finish, hold, release} from '../progress.ts'
import type {RunShapes} from '../run-shapes.ts'
import type {RunState, Runs} from '../runs.ts'

export interface Run {
  readonly id: number
  readonly url: string
  readonly workflow: string
  readonly displayTitle: string
  readonly event: string
  readonly branch: string
  readonly headSha: string
  readonly actor: string
  readonly inputs: Readonly<Record<string, string>>
  readonly status: string
  readonly conclusion: Conclusion | null
  readonly attempt: number
  readonly createdAt: number
  readonly jobs: readonly {
    readonly id: number
    readonly name: string
    readonly status: string
    readonly conclusion: Conclusion | null
    readonly steps: readonly {
      readonly name: string
      readonly status: string
      readonly conclusion: Conclusion | null
    }[]
  }[]
  /** As a job of the run would. */
  upload(made: NewArtifact): void
  /** Freezes the script until `release()`; cancellation and the other acts below still work. */
  hold(): void
  release(): void
  /** Ends the run now. */
  finish(conclusion?: Conclusion): void
  /** Makes a step fail now; the job fails, what needs it is skipped, other jobs go on as scripted. */
  fail(job: string, step: string, log?: readonly string[], exitCode?: number): void
  /** As somebody would on the web page. */
  cancel(options?: {readonly force?: boolean}): void
  /** Lets jobs that wait for an environment go on. */
  approve(): void
  rerun(which?: 'all' | 'failed', actor?: string): void
}

export function createRunHandles({
  runs,
  shapes,
  people,
}: {
  readonly runs: Runs
  readonly shapes: Pick<RunShapes, 'runPage'>
  readonly people: People
}) {
  return (state: RunState): Run => ({
    id: state.id,
    url: shapes.runPage(state),
    workflow: state.workflow.file,
    displayTitle: state.displayTitle,
    event: state.event,
    branch: state.branch,
    headSha: state.headSha,
    actor: state.actor,
    inputs: state.inputs,
    createdAt: state.createdAt,
    get status() {
      runs.settle()
      return state.status
    },
    get conclusion() {
      runs.settle()
      return state.conclusion
    },
    get attempt() {
      return latest(state).number
    },
    get jobs() {
      runs.settle()
      return latest(state).jobs.map(({id, script, status, conclusion, steps}) => ({
        id,
        name: script.name,
        status,
        conclusion,
        steps: steps.map(step => ({
          name: step.script.name,
          status: step.status,
          conclusion: step.conclusion,
        })),
      }))
    },
    upload: made => runs.upload(state, made),
    hold: () => runs.act(state, hold),
    release: () => runs.act(state, release),
    finish: (conclusion = 'success') => runs.act(state, (current, time) => finish(current, conclusion, time)),
    fail(job, step, log, exitCode) {
      const failure = {job, step, ...(log && {log}), ...(exitCode !== undefined && {exitCode})}
      runs.act(state, (current, time) => fail(current, time, failure))
    },
    cancel: ({force = false} = {}) => runs.cancel(state, force),
    approve: () => runs.act(state, approve),
    rerun(which = 'all', actor = state.actor) {
      runs.settle()
      if (state.status !== 'completed') throw new Error('Only a finished run can be run again')
      runs.rerun(state, people.meet(actor).login, which)
    },
  })
}
