import type {Pool} from 'pg'
import type {AccessPolicy} from '../access/policy.ts'
import {createCatalogue} from '../bot/catalogue.ts'
import {createInterruptions} from '../bot/interruptions.ts'
import {createPipeline, type Pipeline} from '../bot/pipeline.ts'
import {createCancellation} from '../deployments/cancellation.ts'
import {createDeploymentLock} from '../deployments/lock.ts'
import {createDeploymentPhases} from '../deployments/metrics.ts'
import {createDeploymentsPort} from '../deployments/port.ts'
import {createDeployments, type Deployments} from '../deployments/service.ts'
import {createDeploymentStore} from '../deployments/store.ts'
import {createWorkflowRuns} from '../deployments/workflow-runs.ts'
import {createEndpoints} from '../health/endpoints.ts'
import {createDocumentation} from '../documentation/port.ts'
import {createDiscordApi, type DiscordApi} from '../integrations/discord/api.ts'
import {createOctokitCodeHost} from '../integrations/github/octokit-code-host.ts'
import {createOctokitRepositoryHost} from '../integrations/github/octokit-repository-host.ts'
import {createArrivalStore} from '../invocations/arrival-store.ts'
import {createInvocations, type Invocations} from '../invocations/service.ts'
import {createInvocationStore, type EndedCommand, type InvocationStore} from '../invocations/store.ts'
import {systemClock} from '../kernel/clock.ts'
import {checkPublicUrl} from '../kernel/public-url.ts'
import {createLocksPort} from '../locks/port.ts'
import {createTakeOvers, type TakeOvers} from '../locks/take-over.ts'
import {createTakeOverStore} from '../locks/take-over-store.ts'
import {createNotifications, type Notifications} from '../notifications/service.ts'
import {createReplyStore, type ReplyStore} from '../notifications/store.ts'
import {createPipelines} from '../pipelines/port.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createSafeHttp} from '../platform/safe-http.ts'
import {createMetrics, type Metrics} from '../platform/metrics.ts'
import {createOutbox, type Outbox} from '../platform/outbox.ts'
import {createPool} from '../platform/postgres.ts'
import {createQueues, type Queues} from '../platform/queue.ts'
import {createReviews} from '../reviews/port.ts'
import {createFollowers, type Followers} from '../workflows/followers.ts'
import {createFollowerStore} from '../workflows/follower-store.ts'
import {createLaunch, type Launch} from '../workflows/launch.ts'
import {createRunsPort} from '../workflows/port.ts'
import type {AgentDefinition, CommandDefinition, Services} from '../sdk/index.ts'
import {openCoordination, type Coordination} from './coordination.ts'
import {loadFolder} from './load-plugins.ts'
import {proveCompleteness} from './prove-completeness.ts'
import {openWorkflows, type HouseWorkflows} from './workflows.ts'

/** Everything built once per process, whatever its roles; the roles start what they need of it. */
export interface House {
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  readonly pool: Pool
  readonly queues: Queues
  readonly outbox: Outbox
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly discord: DiscordApi | undefined
  readonly coordination: Coordination
  readonly takeOvers: TakeOvers
  readonly workflows: HouseWorkflows
  readonly launch: Launch
  readonly followers: Followers
  readonly services: Services
  readonly invocationStore: InvocationStore
  readonly invocations: Invocations
  readonly replies: ReplyStore
  readonly notifications: Notifications | undefined
  readonly interruptions: ReturnType<typeof createInterruptions> | undefined
  readonly notify: (invocationId: string) => Promise<void>
  readonly deployments: Deployments | undefined
  readonly pipeline: Pipeline | undefined
  /** How long a dead worker's work waits before another takes it over. */
  readonly leaseMs: number
  close(): Promise<void>
}

