import {describe, expect, test} from 'vitest'
import {childId, lockToken} from '../../../src/workflows/derive.ts'
import type {View} from '../../../src/workflows/plan.ts'
import {parked, progress, statusOf, waitingFor, wakeAt} from '../../../src/workflows/progress.ts'
import {
  action,
  always,
  aPlan,
  approval,
  call,
  child,
  failure,
  forSignal,
  generate,
  group,
  throwing,
  timer,
  value,
  when,
  type StepSketch,
} from '../../support/workflow-plans.ts'
import {aRun, STARTED_AT} from '../../support/workflow-run.ts'

const names = (steps: unknown) => (steps as readonly string[]).map(id => ({id, needs: []}))
const lock = {resource: () => 'production', kind: 'exclusive'}

describe('order', () => {
  test('a step without needs follows the one before it', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'b'}, {id: 'c'}]))
    expect(run.performed).toEqual(['a'])
    run.succeeds('a', 1)
    run.succeeds('b', 2)
    run.succeeds('c', 3)
    expect(run.performed).toEqual(['a', 'b', 'c'])
    expect(run.run).toMatchObject({status: 'completed', result: {a: 1, b: 2, c: 3}})
  })

  test('steps that need nothing of each other overlap, and a join waits for the last', () => {
    const run = aRun(
      aPlan([
        {id: 'a', needs: []},
        {id: 'b', needs: []},
        {id: 'join', needs: ['a', 'b']},
      ]),
    )
    run.succeeds('b')
    expect(run.performed).toEqual(['a', 'b'])
    run.succeeds('a')
    expect(run.performed).toEqual(['a', 'b', 'join'])
  })

  test('a step sees the input, and what came before it', () => {
    const text = ({input, steps}: View) =>
      JSON.stringify([input, steps['a']?.output, steps['z']?.status ?? 'unknown'])
    const run = aRun(aPlan([{id: 'a'}, {id: 'b', work: action(text)}]), {input: 'deploy'})
    expect(run.succeeds('a', 7)).toMatchObject([
      {kind: 'perform', path: 'b', input: '["deploy",7,"unknown"]'},
    ])
  })

  test('a workflow without steps fails', () => {
    expect(aRun(aPlan([])).run).toMatchObject({status: 'failed', error: {code: 'EMPTY'}})
  })

  test('five thousand steps that need no attempt are one decision', () => {
    const steps = Array.from({length: 5_000}, (_, index) => ({id: `s${index}`, work: value(() => index)}))
    expect(aRun(aPlan(steps)).run.status).toBe('completed')
  })

  test('an attempt is recorded with the place that carries it out', () => {
    const here = aRun(aPlan([{id: 'a'}]))
    const elsewhere = aRun(aPlan([{id: 'a'}]), {hosts: false})
    expect(here.effects).toMatchObject([{where: 'here'}])
    expect(elsewhere.effects).toMatchObject([{where: 'queue'}])
    expect([here, elsewhere].map(({run}) => parked(aPlan([]), run))).toEqual([false, true])
  })
})

