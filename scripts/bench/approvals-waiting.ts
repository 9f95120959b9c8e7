import {readFile} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import type {Asked, Voted} from './approvals-target.ts'
import type {Child} from './child.ts'
import {openPeer, peersPresent} from './peers.ts'
import type {Memory} from './product.ts'
import type {Servers} from './servers.ts'
import {stage} from './stages.ts'
import {median, percentile} from './statistics.ts'
import type {Verdict} from './verdicts.ts'

const VOTES = 100
const DBOS_POOL = 20
/** Linear is read twice a minute: as often in one look as in another. */
const REST_MS = 60_000
/** Sessions of Postgres tell of their transactions that late when they have nothing more to do. */
const SETTLED_MS = 12_000
/** What was written there is read once more for so long, since Linear may list it late. */
const READ_AGAIN_MS = 120_000

/** What a request is by itself: the record, and what happened to it. All other tables hold what people were told of it. */
const OWN_TABLES: readonly string[] = ['approval_requests', 'approval_actions']

/** Who is measured, and on which database. */
interface Measured {
  /** Worker and api of production. */
  readonly product: Child
  /** Who asks and votes. */
  readonly asker: Child
  readonly databaseUrl: string
}

/** The product at rest. */
interface Rest {
  /** Without compiled code, which is none of a request's. */
  readonly dataKb: number
  readonly codeKb: number
  /** Of each table with its indexes, packed: the same for what was there before as for what came. */
  readonly bytes: ReadonlyMap<string, number>
  /** Percent of one core. */
  readonly cpu: number
  readonly transactionsPerSecond: number
}

/** One deciding vote, beside what came right before and after it; milliseconds. */
interface Turn extends Voted {
  /** DBOS resuming one of as many that wait; undefined where it can't be had. */
  readonly dbosMs: number | undefined
}

/**
 * What `count` requests cost while they wait, over the product without them; and how long the vote takes that decides one,
 * by turns with one durable statement and with DBOS resuming one of as many, all on one Postgres.
 */
export async function measureWaiting(
  measured: Measured & {readonly servers: Servers},
  count: number,
): Promise<readonly Verdict[]> {
  const {asker} = measured
  const many = count.toLocaleString('en')
  const before = await atRest(measured, 'nothing waits')
  const asked = await stage(`${many} requests asked for`, () =>
    asker.ask<readonly Asked[]>({ask: count, everyMs: 0, inFlight: 10}),
  )
  await stage(`${many} told`, () => withClient(measured.databaseUrl, told))
  await stage(`${many} no longer read again`, () => withClient(measured.databaseUrl, readAgain))
  const after = await atRest(measured, `${many} wait`)
  const turns = await voteByTurns(
    measured,
    asked.slice(0, VOTES).map(({id}) => id),
    count,
  )
  return [...verdictsOfRest(before, after, count), verdictOfVotes(turns, `${many} waiting`)]
}

function verdictsOfRest(before: Rest, after: Rest, count: number): readonly Verdict[] {
  const which = `${count.toLocaleString('en')} waiting`
  const heapKb = (after.dataKb - before.dataKb) / count
  const codeKb = (after.codeKb - before.codeKb) / count
  const grown = [...after.bytes]
    .map(([table, bytes]) => [table, (bytes - (before.bytes.get(table) ?? 0)) / count / 1024] as const)
    .filter(([, kb]) => kb >= 0.005)
    .sort(([, one], [, other]) => other - one)
  const kbOf = (own: boolean) =>
    grown.filter(([table]) => OWN_TABLES.includes(table) === own).reduce((total, [, kb]) => total + kb, 0)
  const [itself, told] = [kbOf(true), kbOf(false)]
  const added = after.cpu - before.cpu
  process.stdout.write(
    `\n  KB per request by table: ${grown.map(([t, kb]) => `${t} ${kb.toFixed(2)}`).join(', ')}\n`,
  )
  process.stdout.write(
    `  at rest, nothing waiting and ${which}: ${before.cpu.toFixed(2)} and ${after.cpu.toFixed(2)} % of a core, ` +
      `${before.transactionsPerSecond.toFixed(1)} and ${after.transactionsPerSecond.toFixed(1)} transactions a second\n`,
  )
  return [
    {
      what: `heap per request, ${which} (and ${codeKb.toFixed(2)} KB of code that was compiled meanwhile)`,
      measured: `${heapKb.toFixed(2)} KB`,
      goal: '<= 0.3 KB',
      reached: heapKb <= 0.3,
    },
    {
      what: `database per request and its history, ${which}`,
      measured: `${itself.toFixed(2)} KB`,
      goal: '<= 1.2 KB',
      reached: itself <= 1.2,
    },
    {
      what: `the same with all that was told of it, ${which}`,
      measured: `${(itself + told).toFixed(2)} KB`,
      goal: '<= 1.2 KB',
      reached: itself + told <= 1.2,
    },
    {
      what: `idle CPU of the product, ${which} (they add ${added.toFixed(2)} %)`,
      measured: `${after.cpu.toFixed(2)} %`,
      goal: '<= 0.5 %',
      reached: after.cpu <= 0.5,
    },
  ]
}

