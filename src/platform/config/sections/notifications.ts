import {z} from 'zod'
import {RISK_LEVELS} from '../../../kernel/risk-level.ts'
import {slug} from '../formats.ts'

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

const from = z.enum([...RISK_LEVELS, 'never']).optional()
const thresholds = {linear: from, mail: from, discord: from, 'pull-request': from}
const watchers = z
  .array(slug)
  .optional()
  .describe('ids of principals who want to know besides those concerned')

/** `notifications`: what the operator changes about who is told what, where. */
export const notifications = z
  .strictObject({
    levels: z
      .partialRecord(
        z.enum(RISK_LEVELS),
        z.strictObject({
          mail: z
            .enum(['at-once', 'fallback', 'never'])
            .optional()
            .describe('fallback: only where Linear is off, fails or stays without an answer'),
          watchers,
        }),
      )
      .default({}),
    events: z
      .partialRecord(z.enum(NOTICE_EVENTS), z.strictObject({...thresholds, watchers}))
      .default({})
      .describe('the least level at which an event is told in a channel'),
    people: z
      .record(slug, z.strictObject(thresholds))
      .default({})
      .describe('the least level at which a person hears of something in a channel'),
    projects: z
      .record(
        slug,
        z.strictObject({
          watchers,
          updateIssues: z.boolean().default(true).describe('comment on the issue that something is about'),
          createIssues: z.boolean().default(false).describe('open an issue where there is none'),
        }),
      )
      .default({}),
  })
  .default({levels: {}, events: {}, people: {}, projects: {}})
  .describe('who is told what, where')