describe('conditions', () => {
  const yes = when(() => true)
  const no = when(() => false)

  test.each<[string, 'succeeds' | 'fails' | 'is skipped', StepSketch['condition'], string, string]>([
    ['no condition', 'succeeds', undefined, 'running', 'running'],
    ['true', 'succeeds', yes, 'running', 'running'],
    ['false', 'succeeds', no, 'skipped', 'completed'],
    ['always()', 'succeeds', always, 'running', 'running'],
    ['failure()', 'succeeds', failure, 'skipped', 'completed'],
    ['no condition', 'fails', undefined, 'skipped', 'failed'],
    ['true', 'fails', yes, 'skipped', 'failed'],
    ['always()', 'fails', always, 'running', 'running'],
    ['failure()', 'fails', failure, 'running', 'running'],
    ['no condition', 'is skipped', undefined, 'skipped', 'completed'],
    ['true', 'is skipped', yes, 'skipped', 'completed'],
    ['always()', 'is skipped', always, 'running', 'running'],
    ['failure()', 'is skipped', failure, 'skipped', 'completed'],
  ])('%s, when what it needs %s', (_name, before, condition, step, status) => {
    const needed = before === 'is skipped' ? {condition: no} : {}
    const run = aRun(
      aPlan([
        {id: 'needed', ...needed},
        {id: 'asks', ...(condition ? {condition} : {})},
      ]),
    )
    if (before === 'succeeds') run.succeeds('needed')
    if (before === 'fails') run.fails('needed')
    expect(run.step('asks').status).toBe(step)
    expect(run.run.status).toBe(status)
  })

  test('one that fails to evaluate fails its step with its message', () => {
    const run = aRun(aPlan([{id: 'a', condition: when(throwing('no such key: sha') as never)}]))
    expect(run.run).toMatchObject({status: 'failed', error: {message: 'a: no such key: sha'}})
  })

  test('a step that asks the outcome runs with all that is inside of it', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'tidy', condition: always, work: group({id: 'x'}, {id: 'y'})}]))
    run.fails('a')
    run.succeeds('tidy/x')
    run.succeeds('tidy/y')
    expect(run.states).toMatchObject({tidy: 'succeeded', 'tidy/y': 'succeeded'})
    expect(run.run.status).toBe('failed')
  })
})

describe('failure', () => {
  test('nothing else starts, what is under way ends', () => {
    const run = aRun(
      aPlan([
        {id: 'a', needs: []},
        {id: 'b', needs: []},
        {id: 'c', needs: ['b']},
      ]),
    )
    run.fails('a')
    expect(run.run.status).toBe('running')
    run.succeeds('b')
    expect(run.states).toEqual({a: 'failed', b: 'succeeded', c: 'skipped'})
    expect(run.run).toMatchObject({status: 'failed', error: {code: 'BROKEN', message: 'a: a broke'}})
  })

  test('nobody waits any longer for people or a time', () => {
    const run = aRun(
      aPlan([
        {id: 'a', needs: []},
        {id: 'gate', needs: [], work: approval},
        {id: 't', needs: [], work: timer(9e9)},
      ]),
    )
    expect(run.fails('a')).toEqual([{kind: 'withdraw-approval', path: 'gate', signal: 'approval:gate'}])
    expect(run.states).toEqual({a: 'failed', gate: 'cancelled', t: 'cancelled'})
    expect(run.run.status).toBe('failed')
  })

  test('one that is tolerated lets those go on who need it, with null', () => {
    const run = aRun(
      aPlan([
        {id: 'a', continueOnError: true},
        {id: 'b', work: value(({steps}) => steps['a']?.output ?? null)},
      ]),
    )
    run.fails('a')
    expect(run.states).toEqual({a: 'failed', b: 'succeeded'})
    expect(run.run.status).toBe('completed')
  })

  test('a tolerant group keeps the failure of its steps to itself', () => {
    const run = aRun(aPlan([{id: 'g', continueOnError: true, work: group({id: 'x'}, {id: 'y'})}, {id: 'b'}]))
    run.fails('g/x')
    expect(run.states).toEqual({g: 'failed', 'g/x': 'failed', 'g/y': 'skipped', b: 'running'})
  })

  test('the result’s own failure is the run’s', () => {
    const run = aRun(aPlan([{id: 'a', compensate: call()}], {result: throwing('no field')}))
    run.succeeds('a')
    expect(run.step('a').status).toBe('compensating')
    run.succeeds('a')
    expect(run.run).toMatchObject({status: 'failed', error: {message: 'result: no field'}})
  })
})

