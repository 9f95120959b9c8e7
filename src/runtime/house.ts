import type {Pool} from 'pg'
import type {AccessPolicy} from '../access/policy.ts'
import {requirementOf} from '../approvals/policy.ts'
import type {McpHouse} from '../api/mcp-tools.ts'
import {auditAgents} from '../audit/agents.ts'
import {auditLinear} from '../audit/linear.ts'
import {auditMailer} from '../audit/mail.ts'
import {auditLocks} from '../audit/own.ts'
import {createCatalogue} from '../bot/catalogue.ts'
import {createCancellation} from '../deployments/cancellation.ts'
import {createWorkflowRuns} from '../deployments/workflow-runs.ts'
import type {Evaluations} from '../evaluation/service.ts'
import {createEndpoints} from '../health/endpoints.ts'
import {createDiscordApi, type DiscordApi} from '../integrations/discord/api.ts'
import {createMailer} from '../integrations/email/mailer.ts'
import {openSdkLinear} from '../integrations/linear/sdk-linear.ts'
import {systemClock} from '../kernel/clock.ts'
import {createLocksPort} from '../locks/port.ts'
import {createTakeOvers, type TakeOvers} from '../locks/take-over.ts'
import {createTakeOverStore} from '../locks/take-over-store.ts'
import {createDiscordNotices} from '../notifications/channels/discord.ts'
import {createPullRequestNotices} from '../notifications/channels/pull-request.ts'
import type {Dispatcher} from '../notifications/dispatcher.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createMetrics, type Metrics} from '../platform/metrics.ts'
import {createOutbox, type Outbox} from '../platform/outbox.ts'
import {createPool} from '../platform/postgres.ts'
import {createQueues, type Queues} from '../platform/queue.ts'
import {createSafeHttp} from '../platform/safe-http.ts'
import type {Planning} from '../planning/service.ts'
import type {Plans} from '../plans/plans.ts'
import type {Conductor} from '../releases/conductor.ts'
import type {AgentDefinition, CommandDefinition, Services} from '../sdk/index.ts'
import {createSettings} from '../settings/service.ts'
import {createSettingChangeStore} from '../settings/store.ts'
import {createAgentErrors, type AgentErrors} from '../worker/agent-error.ts'
import {openApprovals, type HouseApprovals} from './approvals.ts'
import {openAudit, type HouseAudit} from './audit.ts'
import {openBot, type HouseBot} from './bot.ts'
import {openCode} from './code.ts'
import {openConversations, type HouseConversations} from './conversations.ts'
import {openCoordination, type Coordination} from './coordination.ts'
import {openDeployments, type HouseDeployments} from './deployments.ts'
import {openDesk} from './desk.ts'
import {openEvaluations} from './evaluations.ts'
import {openGithub} from './github.ts'
import {openInvocations, type HouseInvocations} from './invocations.ts'
import {openLinearHub, type HouseLinear} from './linear.ts'
import {openLlm} from './llm.ts'
import {loadFolder} from './load-plugins.ts'
import {openMail, type HouseMail} from './mail.ts'
import {openMcp} from './mcp.ts'
import {openNotices} from './notices.ts'
import {openPeople, type HousePeople} from './people.ts'
import {openPlanning} from './planning.ts'
import {openPlans} from './plans.ts'
import {openProjects, type HouseProjects} from './projects.ts'
import {proveCompleteness} from './prove-completeness.ts'
import {createPublicUrl, type PublicUrl} from './public-url.ts'
import {openQuality, type HouseQuality} from './quality.ts'
import {openReleases} from './releases.ts'
import {openReplies, type HouseReplies} from './replies.ts'
import {openRouting} from './routing.ts'
import {openRuns, type HouseRuns} from './runs.ts'
import {openTools} from './tools.ts'
import {openUptime, type HouseUptime} from './uptime.ts'
import {openVerification, type HouseVerification} from './verification.ts'
import {openWorkflows, type HouseWorkflows} from './workflows.ts'

