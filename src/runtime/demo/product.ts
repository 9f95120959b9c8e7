import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {createWriteStream, type WriteStream} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {AppError} from '../../kernel/errors.ts'

export type ProcessName = 'bot' | 'worker'

export interface ProductOptions {
  /** Their logs go here, as `bot.log` and `worker.log`; it is their working directory too. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** A process ended that nobody had asked to. */
  readonly onDeath: (name: ProcessName, lastWords: readonly string[]) => void
}

/** The product as in production: the bot with the HTTP server in one process, the worker in another. */
export interface Product {
  /** Starts a process; resolves once it says in its log that it has started. */
  start(name: ProcessName): Promise<void>
  /** As a power cut would: SIGKILL. Resolves with the pid when the process is gone. */
  kill(name: ProcessName): Promise<number | undefined>
  /** Asks all to end, and makes those that don't. */
  stop(): Promise<void>
}

const ROLES: Readonly<Record<ProcessName, string>> = {bot: 'bot,api', worker: 'worker'}
const START_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 8_000
const LAST_WORDS = 5

export function createProduct({folder, environment, onDeath}: ProductOptions): Product {
  const running = new Map<ProcessName, ChildProcess>()
  const wanted = new WeakSet<ChildProcess>()
  const logs = new Map<ProcessName, WriteStream>()

  function launch(name: ProcessName): ChildProcess {
    const child = spawn(process.execPath, [fileURLToPath(new URL('leashed.js', import.meta.url))], {
      cwd: folder,
      env: {...environment, ROLES: ROLES[name], INSTANCE_ID: `demo-${name}`},
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C in the terminal is for the demo, which then ends its processes in order.
      detached: true,
    })
    running.set(name, child)
    return child
  }

  function logOf(name: ProcessName): WriteStream {
    const log = logs.get(name) ?? createWriteStream(join(folder, `${name}.log`))
    logs.set(name, log)
    return log
  }

  async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    wanted.add(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const last = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
    await gone
    clearTimeout(last)
  }

  return {
    async start(name) {
      const child = launch(name)
      const log = logOf(name)
      const lines: string[] = []
      const lastWords = () => lines.slice(-LAST_WORDS)
      let started = false
      await new Promise<void>((resolve, reject) => {
        const fail = (what: string) => {
          clearTimeout(late)
          reject(new AppError('START_FAILED', [`The ${name} ${what}.`, ...lastWords()].join('\n')))
        }
        const late = setTimeout(
          () => fail(`did not start within ${START_WITHIN_MS / 1000} s`),
          START_WITHIN_MS,
        )
        for (const stream of [child.stdout, child.stderr]) {
          if (!stream) continue
          createInterface({input: stream}).on('line', line => {
            log.write(`${line}\n`)
            lines.push(line)
            if (lines.length > 100) lines.shift()
            if (!saysStarted(line)) return
            started = true
            clearTimeout(late)
            resolve()
          })
        }
        child.once('error', error => fail(`could not be started: ${error.message}`))
        child.once('close', (code, signal) => {
          if (running.get(name) === child) running.delete(name)
          if (!started) fail(`ended at once (${signal ?? `exit ${code}`})`)
          else if (!wanted.has(child)) onDeath(name, lastWords())
        })
      })
    },

    async kill(name) {
      const child = running.get(name)
      if (child) await end(child, 'SIGKILL')
      return child?.pid
    },

    async stop() {
      await Promise.all([...running.values()].map(child => end(child, 'SIGTERM')))
      await Promise.all([...logs.values()].map(log => new Promise(resolve => log.end(resolve))))
    },
  }
}

function saysStarted(line: string): boolean {
  try {
    return (JSON.parse(line) as {msg?: unknown} | null)?.msg === 'started'
  } catch {
    return false
  }
}
