import {lockTable} from './lock-table.ts'
import {locks, type LocksUnderTest} from './locks-adapter.ts'

/** What a target process is told to be, as its first message. */
export interface LocksTargetOptions {
  readonly kind: 'product' | 'table'
  readonly databaseUrl: string
  readonly pool: number
}

/** One round: `contenders` loops for `ms`, each taking one lock again and again. */
export interface LocksRound {
  readonly contenders: number
  readonly ms: number
}

export interface LocksRoundResult {
  readonly perSecond: number
  /** From asking to having given back, of every lock, in milliseconds. */
  readonly p50: number
  readonly p99: number
  /** How often each contender had the lock. */
  readonly shares: readonly number[]
}

let target: LocksUnderTest | undefined

async function hear(
  message: LocksTargetOptions | LocksRound | 'close',
): Promise<LocksRoundResult | 'ready' | 'closed'> {
  if (message === 'close') {
    await target?.close()
    return 'closed'
  }
  if ('kind' in message) {
    target = await (message.kind === 'product' ? locks(message) : lockTable(message))
    return 'ready'
  }
  return round(target as LocksUnderTest, message)
}

async function round({withLock}: LocksUnderTest, {contenders, ms}: LocksRound): Promise<LocksRoundResult> {
  const shares = Array.from({length: contenders}, () => 0)
  const took: number[] = []
  const began = performance.now()
  await Promise.all(
    shares.map(async (_, contender) => {
      while (performance.now() - began < ms) {
        const asked = performance.now()
        await withLock('deployment:bench:hot', `contender ${contender}`)
        took.push(performance.now() - asked)
        shares[contender] = (shares[contender] ?? 0) + 1
      }
    }),
  )
  const seconds = (performance.now() - began) / 1000
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.max(0, Math.ceil(share * took.length) - 1)] ?? Number.NaN
  return {perSecond: took.length / seconds, p50: at(0.5), p99: at(0.99), shares}
}

process.on('message', (message: LocksTargetOptions | LocksRound | 'close') => {
  hear(message).then(
    answer => process.send?.(answer, () => answer === 'closed' && process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
