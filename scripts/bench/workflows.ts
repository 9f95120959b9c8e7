import pg from 'pg'
import {forkChild, type Child} from './child.ts'
import {openPeer, peersPresent, type Peer} from './peers.ts'
import {startServers, type Servers} from './servers.ts'
import {median} from './statistics.ts'
import type {LoopResult, LoopRound, ParkResult} from './workflow-rounds.ts'
import type {WorkflowTargetOptions} from './workflows-target.ts'

const ROUNDS = 5
const ROUND_MS = 1_000
const POOL = 20
const PARKED = 10_000

type Kind = 'floor' | 'product' | Peer
type Targets = Partial<Record<Kind, Target>> & {readonly floor: Target; readonly product: Target}

interface Target {
  readonly child: Child
  readonly databaseUrl: string
}

/**
 * `npm run bench -- workflows [quick|statements]`: the product beside what its rows alone would cost, and beside the engines people
 * would pick instead, each in a process and a database of its own on one server; rounds by turns, the first one dropped.
 */
export async function benchWorkflows(args: readonly string[]): Promise<void> {
  const quick = args.includes('quick')
  const rounds = quick ? 2 : ROUNDS
  const ms = quick ? 500 : ROUND_MS
  const servers = await startServers({settings: {shared_preload_libraries: 'pg_stat_statements'}})
  const targets = await openTargets(servers, await peersPresent())
  try {
    if (args.includes('statements')) return await countStatements(targets)
    for (const inFlight of [1, 10, 50])
      await compare(targets, `3 steps, ${inFlight} in flight`, {work: 'sequence3', inFlight, ms}, rounds)
    for (const inFlight of [1, 10])
      await compare(
        targets,
        `20 parallel steps and a join, ${inFlight} in flight`,
        {work: 'fanOut20', inFlight, ms},
        rounds,
      )
    await compareDags(targets, rounds)
    await countStatements(targets)
    await compareWaiting(targets, quick ? 1_000 : PARKED)
    await Promise.all(Object.values(targets).map(({child}) => child.ask('close').catch(() => undefined)))
  } finally {
    await Promise.all(Object.values(targets).map(({child}) => child.kill()))
    await servers.close()
  }
}

async function openTargets(servers: Servers, peers: string | undefined): Promise<Targets> {
  const own = async (kind: 'product' | 'floor'): Promise<Target> => {
    const databaseUrl = await servers.database()
    const child = forkChild('workflows-target', {execArgv: [...process.execArgv, '--expose-gc']})
    await child.ask({
      kind,
      databaseUrl,
      pool: POOL,
      ...(servers.redisUrl === undefined ? {} : {redisUrl: servers.redisUrl}),
    } satisfies WorkflowTargetOptions)
    await statements(databaseUrl)
    return {child, databaseUrl}
  }
  const peer = async (kind: Peer, folder: string): Promise<Target> => {
    const databaseUrl = await servers.database()
    const child = await openPeer(folder, {kind, databaseUrl, pool: POOL})
    await statements(databaseUrl)
    return {child, databaseUrl}
  }
  const targets = {floor: await own('floor'), product: await own('product')}
  if (peers === undefined) return targets
  return {...targets, dbos: await peer('dbos', peers), langgraph: await peer('langgraph', peers)}
}

async function compare(targets: Targets, title: string, round: LoopRound, count: number): Promise<void> {
  const results: Partial<Record<Kind, LoopResult>>[] = []
  for (let index = -1; index < count; index++) {
    const result: Partial<Record<Kind, LoopResult>> = {}
    for (const [kind, {child}] of byTurns(targets, index)) result[kind] = await child.ask<LoopResult>(round)
    if (index >= 0) results.push(result)
  }
  say(`\n${title}`)
  say('              per s     p50 ms    p99 ms  start p50  CPU µs   product is … times it (min to max)')
  for (const kind of kindsOf(targets)) {
    const of = (what: keyof LoopResult) => median(results.map(result => result[kind]?.[what] ?? Number.NaN))
    const ratios = results.map(({product, ...others}) => {
      const other = kind === 'product' ? product : others[kind]
      return (product?.perSecond ?? Number.NaN) / (other?.perSecond ?? Number.NaN)
    })
    say(
      `  ${kind.padEnd(10)}${cell(of('perSecond'), 0, 8)}${cell(of('p50'), 2, 11)}${cell(of('p99'), 2, 10)}` +
        `${cell(of('startP50'), 2, 11)}${cell(of('cpuMicros'), 0, 8)}${kind === 'product' ? '' : range(ratios)}`,
    )
  }
}

