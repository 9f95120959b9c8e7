// `npm run chaos -- --runs 100 --seed 1`: kills processes in every phase of a watched deploy, one seed a run.
// A failing seed prints its timeline; `--runs 1 --seed <it>` plays it again. `--at-once` worlds live at a time.
// `npm run chaos -- locks`, `-- bus`, `-- queues`, `-- approvals` and `-- workflows`: the long forms of tests that the suite has in
// short; `--runs` counts for the last two too.
import process from 'node:process'
import {parseArgs} from 'node:util'
import {startVitest} from 'vitest/node'

const LONG_FORMS = {
  // Half a minute of 50 clients in 5 processes after one lock, with kills and pauses.
  locks: {project: 'chaos', files: ['tests/chaos/locks.test.ts'], env: () => ({CHAOS_LOCKS_MS: '30000'})},
  // Two processes that lose their transport for ten seconds; agents whose processes are killed and stopped.
  bus: {
    project: 'integration',
    files: ['tests/integration/events-two-processes.test.ts', 'tests/integration/registry-processes.test.ts'],
    env: () => ({SIGNALBOX_LONG: '1'}),
  },
  // Workflows end to end with the queue on either backend.
  queues: {project: 'e2e', files: ['tests/e2e/workflows.test.ts'], env: () => ({SIGNALBOX_LONG: '1'})},
  // 200 races of decisions on every surface, with workers killed in between.
  approvals: {
    project: 'chaos',
    files: ['tests/chaos/approvals.test.ts'],
    env: (runs, seed) => ({CHAOS_APPROVALS: String(runs ?? 200), CHAOS_SEED: String(seed)}),
  },
  // 5,000 runs of workflows while their workers are killed each second and Postgres goes away every 5 to 20 s.
  workflows: {
    project: 'chaos',
    files: ['tests/chaos/workflows.test.ts'],
    env: runs => ({CHAOS_WORKFLOWS: String(runs ?? 5000)}),
  },
}

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    runs: {type: 'string'},
    seed: {type: 'string', default: '1'},
    'at-once': {type: 'string', default: '4'},
  },
})
const runs = values.runs === undefined ? undefined : Number(values.runs)
const [seed, atOnce] = [values.seed, values['at-once']].map(Number)
if (![runs ?? 1, seed, atOnce].every(number => Number.isSafeInteger(number) && number > 0)) {
  console.error('--runs, --seed and --at-once take whole numbers from 1 on.')
  process.exit(1)
}

const [name, ...more] = positionals
if (more.length > 0 || (name !== undefined && !Object.hasOwn(LONG_FORMS, name))) {
  console.error(`There is nothing but ${Object.keys(LONG_FORMS).join(' and ')} to name here.`)
  process.exit(1)
}
const {project, files, env} =
  name === undefined
    ? {
        project: 'chaos',
        files: ['tests/chaos/kill.test.ts'],
        env: () => ({CHAOS_RUNS: String(runs ?? 100), CHAOS_SEED: String(seed)}),
      }
    : LONG_FORMS[name]
Object.assign(process.env, env(runs, seed))
const vitest = await startVitest('test', files, {
  watch: false,
  project,
  maxConcurrency: atOnce,
  reporters: ['verbose'],
  // What a test tells on its way is to be read as it is.
  disableConsoleIntercept: true,
})
await vitest.close()
// Where the set-up failed half-way, what it had started would keep us alive.
process.exit()
