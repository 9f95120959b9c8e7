import {afterEach, beforeEach, expect, test} from 'vitest'
import type pg from 'pg'
import {createPool} from '../../../src/platform/postgres.ts'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Definition} from '../../../src/workflows/engine.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {
  actionsOf,
  aPlan,
  aStep,
  createLedger,
  doing,
  inSequence,
  ledgerOf,
  openWorkflows,
  until,
  waitingForSignal,
  type TestAction,
  type TestWorkflows,
} from '../../support/workflows.ts'

let database: TestDatabase
let pool: pg.Pool
let opened: TestWorkflows[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  await createLedger(pool)
  opened = []
})

afterEach(async () => {
  await Promise.all(opened.map(each => each.close()))
  await pool.end()
  await database.drop()
})

const note: TestAction = async ({input}, {effect}) =>
  effect('note', {
    async run() {
      await pool.query('insert into ledger (what) values ($1)', [input as string])
      return input
    },
  })

async function open(
  plans: readonly Definition[],
  table: Readonly<Record<string, TestAction>> = {},
  options: {
    readonly agents?: readonly string[]
    readonly capacity?: number
    readonly leaseMs?: number
    readonly renewEveryMs?: number
  } = {},
): Promise<TestWorkflows> {
  const {agents, capacity, ...rest} = options
  const actions = actionsOf({note, answer: async ({input}) => input, ...table}, agents, capacity)
  const workflows = await openWorkflows(database.url, {plans, actions, ...rest})
  opened.push(workflows)
  return workflows
}

/** Statements sent through the pool, by name. */
function counted({pool: counting}: TestWorkflows): string[] {
  const sent: string[] = []
  const query = counting.query.bind(counting) as (...args: unknown[]) => unknown
  counting.query = ((...args: unknown[]) => {
    const [config] = args as [string | {name?: string; text: string}]
    sent.push(typeof config === 'string' ? config : (config.name ?? config.text))
    return query(...args)
  }) as typeof counting.query
  return sent
}

const three = aPlan(
  'three',
  inSequence(
    aStep('a', doing('answer', {input: 'A' as never})),
    aStep('b', doing('answer', {input: 'B' as never})),
    aStep('c', doing('answer', {input: 'C' as never})),
  ),
)
const pureThree = aPlan(
  'pure-three',
  inSequence(
    aStep('a', doing('answer', {input: 'A' as never, pure: true})),
    aStep('b', doing('answer', {input: 'B' as never, pure: true})),
    aStep('c', doing('answer', {input: 'C' as never, pure: true})),
  ),
)
const gated = aPlan(
  'gated',
  inSequence(
    aStep('before', doing('answer')),
    aStep('gate', waitingForSignal('go')),
    aStep('after', doing('note', {input: 'after' as never})),
  ),
)

test('steps run one after the other, and the run tells what became of them', async () => {
  const {workflows} = await open([three])
  const {id, created} = await workflows.start({workflow: 'three', input: {n: 1}})
  expect(created).toBe(true)
  expect(await workflows.ended(id)).toBe('completed')
  const run = await workflows.get(id)
  expect(run).toMatchObject({
    id,
    workflow: 'three',
    status: 'completed',
    progress: {total: 3, completed: 3, failed: 0, percentage: 100},
    result: {a: 'A', b: 'B', c: 'C'},
    input: {n: 1},
    correlation_id: id,
    error: null,
  })
  expect(run?.steps?.map(step => [step.id, step.status, step.attempt, step.output])).toEqual([
    ['a', 'succeeded', 1, 'A'],
    ['b', 'succeeded', 1, 'B'],
    ['c', 'succeeded', 1, 'C'],
  ])
})

test('three steps cost four statements alone, and less than one for each run when fifty go at once', async () => {
  const app = await open([three])
  const {workflows} = app
  await workflows.ended((await workflows.start({workflow: 'three', input: null})).id)
  const sent = counted(app)
  await workflows.ended((await workflows.start({workflow: 'three', input: null})).id)
  const alone = sent.filter(name => name !== 'workflows-renew' && name !== 'workflows-due')
  expect(alone).toEqual([
    'workflows-create-one',
    'workflows-commit-one',
    'workflows-commit-one',
    'workflows-commit-one',
  ])

  sent.length = 0
  let done = 0
  await Promise.all(
    Array.from({length: 50}, async () => {
      while (done < 1_000) {
        done++
        await workflows.ended((await workflows.start({workflow: 'three', input: null})).id)
      }
    }),
  )
  expect(sent.length / done).toBeLessThan(1)
})

