import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {isSigned, runHint} from '../integrations/github/webhook.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {Db} from '../platform/postgres.ts'
import {WEBHOOKS_QUEUE} from '../deployments/service.ts'
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

/** Takes webhooks in: signature, then de-duplication, then a job; answered in milliseconds. */
export function webhookRoutes(options: {
  readonly githubSecret: string | undefined
  readonly db: Db
  readonly outbox: Pick<Outbox, 'relay'>
  readonly log: Logger
}) {
  const {githubSecret, db, outbox, log} = options
  return (app: FastifyInstance): void => {
    app.post(
      '/webhooks/github',
      {
        config: {
          access: 'signature',
          about: {
            summary: 'Webhooks from GitHub: hints that a run moved',
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
      const hint = runHint(event, jsonBody(request))
      const answer = (status: z.output<typeof verdict>['status']) => reply.status(202).send({status})
      if (!hint) return answer('ignored')
      const job = {queue: WEBHOOKS_QUEUE, name: 'github-run', id: `github-${delivery}`, data: hint}
      const {rows} = await db.query<{id: string}>({
        name: 'webhooks-accept',
        text: ACCEPT,
        values: ['github', delivery, job.queue, job.name, job.id, JSON.stringify(job.data)],
      })
      if (!rows[0]) return answer('duplicate')
      outbox.relay([{...job, outboxId: rows[0].id}])
      log.info({event, delivery}, 'webhook accepted')
      return answer('accepted')
    }
  }
}
