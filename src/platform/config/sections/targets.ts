import {z} from 'zod'
import {ENVIRONMENTS} from '../../../kernel/environment.ts'
import {
  branchOrTag,
  finiteDuration,
  repositoryOrDefault,
  siteAddress,
  slug,
  workflowFile,
} from '../formats.ts'

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

const ship = z
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

/** `targets`: what can be shipped, where to, and how a release is verified. */
export const targets = z
  .record(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be a short name of lower-case letters, digits and dashes'),
    z.strictObject({
      repository: repositoryOrDefault,
      workflow: workflowFile
        .optional()
        .describe('file name in .github/workflows; <target>-deploy.yml when left out'),
      ref: branchOrTag.default('main'),
      environment: z.enum(ENVIRONMENTS).default('development'),
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
      ship: ship.describe('how /ship verifies it, and what follows from that'),
    }),
  )
  .default({})
  .describe('what the deploy commands can ship; a target named client always exists')
