import {z} from 'zod'
import {vendorAddress} from './environment.ts'
import {
  cron,
  discordId,
  duration,
  email,
  finiteDuration,
  instant,
  repository,
  siteAddress,
  slug,
  timeOfDay,
  timezone,
  variableName,
  weekTime,
} from './formats.ts'

const workflowFile = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,100}\.ya?ml$/, 'must be the file name of a workflow, such as client-deploy.yml')
const branchOrTag = z
  .string()
  .regex(/^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s~^:?*[\\\p{Cc}]{1,200}(?<![/.])$/u, 'must be a branch or tag')

const riskLevel = z.enum(['low', 'medium', 'high', 'critical'])

/** What people may be told of: src/notifications/notice.ts says when. */
export const NOTICE_EVENTS = [
  'approval_required',
  'approval_vote',
  'approval_question',
  'approval_reminder',
  'approval_escalated',
  'approval_approved',
  'approval_rejected',
  'approval_expired',
  'approval_cancelled',
  'break_glass',
  'task_completed',
  'task_failed',
  'agent_error',
  'service_down',
  'service_up',
] as const

/** How a target is shipped whose configuration does not say. */
export const SHIP_DEFAULTS = {
  checks: [],
  autoPromote: false,
  autoRollback: true,
  minChecks: 3,
  promoteAt: {checks: 4, share: 80},
  timeoutMs: 30_000,
  expires: 60 * 60_000,
}

/** How a language model is used where the file does not say. */
const MODEL_DEFAULTS = {
  agents: {},
  prices: {},
  budget: {dollarsPerDay: 10, tokensPerDay: 2_000_000, tokensPerCall: 16_000},
  timeout: 30_000,
}

/** What `/diagnose` starts where the file says nothing of it. */
export const DIAGNOSE_DEFAULTS = {
  workflow: 'diagnose-dispatch.yml',
  ref: 'main',
  artifact: 'diagnose-summary',
} as const

/** Who is called outside of business hours where the file names nobody. */
const ON_CALL_DEFAULTS = {primary: 'tech_lead', secondary: 'team_lead', escalateAfter: 30 * 60_000}

/** How many requests may wait for the holders of a role before further ones go to others. */
const LIMIT_DEFAULTS = {team_lead: 10, tech_lead: 20, cto: 50}

const EVIDENCE_DEFAULTS = {infrastructure: {ticket: true}, data: {backup: true}}

const TOOL_DEFAULTS = {strategy: 'progressive' as const, servers: {}, agents: {}}

/**
 * The one description of signalbox.yaml: what is validated, what `signalbox.schema.json` publishes (`npm run schema`)
 * and where "did you mean" looks. Every section may be left out.
 */
