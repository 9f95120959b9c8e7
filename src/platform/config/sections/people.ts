import {z} from 'zod'
import {discordId, email, secretVariable, slug} from '../formats.ts'

/** `principals`: who is who. */
export const principals = z
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
      tokenFrom: secretVariable('their own token for the HTTP routes'),
    }),
  )
  .default([])
  .describe('one person, their verified accounts, their roles')

/** `access`: who may give which command. */
export const access = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be the name of a command'),
    z.strictObject({
      roles: z.array(slug).default([]),
      discordRoles: z.array(discordId).default([]),
    }),
  )
  .default({})
  .describe('who may run a protected command; nobody but administrators when it is not listed')
