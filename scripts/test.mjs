// `npm test`: sets the checkout up, runs every suite, and ends with `N passed, N failed, N skipped`.
// Arguments go to vitest: `npm test -- --project unit`.
import process from 'node:process'
import {setup} from './setup.mjs'

try {
  await setup({build: true})
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

// Not before the set-up: on a fresh clone there is no vitest to import.
const {parseCLI, startVitest} = await import('vitest/node')
const {filter, options} = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
// Its help has been printed by the line above, which would go on all the same.
if (options.help) process.exit(0)
const vitest = await startVitest('test', filter, {...options, watch: false})
const modules = vitest.state.getTestModules()
const broken = vitest.state.getUnhandledErrors().length
await vitest.close()

const skippedSuites = modules.flatMap(module =>
  [...module.children.allSuites()].filter(suite => suite.options.mode === 'skip'),
)
for (const suite of skippedSuites) {
  if (suite.parent.type === 'suite' && skippedSuites.includes(suite.parent)) continue
  console.log(`skipped: ${suite.module.relativeModuleId} > ${suite.fullName}`)
}

const tests = modules.flatMap(module => [...module.children.allTests()])
const count = state => tests.filter(test => test.result().state === state).length
// A file that could not even be loaded has no tests to fail.
const unloadable = modules.filter(
  module => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0,
).length
const failures = count('failed') + unloadable + broken
// Vitest itself may have failed, in its set-up say; and a run without a single test proves nothing.
const unexplained = failures === 0 && (process.exitCode || (tests.length === 0 && !options.passWithNoTests))
const failed = unexplained ? 1 : failures
console.log(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`)
// Where the set-up failed half-way, what it had started would keep us alive.
process.exit(failed > 0 ? 1 : 0)