export const fileSchema = z
  .strictObject({
    targets: z
      .record(
        z
          .string()
          .regex(
            /^[a-z0-9][a-z0-9-]{0,31}$/,
            'must be a short name of lower-case letters, digits and dashes',
          ),
        z.strictObject({
          repository: repository.optional().describe('owner/name; GITHUB_REPOSITORY when left out'),
          workflow: workflowFile
            .optional()
            .describe('file name in .github/workflows; <target>-deploy.yml when left out'),
          ref: branchOrTag.default('main'),
          environment: z.enum(['development', 'staging', 'production']).default('development'),
          service: slug
            .optional()
            .describe('what the deployment lock is for; the name of the target when left out'),
          project: slug.optional().describe('name of the Linear project that is told of failures'),
          inputs: z
            .record(
              z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'must be the name of a workflow input'),
              z.union([z.string(), z.number(), z.boolean()], {
                error: 'must be a text, a number, true or false',
              }),
            )
            .default({})
            .describe(
              'workflow inputs; ${{ options.api_base }}, ${{ options.strategy }} and ${{ options.environment }} stand for what was given with the command',
            ),
          verify: z
            .strictObject({frontend: siteAddress.optional(), api: siteAddress.optional()})
            .default({})
            .describe('addresses that must answer after a deployment'),
          ship: shipRules().describe('how /ship verifies it, and what follows from that'),
        }),
      )
      .default({})
      .describe('what the deploy commands can ship; a target named client always exists'),
    principals: z
      .array(
        z.strictObject({
          id: slug,
          discord: discordId.optional(),
          github: z
            .string()
            .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,38}$/, 'must be a GitHub login')
            .optional(),
          linear: z.string().min(1).optional().describe('user id in Linear'),
          email: email.optional(),
          roles: z.array(slug).default([]),
          tokenFrom: variableName
            .optional()
            .describe(
              'the variable that holds their own token for the HTTP routes (or <name>_FILE its path)',
            ),
        }),
      )
      .default([])
      .describe('one person, their verified accounts, their roles'),
    access: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be the name of a command'),
        z.strictObject({
          roles: z.array(slug).default([]),
          discordRoles: z.array(discordId).default([]),
        }),
      )
      .default({})
      .describe('who may run a protected command; nobody but administrators when it is not listed'),
    approvals: z
      .strictObject({
        policies: z
          .strictObject({
            low: policy().optional(),
            medium: policy().optional(),
            high: policy().optional(),
            critical: policy().optional(),
          })
          .default({}),
        quietHours: z
          .strictObject({from: timeOfDay, to: timeOfDay, timezone: timezone.default('UTC')})
          .optional(),
        schedule: schedule()
          .optional()
          .describe('business hours, and who is called outside of them; nobody besides when left out'),
        limits: z
          .record(slug, z.int().min(1).max(10_000))
          .default({})
          .transform(limits => ({...LIMIT_DEFAULTS, ...limits}))
          .describe(
            'by role: at how many requests that wait for its holders further ones call others, where those suffice; 10 for team_lead, 20 for tech_lead, 50 for cto when left out',
          ),
        operations: z
          .strictObject({
            infrastructure: z
              .strictObject({ticket: z.boolean().default(true)})
              .default(EVIDENCE_DEFAULTS.infrastructure)
              .describe('whether a change of infrastructure takes a change ticket'),
            data: z
              .strictObject({backup: z.boolean().default(true)})
              .default(EVIDENCE_DEFAULTS.data)
              .describe('whether a change of data takes a backup that was verified'),
          })
          .default(EVIDENCE_DEFAULTS)
          .describe('what has to be given with a request'),
        freezes: z
          .array(freeze())
          .default([])
          .describe('times at which nothing that needs an approval begins'),
        breakGlass: z
          .strictObject({
            roles: z.array(slug).min(1, 'must name a role; leave breakGlass out and nobody may'),
            maximum: finiteDuration.default(60 * 60_000).describe('how long at most; 60m when left out'),
          })
          .optional()
          .describe('who may let themselves through without approval; nobody when left out'),
      })
      .default({policies: {}, limits: LIMIT_DEFAULTS, operations: EVIDENCE_DEFAULTS, freezes: []}),
    digests: z
      .array(
        z.strictObject({
          cron,
          timezone: timezone.default('UTC'),
          channel: discordId.optional().describe('DISCORD_STATUS_CHANNEL_ID when left out'),
          period: z.enum(['daily', 'weekly']).default('daily'),
        }),
      )
      .default([])
      .describe('scheduled posts of the status digest'),
    uptime: z
      .strictObject({
        every: finiteDuration
          .default(60_000)
          .refine(ms => ms >= 30_000, 'must be 30s or longer')
          .describe('how often services are looked at; 60s when left out'),
        channel: discordId
          .optional()
          .describe('where outages are told; DISCORD_STATUS_CHANNEL_ID when left out'),
        alert: z
          .boolean()
          .default(true)
          .describe('whether people are told when a service goes down or comes back'),
      })
      .optional()
      .describe('scheduled looks at the bot, the API, the frontend and the targets; none when left out'),
    projects: z
      .record(
        slug,
        z.strictObject({
          id: z.string().min(1).describe('project id in Linear'),
          team: z.string().min(1).optional().describe('team id in Linear, for new issues'),
          tokenFrom: variableName
            .optional()
            .describe("the variable that holds the project's own token (or <name>_FILE its path)"),
        }),
      )
      .default({})
      .describe('Linear projects and their own tokens'),
    notifications: z
      .strictObject({
        levels: z
          .partialRecord(
            riskLevel,
            z.strictObject({
              mail: z
                .enum(['at-once', 'fallback', 'never'])
                .optional()
                .describe('fallback: only where Linear is off, fails or stays without an answer'),
              watchers: watchers(),
            }),
          )
          .default({}),
        events: z
          .partialRecord(z.enum(NOTICE_EVENTS), z.strictObject({...thresholds(), watchers: watchers()}))
          .default({})
          .describe('the least level at which an event is told in a channel'),
        people: z
          .record(slug, z.strictObject(thresholds()))
          .default({})
          .describe('the least level at which a person hears of something in a channel'),
        projects: z
          .record(
            slug,
            z.strictObject({
              watchers: watchers(),
              updateIssues: z
                .boolean()
                .default(true)
                .describe('comment on the issue that something is about'),
              createIssues: z.boolean().default(false).describe('open an issue where there is none'),
            }),
          )
          .default({}),
      })
      .default({levels: {}, events: {}, people: {}, projects: {}})
      .describe('who is told what, where'),
    qa: z
      .strictObject({
        postReviews: z
          .enum(['off', 'comment', 'decide'])
          .default('off')
          .describe(
            'what /qa leaves on the pull request: nothing, a comment, or an approval or request for changes',
          ),
      })
      .default({postReviews: 'off'})
      .describe('checks of pull requests by rules; the rules are in qa.yaml of their repository'),
    diagnose: z
      .strictObject({
        repository: repository.optional().describe('owner/name; GITHUB_REPOSITORY when left out'),
        workflow: workflowFile
          .default(DIAGNOSE_DEFAULTS.workflow)
          .describe('file name in .github/workflows; it must ship nothing'),
        ref: branchOrTag.default(DIAGNOSE_DEFAULTS.ref),
        artifact: z
          .string()
          .regex(/^[^\\/:*?"<>|\p{Cc}]{1,100}$/u, 'must be the name of an artifact')
          .default(DIAGNOSE_DEFAULTS.artifact)
          .describe('the artifact with its report'),
      })
      .optional()
      .describe('the workflow that /diagnose starts, which /doctor then looks for'),
    plans: z
      .strictObject({
        label: z
          .string()
          .min(1)
          .max(50)
          .regex(/^[^,]*$/, 'must be one label')
          .optional()
          .describe('of the issues; ISSUE_LABEL or ready when left out'),
        channels: z
          .array(discordId)
          .default([])
          .describe('channels that anybody may have a plan posted to; the one they ask in always'),
      })
      .default({channels: []})
      .describe('plans of the day: /plan'),
    relay: z
      .strictObject({
        channels: z.array(discordId).default([]).describe('channels that may be posted to'),
        people: z.array(slug).default([]).describe('ids of principals who may be written to directly'),
      })
      .default({channels: [], people: []})
      .describe('where /relay-send and /relay-dm may post; nowhere when left out'),
    models: z
      .strictObject({
        agents: z
          .record(slug, z.string().min(1))
          .default({})
          .describe('models by agent; LLM_MODEL for all that are left out'),
        prices: z
          .record(
            z.string().min(1),
            z.strictObject({input: z.number().nonnegative(), output: z.number().nonnegative()}),
          )
          .default({})
          .describe('US dollars for a million tokens, by model'),
        budget: z
          .strictObject({
            dollarsPerDay: z
              .number()
              .positive()
              .default(MODEL_DEFAULTS.budget.dollarsPerDay)
              .describe('counts models with a price'),
            tokensPerDay: z.int().positive().default(MODEL_DEFAULTS.budget.tokensPerDay),
            tokensPerCall: z
              .int()
              .positive()
              .default(MODEL_DEFAULTS.budget.tokensPerCall)
              .describe('sent and answered'),
          })
          .default(MODEL_DEFAULTS.budget)
          .describe('for all processes together; rules take the place of the model when it is used up'),
        timeout: finiteDuration
          .default(MODEL_DEFAULTS.timeout)
          .describe('how long one call may take, tries included; 30s when left out'),
      })
      .default(MODEL_DEFAULTS)
      .describe('the language model of LLM_BASE_URL and LLM_MODEL: prices, budget, choice by agent'),
    tools: z
      .strictObject({
        strategy: z
          .enum(['minimal', 'profile', 'progressive', 'full'])
          .default(TOOL_DEFAULTS.strategy)
          .describe('how many of its tools an agent is shown; see docs/tools.md'),
        servers: z.record(slug, toolServer()).default({}).describe('MCP servers by name'),
        agents: z
          .record(
            slug,
            z.strictObject({
              servers: z.array(slug).default([]).describe('servers of which it may use every tool'),
              tools: z
                .array(
                  z
                    .string()
                    .regex(/^[a-z0-9][a-z0-9_-]{0,63}\.[\w.:/-]{1,128}$/, 'must be a tool as server.tool'),
                )
                .default([])
                .describe('single tools, as server.tool'),
            }),
          )
          .default({})
          .describe('what an agent may use; nothing when it is not listed'),
      })
      .default(TOOL_DEFAULTS)
      .describe('tools of MCP servers for agents'),
    summary: z
      .strictObject({
        repository: repository.optional().describe('owner/name; GITHUB_REPOSITORY when left out'),
        path: z
          .string()
          .regex(
            /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9_.][A-Za-z0-9_./ -]{0,198}\.(?:md|markdown)$/,
            'must be the path of a Markdown file in the repository, such as docs/STATUS.md',
          )
          .default('STATUS.md'),
      })
      .default({path: 'STATUS.md'})
      .describe('the file that /update-summary keeps'),
    registries: z
      .strictObject({
        npm: vendorAddress().optional().describe('such as https://registry.npmjs.org'),
        pypi: vendorAddress().optional().describe('such as https://pypi.org/simple'),
      })
      .default({})
      .describe('where /triage asks whether a missing package exists; nowhere when left out'),
  })
  .describe('Signalbox: targets, people, access, approvals, digests')

