import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {
  evaluate,
  gradeOf,
  regressionOf,
  type Evaluation,
  type TaskResult,
} from '../../../src/evaluation/score.ts'

const task = (more: Partial<TaskResult> = {}): TaskResult => ({
  task_id: 't1',
  agent_role: 'backend',
  success: true,
  output: {a: 1, b: 2, c: 3, d: 4, e: 5},
  execution_time: 0,
  errors: [],
  warnings: [],
  ...more,
})
const failed = (more: Partial<TaskResult> = {}) =>
  task({success: false, errors: ['broken', 'twice'], output: null, execution_time: 30, ...more})

let runs = 0
const evaluated = (tasks: readonly TaskResult[], type = 'docs'): Evaluation =>
  evaluate({
    workflow_id: `wf-${++runs}`,
    workflow_type: type,
    task_results: tasks,
    total_execution_time: tasks.reduce((sum, {execution_time}) => sum + execution_time, 0),
  })

describe('ORCH-019 grades', () => {
  test('a perfect run is EXCELLENT, and meets all standards', () => {
    const {score, grade, recommendations, quality, performance} = evaluated([task(), task({task_id: 't2'})])
    expect({score, grade, recommendations}).toEqual({
      score: 100,
      grade: 'EXCELLENT',
      recommendations: ['All standards are met.'],
    })
    expect(quality).toMatchObject({average_score: 100, tasks_with_issues: 0, error_free_rate: 1, issues: []})
    expect(quality.strengths).toEqual([
      't1 succeeded quickly',
      't1 had no errors or warnings',
      't1 has output',
      't2 succeeded quickly',
      't2 had no errors or warnings',
      't2 has output',
    ])
    expect(performance).toMatchObject({tasks: 2, succeeded: 2, success_rate: 1, average_time: 0})
  })

  test('a run that succeeds in t seconds a task scores 100 − 0.6 t', () => {
    for (const t of [0, 1, 5, 10, 20, 30])
      expect(evaluated([task({execution_time: t})]).score).toBeCloseTo(100 - 0.6 * t, 9)
    expect(evaluated([task({execution_time: 16.6})]).grade).toBe('EXCELLENT')
    expect(evaluated([task({execution_time: 16.7})]).grade).toBe('GOOD')
  })

  test('each point of a task counts as it should', () => {
    const score = (more: Partial<TaskResult>) => evaluated([task(more)]).quality.average_score
    expect(score({success: false})).toBe(60)
    expect(score({errors: ['one']})).toBe(90)
    expect(score({errors: ['one', 'two']})).toBe(80)
    expect(score({output: {a: 1, b: 2}})).toBe(88)
    expect(score({output: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6}})).toBe(100)
    expect(score({output: 'text'})).toBe(80)
    expect(score({execution_time: 15})).toBe(90)
    expect(score({execution_time: 300})).toBe(80)
  })

  test('the boundaries are exact', () => {
    expect([90, 89.999_999_999, 75, 74.999_999_999, 60, 59.999_999_999, 0].map(gradeOf)).toEqual([
      'EXCELLENT',
      'GOOD',
      'GOOD',
      'FAIR',
      'FAIR',
      'POOR',
      'POOR',
    ])
    // 100 − 0.6 · 50⁄3, which binary fractions would miss.
    expect(evaluated([task({execution_time: 50 / 3})])).toMatchObject({score: 90, grade: 'EXCELLENT'})
  })

  test('poor runs grade lower, the worse the lower', () => {
    const scores = [0, 1, 2, 3, 4].map(
      broken =>
        evaluated(Array.from({length: 4}, (_, n) => (n < broken ? failed : task)({task_id: `t${n}`}))).score,
    )
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    expect(new Set(scores).size).toBe(5)
    expect(evaluated([failed()])).toMatchObject({score: 0, grade: 'POOR'})
  })

  test('recommendations name what is wrong, and nothing else', () => {
    const {recommendations, quality, success_rates} = evaluated([
      task(),
      failed({task_id: 't2', agent_role: 'docs', execution_time: 70}),
    ])
    expect(recommendations.join('\n')).toMatch(/50 % of the tasks/)
    expect(recommendations.join('\n')).toMatch(/35\.0 s on average/)
    expect(recommendations.join('\n')).toMatch(/score 50 on average/)
    expect(recommendations.join('\n')).toMatch(/issues: 1 of 2/)
    expect(recommendations.join('\n')).toMatch(/docs succeeds in 0 %/)
    expect(recommendations).toHaveLength(5)
    expect(success_rates).toEqual({backend: 1, docs: 0})
    expect(quality.issues).toEqual(['t2 failed', 't2 had 2 errors', 't2 was slow: 70.0 s'])
    // At a limit is within it.
    const four = Array.from({length: 4}, (_, n) => task({task_id: `t${n}`}))
    const atLimit = evaluated([...four, failed({task_id: 't4', errors: [], execution_time: 150})])
    expect(atLimit.recommendations).toEqual(['Tasks with issues: 1 of 5.'])
  })

  test('a run without tasks is refused', () => {
    expect(() => evaluated([])).toThrow(/no tasks/)
  })
})

