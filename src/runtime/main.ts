import {loadConfig} from '../platform/config/load-config.ts'
import {createLogger} from '../platform/logger.ts'
import {createRedactor} from '../platform/redact.ts'
import {commandLine} from './command-line.ts'
import {startFailure} from './start-faults.ts'
import {GRACE_MS, start} from './start.ts'

/** The production process: `npm start`. */
async function main(): Promise<void> {
  commandLine({
    name: 'npm start',
    purpose:
      'The production process: bot, worker and api, or those that ROLES names. It is configured by variables, .env and\nsignalbox.yaml: see .env.example and docs/operations.md. SIGTERM drains it within 30 s.',
  })
  const config = loadConfig({env: process.env, cwd: process.cwd()})
  const redactor = createRedactor(config.secrets)
  const log = createLogger({level: config.log.level, redactor})

  let exiting = false
  const exit = (code: number, running: {stop(): Promise<void>} | undefined) => {
    if (exiting) return
    exiting = true
    setTimeout(() => process.exit(1), GRACE_MS).unref()
    void (running?.stop() ?? Promise.resolve()).finally(() => process.exit(code))
  }
  process.on('unhandledRejection', error => log.error({err: error}, 'unhandled rejection'))
  process.on('uncaughtException', error => {
    log.error({err: error}, 'uncaught exception')
    exit(1, running)
  })
  const running = await start({
    config,
    log,
    redact: text => redactor.text(text),
    onFatal: error => {
      log.error({err: error}, 'giving up')
      exit(1, running)
    },
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({signal}, 'stopping')
      exit(0, running)
    })
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${startFailure(error)}\n`)
  process.exit(1)
})