/** Straight-line construction, top to bottom; `close` undoes it backwards. Refuses to build an incomplete house. */
export async function buildHouse(options: {
  readonly config: Config
  readonly databaseUrl: string
  readonly log: Logger
  readonly redact: (text: string) => string
}): Promise<House> {
  const {config, databaseUrl, log, redact} = options
  const clock = systemClock
  const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
  const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  proveCompleteness({commands, agents, accessRules: config.access.keys()})

  const metrics = createMetrics()
  const pool = createPool({
    connectionString: databaseUrl,
    max: 10,
    min: 1,
    applicationName: `signalbox ${config.instanceId}`,
    onError: error => log.warn({err: error}, 'an idle database connection broke'),
  })
  // The one that stays open, from the start: the first command's arrival is not to wait for a connection.
  await pool.query('select 1')
  const redis = config.redis && {redisUrl: config.redis.url, prefix: await queuePrefix(pool)}
  const queues = createQueues({...(redis ?? {databaseUrl}), log})
  const outbox = createOutbox({db: pool, queues, log, clock})
  const urlRules = {allowedDomains: config.urls.allowedDomains}
  const coordination = openCoordination({
    pool,
    databaseUrl,
    where: redis ?? {databaseUrl},
    namespace: redis?.prefix,
    leaseMs: config.registry.leaseMs,
    urlRules,
    agents,
    metrics,
    log,
  })
  const workflows = await openWorkflows({
    pool,
    databaseUrl,
    instance: coordination.instanceId,
    agents,
    outbox,
    locks: coordination.locks,
    metrics,
    log,
  })

  const policy: AccessPolicy = {admin: config.admin, principals: config.principals, rules: config.access}
  const discord = config.discord && createDiscordApi(config.discord)
  const codeHost = config.github && (await createOctokitCodeHost({...config.github, clock}))
  const repositoryHost = config.github && (await createOctokitRepositoryHost({...config.github, clock}))

  const invocationStore = createInvocationStore({pool})
  const invocations = createInvocations({store: invocationStore, outbox})
  const replies = createReplyStore({pool})
  const leaseMs = config.worker.leaseMs
  const notifications =
    discord &&
    createNotifications({
      store: replies,
      discord,
      queues,
      clock,
      log,
      handoverMs: config.interactionHandoverMs,
      leaseMs: leaseMs + 5000,
    })
  const arrivals = createArrivalStore({pool})
  const interruptions =
    discord &&
    createInterruptions({
      arrivals,
      discord,
      // A bot that is merely slow is not interrupted, however short the leases.
      afterMs: Math.max(10_000, 3 * leaseMs),
      clock,
      log,
    })
  const notify = async (id: string) => notifications?.changed(id)

  const observeEnd = ({command, status, tookMs}: EndedCommand) =>
    metrics.commandDuration.observe({command, outcome: status}, tookMs / 1000)
  const deploymentStore = createDeploymentStore({pool})
  const deployments =
    codeHost &&
    createDeployments({
      pool,
      store: deploymentStore,
      replies,
      invocations: invocationStore,
      codeHost,
      queues,
      lock: createDeploymentLock({locks: coordination.locks, leaseMs}),
      notify,
      observeEnd,
      redact,
      phases: createDeploymentPhases(metrics.deployPhase),
      clock,
      log,
      leaseMs,
    })
  const launch = createLaunch({library: workflows.library, workflows: workflows.service})
  const followerStore = createFollowerStore({pool})
  const followers = createFollowers({
    pool,
    store: followerStore,
    workflows: workflows.service,
    invocations: invocationStore,
    replies,
    notify,
    observeEnd,
    redact,
    clock,
    log,
  })
  const takeOvers = createTakeOvers({
    pool,
    store: createTakeOverStore({pool}),
    locks: coordination.locks,
    policy,
    invocations: {...invocations, store: invocationStore},
    replies,
    notify,
    observeEnd,
  })
  const targets = [...config.targets.values()].flatMap(target =>
    target.repository === undefined ? [] : [{...target, repository: target.repository}],
  )
  const services: Services = {
    deployments: createDeploymentsPort({
      deployments,
      codeHost,
      targets,
      patience: {
        discoveryMs: config.runs.discoveryTimeoutMs,
        watchMs: config.runs.watchTimeoutMs,
        pollMs: config.runs.pollIntervalMs,
      },
      refuseUrl: url => {
        const verdict = checkPublicUrl(url, urlRules)
        return verdict.ok ? undefined : verdict.reason
      },
      clock,
    }),
    workflowRuns: createWorkflowRuns({codeHost, targets}),
    invocations: createCancellation({
      pool,
      policy,
      invocations: invocationStore,
      replies,
      deployments,
      runs: followers,
      queues,
      notify,
      observeEnd,
    }),
    locks: createLocksPort({locks: coordination.locks, takeOvers}),
    catalogue: createCatalogue({commands, agents, policy, directory: coordination.registry.directory}),
    endpoints: createEndpoints({
      frontendBase: config.urls.frontendBase,
      apiBase: config.urls.apiBase,
      http: createSafeHttp(urlRules),
    }),
    pipelines: createPipelines({
      github: codeHost && repositoryHost && {code: codeHost, repository: repositoryHost},
      targets,
      defaultRepository: config.github?.repository,
      allowWrites: config.admin.allowSecretWrites,
      patience: {discoveryMs: config.runs.discoveryTimeoutMs, pollMs: config.runs.pollIntervalMs},
      clock,
      log,
    }),
    reviews: createReviews({host: repositoryHost, clock}),
    documentation: createDocumentation({host: repositoryHost, clock}),
    runs: createRunsPort({
      library: workflows.library,
      workflows: workflows.service,
      launch,
      followers,
      askers: followerStore,
      policy,
      redact,
      clock,
    }),
  }
  const pipeline =
    discord &&
    createPipeline({
      commands,
      policy,
      services,
      invocations,
      invocationStore,
      arrivals,
      replies,
      discord,
      observeAck: seconds => metrics.interactionAck.observe(seconds),
      clock,
      log,
    })

  return {
    config,
    log,
    metrics,
    pool,
    queues,
    outbox,
    commands,
    agents,
    discord,
    coordination,
    takeOvers,
    workflows,
    launch,
    followers,
    services,
    invocationStore,
    invocations,
    replies,
    notifications,
    interruptions,
    notify,
    deployments,
    pipeline,
    leaseMs,
    async close() {
      await outbox.close()
      await queues.close()
      await coordination.close()
      await pool.end()
    },
  }
}

/** Two installations may share a Redis: the database says which one this is. */
async function queuePrefix(pool: Pool): Promise<string> {
  const {rows} = await pool.query<{id: string}>('select id from installation')
  return `signalbox-${(rows[0]?.id ?? '').slice(0, 8)}`
}