describe('ORCH-020 regressions', () => {
  const scoring = (score: number, {rate = 1, type = 'docs', id = `wf-${++runs}`} = {}): Evaluation => {
    const base = evaluated([task()], type)
    return {...base, workflow_id: id, score, performance: {...base.performance, success_rate: rate}}
  }

  test('a drop of more than 10 is one, with its details; one of 10 is none', () => {
    const history = [90, 92, 94, 92, 92].map(score => scoring(score))
    expect(regressionOf(scoring(81.9), history)).toMatchObject({
      detected: true,
      baseline: {score: 92, success_rate: 1, runs: 5},
      current: {score: 81.9, success_rate: 1},
      differences: {score: -10.1, success_rate: 0},
      details: ['The score fell from 92.0 to 81.9.'],
    })
    expect(regressionOf(scoring(82), history)).toMatchObject({detected: false, details: []})
    expect(regressionOf(scoring(99), history).detected).toBe(false)
  })

  test('a success rate lower by more than 0.10 is one', () => {
    const history = [scoring(90, {rate: 0.8})]
    expect(regressionOf(scoring(90, {rate: 0.7}), history).detected).toBe(false)
    expect(regressionOf(scoring(90, {rate: 0.69}), history)).toMatchObject({
      detected: true,
      details: ['The success rate fell from 80 % to 69 %.'],
    })
  })

  test('the baseline is the latest five others of the same type', () => {
    const current = scoring(80, {id: 'wf-me'})
    const history = [
      scoring(0),
      ...Array.from({length: 5}, () => scoring(85)),
      scoring(100, {type: 'deploy'}),
      current,
    ]
    expect(regressionOf(current, history)).toMatchObject({detected: false, baseline: {score: 85, runs: 5}})
  })

  test('without history there is nothing to fall behind', () => {
    const current = scoring(10)
    for (const history of [[], [current], [scoring(99, {type: 'deploy'})]])
      expect(regressionOf(current, history)).toMatchObject({
        detected: false,
        baseline: null,
        differences: null,
        details: ['no baseline'],
      })
  })
})

describe('worse never scores higher', () => {
  const anyTask = fc.record({
    success: fc.boolean(),
    fields: fc.nat({max: 8}),
    execution_time: fc.double({min: 0, max: 120, noNaN: true}),
    errors: fc.nat({max: 3}),
  })
  const toTask = (
    {
      success,
      fields,
      execution_time,
      errors,
    }: {success: boolean; fields: number; execution_time: number; errors: number},
    n: number,
  ) =>
    task({
      task_id: `t${n}`,
      success,
      execution_time,
      output: Object.fromEntries(Array.from({length: fields}, (_, i) => [`f${i}`, i])),
      errors: Array.from({length: errors}, (_, i) => `error ${i}`),
    })

  test.each([
    ['a failure instead of a success', {success: false}],
    ['one error more', {moreErrors: 1}],
    ['more time', {moreTime: 7}],
    ['less output', {fewerFields: 1}],
  ] as const)(
    '%s in any task of any run',
    (
      _what,
      {
        success,
        moreErrors = 0,
        moreTime = 0,
        fewerFields = 0,
      }: {success?: boolean; moreErrors?: number; moreTime?: number; fewerFields?: number},
    ) => {
      fc.assert(
        fc.property(fc.array(anyTask, {minLength: 1, maxLength: 12}), fc.nat(), (given, pick) => {
          const at = pick % given.length
          const worse = given.map((one, n) =>
            n === at
              ? {
                  success: success ?? one.success,
                  fields: Math.max(0, one.fields - fewerFields),
                  execution_time: one.execution_time + moreTime,
                  errors: one.errors + moreErrors,
                }
              : one,
          )
          const [before, after] = [given, worse].map(tasks => evaluated(tasks.map(toTask)))
          expect(after?.score).toBeLessThanOrEqual(before?.score ?? Number.NaN)
          expect(before?.score).toBeLessThanOrEqual(100)
          expect(after?.score).toBeGreaterThanOrEqual(0)
        }),
      )
    },
  )
})
