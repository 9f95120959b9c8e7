import {expect, test} from 'vitest'
import {decide, type DeploymentEvent} from '../../../src/deployments/decide.ts'
import {createDeploymentPhases} from '../../../src/deployments/metrics.ts'
import {newDeployment} from '../../../src/deployments/state.ts'
import {aRequest, aRun, ASKED_AT} from '../../support/deployments.ts'

/** What is observed of a deployment to which this happens, each `after` seconds since the request. */
function observed(...facts: readonly DeploymentEvent[]): readonly string[] {
  const seen: string[] = []
  const phases = createDeploymentPhases({observe: ({phase}, seconds) => seen.push(`${phase} ${seconds}`)})
  facts.reduce((state, fact) => {
    const after = decide(state, fact)
    phases.observe(after, fact, state)
    return after
  }, newDeployment(aRequest()))
  return seen
}

const at = (seconds: number) => ASKED_AT + seconds * 1000
const began = {type: 'dispatch-began', at: at(0)} as const
const ended = {
  type: 'run-observed',
  at: at(70),
  run: aRun({status: 'completed', conclusion: 'success'}),
  jobs: [],
} as const

test('a deployment waits in the queue until GitHub accepts it, and from there on for the runner', () => {
  expect(observed(began, {type: 'dispatch-accepted', at: at(4), run: aRun()}, ended)).toEqual([
    'queue 4',
    'runner 66',
  ])
})

test('an acceptance is counted once though its run has to be found', () => {
  const found = {type: 'run-found', at: at(10), run: aRun()} as const
  expect(observed(began, {type: 'dispatch-accepted', at: at(4)}, found, ended)).toEqual([
    'queue 4',
    'runner 60',
  ])
})

test('an acceptance that was not heard is proved by the run', () => {
  const found = {type: 'run-found', at: at(10), run: aRun()} as const
  expect(observed(began, {type: 'dispatch-unclear', cause: 'answer-lost', at: at(4)}, found)).toEqual([
    'queue 10',
  ])
})

test('what never ran counts for no runner', () => {
  expect(observed(began, {type: 'dispatch-refused', at: at(1), reason: 'no'})).toEqual([])
})

test('the time of people is their own phase, for each answer, and none of the queue’s', () => {
  const seen: string[] = []
  const phases = createDeploymentPhases({observe: ({phase}, seconds) => seen.push(`${phase} ${seconds}`)})
  const release = {sha: 'a', workflowSha: 'b'}
  const ask = (approvalId: string, seconds: number): DeploymentEvent => ({
    ...{type: 'parked', at: at(seconds), release},
    ask: {
      ...{approvalId, askedAt: at(seconds), version: 1, needed: 1, given: 0, looks: 0},
      ...{level: 'high', reasons: [], roles: []},
    },
  })
  const answer = (approvalId: string, seconds: number): DeploymentEvent => ({
    ...{type: 'ask-seen', at: at(seconds), approvalId, version: 2, given: 1, outcome: 'approved'},
  })
  const facts: readonly DeploymentEvent[] = [
    ask('one', 2),
    answer('one', 62),
    answer('one', 63),
    {type: 'release-moved', at: at(64), changes: ['sha']},
    ask('two', 65),
    answer('two', 75),
    {type: 'dispatch-began', at: at(76)},
    {type: 'dispatch-accepted', at: at(78), run: aRun()},
  ]
  facts.reduce(
    (state, fact) => {
      const after = decide(state, fact)
      phases.observe(after, fact, state)
      return after
    },
    newDeployment(aRequest(), {guarded: true}),
  )
  expect(seen).toEqual(['human 60', 'human 10', 'queue 8'])
})
