import {createHash, randomBytes} from 'node:crypto'
import {resolve} from 'node:path'
import type {RiskLevel} from '../../kernel/risk-level.ts'
import type {
  Config,
  Freeze,
  GithubAuth,
  LinearAuth,
  NotificationRules,
  Schedule,
  SmtpConfig,
  Target,
  ToolsConfig,
} from './config.ts'
import {SECRETS, type EnvironmentVariables} from './environment.ts'
import {deepFreeze, frozenMap, frozenSet, present} from './frozen.ts'
import type {Variables} from './secrets.ts'
import {DIAGNOSE_DEFAULTS} from './sections/diagnose.ts'
import {SHIP_DEFAULTS} from './sections/targets.ts'
import {tokenVariables, type SignalboxFile} from './signalbox-file.ts'

interface Parts {
  readonly environment: EnvironmentVariables
  readonly file: SignalboxFile
  /** All variables, secrets from files included. */
  readonly values: Variables
  readonly cwd: string
}

/** Groups what was read and found valid by consumer. Nothing can go wrong here any more. */
export function assembleConfig({environment: e, file, values, cwd}: Parts): Config {
  const config: Config = {
    instanceId: e.INSTANCE_ID ?? randomBytes(4).toString('hex'),
    roles: frozenSet(e.ROLES),
    log: {level: e.LOG_LEVEL},
    home: resolve(cwd, e.SIGNALBOX_HOME),
    database: present({url: e.DATABASE_URL}),
    http: present({
      host: e.HTTP_HOST,
      port: e.HTTP_PORT,
      publicUrl: e.PUBLIC_URL,
      apiToken: e.API_TOKEN,
      metricsToken: e.METRICS_TOKEN,
    }),
    worker: {leaseMs: e.WORKER_LEASE_MS},
    admin: {userIds: e.ADMIN_USER_IDS, roleIds: e.ADMIN_ROLE_IDS, allowSecretWrites: e.ALLOW_SECRET_WRITES},
    urls: present({
      allowedDomains: e.ALLOWED_DOMAINS,
      allowLocal: e.SAFE_LOCAL,
      frontendBase: e.FRONTEND_BASE_URL,
      apiBase: e.API_BASE_URL,
    }),
    runs: {
      pollIntervalMs: e.RUN_POLL_INTERVAL_MS,
      discoveryTimeoutMs: e.RUN_DISCOVERY_TIMEOUT_MS,
      watchTimeoutMs: e.RUN_WATCH_TIMEOUT_MS,
    },
    interactionHandoverMs: e.INTERACTION_HANDOVER_MS,
    registry: {heartbeatMs: e.AGENT_HEARTBEAT_MS, leaseMs: e.AGENT_LEASE_MS},
    approvals: present({
      sweepMs: e.APPROVAL_SWEEP_MS,
      quietHours: file.approvals.quietHours,
      schedule: file.approvals.schedule && scheduleOf(file.approvals.schedule),
      limits: frozenMap(Object.entries(file.approvals.limits)),
      waived: frozenSet(waivedBy(file.approvals.operations)),
      freezes: file.approvals.freezes.map(freezeOf),
      breakGlass: file.approvals.breakGlass,
    }),
    targets: targets(file, e.GITHUB_REPOSITORY),
    qa: file.qa,
    diagnose: present({
      ...(file.diagnose ?? DIAGNOSE_DEFAULTS),
      repository: file.diagnose?.repository ?? e.GITHUB_REPOSITORY,
      expected: file.diagnose !== undefined,
    }),
    principals: file.principals.map(({tokenFrom, ...principal}) =>
      present({...principal, tokenHash: hashed(tokenFrom === undefined ? undefined : values[tokenFrom])}),
    ),
    access: frozenMap(Object.entries(file.access)),
    approvalPolicies: frozenMap(
      Object.entries(file.approvals.policies).flatMap(([level, policy]) =>
        policy ? [[level as RiskLevel, present(policy)] as const] : [],
      ),
    ),
    digests: file.digests.map(digest => ({
      ...digest,
      channel: digest.channel ?? e.DISCORD_STATUS_CHANNEL_ID ?? '',
    })),
    projects: frozenMap(
      Object.entries(file.projects).map(([name, {id, team, tokenFrom}]) => [
        name,
        present({id, team, token: tokenFrom === undefined ? undefined : values[tokenFrom]}),
      ]),
    ),
    notificationRules: notificationRules(file),
    plans: {label: file.plans.label ?? e.ISSUE_LABEL, channels: file.plans.channels},
    relay: {
      channels: file.relay.channels,
      people: file.principals.flatMap(({id, discord}) =>
        discord !== undefined && file.relay.people.includes(id) ? [{name: id, discord}] : [],
      ),
    },
    registries: present(file.registries),
    summary: present(file.summary),
    tools: {
      strategy: file.tools.strategy,
      servers: toolServers(file, values),
      agents: frozenMap(Object.entries(file.tools.agents)),
    },
    debug: {enabled: e.ENABLE_DEBUG_CMD},
    secrets: secrets(file, values),
    ...present({
      secretKey: e.SIGNALBOX_SECRET_KEY,
      uptime:
        file.uptime &&
        present({everyMs: file.uptime.every, channel: file.uptime.channel, alert: file.uptime.alert}),
      redis: e.REDIS_URL === undefined ? undefined : {url: e.REDIS_URL},
      ...integrations(e, file),
      tracing:
        e.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? undefined : {endpoint: e.OTEL_EXPORTER_OTLP_ENDPOINT},
    }),
  }
  return deepFreeze(config)
}

