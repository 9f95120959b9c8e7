// Runs of earlier versions, parked or cut short, as tests/fixtures/journals/ has them: every version has to carry them on.
// A new one: add a scenario, then `RECORD_JOURNALS=1 npx vitest run --project unit tests/unit/workflows/journals.test.ts`
// writes the files that are missing. One that exists is never written again: it is what happened.
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import type {Json} from '../../../src/kernel/json.ts'
import type {AgentDefinition} from '../../../src/sdk/index.ts'
import {evolve, newRun, type Fact} from '../../../src/workflows/evolve.ts'
import {outstanding} from '../../../src/workflows/outstanding.ts'
import {checkSteps} from '../../../src/workflows/place.ts'
import type {Effect, Run} from '../../../src/workflows/run.ts'
import {anAgent, libraryOf} from '../../support/workflow-library.ts'
import {play, type World} from '../../support/workflow-player.ts'

interface Recorded {
  readonly definition: Json
  readonly workflow: string
  readonly input: Json
  readonly journal: readonly (readonly Fact[])[]
  /** Where the journal leaves off. */
  readonly states: Readonly<Record<string, string>>
  readonly outstanding: Json
  /** What the run came to once it was resumed. */
  readonly end: {readonly status: string; readonly result: Json; readonly undone: Json}
}

interface Scenario {
  readonly name: string
  readonly definition: string
  readonly input?: Json
  /** What the recording leaves undone. */
  readonly leaves: (effect: Effect | 'clock') => boolean
}

const FOLDER = new URL('../../fixtures/journals/', import.meta.url)
const START = 1_700_000_000_000

const worker = anAgent(
  'worker',
  Object.fromEntries(['work', 'undo', 'break', 'plan'].map(name => [name, () => null])),
)

/** What the agent answers, by action: the same at each recording and replay. */
const answer: World['answer'] = ({action, path, input}) => {
  if (action === 'break') throw new Error(`${path} broke`)
  if (action !== 'plan') return {did: path}
  const asked = path.endsWith('[0]')
  const inner = (id: string) => ({id, agent: 'worker', action: 'work', with: {asked: input}})
  return {steps: asked ? [inner('one'), inner('two')] : []}
}

const at = (path: string) => (effect: Effect | 'clock') =>
  effect !== 'clock' && effect.kind === 'perform' && effect.path === path
const act = 'agent: worker, action: work'
const scenarios: readonly Scenario[] = [
  {
    name: 'approval',
    definition: `
name: approval
steps:
  - {id: build, ${act}, checkpoint: built}
  - {id: gate, approval: {title: 'Ship \${{ steps.build.output.did }}?', operation: deploy, environment: production}}
  - {id: ship, ${act}, lock: {resource: 'deployment:production:web', kind: deploy}}
`,
    leaves: effect => effect !== 'clock' && effect.kind === 'request-approval',
  },
  {
    name: 'signal',
    definition: `
name: signal
input:
  name: {type: string, required: true}
steps:
  - {id: before, ${act}}
  - {id: gate, wait: {signal: '\${{ input.name }}'}}
  - {id: after, ${act}, with: {payload: '\${{ steps.gate.output.by }}'}}
`,
    input: {name: 'go'},
    leaves: effect => effect === 'clock',
  },
  {
    name: 'timer',
    definition: `
name: timer
steps:
  - {id: nap, wait: {for: 2d}}
  - {id: after, ${act}}
`,
    leaves: effect => effect === 'clock',
  },
  {
    name: 'for-each',
    definition: `
name: for-each
steps:
  - {id: items, for-each: [1, 2, 3, 4, 5, 6], max-parallel: 2, ${act}, with: {n: '\${{ item }}'}}
  - {id: join, value: '\${{ size(steps.items.output) }}'}
`,
    leaves: effect => at('items[2]')(effect) || at('items[4]')(effect),
  },
  {
    name: 'compensation',
    definition: `
name: compensation
steps:
  - {id: a, ${act}, compensate: {agent: worker, action: undo, with: {what: '\${{ output.did }}'}}}
  - {id: b, ${act}, compensate: {agent: worker, action: undo, with: {what: '\${{ output.did }}'}}}
  - {id: c, ${act}, compensate: {agent: worker, action: break}}
  - {id: d, agent: worker, action: break}
`,
    leaves: effect => at('b')(effect) && (effect as {compensation?: boolean}).compensation === true,
  },
  {
    name: 'sub-workflow',
    definition: `
name: sub-workflow
steps:
  - {id: child, workflow: child, with: {from: parent}}
  - {id: after, ${act}, with: {child: '\${{ steps.child.output }}'}}
`,
    leaves: effect => effect !== 'clock' && effect.kind === 'start-child',
  },
  {
    name: 'generated',
    definition: `
name: generated
steps:
  - {id: tasks, generate: {agent: worker, action: plan, with: {goal: all}, max: 10}}
  - {id: after, ${act}}
`,
    leaves: at('tasks[0]/two'),
  },
  {
    name: 'repeat-in-group',
    definition: `
name: repeat-in-group
steps:
  - id: group
    steps:
      - {id: heal, repeat: {until: index == 2, max: 5, delay: 1m}, ${act}}
      - {id: verify, ${act}, if: always()}
`,
    leaves: effect => effect === 'clock',
  },
]

