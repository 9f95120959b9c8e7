import {describe, expect, test} from 'vitest'
import {z} from 'zod'
import {AppError} from '../../../../src/kernel/errors.ts'
import type {Json} from '../../../../src/kernel/json.ts'
import {defineAction, type ActionDefinition} from '../../../../src/sdk/index.ts'
import {defineWorkflow, type StepDefinition} from '../../../../src/sdk/workflow.ts'
import type {Catalogue} from '../../../../src/workflows/definition/catalogue.ts'
import {compileBody} from '../../../../src/workflows/definition/compile.ts'
import {readInput} from '../../../../src/workflows/definition/input.ts'
import {createLibrary} from '../../../../src/workflows/definition/load.ts'
import type {Step, View} from '../../../../src/workflows/plan.ts'
import {cpuMs} from '../../../support/cost.ts'

const does = (input: z.ZodType, pure = false): ActionDefinition =>
  defineAction({
    description: 'for tests',
    input,
    pure,
    run: async () => ({kind: 'replied', reply: {state: 'ok', title: 'done'}}),
  })
const agents: Catalogue['agents'] = new Map([
  ['cicd', {actions: {run: does(z.looseObject({})), look: does(z.object({sha: z.string()}), true)}}],
])
const catalogue: Catalogue = {agents, workflows: new Map()}
const view: View = {input: {n: 3}, steps: {}, run: {id: 'wf-1', correlation_id: 'c', workflow: 'w'}}
const run = {agent: 'cicd', action: 'run'} as const

function compileSteps(...steps: StepDefinition[]) {
  return compileBody('w', defineWorkflow({name: 'w', input: {n: {type: 'integer'}}, steps}), catalogue)
}

function onlyStep(step: Omit<StepDefinition, 'id'>): Step {
  const [compiled] = compileSteps({id: 'a', ...step}).steps.order
  if (!compiled) throw new Error('no step')
  return compiled
}

test('the graph: after the one before, after what is named, or at once', () => {
  const {steps} = compileSteps(
    {id: 'a', ...run},
    {id: 'b', ...run},
    {id: 'd', needs: ['c'], ...run},
    {id: 'c', needs: [], ...run},
    {id: 'e', needs: ['a', 'd'], ...run},
  )
  expect(Object.fromEntries([...steps.byId].map(([id, {needs}]) => [id, needs]))).toEqual({
    a: [],
    b: ['a'],
    c: [],
    d: ['c'],
    e: ['a', 'd'],
  })
  expect(steps.byId.get('a')?.dependents).toEqual(['b', 'e'])
  const order = steps.order.map(({id}) => id)
  for (const {id, needs} of steps.order)
    for (const need of needs) expect(order.indexOf(need)).toBeLessThan(order.indexOf(id))
})

test('a step with everything', () => {
  const step = onlyStep({
    agent: 'cicd',
    action: 'look',
    with: {sha: '${{ string(item) }}'},
    if: 'failure()',
    timeout: '5m',
    retry: {max: 3, delay: '10s', 'max-delay': '1m'},
    'for-each': [1, 2],
    'max-parallel': 4,
    'continue-on-error': true,
    lock: {resource: 'deployment:${{ input.n }}'},
    checkpoint: 'looked',
  })
  expect(step).toMatchObject({
    timeoutMs: 300_000,
    retry: {max: 3, delayMs: 10_000, maxDelayMs: 60_000},
    continueOnError: true,
    condition: {asksOutcome: true, source: 'failure()'},
    forEach: {maxParallel: 4},
    lock: {kind: 'exclusive'},
    checkpoint: 'looked',
    work: {kind: 'action', agent: 'cicd', action: 'look', pure: true},
  })
  expect(step.lock?.resource(view)).toBe('deployment:3')
  expect(step.forEach?.items(view)).toEqual([1, 2])
  expect(step.work.kind === 'action' && step.work.with({...view, item: 7})).toEqual({sha: '7'})
})

test('what is left out', () => {
  expect(onlyStep(run)).toEqual({
    id: 'a',
    needs: [],
    dependents: [],
    continueOnError: false,
    retry: {max: 0, delayMs: 2_000, maxDelayMs: 300_000},
    work: {kind: 'action', ...run, pure: false, with: expect.any(Function) as unknown},
  })
})

test.each<[Omit<StepDefinition, 'id'>, unknown]>([
  [{value: null}, {kind: 'value'}],
  [{fail: 'no'}, {kind: 'value'}],
  [{wait: {for: '10m'}}, {kind: 'timer'}],
  [{wait: {signal: 'go'}}, {kind: 'signal'}],
  [{approval: {title: 'Go on?'}}, {kind: 'approval'}],
  [{steps: [{id: 'b', value: 1}]}, {kind: 'group', steps: {order: [{id: 'b'}]}}],
  [{generate: {...run, max: 9}}, {kind: 'generate', max: 9, agent: 'cicd', action: 'run'}],
])('%j', (step, work) => {
  expect(onlyStep(step).work).toMatchObject(work as object)
})

test('times, failures and results are evaluated', () => {
  const {work: wait} = onlyStep({wait: {for: '${{ input.n }}m'}})
  expect(wait.kind === 'timer' && wait.ms(view)).toBe(180_000)
  expect(() => wait.kind === 'timer' && wait.ms({...view, input: {n: 'x'}})).toThrow(/needs a duration/)
  const {work: failing} = onlyStep({fail: 'broken by ${{ input.n }}'})
  expect(() => failing.kind === 'value' && failing.value(view)).toThrow(
    new AppError('INVALID_INPUT', 'broken by 3'),
  )
})