function verdictOfVotes(turns: readonly Turn[], which: string): Verdict {
  const p50 = (of: (turn: Turn) => number) => percentile(turns.map(of), 0.5)
  const voteMs = p50(turn => turn.voteMs)
  const compared = turns.flatMap(({voteMs: vote, dbosMs}) => (dbosMs === undefined ? [] : [vote / dbosMs]))
  const [overDbos, overFloor] = [median(compared), median(turns.map(turn => turn.voteMs / turn.floorMs))]
  const dbos = compared.length > 0 ? `, DBOS ${p50(turn => turn.dbosMs ?? Number.NaN).toFixed(2)} ms` : ''
  return {
    what:
      `the deciding vote, ${which} (p50 ${voteMs.toFixed(2)} ms${dbos}; ` +
      `${overFloor.toFixed(1)}x a durable statement of ${p50(turn => turn.floorMs).toFixed(2)} ms)`,
    measured: compared.length > 0 ? `${overDbos.toFixed(2)}x` : 'no DBOS here',
    goal: '<= 0.7x of DBOS resuming',
    reached: overDbos <= 0.7,
  }
}

async function voteByTurns(
  {asker, databaseUrl, servers}: Measured & {readonly servers: Servers},
  ids: readonly string[],
  count: number,
): Promise<readonly Turn[]> {
  await stage(`${ids.length} first votes, told`, async () => {
    await asker.ask({approve: ids})
    await withClient(databaseUrl, told)
  })
  const folder = await peersPresent()
  const dbos =
    folder === undefined
      ? undefined
      : await openPeer(folder, {kind: 'dbos', databaseUrl: await servers.database(), pool: DBOS_POOL})
  try {
    if (dbos) await stage(`${count.toLocaleString('en')} parked in DBOS`, () => dbos.ask({park: count}))
    return await stage(`${ids.length} deciding votes by turns`, async () => {
      const turns: Turn[] = []
      for (const [index, id] of ids.entries()) {
        const resume = () => dbos?.ask<number>({resume: 1, from: index})
        // In alternating order, so that neither always comes after the other.
        const first = index % 2 === 0 ? await resume() : undefined
        const voted = await asker.ask<Voted>({decide: id})
        turns.push({...voted, dbosMs: first ?? (await resume())})
      }
      return turns
    })
  } finally {
    await dbos?.kill()
  }
}

/** Looks at it for a minute once nothing waits to be told any more, and after what that took is collected. */
function atRest({product, databaseUrl}: Measured, title: string): Promise<Rest> {
  return stage(`${title}: measured`, () =>
    withClient(databaseUrl, async client => {
      await told(client)
      const bytes = await bytesByTable(client)
      // Twice: the first collection still finds what the first look made.
      await product.ask('collect')
      const {heap, code} = await product.ask<Memory>('collect')
      await sleep(SETTLED_MS)
      const transactions = await transactionsOf(client)
      const cpu = await cpuShare(product.pid, REST_MS)
      const done = (await transactionsOf(client)) - transactions
      const [dataKb, codeKb] = [(heap - code) * 1024, code * 1024]
      return {dataKb, codeKb, bytes, cpu, transactionsPerSecond: done / (REST_MS / 1000)}
    }),
  )
}

async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({connectionString: databaseUrl})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Until nothing waits to be told, and the queue has taken over what the outbox held. */
async function told(client: pg.Client): Promise<void> {
  await until(
    client,
    `not exists (select from outbox) and not exists (select from audit_notes)
     and not exists (select from notice_deliveries where state = 'waiting')`,
    1_200_000,
  )
}

/** Until what was told in Linear is not read again any more: that is work, and none of a request that waits. */
async function readAgain(client: pg.Client): Promise<void> {
  const {rows} = await client.query<{end: Date}>(`select clock_timestamp() + $1 * interval '1 ms' as end`, [
    READ_AGAIN_MS,
  ])
  await until(client, 'exists (select from linear_reading where read_until > $1)', READ_AGAIN_MS + 90_000, [
    rows[0]?.end,
  ])
}

async function until(
  client: pg.Client,
  condition: string,
  withinMs: number,
  values: readonly unknown[] = [],
): Promise<void> {
  const end = Date.now() + withinMs
  for (;;) {
    const {rows} = await client.query<{holds: boolean}>(`select ${condition} as holds`, [...values])
    if (rows[0]?.holds || Date.now() > end) return
    await sleep(250)
  }
}

async function bytesByTable(client: pg.Client): Promise<ReadonlyMap<string, number>> {
  await client.query('vacuum (full, analyze)')
  const {rows} = await client.query<{table: string; bytes: string}>(
    `select case when schemaname = 'public' then relname else schemaname || '.' || relname end as table,
            pg_total_relation_size(relid) as bytes
     from pg_stat_user_tables`,
  )
  return new Map(rows.map(({table, bytes}) => [table, Number(bytes)]))
}

async function transactionsOf(client: pg.Client): Promise<number> {
  // Sessions report now and then only; those of the product do within a second or so.
  const {rows} = await client.query<{n: string}>(
    'select xact_commit + xact_rollback as n from pg_stat_database where datname = current_database()',
  )
  return Number(rows[0]?.n)
}

/** Percent of one core that a process uses, by the kernel's books. */
async function cpuShare(pid: number, forMs: number): Promise<number> {
  const ticks = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  const before = await ticks()
  await sleep(forMs)
  // A tick is a hundredth of a second.
  return ((await ticks()) - before) / (forMs / 1000)
}
