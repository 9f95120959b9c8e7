import {DiscordAPIError, REST} from '@discordjs/rest'
import {Routes, type APIApplication, type APIGuild} from 'discord-api-types/v10'
import {Redis} from 'ioredis'
import {Octokit} from 'octokit'
import {lackingApprovers, requirementOf} from '../approvals/policy.ts'
import {assess} from '../approvals/risk.ts'
import {createMailer} from '../integrations/email/mailer.ts'
import {openGithubClient, split} from '../integrations/github/client.ts'
import {classify, type Failure} from '../integrations/github/failures.ts'
import {createOctokitRepositoryHost} from '../integrations/github/octokit-repository-host.ts'
import {openSdkLinear} from '../integrations/linear/sdk-linear.ts'
import {systemClock} from '../kernel/clock.ts'
import {formatDuration} from '../kernel/time.ts'
import {createContracts} from '../pipelines/contracts.ts'
import {describeIntegrations} from '../platform/config/integrations.ts'
import type {Config, Principal} from '../platform/config/config.ts'
import {createPool} from '../platform/postgres.ts'
import type {ServiceFinding as Finding, WorkflowContract} from '../sdk/index.ts'
import {contractSubjects} from './contract-subjects.ts'
import {examineChannels} from './doctor-channels.ts'
import {examineSettings} from './doctor-settings.ts'

/** A finding with lines of a file that would mend it, each with its number. */
export type DoctorFinding = Finding & {readonly lines?: readonly string[]}

const WITHIN_MS = 10_000
const CONTRACTS_WITHIN_MS = 60_000

/** Looks at each configured service with the credentials at hand; changes nothing. */
export async function examineServices(config: Config, databaseUrl: string): Promise<readonly Finding[]> {
  return [
    ...describeIntegrations(config).flatMap(integrationFinding),
    ...examineApprovers(config),
    ...examineOnCall(config),
    ...(await examineDatabase(databaseUrl)),
    ...(await examineRedis(config)),
    ...(await examineDiscord(config)),
    ...(await examineChannels(config)),
    ...(await examineGithub(config)),
    ...(await examineSettings(config)),
    ...examineUptime(config),
    ...(await examineLinear(config)),
    ...(await examineMail(config)),
    ...(await examineModel(config)),
  ]
}

/** A line of `describeIntegrations`. Discord and GitHub say for themselves that they are off: we are not much without them. */
function integrationFinding(what: string): Finding[] {
  const [, name] = /^(\w+): off\b/.exec(what) ?? []
  if (name === 'discord' || name === 'github') return []
  return [{ok: true, what, ...(name === undefined ? {} : {off: true})}]
}

/** Whether the principals can make up what a deploy to each guarded target takes. */
export function examineApprovers({
  targets,
  principals,
  approvalPolicies,
}: Pick<Config, 'targets' | 'principals' | 'approvalPolicies'>): Finding[] {
  const deciding = principals.filter(hasWayToDecide)
  return [...targets.values()].flatMap(({name, environment}): Finding[] => {
    const required = requirementOf(assess({operation: 'deploy', environment}).level, approvalPolicies)
    if (required.approvers === 0) return []
    const lacking = lackingApprovers(required, deciding)
    if (!lacking)
      return [{ok: true, what: `target ${name}: its ${counted(required.approvers, 'approver')} can be found`}]
    const {what, count} = lacking
    return [
      {
        ok: false,
        what: `target ${name}: needs ${what}; ${count === 0 ? 'no principal has' : `only ${counted(count, 'principal')} ${count === 1 ? 'has' : 'have'}`} such a role and an account or token to decide with`,
        next: 'add them to principals in signalbox.yaml; nobody approves what they asked for themselves',
      },
    ]
  })
}

