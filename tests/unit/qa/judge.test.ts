import {describe, expect, test} from 'vitest'
import type {ChangedFile} from '../../../src/integrations/github/repository-host.ts'
import {DEFAULT_RULES} from '../../../src/qa/default-rules.ts'
import {asksForPaths, judge, pathsToRead, type Change} from '../../../src/qa/judge.ts'
import {readRules, type Rule} from '../../../src/qa/rules.ts'

const WORKFLOW = '.github/workflows/client-deploy.yml'
const GOOD = `name: Client Deploy
run-name: Client Deploy — \${{ inputs.correlation_id }} by \${{ inputs.requester }}
on:
  workflow_dispatch:
    inputs:
      correlation_id: {type: string}
      requester: {type: string}
jobs: {deploy: {runs-on: ubuntu-latest, timeout-minutes: 10, steps: []}}
`

function aFile(path: string, added: readonly string[] = ['x'], over: Partial<ChangedFile> = {}): ChangedFile {
  const patch = [`@@ -0,0 +1,${added.length} @@`, ...added.map(line => `+${line}`)].join('\n')
  return {path, status: 'modified', additions: added.length, deletions: 0, patch, ...over}
}

/** A change whose head holds these texts besides what changes. */
function aChange(
  files: readonly ChangedFile[],
  texts: Readonly<Record<string, string>> = {},
  complete = true,
): Change {
  const paths = new Set([
    ...files.filter(({status}) => status !== 'removed').map(({path}) => path),
    ...Object.keys(texts),
  ])
  return {files: {items: files, complete}, paths: [...paths], texts: new Map(Object.entries(texts))}
}

function rule(check: string, rest = ''): Rule {
  const read = readRules(`rules: [{id: one, title: One, check: ${check}${rest}}]`)
  if (!read.ok) throw new Error(read.faults.join('; '))
  return read.rules[0] as Rule
}

const outcome = (one: Rule, change: Change) => judge([one], change).checks.find(({id}) => id === 'one')
const outcomes = (rules: readonly Rule[], change: Change) =>
  Object.fromEntries(judge(rules, change).checks.map(check => [check.id, check.outcome]))

describe('a rule that something changes', () => {
  const tests = rule('{changed: ["tests/**", "**/*.test.*"]}', ', when: ["src/**"]')
  test('passes with what it found', () =>
    expect(outcome(tests, aChange([aFile('src/a.ts'), aFile('src/a.test.ts')]))).toMatchObject({
      outcome: 'passed',
      evidence: [{file: 'src/a.test.ts'}],
    }))
  test('fails when nothing there does', () =>
    expect(outcome(tests, aChange([aFile('src/a.ts'), aFile('docs/tests.md')]))).toMatchObject({
      outcome: 'failed',
    }))
  test('is not met by what is taken away', () =>
    expect(
      outcome(tests, aChange([aFile('src/a.ts'), aFile('tests/a.ts', [], {status: 'removed'})]))?.outcome,
    ).toBe('failed'))
  test('is not looked at when it is about something else', () =>
    expect(outcome(tests, aChange([aFile('README.md')]))?.outcome).toBe('skipped'))
  test('is undecided when GitHub does not list all files', () =>
    expect(outcome(tests, aChange([aFile('src/a.ts')], {}, false))?.outcome).toBe('unknown'))
})

describe('a rule that a file is there', () => {
  const registry = rule('{exists: ["agents/registry.*"]}')
  test('looks at the whole repository, not only at what changes', () =>
    expect(outcome(registry, aChange([aFile('a')], {'agents/registry.json': '{}'}))).toMatchObject({
      outcome: 'passed',
      evidence: [{file: 'agents/registry.json'}],
    }))
  test('fails where it is not', () =>
    expect(outcome(registry, aChange([aFile('a')]))?.reason).toBe('there is no agents/registry.*'))
  test('is undecided when the repository is too large to be listed', () =>
    expect(outcome(registry, {...aChange([aFile('a')]), paths: undefined})?.outcome).toBe('unknown'))
})