export type SignalboxFile = z.output<typeof fileSchema>

/** The variables that the file takes tokens from, and those it hands to tool servers. */
export function tokenVariables({projects, principals, tools}: SignalboxFile): readonly string[] {
  const servers = Object.values(tools.servers)
  return [
    ...[...Object.values(projects), ...principals, ...servers].flatMap(({tokenFrom}) => tokenFrom ?? []),
    ...servers.flatMap(({env}) => env ?? []),
  ]
}

function thresholds() {
  const from = z.enum([...riskLevel.options, 'never']).optional()
  return {linear: from, mail: from, discord: from, 'pull-request': from}
}

function watchers() {
  return z.array(slug).optional().describe('ids of principals who want to know besides those concerned')
}

/** Either a program that is started, or an address. */
function toolServer() {
  return z
    .strictObject({
      command: z.string().min(1).max(500).optional().describe('the program to start; without a shell'),
      args: z.array(z.string().max(2_000)).max(100).optional(),
      env: z
        .array(variableName)
        .optional()
        .describe('variables that it gets (or <name>_FILE their paths); their values count as secrets'),
      url: vendorAddress().optional().describe('of a server that speaks streamable HTTP'),
      tokenFrom: variableName
        .optional()
        .describe('the variable that holds its bearer token (or <name>_FILE its path)'),
      critical: z
        .array(z.string().min(1).max(128))
        .default([])
        .describe('tools that its agents are always shown'),
      reads: z
        .array(z.string().min(1).max(128))
        .default([])
        .describe(
          'tools that change nothing, where the server does not say so itself: what a model may call',
        ),
      timeout: finiteDuration.default(30_000).describe('for an answer; 30s when left out'),
    })
    .refine(
      ({command, url}) => (command === undefined) !== (url === undefined),
      'must have either command or url',
    )
    .refine(
      ({command, args, env, tokenFrom}) =>
        command === undefined ? args === undefined && env === undefined : tokenFrom === undefined,
      'must have args and env with command only, and tokenFrom with url only',
    )
}

