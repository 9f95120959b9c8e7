// `npm run chaos`: kills processes in every phase of a watched deploy, one seed a run; a failing seed prints its timeline.
// With a name: the long forms of tests that the suite has in short.
import process from 'node:process'
import {startVitest} from 'vitest/node'
import {commandLine} from '../dist/src/runtime/command-line.js'

const LONG_FORMS = {
  locks: {
    what: 'half a minute of 50 clients in 5 processes after one lock, with kills and pauses',
    project: 'chaos',
    files: ['tests/chaos/locks.test.ts'],
    env: () => ({CHAOS_LOCKS_MS: '30000'}),
  },
  bus: {
    what: 'two processes that lose their transport for ten seconds; agents whose processes are killed',
    project: 'integration',
    files: ['tests/integration/events-two-processes.test.ts', 'tests/integration/registry-processes.test.ts'],
    env: () => ({SIGNALBOX_LONG: '1'}),
  },
  queues: {
    what: 'workflows end to end with the queue on either backend',
    project: 'e2e',
    files: ['tests/e2e/workflows.test.ts'],
    env: () => ({SIGNALBOX_LONG: '1'}),
  },
  approvals: {
    what: 'races of decisions on every surface, with workers killed in between; 200 runs unless told otherwise',
    project: 'chaos',
    files: ['tests/chaos/approvals.test.ts'],
    env: (runs, seed) => ({CHAOS_APPROVALS: String(runs ?? 200), CHAOS_SEED: String(seed)}),
  },
  workflows: {
    what: 'runs of workflows while workers are killed each second and Postgres goes away; 5,000 runs unless told otherwise',
    project: 'chaos',
    files: ['tests/chaos/workflows.test.ts'],
    env: runs => ({CHAOS_WORKFLOWS: String(runs ?? 5000)}),
  },
}

const number = {value: 'number', matches: /^[1-9]\d{0,8}$/}
const {options, argument: name} = commandLine({
  name: 'npm run chaos',
  purpose:
    'Kills processes in every phase of a watched deploy and counts what reached GitHub. A failing seed prints its timeline;\n`-- --runs 1 --seed <it>` plays it again.',
  argument: {
    name: 'form',
    what: 'the kills in a deploy when left out; else the long form of a test that the suite has in short:',
    among: Object.fromEntries(Object.entries(LONG_FORMS).map(([form, {what}]) => [form, what])),
  },
  options: {
    runs: {...number, what: 'how many: 100 unless told otherwise'},
    seed: {...number, what: 'of the first run: 1 unless told otherwise'},
    'at-once': {...number, what: 'worlds that live at a time: 4 unless told otherwise'},
  },
})
const runs = options.runs === undefined ? undefined : Number(options.runs)
const seed = Number(options.seed ?? 1)
const atOnce = Number(options['at-once'] ?? 4)

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