describe('retries', () => {
  const flaky = aPlan([{id: 'a', retry: {max: 2, delayMs: 2_000, maxDelayMs: 60_000}}])

  test('double their pauses, and end with the last error', () => {
    const run = aRun(flaky)
    const pauses = [1, 2].map(() => {
      run.fails('a', {retryable: true})
      const pause = (run.step('a').wakeAt ?? 0) - (run.facts.at(-1)?.at ?? 0)
      run.passes(pause)
      return pause
    })
    expect(pauses[0]).toBeGreaterThanOrEqual(2_000)
    expect(pauses[0]).toBeLessThanOrEqual(2_500)
    expect(pauses[1]).toBeGreaterThanOrEqual(4_000)
    expect(pauses[1]).toBeLessThanOrEqual(5_000)
    run.fails('a', {retryable: true})
    expect(run.step('a')).toMatchObject({status: 'failed', attempt: 3, error: {message: 'a broke'}})
  })

  test('wait at least as long as the other side asked', () => {
    const run = aRun(flaky)
    run.fails('a', {retryable: true, retryAfterMs: 50_000})
    expect(wakeAt(run.run)).toBe(STARTED_AT + 50_000)
    run.passes(49_999)
    expect(run.step('a').attempt).toBe(1)
    run.passes(1)
    expect(run.step('a')).toMatchObject({status: 'running', attempt: 2})
  })

  test('are not for errors that trying again cannot help', () => {
    const run = aRun(flaky)
    run.fails('a')
    expect(run.run.status).toBe('failed')
  })

  test('an attempt that takes too long is broken off and counts as failed', () => {
    const run = aRun(aPlan([{id: 'a', timeoutMs: 5_000, retry: {max: 1, delayMs: 1_000, maxDelayMs: 1_000}}]))
    expect(run.passes(5_000)).toEqual([{kind: 'abort', path: 'a', attempt: 1}])
    expect(run.tell({kind: 'attempt-succeeded', path: 'a', attempt: 1, output: 'late'})).toEqual([])
    expect(run.step('a')).toMatchObject({status: 'waiting', output: null})
    run.passes(1_250)
    expect(run.step('a').attempt).toBe(2)
  })

  test.each(['attempt-succeeded', 'attempt-failed', 'attempt-interrupted'] as const)(
    'an %s of another attempt changes nothing',
    kind => {
      const run = aRun(flaky)
      for (const attempt of [0, 2]) {
        const before = run.run
        run.tell({
          kind,
          path: 'a',
          attempt,
          output: 1,
          error: {code: 'X', message: 'x'},
          retryable: false,
        })
        expect(run.run).toBe(before)
      }
    },
  )
})

describe('compensation', () => {
  const saga = (last: Partial<StepSketch> = {}) =>
    aPlan([
      {id: 'a', compensate: call('undo', ({output}) => output ?? null)},
      {id: 'b', work: group({id: 'x', compensate: call('undo')})},
      {id: 'c', compensate: call('undo')},
      {id: 'd', ...last},
    ])

  function upToD() {
    const run = aRun(saga())
    run.succeeds('a', 'bucket-7')
    run.succeeds('b/x')
    run.succeeds('c')
    return run
  }

  test('undoes in the reverse order, one at a time, and not what failed', () => {
    const run = upToD()
    const before = run.performed.length
    run.fails('d')
    for (const path of ['c', 'b/x', 'a']) {
      expect(run.run.open.keys()).toEqual([path])
      run.succeeds(path)
    }
    expect(run.performed.slice(before)).toEqual(['c', 'b/x', 'a'])
    expect(run.effects.at(-1)).toMatchObject({path: 'a', attempt: 2, input: 'bucket-7', compensation: true})
    expect(run.run).toMatchObject({
      status: 'failed',
      result: {compensated: ['c', 'b/x', 'a'], not_compensated: []},
    })
  })

  test('one that fails is recorded, and does not stop the rest', () => {
    const run = upToD()
    run.fails('d')
    run.succeeds('c')
    run.fails('b/x')
    run.succeeds('a')
    expect(run.run.result).toEqual({
      compensated: ['c', 'a'],
      not_compensated: [{path: 'b/x', error: {code: 'BROKEN', message: 'b/x broke'}}],
    })
  })

  test('runs under the step’s own lock', () => {
    const run = aRun(aPlan([{id: 'a', lock, compensate: call()}, {id: 'b'}]))
    run.tell({kind: 'lock-granted', path: 'a', token: lockToken('wf-1', 'a', 1), fence: 7})
    run.succeeds('a')
    expect(run.fails('b')).toMatchObject([{kind: 'lock', token: lockToken('wf-1', 'a', 2)}])
    run.tell({kind: 'lock-granted', path: 'a', token: lockToken('wf-1', 'a', 2), fence: 8})
    expect(run.effects.at(-1)).toMatchObject({kind: 'perform', attempt: 2, compensation: true})
    expect(run.succeeds('a')).toMatchObject([{kind: 'unlock', token: lockToken('wf-1', 'a', 2)}])
    expect(run.run.status).toBe('failed')
  })

  test('a completed run undoes nothing', () => {
    const run = upToD()
    run.succeeds('d')
    expect(run.run.status).toBe('completed')
    expect(Object.values(run.states)).not.toContain('compensated')
  })
})

