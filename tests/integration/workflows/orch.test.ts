import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {inCheckout} from '../../../src/platform/checkout.ts'
import {createPool} from '../../../src/platform/postgres.ts'
import {registrationOf} from '../../../src/registry/registration.ts'
import type {Json} from '../../../src/kernel/json.ts'
import type {AgentDefinition} from '../../../src/sdk/index.ts'
import {agentsOf} from '../../../src/workflows/asked.ts'
import {createLibrary, loadWorkflows} from '../../../src/workflows/definition/load.ts'
import {TRANSITIONS} from '../../../src/workflows/progress.ts'
import type {ShownRun} from '../../../src/workflows/shown.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {anAgent, libraryOf, type TestActionRun} from '../../support/workflow-library.ts'
import {openWorkflows, until, type TestWorkflows} from '../../support/workflows.ts'

// ORCH-001 to ORCH-011, of the orchestrator and the engine. The rest: 012 to 015 in ../orch-communicator.test.ts,
// 016 to 018 in ../orch-queue.test.ts, 019 and 020 in tests/unit/evaluation/.

let database: TestDatabase
let pool: pg.Pool
let opened: TestWorkflows[]
/** What the agents did, in order. */
let done: string[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  opened = []
  done = []
})
afterEach(async () => {
  await Promise.all(opened.map(each => each.close()))
  await pool.end()
  await database.drop()
})

/** Answers what it is told to, after the time it is told to take. */
const work: TestActionRun = async ({say = null, ms = 0}) => {
  await sleep(ms as number)
  done.push(say as string)
  return say
}
const broken: TestActionRun = ({say = 'broken'}) => {
  done.push(`tried ${say as string}`)
  throw new Error(say as string)
}

async function open(
  workflows: readonly string[],
  actions: Readonly<Record<string, TestActionRun>> = {},
): Promise<TestWorkflows> {
  const {library, actions: performed} = libraryOf(workflows, [anAgent('worker', {work, broken, ...actions})])
  const app = await openWorkflows(database.url, {plans: library, actions: performed})
  opened.push(app)
  return app
}

async function endOf({workflows}: TestWorkflows, workflow: string, input: Json = {}): Promise<ShownRun> {
  const {id} = await workflows.start({workflow, input})
  await workflows.ended(id)
  return (await workflows.get(id)) as ShownRun
}

const statesOf = (run: ShownRun | undefined) =>
  Object.fromEntries((run?.steps ?? []).map(({id, status}) => [id, status]))
const took = ({started_at, completed_at}: ShownRun) => Date.parse(completed_at ?? '') - Date.parse(started_at)

/** A step in the YAML of a workflow. */
const step = (id: string, more = '', action = 'work') =>
  `  - {id: ${id}, agent: worker, action: ${action}, with: {say: ${id}}${more === '' ? '' : `, ${more}`}}\n`
const workflow = (name: string, ...steps: readonly string[]) => `name: ${name}\nsteps:\n${steps.join('')}`

test('ORCH-001 a new orchestrator knows every role, has no workflows under way and empty contexts, and declares what it can do', async () => {
  const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  const library = createLibrary(await loadWorkflows(inCheckout('workflows'), agents), agents)
  const app = await openWorkflows(database.url, {
    plans: library,
    actions: {
      hosts: agent => agents.has(agent),
      capacity: () => 1,
      run: () => Promise.reject(new Error('nothing is run')),
    },
  })
  opened.push(app)
  expect([...library.definitions.keys()].sort()).toEqual(['parallel-docs', 'pr-deployment', 'self-healing'])
  for (const name of library.definitions.keys()) {
    const plan = library.current(name)?.plan
    for (const agent of plan ? agentsOf(plan) : ['nobody']) expect(agents.has(agent)).toBe(true)
  }
  expect(await app.workflows.list()).toEqual([])
  expect((await pool.query('select * from workflow_state')).rows).toEqual([])
  expect((await pool.query('select * from shared_contexts')).rows).toEqual([])
  for (const agent of agents.values()) {
    const {capabilities} = registrationOf(agent, 'here')
    expect(capabilities.map(({name}) => name)).toEqual(Object.keys(agent.actions))
    for (const {description} of capabilities) expect(description).not.toBe('')
  }
})

