import {workflowFileOf, type CodeHost, type RunDetail} from '../integrations/github/code-host.ts'
import {valueOf} from '../integrations/github/look.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {DeployQuestion, EndpointsPort, TargetSummary, VerificationPort} from '../sdk/index.ts'
import {composeVerification, type SiteFacts} from './compose.ts'
import {runFacts, runNamed} from './run-facts.ts'

/** A target with the addresses that must answer after a deployment. */
export interface VerifiedTarget extends Pick<TargetSummary, 'name' | 'repository' | 'workflow' | 'ref'> {
  readonly verify: Bases
}

/** Where a frontend and an API are. */
export interface Bases {
  readonly frontend?: string | undefined
  readonly api?: string | undefined
}

/** The addresses of a target; those that hold for the whole installation where it names none. */
export function basesOf(target: Pick<VerifiedTarget, 'verify'> | undefined, general: Bases): Bases {
  return {frontend: target?.verify.frontend ?? general.frontend, api: target?.verify.api ?? general.api}
}

/** What agents may ask about deploys that have happened. */
export function createVerification({
  codeHost,
  endpoints,
  targets,
  repositories,
  bases,
  clock,
}: {
  /** Undefined: GitHub is off. */
  readonly codeHost: CodeHost | undefined
  readonly endpoints: Pick<EndpointsPort, 'check'>
  readonly targets: readonly VerifiedTarget[]
  /** Those of this installation: what a token can see is not what people may reach through it. */
  readonly repositories: readonly string[]
  readonly bases: Bases
  readonly clock: Clock
}): VerificationPort {
  function github(): CodeHost {
    if (codeHost) return codeHost
    throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
  }

  function targetNamed(name: string): VerifiedTarget {
    const target = targets.find(one => one.name === name)
    if (target) return target
    const known = targets.map(one => one.name).join(', ') || 'none'
    throw new AppError('INVALID_INPUT', `There is no target ${name}; there is ${known}.`)
  }

  /** The run that an address names, and the target that it is to be verified as, where that is said. */
  function addressed(runUrl: string, name: string | undefined) {
    const named = runNamed(runUrl)
    if (!named)
      throw new AppError(
        'INVALID_INPUT',
        'This is not the address of a run. It looks like https://github.com/owner/name/actions/runs/123.',
      )
    const repository = repositories.find(one => one.toLowerCase() === named.repository.toLowerCase())
    if (repository === undefined)
      throw new AppError(
        'NOT_PERMITTED',
        `${named.repository} is not one of our repositories: ${repositories.join(', ') || 'none is configured'}. An operator can add a target for it.`,
      )
    const target = name === undefined ? undefined : targetNamed(name)
    if (target && target.repository.toLowerCase() !== repository.toLowerCase())
      throw new AppError(
        'INVALID_INPUT',
        `${target.name} is shipped from ${target.repository}, and the run is of ${repository}.`,
      )
    return {repository, id: named.id, target}
  }

  /** The one target that such a run ships; undefined where it may be any of several. */
  function targetOf(repository: string, workflow: string): VerifiedTarget | undefined {
    const own = targets.filter(one => one.repository === repository)
    const [target, ...others] = own.length === 1 ? own : own.filter(one => one.workflow === workflow)
    return others.length === 0 ? target : undefined
  }

  async function newestOf(target: VerifiedTarget, signal: AbortSignal): Promise<string | undefined> {
    const {repository, workflow, ref} = target
    const look = await github().recentRuns({repository, workflow, branch: ref, count: 1, signal})
    const missing = `Workflow ${workflow} was not found in ${repository}. Check the target’s configuration.`
    return valueOf(look, missing, clock)[0]?.id
  }

  async function detailOf(repository: string, runId: string): Promise<RunDetail> {
    const look = await github().run({repository, runId})
    return valueOf(look, `There is no run ${runId} in ${repository}, or our token can’t see it.`, clock)
  }

  async function sites(
    where: Bases,
    signal: AbortSignal,
  ): Promise<Record<keyof Bases, SiteFacts | undefined>> {
    const checks = await endpoints.check(signal, where)
    const of = (side: keyof Bases): SiteFacts | undefined => {
      const base = where[side]
      return base === undefined ? undefined : {base, checks: checks.filter(check => check.side === side)}
    }
    return {frontend: of('frontend'), api: of('api')}
  }

  async function subjectOf({target: name, runUrl, runId, signal}: DeployQuestion) {
    if (runUrl !== undefined) return addressed(runUrl, name)
    const target = targetNamed(name ?? 'client')
    return {repository: target.repository, id: runId ?? (await newestOf(target, signal)), target}
  }

  return {
    async verify(question) {
      const {repository, id, target: said} = await subjectOf(question)
      if (id === undefined)
        return {
          verdict: 'failed',
          run: null,
          reply: {
            state: 'error',
            title: `${plain(said?.name ?? repository, 40)} · nothing to verify`,
            lines: [
              `${code(said?.workflow ?? '')} has not run on ${code(said?.ref ?? '')} of ${plain(repository, 100)} yet`,
              'deploy first, or name a run with `run_url`',
            ],
          },
        }
      const run = await detailOf(repository, id)
      const ran = workflowFileOf(run)
      const target = said ?? targetOf(repository, ran)
      const looked = await sites(basesOf(target, bases), question.signal)
      question.signal.throwIfAborted()
      const isOther = target !== undefined && ran !== '' && ran !== target.workflow
      return composeVerification({
        target: target?.name ?? repository,
        run: runFacts(run),
        ...(isOther ? {otherWorkflow: {ran, ships: target.workflow}} : {}),
        ...looked,
      })
    },
  }
}
