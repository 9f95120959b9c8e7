import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {codesIn} from '../access/code.ts'
import {LINEAR_QUEUE} from '../approvals/surfaces/linear-inbox.ts'
import {commentText, isSigned, issueHint, runHint} from '../integrations/github/webhook.ts'
import {faultOf, linearHint} from '../integrations/linear/webhook.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {Db} from '../platform/postgres.ts'
import {ACCOUNTS_QUEUE} from '../access/links.ts'
import {WEBHOOKS_QUEUE} from '../deployments/service.ts'
import {PLANS_QUEUE} from '../plans/plans.ts'
import {header, jsonBody, problem, rawBody} from './server.ts'

// The delivery's id and its job commit together: a repeated delivery finds the id and makes no second job.
const ACCEPT = `
  with fresh as (
    insert into webhook_deliveries (source, delivery_id) values ($1, $2) on conflict do nothing returning delivery_id
  )
  insert into outbox (queue, name, job_id, data)
  select $3, $4, $5, $6::jsonb from fresh
  returning id`

// GitHub redelivers, when asked to, what is up to 3 days old (docs.github.com, "Redelivering webhooks"), an Enterprise
// Server 7; Linear tries again for some 7 hours (linear.app/developers/webhooks).
const REMEMBERED = '14 days'

/** Lets go of deliveries too old to come again. */
export async function forgetDeliveries(db: Db): Promise<void> {
  await db.query('delete from webhook_deliveries where received_at < now() - $1::interval', [REMEMBERED])
}

const verdict = z.object({status: z.enum(['accepted', 'duplicate', 'ignored'])})

/** What an event asks for; undefined for those we have no use for. */
function jobFor(event: string, payload: unknown, id: string) {
  const hint = runHint(event, payload)
  if (hint) return {queue: WEBHOOKS_QUEUE, name: 'github-run', id, data: hint}
  const moved = issueHint(event, payload)
  if (moved) return {queue: PLANS_QUEUE, name: 'github-issue', id, data: moved}
  // Who wrote it, and whether it was edited since, is read from GitHub itself.
  const posted = codesIn(commentText(event, payload) ?? '').length > 0
  return posted ? {queue: ACCOUNTS_QUEUE, name: 'github-comment', id, data: {}} : undefined
}

/** Takes webhooks in: signature, then de-duplication, then a job; answered in milliseconds. */
export function webhookRoutes(options: {
  readonly githubSecret: string | undefined
  readonly linearSecret: string | undefined
  readonly db: Db
  readonly outbox: Pick<Outbox, 'relay'>
  readonly clock: Clock
  readonly log: Logger
}) {
  const {githubSecret, linearSecret, db, outbox, clock, log} = options

  /** Leaves the job together with the delivery's id; false when that delivery was here before. */
  async function accept(
    source: 'github' | 'linear',
    delivery: string,
    job: {readonly queue: string; readonly name: string; readonly id: string; readonly data: object},
  ): Promise<boolean> {
    const {rows} = await db.query<{id: string}>({
      name: 'webhooks-accept',
      text: ACCEPT,
      values: [source, delivery, job.queue, job.name, job.id, JSON.stringify(job.data)],
    })
    if (!rows[0]) return false
    outbox.relay([{...job, outboxId: rows[0].id}])
    log.info({source, delivery}, 'webhook accepted')
    return true
  }

  return (app: FastifyInstance): void => {
    app.post(
      '/webhooks/github',
      {
        config: {
          access: 'signature',
          about: {
            summary: 'Webhooks from GitHub: hints that a run or an issue moved, or that a code was posted',
            headers: {
              'x-hub-signature-256': 'signature over the body, by GITHUB_WEBHOOK_SECRET',
              'x-github-delivery': 'the delivery; the same one again changes nothing',
              'x-github-event': 'the kind of event; those we have no use for are ignored',
            },
            body: 'the event, as application/json',
            answers: {202: {description: 'heard; whatever follows comes from a queue', content: verdict}},
          },
        },
      },
      receive,
    )

    async function receive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      if (githubSecret === undefined)
        return problem(
          reply,
          503,
          'NOT_CONFIGURED',
          'GITHUB_WEBHOOK_SECRET is not set, so no webhook can be trusted.',
        )
      if (!isSigned(githubSecret, rawBody(request), header(request, 'x-hub-signature-256'))) {
        log.warn({}, 'a webhook with a bad signature was refused')
        return problem(reply, 401, 'BAD_SIGNATURE', 'The signature does not fit the body.')
      }
      const delivery = header(request, 'x-github-delivery')
      const event = header(request, 'x-github-event')
      if (delivery === undefined || event === undefined || !/^[\w-]{1,100}$/.test(delivery)) {
        return problem(reply, 400, 'INVALID_INPUT', 'X-GitHub-Delivery and X-GitHub-Event are needed.')
      }
      const job = jobFor(event, jsonBody(request), `github-${delivery}`)
      const answer = (status: z.output<typeof verdict>['status']) => reply.status(202).send({status})
      if (!job) return answer('ignored')
      return answer((await accept('github', delivery, job)) ? 'accepted' : 'duplicate')
    }

    app.post(
      '/webhooks/linear',
      {
        config: {
          access: 'signature',
          about: {
            summary: 'Webhooks from Linear: hints that somebody said or did something about a request',
            headers: {
              'linear-signature': 'signature over the body, by LINEAR_WEBHOOK_SECRET',
              'linear-delivery': 'the delivery; the same one again changes nothing',
            },
            body: 'the event, as application/json, sent within the last minute',
            // Linear takes any other status than 200 for a failure.
            answers: {200: {description: 'heard; whatever follows comes from a queue', content: verdict}},
          },
        },
      },
      receiveLinear,
    )

    async function receiveLinear(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      if (linearSecret === undefined)
        return problem(
          reply,
          503,
          'NOT_CONFIGURED',
          'LINEAR_WEBHOOK_SECRET is not set, so no webhook can be trusted.',
        )
      const fault = faultOf(linearSecret, rawBody(request), header(request, 'linear-signature'), clock())
      if (fault === 'BAD_SIGNATURE') {
        log.warn({}, 'a webhook with a bad signature was refused')
        return problem(reply, 401, fault, 'The signature does not fit the body.')
      }
      if (fault === 'STALE') {
        log.warn({}, 'a well-signed webhook of another time was refused')
        return problem(reply, 401, fault, 'The webhook is not of this minute.')
      }
      const delivery = header(request, 'linear-delivery')
      if (delivery === undefined || !/^[\w-]{1,100}$/.test(delivery))
        return problem(reply, 400, 'INVALID_INPUT', 'Linear-Delivery is needed.')
      const hint = linearHint(jsonBody(request))
      const answer = (status: z.output<typeof verdict>['status']) => reply.status(200).send({status})
      if (!hint) return answer('ignored')
      const job = {queue: LINEAR_QUEUE, name: 'linear-hint', id: `linear-${delivery}`, data: hint}
      return answer((await accept('linear', delivery, job)) ? 'accepted' : 'duplicate')
    }
  }
}