function integrations(e: EnvironmentVariables, {models}: SignalboxFile) {
  const githubAuth = githubAuthOf(e)
  const linearAuth = linearAuthOf(e)
  return {
    discord:
      e.DISCORD_TOKEN === undefined || e.DISCORD_APPLICATION_ID === undefined
        ? undefined
        : present({
            token: e.DISCORD_TOKEN,
            applicationId: e.DISCORD_APPLICATION_ID,
            apiUrl: e.DISCORD_API_URL,
            guildId: e.DISCORD_GUILD_ID,
            publicKey: e.DISCORD_PUBLIC_KEY?.toLowerCase(),
            statusChannelId: e.DISCORD_STATUS_CHANNEL_ID,
          }),
    github:
      githubAuth &&
      present({
        auth: githubAuth,
        apiUrl: e.GITHUB_API_URL,
        repository: e.GITHUB_REPOSITORY,
        webhookSecret: e.GITHUB_WEBHOOK_SECRET,
        throttle: e.GITHUB_THROTTLE,
        timeoutMs: e.GITHUB_TIMEOUT_MS,
      }),
    linear:
      linearAuth &&
      present({
        auth: linearAuth,
        apiUrl: e.LINEAR_API_URL,
        webhookSecret: e.LINEAR_WEBHOOK_SECRET,
        approvalHubIssueId: e.LINEAR_APPROVAL_HUB_ISSUE_ID,
      }),
    smtp: smtpOf(e),
    notifications:
      e.NOTIFICATION_EMAIL_FROM === undefined || e.NOTIFICATION_EMAIL_TO === undefined
        ? undefined
        : {emailFrom: e.NOTIFICATION_EMAIL_FROM, emailTo: e.NOTIFICATION_EMAIL_TO},
    llm:
      e.LLM_BASE_URL === undefined || e.LLM_MODEL === undefined
        ? undefined
        : present({
            baseUrl: e.LLM_BASE_URL,
            model: e.LLM_MODEL,
            apiKey: e.LLM_API_KEY,
            agents: frozenMap(Object.entries(models.agents)),
            prices: frozenMap(Object.entries(models.prices)),
            budget: models.budget,
            timeoutMs: models.timeout,
          }),
  }
}

function toolServers({tools}: SignalboxFile, values: Variables): ToolsConfig['servers'] {
  return frozenMap(
    Object.entries(tools.servers).map(
      ([name, {command, args, env, url, tokenFrom, critical, reads, timeout}]) => [
        name,
        {
          ...{critical, reads, timeoutMs: timeout},
          ...(command === undefined
            ? present({
                kind: 'http' as const,
                url: url ?? '',
                token: tokenFrom === undefined ? undefined : values[tokenFrom],
              })
            : {
                kind: 'stdio' as const,
                command,
                args: args ?? [],
                env: Object.fromEntries((env ?? []).map(variable => [variable, values[variable] ?? ''])),
              }),
        },
      ],
    ),
  )
}

function githubAuthOf(e: EnvironmentVariables): GithubAuth | undefined {
  if (e.GITHUB_TOKEN !== undefined) return {kind: 'token', token: e.GITHUB_TOKEN}
  const {
    GITHUB_APP_ID: appId,
    GITHUB_APP_PRIVATE_KEY: privateKey,
    GITHUB_APP_INSTALLATION_ID: installationId,
  } = e
  if (appId === undefined || privateKey === undefined || installationId === undefined) return undefined
  return {kind: 'app', appId, privateKey, installationId}
}

