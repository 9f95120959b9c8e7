// `npm run chaos -- --runs 100 --seed 1`: kills processes in every phase of a watched deploy, one seed a run.
// A failing seed prints its timeline; `--runs 1 --seed <it>` plays it again. `--at-once` worlds live at a time.
import process from 'node:process'
import {parseArgs} from 'node:util'
import {startVitest} from 'vitest/node'

const {values} = parseArgs({
  options: {
    runs: {type: 'string', default: '100'},
    seed: {type: 'string', default: '1'},
    'at-once': {type: 'string', default: '4'},
  },
})
const [runs, seed, atOnce] = [values.runs, values.seed, values['at-once']].map(Number)
if (![runs, seed, atOnce].every(number => Number.isSafeInteger(number) && number > 0)) {
  console.error('--runs, --seed and --at-once take whole numbers from 1 on.')
  process.exit(1)
}

process.env.CHAOS_RUNS = String(runs)
process.env.CHAOS_SEED = String(seed)
const vitest = await startVitest('test', ['tests/chaos/kill.test.ts'], {
  watch: false,
  project: 'chaos',
  maxConcurrency: atOnce,
  reporters: ['verbose'],
})
await vitest.close()
// Where the set-up failed half-way, what it had started would keep us alive.
process.exit()
