import {Registry} from 'prom-client'
import {createEvents} from '../../src/events/index.ts'
import type {Json} from '../../src/kernel/json.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {migrate} from '../../src/platform/migrations.ts'
import {createRedactor} from '../../src/platform/redact.ts'

export interface BusUnderTest {
  /** Resolves when messages published from then on, by any process, reach the handler. */
  subscribe(topic: string, handler: (data: Json) => unknown): Promise<void>
  /** Resolves when the message is in the inbox of every process that listens. */
  publish(topic: string, data: Json): Promise<void>
  serve(
    agent: string,
    handler: (payload: Json) => Json | undefined | Promise<Json | undefined>,
  ): Promise<void>
  /** The agent's result; rejects with its status and error when it is not a success. */
  request(agent: string, payload: Json): Promise<Json | undefined>
  close(): Promise<void>
}

/** The bus of one process, as production builds it. Each call is a process of its own to the others. */
export async function bus(
  where: {readonly redisUrl: string} | {readonly databaseUrl: string},
): Promise<BusUnderTest> {
  const log = createLogger({
    level: 'warn',
    redactor: createRedactor([]),
    destination: {write: line => void process.stderr.write(line)},
  })
  if ('databaseUrl' in where) await migrate({databaseUrl: where.databaseUrl, log})
  const events = createEvents({where, registry: new Registry(), log})
  await events.requests.ready

  return {
    async subscribe(topic, handler) {
      await events.bus.subscribe(toType(topic), 'bench', event => handler(event.data)).ready
    },
    publish: (topic, data) => events.bus.emit(toType(topic), data, {source: 'bench'}),
    async serve(agent, handler) {
      const serving = events.requests.serve(agent, async ({payload}) => handler(payload['value'] ?? null), {
        concurrency: 1_000,
      })
      await serving.ready
    },
    async request(agent, payload) {
      const {status, result, error} = await events.requests.request({
        source_agent: 'bench',
        target_agent: agent,
        request_type: 'execute_task',
        payload: {value: payload},
      })
      if (status !== 'success') throw new Error(`${status}: ${error ?? ''}`)
      return result
    },
    close: () => events.close(),
  }
}

/** Any topic as an event type: what a type can't hold is percent-encoded. */
function toType(topic: string): string {
  return topic.replace(/[^\w.:-]/g, character => encodeURIComponent(character).replace(/[^\w.:%-]/g, '_'))
}
