import {readFile} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import type {Asked, Voted} from './approvals-target.ts'
import type {Child} from './child.ts'
import type {Memory} from './product.ts'
import {median, percentile} from './statistics.ts'
import type {Verdict} from './verdicts.ts'

const IDLE_MS = 20_000
const VOTES = 100

/** What a request is by itself: the record, and what happened to it. All other tables hold what people were told of it. */
const OWN_TABLES: readonly string[] = ['approval_requests', 'approval_actions']

/** The product at rest. */
interface Rest {
  readonly heapKb: number
  /** Of each table with its indexes, packed: the same for what was there before as for what came. */
  readonly bytes: ReadonlyMap<string, number>
  /** Percent of one core. */
  readonly cpu: number
  readonly transactionsPerSecond: number
}

/**
 * What `count` requests cost while they wait, over the product without them, and how long the vote takes that decides
 * one: each beside the floor of one durable statement on the same Postgres.
 */
export async function measureWaiting(
  {
    product,
    asker,
    databaseUrl,
  }: {readonly product: Child; readonly asker: Child; readonly databaseUrl: string},
  count: number,
): Promise<readonly Verdict[]> {
  const look = () => atRest(product, databaseUrl)
  const before = await look()
  const asked = await asker.ask<readonly Asked[]>({ask: count, everyMs: 0, inFlight: 10})
  const after = await look()
  const votes = await asker.ask<readonly Voted[]>({approve: asked.slice(0, VOTES).map(({id}) => id)})

  const heapKb = (after.heapKb - before.heapKb) / count
  const grown = [...after.bytes]
    .map(([table, bytes]) => [table, (bytes - (before.bytes.get(table) ?? 0)) / count / 1024] as const)
    .filter(([, kb]) => kb >= 0.005)
    .sort(([, one], [, other]) => other - one)
  const kbOf = (own: boolean) =>
    grown.filter(([table]) => OWN_TABLES.includes(table) === own).reduce((total, [, kb]) => total + kb, 0)
  const [itself, told] = [kbOf(true), kbOf(false)]
  const added = after.cpu - before.cpu
  const p50 = percentile(
    votes.map(({voteMs}) => voteMs),
    0.5,
  )
  const floors = votes.map(({floorMs}) => floorMs)
  const overFloor = median(votes.map(({voteMs, floorMs}) => voteMs / floorMs))
  const which = `${count.toLocaleString('en')} waiting`

  process.stdout.write(
    `\n  KB per request by table: ${grown.map(([t, kb]) => `${t} ${kb.toFixed(2)}`).join(', ')}\n`,
  )
  process.stdout.write(
    `  at rest, nothing waiting and ${which}: ${before.cpu.toFixed(2)} and ${after.cpu.toFixed(2)} % of a core, ` +
      `${before.transactionsPerSecond.toFixed(1)} and ${after.transactionsPerSecond.toFixed(1)} transactions a second\n`,
  )
  return [
    {
      what: `heap per request, ${which}`,
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
    {
      what: `the deciding vote, ${which} (${overFloor.toFixed(1)}x a durable statement, p50 ${percentile(floors, 0.5).toFixed(2)} ms)`,
      measured: `p50 ${p50.toFixed(2)} ms`,
      goal: '<= 0.7x of DBOS resuming (2.98 ms there)',
      reached: p50 <= 0.7 * 2.98,
    },
  ]
}

/** Once nothing waits to be told any more, and what that took is collected. */
async function atRest(product: Child, databaseUrl: string): Promise<Rest> {
  const client = new pg.Client({connectionString: databaseUrl})
  await client.connect()
  try {
    await settled(client)
    const bytes = await bytesByTable(client)
    const transactions = await transactionsOf(client)
    const cpu = await cpuShare(product.pid)
    const done = (await transactionsOf(client)) - transactions
    // Twice: the first collection still finds what the first look made.
    await product.ask('collect')
    const {heap} = await product.ask<Memory>('collect')
    return {heapKb: heap * 1024, bytes, cpu, transactionsPerSecond: done / (IDLE_MS / 1000)}
  } finally {
    await client.end()
  }
}

/**
 * Until nothing waits to be told, the queue has taken over what the outbox held, and Linear was read once more: that is
 * done twice a minute, and what was read is held while it is looked through.
 */
async function settled(client: pg.Client): Promise<void> {
  const until = Date.now() + 1_200_000
  for (;;) {
    const {rows} = await client.query<{n: number}>(
      `select (select count(*) from outbox) + (select count(*) from notice_deliveries where state = 'waiting') as n`,
    )
    if (Number(rows[0]?.n) === 0 || Date.now() > until) break
    await sleep(500)
  }
  await sleep(45_000)
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
async function cpuShare(pid: number): Promise<number> {
  const ticks = async () => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  const before = await ticks()
  await sleep(IDLE_MS)
  return (((await ticks()) - before) * 10) / (IDLE_MS / 100)
}
