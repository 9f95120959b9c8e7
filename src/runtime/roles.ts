import type {FastifyInstance} from 'fastify'
import {GLASS_OVER} from '../access/break-glass.ts'
import {ACCOUNTS_QUEUE} from '../access/links.ts'
import {auditRoutes} from '../api/audit.ts'
import {approvalPageRoutes} from '../api/approval-page.ts'
import {approvalRoutes} from '../api/approvals.ts'
import {chatRoutes} from '../api/chat.ts'
import {eventRoutes} from '../api/events.ts'
import {healthRoutes, type HealthPart} from '../api/health.ts'
import {interactionRoutes} from '../api/interactions.ts'
import {lockRoutes} from '../api/locks.ts'
import {mcpRoutes} from '../api/mcp.ts'
import {metricsRoutes} from '../api/metrics.ts'
import {orchestrateRoutes} from '../api/orchestrate.ts'
import {projectRoutes} from '../api/projects.ts'
import {refusalRecords} from '../api/refusals.ts'
import {registryRoutes} from '../api/registry.ts'
import {runRoutes} from '../api/runs.ts'
import {createApi} from '../api/server.ts'
import {toolRoutes} from '../api/tools.ts'
import {forgetDeliveries, webhookRoutes} from '../api/webhooks.ts'
import {APPROVAL_OUTCOMES_QUEUE} from '../approvals/outcomes.ts'
import {APPROVALS_DUE} from '../approvals/store.ts'
import {LINEAR_QUEUE} from '../approvals/surfaces/linear-inbox.ts'
import {AUDIT_NOTED} from '../audit/store.ts'
import {openGateway, type Gateway} from '../bot/gateway.ts'
import {syncCommands} from '../bot/registration.ts'
import {DEPLOYMENTS_QUEUE, WEBHOOKS_QUEUE} from '../deployments/service.ts'
import {DEPLOYMENTS_LEFT} from '../deployments/store.ts'
import {EVALUATIONS_DUE} from '../evaluation/store.ts'
import {ARRIVALS_OPEN} from '../invocations/arrival-store.ts'
import {agentQueue} from '../invocations/invocation.ts'
import {EVENTS_UNTOLD} from '../events/journal-store.ts'
import {INVOCATIONS_UNFINISHED} from '../invocations/store.ts'
import {LOCKS_SWEEP_MS} from '../locks/service.ts'
import {LOCKS_RESTLESS} from '../locks/store.ts'
import {TAKE_OVERS_DUE} from '../locks/take-over-store.ts'
import {NOTICES_DUE} from '../notifications/notice-store.ts'
import {OFFERS_OVER} from '../notifications/offer-store.ts'
import {REPLIES_QUEUE} from '../notifications/service.ts'
import {REPLIES_LEFT} from '../notifications/store.ts'
import {DRAFTS_DUE} from '../planning/store.ts'
import {PLANS_QUEUE} from '../plans/plans.ts'
import {PLANS_DUE} from '../plans/store.ts'
import {RELEASES_QUEUE} from '../releases/conductor.ts'
import {RELEASES_DUE} from '../releases/store.ts'
import {DIAGNOSES_DUE} from '../verification/diagnosis-store.ts'
import {AppError} from '../kernel/errors.ts'
import {systemClock} from '../kernel/clock.ts'
import {OUTBOX_OVERDUE} from '../platform/outbox.ts'
import type {QueueWorker} from '../platform/queue.ts'
import {REGISTRY_SWEEP_MS} from '../registry/service.ts'
import {AGENTS_UNSETTLED} from '../registry/store.ts'
import {
  startAccountWorker,
  startApprovalOutcomeWorker,
  startDeploymentWorkers,
  startLinearWorker,
  startPlanWorker,
  startReleaseWorker,
  startReplyWorker,
} from '../worker/feature-workers.ts'
import {scheduledDigests} from '../worker/scheduled-digests.ts'
import {scheduledUptime} from '../worker/scheduled-uptime.ts'
import {SCHEDULES_QUEUE, startSchedules} from '../worker/schedules.ts'
import {startSweeper} from '../worker/sweeper.ts'
import {createAttemptSweep, startWorkflowWorker} from '../worker/workflow-attempts.ts'
import {WORKFLOWS_QUEUE} from '../workflows/asked.ts'
import {FOLLOWERS_BEHIND} from '../workflows/follower-store.ts'
import {startAgents} from './agents.ts'
import type {House} from './house.ts'

