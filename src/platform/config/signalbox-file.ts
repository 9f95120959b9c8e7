import {z} from 'zod'
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
] as const

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
          workflow: z
            .string()
            .regex(
              /^[A-Za-z0-9._-]{1,100}\.ya?ml$/,
              'must be the file name of a workflow, such as client-deploy.yml',
            )
            .optional()
            .describe('file name in .github/workflows; <target>-deploy.yml when left out'),
          ref: z
            .string()
            .regex(
              /^(?![-/.])(?!.*(?:\.\.|@\{|\/\/))[^\s~^:?*[\\\p{Cc}]{1,200}(?<![/.])$/u,
              'must be a branch or tag',
            )
            .default('main'),
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
            .describe('workflow inputs; ${{ options.api_base }} stands for what was given with the command'),
          verify: z
            .strictObject({frontend: siteAddress.optional(), api: siteAddress.optional()})
            .default({})
            .describe('addresses that must answer after a deployment'),
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
      .default({policies: {}, freezes: []}),
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
  })
  .describe('Signalbox: targets, people, access, approvals, digests')

export type SignalboxFile = z.output<typeof fileSchema>

/** The variables that the file takes tokens from. */
export function tokenVariables({projects, principals}: SignalboxFile): readonly string[] {
  return [...Object.values(projects), ...principals].flatMap(({tokenFrom}) => tokenFrom ?? [])
}

function thresholds() {
  const from = z.enum([...riskLevel.options, 'never']).optional()
  return {linear: from, mail: from, discord: from, 'pull-request': from}
}

function watchers() {
  return z.array(slug).optional().describe('ids of principals who want to know besides those concerned')
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
