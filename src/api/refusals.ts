import type {FastifyInstance} from 'fastify'
import type {Audit, AuditEvent} from '../audit/audit.ts'
import type {Clock} from '../kernel/clock.ts'

const WINDOW_MS = 60_000
/** Of different ones in a minute: whoever comes from many addresses fills no table either. */
const MOST_KEYS = 30

/**
 * Records whom the HTTP server turns away (401, 403), before they hear of it. The first of a kind, from one address to
 * one route, is recorded at once; how many more came within the minute is one record when that is over. Beyond thirty
 * kinds a minute, all others are one.
 */
export function refusalRecords({
  audit,
  clock,
}: {
  readonly audit: Pick<Audit, 'refused'>
  readonly clock: Clock
}) {
  const windows = new Map<string, {readonly event: AuditEvent; readonly opened: number; more: number}>()

  async function close(key: string): Promise<void> {
    const window = windows.get(key)
    windows.delete(key)
    if (!window || window.more === 0) return
    const {event, more} = window
    await audit.refused({...event, details: {...event.details, more, within_seconds: WINDOW_MS / 1000}})
  }

  async function count(address: string, event: AuditEvent): Promise<void> {
    const own = JSON.stringify([address, event.subject, event.details?.['code']])
    const key = windows.has(own) || windows.size < MOST_KEYS ? own : 'others'
    const window = windows.get(key)
    if (window && clock() - window.opened < WINDOW_MS) {
      window.more++
      return
    }
    await close(key)
    const opened = {
      event: key === own ? event : {...event, details: {address: 'many'}},
      opened: clock(),
      more: 0,
    }
    windows.set(key, opened)
    setTimeout(() => void close(key), WINDOW_MS).unref()
    await audit.refused(opened.event)
  }

  return (app: FastifyInstance): void => {
    app.addHook('onSend', async (request, reply, payload) => {
      const {statusCode} = reply
      if (statusCode !== 401 && statusCode !== 403) return payload
      const caller = request.caller?.kind === 'person' ? request.caller.person.id : undefined
      await count(request.ip, {
        action: 'http.refused',
        subject: `${request.method} ${request.routeOptions.url ?? 'nowhere'}`,
        actor: caller === undefined ? {id: 'nobody', name: 'nobody known'} : {id: caller, name: caller},
        correlationId: request.id,
        details: {status: statusCode, address: request.ip, ...codeIn(payload)},
      })
      return payload
    })
    app.addHook('onClose', async () => {
      await Promise.all([...windows.keys()].map(close))
    })
  }
}

/** Of a problem+json. */
function codeIn(payload: unknown): {readonly code?: string} {
  try {
    const {code} = JSON.parse(String(payload)) as {code?: unknown}
    return typeof code === 'string' ? {code} : {}
  } catch {
    return {}
  }
}
