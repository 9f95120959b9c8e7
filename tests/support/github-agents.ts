import {createHash} from 'node:crypto'
import {Registry} from 'prom-client'
import {createChanges} from '../../src/changes/port.ts'
import {createDocumentation} from '../../src/documentation/port.ts'
import type {GithubEmulator} from '../../src/emulators/github/index.ts'
import {createEndpoints} from '../../src/health/endpoints.ts'
import {createOctokitCodeHost} from '../../src/integrations/github/octokit-code-host.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import {createLlmMetrics} from '../../src/integrations/llm/metrics.ts'
import {createLlm} from '../../src/integrations/llm/model.ts'
import type {Json} from '../../src/kernel/json.ts'
import type {Projects} from '../../src/notifications/projects.ts'
import {createPipelines, type ConfiguredTarget, type Shipment} from '../../src/pipelines/port.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {redactText} from '../../src/platform/redact.ts'
import {createSafeHttp} from '../../src/platform/safe-http.ts'
import {createReviews} from '../../src/reviews/port.ts'
import type {ActionContext, AgentDefinition, Reply, Services} from '../../src/sdk/index.ts'

export const CORRELATION_ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const POLL_MS = 20
const DISCOVERY_MS = 250

/** What an attempt leaves behind, for another attempt to find: the rows of its effects. */
export type EffectRows = Map<string, {result?: Json}>

export interface GithubAgents {
  readonly services: Services
  /** Everything the action showed while it ran. */
  readonly shown: readonly Reply[]
  /** Performs an action as a step of a workflow would. `rows` of an attempt that was cut short make it the next try of it. */
  perform(
    agent: AgentDefinition,
    action: string,
    input: unknown,
    how?: {readonly rows?: EffectRows; readonly signal?: AbortSignal; readonly attempt?: number},
  ): Promise<{readonly reply: Reply; readonly output: Record<string, Json>}>
}

export const CLIENT: ConfiguredTarget = {
  name: 'client',
  repository: 'acme/web',
  workflow: 'client-deploy.yml',
  ref: 'main',
  environment: 'production',
  service: 'web',
  inputs: {},
  verify: {},
}

/** Agents on the real octokit and the GitHub emulator. Effects are kept as the engine keeps them, but in memory. */
export async function githubAgents(
  github: GithubEmulator,
  {
    targets = [CLIENT],
    allowWrites = false,
    permit = async () => undefined,
    modelUrl,
    projects,
    permissions = {
      metadata: 'read',
      actions: 'write',
      contents: 'write',
      pull_requests: 'write',
      variables: 'write',
      checks: 'read',
    },
  }: {
    readonly targets?: readonly ConfiguredTarget[]
    readonly allowWrites?: boolean
    readonly permit?: (shipment: Shipment) => Promise<void>
    /** Where a scripted model answers; none, and there is no model. */
    readonly modelUrl?: string
    /** Linear's, one of which is called `web`. */
    readonly projects?: Projects
    readonly permissions?: Readonly<Record<string, 'read' | 'write'>>
  } = {},
): Promise<GithubAgents> {
  const clock = Date.now
  const token = github.token({login: 'signalbox', permissions})
  const options = {auth: {kind: 'token' as const, token}, apiUrl: github.url, clock, throttle: false}
  const code = await createOctokitCodeHost(options)
  const repository = await createOctokitRepositoryHost(options)
  const shown: Reply[] = []
  const services = {
    pipelines: createPipelines({
      github: {code, repository},
      targets,
      defaultRepository: 'acme/web',
      allowWrites,
      permit,
      patience: {discoveryMs: DISCOVERY_MS, pollMs: POLL_MS},
      clock,
      log: {warn() {}, error() {}, info() {}, debug() {}} as never,
    }),
    changes: createChanges({
      host: repository,
      llm: modelAt(modelUrl),
      consult: async () => [],
      projects: () => projects,
      projectNames: projects ? ['web'] : [],
      projectsOf: () => [],
      clock,
    }),
    reviews: createReviews({host: repository, clock}),
    documentation: createDocumentation({host: repository, clock}),
    endpoints: createEndpoints({
      frontendBase: undefined,
      apiBase: undefined,
      http: createSafeHttp({allowLocal: true, retryDelayMs: 1}),
    }),
  } as Partial<Services> as Services

  return {
    services,
    shown,
    async perform(agent, action, input, {rows = new Map(), signal, attempt = 1} = {}) {
      const definition = agent.actions[action]
      if (!definition) throw new Error(`${agent.id} has no action ${action}`)
      const effect: ActionContext['effect'] = async (name, {run, find}) => {
        const known = rows.get(name)
        const finish = <T extends Json>(result: T): T => {
          rows.set(name, {result})
          return result
        }
        if (known && 'result' in known) return known.result as Awaited<ReturnType<typeof run>>
        const id = createHash('sha256').update(`run:step:${attempt}:${name}`).digest('hex').slice(0, 24)
        if (known) {
          const found = await find?.(id)
          if (found !== undefined) return finish(found)
          if (!find) throw new Error(`nobody knows whether ${name} happened`)
        }
        rows.set(name, {})
        return finish(await run(id))
      }
      const result = await definition.run(definition.input.parse(input), {
        actor: {kind: 'api', id: 'workflow:pr-deployment', name: 'pr-deployment'},
        correlationId: CORRELATION_ID,
        signal: signal ?? AbortSignal.timeout(30_000),
        services,
        now: clock,
        progress: async reply => void shown.push(reply),
        effect,
      })
      if (result.kind !== 'replied') throw new Error('the action left its end to others')
      const output = definition.output ? definition.output.parse(result.output) : (result.output ?? null)
      return {reply: result.reply, output: output as Record<string, Json>}
    },
  }
}

/** The real client; what it may spend is kept by nobody. */
function modelAt(url: string | undefined) {
  const anything = Number.MAX_SAFE_INTEGER
  return createLlm({
    config:
      url === undefined
        ? undefined
        : {
            baseUrl: url,
            model: 'small',
            apiKey: 'key-of-the-endpoint',
            agents: new Map(),
            prices: new Map(),
            budget: {dollarsPerDay: anything, tokensPerDay: anything, tokensPerCall: 16_000},
            timeoutMs: 5_000,
          },
    spending: {reserve: async () => 'today', settle: async () => undefined},
    redact: redactText,
    metrics: createLlmMetrics({registry: new Registry()}),
    clock: Date.now,
    log: silentLogger,
    backoffMs: 5,
  })
}
