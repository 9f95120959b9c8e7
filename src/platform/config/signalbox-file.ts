import {z} from 'zod'
import {vendorAddress} from './environment.ts'
import {
  cron,
  discordId,
  finiteDuration,
  repositoryOrDefault,
  secretVariable,
  slug,
  timezone,
} from './formats.ts'
import {approvals} from './sections/approvals.ts'
import {diagnose} from './sections/diagnose.ts'
import {models} from './sections/models.ts'
import {notifications} from './sections/notifications.ts'
import {access, principals} from './sections/people.ts'
import {targets} from './sections/targets.ts'
import {tools} from './sections/tools.ts'

/**
 * The one description of signalbox.yaml: what is validated, what `signalbox.schema.json` publishes (`npm run schema`)
 * and where "did you mean" looks. Every section may be left out; the longer ones are in `sections/`.
 */
export const fileSchema = z
  .strictObject({
    targets,
    principals,
    access,
    approvals,
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
          tokenFrom: secretVariable("the project's own token"),
        }),
      )
      .default({})
      .describe('Linear projects and their own tokens'),
    notifications,
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
    diagnose,
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
    models,
    tools,
    summary: z
      .strictObject({
        repository: repositoryOrDefault,
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

/** The published JSON Schema of signalbox.yaml, for editors and other tools. */
export function fileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(fileSchema, {io: 'input'})
}
