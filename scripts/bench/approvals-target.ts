import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {migrate} from '../../src/platform/migrations.ts'
import {loadConfig} from '../../src/platform/config/load-config.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {assess} from '../../src/approvals/risk.ts'
import {buildHouse, type House} from '../../src/runtime/house.ts'

export type ApprovalsRequest =
  | {readonly open: {readonly env: Readonly<Record<string, string>>; readonly cwd: string}}
  /** Asks for so many approvals, one each `everyMs`; 0: all at once, `inFlight` at a time. */
  | {readonly ask: number; readonly everyMs: number; readonly inFlight?: number}
  /** The first of the two votes that each of them takes. */
  | {readonly approve: readonly string[]}
  /** The second one, which decides, and after it one durable statement. */
  | {readonly decide: string}
  | 'close'

export interface Asked {
  readonly id: string
  /** Before its transaction began; milliseconds since the epoch. */
  readonly at: number
}

/** In milliseconds. */
export interface Voted {
  /** The deciding vote. */
  readonly voteMs: number
  /** One prepared statement, committed, that changes a row and adds another. */
  readonly floorMs: number
}

/** What a vote sets in motion after its commit is not to be measured with what comes next. */
const PAUSE_MS = 100

let house: House | undefined
let floor: ((id: string) => Promise<unknown>) | undefined

/** Asks for approvals as a gate does: by the house that production builds, without a role of its own. */
async function hear(
  message: ApprovalsRequest,
): Promise<'ready' | 'closed' | 'approved' | readonly Asked[] | Voted> {
  if (message === 'close') {
    await house?.close()
    return 'closed'
  }
  if ('open' in message) {
    const config = loadConfig(message.open)
    const redactor = createRedactor(config.secrets)
    const log = createLogger({level: 'error', redactor})
    const databaseUrl = config.database.url ?? ''
    await migrate({databaseUrl, log})
    house = await buildHouse({config, databaseUrl, log, redact: redactor.text})
    return 'ready'
  }
  if (!house) throw new Error('not open')
  if ('ask' in message) return askMany(house, message)
  if ('decide' in message) return decide(house, message.decide)
  floor = await openFloor(house.pool, message.approve)
  for (const id of message.approve) await vote(house, id, 'hugo')
  return 'approved'
}

async function askMany(
  {approvals, pool}: House,
  {ask, everyMs, inFlight = 10}: Extract<ApprovalsRequest, {ask: number}>,
): Promise<readonly Asked[]> {
  const asked: Asked[] = []
  const one = async () => {
    const at = Date.now()
    const subject = randomUUID()
    const request = await transaction(pool, db =>
      approvals.ask(db, {
        subject: {kind: 'deployment', id: subject, round: 1},
        correlationId: subject,
        action: {operation: 'deploy', environment: 'production', title: 'web → production', target: 'web'},
        requester: {name: 'grace', person: 'grace'},
        risk: assess({operation: 'deploy', environment: 'production'}),
        bound: {commit: subject.replaceAll('-', ''), environment: 'production', workflow: 'deploy.yml@a91b'},
      }),
    )
    if (request) asked.push({id: request.id, at})
  }
  if (everyMs === 0) {
    let left = ask
    const loop = async () => {
      while (left-- > 0) await one()
    }
    await Promise.all(Array.from({length: inFlight}, loop))
    return asked
  }
  const under = []
  for (let index = 0; index < ask; index++) {
    under.push(one())
    await sleep(everyMs)
  }
  await Promise.all(under)
  return asked
}

function vote({approvals}: House, id: string, person: string) {
  return approvals.vote({
    id,
    account: {kind: 'email', id: `${person}@example.com`},
    decision: 'approve',
    surface: 'mail',
    key: randomUUID(),
  })
}

async function decide(house: House, id: string): Promise<Voted> {
  const {took: voteMs, result: outcome} = await timed(() => vote(house, id, 'lin'))
  if (outcome.kind !== 'counted' || outcome.request.status !== 'approved')
    throw new Error(`not approved: ${JSON.stringify(outcome)}`)
  await sleep(PAUSE_MS)
  const {took: floorMs} = await timed(async () => floor?.(id))
  return {voteMs, floorMs}
}

/** What a decision can't do without: a row changed and another one added, durably. */
async function openFloor(
  pool: House['pool'],
  ids: readonly string[],
): Promise<(id: string) => Promise<unknown>> {
  await pool.query(`create table bench_requests (id uuid primary key, status text not null);
    create table bench_actions (id uuid not null, action text not null, at timestamptz not null default now())`)
  await pool.query(`insert into bench_requests select id, 'pending' from unnest($1::uuid[]) as id`, [ids])
  return id =>
    pool.query({
      name: 'bench-floor',
      text: `with decided as (update bench_requests set status = 'approved' where id = $1 returning id)
        insert into bench_actions (id, action) select id, 'approve' from decided`,
      values: [id],
    })
}

async function timed<T>(work: () => Promise<T>): Promise<{readonly took: number; readonly result: T}> {
  const began = performance.now()
  const result = await work()
  return {took: performance.now() - began, result}
}

process.on('message', (message: ApprovalsRequest) => {
  hear(message).then(
    answer => process.send?.(answer, () => answer === 'closed' && process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
