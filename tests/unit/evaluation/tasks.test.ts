import {describe, expect, test} from 'vitest'
import {worseThan, type Period} from '../../../src/evaluation/changes.ts'
import {resultOf, type EndedRun} from '../../../src/evaluation/tasks.ts'

type Step = NonNullable<EndedRun['steps']>[number]
const step = (more: Partial<Step> = {}): Step => ({
  id: 'build',
  agent: 'cicd',
  status: 'succeeded',
  attempt: 1,
  output: {url: 'x'},
  error: null,
  started_at: '2026-11-21T10:00:00.000Z',
  ended_at: '2026-11-21T10:00:04.000Z',
  ...more,
})
const run = (steps: readonly Step[]): EndedRun => ({
  id: 'wf-1',
  workflow: 'docs',
  started_at: '2026-11-21T10:00:00.000Z',
  completed_at: '2026-11-21T10:00:10.000Z',
  steps,
})
const tasksOf = (...steps: readonly Step[]) => resultOf(run(steps)).task_results

describe('the tasks of a run', () => {
  test('are what agents did, with the time each took', () => {
    expect(resultOf(run([step()]))).toEqual({
      workflow_id: 'wf-1',
      workflow_type: 'docs',
      total_execution_time: 10,
      task_results: [
        {
          task_id: 'build',
          agent_role: 'cicd',
          success: true,
          output: {url: 'x'},
          execution_time: 4,
          errors: [],
          warnings: [],
        },
      ],
    })
  })

  test.each([
    ['no agent does it', {agent: undefined}],
    ['it was never begun', {status: 'skipped', started_at: null, ended_at: null}],
  ])('a step is none when %s', (_why, more) => {
    expect(tasksOf(step(more))).toEqual([])
  })

  test.each([
    ['succeeded', true],
    ['compensated', true],
    ['compensating', true],
    ['failed', false],
    ['cancelled', false],
  ])('one that %s counts as success: %s', (status, success) => {
    expect(tasksOf(step({status}))[0]?.success).toBe(success)
  })

  test('errors are errors, more than one attempt is a warning, and what was cut short lasted to the end', () => {
    const [task] = tasksOf(
      step({status: 'cancelled', attempt: 3, error: {message: 'gone'}, output: null, ended_at: null}),
    )
    expect(task).toMatchObject({errors: ['gone'], warnings: ['it took 3 attempts'], execution_time: 10})
  })
})

describe('worse than the period before', () => {
  const period = (more: Partial<Period> = {}): Period => ({
    runs: 2,
    seconds: 100,
    score: 90,
    successRate: 1,
    ...more,
  })
  test.each([
    [{seconds: 125}, {slower: false, worse: false}],
    [{seconds: 126}, {slower: true, worse: false}],
    [{score: 80}, {slower: false, worse: false}],
    [{score: 79.9}, {slower: false, worse: true}],
    [{successRate: 0.9}, {slower: false, worse: false}],
    [{successRate: 0.89}, {slower: false, worse: true}],
    [
      {runs: 1, seconds: 500, score: 0},
      {slower: false, worse: false},
    ],
  ])('%o', (now, expected) => {
    expect(worseThan(period(), period(now))).toEqual(expected)
  })

  test('what is quick has to be ten seconds slower', () => {
    expect(worseThan(period({seconds: 4}), period({seconds: 14})).slower).toBe(false)
    expect(worseThan(period({seconds: 4}), period({seconds: 14.1})).slower).toBe(true)
  })

  test('what nobody grades is judged by time and success alone', () => {
    const ungraded = {runs: 5, seconds: 10, successRate: 0.5}
    expect(worseThan({...ungraded, successRate: 1}, ungraded)).toEqual({slower: false, worse: true})
  })
})