test('a first step without an effect outside commits with the creation: three steps cost three statements', async () => {
  const app = await open([pureThree])
  const {workflows} = app
  await workflows.ended((await workflows.start({workflow: 'pure-three', input: null})).id)
  const sent = counted(app)
  const {id} = await workflows.start({workflow: 'pure-three', input: null})
  expect(await workflows.ended(id)).toBe('completed')
  const alone = sent.filter(name => name !== 'workflows-renew' && name !== 'workflows-due')
  expect(alone).toEqual(['workflows-create-one', 'workflows-commit-one', 'workflows-commit-one'])
  expect(await workflows.get(id)).toMatchObject({status: 'completed', result: {a: 'A', b: 'B', c: 'C'}})
})

test('a start does not wait for a slow first step, and none begins twice', async () => {
  let begun = 0
  let finish = () => {}
  const slowly: TestAction = ({input}) => {
    begun++
    return new Promise(resolve => (finish = () => resolve(input)))
  }
  const slow = aPlan('slow', [
    aStep('slow', doing('slowly', {pure: true})),
    aStep('quick', doing('answer', {pure: true})),
  ])
  const {workflows} = await open([slow], {slowly})
  const {id} = await workflows.start({workflow: 'slow', input: null})
  const steps = (await workflows.get(id))?.steps?.map(({id: step, status}) => `${step} ${status}`)
  expect(steps).toEqual(['slow running', 'quick succeeded'])
  finish()
  expect(await workflows.ended(id)).toBe('completed')
  expect(begun).toBe(1)
})

test('a first step that fails at once fails as it would later, and is tried again', async () => {
  let tries = 0
  const flaky: TestAction = async ({input}) => {
    if (++tries === 1) throw new Error('not yet')
    return input
  }
  const plan = aPlan('flaky', [
    aStep('a', doing('flaky', {pure: true}), {retry: {max: 1, delayMs: 10, maxDelayMs: 10}}),
  ])
  const {workflows} = await open([plan], {flaky})
  const {id} = await workflows.start({workflow: 'flaky', input: null})
  expect(await workflows.ended(id)).toBe('completed')
  expect((await workflows.get(id))?.steps?.map(({attempt}) => attempt)).toEqual([2])
})

test('the same source starts one run', async () => {
  const {workflows} = await open([three])
  const starts = await Promise.all(
    [1, 2, 3].map(() => workflows.start({workflow: 'three', input: null, sourceId: 'interaction 1'})),
  )
  expect(new Set(starts.map(({id}) => id)).size).toBe(1)
  expect(starts.filter(({created}) => created)).toHaveLength(1)
  expect(await workflows.list()).toHaveLength(1)
})

test('a run that waits for a signal is a row and nothing else, and goes on when it comes', async () => {
  const {workflows, engine} = await open([gated])
  const {id} = await workflows.start({workflow: 'gated', input: null})
  await until(async () => (await workflows.get(id))?.status === 'paused')
  expect(engine.load()).toBe(0)
  expect(await workflows.get(id)).toMatchObject({
    waiting_for: {kind: 'signal', id: 'go'},
    current_step: 'gate',
  })
  expect(await workflows.signal(id, {id: 's1', name: 'go', payload: {yes: true}})).toBe('taken')
  expect(await workflows.ended(id)).toBe('completed')
  expect((await workflows.get(id))?.result).toMatchObject({gate: {yes: true}})
  expect(await ledgerOf(pool)).toEqual(['after'])
})

test('a signal counts once whether it comes before, while or after the run waits, and however often it is sent', async () => {
  const both = aPlan(
    'both',
    inSequence(
      aStep('slow', doing('slow')),
      aStep('first', waitingForSignal('go')),
      aStep('second', waitingForSignal('go')),
    ),
  )
  let release: () => void = () => undefined
  const slow: TestAction = () => new Promise(resolve => (release = () => resolve(null)))
  const {workflows} = await open([both], {slow})
  const {id} = await workflows.start({workflow: 'both', input: null})
  for (const again of ['taken', 'repeated'])
    expect(await workflows.signal(id, {id: 'early', name: 'go', payload: 1})).toBe(again)
  release()
  await until(async () => (await workflows.get(id))?.current_step === 'second')
  expect(await workflows.signal(id, {id: 'early', name: 'go', payload: 1})).toBe('repeated')
  await sleep(50)
  expect((await workflows.get(id))?.status).toBe('paused')
  await Promise.all([1, 2, 3].map(() => workflows.signal(id, {id: 'late', name: 'go', payload: 2})))
  expect(await workflows.ended(id)).toBe('completed')
  expect((await workflows.get(id))?.result).toMatchObject({first: 1, second: 2})
  await expect(workflows.signal(id, {id: 'too late', name: 'go'})).rejects.toMatchObject({code: 'CONFLICT'})
})

