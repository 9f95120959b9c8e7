import type {FastifyInstance} from 'fastify'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import {LOCK_KINDS} from '../locks/decide.ts'
import type {Locks} from '../locks/service.ts'
import type {LockView} from '../locks/store.ts'
import {jsonBody} from './server.ts'

const time = z.iso.datetime()
const kind = z.enum(LOCK_KINDS).describe('deploy and backfill may share a resource; nothing else may')
const lock = z.object({
  resource_id: z.string(),
  owner: z.string(),
  kind,
  fence: z.int().describe('rises with every holder of the resource'),
  reason: z.string().nullable(),
  acquired_at: time,
  expires_at: time.describe('unless renewed'),
  waiters: z
    .array(z.object({owner: z.string(), kind, position: z.int(), since: time}))
    .describe('in the order in which they will be served'),
})
const locksShape = z.object({locks: z.array(lock)})
const forced = z.object({
  resource_id: z.string(),
  previous_owner: z.string().describe('two, with a comma between them, where two shared it'),
})

// No control characters and no half surrogate pairs: Postgres keeps neither.
const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u)
const forcing = z.object({
  reason: text(400).describe('why it is taken away: its holder sees it, and it is kept'),
})
const params = z.object({resource: text(256)})

/** Who holds what and who waits for it; and a way out when a holder is stuck. */
export function lockRoutes({locks}: {readonly locks: Pick<Locks, 'list' | 'forceUnlock'>}) {
  return (app: FastifyInstance): void => {
    app.get(
      '/locks',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Every lock that is held, with the line of those who wait',
            answers: {200: {description: 'in order of their names', content: locksShape}},
          },
        },
      },
      async () => ({locks: (await locks.list()).map(toWire)}) satisfies z.output<typeof locksShape>,
    )

    app.post(
      '/locks/:resource/force-unlock',
      {
        config: {
          access: 'token',
          about: {
            summary: 'Take a lock away from its holder, who is told, and hand it to the next in line',
            body: forcing,
            answers: {200: {description: 'it was taken away', content: forced}},
          },
        },
      },
      async request => {
        const {resource} = given(request.params, params)
        const {reason} = given(jsonBody(request), forcing)
        const previous = await locks.forceUnlock(resource, {by: 'the HTTP API', reason})
        if (previous.length === 0) throw new AppError('NOT_FOUND', `Nobody holds ${resource}.`)
        return {resource_id: resource, previous_owner: previous.join(', ')} satisfies z.output<typeof forced>
      },
    )
  }
}

function toWire(view: LockView): z.output<typeof lock> {
  return {
    resource_id: view.resource,
    owner: view.owner,
    kind: view.kind,
    fence: view.fence,
    reason: view.reason,
    acquired_at: iso(view.acquiredAt),
    expires_at: iso(view.expiresAt),
    waiters: view.waiters.map(waiter => ({
      owner: waiter.owner,
      kind: waiter.kind,
      position: waiter.position,
      since: iso(waiter.since),
    })),
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function given<T extends z.ZodType>(value: unknown, shape: T): z.output<T> {
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new AppError('INVALID_INPUT', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is wrong'}`)
}