describe('for-each', () => {
  const items = (list: unknown, more: Partial<StepSketch> = {}) =>
    aPlan([
      {
        id: 'a',
        work: action(({item, index}) => [item ?? null, index ?? null]),
        forEach: {items: () => list as never, maxParallel: 2},
        ...more,
      },
    ])

  test('does so many at a time, and answers the outputs in the order of the items', () => {
    const run = aRun(items(['x', 'y', 'z']))
    expect(run.effects).toMatchObject([
      {path: 'a[0]', input: ['x', 0]},
      {path: 'a[1]', input: ['y', 1]},
    ])
    run.succeeds('a[1]', 'Y')
    run.succeeds('a[2]', 'Z')
    run.succeeds('a[0]', 'X')
    expect(run.run).toMatchObject({status: 'completed', result: {a: ['X', 'Y', 'Z']}})
  })

  test('of an empty list is done', () => {
    expect(aRun(items([])).run).toMatchObject({status: 'completed', result: {a: []}})
  })

  test('does not begin the rest after a failure', () => {
    const run = aRun(items([1, 2, 3, 4]))
    run.fails('a[0]')
    run.succeeds('a[1]')
    expect(run.states).toMatchObject({a: 'failed', 'a[2]': 'skipped', 'a[3]': 'skipped'})
  })

  test('with tolerance goes on, with null for those that failed', () => {
    const run = aRun(items([1, 2, 3], {continueOnError: true}))
    run.fails('a[0]')
    run.succeeds('a[1]', 1)
    run.succeeds('a[2]', 2)
    expect(run.run).toMatchObject({status: 'completed', result: {a: [null, 1, 2]}})
  })

  test.each([
    ['text', /needs a list/],
    [Array.from({length: 1_001}, () => 1), /at most 1000/],
  ])('refuses what is no list, or too long a one', (list, message) => {
    expect(aRun(items(list)).run.error?.message).toMatch(message)
  })
})

describe('repeat', () => {
  const rounds = (until: number, max: number) =>
    aPlan([
      {
        id: 'a',
        work: group({id: 'check'}),
        repeat: {
          until: when(({steps}) => Number(steps['check']?.output) >= until, 'healthy'),
          max,
          delayMs: 1_000,
        },
      },
    ])

  test('goes on until the condition holds, with pauses that double', () => {
    const run = aRun(rounds(2, 9))
    run.succeeds('a[0]/check', 0)
    expect(wakeAt(run.run)).toBe(STARTED_AT + 1_000)
    run.passes(1_000)
    run.succeeds('a[1]/check', 1)
    expect(wakeAt(run.run)).toBe(STARTED_AT + 3_000)
    run.passes(2_000)
    run.succeeds('a[2]/check', 2)
    expect(run.run).toMatchObject({status: 'completed', result: {a: {check: 2}}})
  })

  test('fails after its last round', () => {
    const run = aRun(rounds(5, 1))
    run.succeeds('a[0]/check', 0)
    expect(run.run.error?.message).toMatch(/After 1 rounds it is still not so that healthy/)
  })
})

