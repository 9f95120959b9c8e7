import {describe, expect, test} from 'vitest'
import {
  chooseWorkflow,
  lastGood,
  newestOfEach,
  pauseMs,
  targetsShipped,
} from '../../../src/pipelines/choose.ts'
import {causeOf, diagnose, type Evidence} from '../../../src/pipelines/diagnose.ts'
import {repositoryNamed} from '../../../src/pipelines/repository-name.ts'
import {sumOfCounts, testCounts} from '../../../src/pipelines/test-counts.ts'
import type {PastRun} from '../../../src/sdk/index.ts'

function aRun(sha: string, conclusion: string | null = 'success', changes: Partial<PastRun> = {}): PastRun {
  return {
    id: sha,
    url: `https://github.com/acme/web/actions/runs/${sha}`,
    workflow: 'client-deploy.yml',
    sha,
    event: 'workflow_dispatch',
    status: conclusion === null ? 'in_progress' : 'completed',
    conclusion,
    createdAt: 0,
    updatedAt: 0,
    ...changes,
  }
}

describe('a repository', () => {
  const rules = {known: ['acme/web', 'Acme/API'], hosts: ['github.com', '127.0.0.1:1234']}
  test.each([
    ['acme/web', 'acme/web'],
    ['acme/api', 'Acme/API'],
    ['https://github.com/acme/web', 'acme/web'],
    ['https://github.com/acme/web.git', 'acme/web'],
    ['http://127.0.0.1:1234/acme/web/', 'acme/web'],
  ])('%s is %s', (text, name) => expect(repositoryNamed(text, rules)).toBe(name))
  test.each([
    'https://evil.example/acme/web',
    'https://github.com/acme/web/pull/7',
    'https://github.com.evil.example/acme/web',
    'git@github.com:acme/web',
    'acme',
    'acme/../web',
    '',
  ])('%s is none', text => expect(() => repositoryNamed(text, rules)).toThrow(/is written owner\/name/))
  test('of somebody else is not permitted', () =>
    expect(() => repositoryNamed('eve/web', rules)).toThrow(expect.objectContaining({code: 'NOT_PERMITTED'})))
})

test.each([
  [['deploy.yml', 'ci.yml'], 'test', 'ci.yml'],
  [['ci.yml', 'test.yaml'], 'test', 'test.yaml'],
  [['e2e.yml', 'ci.yml'], 'e2e', 'e2e.yml'],
  [['deploy.yml'], 'test', undefined],
  [['ci.yml'], 'deploy', undefined],
])('of %j the pipeline %s is run by %s', (files, pipeline, file) =>
  expect(chooseWorkflow(files, pipeline)).toBe(file),
)

test.each([
  ['the target that is named', {target: 'dev'}, ['dev']],
  ['all of its workflow, when none is', {}, ['dev', 'live']],
  ['all of its workflow, when another one’s is', {target: 'api'}, ['dev', 'live']],
  [
    'those of the workflow, however it is spelled',
    {repository: 'ACME/web', workflow: 'Deploy.YML'},
    ['dev', 'live'],
  ],
  ['none, when no target is shipped to that way', {workflow: 'ci.yml'}, []],
])('a start counts as shipping to %s', (_what, change, names) => {
  const deploys = {repository: 'acme/web', workflow: 'deploy.yml'}
  const targets = [
    {name: 'dev', ...deploys},
    {name: 'live', ...deploys},
    {name: 'api', ...deploys, repository: 'acme/api'},
  ]
  expect(targetsShipped(targets, {...deploys, ...change}).map(({name}) => name)).toEqual(names)
})

test('the last good one is another commit’s newest success', () => {
  const history = [aRun('c', 'failure'), aRun('c'), aRun('b'), aRun('a')]
  expect(lastGood(history, undefined)?.sha).toBe('b')
  expect(lastGood(history, 'b')?.sha).toBe('c')
  expect(lastGood([aRun('a')], undefined)).toBeUndefined()
  // Gone back from `bad` to `good`, which is no good either: not forward again.
  const back = [aRun('good'), aRun('bad'), aRun('good'), aRun('older')]
  expect(lastGood(back, undefined)?.sha).toBe('older')
  expect(lastGood(back.slice(0, 3), undefined)).toBeUndefined()
  expect(lastGood([aRun('c', 'failure'), aRun('b'), aRun('c'), aRun('a')], undefined)?.sha).toBe('b')
  expect(lastGood([], undefined)).toBeUndefined()
  expect(
    newestOfEach([aRun('c'), aRun('b', null, {workflow: 'ci.yml'}), aRun('a')]).map(({sha}) => sha),
  ).toEqual(['c', 'b'])
})

test('looks become rarer, within bounds', () => {
  expect([0, 60_000, 120_000, 3_600_000].map(elapsed => pauseMs(elapsed, 3000))).toEqual([
    3000, 3000, 6000, 30_000,
  ])
})

