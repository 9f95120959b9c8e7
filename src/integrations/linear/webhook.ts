import {createHmac, timingSafeEqual} from 'node:crypto'
import {z} from 'zod'

/** Why a delivery is not taken. */
export type WebhookFault = 'BAD_SIGNATURE' | 'STALE'

/** Linear's own figure (linear.app/developers/webhooks, "Securing webhooks"). */
const FRESH_MS = 60_000

/**
 * What a webhook tells us: where to look. Never the truth itself, which is read from the API, so that whoever learns
 * the webhook's secret still decides nothing.
 */
export type LinearHint =
  | {readonly kind: 'comment'; readonly id: string; readonly issueId: string; readonly parentId?: string}
  | {readonly kind: 'reaction'; readonly commentId: string}
  | {readonly kind: 'session'; readonly id: string}

/**
 * The hex HMAC-SHA256 of the raw body in `Linear-Signature`, compared in constant time, and the time of sending that
 * stands in the signed body: the header's time is not signed.
 */
export function faultOf(
  secret: string,
  rawBody: Buffer,
  signature: string | undefined,
  now: number,
): WebhookFault | undefined {
  const expected = createHmac('sha256', secret).update(rawBody).digest('hex')
  const given = Buffer.from(signature ?? '')
  if (given.length !== expected.length || !timingSafeEqual(given, Buffer.from(expected)))
    return 'BAD_SIGNATURE'
  const sent = sentAt.safeParse(parsed(rawBody))
  return sent.success && Math.abs(now - sent.data.webhookTimestamp) <= FRESH_MS ? undefined : 'STALE'
}

const id = z.uuid()
const sentAt = z.object({webhookTimestamp: z.number()})
const event = z.union([
  z.object({
    type: z.literal('Comment'),
    action: z.literal('create'),
    data: z.object({id, issueId: id, parentId: id.nullish()}),
  }),
  z.object({type: z.literal('Reaction'), action: z.literal('create'), data: z.object({commentId: id})}),
  z.object({
    type: z.literal('AgentSessionEvent'),
    action: z.enum(['created', 'prompted']),
    agentSession: z.object({id}),
  }),
])

/** Where an event says to look; undefined for those that we have no use for, edits and removals among them. */
export function linearHint(payload: unknown): LinearHint | undefined {
  const found = event.safeParse(payload)
  if (!found.success) return undefined
  switch (found.data.type) {
    case 'Comment': {
      const {id: comment, issueId, parentId} = found.data.data
      return {kind: 'comment', id: comment, issueId, ...(typeof parentId === 'string' && {parentId})}
    }
    case 'Reaction':
      return {kind: 'reaction', commentId: found.data.data.commentId}
    case 'AgentSessionEvent':
      return {kind: 'session', id: found.data.agentSession.id}
  }
}

function parsed(rawBody: Buffer): unknown {
  try {
    return JSON.parse(rawBody.toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
