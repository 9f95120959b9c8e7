import {median, percentile} from './statistics.ts'

/** What is measured: the product, a floor, or a peer. What it can't do it leaves out. */
export interface WorkflowTarget {
  sequence3(): Promise<void>
  fanOut20?(): Promise<void>
  dag?(steps: number): Promise<void>
  park?(index: number): Promise<void>
  resume?(index: number): Promise<void>
  /** Resolves when the run is durably started, with the wait for its end. */
  start3?(): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** `inFlight` loops for `ms`, each doing the work again and again. */
export interface LoopRound {
  readonly work: 'sequence3' | 'fanOut20'
  readonly inFlight: number
  readonly ms: number
  /** Or this many in all. */
  readonly count?: number
}

export interface LoopResult {
  readonly done: number
  readonly perSecond: number
  /** Of one piece of work, in milliseconds. */
  readonly p50: number
  readonly p99: number
  /** From asking for a run to its durable start; NaN where the target can't tell. */
  readonly startP50: number
  /** User and system time of the process for each piece of work, in microseconds. */
  readonly cpuMicros: number
}

export type WorkflowRound =
  | LoopRound
  | {readonly dag: number}
  | {readonly park: number}
  /** So many of those that wait, from this one on; answers the median of the times, in milliseconds. */
  | {readonly resume: number; readonly from?: number}
  | {readonly idleMs: number}

export interface ParkResult {
  /** Of each waiting run. */
  readonly heapBytes: number
  readonly rssBytes: number
}

/** Makes this process a target: answers each message of its parent with one message. */
export function answerRounds(open: (options: unknown) => Promise<WorkflowTarget>): void {
  let target: WorkflowTarget | undefined

  async function hear(message: object | 'close'): Promise<unknown> {
    if (message === 'close') {
      await target?.close()
      return 'closed'
    }
    if (typeof message === 'object' && 'databaseUrl' in message) {
      target = await open(message)
      return 'ready'
    }
    return measure(target as WorkflowTarget, message as WorkflowRound)
  }

  process.on('message', (message: object | 'close') => {
    hear(message).then(
      answer => process.send?.(answer as object, () => answer === 'closed' && process.exit(0)),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}

async function measure(target: WorkflowTarget, round: WorkflowRound): Promise<unknown> {
  if ('work' in round) return loop(target, round)
  if ('dag' in round) {
    const began = performance.now()
    await target.dag?.(round.dag)
    return performance.now() - began
  }
  if ('park' in round) return park(target, round.park)
  if ('idleMs' in round) {
    const cpu = process.cpuUsage()
    await new Promise(resolve => setTimeout(resolve, round.idleMs))
    const {user, system} = process.cpuUsage(cpu)
    return ((user + system) / 1000 / round.idleMs) * 100
  }
  const took: number[] = []
  const {resume, from = 0} = round
  for (let index = from; index < from + resume; index++) {
    const began = performance.now()
    await target.resume?.(index)
    took.push(performance.now() - began)
  }
  return median(took)
}

async function loop(
  target: WorkflowTarget,
  {work, inFlight, ms, count = Infinity}: LoopRound,
): Promise<LoopResult> {
  const took: number[] = []
  const started: number[] = []
  const cpu = process.cpuUsage()
  const began = performance.now()
  let begun = 0
  await Promise.all(
    Array.from({length: inFlight}, async () => {
      while (performance.now() - began < ms && begun < count) {
        begun++
        const asked = performance.now()
        if (work === 'sequence3' && target.start3) {
          const ended = await target.start3()
          started.push(performance.now() - asked)
          await ended()
        } else {
          await target[work]?.()
        }
        took.push(performance.now() - asked)
      }
    }),
  )
  const seconds = (performance.now() - began) / 1000
  const {user, system} = process.cpuUsage(cpu)
  return {
    done: took.length,
    perSecond: took.length / seconds,
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
    startP50: started.length > 0 ? median(started) : Number.NaN,
    cpuMicros: (user + system) / took.length,
  }
}

/** Memory after the garbage is collected, before and after so many runs wait. */
async function park(target: WorkflowTarget, count: number): Promise<ParkResult> {
  for (let index = -100; index < 0; index++) await target.park?.(index)
  const before = settledMemory()
  let next = 0
  await Promise.all(
    Array.from({length: 20}, async () => {
      while (next < count) await target.park?.(next++)
    }),
  )
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const after = settledMemory()
  return {heapBytes: (after.heap - before.heap) / count, rssBytes: (after.rss - before.rss) / count}
}

function settledMemory(): {readonly heap: number; readonly rss: number} {
  globalThis.gc?.()
  globalThis.gc?.()
  const {heapUsed, rss} = process.memoryUsage()
  return {heap: heapUsed, rss}
}