describe('pinned definitions', () => {
  test('the hash is that of the content, however it is written', () => {
    const one = compileBody('w', {name: 'w', steps: [{id: 'a', ...run, with: {x: 1, y: 2}}]}, catalogue)
    const same = compileBody('w', {steps: [{with: {y: 2, x: 1}, ...run, id: 'a'}], name: 'w'}, catalogue)
    const other = compileBody('w', {name: 'w', steps: [{id: 'b', ...run}]}, catalogue)
    expect(one.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(same.hash).toBe(one.hash)
    expect(other.hash).not.toBe(one.hash)
  })

  test('one that an agent no longer fits fails by name, with all that is wrong', () => {
    const body = {
      name: 'w',
      steps: [
        {id: 'a', agent: 'cicd', action: 'look', with: {sha: 'x'}},
        {id: 'b', agent: 'cicd', action: 'gone'},
      ],
    }
    const changed: Catalogue['agents'] = new Map([
      ['cicd', {actions: {look: does(z.object({sha: z.string(), depth: z.int()}))}}],
    ])
    const library = createLibrary({definitions: new Map(), faults: []}, changed)
    expect(() => library.compile('w', body)).toThrow(
      'w step a: with lacks depth, which is required.\n' +
        'w step b: action is gone, which cicd does not have. It has look.',
    )
  })

  test('each is compiled once', () => {
    const library = createLibrary({definitions: new Map(), faults: []}, agents)
    const body = {name: 'w', steps: [{id: 'a', ...run}]}
    expect(library.compile('w', structuredClone(body))).toBe(library.compile('w', body))
  })
})

describe('generated steps', () => {
  const plan = compileSteps(
    {id: 'before', ...run},
    {id: 'more', generate: {...run, max: 5}},
    {id: 'after', ...run},
  )
  const work = plan.steps.byId.get('more')?.work
  const expand = work?.kind === 'generate' ? work.expand : undefined

  test('compile like any others, and see what the step that asked for them sees', () => {
    const steps: Json = [
      {id: 'x', ...run, with: {from: '${{ steps.before.output }}', round: '${{ index }}'}},
      {id: 'y', value: '${{ steps.x.output }}'},
    ]
    expect(expand?.(steps).order.map(({id, needs}) => [id, needs])).toEqual([
      ['x', []],
      ['y', ['x']],
    ])
    expect(expand?.(steps)).toBe(expand?.(steps))
  })

  test.each<[Json, RegExp]>([
    [[{id: 'x', value: '${{ steps.after.output }}'}], /steps\.after, which need not have ended by then/],
    [[{id: 'x', agent: 'nobody', action: 'run'}], /which is no agent here/],
    [[{id: 'x', wat: 1}], /step x: wat is not known here/],
    ['none', /steps must be a list/],
    [Array.from({length: 201}, (_, i) => ({id: `s${i}`, value: 1})), /at most 200/],
  ])('%j is refused, saying why', (steps, message) => {
    expect(() => expand?.(steps)).toThrow(message)
    expect(() => expand?.(steps)).toThrow(/generated by more/)
  })

  test('the plan knows how many there may be', () => {
    expect(plan.maxGenerated).toBe(5)
  })
})

test('a plan of 1,000 steps with three expressions each compiles in less than 200 ms', () => {
  const steps = Array.from({length: 1_000}, (_, i): StepDefinition => ({
    id: `s${i}`,
    ...run,
    if: `input.n > ${i % 7}`,
    with: {
      before: i === 0 ? '' : `\${{ steps.s${i - 1}.output }}`,
      first: i === 0 ? '' : `\${{ steps.s0.output }} in ${i}`,
    },
  }))
  const definition = {name: 'big', input: {n: {type: 'integer'}}, steps}
  const times = [0, 1, 2, 3, 4].map(round => {
    const fresh = JSON.parse(JSON.stringify(definition).replaceAll('.output', `.output.r${round}`)) as Json
    return cpuMs(() => expect(compileBody('big', fresh, catalogue).steps.order).toHaveLength(1_000))
  })
  expect(Math.min(...times)).toBeLessThan(200)
})

describe('the input of a run', () => {
  const declared = {
    name: 'w',
    input: {
      pr: {type: 'integer', required: true},
      target: {type: 'string', default: 'client', enum: ['client', 'web']},
      note: {type: 'string'},
      list: {type: 'array', default: [1]},
    },
  } as const

  test('has its defaults, and null for what was left out', () => {
    expect(readInput(structuredClone(declared) as never, {pr: 7})).toEqual({
      pr: 7,
      target: 'client',
      note: null,
      list: [1],
    })
    expect(readInput(structuredClone(declared) as never, {pr: 7, target: null, note: 'x', list: []})).toEqual(
      {
        pr: 7,
        target: 'client',
        note: 'x',
        list: [],
      },
    )
  })

  test('is refused with everything that is wrong', () => {
    expect(() => readInput(structuredClone(declared) as never, {pr: '7', target: 'x', more: 1})).toThrow(
      new AppError(
        'INVALID_INPUT',
        "w can't be started: input.pr must be a number; input.target must be one of client, web; input.more is not known.",
      ),
    )
    expect(() => readInput({name: 'w'}, [])).toThrow(/can't be started/)
  })
})