/** A part of the process that runs until told to stop. `drain` takes no more work and ends what runs, within the grace. */
export interface RunningRole {
  readonly name: 'bot' | 'worker' | 'api'
  readonly health: readonly HealthPart[]
  drain(graceMs: number): Promise<void>
}

export async function startBot(house: House, onFatal: (error: Error) => void): Promise<RunningRole> {
  const {config, discord, pipeline, mentions, commands, pool, log} = house
  if (!config.discord || !discord || !pipeline || !mentions) {
    throw new AppError(
      'START_FAILED',
      'Role bot needs Discord: set DISCORD_TOKEN and DISCORD_APPLICATION_ID, or leave bot out of ROLES.',
    )
  }
  await syncCommands({commands: commands.values(), discord, guildId: config.discord.guildId, db: pool, log})
  const gateway: Gateway = await openGateway({
    ...config.discord,
    pipeline,
    mentions,
    discord,
    onFatal,
    log,
  })
  house.uptime.bot(gateway)
  return {
    name: 'bot',
    health: [
      {
        name: 'discord',
        async check() {
          if (!gateway.ready()) throw new Error('not connected to the gateway')
        },
      },
    ],
    drain: () => gateway.close(),
  }
}

export async function startWorker(house: House): Promise<RunningRole> {
  const {
    config,
    queues,
    pool,
    invocations,
    notifications,
    dispatcher,
    mail,
    linear,
    interruptions,
    deployments,
    gates,
    outbox,
    coordination,
    takeOvers,
    approvals,
    workflows,
    followers,
    services,
    log,
    leaseMs,
  } = house
  const {diagnoses} = house.verification
  const lockMs = leaseMs
  await deployments?.keepLocks()
  const engine = await workflows.startEngine(services)
  coordination.locks.watch(token => {
    engine.lockRang(token)
    void deployments?.lockGranted(token)
  })
  const served = startAgents(house, engine.actions)
  const workers: QueueWorker[] = [...served.workers]
  if (notifications) workers.push(startReplyWorker({queues, notifications, lockMs}))
  if (deployments) workers.push(...startDeploymentWorkers({queues, deployments, lockMs}))
  workers.push(startAccountWorker({queues, links: house.links, lockMs}))
  workers.push(startPlanWorker({queues, plans: house.plans, lockMs}))
  workers.push(startReleaseWorker({queues, releases: house.releases, lockMs}))
  if (linear) workers.push(startLinearWorker({queues, inbox: linear.inbox, lockMs}))
  workers.push(
    startApprovalOutcomeWorker({
      queues,
      approvals,
      waiting: {
        deployment: async (id, request) => deployments?.approvalChanged(id, request.id),
        gate: (gate, request) => gates.decided(gate, request),
      },
      lockMs,
    }),
  )
  workers.push(
    startWorkflowWorker({
      queues,
      workflows: workflows.service(),
      approvals: gates,
      tellEnd: house.tellRunEnd,
      lockMs,
    }),
  )
  workers.push(
    await startSchedules({
      works: [scheduledDigests(config.digests, invocations), scheduledUptime(house.uptime.port)],
      queues,
      log,
      lockMs,
    }),
  )
  dispatcher.start()
  const sweeper = startSweeper({
    db: pool,
    log,
    sweeps: [
      {name: 'outbox', everyMs: 2000, when: OUTBOX_OVERDUE, run: () => outbox.sweep()},
      {name: 'events', everyMs: 1000, when: EVENTS_UNTOLD, run: () => coordination.events.journal.sweep()},
      {name: 'old events', everyMs: 60_000, run: () => coordination.events.journal.forget()},
      ...engine.sweeps,
      ...(notifications
        ? [{name: 'replies', everyMs: 1000, when: REPLIES_LEFT, run: () => notifications.sweep()}]
        : []),
      ...(notifications ? [{name: 'tokens', everyMs: 600_000, run: () => notifications.forgetTokens()}] : []),
      ...(interruptions
        ? [{name: 'arrivals', everyMs: 2000, when: ARRIVALS_OPEN, run: () => interruptions.sweep()}]
        : []),
      ...(interruptions
        ? [{name: 'old arrivals', everyMs: 600_000, run: () => interruptions.forgetOld()}]
        : []),
      {name: 'evaluations', everyMs: 5_000, when: EVALUATIONS_DUE, run: () => house.evaluations.sweep()},
      {name: 'old evaluations', everyMs: 3_600_000, run: () => house.evaluations.forgetOld()},
      {name: 'old uptime checks', everyMs: 3_600_000, run: () => house.uptime.port.forgetOld()},
      {name: 'old conversations', everyMs: 3_600_000, run: () => house.conversations.forgetOld()},
      {name: 'offers', everyMs: 1000, when: OFFERS_OVER, run: () => house.offers.sweep()},
      {
        name: 'commands that the queue lost',
        everyMs: 5000,
        when: INVOCATIONS_UNFINISHED,
        run: () => invocations.sweep(),
      },
      {
        name: 'notes for the audit',
        everyMs: 5000,
        when: AUDIT_NOTED,
        run: () => house.record.audit.sweep(),
      },
      {name: 'notices', everyMs: 1000, when: NOTICES_DUE, run: () => dispatcher.sweep()},
      ...(house.projects?.installing
        ? [
            {
              name: 'tokens of projects',
              everyMs: 600_000,
              run: () => house.projects?.installing?.tokens.sweep() ?? Promise.resolve(),
            },
          ]
        : []),
      {name: 'old notices', everyMs: 3_600_000, run: () => dispatcher.forgetOld()},
      ...(mail ? [{name: 'old mails', everyMs: 3_600_000, run: () => mail.forgetOld()}] : []),
      ...(linear?.sweeps ?? []),
      {name: 'webhook deliveries', everyMs: 3_600_000, run: () => forgetDeliveries(pool)},
      ...(deployments
        ? [{name: 'deployments', everyMs: 1000, when: DEPLOYMENTS_LEFT, run: () => deployments.sweep()}]
        : []),
      ...(deployments
        ? [
            {
              name: 'deployment locks',
              everyMs: deployments.keepLocksEveryMs,
              run: () => deployments.keepLocks(),
            },
          ]
        : []),
      {
        name: 'agents',
        everyMs: REGISTRY_SWEEP_MS,
        when: AGENTS_UNSETTLED,
        run: () => coordination.registry.sweep(),
      },
      {name: 'old agents', everyMs: 600_000, run: () => coordination.registry.sweep()},
      {
        name: 'approvals',
        everyMs: config.approvals.sweepMs,
        when: APPROVALS_DUE,
        run: () => approvals.sweep(),
      },
      {name: 'old approvals', everyMs: 3_600_000, run: () => approvals.forgetOld()},
      {
        name: 'broken glass',
        everyMs: config.approvals.sweepMs,
        when: GLASS_OVER,
        run: () => house.breakGlass.sweep(),
      },
      {name: 'take-overs', everyMs: 1000, when: TAKE_OVERS_DUE, run: () => takeOvers.sweep()},
      {
        name: 'locks',
        everyMs: LOCKS_SWEEP_MS,
        when: LOCKS_RESTLESS,
        run: () => coordination.locks.sweep(),
      },
      {name: 'history of locks', everyMs: 60_000, run: () => coordination.locks.sweep()},
      {name: 'plans', everyMs: 1000, when: PLANS_DUE, run: () => house.plans.sweep()},
      {name: 'drafts', everyMs: 1000, when: DRAFTS_DUE, run: () => house.planning.sweep()},
      {name: 'old drafts', everyMs: 3_600_000, run: () => house.planning.forgetOld()},
      {name: 'releases', everyMs: 1000, when: RELEASES_DUE, run: () => house.releases.sweep()},
      ...(diagnoses
        ? [
            {name: 'diagnoses', everyMs: 1000, when: DIAGNOSES_DUE, run: () => diagnoses.sweep()},
            {name: 'old diagnoses', everyMs: 3_600_000, run: () => diagnoses.forgetOld()},
          ]
        : []),
      {name: 'messages of runs', everyMs: 1000, when: FOLLOWERS_BEHIND, run: () => followers.sweep()},
      {
        name: 'attempts of runs',
        everyMs: 10_000,
        run: createAttemptSweep({store: workflows.store, queues}),
      },
      {name: 'old workflow runs', everyMs: 3_600_000, run: () => workflows.service().forgetOld()},
    ],
  })
  void house.quality.lookAtContracts()
  return {
    name: 'worker',
    health: [],
    async drain(graceMs) {
      house.quality.close()
      await served.leave()
      await sweeper.close()
      await Promise.all([
        engine.close(graceMs),
        dispatcher.close(),
        ...workers.map(async worker => {
          await worker.drain(graceMs)
          await worker.close()
        }),
      ])
    },
  }
}

