import type {FastifyInstance} from 'fastify'
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
import {webhookRoutes} from '../api/webhooks.ts'
import {APPROVAL_OUTCOMES_QUEUE} from '../approvals/outcomes.ts'
import {LINEAR_QUEUE} from '../approvals/surfaces/linear-inbox.ts'
import {openGateway, type Gateway} from '../bot/gateway.ts'
import {syncCommands} from '../bot/registration.ts'
import {DEPLOYMENTS_QUEUE, WEBHOOKS_QUEUE} from '../deployments/service.ts'
import {agentQueue} from '../invocations/invocation.ts'
import {REPLIES_QUEUE} from '../notifications/service.ts'
import {PLANS_QUEUE} from '../plans/plans.ts'
import {RELEASES_QUEUE} from '../releases/conductor.ts'
import {AppError} from '../kernel/errors.ts'
import {systemClock} from '../kernel/clock.ts'
import type {QueueWorker} from '../platform/queue.ts'
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
import {startWorkflowWorker} from '../worker/workflow-attempts.ts'
import {WORKFLOWS_QUEUE} from '../workflows/asked.ts'
import {startAgents} from './agents.ts'
import type {House} from './house.ts'
import {sweepsOf} from './sweeps.ts'

/** A part of the process that runs until told to stop. `drain` takes no more work and ends what runs, within the grace. */
export interface RunningRole {
  readonly name: 'bot' | 'worker' | 'api'
  readonly health: readonly HealthPart[]
  drain(graceMs: number): Promise<void>
}

export const BOT_NEEDS_DISCORD =
  'Role bot needs Discord: set DISCORD_TOKEN and DISCORD_APPLICATION_ID, or leave bot out (ROLES=worker,api).'

export async function startBot(house: House, onFatal: (error: Error) => void): Promise<RunningRole> {
  const {config, discord, pipeline, mentions, commands, pool, log} = house
  if (!config.discord || !discord || !pipeline || !mentions) {
    throw new AppError('START_FAILED', BOT_NEEDS_DISCORD)
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
    linear,
    deployments,
    gates,
    coordination,
    approvals,
    workflows,
    services,
    log,
    leaseMs,
  } = house
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
  const sweeper = startSweeper({db: pool, log, sweeps: [...sweepsOf(house), ...engine.sweeps]})
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
