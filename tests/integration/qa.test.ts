import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator, type Repository} from '../../src/emulators/github/index.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import {createQa, type PostReviews} from '../../src/qa/port.ts'
import type {QaPort} from '../../src/sdk/index.ts'

const RULES = `rules:
  - {id: tests, title: tests go with the source, when: ["src/**"], check: {changed: ["tests/**"]}}
  - {id: registry, title: the registry is there, check: {exists: ["registry.json"]}}
  - id: four-agents
    title: the registry names the four
    fix: name deploy, diagnose, qa and digest
    check: {contains: {in: ["registry.json"], all: [deploy, diagnose, qa, digest]}}
  - {id: no-secrets, title: no line prints a secret, check: {forbids: {in: ["**"], all: [secret], any: [print]}}}
`
const REGISTRY = '["deploy", "diagnose", "qa", "digest"]\n'

let github: GithubEmulator
let nth = 0
let web: Repository
beforeAll(async () => {
  github = await startGithubEmulator({speed: 100})
})
afterAll(() => github.close())
beforeEach(() => {
  web = github.repository(`acme/web-${++nth}`)
  web.commit('begin', {files: {'qa.yaml': RULES, 'registry.json': REGISTRY, 'src/a.ts': 'a\n'}})
})

async function open(postReviews: PostReviews = 'off'): Promise<QaPort> {
  const token = github.token({
    login: 'signalbox',
    permissions: {metadata: 'read', contents: 'read', pull_requests: 'write'},
  })
  const host = await createOctokitRepositoryHost({
    auth: {kind: 'token', token},
    apiUrl: github.url,
    clock: Date.now,
    throttle: false,
  })
  return createQa({host, postReviews, clock: Date.now})
}

const check = async (number: number) =>
  (await open()).check({repository: web.fullName, number, signal: AbortSignal.timeout(20_000)})
const failed = (report: Awaited<ReturnType<typeof check>>) =>
  report.checks.filter(({outcome}) => outcome === 'failed').map(({id}) => id)

describe('a check of a pull request', () => {
  test('goes by the rules of the branch it is merged into; the pull request can’t weaken them', async () => {
    const pull = web.pullRequest({
      title: 'Weaker',
      head: 'weaker',
      files: {'src/b.ts': 'b\n', 'qa.yaml': 'rules: [{id: any, title: anything, check: {exists: ["**"]}}]\n'},
    })
    const report = await check(pull.number)
    expect(report).toMatchObject({verdict: 'fail', rules: 'qa.yaml', pull: {baseRef: 'main'}})
    expect(failed(report)).toEqual(['own-rules', 'tests'])
  })

  test('goes by ours for deploys where the repository has none', async () => {
    web = github.repository(`acme/bare-${nth}`)
    const pull = web.pullRequest({
      title: 'Deploy',
      head: 'deploy',
      files: {'.github/workflows/app-deploy.yml': 'name: A\non:\n  workflow_dispatch:\njobs: {}\n'},
    })
    const report = await check(pull.number)
    expect(report).toMatchObject({verdict: 'fail', rules: 'default'})
    expect(failed(report)).toEqual([
      'deploy-correlation-id',
      'deploy-requester',
      'deploy-run-name',
      'deploy-timeout',
      'docs',
    ])
    expect(report.checks.find(({id}) => id === 'deploy-requester')?.evidence).toEqual([
      {
        file: '.github/workflows/app-deploy.yml',
        line: 3,
        url: `${github.htmlUrl}/${web.fullName}/blob/${pull.headSha}/.github/workflows/app-deploy.yml#L3`,
      },
    ])
  })

  test('reads every page of changed files', async () => {
    const files = Object.fromEntries(
      Array.from({length: 130}, (_, index) => [`src/f${String(index).padStart(3, '0')}.ts`, `${index}\n`]),
    )
    const pull = web.pullRequest({
      title: 'Many',
      head: 'many',
      files: {...files, 'tests/z.test.ts': 'z\n', 'zz/last.py': 'a = 1\nprint(secret)\n'},
    })
    const report = await check(pull.number)
    expect(report.pull?.files).toBe(132)
    expect(failed(report)).toEqual(['no-secrets'])
    expect(report.checks.at(-1)?.evidence[0]).toMatchObject({file: 'zz/last.py', line: 2})
  })

  test('reads a fork’s files at its own commit', async () => {
    const pull = web.pullRequest({
      title: 'From afar',
      head: 'main',
      fork: 'stranger/web',
      files: {'registry.json': '["deploy"]\n'},
    })
    const report = await check(pull.number)
    expect(failed(report)).toEqual(['four-agents'])
    expect(report.checks.find(({id}) => id === 'four-agents')?.reason).toBe('not found: diagnose, qa, digest')
  })

  test('does not pass what GitHub does not show', async () => {
    const pull = web.pullRequest({
      title: 'Large',
      head: 'large',
      files: {'data.json': `${'x'.repeat(79)}\n`.repeat(6000)},
    })
    const report = await check(pull.number)
    expect(report).toMatchObject({verdict: 'unknown', unread: [{file: 'data.json'}]})
  })

  test('of one that is not there is one failed check', async () => {
    const report = await check(999)
    expect(report).toMatchObject({verdict: 'fail', pull: undefined})
    expect(report.checks.map(({id}) => id)).toEqual(['pr-exists'])
  })

  test('lets nothing pass by rules that nobody can read', async () => {
    web.commit('break', {files: {'qa.yaml': 'rules: [{id: A}]\n'}})
    const pull = web.pullRequest({title: 'Any', head: 'any', files: {'a.md': 'a\n'}})
    const report = await check(pull.number)
    expect(report.verdict).toBe('fail')
    expect(report.checks[0]?.reason).toContain('rules.0.id: must be a short name')
  })
})

