import type {Pool} from 'pg'
import {createAccountStore} from '../access/account-store.ts'
import {createBreakGlass, type BreakGlass} from '../access/break-glass.ts'
import {createGithubComments} from '../access/github-comments.ts'
import {createGuard, type Guard} from '../access/guard.ts'
import {createLinks, type Links} from '../access/links.ts'
import {mailDomains} from '../access/mail-domains.ts'
import {createPeople, type People} from '../access/people.ts'
import type {AccessPolicy} from '../access/policy.ts'
import {createAccountsPort, createBreakGlassPort} from '../access/port.ts'
import {createRoster} from '../access/roster.ts'
import {createAlarm} from '../approvals/alarm.ts'
import {createApprovalMetrics} from '../approvals/metrics.ts'
import {requirementOf, rolesThatApprove} from '../approvals/policy.ts'
import {createApprovalsPort} from '../approvals/port.ts'
import {createReleases} from '../approvals/releases.ts'
import type {Risk} from '../approvals/request.ts'
import {assess} from '../approvals/risk.ts'
import {createApprovals, type ApprovalService} from '../approvals/service.ts'
import {createApprovalStore} from '../approvals/store.ts'
import type {McpHouse} from '../api/mcp-tools.ts'
import {auditAgents} from '../audit/agents.ts'
import {auditCodeHost, auditRepositoryHost} from '../audit/github.ts'
import {auditLinear} from '../audit/linear.ts'
import {auditMailer} from '../audit/mail.ts'
import {auditAccounts, auditLocks} from '../audit/own.ts'
import {createCatalogue} from '../bot/catalogue.ts'
import {createInterruptions} from '../bot/interruptions.ts'
import {createMentions, type Mentions} from '../bot/mentions.ts'
import {createPipeline, type Pipeline} from '../bot/pipeline.ts'
import {createChanges} from '../changes/port.ts'
import {createCancellation} from '../deployments/cancellation.ts'
import {createExplain} from '../deployments/explain.ts'
import {createDeploymentGate} from '../deployments/gate.ts'
import {createDeploymentLock} from '../deployments/lock.ts'
import {createDeploymentPhases} from '../deployments/metrics.ts'
import {createDeploymentEnds} from '../deployments/notice.ts'
import {createDeploymentsPort} from '../deployments/port.ts'
import {createDeployments, type Deployments} from '../deployments/service.ts'
import {createDeploymentStore} from '../deployments/store.ts'
import {createWorkflowRuns} from '../deployments/workflow-runs.ts'
import {createEndpoints} from '../health/endpoints.ts'
import {createDocumentation} from '../documentation/port.ts'
import {createDiscordApi, type DiscordApi} from '../integrations/discord/api.ts'
import {createMailer} from '../integrations/email/mailer.ts'
import {createOctokitCodeHost} from '../integrations/github/octokit-code-host.ts'
import {createOctokitRepositoryHost} from '../integrations/github/octokit-repository-host.ts'
import {openSdkLinear} from '../integrations/linear/sdk-linear.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import {createArrivalStore} from '../invocations/arrival-store.ts'
import {createInvocations, type Invocations} from '../invocations/service.ts'
import {createInvocationStore, type EndedCommand, type InvocationStore} from '../invocations/store.ts'
import {systemClock} from '../kernel/clock.ts'
import {checkPublicUrl} from '../kernel/public-url.ts'
import {createLocksPort} from '../locks/port.ts'
import {createTakeOvers, type TakeOvers} from '../locks/take-over.ts'
import {createTakeOverStore} from '../locks/take-over-store.ts'
import {createDiscordNotices} from '../notifications/channels/discord.ts'
import {createFollowUpNotices} from '../notifications/channels/linear-follow-up.ts'
import {createPullRequestNotices} from '../notifications/channels/pull-request.ts'
import {createDispatcher, type Dispatcher} from '../notifications/dispatcher.ts'
import {createNoticeMetrics} from '../notifications/notice-metrics.ts'
import {createNoticeStore} from '../notifications/notice-store.ts'
import type {NoticeChannel} from '../notifications/notice.ts'
import {createCodeMail} from '../notifications/code-mail.ts'
import {createOfferStore} from '../notifications/offer-store.ts'
import {createOffers, type Offers} from '../notifications/offers.ts'
import {createNotices} from '../notifications/notices.ts'
import {createNotifications, type Notifications} from '../notifications/service.ts'
import {createReplyStore, type ReplyStore} from '../notifications/store.ts'
import {createCommitRefs} from '../pipelines/commit-refs.ts'
import {createPipelines, repositoriesOf} from '../pipelines/port.ts'
import type {Config, Environment} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import {createSafeHttp} from '../platform/safe-http.ts'
import {createMetrics, type Metrics} from '../platform/metrics.ts'
import {createOutbox, type Outbox} from '../platform/outbox.ts'
import {createPool} from '../platform/postgres.ts'
import type {Planning} from '../planning/service.ts'
import type {Plans} from '../plans/plans.ts'
import type {Conductor} from '../releases/conductor.ts'
import {createQueues, type Queues} from '../platform/queue.ts'
import {createReviews} from '../reviews/port.ts'
import {createAgentErrors, type AgentErrors} from '../worker/agent-error.ts'
import {createFollowers, type Followers} from '../workflows/followers.ts'
import {createFollowerStore} from '../workflows/follower-store.ts'
import {createGates, type Gates} from '../workflows/gates.ts'
import {createLaunch, type Launch} from '../workflows/launch.ts'
import {createRunsPort} from '../workflows/port.ts'
import {createRunEnds} from '../workflows/run-ends.ts'
import {createShipmentStore} from '../workflows/shipment-store.ts'
import {createShipments} from '../workflows/shipments.ts'
import {createTriage} from '../triage/port.ts'
import {createSettings} from '../settings/service.ts'
import {createSettingChangeStore} from '../settings/store.ts'
import type {Evaluations} from '../evaluation/service.ts'
import type {AgentDefinition, CommandDefinition, Services} from '../sdk/index.ts'
import {openAudit, type HouseAudit} from './audit.ts'
import {openCoordination, type Coordination} from './coordination.ts'
import {openConversations, type HouseConversations} from './conversations.ts'
import {openDesk} from './desk.ts'
import {openLinearHub, type HouseLinear} from './linear.ts'
import {openLlm} from './llm.ts'
import {openPlanning} from './planning.ts'
import {openPlans} from './plans.ts'
import {openProjects, type HouseProjects} from './projects.ts'
import {openReleases} from './releases.ts'
import {openRouting} from './routing.ts'
import {createSealOpener} from './seal.ts'
import {openEvaluations} from './evaluations.ts'
import {openTools} from './tools.ts'
import {openUptime, type HouseUptime} from './uptime.ts'
import {loadFolder} from './load-plugins.ts'
import {openMail, type HouseMail} from './mail.ts'
import {openMcp} from './mcp.ts'
import {proveCompleteness} from './prove-completeness.ts'
import {createPublicUrl, type PublicUrl} from './public-url.ts'
import {openQuality, type HouseQuality} from './quality.ts'
import {openVerification, type HouseVerification} from './verification.ts'
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
  readonly record: HouseAudit
  /** Off where none is configured; rules do without it. */
  readonly llm: Llm
  readonly conversations: HouseConversations
  /** What the MCP server that we are may do. */
  readonly mcp: McpHouse
  /** Those whose taking by force is recorded. */
  readonly forcedLocks: Pick<Coordination['locks'], 'list' | 'forceUnlock'>
  readonly people: People
  readonly approvals: ApprovalService
  readonly links: Links
  /** Freezes and broken glass. */
  readonly guard: Guard
  readonly breakGlass: BreakGlass
  readonly takeOvers: TakeOvers
  readonly workflows: HouseWorkflows
  readonly launch: Launch
  readonly followers: Followers
  /** Tells people how a run ended, with which of its commits. */
  readonly tellRunEnd: (run: string, seq: number) => Promise<void>
  /** Tells people that an agent failed, within that transaction. */
  readonly tellAgentError: AgentErrors
  readonly services: Services
  readonly invocationStore: InvocationStore
  readonly invocations: Invocations
  readonly replies: ReplyStore
  readonly notifications: Notifications | undefined
  readonly dispatcher: Dispatcher
  /** Undefined: no mail goes out. */
  readonly mail: HouseMail | undefined
  /** Undefined: nobody is asked in Linear. */
  readonly linear: HouseLinear | undefined
  readonly projects: HouseProjects | undefined
  readonly publicUrl: PublicUrl
  readonly interruptions: ReturnType<typeof createInterruptions> | undefined
  readonly offers: Offers
  readonly uptime: HouseUptime
  readonly evaluations: Evaluations
  readonly plans: Plans
  readonly planning: Planning
  readonly releases: Conductor
  readonly verification: HouseVerification
  readonly quality: HouseQuality
  readonly notify: (invocationId: string) => Promise<void>
  readonly deployments: Deployments | undefined
  /** The gates of workflow runs. */
  readonly gates: Gates
  readonly pipeline: Pipeline | undefined
  readonly mentions: Mentions | undefined
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
  const record = openAudit({pool, redact, metrics, log})
  const {audit} = record
  const agents = auditAgents(loaded, record)
  const redis = config.redis && {redisUrl: config.redis.url, prefix: await queuePrefix(pool)}
  const queues = createQueues({...(redis ?? {databaseUrl}), log})
  const outbox = createOutbox({db: pool, queues, log, clock})
  const urlRules = {allowedDomains: config.urls.allowedDomains, allowLocal: config.urls.allowLocal}
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

  const llm = openLlm({config, pool, redact, metrics, clock, log})
  const policy: AccessPolicy = {admin: config.admin, principals: config.principals, rules: config.access}
  const discord = config.discord && createDiscordApi(config.discord)
  const codeHost =
    config.github && auditCodeHost(await createOctokitCodeHost({...config.github, clock}), audit)
  const repositoryHost =
    config.github && auditRepositoryHost(await createOctokitRepositoryHost({...config.github, clock}), audit)

  const roster = createRoster(config.principals)
  const accounts = auditAccounts(createAccountStore({pool}), audit)
  const people = createPeople({roster, accounts})
  const noticeStore = createNoticeStore({pool})
  // What is told about requests needs the requests, and they need who tells: filled below, before anything runs.
  const channels: NoticeChannel[] = []
  const notices = createNotices({store: noticeStore, channels, rules: config.notificationRules})
  const uptime = openUptime({config, pool, notices, urlRules, redact, clock})
  const evaluations = openEvaluations({pool, runs: workflows.service, metrics, clock})
  const targets = [...config.targets.values()].flatMap(target =>
    target.repository === undefined ? [] : [{...target, repository: target.repository}],
  )
  const repositories = repositoriesOf(targets, config.github?.repository)
  const ourDomains = mailDomains([
    config.notifications?.emailFrom,
    ...(config.notifications?.emailTo ?? []),
    ...config.principals.map(({email}) => email),
  ])
  const mailer =
    config.smtp &&
    config.notifications &&
    auditMailer(createMailer({smtp: config.smtp, from: config.notifications.emailFrom}), audit)
  const links = createLinks({
    pool,
    store: accounts,
    roster,
    githubComments: repositoryHost && createGithubComments({host: repositoryHost, repositories, log}),
    sendCode: mailer && createCodeMail({mailer}),
    isOurDomain: domain => ourDomains.has(domain),
    log,
  })
  const breakGlass = createBreakGlass({
    pool,
    accounts,
    people,
    policy: config.approvals.breakGlass,
    alarm: createAlarm({people, notices, approverRoles: rolesThatApprove(config.approvalPolicies)}),
  })
  const guard = createGuard({freezes: config.approvals.freezes, breakGlass})

  const invocationStore = createInvocationStore({pool, openSeal: createSealOpener(config)})
  const leaseMs = config.worker.leaseMs
  const invocations = createInvocations({
    store: invocationStore,
    outbox,
    queues,
    lostAfterMs: Math.max(10_000, 3 * leaseMs),
    clock,
  })
  const replies = createReplyStore({pool})
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
  const offers = createOffers({pool, store: createOfferStore({pool}), replies, notify})

  const approvalStore = createApprovalStore({pool})
  const approvals = createApprovals({
    pool,
    store: approvalStore,
    people,
    replies,
    notices,
    audit,
    journal: coordination.events.journal,
    outbox,
    notify,
    policies: config.approvalPolicies,
    quietHours: config.approvals.quietHours,
    statusChannelId: config.discord?.statusChannelId,
    metrics: createApprovalMetrics({registry: metrics.registry, backlog: () => approvalStore.backlog()}),
    log,
  })

  const observeEnd = ({command, status, tookMs}: EndedCommand) =>
    metrics.commandDuration.observe({command, outcome: status}, tookMs / 1000)
  const assessDeploy = (environment: Environment) => assess({operation: 'deploy', environment})
  const requirementFor = ({level}: Risk) => requirementOf(level, config.approvalPolicies)
  const takesApproval = (risk: Risk) => requirementFor(risk).approvers > 0
  const releases =
    codeHost &&
    repositoryHost &&
    createReleases({hosts: {code: codeHost, repository: repositoryHost}, targets})
  const deploymentGate =
    releases &&
    repositoryHost &&
    createDeploymentGate({
      approvals,
      people,
      releases,
      refs: createCommitRefs({host: repositoryHost, clock}),
      assess: assessDeploy,
      takesApproval,
      guard,
      projectOf: target => config.targets.get(target)?.project,
      channelOf: async id => (await replies.messageOf(id))?.channelId,
      async addressOf(id) {
        const {channelId, messageId} = (await replies.messageOf(id)) ?? {}
        return channelId === undefined || messageId === undefined
          ? undefined
          : `https://discord.com/channels/${config.discord?.guildId ?? '@me'}/${channelId}/${messageId}`
      },
      clock,
    })
  const deploymentStore = createDeploymentStore({pool})
  const deployments =
    codeHost &&
    deploymentGate &&
    createDeployments({
      pool,
      store: deploymentStore,
      replies,
      invocations: invocationStore,
      codeHost,
      queues,
      lock: createDeploymentLock({locks: coordination.locks, leaseMs}),
      gate: deploymentGate,
      notify,
      observeEnd,
      tellEnd: createDeploymentEnds({
        people,
        notices,
        projectOf: target => config.targets.get(target)?.project,
      }),
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
  const forcedLocks = auditLocks(coordination.locks, audit)
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
  const pipelines = createPipelines({
    github: codeHost && repositoryHost && {code: codeHost, repository: repositoryHost},
    targets,
    defaultRepository: config.github?.repository,
    allowWrites: config.admin.allowSecretWrites,
    permit: createShipments({
      pool,
      store: createShipmentStore({pool}),
      approvals,
      people,
      askers: followerStore,
      guard,
      takesApproval,
      clock,
    }),
    patience: {discoveryMs: config.runs.discoveryTimeoutMs, pollMs: config.runs.pollIntervalMs},
    clock,
    log,
  })
  const gates = createGates({
    pool,
    approvals,
    people,
    guard,
    workflows: workflows.service,
    askers: followerStore,
    targets,
    takesApproval,
    github: releases && repositoryHost && {host: repositoryHost, releases},
    repositoryOf: text => pipelines.repository(text),
    channelOf: async id => (await replies.messageOf(id))?.channelId,
    clock,
    log,
  })
  const deploymentsPort = createDeploymentsPort({
    deployments,
    explain:
      releases &&
      createExplain({
        assess: assessDeploy,
        requirementOf: requirementFor,
        people,
        guard,
        releases,
        locks: coordination.locks,
        clock,
      }),
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
  })
  const plans = openPlans({
    ...{config, pool, discord, host: repositoryHost, pipelines, people, policy, replies, audit, notify},
    requirement: requirementOf('low', config.approvalPolicies),
    clock,
    log,
  })
  const conductor = openReleases({
    ...{config, pool, deploymentStore, pipelines, invocations, replies, audit, notify, queues},
    deployments: deploymentsPort,
    http: createSafeHttp(urlRules),
    clock,
    log,
  })
  const workflowRuns = createWorkflowRuns({codeHost, targets})
  const endpoints = createEndpoints({
    frontendBase: config.urls.frontendBase,
    apiBase: config.urls.apiBase,
    http: createSafeHttp(urlRules),
  })
  const verification = openVerification({
    ...{
      config,
      pool,
      codeHost,
      endpoints,
      targets,
      repositories,
      replies,
      notify,
      observeEnd,
      redact,
      leaseMs,
    },
    invocations: invocationStore,
    refuseUrl: url => deploymentsPort.refuseUrl(url),
    clock,
    log,
  })
  const quality = openQuality({config, databaseUrl, host: repositoryHost, clock, log})
  const planning = openPlanning({
    ...{pool, llm, agents, workflows, targets, repositories, pipelines, followers, replies, people, policy},
    ...{redact, notify, log},
    directory: coordination.registry.directory,
  })
  const conversations = openConversations({
    ...{pool, approvals, people, replies, llm, redact, clock},
    services: () => services,
  })
  const tools = openTools({config, pool, audit, redact, clock, log})
  const services: Services = {
    ...openDesk({
      ...{config, pool, policy, discord, workflowRuns, audit, offers, replies, notify, redact, clock},
      host: repositoryHost,
    }),
    ...verification.ports,
    ...quality.ports,
    deployments: deploymentsPort,
    workflowRuns,
    invocations: createCancellation({
      pool,
      policy,
      invocations: invocationStore,
      replies,
      deployments,
      carriers: [followers, ...(verification.diagnoses ? [verification.diagnoses] : [])],
      queues,
      notify,
      observeEnd,
    }),
    locks: createLocksPort({locks: coordination.locks, takeOvers}),
    catalogue: createCatalogue({commands, agents, policy, directory: coordination.registry.directory}),
    endpoints,
    pipelines,
    changes: createChanges({
      host: repositoryHost,
      llm,
      // Opened below, before anything runs.
      projects: () => projects?.projects,
      projectNames: [...config.projects.keys()],
      projectsOf: repository =>
        [...config.targets.values()].flatMap(({repository: of, project}) =>
          of?.toLowerCase() === repository.toLowerCase() && project !== undefined ? [project] : [],
        ),
      clock,
    }),
    triage: createTriage({
      github: codeHost && repositoryHost && {code: codeHost, repository: repositoryHost},
      ...{pipelines, llm, redact, clock},
    }),
    reviews: createReviews({host: repositoryHost, clock}),
    routing: openRouting(coordination),
    documentation: createDocumentation({host: repositoryHost, clock}),
    runs: createRunsPort({
      library: workflows.library,
      workflows: workflows.service,
      launch,
      followers,
      gates,
      approvals,
      redact,
      clock,
    }),
    accounts: createAccountsPort({
      people,
      roster,
      store: accounts,
      links,
      repositories: config.github && repositories,
      hubIssue: config.linear?.approvalHubIssueId,
    }),
    audit: record.port(() => publicUrl.current()),
    approvals: createApprovalsPort({approvals, people, messageOf: id => replies.messageOf(id), clock}),
    conversations: conversations.port,
    breakGlass: createBreakGlassPort({
      breakGlass,
      channelOf: async id => (await replies.messageOf(id))?.channelId,
    }),
    offers,
    settings: createSettings({
      host: repositoryHost,
      store: createSettingChangeStore({pool}),
      audit,
      policy,
      allowWrites: config.admin.allowSecretWrites,
      targets,
      defaultRepository: config.github?.repository ?? config.targets.get('client')?.repository,
      urlRules,
      clock,
    }),
    tools,
    uptime: uptime.port,
    evaluations,
    plans,
    planning,
    releases: conductor,
  }
  if (discord)
    channels.push(
      createDiscordNotices({
        discord,
        people,
        replies,
        statusChannelId: config.discord?.statusChannelId,
        clock,
      }),
    )
  if (repositoryHost) channels.push(createPullRequestNotices({host: repositoryHost, repositories, clock}))
  const publicUrl = createPublicUrl(config.http)
  const mail =
    mailer &&
    openMail({
      mailer,
      alwaysTo: config.notifications?.emailTo ?? [],
      pool,
      approvals,
      people,
      discord,
      publicUrl: publicUrl.current,
      clock,
      log,
    })
  if (mail) channels.push(mail.channel)
  const workspace = config.linear && auditLinear(await openSdkLinear({...config.linear, clock}), audit)
  const linear =
    config.linear &&
    workspace &&
    openLinearHub({
      config: config.linear,
      linear: workspace,
      pool,
      approvals,
      people,
      links,
      sweepMs: config.approvals.sweepMs,
      clock,
      log,
    })
  if (linear) channels.push(linear.channel)
  const hubIssue = config.linear?.approvalHubIssueId
  if (workspace && hubIssue !== undefined)
    channels.push(createFollowUpNotices({linear: workspace, hubIssue, people}))
  const projects =
    config.linear &&
    workspace &&
    (await openProjects({config, linear: config.linear, workspace, audit, pool, clock, log}))
  if (projects) channels.push(projects.channel)
  const dispatcher = createDispatcher({
    databaseUrl,
    store: noticeStore,
    channels,
    rules: config.notificationRules,
    metrics: createNoticeMetrics({registry: metrics.registry, backlog: () => noticeStore.backlog()}),
    clock,
    log,
  })
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
      audit,
      observeAck: seconds => metrics.interactionAck.observe(seconds),
      clock,
      log,
    })

  const ask = commands.get('ask')
  const mentions =
    discord &&
    ask &&
    createMentions({applicationId: discord.applicationId, ask, policy, invocations, audit, log})

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
    record,
    llm,
    conversations,
    mcp: openMcp({
      ...{services, commands, approvals, workflows, record, policy, invocations, launch, redact},
      followers: followerStore,
      asking: conversations.asking,
    }),
    forcedLocks,
    people,
    approvals,
    links,
    guard,
    breakGlass,
    takeOvers,
    workflows,
    launch,
    followers,
    tellRunEnd: createRunEnds({
      db: pool,
      workflows: workflows.service,
      askers: followerStore,
      people,
      notices,
      redact,
    }),
    tellAgentError: createAgentErrors({people, notices}),
    services,
    invocationStore,
    invocations,
    replies,
    notifications,
    linear,
    projects,
    dispatcher,
    mail,
    publicUrl,
    interruptions,
    offers,
    uptime,
    evaluations,
    plans,
    planning,
    releases: conductor,
    verification,
    quality,
    notify,
    deployments,
    gates,
    pipeline,
    mentions,
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
