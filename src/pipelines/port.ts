import {resolveInputs} from '../deployments/port.ts'
import {failingStep} from '../deployments/log-excerpt.ts'
import {workflowFileOf, type CodeHost, type RunSummary} from '../integrations/github/code-host.ts'
import {valueIfAny, valueOf} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import {redactText} from '../platform/redact.ts'
import type {
  PastRun,
  PipelinesPort,
  RunStep,
  ShippingTarget,
  StartedRun,
  TargetSummary,
} from '../sdk/index.ts'
import {chooseWorkflow, lastGood, newestOfEach, targetsShipped} from './choose.ts'
import {createCommitRefs, unseenRepository} from './commit-refs.ts'
import {causeOf, diagnose, type Evidence} from './diagnose.ts'
import {createFollower, type Patience} from './follow.ts'
import {repositoryNamed} from './repository-name.ts'
import {sumOfCounts, testCounts} from './test-counts.ts'

const HISTORY = 50
/** Logs read of one run: each is a request and up to half a megabyte. */
const MOST_LOGS = 5
/** What a log's failure is judged by. */
const LOG_END = 20_000

/** A target as configured. */
export interface ConfiguredTarget extends TargetSummary {
  readonly service: string
  readonly inputs: Readonly<Record<string, string>>
  readonly verify: {readonly frontend?: string; readonly api?: string}
}

/** A target that is about to be shipped to. */
export interface Shipment {
  readonly target: Pick<TargetSummary, 'name' | 'repository' | 'workflow' | 'environment'>
  /** Its run is stopped where it is of another one. Undefined: whatever the branch or tag holds by then. */
  readonly sha: string | undefined
  /** Undefined: no run asks for it. */
  readonly step: RunStep | undefined
}

/** The two halves of GitHub that pipelines work with. */
export interface GithubHosts {
  readonly code: CodeHost
  readonly repository: RepositoryHost
}