describe('a rule that files hold texts', () => {
  const four = rule('{contains: {in: ["agents/*.json"], all: [deploy, diagnose, qa, digest]}}')
  const one = rule('{contains: {in: ["src/**"], any: [display_title, run_id]}}')
  test('names each that is missing', () =>
    expect(outcome(four, aChange([aFile('x')], {'agents/r.json': '["deploy", "QA"]'}))).toMatchObject({
      outcome: 'failed',
      reason: 'not found: diagnose, digest',
      evidence: [{file: 'agents/r.json'}],
    }))
  test('takes the files together and says where each stands', () =>
    expect(
      outcome(
        four,
        aChange([aFile('x')], {'agents/a.json': 'deploy\nqa', 'agents/b.json': 'diagnose\n\ndigest'}),
      ),
    ).toMatchObject({
      outcome: 'passed',
      evidence: [
        {file: 'agents/a.json', line: 1},
        {file: 'agents/b.json', line: 1},
        {file: 'agents/a.json', line: 2},
      ],
    }))
  test('is content with one of several', () =>
    expect(outcome(one, aChange([aFile('x')], {'src/a.ts': 'a\nb.RUN_ID'}))).toMatchObject({
      outcome: 'passed',
      evidence: [{file: 'src/a.ts', line: 2}],
    }))
  test('fails where there is no such file', () =>
    expect(outcome(one, aChange([aFile('x')]))?.reason).toBe('there is no file in src/**'))
  test('is undecided while a file could not be read', () => {
    const change = aChange([aFile('src/a.ts'), aFile('src/b.ts')], {'src/a.ts': 'nothing'})
    expect(outcome(one, change)).toMatchObject({outcome: 'unknown'})
  })
  test('reads at most 30 files, those that change first', () => {
    const many = Array.from({length: 40}, (_, index) => `src/f${index}.ts`)
    const read = pathsToRead([one], [aFile('src/z.ts')], many)
    expect(read).toHaveLength(30)
    expect(read[0]).toBe('src/z.ts')
    expect(asksForPaths([one], [])).toBe(true)
  })
})

describe('a rule that forbids lines', () => {
  const never = rule('{forbids: {in: ["src/**"], all: [secret], any: ["print(", "console."]}}')
  test('fails with file and line, counted in the file as it is afterwards', () => {
    const patch =
      '@@ -8,2 +10,3 @@ def f():\n a = 1\n-print("old secret")\n+PRINT("the Secret is", s)\n+ok(secret)'
    expect(outcome(never, aChange([aFile('src/a.py', [], {patch, additions: 2})]))).toMatchObject({
      outcome: 'failed',
      reason: '1 new line does',
      evidence: [{file: 'src/a.py', line: 11}],
    })
  })
  test('does not mind what is taken away, what stays, and what is elsewhere', () => {
    const patch = '@@ -1,2 +1,1 @@\n-print(secret)\n print(secret)'
    const change = aChange([aFile('src/a.py', [], {patch}), aFile('tools/x.py', ['print(secret)'])])
    expect(outcome(never, change)?.outcome).toBe('passed')
  })
  test('passes nothing that GitHub does not show', () => {
    const {patch: _, ...large} = aFile('src/big.ts', [], {additions: 9000})
    const judged = judge([never], aChange([large]))
    expect(judged).toMatchObject({
      verdict: 'unknown',
      unread: [{file: 'src/big.ts', why: 'too large for GitHub to show: 9000 new lines'}],
    })
    expect(judged.checks.at(-1)).toMatchObject({outcome: 'unknown', evidence: [{file: 'src/big.ts'}]})
  })
  test('says which files have no lines to look at', () => {
    const {patch: _, ...picture} = aFile('src/logo.png', [], {status: 'added', additions: 0})
    const {patch: _p, ...moved} = aFile('src/b.ts', [], {status: 'renamed', additions: 0})
    expect(judge([never], aChange([picture, moved]))).toMatchObject({
      verdict: 'pass',
      unread: [{file: 'src/logo.png', why: 'has no lines: binary, or empty'}],
    })
  })
})

