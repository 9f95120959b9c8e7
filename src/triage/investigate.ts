import {failingStep} from '../deployments/log-excerpt.ts'
import type {CodeHost, JobDetail, RunDetail} from '../integrations/github/code-host.ts'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {PipelinesPort, TriagedFailure, TriagePort, TriageReport} from '../sdk/index.ts'
import type {Consult} from '../tools/consult.ts'
import {failuresIn, inOrder} from './causes.ts'
import {explain} from './explain.ts'
import {WHAT_FAILS, type Failure} from './failure.ts'
import {filesFor, fixFor, packageOf, type Sources} from './fixes.ts'
import {linesOfLog} from './log.ts'
import type {AskRegistry} from './registries.ts'
import {referenceIn} from './reference.ts'
import {confidenceOf, gradeOf, type Sighting} from './score.ts'

const MOST_RUNS = 5
/** Logs read: each is a request and up to half a megabyte. */
const MOST_LOGS = 8
/** Failures whose files are read. */
const MOST_LOOKED_UP = 5
const LARGEST_SOURCE = 300_000

/** What is asked about, found at GitHub. */
interface Subject {
  readonly about: string
  readonly url: string
  readonly pull: number | undefined
  readonly sha: string
  readonly runs: readonly RunDetail[]
  /** Failing runs beyond those. */
  readonly left: number
  /** None failed: whether any still runs, or there is none. */
  readonly otherwise: Exclude<TriageReport['verdict'], 'failing'>
}

interface FoundFailure extends Failure {
  readonly job: TriagedFailure['job']
}

