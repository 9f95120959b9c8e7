import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {forkChild, type Child} from './child.ts'
import type {DiscordEnvironment, Load, LoadResult} from './discord.ts'
import type {Memory} from './product.ts'
import type {Servers} from './servers.ts'
import {median, percentile} from './statistics.ts'

/** A command that asks no one outside: what is measured is our own. */
const LINE = '/agents'
const SETTLE_MS = 20_000
const WARM = 2_000

/** Bot, worker and api as one process, and Discord as another, on a database of their own. */
interface WholeBot {
  readonly discord: Child
  readonly product: Child
  close(): Promise<void>
}

async function openWholeBot(servers: Servers): Promise<WholeBot> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-bench-bot-'))
  const discord = forkChild('discord')
  const product = forkChild('product', {execArgv: [...process.execArgv, '--expose-gc']})
  const close = async () => {
    await Promise.all([product.kill(), discord.kill()])
    await rm(folder, {recursive: true, force: true})
  }
  try {
    const env = {
      ...(await discord.ask<DiscordEnvironment>('start')),
      DATABASE_URL: await servers.database(),
      SIGNALBOX_HOME: join(folder, 'home'),
      HTTP_PORT: '0',
    }
    await product.ask({env, cwd: folder})
    await discord.ask('await bot')
    return {discord, product, close}
  } catch (error) {
    await close()
    throw error
  }
}

export interface BurstResult {
  /** Milliseconds at Discord's end, each the median over the rounds; the range is that of p99. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly p99Range: readonly [number, number]
  readonly failed: number
}

/** How soon Discord has the acknowledgement when many people press enter at once. The first round is dropped. */
export async function measureBurst(
  servers: Servers,
  {size, rounds}: {readonly size: number; readonly rounds: number},
): Promise<BurstResult> {
  const bot = await openWholeBot(servers)
  try {
    const seen: LoadResult[] = []
    for (let round = -1; round < rounds; round++) {
      const result = await bot.discord.ask<LoadResult>({
        line: LINE,
        count: size,
        inFlight: size,
      } satisfies Load)
      if (round >= 0) seen.push(result)
    }
    const p99s = seen.map(({ackMs}) => percentile(ackMs, 0.99))
    await bot.product.ask('close')
    return {
      p50: median(seen.map(({ackMs}) => percentile(ackMs, 0.5))),
      p99: median(p99s),
      max: median(seen.map(({ackMs}) => percentile(ackMs, 1))),
      p99Range: [Math.min(...p99s), Math.max(...p99s)],
      failed: seen.reduce((sum, {failed}) => sum + failed, 0),
    }
  } finally {
    await bot.close()
  }
}

export interface MemoryResult {
  /** Some seconds after the start, as it is and after a collection. */
  readonly rest: Memory
  readonly restCollected: Memory
  /** After 2,000 commands and after all, both collected. */
  readonly warm: Memory
  readonly after: Memory
  readonly commands: number
}

export async function measureMemory(
  servers: Servers,
  {commands}: {readonly commands: number},
): Promise<MemoryResult> {
  const {product, discord, close} = await openWholeBot(servers)
  const serve = (count: number) => discord.ask<LoadResult>({line: LINE, count, inFlight: 50} satisfies Load)
  const collected = async () => {
    await product.ask<Memory>('collect')
    await sleep(SETTLE_MS / 4)
    return product.ask<Memory>('collect')
  }
  try {
    await sleep(SETTLE_MS)
    const rest = await product.ask<Memory>('memory')
    const restCollected = await collected()
    await serve(WARM)
    const warm = await collected()
    await serve(commands - WARM)
    const after = await collected()
    await product.ask('close')
    return {rest, restCollected, warm, after, commands}
  } finally {
    await close()
  }
}