test('a parked run outlives the process that started it', async () => {
  const first = await open([gated])
  const {id} = await first.workflows.start({workflow: 'gated', input: null})
  await until(async () => (await first.workflows.get(id))?.status === 'paused')
  await first.close()
  opened = []
  const second = await open([gated])
  await second.workflows.signal(id, {id: 's', name: 'go'})
  expect(await second.workflows.ended(id)).toBe('completed')
})

test('what a closing process was at goes on in another at once', async () => {
  const plan = aPlan(
    'long',
    inSequence(aStep('a', doing('hang')), aStep('b', doing('note', {input: 'b' as never}))),
  )
  let began = 0
  const hang: TestAction = (_request, {signal}) =>
    new Promise((resolve, reject) => {
      if (++began > 1) resolve(null)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const first = await open([plan], {hang})
  const {id} = await first.workflows.start({workflow: 'long', input: null})
  await until(() => began === 1)
  const second = await open([plan], {hang})
  await first.close()
  opened = [second]
  expect(await second.workflows.ended(id)).toBe('completed')
  expect((await second.workflows.get(id))?.steps?.[0]).toMatchObject({attempt: 1, status: 'succeeded'})
})

test('a run claimed while its process closes is left to another, and the process ends', async () => {
  const first = await open([gated], {}, {leaseMs: 500, renewEveryMs: 100})
  const {id} = await first.workflows.start({workflow: 'gated', input: null})
  await until(async () => (await first.workflows.get(id))?.status === 'paused')
  const {deliver} = first.store
  let claimed = false
  let closed = false
  Object.assign(first.store, {
    async deliver(...given: Parameters<typeof deliver>) {
      const delivered = await deliver(...given)
      claimed = true
      await until(() => closed)
      return delivered
    },
  })
  const signalled = first.workflows.signal(id, {id: 's', name: 'go'})
  await until(() => claimed)
  await first.engine.close()
  closed = true
  await signalled
  expect(first.engine.load()).toBe(0)
  await first.close()
  opened = []
  const second = await open([gated], {}, {leaseMs: 500, renewEveryMs: 100})
  expect(await second.workflows.ended(id)).toBe('completed')
})

test('twenty results of other processes at once all count', async () => {
  const fan = aPlan('fan', [
    ...Array.from({length: 20}, (_, n) => aStep(`s${n}`, doing('answer', {agent: 'far', input: n as never}))),
    aStep(
      'join',
      {kind: 'value', value: ({steps}) => Object.values(steps).filter(step => step.output !== null).length},
      {
        needs: Array.from({length: 20}, (_, n) => `s${n}`),
      },
    ),
  ])
  const owner = await open([fan])
  const far = await open([fan], {}, {agents: ['far']})
  far.serve('far')
  const {id} = await owner.workflows.start({workflow: 'fan', input: null})
  expect(await owner.workflows.ended(id)).toBe('completed')
  expect((await owner.workflows.get(id))?.progress).toMatchObject({total: 21, completed: 21})
  const {rows} = await pool.query('select * from workflow_attempts')
  expect(rows).toEqual([])
})

test('of an agent no more attempts go on at a time than it can take, and one that waits can be cancelled', async () => {
  let underWay = 0
  let most = 0
  const busy: TestAction = async (_request, {signal}) => {
    most = Math.max(most, ++underWay)
    await sleep(50, undefined, {signal}).finally(() => underWay--)
    return null
  }
  const stuck: TestAction = async (_request, {signal}) => {
    await sleep(60_000, undefined, {signal})
    return null
  }
  const fan = (action: string) => Array.from({length: 6}, (_, n) => aStep(`s${n}`, doing(action)))
  const plans = [aPlan('busy', fan('busy')), aPlan('stuck', fan('stuck'))]
  const {workflows} = await open(plans, {busy, stuck}, {capacity: 2})
  const ids = await Promise.all(
    [1, 2].map(async () => (await workflows.start({workflow: 'busy', input: null})).id),
  )
  for (const id of ids) expect(await workflows.ended(id)).toBe('completed')
  expect(most).toBe(2)

  const {id} = await workflows.start({workflow: 'stuck', input: null})
  const asked = Date.now()
  await workflows.cancel(id, {by: 'ada'})
  expect(await workflows.ended(id)).toBe('cancelled')
  // Not asked to stop, it would go on for a minute.
  expect(Date.now() - asked).toBeLessThan(30_000)
})

test('a run whose inbox can’t be read for a moment is carried on, not given up', async () => {
  let finish = (): void => undefined
  const slow: TestAction = () => new Promise(resolve => (finish = () => resolve(null)))
  const {workflows, store} = await open([aPlan('slow', [aStep('only', doing('slow'))])], {slow})
  const {id} = await workflows.start({workflow: 'slow', input: null})
  const read = store.messages.bind(store)
  let refusals = 3
  store.messages = async (run, seen) => {
    if (refusals-- > 0) throw Object.assign(new Error('the server is starting up'), {code: '57P03'})
    return read(run, seen)
  }
  await workflows.signal(id, {id: 'now', name: 'go'})
  await until(() => refusals < 0, 'the inbox is read')
  finish()
  expect(await workflows.ended(id)).toBe('completed')
})

test('a failing step is tried again as often as it may be, and its error is kept', async () => {
  let tries = 0
  const flaky: TestAction = async () => {
    if (++tries < 3) throw new Error(`try ${tries}`)
    return tries
  }
  const hopeless: TestAction = async () => {
    throw new Error('never')
  }
  const retry = {max: 2, delayMs: 10, maxDelayMs: 100}
  const plans = ['flaky', 'hopeless'].map(name => aPlan(name, [aStep('only', doing(name), {retry})]))
  const {workflows} = await open(plans, {flaky, hopeless})
  const good = await workflows.start({workflow: 'flaky', input: null})
  const bad = await workflows.start({workflow: 'hopeless', input: null})
  expect(await workflows.ended(good.id)).toBe('completed')
  expect((await workflows.get(good.id))?.steps?.[0]).toMatchObject({attempt: 3, output: 3})
  expect(await workflows.ended(bad.id)).toBe('failed')
  expect(await workflows.get(bad.id)).toMatchObject({
    status: 'failed',
    steps: [{status: 'failed', attempt: 3, error: {message: 'never'}}],
  })
})

test('an illegal order is refused and changes nothing', async () => {
  const {workflows} = await open([three, gated])
  const {id} = await workflows.start({workflow: 'three', input: null})
  await workflows.ended(id)
  const by = {by: 'ada'}
  for (const illegal of [workflows.pause, workflows.resume, workflows.cancel, workflows.retry])
    await expect(illegal(id, by)).rejects.toMatchObject({code: 'CONFLICT'})
  await expect(workflows.cancel('wf-unknown', by)).rejects.toMatchObject({code: 'NOT_FOUND'})
  expect((await workflows.get(id))?.status).toBe('completed')

  const parked = await workflows.start({workflow: 'gated', input: null})
  await until(async () => (await workflows.get(parked.id))?.status === 'paused')
  await expect(workflows.resume(parked.id, by)).rejects.toMatchObject({code: 'CONFLICT'})
  await expect(workflows.retry(parked.id, by)).rejects.toMatchObject({code: 'CONFLICT'})
  await workflows.cancel(parked.id, by)
  expect(await workflows.ended(parked.id)).toBe('cancelled')
  await expect(workflows.cancel(parked.id, by)).rejects.toMatchObject({code: 'CONFLICT'})
})

test('cancelling aborts what is under way, and a retry takes the run up again', async () => {
  let began = 0
  const hang: TestAction = (_request, {signal}) =>
    new Promise((resolve, reject) => {
      if (++began > 1) resolve('second time')
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const {workflows} = await open([aPlan('one', [aStep('only', doing('hang'))])], {hang})
  const {id} = await workflows.start({workflow: 'one', input: null})
  await until(() => began === 1)
  await workflows.cancel(id, {by: 'ada', reason: 'wrong branch'})
  expect(await workflows.ended(id)).toBe('cancelled')
  await workflows.retry(id, {by: 'ada'})
  expect(await workflows.ended(id)).toBe('completed')
  expect((await workflows.get(id))?.result).toEqual({only: 'second time'})
})

test('an attempt that meets a pause goes on after it, and does nothing twice', async () => {
  let paused: () => void = () => undefined
  const pausing = new Promise<void>(resolve => (paused = resolve))
  let calls = 0
  const two: TestAction = async (_request, {effect}) => {
    calls++
    const write = (what: string) =>
      effect(what, {
        async run() {
          await pool.query('insert into ledger (what) values ($1)', [what])
          return what
        },
      })
    await write('one')
    if (calls === 1) await pausing
    return write('two')
  }
  const {workflows, engine} = await open([aPlan('two', [aStep('only', doing('two'))])], {two})
  const {id} = await workflows.start({workflow: 'two', input: null})
  await until(async () => (await ledgerOf(pool)).length === 1)
  await workflows.pause(id, {by: 'ada'})
  expect((await workflows.get(id))?.status).toBe('paused')
  await expect(workflows.pause(id, {by: 'ada'})).rejects.toMatchObject({code: 'CONFLICT'})
  paused()
  await until(() => engine.load() === 0, 'the run is parked')
  expect(await ledgerOf(pool)).toEqual(['one'])
  await workflows.resume(id, {by: 'ada'})
  expect(await workflows.ended(id)).toBe('completed')
  expect(await ledgerOf(pool)).toEqual(['one', 'two'])
  expect((await workflows.get(id))?.steps?.[0]).toMatchObject({attempt: 1, output: 'two'})
})

test('a sub-workflow’s result is its step’s output, and its failure the step’s', async () => {
  const parent = (name: string, child: string) =>
    aPlan(name, [aStep('sub', {kind: 'workflow', name: child, with: () => ({from: 'parent'})})])
  const echo = aPlan('echo', [aStep('only', doing('answer', {input: 'hello' as never}))])
  const bad = aPlan('bad', [aStep('only', doing('bad'))])
  const {workflows} = await open(
    [parent('p1', 'echo'), parent('p2', 'bad'), parent('p3', 'nowhere'), echo, bad],
    {
      async bad() {
        throw new Error('broken inside')
      },
    },
  )
  const ids = []
  for (const workflow of ['p1', 'p2', 'p3']) ids.push((await workflows.start({workflow, input: null})).id)
  const [good = '', failing = '', missing = ''] = ids
  expect(await workflows.ended(good)).toBe('completed')
  expect((await workflows.get(good))?.result).toEqual({sub: {only: 'hello'}})
  expect(await workflows.ended(failing)).toBe('failed')
  expect((await workflows.get(failing))?.steps?.[0]?.error?.message).toContain('broken inside')
  expect(await workflows.ended(missing)).toBe('failed')
  expect((await workflows.get(missing))?.error?.message).toContain('nowhere')
  const child = (await workflows.list()).find(run => run.workflow === 'echo')
  expect(child).toMatchObject({input: {from: 'parent'}, correlation_id: good})
})

test('cancelling a run cancels its sub-workflow', async () => {
  const hang: TestAction = (_request, {signal}) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  const {workflows} = await open(
    [
      aPlan('parent', [aStep('sub', {kind: 'workflow', name: 'child', with: () => null})]),
      aPlan('child', [aStep('only', doing('hang'))]),
    ],
    {hang},
  )
  const {id} = await workflows.start({workflow: 'parent', input: null})
  const child = () => workflows.list().then(runs => runs.find(run => run.workflow === 'child'))
  await until(async () => (await child())?.status === 'running')
  await workflows.cancel(id, {by: 'ada'})
  expect(await workflows.ended(id)).toBe('cancelled')
  await until(async () => (await child())?.status === 'cancelled')
})

test('runs that want the same lock go one at a time', async () => {
  let inside = 0
  let most = 0
  const busy: TestAction = async () => {
    most = Math.max(most, ++inside)
    await sleep(20)
    inside--
  }
  const locked = aPlan('locked', [
    aStep('only', doing('busy'), {lock: {resource: () => 'deployment:test:web', kind: 'exclusive'}}),
  ])
  const {workflows} = await open([locked], {busy})
  const runs = []
  for (let n = 0; n < 3; n++) runs.push(await workflows.start({workflow: 'locked', input: null}))
  for (const {id} of runs) expect(await workflows.ended(id)).toBe('completed')
  expect(most).toBe(1)
  const held = () => pool.query(`select from resource_locks where owner_token is not null`)
  await until(async () => (await held()).rowCount === 0, 'the lock is given back')
})

test('a step that takes too long is aborted and fails by name', async () => {
  let aborted = false
  const hang: TestAction = (_request, {signal}) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => {
        aborted = true
        reject(signal.reason as Error)
      }),
    )
  const {workflows} = await open([aPlan('slow', [aStep('only', doing('hang'), {timeoutMs: 50})])], {hang})
  const {id} = await workflows.start({workflow: 'slow', input: null})
  expect(await workflows.ended(id)).toBe('failed')
  expect(aborted).toBe(true)
})

test('a timer wakes a parked run in time', async () => {
  const plan = aPlan(
    'timer',
    inSequence(aStep('wait', {kind: 'timer', ms: () => 150}), aStep('then', doing('answer'))),
  )
  const {workflows} = await open([plan])
  const began = Date.now()
  const {id} = await workflows.start({workflow: 'timer', input: null})
  expect(await workflows.ended(id)).toBe('completed')
  expect(Date.now() - began).toBeGreaterThanOrEqual(150)
  expect(Date.now() - began).toBeLessThan(10_000)
})

test('a result that is no JSON, or too large, fails its step instead of the run’s record', async () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const {workflows} = await open(
    [aPlan('circle', [aStep('only', doing('circle'))]), aPlan('large', [aStep('only', doing('large'))])],
    {circle: async () => circle as never, large: async () => 'x'.repeat(300_000)},
  )
  for (const workflow of ['circle', 'large']) {
    const {id} = await workflows.start({workflow, input: null})
    expect(await workflows.ended(id)).toBe('failed')
  }
})

test('events tell what happened since, and end with the run', async () => {
  const {workflows} = await open([gated])
  const {id} = await workflows.start({workflow: 'gated', input: null})
  const seen: string[] = []
  const reading = (async () => {
    for await (const {facts} of workflows.events(id, 0, new AbortController().signal))
      seen.push(...facts.map(fact => fact.is))
  })()
  await until(() => seen.includes('waiting'))
  await workflows.signal(id, {id: 's', name: 'go'})
  await reading
  expect(seen[0]).toBe('begun')
  expect(seen.at(-1)).toBe('ended')
})

test('a run whose definition this version can’t carry on says so by name, and is not lost', async () => {
  const first = await open([gated])
  const {id} = await first.workflows.start({workflow: 'gated', input: null})
  await until(async () => (await first.workflows.get(id))?.status === 'paused')
  await first.close()
  opened = []
  const newer = await open([three])
  await newer.workflows.signal(id, {id: 's', name: 'go'})
  await until(async () => ((await newer.workflows.get(id))?.error?.message ?? '').includes('"gone"'))
  expect(newer.warnings.join()).toContain('cannot be carried on')
  await newer.close()
  opened = []
  const mended = await open([gated])
  await mended.workflows.signal(id, {id: 'again', name: 'nudge'})
  expect(await mended.workflows.ended(id)).toBe('completed')
})

test('what ended long ago is forgotten with all that belongs to it', async () => {
  const {workflows} = await open([gated, three])
  const old = await workflows.start({workflow: 'three', input: null})
  await workflows.ended(old.id)
  const parked = await workflows.start({workflow: 'gated', input: null})
  await until(async () => (await workflows.get(parked.id))?.status === 'paused')
  await pool.query(
    `insert into workflow_shipments (workflow_id, path, target) values ($1, 'ship', 'client'), ($2, 'ship', 'client')`,
    [old.id, parked.id],
  )
  await pool.query(
    `update workflow_state set started_at = now() - interval '40 days', completed_at = completed_at - interval '40 days'`,
  )
  expect(await workflows.forgetOld()).toBe(1)
  expect(await workflows.get(old.id)).toBeUndefined()
  expect(await workflows.get(parked.id)).toBeDefined()
  for (const table of ['workflow_journal', 'workflow_shipments']) {
    const {rows} = await pool.query(`select distinct workflow_id as id from ${table}`)
    expect(rows).toEqual([{id: parked.id}])
  }
})