describe('a rule about workflows', () => {
  const input = rule('{input: {name: requester}}')
  const runName = rule('{runName: {}}')
  const trigger = rule('{trigger: {}}')
  const changes = [aFile(WORKFLOW)]

  test.each([
    ['takes the input', input, GOOD, 'passed', 7],
    ['does not take it', input, GOOD.replace(/ +requester: .*\n/, ''), 'failed', 4],
    ['only mentions it', input, GOOD.replace(/ +requester: .*\n/, '      # requester\n'), 'failed', 4],
    ['carries the id', runName, GOOD, 'passed', 2],
    ['carries no id', runName, GOOD.replace(/inputs.correlation_id/, 'github.sha'), 'failed', 2],
    ['has no run name', runName, GOOD.replace(/run-name.*\n/, ''), 'failed', undefined],
    ['can be started', trigger, GOOD, 'passed', 4],
    ['can’t be started', trigger, 'on: push\njobs: {}\n', 'failed', undefined],
    ['is no YAML', trigger, 'on: [push\njobs:\n', 'failed', undefined],
  ] as const)('one that %s', (_what, one, text, expected, line) => {
    const found = outcome(one, aChange(changes, {[WORKFLOW]: text}))
    expect(found?.outcome).toBe(expected)
    expect(found?.evidence[0]?.file).toBe(WORKFLOW)
    if (line !== undefined) expect(found?.evidence[0]?.line).toBe(line)
  })
  test('is undecided when it could not be read, and not asked when no workflow changes', () => {
    expect(outcome(input, aChange(changes))?.outcome).toBe('unknown')
    expect(outcome(input, aChange([aFile('a')], {[WORKFLOW]: 'on: push'}))?.outcome).toBe('skipped')
    expect(outcome(input, aChange([aFile(WORKFLOW, [], {status: 'removed'})]))?.outcome).toBe('skipped')
  })
})

describe('the verdict', () => {
  const must = rule('{changed: [a]}')
  const should = {...rule('{changed: [a]}', ', severity: should'), id: 'two'}
  test('passes until something that must hold fails', () => {
    expect(judge([must, should], aChange([aFile('a')])).verdict).toBe('pass')
    expect(judge([must, should], aChange([aFile('b')])).verdict).toBe('fail')
  })
  test('is not failed by a warning', () => {
    const {verdict, checks} = judge([should], aChange([aFile('b')]))
    expect(verdict).toBe('pass')
    expect(checks.at(-1)).toMatchObject({outcome: 'failed', severity: 'should'})
  })
  test('is a failure rather than undecided when there is both', () =>
    expect(judge([must, rule('{exists: [b]}')], {...aChange([aFile('b')]), paths: undefined}).verdict).toBe(
      'fail',
    ))
  test('is undecided when files are not listed or time is over', () => {
    expect(judge([], aChange([aFile('a')], {}, false)).verdict).toBe('unknown')
    expect(judge([must], aChange([aFile('a')]), () => true).verdict).toBe('unknown')
  })
  test('warns of a change of its own rules, which do not count yet', () => {
    const {verdict, checks} = judge([must], aChange([aFile('a'), aFile('qa.yaml')]))
    expect(verdict).toBe('pass')
    expect(checks.find(({id}) => id === 'own-rules')).toMatchObject({outcome: 'failed', severity: 'should'})
  })
})

