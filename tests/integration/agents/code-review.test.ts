import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import codeReview from '../../../agents/code-review.ts'
import {
  startGithubEmulator,
  type GithubEmulator,
  type Repository,
} from '../../../src/emulators/github/index.ts'
import type {Finding} from '../../../src/sdk/index.ts'
import {githubAgents, type GithubAgents} from '../../support/github-agents.ts'

let github: GithubEmulator
let web: Repository
let agents: GithubAgents
beforeEach(async () => {
  github = await startGithubEmulator({speed: 100})
  web = github.repository('acme/web')
  web.commit('begin', {files: {'src/a.ts': 'export const a = 1\n', 'package.json': '{}\n'}})
  agents = await githubAgents(github)
})
afterEach(() => github.close())

const review = (number: number) =>
  agents.perform(codeReview, 'review_code', {repo_url: 'https://github.com/acme/web', pr_number: number})
const token = `ghp_${'a1B2c3D4'.repeat(4)}`

test('a good change is let through, with one comment', async () => {
  const pull = web.pullRequest({
    title: 'Add b',
    head: 'add-b',
    files: {'src/b.ts': 'export const b = 2\n', 'tests/b.test.ts': 'test\n'},
  })
  const {output, reply} = await review(pull.number)
  expect(output).toMatchObject({verdict: 'proceed', comments: 0, head_sha: pull.headSha, head_ref: 'add-b'})
  expect(reply.state).toBe('ok')
  expect(pull.reviews).toHaveLength(1)
  expect(pull.reviews[0]).toMatchObject({state: 'COMMENTED', commit: pull.headSha, author: 'signalbox'})
  expect(output['review_url']).toContain(`#pullrequestreview-${pull.reviews[0]?.id}`)
})

test('what must not be merged blocks, with file and line, and the secret is not repeated', async () => {
  const pull = web.pullRequest({
    title: 'Oops',
    head: 'oops',
    files: {
      'src/a.ts': `export const a = 1\nconst key = '${token}'\n<<<<<<< HEAD\nexport const c = 3\n`,
      '.env': 'A=1\n',
    },
  })
  const {output} = await review(pull.number)
  expect(output['verdict']).toBe('block')
  const findings = output['findings'] as unknown as Finding[]
  expect(findings.filter(({severity}) => severity === 'critical')).toEqual([
    expect.objectContaining({rule: 'environment-file', file: '.env', line: null}),
    expect.objectContaining({rule: 'secret', file: 'src/a.ts', line: 2}),
    expect.objectContaining({rule: 'conflict-marker', file: 'src/a.ts', line: 3}),
  ])
  expect(JSON.stringify(output)).not.toContain(token)
  expect(pull.reviews[0]?.body).not.toContain(token)
  expect(pull.reviews[0]?.body).toContain(`/acme/web/blob/${pull.headSha}/src/a.ts#L2`)
})

test('all pages are read: the secret is in the last of 250 files', async () => {
  const files = Object.fromEntries(
    Array.from({length: 250}, (_, i) => [`docs/${String(i).padStart(3, '0')}.md`, `page ${i}\n`]),
  )
  const pull = web.pullRequest({title: 'Many', head: 'many', files: {...files, 'docs/999.md': `${token}\n`}})
  const {output} = await review(pull.number)
  expect(github.count('pullFiles')).toBe(3)
  expect(output['verdict']).toBe('block')
  expect(output['findings']).toContainEqual(expect.objectContaining({rule: 'secret', file: 'docs/999.md'}))
})

test('the comment is replaced by a later review, not joined by another', async () => {
  const pull = web.pullRequest({title: 'Oops', head: 'oops', files: {'src/a.ts': `${token}\n`}})
  await review(pull.number)
  expect(pull.reviews[0]?.body).toContain('Not like this')
  pull.push('mended', {'src/a.ts': 'export const a = 2\n'})
  const {output} = await review(pull.number)
  expect(output['verdict']).toBe('proceed')
  expect(pull.reviews).toHaveLength(1)
  expect(pull.reviews[0]?.body).toContain('Nothing against it')
  expect(github.count('createReview')).toBe(1)
})

test('a review cut short, and one whose answer was lost, leave one comment', async () => {
  const pull = web.pullRequest({title: 'Add b', head: 'add-b', files: {'src/b.ts': 'export const b = 2\n'}})
  const rows = new Map()
  const input = {repository: 'acme/web', pr_number: pull.number}
  github.misbehave({route: 'createReview', kind: 'serverError', takesEffect: true})
  await expect(agents.perform(codeReview, 'review_code', input, {rows})).rejects.toMatchObject({
    code: 'UPSTREAM_UNAVAILABLE',
  })
  await agents.perform(codeReview, 'review_code', input, {rows})
  await agents.perform(codeReview, 'review_code', input, {attempt: 2})
  expect(pull.reviews).toHaveLength(1)
})

