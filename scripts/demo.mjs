// `npm run demo` [-- --once]: everything from a bare checkout to a running demo. Plain Node: nothing is installed yet.
import {exit, stderr, stdout} from 'node:process'
import {parseArgs} from 'node:util'

const USAGE = `Usage: npm run demo [-- --once]

Sets everything up, plays a tour of the product in your terminal, and then takes what you type.

  --once  plays the tour as text, checks it, and ends: exit code 0 when all of it came true, else 1
  --help  this text
`

const {once, help} = readArguments()
if (help) {
  stdout.write(USAGE)
  exit(0)
}
const inPlace = stdout.isTTY && !once

function readArguments() {
  try {
    return parseArgs({options: {once: {type: 'boolean', default: false}, help: {type: 'boolean'}}}).values
  } catch (error) {
    stderr.write(`${error.message.split('. ')[0]}.\n${USAGE}`)
    exit(1)
  }
}

/** Says what is done and, when it is, how long it took; in a terminal also what is being done. */
async function step(what, work) {
  const begun = performance.now()
  const seconds = () => (performance.now() - begun) / 1000
  const clear = inPlace ? '\r\u001b[K' : ''
  const showProgress = () => stdout.write(`${clear}  … ${what.padEnd(50)} ${seconds().toFixed(0)} s`)
  if (inPlace) showProgress()
  const ticking = inPlace ? setInterval(showProgress, 1000) : undefined
  try {
    const result = await work()
    stdout.write(`${clear}  ✓ ${what.padEnd(50)} ${seconds().toFixed(1)} s\n`)
    return result
  } catch (error) {
    stdout.write(`${clear}  ✗ ${what}\n`)
    throw error
  } finally {
    clearInterval(ticking)
  }
}

stdout.write(`
Signalbox: deploys from Discord, followed to the failing line, approved by the right people.
A demo on this machine only: no account, no token, no internet. Discord, GitHub, Linear and
the mailbox are emulators; the bot, the queue, the workers and the database are the real thing.

`)

try {
  const {setup} = await import('./setup.mjs')
  await step('Dependencies', () => setup({quiet: true}))
  await step('Build', () => setup({build: true, quiet: true}))
  const {runDemo} = await import('../dist/src/runtime/demo/main.js')
  exit(await runDemo({once, step}))
} catch (error) {
  stdout.write(`\n${error.message}\n`)
  exit(1)
}