/** What agents may ask about runs of GitHub workflows. */
export function createPipelines({
  github,
  targets,
  defaultRepository,
  allowWrites,
  permit,
  patience,
  clock,
  log,
}: {
  readonly github: GithubHosts | undefined
  readonly targets: readonly ConfiguredTarget[]
  readonly defaultRepository: string | undefined
  /** ALLOW_SECRET_WRITES: variables may be changed. */
  readonly allowWrites: boolean
  /** Asked before the workflow of a target is started. @throws NOT_PERMITTED where it may not be shipped to. */
  readonly permit: (shipment: Shipment) => Promise<void>
  readonly patience: Patience
  readonly clock: Clock
  readonly log: Logger
}): PipelinesPort {
  const follower = github && createFollower({codeHost: github.code, patience, clock, log})
  const known = repositoriesOf(targets, defaultRepository)

  function hosts(): GithubHosts {
    if (!github) throw notConfigured()
    return github
  }

  function refs() {
    return createCommitRefs({host: hosts().repository, clock})
  }

  function following() {
    if (!follower) throw notConfigured()
    return follower
  }

  const pipelines: PipelinesPort = {
    repository(text) {
      if (text === undefined) {
        if (defaultRepository !== undefined) return defaultRepository
        throw new AppError('INVALID_INPUT', 'Name a repository; an operator can set GITHUB_REPOSITORY.')
      }
      return repositoryNamed(text, {known, hosts: hostsOf(hosts().repository.htmlUrl)})
    },

    target(name) {
      const target = targets.find(one => one.name === name)
      if (!target)
        throw new AppError(
          'INVALID_INPUT',
          `There is no target ${name}; there is ${targets.map(one => one.name).join(', ') || 'none'}.`,
        )
      return shipping(target, targets)
    },

    targetOf(environment) {
      const [target, ...others] = targets.filter(one => one.environment === environment)
      return target && others.length === 0 ? shipping(target, targets) : undefined
    },

    async workflowFor({repository, pipeline, signal}) {
      const look = await hosts().repository.workflows({repository, signal})
      return chooseWorkflow(valueOf(look, unseenRepository(repository), clock), pipeline)
    },

    async runsOf({repository, sha, signal}) {
      const look = await hosts().code.runsOf({repository, sha, signal})
      return newestOfEach(valueOf(look, unseenRepository(repository), clock).map(toPast))
    },

    async checksOf({repository, sha, signal}) {
      const look = await hosts().repository.checks({repository, sha, signal})
      return valueOf(look, `${repository} has no commit ${sha}.`, clock)
    },

    async history({repository, workflow}, signal) {
      const look = await hosts().code.recentRuns({repository, workflow, count: HISTORY, signal})
      const missing = `Workflow ${workflow} was not found in ${repository}. Check the target’s configuration.`
      return valueOf(look, missing, clock)
        .filter(run => !run.event.startsWith('pull_request'))
        .map(toPast)
    },

    lastGood,

    async commitAt({repository, ref, signal}) {
      const look = await hosts().repository.commit({repository, ref, signal})
      return valueOf(look, `${repository} has no ${ref}, or our token can’t see it.`, clock).sha
    },

    refAt: async query => refs().refAt(query),
    tag: async change => refs().tag(change),

    async dispatch(request) {
      const {sha, step} = request
      for (const target of targetsShipped(targets, request)) await permit({target, sha, step})
      return following().dispatch(request)
    },
    find: async request => following().find(request),
    follow: async (run, how) => following().follow(run, how),

    async tests(run, signal) {
      const logs = await logsOf(run, signal, () => true)
      return sumOfCounts(logs.flatMap(({text}) => testCounts(text) ?? []))
    },

    async diagnose({role, target, issues, tried, signal}) {
      const history = await pipelines.history(target, signal)
      const [latest] = history
      const failure =
        role === 'code-review' && latest?.conclusion === 'failure'
          ? await failureOf({repository: target.repository, id: latest.id, url: latest.url}, signal)
          : undefined
      return diagnose(role, {target: target.name, issues, history, failure, tried, now: clock()})
    },

    async setVariable({repository, name, value, signal}) {
      if (!allowWrites)
        throw new AppError(
          'NOT_PERMITTED',
          'Changing variables is switched off. An operator can set ALLOW_SECRET_WRITES=true.',
        )
      if (redactText(value) !== value || redactText(`${name}=${value}`) !== `${name}=${value}`)
        throw new AppError(
          'INVALID_INPUT',
          'This looks like a secret. Variables can be read by everyone who can read the repository.',
        )
      const host = hosts().repository
      const before = valueIfAny(await host.variable({repository, name, signal}), clock)
      if (before === value) return 'unchanged'
      const change = {repository, name, value, signal}
      const look =
        before === undefined ? await host.createVariable(change) : await host.updateVariable(change)
      valueOf(look, unseenRepository(repository), clock)
      return before === undefined ? 'created' : 'changed'
    },
  }

  async function logsOf(
    {repository, id}: StartedRun,
    signal: AbortSignal,
    wanted: (job: {readonly conclusion: string | null}) => boolean,
  ) {
    const host = hosts().code
    const look = await host.run({repository, runId: id})
    if (look.kind !== 'seen') return []
    const found = []
    for (const job of look.value.jobs.filter(wanted).slice(0, MOST_LOGS)) {
      signal.throwIfAborted()
      const text = await host.jobLog({repository, jobId: job.id})
      if (text.kind === 'seen') found.push({job, text: text.value})
    }
    return found
  }

  async function failureOf(run: StartedRun, signal: AbortSignal): Promise<Evidence['failure']> {
    const [first] = await logsOf(run, signal, job => job.conclusion === 'failure')
    return (
      first && {
        job: first.job.name,
        step: failingStep(first.job)?.name,
        cause: causeOf(first.text.slice(-LOG_END)),
      }
    )
  }

  return pipelines
}

/** The repositories of this installation: those of its targets, and the default one. */
export function repositoriesOf(
  targets: readonly {readonly repository: string}[],
  defaultRepository: string | undefined,
): readonly string[] {
  const all = targets.map(target => target.repository)
  return [...new Set(defaultRepository === undefined ? all : [defaultRepository, ...all])]
}

/** The hosts at which an address means a repository of ours: a local server's stands for github.com. */
export function hostsOf(htmlUrl: string): readonly string[] {
  return ['github.com', 'www.github.com', new URL(htmlUrl).host]
}

/** What everything here throws without GitHub. */
export function notConfigured(): AppError {
  return new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
}

function shipping(target: ConfiguredTarget, targets: readonly ConfiguredTarget[]): ShippingTarget {
  const {name, repository, workflow, ref, environment, service, inputs, verify} = target
  const shared = targets.some(
    other => other.name !== name && other.repository === repository && other.workflow === workflow,
  )
  return {
    ...{name, repository, workflow, ref, environment, service, verify, shared},
    inputs: resolveInputs(inputs, {environment}),
  }
}

function toPast(run: RunSummary): PastRun {
  const {id, url, headSha, event, status, conclusion, createdAt, updatedAt} = run
  return {
    id,
    url,
    workflow: workflowFileOf(run),
    sha: headSha,
    event,
    status,
    conclusion,
    createdAt,
    updatedAt,
  }
}
