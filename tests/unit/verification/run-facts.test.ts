import {describe, expect, test} from 'vitest'
import type {RunDetail} from '../../../src/integrations/github/code-host.ts'
import {runFacts, runNamed, standingOf} from '../../../src/verification/run-facts.ts'
import {aRun} from './a-run.ts'

type Step = RunDetail['jobs'][number]['steps'][number]

const AT = Date.parse('2026-01-01T10:00:00Z')

function aStep(name: string, seconds: number | null, conclusion: string | null = 'success'): Step {
  const times = seconds === null ? {} : {startedAt: AT, endedAt: AT + seconds * 1000}
  return {name, number: 1, status: conclusion === null ? 'in_progress' : 'completed', conclusion, ...times}
}

function withSteps(...steps: readonly Step[]): RunDetail {
  const job = {id: '1', name: 'deploy', url: 'https://x', status: 'completed', conclusion: 'success', steps}
  return aRun({jobs: [job]})
}

describe('the run that an address names', () => {
  test.each([
    ['https://github.com/acme/web/actions/runs/123', '123'],
    ['https://github.com/acme/web/actions/runs/123/job/4?pr=5', '123'],
    ['http://127.0.0.1:4000/acme/web/actions/runs/9', '9'],
  ])('%s is run %s', (url, id) => {
    expect(runNamed(url)).toMatchObject({id, repository: 'acme/web'})
  })

  test.each([
    'https://github.com/acme/web/actions/runs/',
    'https://github.com/acme/web/actions/runs/12a',
    'https://github.com/acme/web/actions/workflows/x.yml',
    'https://me:secret@github.com/acme/web/actions/runs/1',
    'javascript:/acme/web/actions/runs/1',
    '123',
    '',
  ])('%s names none', url => {
    expect(runNamed(url)).toBeNull()
  })
})

describe('the steps of a run', () => {
  test.each([
    ['Build', 'build'],
    ['Vite build', 'build'],
    ['npm run build', 'build'],
    ['YARN BUILD', 'build'],
    ['S3 sync', 'upload'],
    ['Upload to bucket', 'upload'],
    ['Sync to S3', 'upload'],
    ['CloudFront invalidation', 'invalidation'],
    ['Invalidate CloudFront cache', 'invalidation'],
  ] as const)('%s is the %s', (name, kind) => {
    const facts = runFacts(withSteps(aStep('Check out', 1), aStep(name, 90)))
    expect(facts.steps[kind]).toEqual({name, seconds: 90, conclusion: 'success'})
    expect(standingOf(facts, kind)).toBe('ok')
  })

  test.each(['Check out', 'Rebuilding trust', 'Upload coverage artifact', 'CloudFront login'])(
    '%s is none of them',
    name => {
      expect(Object.values(runFacts(withSteps(aStep(name, 5))).steps)).toEqual([null, null, null])
    },
  )

  test('last as many seconds as GitHub says, to a tenth, and an unknown time where it does not', () => {
    const seconds = (step: Step) => runFacts(withSteps(step)).steps.build?.seconds
    expect(seconds({...aStep('Build', 0), endedAt: AT + 41_260})).toBe(41.3)
    expect(seconds(aStep('Build', null))).toBeNull()
    expect(seconds({...aStep('Build', 3), endedAt: AT - 1})).toBeNull()
  })

  test('the first of a kind that ran and says how long counts', () => {
    const steps = [
      aStep('Build docs', 0, 'skipped'),
      aStep('Build types', null),
      aStep('Build web', 7),
      aStep('Build api', 9),
    ]
    expect(runFacts(withSteps(...steps)).steps.build).toMatchObject({name: 'Build web', seconds: 7})
  })

  // The reference takes a time above zero for success.
  test('a step that ran and failed is not ok, however long it took', () => {
    const facts = runFacts(withSteps(aStep('Invalidate CloudFront', 12.3, 'failure')))
    expect(facts.steps.invalidation?.seconds).toBe(12.3)
    expect(standingOf(facts, 'invalidation')).toBe('failed')
  })

  test.each([
    [[aStep('Invalidate', 0)], 'ok'],
    [[aStep('Invalidate', 4, 'cancelled')], 'failed'],
    [[aStep('Invalidate', 0, 'skipped')], 'skipped'],
    [[aStep('Invalidate', null, null)], 'running'],
    [[aStep('Build', 4)], 'missing'],
  ] as const)('how the invalidation stands: %j', (steps, standing) => {
    expect(standingOf(runFacts(withSteps(...steps)), 'invalidation')).toBe(standing)
  })

  test('without any job nothing is known of the steps', () => {
    expect(standingOf(runFacts(aRun({jobs: []})), 'invalidation')).toBe('unknown')
  })

  test('the first failed step is told with its job and where its log is', () => {
    const job = {id: '1', name: 'deploy', url: 'https://log', status: 'completed', conclusion: 'failure'}
    const run = aRun({
      conclusion: 'failure',
      jobs: [
        {...job, steps: [aStep('Build', 3), aStep('Upload', 1, 'failure'), aStep('Notify', 1, 'failure')]},
      ],
    })
    expect(runFacts(run).failed).toEqual({job: 'deploy', step: 'Upload', url: 'https://log'})
    expect(runFacts({...run, jobs: [{...job, steps: []}]}).failed).toEqual({
      job: 'deploy',
      url: 'https://log',
    })
  })
})