async function compareDags(targets: Targets, count: number): Promise<void> {
  const took: Partial<Record<Kind, readonly [number, number]>>[] = []
  for (let index = -1; index < count; index++) {
    const result: Partial<Record<Kind, readonly [number, number]>> = {}
    for (const [kind, {child}] of byTurns(targets, index)) {
      const one = await child.ask<number>({dag: 1_000})
      // Twice as many steps should take twice as long: asked of the product only.
      result[kind] = [one, kind === 'product' ? await child.ask<number>({dag: 2_000}) : Number.NaN]
    }
    if (index >= 0) took.push(result)
  }
  say('\n1,000 steps in layers of 10')
  say('                 ms   2,000 steps   product is … times as fast (min to max)')
  for (const kind of kindsOf(targets)) {
    const ratios = took.map(result => (result[kind]?.[0] ?? Number.NaN) / (result.product?.[0] ?? Number.NaN))
    const doubled = median(
      took.map(result => (result[kind]?.[1] ?? Number.NaN) / (result[kind]?.[0] ?? Number.NaN)),
    )
    say(
      `  ${kind.padEnd(10)}${cell(median(took.map(result => result[kind]?.[0] ?? Number.NaN)), 0, 7)}` +
        `${kind === 'product' ? `${cell(doubled, 2, 13)}x` : ''.padEnd(14)}${kind === 'product' ? '' : range(ratios)}`,
    )
  }
}

/** Statements and WAL of 200 runs, counted by the server. */
async function countStatements(targets: Targets): Promise<void> {
  say('\nPer run of 3 steps: statements and WAL, as the server counts them')
  say('              1 in flight   10 in flight   50 in flight   WAL KB at 10   fan-out 20 at 10')
  for (const kind of kindsOf(targets)) {
    const {child, databaseUrl} = targets[kind] as Target
    const of = async (work: LoopRound['work'], inFlight: number) => {
      const before = await statements(databaseUrl)
      const {done} = await child.ask<LoopResult>({work, inFlight, ms: 60_000, count: 200} satisfies LoopRound)
      const after = await statements(databaseUrl)
      return {calls: (after.calls - before.calls) / done, walKb: (after.wal - before.wal) / done / 1024}
    }
    const [one, ten, fifty] = [await of('sequence3', 1), await of('sequence3', 10), await of('sequence3', 50)]
    // The server's whole WAL is seen: what a checkpoint or somebody else's idling adds is left out by the median.
    const wal = [ten.walKb]
    while (wal.length < 5) wal.push((await of('sequence3', 10)).walKb)
    const fan = await of('fanOut20', 10)
    say(
      `  ${kind.padEnd(10)}${cell(one.calls, 1, 13)}${cell(ten.calls, 1, 15)}${cell(fifty.calls, 2, 15)}` +
        `${cell(median(wal), 2, 15)}${cell(fan.calls, 1, 19)}`,
    )
  }
}

async function compareWaiting(targets: Targets, count: number): Promise<void> {
  say(`\n${count.toLocaleString('en')} runs that wait for a signal`)
  say('              heap KB   RSS KB    DB KB each   idle CPU %   resume p50 ms')
  for (const kind of kindsOf(targets)) {
    if (kind === 'floor') continue
    const {child, databaseUrl} = targets[kind] as Target
    const before = await databaseBytes(databaseUrl)
    const {heapBytes, rssBytes} = await child.ask<ParkResult>({park: count})
    const bytes = (await databaseBytes(databaseUrl)) - before
    const idle = await child.ask<number>({idleMs: 5_000})
    const resume = await child.ask<number>({resume: 50})
    say(
      `  ${kind.padEnd(10)}${cell(heapBytes / 1024, 2, 9)}${cell(rssBytes / 1024, 2, 9)}` +
        `${cell(bytes / count / 1024, 2, 14)}${cell(idle, 2, 13)}${cell(resume, 2, 16)}`,
    )
  }
}

function kindsOf(targets: Targets): readonly Kind[] {
  return (['floor', 'product', 'dbos', 'langgraph'] as const).filter(kind => targets[kind])
}

/** In alternating order, so that none always comes after the same other. */
function byTurns(targets: Targets, round: number): readonly (readonly [Kind, Target])[] {
  const all = kindsOf(targets).map(kind => [kind, targets[kind] as Target] as const)
  return round % 2 === 0 ? all : all.reverse()
}

async function statements(databaseUrl: string): Promise<{readonly calls: number; readonly wal: number}> {
  return asked(databaseUrl, async client => {
    await client.query('create extension if not exists pg_stat_statements')
    const {rows} = await client.query<{calls: number; wal: number}>(
      `select coalesce(sum(calls), 0)::float8 as calls, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
       from pg_stat_statements join pg_database d on d.oid = dbid where datname = current_database()
         and query not like '%pg_stat_statements%'`,
    )
    return rows[0] ?? {calls: 0, wal: 0}
  })
}

async function databaseBytes(databaseUrl: string): Promise<number> {
  return asked(databaseUrl, async client => {
    const {rows} = await client.query<{bytes: number}>(
      'select pg_database_size(current_database())::float8 as bytes',
    )
    return rows[0]?.bytes ?? 0
  })
}

async function asked<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({connectionString: databaseUrl})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function range(ratios: readonly number[]): string {
  return `${cell(median(ratios), 2, 11)}x  (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`
}

function cell(value: number, digits: number, width: number): string {
  return (Number.isNaN(value) ? '–' : value.toFixed(digits)).padStart(width)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
