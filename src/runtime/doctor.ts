import {REST} from '@discordjs/rest'
import {Routes, type APIApplication, type APIGuild} from 'discord-api-types/v10'
import {Octokit} from 'octokit'
import {lackingApprovers, requirementOf} from '../approvals/policy.ts'
import {assess} from '../approvals/risk.ts'
import {createMailer} from '../integrations/email/mailer.ts'
import {openSdkLinear} from '../integrations/linear/sdk-linear.ts'
import {systemClock} from '../kernel/clock.ts'
import {describeIntegrations} from '../platform/config/integrations.ts'
import type {Config, Principal} from '../platform/config/config.ts'
import {createPool} from '../platform/postgres.ts'

/** One thing looked at: what was found, and where to click when it is not right. */
export interface Finding {
  readonly ok: boolean
  readonly what: string
  readonly next?: string
}

const WITHIN_MS = 10_000

/** Looks at each configured service with the credentials at hand; changes nothing. */
export async function examine(config: Config, databaseUrl: string): Promise<readonly Finding[]> {
  return [
    ...describeIntegrations(config).map(what => ({ok: true, what})),
    ...examineApprovers(config),
    ...(await examineDatabase(databaseUrl)),
    ...(await examineDiscord(config)),
    ...(await examineGithub(config)),
    ...(await examineLinear(config)),
    ...(await examineMail(config)),
  ]
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

function hasWayToDecide({discord, linear, email, tokenHash}: Principal): boolean {
  return [discord, linear, email, tokenHash].some(way => way !== undefined)
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

async function examineDatabase(connectionString: string): Promise<Finding[]> {
  const pool = createPool({connectionString, max: 1, onError: () => undefined})
  try {
    const {rows} = await pool.query<{version: string}>('show server_version')
    return [{ok: true, what: `postgres: ${rows[0]?.version ?? 'answers'}`}]
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

async function examineDiscord({discord}: Config): Promise<Finding[]> {
  if (!discord)
    return [
      {
        ok: false,
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
  } catch {
    return [
      {
        ok: false,
        what: 'discord: the token is refused, or Discord can’t be reached',
        next: 'reset it under Bot → Token in the developer portal',
      },
    ]
  }
  if (discord.guildId !== undefined) {
    try {
      const guild = (await rest.get(Routes.guild(discord.guildId))) as APIGuild
      findings.push({ok: true, what: `discord: is in server ${guild.name}`})
    } catch {
      findings.push({
        ok: false,
        what: `discord: is not in server ${discord.guildId}`,
        next: `invite it: https://discord.com/oauth2/authorize?client_id=${discord.applicationId}&scope=bot+applications.commands&permissions=309237763072`,
      })
    }
  }
  return findings
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

async function examineGithub(config: Config): Promise<Finding[]> {
  const {github} = config
  if (!github)
    return [
      {
        ok: false,
        what: 'github: off',
        next: 'set GITHUB_TOKEN (fine-grained: Actions read and write, Contents read)',
      },
    ]
  if (github.auth.kind === 'app') return [{ok: true, what: 'github: installed as an app'}]
  const octokit = new Octokit({
    auth: github.auth.token,
    baseUrl: github.apiUrl,
    retry: {enabled: false},
    throttle: {enabled: false},
  })
  const findings: Finding[] = []
  for (const target of config.targets.values()) {
    const [owner = '', repo = ''] = (target.repository ?? '').split('/')
    const where = `target ${target.name}: ${target.repository ?? '?'} ${target.workflow}`
    try {
      const {data} = await octokit.request('GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}', {
        owner,
        repo,
        workflow_id: target.workflow,
        request: {signal: AbortSignal.timeout(WITHIN_MS)},
      })
      findings.push(
        data.state === 'active'
          ? {ok: true, what: `${where} is there`}
          : {
              ok: false,
              what: `${where} is ${data.state}`,
              next: 'enable it on the repository’s Actions page',
            },
      )
    } catch (error) {
      const status = (error as {status?: number}).status
      findings.push({
        ok: false,
        what: `${where}: ${status === 404 ? 'not found, or the token can’t see it' : status === 401 ? 'the token is refused' : 'GitHub can’t be reached'}`,
        next:
          status === 401
            ? 'renew it at https://github.com/settings/personal-access-tokens'
            : 'check repository, file name, and the token’s repository access and Actions permission',
      })
    }
  }
  return findings
}