describe('generate', () => {
  test('does what it is told in groups until nothing more comes', () => {
    const run = aRun(aPlan([{id: 'plan', work: generate(5, names)}]))
    run.succeeds('plan[0]', {steps: ['x', 'y']})
    run.succeeds('plan[0]/x', 1)
    run.succeeds('plan[0]/y', 2)
    run.succeeds('plan[1]', {steps: ['z']})
    run.succeeds('plan[1]/z', 3)
    run.succeeds('plan[2]', {steps: []})
    expect(run.run).toMatchObject({status: 'completed', result: {plan: [{x: 1, y: 2}, {z: 3}]}})
  })

  test('asks no oftener than it may', () => {
    const run = aRun(aPlan([{id: 'plan', work: generate(1, names)}]))
    run.succeeds('plan[0]', {steps: ['x']})
    run.succeeds('plan[0]/x', 1)
    expect(run.run.status).toBe('completed')
  })

  test.each<[string, unknown, RegExp]>([
    ['too many', {steps: ['a', 'b', 'c', 'd']}, /Over 3 steps/],
    ['no list', {steps: 'all'}, /no list/],
    ['what does not compile', {steps: [1]}, /bad step/],
  ])('fails on %s', (_name, output, message) => {
    const compile = (steps: unknown) => {
      if ((steps as readonly unknown[])[0] === 1) throw new TypeError('bad step')
      return names(steps)
    }
    const run = aRun(aPlan([{id: 'plan', work: generate(5, compile)}], {maxGenerated: 3}))
    run.succeeds('plan[0]', output as never)
    expect(run.run.error?.message).toMatch(message)
  })
})

describe('waits', () => {
  test.each(['before', 'during', 'after'])('a signal sent %s the wait is used once', when => {
    const run = aRun(
      aPlan([{id: 'a'}, {id: 'wait', work: forSignal('go')}, {id: 'again', work: forSignal('go')}]),
    )
    if (when === 'before') run.signal('go', 7, 'one')
    run.succeeds('a')
    if (when !== 'before') run.signal('go', 7, 'one')
    if (when === 'after') run.signal('go', 7, 'one')
    expect(run.step('wait')).toMatchObject({status: 'succeeded', output: 7})
    expect(run.step('again').status).toBe('waiting')
    expect(waitingFor(run.run)).toEqual({kind: 'signal', id: 'go'})
    expect(statusOf(run.run)).toBe('paused')
  })

  test('a timer ends at its time, and not before', () => {
    const run = aRun(aPlan([{id: 't', work: timer(60_000)}]))
    expect(wakeAt(run.run)).toBe(STARTED_AT + 60_000)
    run.passes(59_999)
    expect(run.run.status).toBe('running')
    run.passes(1)
    expect(run.run.status).toBe('completed')
  })

  test.each<[unknown, string]>([
    [{approved: true, by: 'ada'}, 'completed'],
    [{approved: false}, 'failed'],
    [{approved: 'true'}, 'failed'],
    [{}, 'failed'],
    [null, 'failed'],
    [['approved'], 'failed'],
  ])('an approval of %j leaves the run %s', (payload, status) => {
    const run = aRun(aPlan([{id: 'gate', work: approval}]))
    expect(run.effects).toEqual([
      {kind: 'request-approval', path: 'gate', signal: 'approval:gate', request: {title: 'Go?'}},
    ])
    run.signal('approval:gate', payload as never)
    expect(run.run.status).toBe(status)
    expect(run.effects).toHaveLength(1)
  })

  test('a gate that nobody decides is withdrawn in time', () => {
    const run = aRun(aPlan([{id: 'gate', work: approval, timeoutMs: 1_000}]))
    expect(run.passes(1_000)).toMatchObject([{kind: 'withdraw-approval'}])
    expect(run.run.error?.code).toBe('TIMEOUT')
  })

  test('a decision from before a retry does not open the gate', () => {
    const run = aRun(aPlan([{id: 'gate', work: approval, timeoutMs: 1_000}]))
    run.passes(1_000)
    run.order('retry')
    run.signal('approval:gate', {approved: true})
    expect(run.step('gate').status).toBe('waiting')
    run.signal('approval:gate:2', {approved: true})
    expect(run.run.status).toBe('completed')
  })
})

