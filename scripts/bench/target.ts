import {commands, type Commands} from './adapter.ts'
import {rawBullmq, type RawOptions} from './raw-bullmq.ts'

/** What a target process is told to be, as its first message. */
export interface TargetOptions extends RawOptions {
  readonly kind: 'product' | 'raw'
}

/** One round: `inFlight` loops for `ms`, one roundtrip after the other. */
export interface Round {
  readonly inFlight: number
  readonly ms: number
}

export interface RoundResult {
  readonly perSecond: number
  /** User and system time of the process per roundtrip, in microseconds. */
  readonly cpuMicros: number
}

let target: Commands | undefined

async function hear(message: TargetOptions | Round | 'close'): Promise<RoundResult | 'ready' | 'closed'> {
  if (message === 'close') {
    await target?.close()
    return 'closed'
  }
  if ('kind' in message) {
    const {kind, ...where} = message
    target = await (kind === 'product' ? commands(where) : rawBullmq(where))
    return 'ready'
  }
  return round(target as Commands, message)
}

async function round({roundtrip}: Commands, {inFlight, ms}: Round): Promise<RoundResult> {
  const cpu = process.cpuUsage()
  const began = performance.now()
  let done = 0
  await Promise.all(
    Array.from({length: inFlight}, async () => {
      while (performance.now() - began < ms) {
        await roundtrip()
        done++
      }
    }),
  )
  const seconds = (performance.now() - began) / 1000
  const {user, system} = process.cpuUsage(cpu)
  return {perSecond: done / seconds, cpuMicros: (user + system) / done}
}

process.on('message', (message: TargetOptions | Round | 'close') => {
  hear(message).then(
    answer => process.send?.(answer, () => answer === 'closed' && process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
