import {forkChild, type Child} from './child.ts'
import type {LocksRound, LocksRoundResult, LocksTargetOptions} from './locks-target.ts'
import {startServers} from './servers.ts'
import {median} from './statistics.ts'
import {sayVerdicts, type Verdict} from './verdicts.ts'

const POOL = 60

type Kind = LocksTargetOptions['kind']

/** `npm run bench -- locks`: one lock, free and hot, over a plain lock table with retries; rounds by turns. */
export async function benchLocks({rounds: count = 5, roundMs = 1_000} = {}): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = []
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
      for (let round = -1; round < count; round++) {
        const run = (kind: Kind) =>
          children[kind].ask<LocksRoundResult>({contenders, ms: roundMs} satisfies LocksRound)
        const order: readonly Kind[] = round % 2 === 0 ? ['product', 'table'] : ['table', 'product']
        const result = {} as Record<Kind, LocksRoundResult>
        for (const kind of order) result[kind] = await run(kind)
        if (round >= 0) rounds.push(result)
      }
      verdicts.push(...report(contenders, rounds))
    }
    await Promise.all(Object.values(children).map(child => child.ask('close')))
    return verdicts
  } finally {
    await Promise.all(Object.values(children).map(child => child.kill()))
    await servers.close()
  }
}

function report(
  contenders: number,
  rounds: readonly Readonly<Record<Kind, LocksRoundResult>>[],
): readonly Verdict[] {
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
  const slowest = of('product', ({p99}) => p99)
  const verdicts: readonly Verdict[] =
    contenders === 1
      ? [
          goal('P11 free lock over a lock table', `${ratio.toFixed(2)}x`, '≥ 0.8x', ratio >= 0.8),
          goal(
            'a free lock, taken and given back',
            `p99 ${slowest.toFixed(2)} ms`,
            '< 100 ms',
            slowest < 100,
          ),
        ]
      : [
          goal('P12 hot lock over a lock table', `${ratio.toFixed(2)}x`, '≥ 5x', ratio >= 5),
          goal('P12 its fairness (Jain)', fairness.toFixed(3), '≥ 0.98', fairness >= 0.98),
          goal('P12 its p99 over the table’s', `${tail.toFixed(2)}x`, '≤ 0.2x', tail <= 0.2),
        ]
  sayVerdicts(verdicts)
  return verdicts
}

function goal(what: string, measured: string, promised: string, reached: boolean): Verdict {
  return {what, measured, goal: promised, reached}
}

/** 1: all had the same; 1/n: one had everything. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0))
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