const CHILD = `
name: child
input:
  from: {type: string}
steps:
  - {id: only, ${act}}
`
const worldOf = (leaves: Scenario['leaves']): World => ({answer, goesOn: effect => !leaves(effect)})
const begun = (workflow: string, input: Json) =>
  newRun({id: `wf-${workflow}`, workflow, correlationId: 'recorded', input})
const fold = ({workflow, input, journal}: Recorded) => journal.flat().reduce(evolve, begun(workflow, input))
const statesOf = (run: Run) => Object.fromEntries([...run.steps].map(([path, {status}]) => [path, status]))
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json
/** The library of this version, whose present definitions are none of the recorded ones. */
const libraryWith = (agents: readonly AgentDefinition[]) => libraryOf([CHILD], agents).library

function resumed({workflow, definition}: Recorded, run: Run): Recorded['end'] {
  const plan = libraryWith([worker]).compile(workflow, definition)
  const at = (run.startedAt ?? START) + 1_000
  const {run: after} = play(
    plan,
    run,
    {kind: 'taken-over', at},
    worldOf(() => false),
  )
  return {status: after.status, result: after.result, undone: asJson(after.undone)}
}

function record({name, definition, input = {}, leaves}: Scenario): void {
  const file = new URL(`${name}.json`, FOLDER)
  if (existsSync(file)) return
  const {library} = libraryOf([definition, CHILD], [worker])
  const present = library.current(name)
  if (!present) throw new Error(`the definition of ${name} has another name`)
  const {run, commits} = play(present.plan, begun(name, input), {kind: 'begin', at: START}, worldOf(leaves))
  const left = {
    definition: present.body,
    workflow: name,
    input,
    journal: commits,
    states: statesOf(run),
    outstanding: asJson(outstanding(present.plan, run)),
  }
  const recorded: Recorded = {...left, end: resumed({...left, end: undefined as never}, run)}
  writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
}

if (process.env['RECORD_JOURNALS'] === '1') for (const scenario of scenarios) record(scenario)

const files = readdirSync(FOLDER).filter(file => file.endsWith('.json'))
const read = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recorded

test('every scenario was recorded', () => {
  expect(files).toEqual(expect.arrayContaining(scenarios.map(({name}) => `${name}.json`)))
})

describe.each(files)('%s', file => {
  const recorded = read(file)
  const {workflow, definition} = recorded

  test('folds to where it stood', () => {
    const run = fold(recorded)
    expect(run.status).toBe('running')
    expect(statesOf(run)).toEqual(recorded.states)
  })

  test('owes what it owed', () => {
    const plan = libraryWith([worker]).compile(workflow, definition)
    const run = fold(recorded)
    checkSteps(plan, run)
    expect(asJson(outstanding(plan, run))).toEqual(recorded.outstanding)
  })

  test('comes to the end it had', () => {
    expect(resumed(recorded, fold(recorded))).toEqual(recorded.end)
  })

  test('a fact that nobody knows is told, with its step', () => {
    const [[first] = []] = recorded.journal
    const journal = [...recorded.journal, [{...first, is: 'transmogrified', path: 'gate'} as never]]
    expect(() => fold({...recorded, journal})).toThrow('"transmogrified" of step gate')
  })

  test('a step that is gone is told by name', () => {
    const plan = libraryWith([worker]).compile(workflow, definition)
    const run = fold(recorded)
    const [touched = ''] = run.steps.keys()
    const [gone = ''] = touched.split(/[/[]/)
    const order = plan.steps.order.filter(({id}) => id !== gone)
    const without = {...plan, steps: {order, byId: new Map(order.map(step => [step.id, step]))}}
    expect(() => checkSteps(without, run)).toThrow(`Step ${gone}`)
  })

  test('an agent or an action that is gone is told, with the step that needs it', () => {
    const steps = (definition as {steps: {id: string; agent?: string}[]}).steps
    if (!JSON.stringify(steps).includes('"agent"')) return
    expect(() => libraryOf([], []).library.compile(workflow, definition)).toThrow(
      /step \S+.* is worker, which is no agent here/,
    )
    const lesser = anAgent('worker', {other: () => null})
    expect(() => libraryOf([], [lesser]).library.compile(workflow, definition)).toThrow(
      /step \S+.* which worker does not have/,
    )
  })
})
