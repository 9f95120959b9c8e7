// The other process of the bus's tests: `tsx events-process.ts <options as JSON>`, forked with IPC. It answers for
// the agent `reviewer`, notes all it hears and carries out, and reports when asked.
import {Registry} from 'prom-client'
import {createEvents, type RelayWhere} from '../../src/events/index.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'

export interface Report {
  readonly carriedOut: readonly number[]
  readonly fleeting: readonly number[]
  readonly durable: readonly number[]
}

const {where, databaseUrl} = JSON.parse(process.argv[2] ?? '{}') as {where: RelayWhere; databaseUrl: string}
const pool = createPool({connectionString: databaseUrl, onError: () => undefined})
const events = createEvents({where, pool, registry: new Registry(), log: silentLogger})
const report = {carriedOut: [] as number[], fleeting: [] as number[], durable: [] as number[]}

const service = events.requests.serve('reviewer', async ({payload}) => {
  const n = payload['n'] as number
  report.carriedOut.push(n)
  return {n}
})
const subscriptions = (
  [
    ['task_completed', 'fleeting'],
    ['approval_required', 'durable'],
  ] as const
).map(([type, list]) =>
  events.bus.subscribe(type, list, event => void report[list].push(event.data as number)),
)
setInterval(() => void events.journal.sweep().catch(() => undefined), 1_000)
await Promise.all([service.ready, ...subscriptions.map(each => each.ready)])
process.send?.('ready')

process.on('message', message => {
  if (message === 'report') process.send?.(report)
  else void events.close().then(() => pool.end().then(() => process.exit(0)))
})