describe('sub-workflows', () => {
  const first = childId('wf-1', 'a', 1)

  test('the end of the child is the step’s, a retry is another child', () => {
    const run = aRun(aPlan([{id: 'a', work: child(), retry: {max: 1, delayMs: 1, maxDelayMs: 1}}]))
    expect(run.effects).toEqual([{kind: 'start-child', path: 'a', id: first, workflow: 'inner', input: null}])
    run.tell({kind: 'child-ended', path: 'a', id: first, status: 'failed', result: null})
    run.passes(2)
    const second = childId('wf-1', 'a', 2)
    run.tell({kind: 'child-ended', path: 'a', id: first, status: 'completed', result: 'late'})
    expect(run.step('a').status).toBe('waiting')
    run.tell({kind: 'child-ended', path: 'a', id: second, status: 'completed', result: 'ok'})
    expect(run.run).toMatchObject({status: 'completed', result: {a: 'ok'}})
  })

  test('is told what its parent is told', () => {
    const run = aRun(aPlan([{id: 'a', work: child()}]))
    expect(run.order('pause')).toEqual([{kind: 'stop-child', id: first, how: 'pause', cause: 'order-1'}])
    expect(run.order('resume')).toMatchObject([{how: 'resume'}])
    expect(run.order('cancel')).toMatchObject([{how: 'cancel'}])
    expect(run.run.status).toBe('running')
    run.tell({kind: 'child-ended', path: 'a', id: first, status: 'cancelled', result: null})
    expect(run.run.status).toBe('cancelled')
  })
})

describe('locks', () => {
  const token = lockToken('wf-1', 'a', 1)
  const locked = aPlan([{id: 'a', lock, retry: {max: 1, delayMs: 1_000, maxDelayMs: 1_000}}])

  test('the step starts when it has its lock, and gives it back at its end', () => {
    const run = aRun(locked)
    expect(run.effects).toEqual([
      {kind: 'lock', path: 'a', resource: 'production', lockKind: 'exclusive', token},
    ])
    run.tell({kind: 'lock-granted', path: 'a', token: 'of somebody else', fence: 1})
    expect(run.step('a').status).toBe('locking')
    run.tell({kind: 'lock-granted', path: 'a', token, fence: 7})
    expect(run.step('a')).toMatchObject({status: 'running', lock: {fence: 7}})
    expect(run.succeeds('a')).toEqual([{kind: 'unlock', path: 'a', resource: 'production', token}])
  })

  test('is held over retries', () => {
    const run = aRun(locked)
    run.tell({kind: 'lock-granted', path: 'a', token, fence: 7})
    run.fails('a', {retryable: true})
    expect(run.passes(1_250)).toMatchObject([{kind: 'perform', attempt: 2}])
  })

  test('one that is lost breaks the attempt off, and the next asks for it anew', () => {
    const run = aRun(locked)
    run.tell({kind: 'lock-granted', path: 'a', token, fence: 7})
    expect(run.tell({kind: 'lock-lost', path: 'a', token})).toEqual([{kind: 'abort', path: 'a', attempt: 1}])
    expect(run.passes(1_250)).toMatchObject([{kind: 'lock', token: lockToken('wf-1', 'a', 2)}])
  })

  test('one that a group loses breaks off all that is inside', () => {
    const run = aRun(
      aPlan([{id: 'a', lock, work: group({id: 'x', needs: []}, {id: 'y', needs: [], work: timer(9e9)})}]),
    )
    run.tell({kind: 'lock-granted', path: 'a', token, fence: 7})
    expect(run.tell({kind: 'lock-lost', path: 'a', token})).toEqual([
      {kind: 'abort', path: 'a/x', attempt: 1},
    ])
    expect(run.states).toEqual({a: 'failed', 'a/x': 'cancelled', 'a/y': 'cancelled'})
    expect(run.run.error?.code).toBe('LOCK_LOST')
  })

  test('what is inside a step that holds it already needs none of its own', () => {
    const run = aRun(aPlan([{id: 'a', lock, work: group({id: 'x', lock})}]))
    run.tell({kind: 'lock-granted', path: 'a', token, fence: 7})
    expect(run.step('a/x').status).toBe('running')
  })
})

