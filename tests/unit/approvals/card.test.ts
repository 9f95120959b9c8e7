import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {
  cardOf,
  failingOf,
  isMigration,
  issuesIn,
  verdictOf,
  type ReleaseFacts,
} from '../../../src/approvals/card.ts'
import type {RunSummary} from '../../../src/integrations/github/code-host.ts'
import type {
  ChangedFile,
  Check,
  Comparison,
  PullRequest,
} from '../../../src/integrations/github/repository-host.ts'

const aFile = (path: string): ChangedFile => ({path, status: 'modified', additions: 3, deletions: 1})
const aPull = (number: number, title = 'Faster'): PullRequest => ({
  ...{
    number,
    title,
    url: `https://github.com/acme/web/pull/${number}`,
    state: 'closed',
    draft: false,
    author: 'lin',
  },
  ...{headSha: 'h', headRef: 'fast', headRepository: 'acme/web', baseSha: 'b', baseRef: 'main'},
  ...{additions: 0, deletions: 0, changedFiles: 0},
})
const aComparison = (changes: Partial<Comparison> = {}): Comparison => ({
  ...{url: 'https://github.com/acme/web/compare/a...b', ahead: 2, behind: 0, truncated: false},
  commits: [
    {sha: '1', message: 'OPS-12 first\n\nwith a body', author: 'lin'},
    {sha: '2', message: 'second', author: 'ana'},
  ],
  files: [aFile('src/a.ts'), aFile('migrations/0007.sql')],
  ...changes,
})
const facts = (changes: Partial<ReleaseFacts> = {}): ReleaseFacts => ({
  ...{sha: '2', comparison: aComparison(), head: undefined, pullRequests: [aPull(41)]},
  ...{lastDeploy: undefined, checks: 'success', failing: [], missing: []},
  ...changes,
})

describe('a release card', () => {
  test('shows the newest first, with what changes and who wrote it', () => {
    expect(cardOf(facts())).toMatchObject({
      commits: [
        {sha: '2', title: 'second', author: 'ana'},
        {sha: '1', title: 'OPS-12 first', author: 'lin'},
      ],
      commitCount: 2,
      pullRequests: [{number: 41, author: 'lin'}],
      issues: ['OPS-12'],
      migrations: ['migrations/0007.sql'],
      diff: {files: 2, additions: 6, deletions: 2},
      missing: [],
    })
  })

  test('has at least the commit itself where there is nothing to compare it with', () => {
    const head = {sha: '2', message: 'second', author: 'ana'}
    const card = cardOf(facts({comparison: undefined, head, missing: ['the last deploy']}))
    expect(card).toMatchObject({commits: [{sha: '2'}], commitCount: 1, missing: ['the last deploy']})
  })

  test('says what it takes back, and that there is more', () => {
    const comparison = aComparison({behind: 3, truncated: true, ahead: 400})
    const card = cardOf(facts({comparison}))
    expect(card.commitCount).toBe(400)
    expect(card.missing).toEqual([
      'files beyond the first 2',
      'what it takes back: it lacks 3 commits of the last deploy',
    ])
  })

  test('has no list without an end', () => {
    const many = Array.from({length: 250}, (_, index) => index)
    const card = cardOf(
      facts({
        comparison: aComparison({
          commits: many.map(index => ({sha: `${index}`, message: `OPS-${index} x`, author: 'lin'})),
          files: many.map(index => aFile(`migrations/${index}.sql`)),
        }),
        pullRequests: many.map(index => aPull(index)),
      }),
    )
    for (const list of [card.commits, card.pullRequests, card.issues, card.migrations])
      expect(list).toHaveLength(20)
  })
})

test.each([
  ['OPS-12 Faster (WEB-3), closes OPS-12', ['OPS-12', 'WEB-3']],
  ['UTF-8, SHA-256 and ISO-8601 are no issues', []],
  ['neither are ops-12, OPS-, X-ray, a/OPS-1 and OPS-12-3', []],
  ['[A1-7]: x', ['A1-7']],
])('issues named in "%s"', (text, issues) => {
  expect(issuesIn([text])).toEqual(issues)
})

test.each([
  ['migrations/0001.sql', true],
  ['db/migration/one.ts', true],
  ['schema/tables.SQL', true],
  ['src/immigrations/a.ts', false],
  ['docs/migrations.md', false],
])('%s touches the database: %s', (path, expected) => {
  expect(isMigration(path)).toBe(expected)
})