/** Whether each of those on call can be reached at all. */
export function examineOnCall({
  approvals: {schedule},
  principals,
}: Pick<Config, 'principals'> & {readonly approvals: Pick<Config['approvals'], 'schedule'>}): Finding[] {
  if (!schedule) return []
  const {primary, secondary} = schedule.onCall
  return [...new Set([primary, secondary])].map((name): Finding => {
    const holders = principals.filter(({roles}) => roles.includes(name))
    const called = holders.length > 0 ? holders : principals.filter(({id}) => id === name)
    const reached = called.some(person =>
      [person.discord, person.linear, person.email].some(way => way !== undefined),
    )
    if (reached) return {ok: true, what: `on call: ${name} can be reached`}
    return {
      ok: false,
      what: `on call: nobody of ${name} can be reached`,
      next: 'give them discord, linear or email under principals in signalbox.yaml',
    }
  })
}

/** Whether anybody in Discord hears of outages. */
export function examineUptime({uptime, discord}: Pick<Config, 'uptime' | 'discord'>): Finding[] {
  if (!uptime) return []
  const what = `uptime: looked at every ${formatDuration(uptime.everyMs)}`
  if (!uptime.alert) return [{ok: true, what: `${what}, outages are told nobody`}]
  if ((uptime.channel ?? discord?.statusChannelId) !== undefined)
    return [{ok: true, what: `${what}, outages are told in Discord`}]
  return [
    {
      ok: false,
      what: `${what}, and there is no channel to tell outages in`,
      next: 'set uptime.channel in signalbox.yaml, or DISCORD_STATUS_CHANNEL_ID',
    },
  ]
}

