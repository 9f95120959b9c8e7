import {z} from 'zod'
import {
  cron,
  discordId,
  duration,
  email,
  repository,
  siteAddress,
  slug,
  timeOfDay,
  timezone,
} from './formats.ts'

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
      })
      .default({policies: {}}),
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
          tokenFrom: z
            .string()
            .regex(/^[A-Z][A-Z0-9_]{0,99}$/, 'must be the name of an environment variable')
            .optional()
            .describe("the variable that holds the project's own token (or <name>_FILE its path)"),
        }),
      )
      .default({})
      .describe('Linear projects and their own tokens'),
  })
  .describe('Signalbox: targets, people, access, approvals, digests')

export type SignalboxFile = z.output<typeof fileSchema>

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

/** The published JSON Schema of signalbox.yaml, for editors and other tools. */
export function fileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, {io: 'input'})
}
