import type {JobDetail, RunDetail} from '../integrations/github/code-host.ts'

/** A step of the run that is of one of the kinds we know. */
export interface StepFact {
  readonly name: string
  /** One decimal; null where GitHub does not say when it began and ended. */
  readonly seconds: number | null
  /** Null while it runs. */
  readonly conclusion: string | null
}

export type StepKind = 'build' | 'upload' | 'invalidation'

/** `unknown`: nothing is known of the run's steps. `missing`: there is no such step. */
export type StepStanding = 'ok' | 'failed' | 'skipped' | 'running' | 'missing' | 'unknown'

/** What a run says about itself. */
export interface RunFacts {
  readonly id: string
  readonly url: string
  readonly sha: string
  readonly status: string
  readonly conclusion: string | null
  readonly jobs: number
  /** Null where the run has no such step. */
  readonly steps: Readonly<Record<StepKind, StepFact | null>>
  /** The first step that failed, or its job where no step did. */
  readonly failed: {readonly job: string; readonly step?: string; readonly url: string} | undefined
}

const PATTERNS: Readonly<Record<StepKind, RegExp>> = {
  build: /\bbuild\b/i,
  upload: /\bs3[ _-]?sync\b|\bsync\b.*\bs3\b|\bupload\b(?!.*\bartifacts?\b)/i,
  invalidation: /\binvalidat/i,
}

/**
 * The run that a text names by its address: `…/owner/name/actions/runs/<digits>`; null for anything else. The address
 * itself is never called.
 */
export function runNamed(text: string): {readonly id: string; readonly repository: string} | null {
  if (!URL.canParse(text)) return null
  const {protocol, pathname, username} = new URL(text)
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '') return null
  const [, repository, id] = /^\/([\w.-]+\/[\w.-]+)\/actions\/runs\/(\d{1,20})(?:\/|$)/.exec(pathname) ?? []
  return repository === undefined || id === undefined ? null : {id, repository}
}

export function runFacts(run: RunDetail): RunFacts {
  const steps = run.jobs.flatMap(job => job.steps)
  const of = (kind: StepKind) => stepOf(steps.filter(step => PATTERNS[kind].test(step.name)))
  return {
    id: run.id,
    url: run.url,
    sha: run.headSha,
    status: run.status,
    conclusion: run.conclusion,
    jobs: run.jobs.length,
    steps: {build: of('build'), upload: of('upload'), invalidation: of('invalidation')},
    failed: failureOf(run.jobs),
  }
}

/** How the step of a kind went. That it took time says nothing about whether it succeeded: its conclusion does. */
export function standingOf({jobs, steps}: Pick<RunFacts, 'jobs' | 'steps'>, kind: StepKind): StepStanding {
  const step = steps[kind]
  if (!step) return jobs === 0 ? 'unknown' : 'missing'
  if (step.conclusion === null) return 'running'
  if (step.conclusion === 'success') return 'ok'
  return step.conclusion === 'skipped' ? 'skipped' : 'failed'
}

type Step = JobDetail['steps'][number]

/** The first that ran and says how long it took; one that does not is better than none. */
function stepOf(matching: readonly Step[]): StepFact | null {
  const ran = matching.filter(({conclusion}) => conclusion !== 'skipped')
  const step = ran.find(one => secondsOf(one) !== null) ?? ran[0] ?? matching[0]
  return step ? {name: step.name, seconds: secondsOf(step), conclusion: step.conclusion} : null
}

function secondsOf({startedAt, endedAt}: Step): number | null {
  if (startedAt === undefined || endedAt === undefined || endedAt < startedAt) return null
  return Math.round((endedAt - startedAt) / 100) / 10
}

function failureOf(jobs: readonly JobDetail[]): RunFacts['failed'] {
  for (const job of jobs) {
    const step = job.steps.find(one => one.conclusion === 'failure')
    if (step) return {job: job.name, step: step.name, url: job.url}
  }
  const job = jobs.find(one => one.conclusion === 'failure')
  return job && {job: job.name, url: job.url}
}
