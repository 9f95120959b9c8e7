import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {AgentRecord, Beat} from './agent.ts'
import type {RegistryPort} from './membership.ts'
import {agentShape, fromWire} from './wire.ts'

const REGISTER_WITHIN_MS = 10_000
const ANSWER_WITHIN_MS = 5_000
const listing = z.object({agents: z.array(agentShape)})

export interface RegistryClient extends RegistryPort {
  /** Every agent: what a directory reads. */
  read(): Promise<readonly AgentRecord[]>
}

/**
 * The registry of another machine. Plain calls with their time limits; resilience is `joinRegistry` and
 * `createDirectory` around it, the same as for our own. Throws UPSTREAM_REFUSED for what the registry says no to and
 * UPSTREAM_UNAVAILABLE when it does not answer.
 */
export function createRegistryClient({
  url,
  token,
  baseUrl,
}: {
  /** Of the registry, such as `https://signalbox.example.com`. */
  readonly url: string
  readonly token: string
  /** Where agents that name no address of their own answer. */
  readonly baseUrl: string
}): RegistryClient {
  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: object | undefined,
    withinMs: number,
  ): Promise<{readonly status: number; readonly body: unknown}> {
    try {
      const response = await fetch(new URL(path, url), {
        method,
        headers: {authorization: `Bearer ${token}`, 'content-type': 'application/json'},
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(withinMs),
      })
      return {status: response.status, body: await response.json()}
    } catch (error) {
      throw new AppError('UPSTREAM_UNAVAILABLE', 'The agent registry does not answer.', {cause: error})
    }
  }

  function refused({status, body}: {readonly status: number; readonly body: unknown}): AppError {
    const {detail = 'no reason given'} = z.object({detail: z.string().optional()}).catch({}).parse(body)
    return new AppError(
      status >= 500 ? 'UPSTREAM_UNAVAILABLE' : 'UPSTREAM_REFUSED',
      `The agent registry answered ${status}: ${detail}`,
      {details: {status}},
    )
  }

  async function beat({agentId, instanceId, status, load}: Beat): Promise<readonly string[]> {
    const path = `/agents/${encodeURIComponent(agentId)}/heartbeat`
    const body = {instance_id: instanceId, status, load: load?.active, capacity: load?.capacity}
    const answer = await call('POST', path, body, ANSWER_WITHIN_MS)
    if (answer.status === 404) return []
    if (answer.status !== 200) throw refused(answer)
    return [agentId]
  }

  return {
    async register(registration) {
      const answer = await call(
        'POST',
        '/register',
        {
          agent_id: registration.agentId,
          agent_name: registration.agentName,
          base_url: registration.baseUrl ?? baseUrl,
          instance_id: registration.instanceId,
          capabilities: registration.capabilities,
          metadata: registration.metadata,
          status: registration.status,
          load: registration.load?.active,
          capacity: registration.load?.capacity,
        },
        REGISTER_WITHIN_MS,
      )
      if (answer.status !== 200) throw refused(answer)
    },

    async heartbeat(beats) {
      return new Set((await Promise.all(beats.map(beat))).flat())
    },

    async leave(agentId, instanceId) {
      const query = new URLSearchParams({instance_id: instanceId})
      const path = `/agents/${encodeURIComponent(agentId)}?${query.toString()}`
      const answer = await call('DELETE', path, undefined, ANSWER_WITHIN_MS)
      if (answer.status !== 200 && answer.status !== 404) throw refused(answer)
    },

    async read() {
      const answer = await call('GET', '/agents', undefined, ANSWER_WITHIN_MS)
      if (answer.status !== 200) throw refused(answer)
      return listing.parse(answer.body).agents.map(fromWire)
    },
  }
}
