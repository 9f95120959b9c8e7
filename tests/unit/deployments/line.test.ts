import {describe, expect, test} from 'vitest'
import {decide, type DeploymentEvent} from '../../../src/deployments/decide.ts'
import {next} from '../../../src/deployments/next.ts'
import {describe as message} from '../../../src/deployments/message.ts'
import {newDeployment, type DeploymentState} from '../../../src/deployments/state.ts'
import {aDeployment, aRequest, ASKED_AT, PATIENCE} from '../../support/deployments.ts'

const waiting = (at: number, ahead: readonly string[] = []): DeploymentEvent => ({
  type: 'lined-up',
  at,
  holder: {owner: 'ada', reason: 'deploys client (main)'},
  ahead,
})
const asked = newDeployment(aRequest())
const inLine = (ahead: readonly string[] = []): DeploymentState => decide(asked, waiting(ASKED_AT, ahead))

describe('a deployment in line', () => {
  test('asks again as often as it would look at a run, and not sooner', () => {
    const state = inLine()
    expect(next(state, ASKED_AT)).toEqual({do: 'wait', until: ASKED_AT + PATIENCE.pollMs})
    expect(next(state, ASKED_AT + PATIENCE.pollMs - 1).do).toBe('wait')
    expect(next(state, ASKED_AT + PATIENCE.pollMs)).toEqual({do: 'dispatch'})
  })

  test('remembers since when it waits, however often it asks', () => {
    const later = decide(inLine(['bob']), waiting(ASKED_AT + 9_000))
    expect(later.line).toMatchObject({since: ASKED_AT, askedAt: ASKED_AT + 9_000, ahead: []})
  })

  test('leaves it for good when it begins, and knows its fence from then on', () => {
    const begun = decide(inLine(), {type: 'dispatch-began', at: ASKED_AT + 1, fence: 7})
    expect(begun).toMatchObject({phase: 'dispatching', lock: {fence: 7}})
    expect(begun).not.toHaveProperty('line')
  })

  test('can be stopped, and then never begins', () => {
    const stopped = decide(inLine(), {type: 'cancel-requested', at: ASKED_AT + 1, by: 'grace'})
    expect(stopped).toMatchObject({phase: 'finished', verdict: {kind: 'cancelled-before-start'}})
    expect(decide(stopped, waiting(ASKED_AT + 2))).toBe(stopped)
    expect(decide(stopped, {type: 'dispatch-began', at: ASKED_AT + 2, fence: 7})).toBe(stopped)
  })

  test.each(['dispatching', 'locating', 'watching'] as const)(
    'is nothing that happens to one that is %s',
    phase => {
      const state = aDeployment({phase})
      expect(decide(state, waiting(ASKED_AT))).toBe(state)
    },
  )
})

describe('its message', () => {
  const linesOf = (state: DeploymentState) => message(state).lines?.join('\n') ?? ''

  test('says the place, who holds the lock and why, and who goes before', () => {
    const state = inLine(['bob', 'cat'])
    expect(message(state)).toMatchObject({
      state: 'waiting',
      title: 'client → production · waiting, 3rd in line',
    })
    expect(linesOf(state)).toContain(
      'lock `deployment:production:web` · held by ada: deploys client \\(main\\)\nin line since <t:1736942400:R> · after bob, cat',
    )
  })

  test.each([
    [0, '1st'],
    [1, '2nd'],
    [3, '4th'],
    [10, '11th'],
    [12, '13th'],
    [20, '21st'],
    [111, '112th'],
  ])('with %i ahead it is the %s', (ahead, place) => {
    const names = Array.from({length: ahead}, (_, n) => `p${n}`)
    expect(message(inLine(names)).title).toContain(`waiting, ${place} in line`)
  })

  test('names a few of many, and nobody’s name can do harm', () => {
    const state = inLine(['@everyone', ...Array.from({length: 9}, (_, n) => `p${n}`)])
    expect(linesOf(state)).toContain('and 5 more')
    expect(linesOf(state)).not.toContain('@everyone')
  })

  test('says that it holds the lock while it does, and not once it is over', () => {
    const holding = aDeployment({lock: {fence: 1}})
    expect(linesOf(holding)).toContain('lock `deployment:production:web` · you are holding it')
    const bereft = decide(holding, {type: 'lock-lost', at: ASKED_AT})
    expect(linesOf(bereft)).toContain('was taken away; the deploy goes on without it')
    expect(decide(bereft, {type: 'lock-lost', at: ASKED_AT + 1})).toBe(bereft)
    expect(linesOf({...holding, phase: 'finished', verdict: {kind: 'started'}})).not.toContain('lock')
  })
})
