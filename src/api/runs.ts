import {once} from 'node:events'
import {PassThrough} from 'node:stream'
import type {FastifyInstance, FastifyRequest} from 'fastify'
import {z} from 'zod'
import {AppError, toError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {PlanningPort} from '../sdk/index.ts'
import type {Launch} from '../workflows/launch.ts'
import type {Order, RunEvent, Workflows} from '../workflows/service.ts'
import type {ShownRun} from '../workflows/shown.ts'
import {given, keyed, text} from './input.ts'
import {givenIn, HOUSE, whyNot} from './orchestrate.ts'
import {header, jsonBody, rawBody} from './server.ts'

const STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const
/** So that nothing in between takes a quiet stream for a dead one. */
const HEARTBEAT_MS = 15_000
const PLANNED_WITHIN_MS = 90_000

const time = z.iso.datetime()
const fault = z.object({code: z.string(), message: z.string()})
const status = z.enum(STATUSES)
const step = z.object({
  id: z.string().describe('its path, unique in the run: release/deploy, build[2]'),
  needs: z.array(z.string()).describe('what it waits for; not told of steps inside of others'),
  status: z.string(),
  attempt: z.int(),
  output: z.json(),
  error: fault.nullable(),
  started_at: time.nullable(),
  ended_at: time.nullable(),
  retry_at: time.optional().describe('when it is tried again; absent unless it waits for that'),
})
const runShape = z.object({
  id: z.string(),
  workflow: z.string(),
  status,
  current_step: z.string(),
  waiting_for: z.object({kind: z.string(), id: z.string()}).nullable(),
  held: z.boolean().optional().describe('it was told to pause, whatever else it waits for; absent in lists'),
  progress: z.object({total: z.int(), completed: z.int(), failed: z.int(), percentage: z.number()}),
  steps: z.array(step).optional().describe('absent in lists'),
  version: z.int(),
  input: z.json(),
  result: z.json(),
  error: fault.nullable(),
  correlation_id: z.string(),
  started_at: time,
  updated_at: time,
  completed_at: time.nullable(),
})
const started = z.object({id: z.string(), workflow: z.string(), status, correlation_id: z.string()})

const execute = z.strictObject({
  workflow: text(64).optional().describe('by name; see workflows/'),
  input: z.record(z.string(), z.json()).default({}),
  description: text(4000).optional().describe('instead of a workflow: what is wanted'),
  requirements: z
    .record(z.string(), z.json())
    .optional()
    .describe(
      'with a description: pr_number, repo_url, target, environment, ref, path where it does not say them',
    ),
})
const order = z.strictObject({reason: text(400).optional()})
const retryOrder = z.strictObject({
  reason: text(400).optional(),
  step: text(300).optional().describe('go on from this step; from all that did not succeed when left out'),
})
const listing = z.object({
  status: status.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})
const params = z.object({id: text(64)})

const ORDERS = {
  pause: 'Let nothing new begin; what is under way ends',
  resume: 'Lift a pause',
  cancel: 'Stop for good: nothing new begins but what undoes the steps that were done',
} as const

/** Starting runs of workflows, looking at them, and telling them what to do. */
export function runRoutes({
  workflows,
  launch,
  planning,
  log,
}: {
  readonly workflows: Pick<Workflows, 'get' | 'list' | 'events' | 'pause' | 'resume' | 'cancel' | 'retry'>
  readonly launch: Launch
  readonly planning: Pick<PlanningPort, 'propose' | 'start'>
  readonly log: Pick<Logger, 'warn'>
}) {
  return (app: FastifyInstance): void => {
    const streams = new Set<AbortController>()
    app.addHook('preClose', done => {
      for (const stream of streams) stream.abort()
      done()
    })

    async function found(id: string): Promise<ShownRun> {
      const shown = await workflows.get(id)
      if (!shown) throw new AppError('NOT_FOUND', `There is no run ${id}.`)
      return shown
    }

    app.post(
      '/workflows/execute',
      {
        config: {
          access: 'token',
          about: {
            summary:
              'Start a run of a workflow, or of one that is made of a description; the same `Idempotency-Key` header again answers the same run',
            body: execute,
            answers: {202: {description: 'it was started', content: started}},
          },
        },
      },
      async (request, reply) => {
        const {workflow, input, description, requirements} = given(jsonBody(request), execute)
        if ((workflow === undefined) === (description === undefined))
          throw new AppError('INVALID_INPUT', 'Give either a workflow or a description.')
        const key = header(request, 'idempotency-key')
        if (description !== undefined) {
          const correlationId = key === undefined ? request.id : keyed(HOUSE, given(key, text(200)))
          const proposed = await planning.propose({
            description,
            correlationId,
            actor: HOUSE,
            given: givenIn(requirements),
            signal: AbortSignal.timeout(PLANNED_WITHIN_MS),
          })
          if (proposed.kind !== 'drafted') throw whyNot(proposed)
          const {id, run} = proposed.draft
          const runId = run ?? (await planning.start({id, actor: HOUSE, correlationId})).run ?? ''
          const shown = await found(runId)
          return reply.status(202).send({
            id: runId,
            workflow: shown.workflow,
            status: shown.status,
            correlation_id: shown.correlation_id,
          } satisfies z.output<typeof started>)
        }
        if (workflow === undefined) throw new AppError('INVALID_INPUT', 'Give a workflow.')
        const run = await launch({
          workflow,
          input,
          ...(key === undefined ? {} : {sourceId: `http ${given(key, text(200))}`}),
          metadata: {requester: 'the HTTP API'},
        })
        const answer = {
          id: run.id,
          workflow: run.workflow,
          status: run.status,
          correlation_id: run.correlationId,
        }
        return reply.status(202).send(answer satisfies z.output<typeof started>)
      },
    )

    app.get(
      '/runs',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Runs, the newest first, without their steps',
            query: listing,
            answers: {200: {description: 'the runs', content: z.object({runs: z.array(runShape)})}},
          },
        },
      },
      async request => {
        const {status: wanted, limit} = given(request.query, listing)
        return {runs: await workflows.list({limit, ...(wanted === undefined ? {} : {statuses: [wanted]})})}
      },
    )

    app.get(
      '/runs/:id',
      {
        config: {
          access: 'token',
          about: {
            summary: 'One run with its steps',
            answers: {200: {description: 'the run', content: runShape}},
          },
        },
      },
      async request => found(idOf(request)),
    )

    for (const [kind, summary] of Object.entries(ORDERS) as [keyof typeof ORDERS, string][]) {
      app.post(
        `/runs/:id/${kind}`,
        {
          config: {
            access: 'token',
            about: {summary, body: order, answers: {200: {description: 'it was told', content: runShape}}},
          },
        },
        async request => {
          const id = idOf(request)
          const {reason} = given(bodyOf(request), order)
          await workflows[kind](id, {...ordered(request), reason})
          return found(id)
        },
      )
    }

    app.post(
      '/runs/:id/retry',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Let a failed or cancelled run go on',
            body: retryOrder,
            answers: {200: {description: 'it was told', content: runShape}},
          },
        },
      },
      async request => {
        const id = idOf(request)
        const {reason, step: path} = given(bodyOf(request), retryOrder)
        await workflows.retry(id, {...ordered(request), reason, ...(path === undefined ? {} : {path})})
        return found(id)
      },
    )

    app.get(
      '/runs/:id/events',
      {
        config: {
          access: 'token',
          about: {
            summary:
              'What happens to a run, as server-sent events: `progress` for each change, `end` with its end; goes on after the `Last-Event-ID` header',
            answers: {200: {description: 'the stream', content: 'text/event-stream'}},
          },
        },
      },
      async (request, reply) => {
        const id = idOf(request)
        const since = given(header(request, 'last-event-id') ?? '0', z.coerce.number().int().min(0))
        await found(id)
        const gone = new AbortController()
        streams.add(gone)
        reply.raw.once('close', () => gone.abort())
        const stream = new PassThrough()
        const heartbeat = setInterval(() => stream.write(':\n\n'), HEARTBEAT_MS)
        void tell(id, since, stream, gone.signal)
          .catch((error: unknown) => {
            // Whoever listens comes back and goes on from there.
            if (!gone.signal.aborted)
              log.warn({run: id, reason: toError(error).message}, 'a stream of events broke')
          })
          .finally(() => {
            clearInterval(heartbeat)
            streams.delete(gone)
            stream.end()
          })
        return (
          reply
            .type('text/event-stream')
            .header('cache-control', 'no-store')
            // Else it would be kept for the next request, and a server that closes would wait for that.
            .header('connection', 'close')
            .header('x-accel-buffering', 'no')
            .send(stream)
        )
      },
    )

    async function tell(id: string, since: number, stream: PassThrough, signal: AbortSignal): Promise<void> {
      stream.write('retry: 1000\n\n')
      for await (const event of workflows.events(id, since, signal)) {
        const {seq} = event
        if (!stream.write(`id: ${seq}\nevent: progress\ndata: ${JSON.stringify(toWire(event))}\n\n`))
          await once(stream, 'drain', {signal})
      }
      if (signal.aborted) return
      const {status: end, error} = await found(id)
      stream.write(`event: end\ndata: ${JSON.stringify({id, status: end, error})}\n\n`)
    }
  }
}

function toWire({at, facts}: RunEvent) {
  return {
    at: new Date(at).toISOString(),
    events: facts.map(fact => ({
      type: fact.is,
      ...('path' in fact && typeof fact.path === 'string' ? {step: fact.path} : {}),
      ...(fact.is === 'waiting' ? {waiting_for: {kind: fact.for, id: fact.id}} : {}),
      ...('error' in fact && fact.error !== undefined ? {error: fact.error} : {}),
    })),
  }
}

function ordered(request: FastifyRequest): Order {
  const key = header(request, 'idempotency-key')
  return {by: 'the HTTP API', ...(key === undefined ? {} : {id: given(key, text(200))})}
}

function idOf(request: FastifyRequest): string {
  return given(request.params, params).id
}

/** A body may be left out. */
function bodyOf(request: FastifyRequest): unknown {
  return rawBody(request).length === 0 ? {} : jsonBody(request)
}