describe('counts of tests', () => {
  test.each([
    ['vitest', '      Tests  2 failed | 10 passed | 1 skipped (13)', {passed: 10, failed: 2, skipped: 1}],
    ['jest', 'Tests:       1 failed, 20 passed, 21 total', {passed: 20, failed: 1, skipped: 0}],
    ['pytest', '==== 3 failed, 20 passed, 2 skipped in 1.23s ====', {passed: 20, failed: 3, skipped: 2}],
    ['pytest with errors', '=== 1 passed, 2 errors in 0.1s ===', {passed: 1, failed: 2, skipped: 0}],
    ['this product', '812 passed, 0 failed, 3 skipped', {passed: 812, failed: 0, skipped: 3}],
  ])('as %s writes them', (_who, line, counts) =>
    expect(testCounts(`2026-01-01T00:00:00.0000000Z begin\n2026-01-01T00:00:01.0Z ${line}\ndone`)).toEqual(
      counts,
    ),
  )
  test('through colours, the last summary counts', () =>
    expect(
      testCounts('Tests  1 failed (1)\n\u001b[2m Tests \u001b[22m \u001b[32m5 passed\u001b[39m (5)'),
    ).toEqual({
      passed: 5,
      failed: 0,
      skipped: 0,
    }))
  test('are not read into words', () =>
    expect(testCounts('All tests passed!\n3 files changed')).toBeUndefined())
  test('of several jobs add up', () => {
    const one = {passed: 1, failed: 2, skipped: 3}
    expect(sumOfCounts([one, one])).toEqual({passed: 2, failed: 4, skipped: 6})
    expect(sumOfCounts([])).toBeUndefined()
  })
})

test.each([
  ['read ECONNRESET', 'network'],
  ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'memory'],
  ['AccessDenied: not authorized to perform s3:PutObject', 'permission'],
  ["Error: Cannot find module 'left-pad'", 'dependency'],
  ["ModuleNotFoundError: No module named 'yaml'", 'dependency'],
  ["src/a.ts(1,2): error TS2322: Type 'a'", 'types'],
  ['Tests: 2 failed, 3 passed', 'tests'],
  ['exit 1', 'unknown'],
])('%s: %s', (log, cause) => expect(causeOf(log)).toBe(cause))

describe('an opinion', () => {
  const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
    target: 'client',
    issues: [{service: 'web', kind: 'endpoint-failing', evidence: 'HTTP 500'}],
    history: [aRun('bad'), aRun('good')],
    failure: undefined,
    tried: [],
    now: 60_000,
    ...changes,
  })
  const rollback = {agent: 'infrastructure', action: 'rollback', with: {target: 'client', to: 'good'}}
  const again = {agent: 'infrastructure', action: 'deploy_service', with: {target: 'client', sha: 'bad'}}
  const failed = {history: [aRun('bad', 'failure'), aRun('good')]}

  test.each([
    ['what fails since a deployment goes back', 'infrastructure', {}, rollback, 0.8],
    ['what fails long after one may as well be something else', 'infrastructure', {now: 9e7}, rollback, 0.4],
    [
      'a run that timed out may pass',
      'cicd',
      {history: [aRun('bad', 'timed_out'), aRun('good')]},
      again,
      0.7,
    ],
    ['a commit that never went through goes back', 'cicd', failed, rollback, 0.6],
    [
      'a commit that did is not at fault',
      'cicd',
      {history: [aRun('bad', 'failure'), aRun('bad'), aRun('good')]},
      again,
      0.7,
    ],
    [
      'a broken network may pass',
      'code-review',
      {...failed, failure: {job: 'a', step: 'b', cause: 'network'}},
      again,
      0.75,
    ],
    [
      'code that does not compile goes back',
      'code-review',
      {...failed, failure: {job: 'a', step: 'b', cause: 'types'}},
      rollback,
      0.8,
    ],
    [
      'a missing permission is for people',
      'code-review',
      {...failed, failure: {job: 'a', step: undefined, cause: 'permission'}},
      null,
      0.6,
    ],
    ['runs that did well explain nothing', 'cicd', {}, null, 0],
    ['without a history nothing is proposed', 'infrastructure', {history: []}, null, 0],
  ] as const)('%s (%s)', (_what, role, changes, fix, confidence) => {
    expect(diagnose(role, evidence(changes))).toMatchObject({fix, confidence})
  })

  test('never names a fix that was tried, and runs out of them', () => {
    expect(diagnose('infrastructure', evidence({tried: [rollback]})).fix).toEqual(again)
    expect(diagnose('infrastructure', evidence({tried: [again, rollback]}))).toEqual({
      diagnosis: 'what would help was tried already',
      fix: null,
      confidence: 0,
    })
  })
})