describe('what is said on the pull request', () => {
  const change = {'src/b.ts': 'b\n'}
  const say = async (qa: QaPort, number: number) =>
    qa.publish(
      await qa.check({repository: web.fullName, number, signal: AbortSignal.timeout(20_000)}),
      AbortSignal.timeout(20_000),
    )

  test('is one review, which the next check replaces', async () => {
    const pull = web.pullRequest({title: 'B', head: 'b', author: 'ada', files: change})
    const qa = await open('comment')
    const first = await say(qa, pull.number)
    expect(pull.reviews).toMatchObject([{state: 'COMMENTED', author: 'signalbox', commit: pull.headSha}])
    expect(pull.reviews[0]?.body).toContain('🔴 QA fails')
    pull.push('Test it', {'tests/b.test.ts': 'b\n'})
    expect(await say(qa, pull.number)).toEqual(first)
    expect(await say(qa, pull.number)).toEqual(first)
    expect(pull.reviews).toHaveLength(1)
    expect(pull.reviews[0]?.body).toContain('🟢 QA passes')
  })

  test('decides only when told to: changes are requested, then approved, each once', async () => {
    const pull = web.pullRequest({title: 'B', head: 'b', author: 'ada', files: change})
    const qa = await open('decide')
    await say(qa, pull.number)
    await say(qa, pull.number)
    expect(pull.reviews.map(({state}) => state)).toEqual(['CHANGES_REQUESTED'])
    pull.push('Test it', {'tests/b.test.ts': 'b\n'})
    await say(qa, pull.number)
    await say(qa, pull.number)
    expect(pull.reviews.map(({state}) => state)).toEqual(['CHANGES_REQUESTED', 'APPROVED'])
    pull.push('And untest it', {'tests/b.test.ts': null})
    await say(qa, pull.number)
    expect(pull.reviews.at(-1)?.state).toBe('CHANGES_REQUESTED')
    expect(pull.reviews).toHaveLength(3)
  })

  test('is a comment on a pull request of our own, with GitHub’s reason', async () => {
    const pull = web.pullRequest({title: 'B', head: 'b', author: 'signalbox', files: change})
    const qa = await open('decide')
    const {refused} = await say(qa, pull.number)
    expect(refused).toContain('your own pull request')
    await say(qa, pull.number)
    expect(pull.reviews.map(({state}) => state)).toEqual(['COMMENTED'])
  })

  test('does not touch somebody else’s review that copied our mark', async () => {
    const pull = web.pullRequest({title: 'B', head: 'b', author: 'ada', files: change})
    const mallory = await createOctokitRepositoryHost({
      auth: {
        kind: 'token',
        token: github.token({login: 'mallory', permissions: {metadata: 'read', pull_requests: 'write'}}),
      },
      apiUrl: github.url,
      clock: Date.now,
      throttle: false,
    })
    await mallory.createReview({
      repository: web.fullName,
      number: pull.number,
      sha: pull.headSha,
      body: '<!-- signalbox:qa -->\nAll is well.',
    })
    const qa = await open('comment')
    await say(qa, pull.number)
    await say(qa, pull.number)
    expect(pull.reviews.map(({author}) => author)).toEqual(['mallory', 'signalbox'])
    expect(pull.reviews[0]?.body).toContain('All is well.')
  })
})