/** Everything built once per process, whatever its roles; the roles start what they need of it. */
export interface House
  extends
    Pick<HousePeople, 'people' | 'links'>,
    Pick<HouseInvocations, 'invocations' | 'invocationStore' | 'interruptions'>,
    Pick<HouseReplies, 'replies' | 'notifications' | 'offers' | 'notify'>,
    Pick<HouseApprovals, 'approvals' | 'breakGlass'>,
    Pick<HouseDeployments, 'deployments'>,
    Pick<HouseRuns, 'launch' | 'followers' | 'gates' | 'tellRunEnd'>,
    HouseBot {
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
  readonly record: HouseAudit
  readonly workflows: HouseWorkflows
  readonly services: Services
  readonly conversations: HouseConversations
  /** What the MCP server that we are may do. */
  readonly mcp: McpHouse
  /** Those whose taking by force is recorded. */
  readonly forcedLocks: Pick<Coordination['locks'], 'list' | 'forceUnlock'>
  readonly takeOvers: TakeOvers
  /** Tells people that an agent failed, within that transaction. */
  readonly tellAgentError: AgentErrors
  readonly dispatcher: Dispatcher
  /** Undefined: no mail goes out. */
  readonly mail: HouseMail | undefined
  /** Undefined: nobody is asked in Linear. */
  readonly linear: HouseLinear | undefined
  readonly projects: HouseProjects | undefined
  readonly publicUrl: PublicUrl
  readonly uptime: HouseUptime
  readonly evaluations: Evaluations
  readonly plans: Plans
  readonly planning: Planning
  readonly releases: Conductor
  readonly verification: HouseVerification
  readonly quality: HouseQuality
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
  const loaded = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  proveCompleteness({commands, agents: loaded, accessRules: config.access.keys()})

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
  const publicUrl = createPublicUrl(config.http)
  const record = openAudit({pool, redact, metrics, log})
  const {audit} = record
  const agents = auditAgents(loaded, record)
  const redis = config.redis && {redisUrl: config.redis.url, prefix: await queuePrefix(pool)}
  const queues = createQueues({...(redis ?? {databaseUrl}), log})
  const outbox = createOutbox({db: pool, queues, log, clock})
  const urlRules = {allowedDomains: config.urls.allowedDomains, allowLocal: config.urls.allowLocal}
  const {leaseMs} = config.worker
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
  const {locks} = coordination
  const workflows = await openWorkflows({
    ...{pool, databaseUrl, agents, outbox, locks, metrics, log},
    instance: coordination.instanceId,
  })

  const policy: AccessPolicy = {admin: config.admin, principals: config.principals, rules: config.access}
  const llm = openLlm({config, pool, redact, metrics, clock, log})
  const discord = config.discord && createDiscordApi(config.discord)
  const github = await openGithub({config, pool, audit, clock})
  const {targets, repositories} = github
  const host = github.hosts?.repository
  const codeHost = github.hosts?.code
  const workspace = config.linear && auditLinear(await openSdkLinear({...config.linear, clock}), audit)
  const projects =
    config.linear &&
    workspace &&
    (await openProjects({config, linear: config.linear, workspace, audit, pool, clock, log}))
  const mailer =
    config.smtp &&
    config.notifications &&
    auditMailer(createMailer({smtp: config.smtp, from: config.notifications.emailFrom}), audit)

  const who = openPeople({config, pool, audit, github, mailer, log})
  const {people, links} = who
  const {notices, through} = openNotices({
    ...{pool, databaseUrl, metrics, clock, log},
    rules: config.notificationRules,
  })
  const uptime = openUptime({config, pool, notices, urlRules, redact, clock})
  const evaluations = openEvaluations({pool, runs: workflows.service, metrics, clock})
  const given = openInvocations({config, pool, discord, outbox, queues, metrics, clock, log})
  const {invocations, invocationStore, observeEnd} = given
  const messages = openReplies({config, pool, discord, queues, clock, log})
  const {replies, offers, notify} = messages
  const permits = openApprovals({
    ...{config, pool, who, messages, notices, audit, outbox, metrics, clock, log},
    journal: coordination.events.journal,
  })
  const {approvals} = permits

  const shipping = openDeployments({
    ...{config, pool, github, people, permits, given, messages, notices, locks, queues, urlRules},
    ...{metrics, redact, clock, log},
  })
  const {deployments, port: deploymentsPort} = shipping
  const runs = openRuns({
    ...{config, pool, workflows, github, people, permits, given, messages, notices, redact, clock, log},
  })
  const {followers, followerStore, pipelines} = runs
  const takeOvers = createTakeOvers({
    ...{pool, locks, policy, replies, notify, observeEnd},
    store: createTakeOverStore({pool}),
    invocations: {...invocations, store: invocationStore},
  })
  const plans = openPlans({
    ...{config, pool, discord, host, pipelines, people, policy, replies, audit, notify, clock, log},
    requirement: requirementOf('low', config.approvalPolicies),
  })
  const releases = openReleases({
    ...{config, pool, pipelines, invocations, replies, audit, notify, queues, clock, log},
    deploymentStore: shipping.store,
    deployments: deploymentsPort,
    http: createSafeHttp(urlRules),
  })
  const workflowRuns = createWorkflowRuns({codeHost, targets})
  const endpoints = createEndpoints({
    frontendBase: config.urls.frontendBase,
    apiBase: config.urls.apiBase,
    http: createSafeHttp(urlRules),
  })
  const verification = openVerification({
    ...{config, pool, codeHost, endpoints, targets, repositories, replies, notify, observeEnd, redact},
    ...{clock, log, leaseMs},
    invocations: invocationStore,
    refuseUrl: url => deploymentsPort.refuseUrl(url),
  })
  const quality = openQuality({config, databaseUrl, host, clock, log})
  const planning = openPlanning({
    ...{pool, llm, agents, workflows, targets, repositories, pipelines, followers, replies, people, policy},
    ...{redact, notify, log},
    directory: coordination.registry.directory,
  })
  const conversations = openConversations({
    ...{pool, approvals, people, replies, llm, commands, policy, invocations, audit, redact, clock},
    known: {targets, repositories},
    store: invocationStore,
    services: () => services,
  })
  const {tools, consult} = openTools({config, pool, audit, llm, metrics, redact, clock, log})

  const services: Services = {
    ...openDesk({
      ...{config, pool, policy, discord, host, workflowRuns, audit, offers, replies, notify, redact, clock},
    }),
    ...openCode({config, github, projects, pipelines, llm, consult, redact, clock}),
    ...permits.ports,
    ...verification.ports,
    ...quality.ports,
    deployments: deploymentsPort,
    workflowRuns,
    invocations: createCancellation({
      ...{pool, policy, replies, deployments, queues, notify, observeEnd},
      invocations: invocationStore,
      carriers: [followers, ...(verification.diagnoses ? [verification.diagnoses] : [])],
    }),
    locks: createLocksPort({locks, takeOvers}),
    catalogue: createCatalogue({commands, agents, policy, directory: coordination.registry.directory}),
    endpoints,
    pipelines,
    routing: openRouting(coordination),
    runs: runs.port,
    accounts: who.port,
    audit: record.port(publicUrl.current),
    conversations: conversations.port,
    offers,
    settings: createSettings({
      ...{host, audit, policy, targets, urlRules, clock},
      store: createSettingChangeStore({pool}),
      allowWrites: config.admin.allowSecretWrites,
      defaultRepository: config.github?.repository ?? config.targets.get('client')?.repository,
    }),
    tools,
    uptime: uptime.port,
    evaluations,
    plans,
    planning,
    releases,
  }

  const mail =
    mailer &&
    openMail({
      ...{mailer, pool, approvals, people, discord, clock, log},
      alwaysTo: config.notifications?.emailTo ?? [],
      publicUrl: publicUrl.current,
    })
  const linear =
    config.linear &&
    workspace &&
    openLinearHub({
      ...{pool, approvals, people, links, clock, log},
      config: config.linear,
      linear: workspace,
      sweepMs: config.approvals.sweepMs,
    })
  const dispatcher = through([
    discord &&
      createDiscordNotices({
        ...{discord, people, replies, clock},
        statusChannelId: config.discord?.statusChannelId,
      }),
    host && createPullRequestNotices({host, repositories, clock}),
    mail?.channel,
    ...(linear?.channels ?? []),
    projects?.channel,
  ])

  return {
    ...who,
    ...given,
    ...messages,
    ...permits,
    ...shipping,
    ...runs,
    ...openBot({discord, commands, policy, services, given, replies, audit, metrics, clock, log}),
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
    record,
    workflows,
    services,
    conversations,
    mcp: openMcp({
      ...{services, commands, approvals, workflows, record, policy, invocations, redact},
      launch: runs.launch,
      followers: followerStore,
      asking: conversations.asking,
    }),
    forcedLocks: auditLocks(locks, audit),
    takeOvers,
    tellAgentError: createAgentErrors({people, notices}),
    dispatcher,
    mail,
    linear,
    projects,
    publicUrl,
    uptime,
    evaluations,
    plans,
    planning,
    releases,
    verification,
    quality,
    leaseMs,
    async close() {
      await uptime.close()
      await tools.close()
      await outbox.close()
      await queues.close()
      await coordination.close()
      mailer?.close()
      await audit.close()
      await pool.end()
    },
  }
}

/** Two installations may share a Redis: the database says which one this is. */
async function queuePrefix(pool: Pool): Promise<string> {
  const {rows} = await pool.query<{id: string}>('select id from installation')
  return `signalbox-${(rows[0]?.id ?? '').slice(0, 8)}`
}