test('somebody who copies our mark does not keep us from speaking', async () => {
  const pull = web.pullRequest({title: 'Add b', head: 'add-b', files: {'src/b.ts': 'export const b = 2\n'}})
  const eve = github.token({login: 'eve', permissions: {pull_requests: 'write'}})
  await fetch(`${github.url}/repos/acme/web/pulls/${pull.number}/reviews`, {
    method: 'POST',
    headers: {authorization: `Bearer ${eve}`, 'user-agent': 'eve'},
    body: JSON.stringify({body: '<!-- signalbox:review --> all is well', event: 'COMMENT'}),
  })
  await review(pull.number)
  await review(pull.number)
  expect(pull.reviews.map(({author}) => author)).toEqual(['eve', 'signalbox'])
  expect(pull.reviews[0]?.body).toBe('<!-- signalbox:review --> all is well')
})

test('the branch of a fork is not told as ours', async () => {
  const pull = web.pullRequest({title: 'Hi', head: 'main', fork: 'eve/web', files: {'a.md': 'x\n'}})
  const {output} = await review(pull.number)
  expect(output).toMatchObject({head_ref: null, head_sha: pull.headSha})
})

test('nothing in a stranger’s file names can ping, link or break out of the comment', async () => {
  const pull = web.pullRequest({
    title: 'x',
    head: 'x',
    files: {'src/`@ada` <!-- [x](y).pem': 'k\n'},
  })
  await review(pull.number)
  const body = pull.reviews[0]?.body ?? ''
  expect(body).toContain('`src/ˋ@adaˋ <!-- [x](y).pem`')
  expect(body).toContain('%40ada')
})

describe('is refused', () => {
  test('for a repository that is not ours', async () => {
    github.repository('eve/web')
    await expect(
      agents.perform(codeReview, 'review_code', {repository: 'eve/web', pr_number: 1}),
    ).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  })
  test('for a pull request that is not there', async () => {
    await expect(review(99)).rejects.toMatchObject({code: 'UPSTREAM_REFUSED'})
  })
  test('by a token that may not comment', async () => {
    const pull = web.pullRequest({title: 'b', head: 'b', files: {'b.md': 'x\n'}})
    const weak = await githubAgents(github, {permissions: {metadata: 'read'}})
    await expect(
      weak.perform(codeReview, 'review_code', {repository: 'acme/web', pr_number: pull.number}),
    ).rejects.toMatchObject({
      code: 'UPSTREAM_REFUSED',
      message: expect.stringContaining('pull_requests=write'),
    })
  })
})

test('explains a file from its own lines', async () => {
  web.commit('more', {
    files: {
      'src/c.ts':
        "/** The third letter. */\n\nimport {a} from './a.ts'\n\n/** Adds one. */\nexport function next() {\n  return a + 1\n}\n",
    },
  })
  const {output} = await agents.perform(codeReview, 'explain_code', {path: 'src/c.ts'})
  expect(output).toMatchObject({
    language: 'TypeScript',
    lines: 8,
    about: 'The third letter.',
    imports: ['./a.ts'],
    exports: [{kind: 'function', name: 'next', line: 6, about: 'Adds one.'}],
  })
})

describe('files as they stand', () => {
  const analyse = async (input: object = {}) =>
    (await agents.perform(codeReview, 'static_analysis', {repository: 'acme/web', ...input})).output
  beforeEach(() => {
    web.commit('more', {
      files: {
        'src/b.ts': `export const b = 2 // TODO: three\nconst key = '${token}'\n`,
        'src/logo.png': token,
        'deep/.env': 'A=1\n',
        'auth/login.ts': 'export const login = 1\n',
        'dist/b.js': `${token}\n`,
      },
    })
  })

  test('are judged by the rules that need no change, and the secret is not repeated', async () => {
    const output = await analyse()
    expect(output).toMatchObject({verdict: 'block', total: 3, left: 0})
    expect(output['findings']).toEqual([
      expect.objectContaining({
        severity: 'critical',
        rule: 'environment-file',
        file: 'deep/.env',
        line: null,
      }),
      expect.objectContaining({severity: 'critical', rule: 'secret', file: 'src/b.ts', line: 2}),
      expect.objectContaining({severity: 'note', rule: 'debt', file: 'src/b.ts', line: 1}),
    ])
    expect(JSON.stringify(output)).not.toContain(token)
  })

  test('those under a path, at a ref', async () => {
    const ref = web.commit('clean', {files: {'src/b.ts': 'export const b = 2\n'}})
    web.commit('later', {files: {'src/b.ts': `${token}\n`}})
    expect(await analyse({path: 'src/', ref})).toMatchObject({verdict: 'proceed', total: 0, files: 2, ref})
    expect(await analyse({path: 'src/b.ts'})).toMatchObject({verdict: 'block', total: 1, files: 1})
  })

  test('nothing there is no clean bill', async () => {
    await expect(analyse({path: 'sr'})).rejects.toMatchObject({code: 'NOT_FOUND'})
  })

  test('more than it reads is said', async () => {
    web.commit('many', {
      files: Object.fromEntries(Array.from({length: 120}, (_, i) => [`many/${i}.md`, `page ${i}\n`])),
    })
    expect(await analyse({path: 'many'})).toMatchObject({files: 100, left: 20})
  })

  test('no write is made, however often', async () => {
    await analyse()
    await analyse()
    for (const route of ['createReview', 'createComment', 'createRef', 'writeContents', 'createPull'])
      expect(github.count(route)).toBe(0)
  })
})