describe('the rules for deploys, where a repository has none', () => {
  const DISPATCH = `await dispatch({correlation_id: id})
if (run.display_title.includes(id) && run.conclusion) return
AbortSignal.timeout(180_000); validateUrl(base)`
  const HANDLER = 'await interaction.deferReply()\nawait interaction.followUp(text)'
  const texts = {
    [WORKFLOW]: GOOD,
    'src/dispatcher.ts': DISPATCH,
    'src/deploy-handler.ts': HANDLER,
    'tests/dispatcher.test.ts': '',
    'docs/deploy.md': '',
  }
  const whole = (over: Readonly<Record<string, string>> = {}) =>
    aChange(
      Object.keys(texts).map(path => aFile(path)),
      {...texts, ...over},
    )

  test('pass what does all of it', () => {
    const {verdict, checks} = judge(DEFAULT_RULES, whole())
    expect(checks.filter(({outcome: how}) => how !== 'passed')).toEqual([])
    expect(verdict).toBe('pass')
    expect(checks).toHaveLength(DEFAULT_RULES.length + 1)
  })

  test.each([
    ['deploy-trigger', 'fail', {[WORKFLOW]: GOOD.replace('workflow_dispatch', 'push')}],
    ['deploy-correlation-id', 'fail', {[WORKFLOW]: GOOD.replace(/ +correlation_id: .*\n/, '')}],
    ['deploy-requester', 'fail', {[WORKFLOW]: GOOD.replace(/ +requester: .*\n/, '')}],
    ['deploy-run-name', 'fail', {[WORKFLOW]: GOOD.replace(/run-name.*\n/, '')}],
    ['deploy-timeout', 'pass', {[WORKFLOW]: GOOD.replace('timeout-minutes: 10, ', '')}],
    ['dispatch-sends-id', 'fail', {'src/dispatcher.ts': DISPATCH.replace('correlation_id', 'id')}],
    ['dispatch-finds-run', 'pass', {'src/dispatcher.ts': DISPATCH.replace('display_title', 'sha')}],
    ['dispatch-follows-run', 'pass', {'src/dispatcher.ts': DISPATCH.replace('conclusion', 'id')}],
    ['dispatch-gives-up', 'pass', {'src/dispatcher.ts': DISPATCH.replace('AbortSignal.timeout', 'wait')}],
    ['url-validated', 'pass', {'src/dispatcher.ts': DISPATCH.replace('validateUrl', 'use')}],
    ['handler-defers', 'pass', {'src/deploy-handler.ts': HANDLER.replace('deferReply', 'reply')}],
    ['handler-follows-up', 'pass', {'src/deploy-handler.ts': HANDLER.replace('followUp', 'send')}],
  ])('%s is found missing, and alone', (id, verdict, over) => {
    const judged = judge(DEFAULT_RULES, whole(over))
    expect(judged.checks.filter(({outcome: how}) => how !== 'passed').map(check => check.id)).toEqual(
      id === 'deploy-trigger' ? [id, 'deploy-correlation-id', 'deploy-requester'] : [id],
    )
    expect(judged.verdict).toBe(verdict)
  })

  test('want tests with the source, documentation with the workflow, and no printed secret', () => {
    expect(outcomes(DEFAULT_RULES, aChange([aFile('src/a.ts')]))).toMatchObject({
      tests: 'failed',
      docs: 'skipped',
    })
    const change = aChange([aFile(WORKFLOW), aFile('run.sh', ['echo "$DEPLOY_SECRET"'])], {[WORKFLOW]: GOOD})
    expect(outcomes(DEFAULT_RULES, change)).toMatchObject({
      tests: 'skipped',
      docs: 'failed',
      'no-printed-secrets': 'failed',
    })
  })

  test('say what to do about each', () => {
    expect(DEFAULT_RULES).toHaveLength(15)
    expect(DEFAULT_RULES.filter(({fix}) => fix === undefined || fix.length < 20).map(({id}) => id)).toEqual(
      [],
    )
  })

  test('are not about a change that ships nothing', () => {
    const {checks, verdict} = judge(DEFAULT_RULES, aChange([aFile('README.md')]))
    expect(verdict).toBe('pass')
    expect(checks.filter(({outcome: how}) => how === 'passed').map(({id}) => id)).toEqual([
      'all-files',
      'no-printed-secrets',
    ])
  })
})
