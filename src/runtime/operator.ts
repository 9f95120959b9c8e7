import {loadConfig} from '../platform/config/load-config.ts'
import type {Config} from '../platform/config/config.ts'
import {startEmbeddedPostgres} from '../platform/embedded-postgres.ts'
import {silentLogger, type Logger} from '../platform/logger.ts'
import {createRedactor} from '../platform/redact.ts'
import {startFailure} from './start-faults.ts'

/** What an operator's command works with: the same configuration as the product, and words for people. */
export interface Operator {
  readonly config: Config
  /** Keeps quiet: what people are to know, they are told by `say`. */
  readonly log: Logger
  readonly redact: (text: string) => string
  /** The database of the configuration; the embedded one is started for as long as the command runs. */
  databaseUrl(): Promise<string>
  say(line: string): void
}

/** Runs one operator's command; any failure is one clear sentence per fault and exit code 1. */
export async function runOperator(work: (operator: Operator) => Promise<boolean>): Promise<void> {
  const closers: (() => Promise<unknown>)[] = []
  try {
    const config = loadConfig({env: process.env, cwd: process.cwd()})
    const redactor = createRedactor(config.secrets)
    const ok = await work({
      config,
      log: silentLogger,
      redact: text => redactor.text(text),
      say: line => process.stdout.write(`${redactor.text(line)}\n`),
      async databaseUrl() {
        if (config.database.url !== undefined) return config.database.url
        const server = await startEmbeddedPostgres({home: config.home, log: silentLogger})
        closers.push(() => server.stop())
        return server.url
      },
    })
    process.exitCode = ok ? 0 : 1
  } catch (error) {
    process.stderr.write(`${startFailure(error)}\n`)
    process.exitCode = 1
  } finally {
    for (const close of closers) await close()
  }
}