function linearAuthOf(e: EnvironmentVariables): LinearAuth | undefined {
  if (e.LINEAR_API_KEY !== undefined) return {kind: 'key', apiKey: e.LINEAR_API_KEY}
  const {LINEAR_CLIENT_ID: clientId, LINEAR_CLIENT_SECRET: clientSecret} = e
  return clientId === undefined || clientSecret === undefined
    ? undefined
    : {kind: 'app', clientId, clientSecret}
}

function smtpOf(e: EnvironmentVariables): SmtpConfig | undefined {
  if (e.SMTP_URL !== undefined) {
    const {protocol, hostname, port, username, password} = new URL(e.SMTP_URL)
    const implicit = protocol === 'smtps:'
    return present({
      host: hostname,
      port: port === '' ? (implicit ? 465 : 587) : Number(port),
      tls: implicit || (e.SMTP_TLS ?? true),
      auth: username === '' ? undefined : {user: safelyDecoded(username), pass: safelyDecoded(password)},
    })
  }
  if (e.SMTP_HOST === undefined) return undefined
  return present({
    host: e.SMTP_HOST,
    port: e.SMTP_PORT ?? 587,
    tls: e.SMTP_TLS ?? true,
    auth:
      e.SMTP_USER === undefined || e.SMTP_PASS === undefined
        ? undefined
        : {user: e.SMTP_USER, pass: e.SMTP_PASS},
  })
}

/** The configured targets, and `client` whether configured or not. */
function targets(file: SignalboxFile, defaultRepository: string | undefined): ReadonlyMap<string, Target> {
  const unconfigured = {
    ref: 'main',
    environment: 'development',
    inputs: {},
    verify: {},
    ship: SHIP_DEFAULTS,
  } as const
  const configured: SignalboxFile['targets'] = {
    ...(file.targets['client'] ? {} : {client: unconfigured}),
    ...file.targets,
  }
  return frozenMap(
    Object.entries(configured).map(([name, target]): [string, Target] => [
      name,
      {
        name,
        ...present({repository: target.repository ?? defaultRepository, project: target.project}),
        workflow: target.workflow ?? `${name}-deploy.yml`,
        ref: target.ref,
        environment: target.environment,
        service: target.service ?? name,
        inputs: Object.fromEntries(
          Object.entries(target.inputs).map(([input, value]) => [input, String(value)]),
        ),
        verify: present(target.verify),
        ship: target.ship,
      },
    ]),
  )
}

function notificationRules({
  notifications: {levels, events, people, projects},
}: SignalboxFile): NotificationRules {
  return {
    levels: frozenMap(
      Object.entries(levels).map(([level, notices]) => [level as RiskLevel, present(notices)] as const),
    ),
    events: frozenMap(
      Object.entries(events).map(([event, {watchers, ...from}]) => [
        event,
        present({from: present(from), watchers}),
      ]),
    ),
    people: frozenMap(Object.entries(people).map(([person, from]) => [person, present(from)])),
    projects: frozenMap(Object.entries(projects).map(([project, notices]) => [project, present(notices)])),
  }
}

/** Every secret text that was configured, and the passwords inside addresses, for the redactor to know. */
function secrets(file: SignalboxFile, values: Variables): string[] {
  const names = [...SECRETS, ...tokenVariables(file)]
  const texts = names.flatMap(name => values[name] ?? [])
  const passwords = texts.flatMap(text => (URL.canParse(text) ? new URL(text).password : []))
  return [...new Set([...texts, ...passwords, ...passwords.map(safelyDecoded)])].filter(text => text !== '')
}

function scheduleOf({
  onCall: {escalateAfter, ...onCall},
  ...hours
}: NonNullable<SignalboxFile['approvals']['schedule']>): Schedule {
  return {...hours, onCall: {...onCall, escalateAfterMs: escalateAfter}}
}

function waivedBy({infrastructure, data}: SignalboxFile['approvals']['operations']) {
  return [...(infrastructure.ticket ? [] : ['ticket' as const]), ...(data.backup ? [] : ['backup' as const])]
}

/** Its two shapes exclude each other: the file was found valid. */
function freezeOf({
  from = 0,
  to = 0,
  weekly,
  ...rest
}: SignalboxFile['approvals']['freezes'][number]): Freeze {
  return weekly ? {...rest, weekly} : {...rest, from, to}
}

function hashed(token: string | undefined): string | undefined {
  return token === undefined ? undefined : createHash('sha256').update(token).digest('hex')
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
