import {getHeapCodeStatistics} from 'node:v8'
import {loadConfig} from '../../src/platform/config/load-config.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {start, type Running} from '../../src/runtime/start.ts'

/** In MB. */
export interface Memory {
  readonly rss: number
  readonly heap: number
  /** What of the heap is compiled code, which comes and goes with the work that was done last. */
  readonly code: number
}

let running: Running | undefined

/** The production process, bot, worker and api in one, which also tells its memory: src/runtime/main.ts with an ear. */
async function hear(
  message:
    {readonly env: Readonly<Record<string, string>>; readonly cwd: string} | 'memory' | 'collect' | 'close',
): Promise<Memory | 'ready' | 'closed'> {
  if (message === 'close') {
    await running?.stop()
    return 'closed'
  }
  if (typeof message === 'object') {
    const config = loadConfig(message)
    const redactor = createRedactor(config.secrets)
    const log = createLogger({level: config.log.level, redactor})
    running = await start({
      config,
      log,
      redact: redactor.text,
      onFatal(error) {
        throw error
      },
    })
    return 'ready'
  }
  if (message === 'collect') globalThis.gc?.()
  const {rss, heapUsed} = process.memoryUsage()
  const {code_and_metadata_size: machine, bytecode_and_metadata_size: bytecode} = getHeapCodeStatistics()
  return {rss: rss / 2 ** 20, heap: heapUsed / 2 ** 20, code: (machine + bytecode) / 2 ** 20}
}

process.on('message', (message: Parameters<typeof hear>[0]) => {
  hear(message).then(
    answer => process.send?.(answer, () => answer === 'closed' && process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