function hasWayToDecide({discord, linear, email, tokenHash}: Principal): boolean {
  return [discord, linear, email, tokenHash].some(way => way !== undefined)
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

async function examineDatabase(connectionString: string): Promise<Finding[]> {
  const pool = createPool({connectionString, max: 1, onError: () => undefined})
  try {
    const {rows} = await pool.query<{server_version: string}>('show server_version')
    return [{ok: true, what: `postgres: ${rows[0]?.server_version ?? ''} answers`}]
  } catch {
    return [
      {
        ok: false,
        what: 'postgres: does not answer',
        next: 'check DATABASE_URL, and that the server lets this machine in',
      },
    ]
  } finally {
    await pool.end()
  }
}

/** A connection of its own, which does not come back: one answer is all that is wanted. */
async function examineRedis({redis}: Config): Promise<Finding[]> {
  if (!redis) return []
  const client = new Redis(redis.url, {
    lazyConnect: true,
    connectTimeout: WITHIN_MS,
    commandTimeout: WITHIN_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const [, version = ''] = /redis_version:(\S+)/.exec(await client.info('server')) ?? []
    return [{ok: true, what: `redis: ${version} answers`}]
  } catch {
    return [
      {
        ok: false,
        what: 'redis: does not answer',
        next: 'check REDIS_URL, and that the server lets this machine in',
      },
    ]
  } finally {
    client.disconnect()
  }
}

async function examineDiscord({discord}: Config): Promise<Finding[]> {
  if (!discord)
    return [
      {
        ok: false,
        off: true,
        what: 'discord: off',
        next: 'create an application at https://discord.com/developers/applications and set DISCORD_TOKEN and DISCORD_APPLICATION_ID',
      },
    ]
  const rest = new REST({api: discord.apiUrl, timeout: WITHIN_MS, retries: 0}).setToken(discord.token)
  const findings: Finding[] = []
  try {
    const application = (await rest.get(Routes.currentApplication())) as APIApplication
    const right = application.id === discord.applicationId
    findings.push({
      ok: right,
      what: right
        ? `discord: token belongs to ${application.name}`
        : `discord: the token belongs to application ${application.id}, not to DISCORD_APPLICATION_ID`,
      ...(right ? {} : {next: 'copy both from the same application'}),
    })
  } catch (error) {
    return [
      isRefusal(error)
        ? {
            ok: false,
            what: 'discord: the token is refused',
            next: 'reset it under Bot → Token in the developer portal',
          }
        : discordAway('does not say whose the token is'),
    ]
  }
  if (discord.guildId !== undefined) {
    try {
      const guild = (await rest.get(Routes.guild(discord.guildId))) as APIGuild
      findings.push({ok: true, what: `discord: is in server ${guild.name}`})
    } catch (error) {
      findings.push(
        isRefusal(error)
          ? {
              ok: false,
              what: `discord: is not in server ${discord.guildId}`,
              next: `invite it: https://discord.com/oauth2/authorize?client_id=${discord.applicationId}&scope=bot+applications.commands&permissions=309237763072`,
            }
          : discordAway(`does not say whether it is in server ${discord.guildId}`),
      )
    }
  }
  return findings
}

/** Discord understood and declined, which is about us; all else may pass. */
function isRefusal(error: unknown): boolean {
  return error instanceof DiscordAPIError && error.status !== 429
}

function discordAway(what: string): Finding {
  return {
    ok: false,
    what: `discord: ${what}`,
    next: 'look again in a minute, and at https://discordstatus.com; check DISCORD_API_URL and the network',
  }
}

async function examineMail({smtp, notifications}: Config): Promise<Finding[]> {
  if (!smtp || !notifications) return []
  const mailer = createMailer({smtp, from: notifications.emailFrom})
  try {
    const fault = await mailer.verify()
    return [
      fault === undefined
        ? {ok: true, what: `mail: ${smtp.host}:${smtp.port} lets us in`}
        : {
            ok: false,
            what: `mail: ${smtp.host}:${smtp.port} does not let us in: ${fault}`,
            next: 'check SMTP_HOST, SMTP_PORT, SMTP_USER and SMTP_PASS; SMTP_TLS=false only where the server speaks no TLS',
          },
    ]
  } finally {
    mailer.close()
  }
}

async function examineLinear({linear}: Config): Promise<Finding[]> {
  if (!linear) return []
  const client = await openSdkLinear({...linear, clock: systemClock, timeoutMs: WITHIN_MS})
  const me = await client.me()
  if (me.kind !== 'ok')
    return [
      {
        ok: false,
        what: `linear: ${me.kind === 'missing' ? 'does not know us' : me.reason}`,
        next:
          linear.auth.kind === 'key'
            ? 'make a new key at https://linear.app/settings/account/security and set LINEAR_API_KEY'
            : 'turn on client credentials for the application at https://linear.app/settings/api, and copy its id and secret',
      },
    ]
  const identity = {ok: true, what: `linear: we are ${me.value.name}${me.value.app ? ', an agent' : ''}`}
  const hub = linear.approvalHubIssueId
  if (hub === undefined) return [identity]
  const issue = await client.issue(hub)
  return [
    identity,
    issue.kind === 'ok'
      ? {ok: true, what: `linear: asks on ${issue.value.identifier} ${issue.value.title}`}
      : {
          ok: false,
          what: `linear: the hub issue ${hub} is not to be seen`,
          next: 'check LINEAR_APPROVAL_HUB_ISSUE_ID, and that our account or app has access to its team',
        },
  ]
}

async function examineGithub({github, targets}: Config): Promise<Finding[]> {
  if (!github)
    return [
      {
        ok: false,
        off: true,
        what: 'github: off',
        next: 'create a fine-grained token (Actions read and write, Contents read) at https://github.com/settings/personal-access-tokens and set GITHUB_TOKEN and GITHUB_REPOSITORY',
      },
    ]
  if (github.auth.kind === 'app') return examineApp(github, targets)
  const octokit = new Octokit({
    auth: github.auth.token,
    baseUrl: github.apiUrl,
    retry: {enabled: false},
    throttle: {enabled: false},
  })
  try {
    const signal = AbortSignal.timeout(WITHIN_MS)
    const {data} = await octokit.request('GET /user', {request: {signal}})
    return [{ok: true, what: `github: the token belongs to ${data.login}`}]
  } catch (error) {
    return [githubFault(classify(error, systemClock()))]
  }
}

/** An app says who it is only where it is installed: it has to see one of our repositories. */
async function examineApp(
  github: NonNullable<Config['github']>,
  targets: Config['targets'],
): Promise<Finding[]> {
  const [repository] = [github.repository, ...[...targets.values()].map(target => target.repository)].filter(
    name => name !== undefined,
  )
  if (repository === undefined)
    return [
      {ok: false, what: 'github: an app, and no repository to try it on', next: 'set GITHUB_REPOSITORY'},
    ]
  const client = await openGithubClient({...github, timeoutMs: WITHIN_MS, clock: systemClock})
  try {
    await client.send('GET /repos/{owner}/{repo}', split(repository))
    return [{ok: true, what: `github: installed as an app that sees ${repository}`}]
  } catch (error) {
    const failure = client.failureOf(error)
    if (failure.kind === 'missing')
      return [
        {
          ok: false,
          what: `github: the app does not see ${repository}`,
          next: 'install it there, and check GITHUB_APP_INSTALLATION_ID',
        },
      ]
    return [githubFault(failure)]
  }
}

/** Why GitHub does not say whose the token is. */
function githubFault(failure: Failure): Finding {
  const fault = (what: string, next: string): Finding => ({ok: false, what: `github: ${what}`, next})
  switch (failure.kind) {
    case 'refused':
      return fault(failure.reason, 'renew it at https://github.com/settings/personal-access-tokens')
    case 'slow-down':
      return fault('asks us to slow down', 'look again later')
    case 'failed':
      return fault(
        `does not answer as it should (${failure.reason})`,
        'look again in a minute, and at https://www.githubstatus.com',
      )
    default:
      return fault('can’t be reached', 'check GITHUB_API_URL and the network')
  }
}

/** The same for `npm run doctor`, with each workflow that we start and the lines that it lacks. */
export async function examine(config: Config, databaseUrl: string): Promise<readonly DoctorFinding[]> {
  const services = await examineServices(config, databaseUrl)
  if (!config.github) return services
  const host = await createOctokitRepositoryHost({...config.github, clock: systemClock})
  const contracts = createContracts({host, subjects: contractSubjects(config), clock: systemClock})
  return [...services, ...contractFindings(await contracts.check(AbortSignal.timeout(CONTRACTS_WITHIN_MS)))]
}

/** How each workflow stands, as findings. */
export function contractFindings(contracts: readonly WorkflowContract[]): readonly DoctorFinding[] {
  return contracts.flatMap(({name, repository, workflow, breaches}): DoctorFinding[] => {
    const where = `${name.startsWith('/') ? name : `target ${name}`}: ${repository} ${workflow}`
    if (breaches.length === 0) return [{ok: true, what: `${where} takes what we send`}]
    return breaches.map(({what, next, line, lines}) => ({
      ok: false,
      what: `${where} ${what}`,
      ...(lines === undefined ? {} : {lines: lines.map((text, index) => `${(line ?? 1) + index}: ${text}`)}),
      ...(next === undefined ? {} : {next}),
    }))
  })
}

/** Whether the language model's endpoint is there and takes our key; nothing is asked of the model. */
async function examineModel({llm}: Config): Promise<Finding[]> {
  if (!llm) return []
  const what = `llm: ${new URL(llm.baseUrl).host}`
  try {
    const {status} = await fetch(`${llm.baseUrl}/models`, {
      signal: AbortSignal.timeout(WITHIN_MS),
      ...(llm.apiKey === undefined ? {} : {headers: {authorization: `Bearer ${llm.apiKey}`}}),
    })
    if (status === 401 || status === 403)
      return [{ok: false, what: `${what} refuses our key (HTTP ${status})`, next: 'check LLM_API_KEY'}]
    if (status === 429 || status >= 500)
      return [
        {
          ok: false,
          what: `${what} is not well (HTTP ${status}); rules take the model’s place`,
          next: 'look again in a minute',
        },
      ]
    // Not every endpoint lists its models.
    return [{ok: true, what: `${what} answers`}]
  } catch {
    return [
      {
        ok: false,
        what: `${what} does not answer; rules take the model’s place`,
        next: 'check LLM_BASE_URL, and that the endpoint lets this machine in',
      },
    ]
  }
}