test('ORCH-002 decomposing yields valid steps without a cycle under ids of their own, and no steps or a cycle are refused', async () => {
  const decomposing = `
name: decomposed
input:
  description: {type: string, required: true}
  requirements: {type: array, required: true}
steps:
  - id: tasks
    generate:
      agent: worker
      action: plan
      with: {requirements: '\${{ input.requirements }}', before: '\${{ previous }}'}
      max: 10
`
  const planned: TestActionRun = ({requirements, before}) => ({
    steps:
      before === null
        ? (requirements as string[]).map((requirement, n) => ({
            id: `task${n}`,
            needs: n === 0 ? [] : [`task${n - 1}`],
            agent: 'worker',
            action: 'work',
            with: {say: requirement},
          }))
        : [],
  })
  const app = await open([decomposing], {plan: planned})
  const run = await endOf(app, 'decomposed', {
    description: 'an API with tests',
    requirements: ['schema', 'endpoint', 'tests'],
  })
  expect(run.status).toBe('completed')
  // Each requirement became a task that succeeded, after those it depends on.
  expect(done).toEqual(['schema', 'endpoint', 'tests'])
  const ids = run.steps?.map(({id}) => id) ?? []
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toContain('tasks[0]/task2')
  const other = await endOf(app, 'decomposed', {description: 'another', requirements: ['one']})
  expect(other.id).not.toBe(run.id)

  expect(() => libraryOf(['name: nothing\nsteps: []\n'], [])).toThrow('must have at least one step')
  const cycle = workflow('cycle', step('a', 'needs: [b]'), step('b', 'needs: [a]'))
  expect(() => libraryOf([cycle], [anAgent('worker', {work})])).toThrow(/a.*b|circle|cycle/)
})

