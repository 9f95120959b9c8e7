/** What a run consists of: attempts of jobs of steps, as plain data. How it moves is in `progress.ts`. */
import type {JobScript, StepScript} from './script.ts'

export const CONCLUSIONS = [
  'success',
  'failure',
  'neutral',
  'cancelled',
  'skipped',
  'timed_out',
  'action_required',
  'stale',
  'startup_failure',
] as const

export type Conclusion = (typeof CONCLUSIONS)[number]

export interface StepState {
  readonly number: number
  script: StepScript
  status: 'queued' | 'in_progress' | 'completed'
  conclusion: Conclusion | null
  startedAt?: number
  completedAt?: number
}

export interface JobState {
  readonly id: number
  readonly script: JobScript
  /** `blocked`: its needs are not done, so GitHub has not created it yet. */
  status: 'blocked' | 'waiting' | 'queued' | 'in_progress' | 'completed'
  conclusion: Conclusion | null
  createdAt: number
  startedAt?: number
  completedAt?: number
  readonly steps: StepState[]
  /** Run time (see `Progress.heldMs`) of its next transition. */
  dueAt: number
}

export interface Attempt {
  readonly number: number
  readonly startedAt: number
  readonly triggeredBy: string
  jobs: JobState[]
}

/** What moves in a run. All times are milliseconds since the epoch. */
export interface Progress {
  status: 'pending' | 'queued' | 'waiting' | 'in_progress' | 'completed'
  conclusion: Conclusion | null
  updatedAt: number
  readonly attempts: Attempt[]
  /** Scripted milliseconds that pass per real one. */
  readonly speed: number
  /** Set while a test holds the script still. */
  heldAt?: number
  /** Time spent held so far. Run time = wall time minus this, so that a released run goes on where it stopped. */
  heldMs: number
  cancelAt?: number
}

export type Transition =
  | {readonly of: 'run'; readonly action: 'requested' | 'in_progress' | 'completed'; readonly at: number}
  | {
      readonly of: 'job'
      readonly action: 'queued' | 'waiting' | 'in_progress' | 'completed'
      readonly job: JobState
      readonly at: number
    }

export function latest(run: Progress): Attempt {
  const attempt = run.attempts.at(-1)
  if (!attempt) throw new Error('A run has at least one attempt')
  return attempt
}

/** The jobs of an attempt as far as the script reads, before anything of it has happened. */
export function planJobs(scripts: readonly JobScript[], at: number, nextId: () => number): JobState[] {
  return scripts.map(script => ({
    id: nextId(),
    script,
    status: 'blocked',
    conclusion: null,
    createdAt: at,
    dueAt: Infinity,
    steps: [{name: 'Set up job', ms: 0}, ...script.steps, {name: 'Complete job', ms: 0}].map(
      (step, index) => ({
        number: index + 1,
        script: step,
        status: 'queued',
        conclusion: null,
      }),
    ),
  }))
}
