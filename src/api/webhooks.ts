import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {codesIn} from '../access/code.ts'
import {ACCOUNTS_QUEUE} from '../access/links.ts'
import {LINEAR_QUEUE} from '../approvals/surfaces/linear-inbox.ts'
import {WEBHOOKS_QUEUE} from '../deployments/service.ts'
import {commentText, isSigned, issueHint, runHint} from '../integrations/github/webhook.ts'
import {faultOf, linearHint, type WebhookFault} from '../integrations/linear/webhook.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Logger} from '../platform/logger.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {Db} from '../platform/postgres.ts'
import {PLANS_QUEUE} from '../plans/plans.ts'
import type {RouteDescription} from './openapi.ts'
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

interface Job {
  readonly queue: string
  readonly name: string
  readonly data: object
}

/** One who sends webhooks: how a delivery proves itself, and what it asks for. */
interface Sender {
  readonly name: 'github' | 'linear'
  readonly secret: string | undefined
  readonly secretVariable: string
  readonly about: Required<Pick<RouteDescription, 'summary' | 'headers' | 'body'>>
  /** The status that this sender takes for heard. */
  readonly heard: 200 | 202
  /** The headers that a delivery must have, first the one with its id. */
  readonly needs: readonly [string, ...string[]]
  /** Why the delivery is not believed. */
  readonly faultOf: (secret: string, request: FastifyRequest) => WebhookFault | undefined
  /** Undefined where we have no use for it. */
  readonly jobOf: (request: FastifyRequest) => Job | undefined
}

const FAULTS: Readonly<Record<WebhookFault, {readonly detail: string; readonly logged: string}>> = {
  BAD_SIGNATURE: {
    detail: 'The signature does not fit the body.',
    logged: 'a webhook with a bad signature was refused',
  },
  STALE: {
    detail: 'The webhook is not of this minute.',
    logged: 'a well-signed webhook of another time was refused',
  },
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
  async function accept(source: Sender['name'], delivery: string, job: Job): Promise<boolean> {
    const {queue, name, data} = job
    const id = `${source}-${delivery}`
    const {rows} = await db.query<{id: string}>({
      name: 'webhooks-accept',
      text: ACCEPT,
      values: [source, delivery, queue, name, id, JSON.stringify(data)],
    })
    if (!rows[0]) return false
    outbox.relay([{queue, name, id, data, outboxId: rows[0].id}])
    log.info({source, delivery}, 'webhook accepted')
    return true
  }

  async function receive(
    sender: Sender,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const {name, secret, secretVariable, heard, needs, faultOf, jobOf} = sender
    if (secret === undefined)
      return problem(
        reply,
        503,
        'NOT_CONFIGURED',
        `${secretVariable} is not set, so no webhook can be trusted.`,
      )
    const fault = faultOf(secret, request)
    if (fault) {
      log.warn({}, FAULTS[fault].logged)
      return problem(reply, 401, fault, FAULTS[fault].detail)
    }
    const [delivery, ...others] = needs.map(needed => header(request, needed.toLowerCase()))
    if (delivery === undefined || others.includes(undefined) || !/^[\w-]{1,100}$/.test(delivery)) {
      const verb = needs.length === 1 ? 'is' : 'are'
      return problem(reply, 400, 'INVALID_INPUT', `${needs.join(' and ')} ${verb} needed.`)
    }
    const job = jobOf(request)
    const answer = (status: z.output<typeof verdict>['status']) => reply.status(heard).send({status})
    if (!job) return answer('ignored')
    return answer((await accept(name, delivery, job)) ? 'accepted' : 'duplicate')
  }

  return (app: FastifyInstance): void => {
    for (const sender of [github(githubSecret), linear(linearSecret, clock)]) {
      const {name, about, heard} = sender
      const answers = {[heard]: {description: 'heard; whatever follows comes from a queue', content: verdict}}
      app.post(
        `/webhooks/${name}`,
        {config: {access: 'signature', about: {...about, answers}}},
        (request, reply) => receive(sender, request, reply),
      )
    }
  }
}

function github(secret: string | undefined): Sender {
  return {
    name: 'github',
    secret,
    secretVariable: 'GITHUB_WEBHOOK_SECRET',
    about: {
      summary: 'Webhooks from GitHub: hints that a run or an issue moved, or that a code was posted',
      headers: {
        'x-hub-signature-256': 'signature over the body, by GITHUB_WEBHOOK_SECRET',
        'x-github-delivery': 'the delivery; the same one again changes nothing',
        'x-github-event': 'the kind of event; those we have no use for are ignored',
      },
      body: 'the event, as application/json',
    },
    heard: 202,
    needs: ['X-GitHub-Delivery', 'X-GitHub-Event'],
    faultOf: (known, request) =>
      isSigned(known, rawBody(request), header(request, 'x-hub-signature-256')) ? undefined : 'BAD_SIGNATURE',
    jobOf(request) {
      const event = header(request, 'x-github-event') ?? ''
      const payload = jsonBody(request)
      const hint = runHint(event, payload)
      if (hint) return {queue: WEBHOOKS_QUEUE, name: 'github-run', data: hint}
      const moved = issueHint(event, payload)
      if (moved) return {queue: PLANS_QUEUE, name: 'github-issue', data: moved}
      // Who wrote it, and whether it was edited since, is read from GitHub itself.
      const posted = codesIn(commentText(event, payload) ?? '').length > 0
      return posted ? {queue: ACCOUNTS_QUEUE, name: 'github-comment', data: {}} : undefined
    },
  }
}

function linear(secret: string | undefined, clock: Clock): Sender {
  return {
    name: 'linear',
    secret,
    secretVariable: 'LINEAR_WEBHOOK_SECRET',
    about: {
      summary: 'Webhooks from Linear: hints that somebody said or did something about a request',
      headers: {
        'linear-signature': 'signature over the body, by LINEAR_WEBHOOK_SECRET',
        'linear-delivery': 'the delivery; the same one again changes nothing',
      },
      body: 'the event, as application/json, sent within the last minute',
    },
    // Linear takes any other status for a failure.
    heard: 200,
    needs: ['Linear-Delivery'],
    faultOf: (known, request) =>
      faultOf(known, rawBody(request), header(request, 'linear-signature'), clock()),
    jobOf(request) {
      const hint = linearHint(jsonBody(request))
      return hint && {queue: LINEAR_QUEUE, name: 'linear-hint', data: hint}
    },
  }
}