describe('what checks say together', () => {
  const run = (file: string, conclusion: string | null, status = 'completed') =>
    ({path: `.github/workflows/${file}@refs/heads/main`, conclusion, status, attempt: 1}) as RunSummary
  const check = (conclusion: string | null, url = 'https://ci.example.com/1'): Check => ({
    ...{name: 'scan', url, conclusion},
    status: conclusion === null ? 'in_progress' : 'completed',
  })
  const deploys = new Set(['client-deploy.yml'])
  const verdict = (
    runs: readonly RunSummary[] | undefined,
    checks: readonly Check[] | undefined = [],
  ): string => verdictOf({runs, checks, deploys})

  test.each([
    ['that all is well', [run('ci.yml', 'success')], [check('success')], 'success'],
    [
      'what the newest run of a workflow says',
      [run('ci.yml', 'success'), run('ci.yml', 'failure')],
      [],
      'success',
    ],
    ['failure, whatever else', [run('ci.yml', 'success'), run('lint.yml', 'timed_out')], [], 'failure'],
    ['the failure of another app', [run('ci.yml', 'success')], [check('failure')], 'failure'],
    [
      'nothing by how a deploy went',
      [run('ci.yml', 'success'), run('client-deploy.yml', 'failure')],
      [],
      'success',
    ],
    ['nothing by a deploy alone', [run('client-deploy.yml', 'success')], [], 'unknown'],
    [
      'a workflow’s job with its run only',
      [run('client-deploy.yml', 'failure'), run('ci.yml', 'success')],
      [check('failure', 'https://github.com/acme/web/actions/runs/1/job/2')],
      'success',
    ],
    ['that it goes on', [run('ci.yml', null, 'in_progress')], [], 'pending'],
    ['that some other check goes on', [run('ci.yml', 'success')], [check(null)], 'pending'],
    ['nothing where there is none', [], [], 'unknown'],
    ['nothing by what was skipped', [run('ci.yml', 'skipped')], [], 'unknown'],
    [
      'no success where a workflow was only broken off',
      [run('ci.yml', 'cancelled'), run('lint.yml', 'success')],
      [],
      'unknown',
    ],
    ['nor where another app was', [run('ci.yml', 'success')], [check('stale')], 'unknown'],
    [
      'what was said before a run was broken off',
      [run('ci.yml', 'cancelled'), run('ci.yml', 'success')],
      [],
      'success',
    ],
    [
      'that it goes on, where it went well before',
      [run('ci.yml', null, 'in_progress'), run('ci.yml', 'success')],
      [],
      'pending',
    ],
  ] as const)('%s', (_what, runs, checks, expected) => {
    expect(verdict(runs, checks)).toBe(expected)
  })

  test('names what fails: a workflow’s newest run, and a check of another app, such as a scanner', () => {
    const named = (one: RunSummary, name: string) => ({...one, name})
    expect(
      failingOf({
        ...{deploys, checks: [{...check('failure'), name: 'CodeQL'}, check('success')]},
        runs: [
          named(run('e2e.yml', 'failure'), 'End to end'),
          named(run('client-deploy.yml', 'failure'), 'Deploy'),
          named(run('lint.yml', 'timed_out'), ''),
          named(run('lint.yml', 'success'), 'Lint'),
        ],
      }),
    ).toEqual(['End to end', 'lint.yml', 'CodeQL'])
  })

  test.each([
    ['one that was broken off', run('ci.yml', 'cancelled')],
    ['one that was skipped', run('ci.yml', 'skipped')],
    ['one that is under way', run('ci.yml', null, 'in_progress')],
  ])('still fails behind %s: nobody takes a failure back by starting anew', (_what, newest) => {
    const runs = [newest, run('ci.yml', 'failure')]
    expect(failingOf({deploys, checks: [], runs})).toEqual(['ci.yml'])
    expect(verdict(runs)).toBe('failure')
    expect(failingOf({deploys, checks: [], runs: [run('ci.yml', 'success'), ...runs]})).toEqual([])
  })

  test('fails while it is tried again under the same id, as far as anybody knows', () => {
    const again = {...run('ci.yml', null, 'in_progress'), attempt: 2}
    expect(failingOf({deploys, checks: [], runs: [again]})).toEqual(['ci.yml (tried again, not over yet)'])
  })

  test('is never success while part of it can’t be seen, and failure as soon as any is seen', () => {
    expect(verdict(undefined, [check('success')])).toBe('unknown')
    expect(verdictOf({runs: [run('ci.yml', 'success')], checks: undefined, deploys})).toBe('unknown')
    expect(verdictOf({runs: [run('ci.yml', 'failure')], checks: undefined, deploys})).toBe('failure')
  })

  test('is success only if every workflow’s last word is, and none was only broken off', () => {
    const words = fc.constantFrom('success', 'failure', 'skipped', 'cancelled', 'timed_out', 'neutral')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a.yml', 'b.yml', 'c.yml'), words)), list => {
        const runs = list.map(([file, conclusion]) => run(file, conclusion))
        const last = ['a.yml', 'b.yml', 'c.yml'].map(file => {
          const said = list.flatMap(([name, word]) => (name === file ? [word] : []))
          return said.find(word => ['success', 'failure', 'timed_out'].includes(word)) ?? said[0]
        })
        const wrong = last.some(word => word === 'failure' || word === 'timed_out' || word === 'cancelled')
        expect(verdict(runs) === 'success').toBe(!wrong && last.includes('success'))
      }),
    )
  })
})
