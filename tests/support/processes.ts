import {spawn} from 'node:child_process'
import {EventEmitter, once} from 'node:events'
import {dirname, join} from 'node:path'
import {createInterface} from 'node:readline'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'dist', 'src', 'runtime', 'main.js')

export type LogLine = Readonly<Record<string, unknown>>

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One process of the product, the very program that `npm start` runs. */
export interface ProductProcess {
  readonly name: string
  /** Every line it has logged so far, parsed; lines that are no JSON come as `{stray}`. */
  readonly logs: readonly LogLine[]
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<Exit>
  /** Resolves with the first line, past or to come, that says so; rejects after `timeoutMs` or when it ends before. */
  logged(message: string, timeoutMs?: number): Promise<LogLine>
  /** Freezes it, as a machine short of memory or a paused container does, until `resume`. */
  pause(): void
  resume(): void
  /** Sends the signal and resolves when the process is gone. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<Exit>
}

let built: Promise<void> | undefined

/** Compiles the product once per test process; milliseconds when nothing has changed. */
export function build(): Promise<void> {
  return (built ??= run([join(ROOT, 'scripts', 'setup.mjs'), 'build']))
}

/**
 * Starts the product as a process of its own and resolves once it says "started". `env` is its whole environment
 * but for the PATH: nothing of the test run's own settings leaks in.
 */
export async function startProcess({
  name,
  env,
  onLog = () => undefined,
}: {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Told of each line as it comes, from the first one on. */
  readonly onLog?: (line: LogLine) => void
}): Promise<ProductProcess> {
  await build()
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN], {
    cwd: dirname(env['SIGNALBOX_CONFIG'] ?? ROOT),
    env: {PATH: process.env['PATH'], NODE_ENV: 'test', INSTANCE_ID: name, ...env},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const logs: LogLine[] = []
  const heard = new EventEmitter<{line: [LogLine]}>().setMaxListeners(0)
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({input: stream}).on('line', text => {
      const line = parse(text)
      if (process.env['SHOW_LOGS'] !== undefined) process.stderr.write(`${name} ${text}\n`)
      logs.push(line)
      onLog(line)
      heard.emit('line', line)
    })
  }
  const exited = once(child, 'exit').then(([code, signal]): Exit => ({code, signal}))

  const product: ProductProcess = {
    name,
    logs,
    exited,

    logged(message, timeoutMs = 30_000) {
      const said = logs.find(line => line['msg'] === message)
      if (said) return Promise.resolve(said)
      return new Promise((resolve, reject) => {
        const settle = (end: () => void) => {
          clearTimeout(timer)
          heard.off('line', look)
          end()
        }
        const look = (line: LogLine) => {
          if (line['msg'] === message) settle(() => resolve(line))
        }
        const giveUp = (why: string) =>
          settle(() =>
            reject(new Error(`${name} ${why} without saying "${message}". Its last lines:\n${last(logs)}`)),
          )
        const timer = setTimeout(() => giveUp(`went ${timeoutMs} ms`), timeoutMs)
        heard.on('line', look)
        // Its output may still be on its way when it is gone: what is said last counts.
        child.once('close', () => giveUp('ended'))
      })
    },

    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),

    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return exited
    },
  }
  try {
    // A second on an idle machine; generous, since a test run keeps many of them busy.
    await product.logged('started', 120_000)
  } catch (error) {
    await product.kill('SIGKILL')
    throw error
  }
  return product
}

function last(logs: readonly LogLine[]): string {
  return logs
    .slice(-15)
    .map(line => JSON.stringify(line))
    .join('\n')
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return {stray: text}
  }
}

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, {cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe']})
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`The product could not be built:\n${said}`)
}