function shipRules() {
  return z
    .strictObject({
      checks: z
        .array(
          z.strictObject({
            name: z.string().trim().min(1).max(40),
            url: siteAddress,
            maxMs: z.int().min(1).max(60_000).default(1000).describe('slower is a warning'),
            critical: z.boolean().default(false).describe('it alone, when down, asks for going back'),
          }),
        )
        .max(10)
        .default([])
        .describe('besides verify: its frontend within 500 ms, its API within 200 ms, both critical'),
      autoPromote: z.boolean().default(SHIP_DEFAULTS.autoPromote),
      autoRollback: z
        .boolean()
        .default(SHIP_DEFAULTS.autoRollback)
        .describe('through the same gate as any deployment'),
      minChecks: z
        .int()
        .min(0)
        .max(12)
        .default(SHIP_DEFAULTS.minChecks)
        .describe('fewer that answer ask for going back'),
      promoteAt: z
        .strictObject({
          checks: z.int().min(1).max(12).default(SHIP_DEFAULTS.promoteAt.checks),
          share: z.number().min(0).max(100).default(SHIP_DEFAULTS.promoteAt.share).describe('percent'),
        })
        .default(SHIP_DEFAULTS.promoteAt)
        .describe('so many good checks, or all where there are fewer'),
      timeoutMs: z.int().min(1000).max(300_000).default(SHIP_DEFAULTS.timeoutMs).describe('for all checks'),
      expires: finiteDuration
        .default(SHIP_DEFAULTS.expires)
        .describe('how long it waits for a decision; 1h when left out'),
    })
    .default(SHIP_DEFAULTS)
}

