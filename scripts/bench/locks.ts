import {forkChild, type Child} from './child.ts'
import type {LocksRound, LocksRoundResult, LocksTargetOptions} from './locks-target.ts'
import {startServers} from './servers.ts'
import {median} from './statistics.ts'

const ROUNDS = 5
const ROUND_MS = 1_000
const POOL = 60

type Kind = LocksTargetOptions['kind']

/** `npm run bench -- locks`: one lock, free and hot, over a plain lock table with retries; rounds by turns. */
export async function benchLocks(): Promise<void> {
  const servers = await startServers()
  const open = async (kind: Kind): Promise<Child> => {
    const child = forkChild('locks-target')
    await child.ask({kind, databaseUrl: await servers.database(), pool: POOL} satisfies LocksTargetOptions)
    return child
  }
  const children = {product: await open('product'), table: await open('table')}
  try {
    say('Taking and giving back one lock, over a plain lock table with random retries')
    say(
      '  contenders     locks/s     table/s   ratio  (min to max)       p50 ms   p99 ms   p99 ratio   Jain  table',
    )
    for (const contenders of [1, 50]) {
      const rounds: Record<Kind, LocksRoundResult>[] = []
      for (let round = -1; round < ROUNDS; round++) {
        const run = (kind: Kind) =>
          children[kind].ask<LocksRoundResult>({contenders, ms: ROUND_MS} satisfies LocksRound)
        const order: readonly Kind[] = round % 2 === 0 ? ['product', 'table'] : ['table', 'product']
        const result = {} as Record<Kind, LocksRoundResult>
        for (const kind of order) result[kind] = await run(kind)
        if (round >= 0) rounds.push(result)
      }
      report(contenders, rounds)
    }
    await Promise.all(Object.values(children).map(child => child.ask('close')))
  } finally {
    await Promise.all(Object.values(children).map(child => child.kill()))
    await servers.close()
  }
}

function report(contenders: number, rounds: readonly Readonly<Record<Kind, LocksRoundResult>>[]): void {
  const of = (kind: Kind, what: (result: LocksRoundResult) => number) =>
    median(rounds.map(round => what(round[kind])))
  const ratios = rounds.map(({product, table}) => product.perSecond / table.perSecond)
  const tails = rounds.map(({product, table}) => product.p99 / table.p99)
  const [ratio, tail] = [median(ratios), median(tails)]
  const fairness = of('product', ({shares}) => jain(shares))
  const cell = (value: number, digits: number, width: number) => value.toFixed(digits).padStart(width)
  say(
    `  ${String(contenders).padStart(10)}${cell(
      of('product', ({perSecond}) => perSecond),
      0,
      12,
    )}` +
      `${cell(
        of('table', ({perSecond}) => perSecond),
        0,
        12,
      )}${cell(ratio, 2, 7)}x` +
      `  (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`.padEnd(18) +
      `${cell(
        of('product', ({p50}) => p50),
        2,
        9,
      )}${cell(
        of('product', ({p99}) => p99),
        2,
        9,
      )}${cell(tail, 2, 11)}x` +
      `${cell(fairness, 3, 7)}${cell(
        of('table', ({shares}) => jain(shares)),
        3,
        7,
      )}`,
  )
  if (contenders === 1) {
    say(
      `  goal P11: ≥ 0.8x ${verdict(ratio >= 0.8)}   promised: a free lock in < 100 ms ${verdict(of('product', ({p99}) => p99) < 100)}`,
    )
  } else {
    say(
      `  goal P12: ≥ 5x ${verdict(ratio >= 5)}   Jain ≥ 0.98 ${verdict(fairness >= 0.98)}   p99 ≤ 0.2x ${verdict(tail <= 0.2)}`,
    )
  }
}

/** 1: all had the same; 1/n: one had everything. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0))
}

function verdict(reached: boolean): string {
  return reached ? 'reached' : 'missed'
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
