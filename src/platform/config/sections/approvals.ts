import {z} from 'zod'
import {ENVIRONMENTS} from '../../../kernel/environment.ts'
import {duration, finiteDuration, instant, slug, timeOfDay, timezone, weekTime} from '../formats.ts'

/** Who is called outside of business hours where the file names nobody. */
const ON_CALL_DEFAULTS = {primary: 'tech_lead', secondary: 'team_lead', escalateAfter: 30 * 60_000}

/** How many requests may wait for the holders of a role before further ones go to others. */
const LIMIT_DEFAULTS = {team_lead: 10, tech_lead: 20, cto: 50}

const EVIDENCE_DEFAULTS = {infrastructure: {ticket: true}, data: {backup: true}}

const policy = z.strictObject({
  expires: duration.optional(),
  approvers: z.int().min(0).max(10).optional(),
  roles: z.array(slug).optional(),
  escalateTo: z.array(slug).optional(),
  mailAfter: duration.optional(),
  justification: z.boolean().optional(),
})

const schedule = z
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

/** Either one period between two moments, or one that comes back every week. */
const freeze = z
  .strictObject({
    from: instant.optional(),
    to: instant.optional(),
    weekly: z
      .strictObject({from: weekTime, to: weekTime, timezone: timezone.default('UTC')})
      .refine(({from, to}) => from !== to, {path: ['to'], message: 'must not be the same as from'})
      .optional(),
    environments: z.array(z.enum(ENVIRONMENTS)).min(1, 'must name an environment').default(['production']),
    reason: z.string().min(1, 'must say why').max(200),
  })
  .refine(
    ({from, to, weekly}) =>
      weekly === undefined ? from !== undefined && to !== undefined : from === undefined && to === undefined,
    'must have either from and to, or weekly',
  )
  .refine(({from, to}) => !(from !== undefined && to !== undefined && from >= to), {
    path: ['to'],
    message: 'must be later than from',
  })

/** `approvals`: what a risk takes, when people are asked, and when nothing may begin. */
export const approvals = z
  .strictObject({
    policies: z
      .strictObject({
        low: policy.optional(),
        medium: policy.optional(),
        high: policy.optional(),
        critical: policy.optional(),
      })
      .default({}),
    quietHours: z
      .strictObject({from: timeOfDay, to: timeOfDay, timezone: timezone.default('UTC')})
      .optional(),
    schedule: schedule
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
    freezes: z.array(freeze).default([]).describe('times at which nothing that needs an approval begins'),
    breakGlass: z
      .strictObject({
        roles: z.array(slug).min(1, 'must name a role; leave breakGlass out and nobody may'),
        maximum: finiteDuration.default(60 * 60_000).describe('how long at most; 60m when left out'),
      })
      .optional()
      .describe('who may let themselves through without approval; nobody when left out'),
  })
  .default({policies: {}, limits: LIMIT_DEFAULTS, operations: EVIDENCE_DEFAULTS, freezes: []})