test('ORCH-003 sequential steps run in order, each after what it needs, with the outputs of those before in its context', async () => {
  const app = await open([
    `
name: sequence
steps:
  - {id: a, agent: worker, action: work, with: {say: first, ms: 120}}
  - {id: b, agent: worker, action: work, with: {say: '\${{ steps.a.output + " second" }}', ms: 120}}
  - {id: c, agent: worker, action: work, with: {say: '\${{ steps.b.output + " third" }}', ms: 120}}
`,
  ])
  const run = await endOf(app, 'sequence')
  expect(done).toEqual(['first', 'first second', 'first second third'])
  expect(run.result).toEqual({a: 'first', b: 'first second', c: 'first second third'})
  const steps = run.steps ?? []
  for (const [n, {started_at}] of steps.entries())
    if (n > 0)
      expect(Date.parse(started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(steps[n - 1]?.ended_at ?? ''))
  // The whole takes as long as its parts together.
  expect(took(run)).toBeGreaterThanOrEqual(360 - 5)
})

test('ORCH-004 independent steps overlap, the whole takes as long as the slowest, and who depends on them waits', async () => {
  let inside = 0
  let most = 0
  const counted: TestActionRun = async ({ms}) => {
    most = Math.max(most, ++inside)
    await sleep(ms as number)
    inside--
  }
  const app = await open(
    [
      `
name: layers
steps:
  - {id: a, needs: [], agent: worker, action: counted, with: {ms: 300}}
  - {id: b, needs: [], agent: worker, action: counted, with: {ms: 400}}
  - {id: c, needs: [], agent: worker, action: counted, with: {ms: 500}}
  - {id: join, needs: [a, b, c], agent: worker, action: counted, with: {ms: 0}}
`,
    ],
    {counted},
  )
  const run = await endOf(app, 'layers')
  expect(most).toBe(3)
  expect(took(run)).toBeGreaterThanOrEqual(495)
  const [a, b, c, join] = run.steps ?? []
  for (const each of [a, b, c])
    expect(Date.parse(join?.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(each?.ended_at ?? ''))
})

test('ORCH-005 two failures and a success are a success with its attempts told; a hopeless step ends with its last error, after doubling pauses', async () => {
  const at: number[] = []
  let tries = 0
  const app = await open(
    [
      workflow('flaky', step('only', 'retry: {max: 2, delay: 1s, max-delay: 1s}', 'flaky')),
      workflow('hopeless', step('only', 'retry: {max: 2, delay: 1s}', 'hopeless')),
    ],
    {
      flaky: () => {
        if (++tries < 3) throw new Error(`failure ${tries}`)
        return 'well'
      },
      hopeless: () => {
        throw new Error(`failure ${at.push(Date.now())}`)
      },
    },
  )
  expect(await endOf(app, 'flaky')).toMatchObject({
    status: 'completed',
    steps: [{status: 'succeeded', attempt: 3, output: 'well'}],
  })
  expect(await endOf(app, 'hopeless')).toMatchObject({
    status: 'failed',
    steps: [{status: 'failed', attempt: 3, error: {message: 'failure 3'}}],
  })
  expect(at).toHaveLength(3)
  const gaps = at.slice(1).map((time, n) => time - (at[n] ?? 0))
  // Up to a quarter longer by chance, and what the machine takes.
  for (const [n, gap] of gaps.entries()) {
    expect(gap).toBeGreaterThanOrEqual(1_000 * 2 ** n - 5)
    expect(gap).toBeLessThan(1_250 * 2 ** n + 500)
  }
})

test('ORCH-006 a later step sees earlier outputs and the input, and one run nothing of another', async () => {
  const app = await open([
    `
name: context
input:
  who: {type: string, required: true}
steps:
  - {id: a, agent: worker, action: work, with: {say: 'a of \${{ input.who }}', ms: 20}}
  - {id: b, agent: worker, action: work, with: {say: 'b of \${{ input.who }}', ms: 5}}
  - {id: all, value: {who: '\${{ input.who }}', a: '\${{ steps.a.output }}', b: '\${{ steps.b.output }}'}}
result: \${{ steps.all.output }}
`,
  ])
  const names = Array.from({length: 10}, (_, n) => `user ${n}`)
  const runs = await Promise.all(names.map(who => endOf(app, 'context', {who})))
  expect(runs.map(({result}) => result)).toEqual(
    names.map(who => ({who, a: `a of ${who}`, b: `b of ${who}`})),
  )
})

test('ORCH-007 a failure in the middle of a saga undoes what was completed, the last first, and not what failed', async () => {
  const undone = (id: string) => `compensate: {agent: worker, action: work, with: {say: undo ${id}}}`
  const app = await open([
    workflow(
      'saga',
      step('reserve', undone('reserve')),
      step('charge', undone('charge')),
      step('look'),
      step('ship', undone('ship'), 'broken'),
      step('thank'),
    ),
    `
name: stubborn
steps:
${step('reserve', undone('reserve'))}
  - {id: charge, agent: worker, action: work, with: {say: charge}, compensate: {agent: worker, action: broken, with: {say: undo charge}}}
${step('ship', '', 'broken')}
`,
  ])
  const run = await endOf(app, 'saga')
  expect(done).toEqual(['reserve', 'charge', 'look', 'tried ship', 'undo charge', 'undo reserve'])
  expect(run).toMatchObject({
    status: 'failed',
    error: {message: 'ship: ship'},
    result: {compensated: ['charge', 'reserve']},
  })
  expect(statesOf(run)).toEqual({
    reserve: 'compensated',
    charge: 'compensated',
    look: 'succeeded',
    ship: 'failed',
    thank: 'skipped',
  })
  done.length = 0
  expect((await endOf(app, 'stubborn')).status).toBe('failed')
  // One that can't be undone does not keep the rest from it.
  expect(done).toEqual(['reserve', 'charge', 'tried ship', 'tried undo charge', 'undo reserve'])
})

test('ORCH-008 after an interruption only what was unfinished runs, and the run completes', async () => {
  let hanging = true
  const hang: TestActionRun = async (_input, {signal}) => {
    done.push('hang')
    if (hanging)
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
  }
  const definitions = [workflow('long', step('a', 'checkpoint: first'), step('b', '', 'hang'), step('c'))]
  const first = await open(definitions, {hang})
  const {id} = await first.workflows.start({workflow: 'long', input: {}})
  await until(() => done.includes('hang'))
  await first.close()
  opened = []
  expect(done).toEqual(['a', 'hang'])
  const {rows} = await pool.query('select step_name as step from workflow_checkpoints')
  expect(rows).toEqual([{step: 'first'}])
  hanging = false
  const second = await open(definitions, {hang})
  expect(await second.workflows.ended(id)).toBe('completed')
  expect(done).toEqual(['a', 'hang', 'hang', 'c'])

  // Neither does a retry repeat what had succeeded.
  done.length = 0
  let well = false
  const third = await open([workflow('moody', step('a'), step('b', '', 'moody'), step('c'))], {
    moody: input => (well ? work(input, undefined as never) : broken(input, undefined as never)),
  })
  const failed = await endOf(third, 'moody')
  expect(failed.status).toBe('failed')
  well = true
  await third.workflows.retry(failed.id, {by: 'ada'})
  expect(await third.workflows.ended(failed.id)).toBe('completed')
  expect(done).toEqual(['a', 'tried b', 'b', 'c'])
})

test('ORCH-009 all events reach who listens, in order, and one who throws disturbs nothing', async () => {
  const app = await open([
    workflow(
      'told',
      step('a'),
      step('b', 'continue-on-error: true', 'broken'),
      '  - {id: gate, wait: {signal: go}}\n',
    ),
    workflow('failing', step('only', '', 'broken')),
  ])
  const {workflows} = app
  const {id} = await workflows.start({workflow: 'told', input: {}})
  const listen = async (run: string, told: (what: string) => void) => {
    for await (const {facts} of workflows.events(run, 0, AbortSignal.timeout(30_000)))
      for (const fact of facts) told('path' in fact ? `${fact.is} ${fact.path}` : fact.is)
  }
  const heard: [string[], string[]] = [[], []]
  const listening = heard.map(list => listen(id, what => void list.push(what)))
  const throwing = listen(id, () => {
    throw new Error('a bad listener')
  })
  await expect(throwing).rejects.toThrow('a bad listener')
  await until(async () => (await workflows.get(id))?.status === 'paused')
  await workflows.pause(id, {by: 'ada'})
  await workflows.resume(id, {by: 'ada'})
  await workflows.signal(id, {id: 's', name: 'go'})
  expect(await workflows.ended(id)).toBe('completed')
  await Promise.all(listening)
  // The workflow starts; a task starts, completes, fails; the state changes; the workflow completes.
  const story = [
    'begun',
    'started a',
    'succeeded a',
    'started b',
    'failed b',
    'waiting gate',
    'paused',
    'resumed',
    'succeeded gate',
    'ended',
  ]
  for (const list of heard) expect(list.filter(what => story.includes(what))).toEqual(story)

  const bad = await endOf(app, 'failing')
  const last: Json[] = []
  for await (const {facts} of workflows.events(bad.id, 0, AbortSignal.timeout(30_000)))
    last.push(...(facts as never as Json[]))
  expect(last.at(-1)).toMatchObject({is: 'ended', status: 'failed'})
})

test('ORCH-010 the state goes from pending over running to its end, pause and cancel take effect, and illegal moves are refused', async () => {
  let release: (() => void)[] = []
  const held: TestActionRun = async (_input, {signal}) =>
    new Promise((resolve, reject) => {
      release.push(() => resolve(null))
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const app = await open([workflow('held', step('a', '', 'held'), step('b'))], {held})
  const {workflows} = app
  const by = {by: 'ada'}
  const illegal = (...orders: readonly (() => Promise<unknown>)[]) =>
    Promise.all(orders.map(order => expect(order()).rejects.toMatchObject({code: 'CONFLICT'})))
  const begin = async () => {
    release = []
    const {id} = await workflows.start({workflow: 'held', input: {}})
    await until(() => release.length === 1)
    return id
  }
  const status = async (id: string) => (await workflows.get(id))?.status

  const id = await begin()
  expect(await status(id)).toBe('running')
  await illegal(
    () => workflows.resume(id, by),
    () => workflows.retry(id, by),
  )
  await workflows.pause(id, by)
  expect(await status(id)).toBe('paused')
  await illegal(
    () => workflows.pause(id, by),
    () => workflows.retry(id, by),
  )
  release[0]?.()
  await until(() => app.engine.load() === 0, 'the run is parked')
  // At the boundary of the step it stopped.
  expect(done).toEqual([])
  await workflows.resume(id, by)
  expect(await workflows.ended(id)).toBe('completed')
  expect(done).toEqual(['b'])
  await illegal(
    () => workflows.pause(id, by),
    () => workflows.resume(id, by),
    () => workflows.cancel(id, by),
    () => workflows.retry(id, by),
  )

  const other = await begin()
  await workflows.cancel(other, by)
  expect(await workflows.ended(other)).toBe('cancelled')
  expect(done).toEqual(['b'])
  await illegal(
    () => workflows.pause(other, by),
    () => workflows.cancel(other, by),
  )
  expect(Object.keys(TRANSITIONS).sort()).toEqual(
    ['cancelled', 'completed', 'failed', 'paused', 'pending', 'running'].sort(),
  )
})

test('ORCH-011 progress only rises, and tells counts and percentage', async () => {
  const app = await open([
    `
name: growing
steps:
${step('a')}
  - {id: items, for-each: [1, 2, 3, 4], max-parallel: 1, agent: worker, action: work, with: {say: '\${{ item }}', ms: 30}}
${step('odd', 'continue-on-error: true', 'broken')}
${step('last')}
`,
  ])
  const {workflows} = app
  const {id} = await workflows.start({workflow: 'growing', input: {}})
  const seen: ShownRun['progress'][] = []
  const ended = workflows.ended(id)
  let over = false
  void ended.then(() => (over = true))
  while (!over) {
    const progress = (await workflows.get(id))?.progress
    if (progress) seen.push(progress)
  }
  await ended
  const final = (await workflows.get(id))?.progress
  expect(final).toMatchObject({failed: 1, percentage: 100})
  expect(final?.completed).toBe((final?.total ?? 0) - 1)
  if (final) seen.push(final)
  for (const [n, {completed, percentage, total}] of seen.entries()) {
    const before = seen[n - 1]
    expect(completed).toBeLessThanOrEqual(total)
    if (!before) continue
    expect(completed).toBeGreaterThanOrEqual(before.completed)
    expect(percentage).toBeGreaterThanOrEqual(before.percentage)
  }
  // Seen only at its end, nothing rose.
  expect(new Set(seen.map(({percentage}) => percentage)).size).toBeGreaterThan(3)
})
