import type {CodeHost} from '../integrations/github/code-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {DeploymentsPort, TargetSummary} from '../sdk/index.ts'
import type {Explain} from './explain.ts'
import type {Deployments} from './service.ts'
import type {DeploymentRequest} from './state.ts'

/** A target as configured: what it is, and the workflow inputs it wants. */
export interface Target extends TargetSummary {
  readonly service: string
  /** May hold `${{ options.api_base }}`; an input whose option was not given is not sent. */
  readonly inputs: Readonly<Record<string, string>>
}

const REFS_WITHIN_MS = 1500
const REFS_FRESH_MS = 30_000

/** What commands and agents may ask about deployments. */
export function createDeploymentsPort(options: {
  readonly deployments: Deployments | undefined
  readonly explain: Explain | undefined
  readonly codeHost: CodeHost | undefined
  readonly targets: readonly Target[]
  readonly patience: DeploymentRequest['patience']
  readonly refuseUrl: (url: string) => string | undefined
  readonly clock: Clock
}): DeploymentsPort {
  const {deployments, explain, codeHost, targets, patience, refuseUrl, clock} = options
  const refs = new Map<string, {readonly names: readonly string[]; readonly until: number}>()
  const byName = (name: string) => targets.find(target => target.name === name)

  return {
    targets: () => targets,
    target: byName,
    refuseUrl,

    async refs(name, typed) {
      const target = byName(name)
      if (!target || !codeHost) return []
      const key = `${target.repository} ${typed}`
      const known = refs.get(key)
      if (known && known.until > clock()) return known.names
      const look = await codeHost.refs({
        repository: target.repository,
        prefix: typed,
        signal: AbortSignal.timeout(REFS_WITHIN_MS),
      })
      if (look.kind !== 'seen') return known?.names ?? (target.ref.startsWith(typed) ? [target.ref] : [])
      const names = [
        ...new Set([...look.value].sort((a, b) => Number(b === target.ref) - Number(a === target.ref))),
      ]
      if (refs.size > 200) refs.clear()
      refs.set(key, {names, until: clock() + REFS_FRESH_MS})
      return names
    },

    async explain(asked) {
      const request = requestOf({...asked, correlationId: '', wait: false})
      if (!explain) throw notConfigured()
      return explain(request)
    },

    async request(asked) {
      const request = requestOf(asked)
      if (!deployments) throw notConfigured()
      await deployments.request(request)
    },
  }

  function requestOf({
    correlationId,
    actor,
    target: name,
    ref,
    apiBase,
    strategy,
    wait,
    announcedElsewhere,
    decidedElsewhere,
    goesBack,
  }: Parameters<DeploymentsPort['request']>[0]): DeploymentRequest {
    const target = byName(name)
    if (!target) throw new AppError('INVALID_INPUT', `There is no target ${name}.`)
    if (!codeHost) throw notConfigured()
    const refusal = apiBase === undefined ? undefined : refuseUrl(apiBase)
    if (refusal !== undefined) throw new AppError('INVALID_INPUT', `api_base: ${refusal}`)
    return {
      correlationId,
      target: target.name,
      repository: target.repository,
      workflow: target.workflow,
      ref: ref ?? target.ref,
      environment: target.environment,
      service: target.service,
      inputs: {
        ...resolveInputs(target.inputs, {api_base: apiBase, strategy, environment: target.environment}),
        ...(apiBase === undefined ? {} : {VITE_API_BASE: apiBase}),
        correlation_id: correlationId,
        requester: actor.name,
      },
      requester: {id: actor.id, name: actor.name, kind: actor.kind},
      ...(apiBase === undefined ? {} : {apiBase}),
      wait,
      ...(announcedElsewhere ? {announcedElsewhere} : {}),
      ...(decidedElsewhere ? {decidedElsewhere} : {}),
      ...(goesBack ? {goesBack} : {}),
      requestedAt: clock(),
      patience,
      workflowUrl: codeHost.workflowUrl(target.repository, target.workflow),
    }
  }
}

function notConfigured(): AppError {
  return new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
}

/** Fills `${{ options.x }}`. An input that needs an option which was not given is left out, so the workflow's default holds. */
export function resolveInputs(
  inputs: Readonly<Record<string, string>>,
  options: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, template]) => {
      let complete = true
      const value = template.replace(/\$\{\{\s*options\.([a-z_]+)\s*\}\}/g, (_all, option: string) => {
        const given = options[option]
        if (given === undefined) complete = false
        return given ?? ''
      })
      return complete ? [[name, value]] : []
    }),
  )
}