function policy() {
  return z.strictObject({
    expires: duration.optional(),
    approvers: z.int().min(0).max(10).optional(),
    roles: z.array(slug).optional(),
    escalateTo: z.array(slug).optional(),
    mailAfter: duration.optional(),
    justification: z.boolean().optional(),
  })
}

function schedule() {
  return z
    .strictObject({
      timezone: timezone.default('UTC'),
      days: z
        .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
        .min(1, 'must name a day; leave schedule out and nobody is on call')
        .default(['mon', 'tue', 'wed', 'thu', 'fri']),
      from: timeOfDay.default('09:00'),
      to: timeOfDay.default('17:00'),
      onCall: z
        .strictObject({
          primary: slug.default(ON_CALL_DEFAULTS.primary).describe('a role, or the id of a principal'),
          secondary: slug.default(ON_CALL_DEFAULTS.secondary).describe('likewise'),
          escalateAfter: finiteDuration
            .default(ON_CALL_DEFAULTS.escalateAfter)
            .describe('how long after the first the second is called; 30m when left out'),
        })
        .default(ON_CALL_DEFAULTS),
    })
    .refine(({from, to}) => from < to, {path: ['to'], message: 'must be later than from, on the same day'})
}

/** Either one period between two moments, or one that comes back every week. */
function freeze() {
  return z
    .strictObject({
      from: instant.optional(),
      to: instant.optional(),
      weekly: z
        .strictObject({from: weekTime, to: weekTime, timezone: timezone.default('UTC')})
        .refine(({from, to}) => from !== to, {path: ['to'], message: 'must not be the same as from'})
        .optional(),
      environments: z
        .array(z.enum(['development', 'staging', 'production']))
        .min(1, 'must name an environment')
        .default(['production']),
      reason: z.string().min(1, 'must say why').max(200),
    })
    .refine(
      ({from, to, weekly}) =>
        weekly === undefined
          ? from !== undefined && to !== undefined
          : from === undefined && to === undefined,
      'must have either from and to, or weekly',
    )
    .refine(({from, to}) => !(from !== undefined && to !== undefined && from >= to), {
      path: ['to'],
      message: 'must be later than from',
    })
}

/** The published JSON Schema of signalbox.yaml, for editors and other tools. */
export function fileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, {io: 'input'})
}
