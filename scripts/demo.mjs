// `npm run demo` [-- --once]: everything from a bare checkout to a running demo. Plain Node: nothing is installed yet.
import {argv, exit, stdout} from 'node:process'

const once = argv.includes('--once')
const inPlace = stdout.isTTY && !once

/** Says what is done and, when it is, how long it took; in a terminal also what is being done. */
async function step(what, work) {
  const begun = performance.now()
  if (inPlace) stdout.write(`  … ${what}`)
  const clear = inPlace ? '\r\u001b[K' : ''
  try {
    const result = await work()
    stdout.write(`${clear}  ✓ ${what.padEnd(46)} ${((performance.now() - begun) / 1000).toFixed(1)} s\n`)
    return result
  } catch (error) {
    stdout.write(`${clear}  ✗ ${what}\n`)
    throw error
  }
}

stdout.write(
  '\nSignalbox: deploys from Discord, followed to the failing line. A demo on this machine only:\n',
)
stdout.write(
  'no account, no token, no internet. Discord and GitHub are emulated, the rest is the real thing.\n\n',
)

try {
  const {setup} = await import('./setup.mjs')
  await step('Dependencies', () => setup())
  await step('Build', () => setup({build: true}))
  const {runDemo} = await import('../dist/src/runtime/demo/main.js')
  exit(await runDemo({once, step}))
} catch (error) {
  stdout.write(`\n${error.message}\n`)
  exit(1)
}
