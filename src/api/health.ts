import type {FastifyInstance} from 'fastify'
import {z} from 'zod'

/** One thing that must work for this process to be of use. */
export interface HealthPart {
  readonly name: string
  /** Resolves while it works; within 2 s or it counts as failing. */
  check(): Promise<void>
}

const WITHIN_MS = 2000

const liveness = z.object({status: z.literal('ok')})
const report = z.object({
  status: z.enum(['ok', 'failing']),
  failing: z.array(z.string()).describe('the parts that do not work; `draining` while the process ends'),
  instance: z.string(),
  roles: z.array(z.string()),
  parts: z.array(z.object({name: z.string(), ok: z.boolean()})),
})

/**
 * Live: the process answers. Ready: everything it needs answers too; the failing parts are named, but not why they
 * fail: anybody may ask, and reasons carry addresses.
 */
export function healthRoutes(options: {
  readonly parts: readonly HealthPart[]
  readonly instanceId: string
  readonly roles: readonly string[]
  readonly draining: () => boolean
}) {
  const {parts, instanceId, roles, draining} = options

  async function examine(): Promise<z.output<typeof report>> {
    const results = await Promise.all(parts.map(async part => ({name: part.name, ok: await works(part)})))
    const failing = [
      ...results.filter(result => !result.ok).map(result => result.name),
      ...(draining() ? ['draining'] : []),
    ]
    return {
      status: failing.length === 0 ? 'ok' : 'failing',
      failing,
      instance: instanceId,
      roles: [...roles],
      parts: results,
    }
  }

  return (app: FastifyInstance): void => {
    app.get(
      '/health/live',
      {
        config: {
          access: 'public',
          about: {
            summary: 'Whether this process answers at all',
            answers: {200: {description: 'it does', content: liveness}},
          },
        },
      },
      async () => ({status: 'ok'}) satisfies z.output<typeof liveness>,
    )
    for (const url of ['/health/ready', '/health']) {
      app.get(
        url,
        {
          config: {
            access: 'public',
            about: {
              summary: 'Whether this process and all it needs work',
              answers: {
                200: {description: 'everything works', content: report},
                503: {description: 'the parts named do not', content: report},
              },
            },
          },
        },
        async (_request, reply) => {
          const examined = await examine()
          return reply.status(examined.failing.length === 0 ? 200 : 503).send(examined)
        },
      )
    }
  }
}

function works(part: HealthPart): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => (timer = setTimeout(() => resolve(false), WITHIN_MS)))
  const checked = part.check().then(
    () => true,
    () => false,
  )
  return Promise.race([checked, late]).finally(() => clearTimeout(timer))
}