/** Reads why runs failed: each failing job's log, by rules, with a place, a proposal and how sure we are. */
export function createInvestigate({
  code,
  repository: host,
  pipelines,
  llm,
  consult,
  askRegistry,
  redact,
  clock,
}: {
  readonly code: Pick<CodeHost, 'run' | 'jobLog'>
  readonly repository: Pick<RepositoryHost, 'pullRequest' | 'file'>
  readonly pipelines: Pick<PipelinesPort, 'repository' | 'runsOf'>
  readonly llm: Llm
  readonly consult: Consult
  readonly askRegistry: AskRegistry
  readonly redact: (text: string) => string
  readonly clock: Clock
}): TriagePort['investigate'] {
  async function runOf(repository: string, id: string): Promise<RunDetail> {
    const missing = `${repository} has no run ${id}, or our token can’t see it.`
    return valueOf(await code.run({repository, runId: id}), missing, clock)
  }

  async function subjectOfRun(repository: string, id: string): Promise<Subject> {
    const run = await runOf(repository, id)
    const failed = isFailing(run.conclusion) || run.conclusion === 'cancelled' || run.jobs.some(hasFailed)
    return {
      ...{about: `run ${run.id}`, url: run.url, pull: undefined, sha: run.headSha, left: 0},
      runs: failed ? [run] : [],
      otherwise: run.status === 'completed' ? 'passing' : 'pending',
    }
  }

  async function subjectOfPull(repository: string, number: number, signal: AbortSignal): Promise<Subject> {
    const missing = `${repository} has no pull request #${number}, or our token can’t see it.`
    const pull = valueOf(await host.pullRequest({repository, number, signal}), missing, clock)
    const sha = pull.headSha
    const all = await pipelines.runsOf({repository, sha, signal})
    const failing = all.filter(run => isFailing(run.conclusion))
    const runs = []
    for (const run of failing.slice(0, MOST_RUNS)) {
      signal.throwIfAborted()
      runs.push(await runOf(repository, run.id))
    }
    const open = all.some(run => run.status !== 'completed')
    return {
      ...{about: `#${number}`, url: pull.url, pull: number, sha, runs, left: failing.length - runs.length},
      otherwise: all.length === 0 ? 'none' : open ? 'pending' : 'passing',
    }
  }

  async function failuresOf(repository: string, runs: readonly RunDetail[], signal: AbortSignal) {
    const broken = runs.flatMap(run => brokenJobs(run.jobs))
    const failures: FoundFailure[] = []
    const unread: {readonly job: string; readonly why: string}[] = []
    for (const job of broken.slice(0, MOST_LOGS)) {
      signal.throwIfAborted()
      const log = valueIfAny(await code.jobLog({repository, jobId: job.id}), clock)
      const step = failingStep(job)
      const found = log === undefined ? [] : failuresIn(linesOfLog(log, step, redact))
      if (log === undefined) unread.push({job: job.name, why: 'GitHub has no log of it'})
      else if (found.length === 0) unread.push({job: job.name, why: 'its log does not say what broke'})
      failures.push(...found.map(one => ({...one, job: {name: job.name, step: step?.name, url: job.url}})))
    }
    return {failures, unread, left: Math.max(broken.length - MOST_LOGS, 0)}
  }

  /** The files that failures name, where the repository has them. What can’t be read is only not linked. */
  async function sourcesOf(
    repository: string,
    sha: string,
    failures: readonly Failure[],
    signal: AbortSignal,
  ): Promise<Sources> {
    const wanted = new Set(failures.slice(0, MOST_LOOKED_UP).flatMap(filesFor).filter(isInside))
    const texts = new Map<string, string>()
    for (const path of wanted) {
      signal.throwIfAborted()
      const look = await host.file({repository, path, ref: sha, signal})
      if (look.kind === 'seen' && look.value.text.length <= LARGEST_SOURCE) texts.set(path, look.value.text)
    }
    return texts
  }

  /** By the missing module's name, whether the registry has its package. */
  async function registeredOf(
    failures: readonly Failure[],
    sources: Sources,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string | undefined, boolean | undefined>> {
    const answers = new Map<string | undefined, boolean | undefined>()
    for (const failure of failures.slice(0, MOST_LOOKED_UP)) {
      const wanted = packageOf(failure, sources)
      if (wanted) answers.set(failure.subject, await askRegistry(wanted, signal))
    }
    return answers
  }

  return async ({ref, repository: given, signal}) => {
    const reference = referenceIn(ref)
    const repository = pipelines.repository(reference.repository ?? given)
    if (
      reference.repository !== undefined &&
      given !== undefined &&
      pipelines.repository(given) !== repository
    )
      throw new AppError(
        'INVALID_INPUT',
        `The address is of ${repository}, which is not the repository that is named.`,
      )
    const subject =
      reference.kind === 'run'
        ? await subjectOfRun(repository, reference.id)
        : await subjectOfPull(repository, reference.number, signal)
    const {about, url, pull, sha, runs, otherwise} = subject
    const {failures, unread, left} = await failuresOf(repository, runs, signal)
    const sources = await sourcesOf(repository, sha, inOrder(failures), signal)
    const page = runs[0]?.url.split('/actions/')[0]
    const registered = await registeredOf(inOrder(failures), sources, signal)
    const judged = inOrder(
      failures.map(failure => {
        const sighting = {...sightingOf(failure, sources), registered: registered.get(failure.subject)}
        const confidence = confidenceOf(failure, sighting)
        return {
          ...failure,
          what: WHAT_FAILS[failure.kind],
          confidence,
          grade: gradeOf(confidence),
          ...addressOf(failure, {page, sha, sources}),
        }
      }),
    )
    const [cause] = judged
    return {
      ...{repository, about, url, pull, sha, failures: judged, unread, left: left + subject.left},
      verdict: runs.length > 0 ? 'failing' : otherwise,
      runs: runs.map(run => ({
        url: run.url,
        workflow: run.name,
        conclusion: run.conclusion ?? run.status,
      })),
      fix: cause && fixFor(cause, sources, {registered: registered.get(cause.subject)}),
      explanation: cause ? await explain({llm, consult}, {failure: cause, about, signal}) : {kind: 'off'},
    }
  }
}

function isFailing(conclusion: string | null): boolean {
  return conclusion === 'failure' || conclusion === 'timed_out' || conclusion === 'startup_failure'
}

function hasFailed({conclusion}: JobDetail): boolean {
  return isFailing(conclusion)
}

/** A job that ran too long is cancelled; where one failed, the cancelled ones only follow. */
function brokenJobs(jobs: readonly JobDetail[]): readonly JobDetail[] {
  const failed = jobs.filter(hasFailed)
  return failed.length > 0 ? failed : jobs.filter(job => job.conclusion === 'cancelled')
}

function isInside(path: string): boolean {
  return path.length <= 300 && !path.startsWith('/') && !path.split('/').includes('..')
}

function sightingOf({kind, subject, file}: Failure, sources: Sources): Sighting {
  if (kind !== 'missing_dependency' || subject === undefined) return {}
  const imports = (text: string) =>
    text.split('\n').some(line => /import|require|from/.test(line) && line.includes(subject))
  const own = file === undefined ? undefined : sources.get(file)
  if (own !== undefined && imports(own)) return {imported: 'here'}
  if ([...sources.values()].some(imports)) return {imported: 'elsewhere'}
  return own === undefined ? {} : {imported: 'nowhere'}
}

function addressOf(
  {file, line}: Failure,
  {page, sha, sources}: {readonly page: string | undefined; readonly sha: string; readonly sources: Sources},
): {readonly url?: string} {
  if (file === undefined || page === undefined || !sources.has(file)) return {}
  const path = file.split('/').map(encodeURIComponent).join('/')
  const url = `${page}/blob/${sha}/${path}${line === undefined ? '' : `#L${line}`}`
  return {url: url.replace(/[()]/g, mark => (mark === '(' ? '%28' : '%29'))}
}
