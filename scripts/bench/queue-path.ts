import {forkChild, type Child} from './child.ts'
import type {Servers} from './servers.ts'
import {median} from './statistics.ts'
import type {Round, RoundResult, TargetOptions} from './target.ts'

/**
 * What a bare BullMQ job runs on. `postgres` is BullMQ as it comes, each step of a job waiting for the disk;
 * `unwaited` has the settings of the product's own queue connection, where only what we record waits. `recorded` is a
 * job on Redis that also commits two rows to Postgres, the least that remembering a command and its result can cost.
 */
export type Yardstick = 'postgres' | 'unwaited' | 'redis' | 'recorded'

export interface PathResult {
  readonly yardstick: Yardstick
  readonly inFlight: number
  /** Commands and raw jobs per second, medians over the rounds. */
  readonly product: number
  readonly raw: number
  /** Product over raw of the same round. */
  readonly ratio: {readonly median: number; readonly min: number; readonly max: number}
  readonly cpuMicros: {readonly product: number; readonly raw: number}
}

/**
 * The whole way of a command against nothing but a BullMQ job on the same backend: one process each, rounds by turns
 * in alternating order, the first dropped.
 */
export async function measureQueuePath(
  servers: Servers,
  yardstick: Yardstick,
  {
    rounds,
    ms,
    inFlights,
  }: {readonly rounds: number; readonly ms: number; readonly inFlights: readonly number[]},
): Promise<readonly PathResult[]> {
  const redisUrl = onRedis(yardstick) ? servers.redisUrl : undefined
  const open = async (kind: TargetOptions['kind']): Promise<Child> => {
    const child = forkChild('target')
    await child.ask({
      kind,
      databaseUrl: await servers.database(),
      unwaited: yardstick === 'unwaited',
      recorded: yardstick === 'recorded',
      ...(redisUrl === undefined ? {} : {redisUrl}),
    } satisfies TargetOptions)
    return child
  }
  const targets = {product: await open('product'), raw: await open('raw')}
  try {
    const results: PathResult[] = []
    for (const inFlight of inFlights) {
      const seen: {product: RoundResult; raw: RoundResult}[] = []
      for (let round = -1; round < rounds; round++) {
        const run = (kind: TargetOptions['kind']) =>
          targets[kind].ask<RoundResult>({inFlight, ms} satisfies Round)
        const result =
          round % 2 === 0
            ? {product: await run('product'), raw: await run('raw')}
            : await run('raw').then(async raw => ({raw, product: await run('product')}))
        if (round >= 0) seen.push(result)
      }
      const ratios = seen.map(({product, raw}) => product.perSecond / raw.perSecond)
      results.push({
        yardstick,
        inFlight,
        product: median(seen.map(each => each.product.perSecond)),
        raw: median(seen.map(each => each.raw.perSecond)),
        ratio: {median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios)},
        cpuMicros: {
          product: median(seen.map(each => each.product.cpuMicros)),
          raw: median(seen.map(each => each.raw.cpuMicros)),
        },
      })
    }
    await Promise.all([targets.product.ask('close'), targets.raw.ask('close')])
    return results
  } finally {
    await Promise.all([targets.product.kill(), targets.raw.kill()])
  }
}

export function onRedis(yardstick: Yardstick): boolean {
  return yardstick === 'redis' || yardstick === 'recorded'
}