export async function startApi(
  house: House,
  options: {readonly apiToken: string; readonly health: readonly HealthPart[]; draining(): boolean},
): Promise<RunningRole & {readonly url: string}> {
  const {config, pool, outbox, pipeline, metrics, coordination, log} = house
  const {registry, events} = coordination
  const queueNames = [
    ...[...house.agents.keys()].map(agentQueue),
    REPLIES_QUEUE,
    DEPLOYMENTS_QUEUE,
    WEBHOOKS_QUEUE,
    SCHEDULES_QUEUE,
    WORKFLOWS_QUEUE,
    ACCOUNTS_QUEUE,
    LINEAR_QUEUE,
    APPROVAL_OUTCOMES_QUEUE,
    PLANS_QUEUE,
    RELEASES_QUEUE,
  ]
  metrics.watchQueues(queueNames, queue => house.queues.counts(queue))
  const app: FastifyInstance = await createApi({
    apiToken: options.apiToken,
    metricsToken: config.http.metricsToken,
    people: house.people,
    log,
    routes: [
      refusalRecords({audit: house.record.audit, clock: systemClock}),
      healthRoutes({
        parts: options.health,
        instanceId: config.instanceId,
        roles: [...config.roles],
        draining: () => options.draining(),
      }),
      metricsRoutes({metrics}),
      webhookRoutes({
        githubSecret: config.github?.webhookSecret,
        linearSecret: config.linear?.webhookSecret,
        db: pool,
        outbox,
        clock: systemClock,
        log,
      }),
      interactionRoutes({
        publicKey: config.discord?.publicKey,
        applicationId: config.discord?.applicationId,
        pipeline,
        clock: systemClock,
      }),
      registryRoutes({registry}),
      eventRoutes({journal: events.journal, requests: events.requests}),
      lockRoutes({locks: house.forcedLocks}),
      auditRoutes(house.record),
      approvalRoutes({approvals: house.approvals}),
      chatRoutes({conversations: house.conversations.port}),
      mcpRoutes({house: house.mcp, clock: systemClock, log}),
      toolRoutes({tools: house.services.tools}),
      runRoutes({workflows: house.workflows.service(), launch: house.launch, planning: house.planning, log}),
      orchestrateRoutes({planning: house.planning, workflows: house.workflows.service()}),
      projectRoutes({
        projects: config.projects,
        installing: house.projects?.installing,
        publicUrl: house.publicUrl.current,
      }),
      ...(house.mail
        ? [
            approvalPageRoutes({
              links: house.mail.links,
              publicUrl: house.publicUrl.current,
              clock: systemClock,
            }),
          ]
        : []),
    ],
  })
  const url = await app.listen({host: config.http.host, port: config.http.port}).catch((error: unknown) => {
    throw new AppError(
      'START_FAILED',
      `Port ${config.http.port} on ${config.http.host} can't be opened. Is it in use? Set HTTP_PORT.`,
      {cause: error},
    )
  })
  house.publicUrl.listensAt(url)
  log.info({url}, 'listening')
  return {
    name: 'api',
    url,
    health: [],
    async drain(graceMs) {
      // A connection that was asking when the server began to close is kept alive after its answer, and one that never
      // asked anything is not idle to the server: both would be waited for.
      const idle = setInterval(() => app.server.closeIdleConnections(), 100)
      const cut = setTimeout(() => app.server.closeAllConnections(), graceMs)
      await app.close()
      clearInterval(idle)
      clearTimeout(cut)
    },
  }
}
