import {expect, test} from 'vitest'
import {reportText} from '../../../src/qa/report.ts'
import type {QaCheck, QaReport} from '../../../src/sdk/index.ts'

const aCheck = (id: string, over: Partial<QaCheck> = {}): QaCheck => ({
  id,
  title: `rule ${id}`,
  severity: 'must',
  outcome: 'passed',
  reason: 'it does',
  evidence: [],
  ...over,
})
const REPORT: QaReport = {
  repository: 'acme/web',
  number: 7,
  verdict: 'fail',
  checks: [
    aCheck('all-files', {reason: 'all 3 were listed'}),
    aCheck('deploy-requester', {
      outcome: 'failed',
      reason: 'the workflow takes no input requester',
      why: 'who asked stands in the run',
      fix: 'add requester under on.workflow_dispatch.inputs',
      evidence: [
        {
          file: '.github/workflows/deploy.yml',
          line: 4,
          url: 'https://github.com/acme/web/blob/abc/.github/workflows/deploy.yml#L4',
        },
      ],
    }),
    aCheck('docs', {
      severity: 'should',
      outcome: 'failed',
      reason: 'nothing changes in docs/**',
      fix: 'say it in docs/',
    }),
    aCheck('no-printed-secrets', {
      outcome: 'unknown',
      reason: 'GitHub does not show all',
      evidence: [{file: 'a`b @ada.ts'}],
    }),
    aCheck('tests', {outcome: 'skipped', reason: 'nothing that it is about changes'}),
  ],
  unread: [{file: 'big.json', why: 'too large for GitHub to show: 9000 new lines'}],
  pull: {
    url: 'https://github.com/acme/web/pull/7',
    title: 'Deploy *faster* @everyone',
    headSha: 'abcdef1234567890abcdef1234567890abcdef12',
    baseRef: 'main',
    files: 3,
  },
  rules: 'qa.yaml',
}

test('the report says what fails, where, and what to do; foreign texts ping nobody', () => {
  expect(reportText(REPORT)).toMatchInlineSnapshot(`
    "### 🔴 QA fails

    [#7 Deploy \\*faster\\* @​everyone](https://github.com/acme/web/pull/7) of \`acme/web\` at \`abcdef1\`, 3 files · rules: \`qa.yaml\` of \`main\`
    5 checks: 1 passed, 1 failed, 1 warned, 1 not looked at, 1 not about this change

    - [x] ✅ rule all-files: all 3 were listed
    - [ ] ❌ rule deploy-requester: the workflow takes no input requester ([\`.github/workflows/deploy.yml:4\`](<https://github.com/acme/web/blob/abc/.github/workflows/deploy.yml#L4>))
    - [ ] ⚠️ rule docs: nothing changes in docs/\\*\\*
    - [ ] ❔ rule no-printed-secrets: GitHub does not show all (\`aˋb @ada.ts\`)
    - [ ] ➖ rule tests: nothing that it is about changes

    **Required fixes**

    1. add requester under on.workflow\\_dispatch.inputs, since who asked stands in the run ([\`.github/workflows/deploy.yml:4\`](<https://github.com/acme/web/blob/abc/.github/workflows/deploy.yml#L4>))

    **Suggested fixes**

    1. say it in docs/

    **Not looked at**

    - \`big.json\`: too large for GitHub to show: 9000 new lines

    <details><summary>Evidence</summary>

    \`\`\`json
    {"check":"deploy-requester","outcome":"failed","evidence":[{"file":".github/workflows/deploy.yml","line":4}]}
    {"check":"no-printed-secrets","outcome":"unknown","evidence":[{"file":"aˋb @ada.ts"}]}
    \`\`\`
    </details>

    **Verdict: FAIL**

    _By rules, not by a person. A later check replaces this text._"
  `)
})

test('a pull request that is not there is one failed check', () => {
  const {pull: _, ...rest} = REPORT
  const text = reportText({
    ...rest,
    pull: undefined,
    checks: [aCheck('pr-exists', {outcome: 'failed', reason: 'acme/web has no pull request #7'})],
    unread: [],
  })
  expect(text).toContain('❌ rule pr-exists: acme/web has no pull request \\#7')
  expect(text).toContain('**Verdict: FAIL**')
})

test('however much there is to say, GitHub takes it', () => {
  const checks = Array.from({length: 53}, (_, index) =>
    aCheck(`r${index}`, {
      title: 't'.repeat(300),
      reason: 'r'.repeat(300),
      fix: 'f'.repeat(300),
      why: 'w'.repeat(300),
      outcome: 'failed',
      evidence: Array.from({length: 3}, () => ({
        file: 'p'.repeat(300),
        line: 1,
        url: `https://x/${'u'.repeat(380)}`,
      })),
    }),
  )
  const text = reportText({...REPORT, checks})
  expect(text.length).toBeLessThan(65_000)
  expect(text).toContain('**Verdict: FAIL**')
})