describe('orders', () => {
  const three = () => aRun(aPlan([{id: 'a'}, {id: 'b', compensate: call()}, {id: 'c'}]))

  test('a paused run starts nothing until it goes on', () => {
    const run = three()
    run.order('pause')
    expect(run.succeeds('a')).toEqual([])
    expect(run.run.status).toBe('paused')
    expect(run.states).toEqual({a: 'succeeded'})
    expect(run.order('resume')).toMatchObject([{kind: 'perform', path: 'b'}])
  })

  test('an attempt that the pause interrupted goes on as the same one', () => {
    const run = three()
    run.order('pause')
    expect(run.tell({kind: 'attempt-interrupted', path: 'a', attempt: 1})).toEqual([])
    expect(parked(aPlan([]), run.run)).toBe(true)
    expect(run.order('resume')).toMatchObject([{kind: 'perform', path: 'a', attempt: 1}])
  })

  test('time stands still for a paused run, and is made up for afterwards', () => {
    const run = aRun(aPlan([{id: 't', work: timer(1_000)}]))
    run.order('pause')
    run.passes(5_000)
    expect(wakeAt(run.run)).toBeUndefined()
    expect(run.step('t').status).toBe('waiting')
    run.order('resume')
    expect(run.run.status).toBe('completed')
  })

  test('cancel breaks off what is under way, undoes what was done, and starts nothing else', () => {
    const run = three()
    run.succeeds('a')
    run.succeeds('b')
    expect(run.order('cancel')).toEqual([{kind: 'abort', path: 'c', attempt: 1}])
    expect(run.fails('c', {retryable: true})).toMatchObject([
      {kind: 'perform', path: 'b', compensation: true},
    ])
    run.succeeds('b')
    expect(run.states).toEqual({a: 'succeeded', b: 'compensated', c: 'cancelled'})
    expect(run.run.status).toBe('cancelled')
  })

  test('what succeeds in spite of the cancel is undone too', () => {
    const run = aRun(aPlan([{id: 'a', compensate: call()}, {id: 'b'}]))
    run.order('cancel')
    expect(run.succeeds('a')).toMatchObject([{kind: 'perform', path: 'a', compensation: true}])
  })

  test('an attempt that does not answer the cancel is not waited for for ever', () => {
    const run = three()
    run.order('cancel')
    run.passes(9_999)
    expect(run.run.status).toBe('running')
    run.passes(1)
    expect(run.run.status).toBe('cancelled')
    expect(run.succeeds('a', 'late')).toEqual([])
  })

  test('not even steps that run always start after a cancel', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'tidy', condition: always}]))
    run.order('cancel')
    run.fails('a')
    expect(run.states).toEqual({a: 'cancelled', tidy: 'skipped'})
  })

  test.each<['pause' | 'resume' | 'cancel' | 'retry', string]>([
    ['resume', 'running'],
    ['retry', 'running'],
    ['pause', 'completed'],
    ['resume', 'completed'],
    ['cancel', 'completed'],
    ['retry', 'completed'],
    ['pause', 'failed'],
    ['resume', 'failed'],
    ['cancel', 'failed'],
    ['pause', 'cancelled'],
    ['cancel', 'cancelled'],
    ['retry', 'paused'],
    ['pause', 'paused'],
  ])('%s means nothing to a run that is %s', (order, status) => {
    const run = aRun(aPlan([{id: 'a'}]))
    if (status === 'completed') run.succeeds('a')
    if (status === 'failed') run.fails('a')
    if (status === 'cancelled') {
      run.order('cancel')
      run.fails('a')
    }
    if (status === 'paused') run.order('pause')
    const before = run.run
    expect(before.status).toBe(status)
    expect(run.order(order)).toEqual([])
    expect(run.run).toBe(before)
  })
})

describe('a retry of the run', () => {
  test('does again what failed and what comes after it, and nothing else', () => {
    const run = aRun(
      aPlan([
        {id: 'api', needs: []},
        {id: 'user', needs: []},
        {id: 'merge', needs: ['api', 'user'], condition: always},
      ]),
    )
    run.succeeds('api', 1)
    run.fails('user')
    run.succeeds('merge', 'partial')
    expect(run.run.status).toBe('failed')
    expect(run.order('retry')).toMatchObject([{kind: 'perform', path: 'user', attempt: 2}])
    run.succeeds('user', 2)
    run.succeeds('merge', 'whole')
    expect(run.run).toMatchObject({
      status: 'completed',
      result: {api: 1, user: 2, merge: 'whole'},
      error: undefined,
    })
  })

  test('keeps what had succeeded inside a group or a list', () => {
    const run = aRun(
      aPlan([
        {id: 'g', needs: [], work: group({id: 'x'}, {id: 'y'})},
        {id: 'each', needs: [], forEach: {items: () => [1, 2], maxParallel: 2}},
      ]),
    )
    run.succeeds('g/x')
    run.succeeds('each[0]')
    run.fails('g/y')
    run.fails('each[1]')
    const again = run.order('retry')
    expect(again.map(effect => 'path' in effect && effect.path)).toEqual(['g/y', 'each[1]'])
    run.succeeds('g/y')
    run.succeeds('each[1]')
    expect(run.run.status).toBe('completed')
    expect(progress(aPlan([]), run.run)).toMatchObject({total: 6, completed: 6, failed: 0})
  })

  test('does again what was undone', () => {
    const run = aRun(aPlan([{id: 'a', compensate: call()}, {id: 'b'}]))
    run.succeeds('a')
    run.fails('b')
    run.succeeds('a')
    expect(run.order('retry')).toMatchObject([{kind: 'perform', path: 'a', attempt: 3, compensation: false}])
  })

  test('from a step does that again, though it had succeeded', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'b'}, {id: 'c'}]))
    run.succeeds('a')
    run.succeeds('b')
    run.fails('c')
    expect(run.order('retry', 'b')).toMatchObject([{kind: 'perform', path: 'b', attempt: 2}])
    expect(run.order('retry', 'no/such')).toEqual([])
  })

  test('has its own patience', () => {
    const run = aRun(aPlan([{id: 'a', retry: {max: 1, delayMs: 1, maxDelayMs: 1}}]))
    run.fails('a')
    run.order('retry')
    run.fails('a', {retryable: true})
    expect(run.step('a').status).toBe('waiting')
  })
})

describe('progress', () => {
  test('rises by shares, also when items turn up, and is whole only at the end', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'b', forEach: {items: () => [1, 2, 3, 4], maxParallel: 4}}]))
    const seen = [progress(aPlan([]), run.run)]
    for (const path of ['a', 'b[0]', 'b[1]', 'b[2]', 'b[3]']) {
      run.succeeds(path)
      seen.push(progress(aPlan([]), run.run))
    }
    expect(seen.map(({percentage}) => percentage)).toEqual([0, 50, 62, 75, 87, 100])
    expect(seen.map(({total}) => total)).toEqual([2, 6, 6, 6, 6, 6])
    expect(seen.at(-2)).toMatchObject({completed: 4, current: 'b[3]'})
  })

  test('skipped steps are no successes', () => {
    const run = aRun(aPlan([{id: 'a'}, {id: 'b'}]))
    run.fails('a')
    expect(progress(aPlan([]), run.run)).toMatchObject({total: 2, completed: 0, failed: 1, percentage: 0})
  })
})
