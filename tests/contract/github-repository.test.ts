import {Octokit, RequestError} from 'octokit'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator, type Repository} from '../../src/emulators/github/index.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import type {RepositoryHost} from '../../src/integrations/github/repository-host.ts'

const WEB = {owner: 'acme', repo: 'web'}
const OURS = {repository: 'acme/web'}
const PERMISSIONS = {metadata: 'read', contents: 'write', pull_requests: 'write', variables: 'write'} as const

let github: GithubEmulator
let web: Repository
let octokit: Octokit
let host: RepositoryHost
/** GitHub’s clock, ahead of ours. */
let later = 0
beforeEach(async () => {
  later = 0
  github = await startGithubEmulator({now: () => Date.now() + later})
  web = github.repository('acme/web')
  web.commit('begin', {files: {'a.md': 'one\n', 'src/b.ts': 'two\n'}})
  const token = github.token({login: 'signalbox', permissions: PERMISSIONS})
  octokit = new Octokit({
    auth: token,
    baseUrl: github.url,
    retry: {enabled: false},
    throttle: {enabled: false},
    log: {debug() {}, info() {}, warn() {}, error() {}},
  })
  host = await createOctokitRepositoryHost({
    auth: {kind: 'token', token},
    apiUrl: github.url,
    throttle: false,
    clock: Date.now,
  })
})
afterEach(() => github.close())

async function refusalOf(request: Promise<unknown>): Promise<{status: number; message: string}> {
  const outcome = await request.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  )
  if (!(outcome instanceof RequestError)) throw outcome
  return {status: outcome.status, message: outcome.message}
}

describe('the repository host', () => {
  test('says whether a workflow is enabled, and reviews as it is told', async () => {
    const actions = await createOctokitRepositoryHost({
      auth: {kind: 'token', token: github.token({permissions: {metadata: 'read', actions: 'read'}})},
      apiUrl: github.url,
      throttle: false,
      clock: Date.now,
    })
    const workflow = web.workflow('deploy.yml', {name: 'Deploy'})
    const state = () => actions.workflowState({...OURS, workflow: 'deploy.yml'})
    expect(await state()).toEqual({kind: 'seen', value: 'active'})
    workflow.disable()
    expect(await state()).toEqual({kind: 'seen', value: 'disabled_manually'})
    expect(await actions.workflowState({...OURS, workflow: 'other.yml'})).toEqual({kind: 'missing'})

    const pull = web.pullRequest({title: 'C', head: 'c', author: 'ada', files: {'c.md': 'c\n'}})
    const review = {...OURS, number: pull.number, sha: pull.headSha, body: 'read'}
    for (const event of ['APPROVE', 'REQUEST_CHANGES'] as const) await host.createReview({...review, event})
    await host.createReview(review)
    expect(pull.reviews.map(one => one.state)).toEqual(['APPROVED', 'CHANGES_REQUESTED', 'COMMENTED'])
  })

  test('lists open issues by their label, without the pull requests among them, and what changed since', async () => {
    const one = web.issue('One', 'ada', ['Ready', 'bug'])
    const two = web.issue('Two', 'ada', ['ready'])
    web.issue('Three', 'ada', ['later'])
    web.pullRequest({title: 'a pull', head: 'a-pull', labels: ['ready'], files: {'c.md': 'x\n'}})
    const open = await host.openIssues({...OURS, label: 'ready'})
    expect(open).toMatchObject({
      kind: 'seen',
      value: {
        complete: true,
        items: [{number: one, title: 'One', state: 'open', reason: null}, {number: two}],
      },
    })
    web.closeIssue(one, 'not_planned')
    expect(await host.openIssues({...OURS, label: 'ready'})).toMatchObject({value: {items: [{number: two}]}})
    const since = Date.now() - 60_000
    const changed = await host.issuesChanged({...OURS, since})
    if (changed.kind !== 'seen') throw new Error(changed.kind)
    expect(changed.value.find(({number}) => number === one)).toMatchObject({
      state: 'closed',
      reason: 'not_planned',
    })
    expect(changed.value).toHaveLength(3)
    expect(await host.issuesChanged({...OURS, since: Date.now() + 60_000})).toEqual({kind: 'seen', value: []})
    web.reopenIssue(one)
    expect(await host.openIssues({...OURS, label: 'ready'})).toMatchObject({
      value: {items: [{number: one}, {number: two}]},
    })
    expect(await host.openIssues({repository: 'acme/none', label: 'ready'})).toEqual({kind: 'missing'})
  })

  test('reads files, trees and blobs of one commit', async () => {
    const head = web.branches().get('main') ?? ''
    expect(await host.repository(OURS)).toEqual({
      kind: 'seen',
      value: {defaultBranch: 'main', url: `${github.htmlUrl}/acme/web`},
    })
    expect(await host.branchHead({...OURS, branch: 'main'})).toEqual({kind: 'seen', value: head})
    const tree = await host.tree({...OURS, ref: head})
    if (tree.kind !== 'seen') throw new Error(tree.kind)
    expect(tree.value).toMatchObject({truncated: false, files: [{path: 'a.md', size: 4}, {path: 'src/b.ts'}]})
    const sha = tree.value.files[0]?.sha ?? ''
    expect(await host.blob({...OURS, sha})).toEqual({kind: 'seen', value: 'one\n'})
    expect(await host.file({...OURS, path: 'src/b.ts', ref: 'main'})).toMatchObject({value: {text: 'two\n'}})
    expect(await host.file({...OURS, path: 'none', ref: 'main'})).toEqual({kind: 'missing'})
    expect(await host.branchHead({...OURS, branch: 'none'})).toEqual({kind: 'missing'})
  })

  test('writes a file on a branch, against the one that is there', async () => {
    web.branch('docs/x')
    const change = {...OURS, branch: 'docs/x', path: 'new/c.md', text: 'ä\n', message: 'Add'}
    expect(await host.writeFile(change)).toMatchObject({kind: 'seen'})
    expect(web.file('new/c.md', 'docs/x')).toBe('ä\n')
    expect(web.file('new/c.md')).toBeUndefined()
    expect(await host.writeFile({...change, text: 'b\n'})).toMatchObject({kind: 'refused'})
    expect(await host.writeFile({...change, text: 'b\n', replaces: 'a'.repeat(40)})).toEqual({
      kind: 'failed',
      reason: 'conflict',
    })
    const there = await host.file({...OURS, path: 'new/c.md', ref: 'docs/x'})
    if (there.kind !== 'seen') throw new Error(there.kind)
    expect(await host.writeFile({...change, text: 'b\n', replaces: there.value.sha})).toMatchObject({
      kind: 'seen',
    })
  })

  test('creates branches and tags, once, and finds what points at a commit', async () => {
    const sha = web.branches().get('main') ?? ''
    expect(await host.createRef({...OURS, ref: 'refs/heads/a/b', sha})).toMatchObject({kind: 'seen'})
    expect(await host.createRef({...OURS, ref: 'refs/heads/a/b', sha})).toMatchObject({kind: 'refused'})
    expect(await host.branchesAt({...OURS, sha})).toEqual({kind: 'seen', value: ['main', 'a/b']})
    expect(await host.createRef({...OURS, ref: 'refs/tags/t/1', sha})).toMatchObject({kind: 'seen'})
    expect(await host.tagTarget({...OURS, tag: 't/1'})).toEqual({kind: 'seen', value: sha})
    expect(await host.branchesAt({...OURS, sha: 'f'.repeat(40)})).toMatchObject({kind: 'refused'})
  })

  test('reads a pull request with all its files and reviews', async () => {
    const files = Object.fromEntries(Array.from({length: 120}, (_, i) => [`f${i}.md`, `${i}\n`]))
    const pull = web.pullRequest({
      title: 'Many',
      head: 'many',
      files: {...files, 'a.md': null, 'src/b.ts': 'two\nthree\n'},
    })
    const query = {...OURS, number: pull.number}
    expect(await host.pullRequest(query)).toMatchObject({
      value: {
        title: 'Many',
        headSha: pull.headSha,
        headRef: 'many',
        headRepository: 'acme/web',
        changedFiles: 122,
        additions: 121,
        deletions: 1,
      },
    })
    const listed = await host.pullRequestFiles(query)
    if (listed.kind !== 'seen') throw new Error(listed.kind)
    expect(listed.value.complete).toBe(true)
    expect(listed.value.items).toHaveLength(122)
    expect(listed.value.items.find(({path}) => path === 'src/b.ts')).toEqual({
      path: 'src/b.ts',
      status: 'modified',
      additions: 1,
      deletions: 0,
      patch: '@@ -1,1 +1,2 @@\n two\n+three',
    })
    expect(listed.value.items.find(({path}) => path === 'a.md')).toMatchObject({status: 'removed'})
    const created = await host.createReview({...query, sha: pull.headSha, body: 'one'})
    if (created.kind !== 'seen') throw new Error(created.kind)
    expect(await host.updateReview({...query, id: created.value.id, body: 'two'})).toMatchObject({
      value: {body: 'two'},
    })
    expect(await host.reviews(query)).toMatchObject({
      value: [{id: created.value.id, body: 'two', author: 'signalbox', state: 'COMMENTED'}],
    })
  })

  test('opens a draft, and finds it as people changed it', async () => {
    web.commit('on it', {branch: 'docs', files: {'c.md': 'x\n'}})
    const change = {...OURS, title: 'Docs', body: 'b', head: 'docs', base: 'main'}
    expect(await host.openPullRequests(OURS)).toEqual({kind: 'seen', value: []})
    const created = await host.createPullRequest(change)
    if (created.kind !== 'seen') throw new Error(JSON.stringify(created))
    expect(created.value).toMatchObject({draft: true, state: 'open', headRef: 'docs'})
    expect(await host.createPullRequest(change)).toMatchObject({kind: 'refused'})
    expect(await host.openPullRequests(OURS)).toMatchObject({value: [{number: created.value.number}]})
    await octokit.rest.pulls.update({...WEB, pull_number: created.value.number, title: 'New', body: 'c'})
    expect(web.pulls[0]).toMatchObject({title: 'New', body: 'c'})
  })

  test('finds an open pull request that a hundred newer ones stand before', async () => {
    const ours = web.pullRequest({title: 'ours', head: 'signalbox/x', files: {'x.md': 'x\n'}})
    for (let nth = 0; nth < 100; nth++)
      web.pullRequest({title: `bump ${nth}`, head: `bump-${nth}`, files: {'b.md': `${nth}\n`}})
    const look = await host.openPullRequests(OURS)
    if (look.kind !== 'seen') throw new Error(JSON.stringify(look))
    expect(look.value).toHaveLength(101)
    expect(look.value.at(-1)).toMatchObject({number: ours.number, headRef: 'signalbox/x'})
  })

  test('sets variables', async () => {
    const query = {...OURS, name: 'API_BASE'}
    expect(await host.variable(query)).toEqual({kind: 'missing'})
    expect(await host.updateVariable({...query, value: 'a'})).toEqual({kind: 'missing'})
    expect(await host.createVariable({...query, value: 'a'})).toMatchObject({kind: 'seen'})
    expect(await host.createVariable({...query, value: 'a'})).toEqual({kind: 'failed', reason: 'conflict'})
    expect(await host.updateVariable({...query, value: 'b'})).toMatchObject({kind: 'seen'})
    expect(await host.variable(query)).toEqual({kind: 'seen', value: 'b'})
  })

  test('tells limits and broken answers apart', async () => {
    github.misbehave({route: 'pull', kind: 'secondaryLimit', retryAfterS: 9})
    const query = {...OURS, number: web.pullRequest({title: 'x', head: 'x', files: {'x.md': 'x'}}).number}
    expect(await host.pullRequest(query)).toMatchObject({kind: 'slow-down'})
    github.misbehave({route: 'pull', kind: 'serverError'})
    expect(await host.pullRequest(query)).toMatchObject({kind: 'failed'})
  })
})

describe('the emulator refuses', () => {
  const pullOf = () => web.pullRequest({title: 'x', head: 'x', author: 'signalbox', files: {'x.md': 'x\n'}})

  test.each([
    ['an approval of one’s own pull request', {event: 'APPROVE'}, /approve your own/],
    ['a comment without words', {event: 'COMMENT'}, /blank/],
    ['a field it does not know', {event: 'COMMENT', body: 'x', approve: true}, /not a permitted key/],
    ['an event it does not know', {event: 'SHOUT', body: 'x'}, /invalid value/],
    ['more words than GitHub takes', {event: 'COMMENT', body: 'x'.repeat(65_537)}, /too long/],
    ['a commit that is not there', {event: 'COMMENT', body: 'x', commit_id: 'f'.repeat(40)}, /commit_id/],
  ])('%s', async (_what, body, message) => {
    const {number} = pullOf()
    const route = 'POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews'
    expect(
      await refusalOf(octokit.request(route, {...WEB, pull_number: number, ...body} as never)),
    ).toMatchObject({
      status: 422,
      message: expect.stringMatching(message),
    })
  })

  test('a review’s change by somebody else', async () => {
    const {number} = pullOf()
    const {data} = await octokit.rest.pulls.createReview({
      ...WEB,
      pull_number: number,
      event: 'COMMENT',
      body: 'x',
    })
    const eve = new Octokit({
      auth: github.token({login: 'eve', permissions: PERMISSIONS}),
      baseUrl: github.url,
      throttle: {enabled: false},
    })
    const change = {...WEB, pull_number: number, review_id: data.id, body: 'y'}
    expect(await refusalOf(eve.rest.pulls.updateReview(change))).toMatchObject({status: 403})
  })

  test.each([
    ['of nothing', {head: 'same', base: 'main'}, /No commits between/],
    ['from nowhere', {head: 'none', base: 'main'}, /head invalid/],
    ['to nowhere', {head: 'same', base: 'none'}, /base invalid/],
  ])('a pull request %s', async (_what, sides, message) => {
    web.branch('same')
    expect(await refusalOf(octokit.rest.pulls.create({...WEB, title: 'x', ...sides}))).toMatchObject({
      status: 422,
      message: expect.stringMatching(message),
    })
  })

  test('what is no base64, and workflows by a token that may not write them', async () => {
    const file = {...WEB, path: 'c.md', message: 'x'}
    expect(
      await refusalOf(octokit.rest.repos.createOrUpdateFileContents({...file, content: '<>'})),
    ).toMatchObject({status: 422})
    const workflow = {...file, path: '.github/workflows/x.yml', content: 'eA=='}
    expect(await refusalOf(octokit.rest.repos.createOrUpdateFileContents(workflow))).toMatchObject({
      status: 403,
    })
  })

  test('a reference to nothing, and one without its beginning', async () => {
    const sha = web.branches().get('main') ?? ''
    expect(
      await refusalOf(octokit.rest.git.createRef({...WEB, ref: 'refs/heads/x', sha: 'f'.repeat(40)})),
    ).toMatchObject({status: 422})
    expect(await refusalOf(octokit.rest.git.createRef({...WEB, ref: 'x', sha}))).toMatchObject({status: 422})
  })

  test('a token without the permission, and names it', async () => {
    const weak = new Octokit({
      auth: github.token({permissions: {}}),
      baseUrl: github.url,
      throttle: {enabled: false},
    })
    const refused = await weak.rest.git
      .createRef({...WEB, ref: 'refs/heads/x', sha: web.branches().get('main') ?? ''})
      .catch((error: unknown) => error as RequestError)
    expect(refused).toMatchObject({status: 403})
    expect((refused as RequestError).response?.headers['x-accepted-github-permissions']).toBe(
      'contents=write',
    )
  })
})

describe('a release', () => {
  test('is a commit by branch, tag or the beginning of its id, with its author', async () => {
    const sha = web.commit('Faster\n\nwith a body', {author: 'lin'})
    web.tag('v2', sha)
    const value = {sha, message: 'Faster\n\nwith a body', author: 'lin'}
    for (const ref of ['main', 'v2', sha, sha.slice(0, 10)])
      expect(await host.commit({...OURS, ref})).toEqual({kind: 'seen', value})
    expect(await host.commit({...OURS, ref: 'none'})).toMatchObject({kind: 'refused'})
  })

  test('is compared with what was there: commits, files, and how far each is ahead', async () => {
    const base = web.branches().get('main') ?? ''
    web.branch('old', base)
    const first = web.commit('first', {files: {'a.md': 'one\nmore\n'}})
    const second = web.commit('second', {files: {'migrations/1.sql': 'select 1;\n', 'src/b.ts': null}})
    const ahead = await host.compare({...OURS, base, head: second})
    expect(ahead).toMatchObject({
      kind: 'seen',
      value: {
        ...{ahead: 2, behind: 0, truncated: false},
        commits: [{sha: first}, {sha: second}],
        files: [
          {path: 'a.md', status: 'modified', additions: 1, deletions: 0},
          {path: 'migrations/1.sql', status: 'added'},
          {path: 'src/b.ts', status: 'removed'},
        ],
      },
    })
    expect(await host.compare({...OURS, base: second, head: base})).toMatchObject({
      value: {ahead: 0, behind: 2, commits: [], files: []},
    })
    const other = web.commit('other', {branch: 'old', files: {'c.md': 'x\n'}})
    expect(await host.compare({...OURS, base: second, head: other})).toMatchObject({
      value: {ahead: 1, behind: 2, commits: [{sha: other}], files: [{path: 'c.md'}]},
    })
    expect(await host.compare({...OURS, base: 'none', head: base})).toEqual({kind: 'missing'})
  })

  test('tells which pull requests brought a commit', async () => {
    const before = web.branches().get('main') ?? ''
    const pull = web.pullRequest({title: 'Faster', head: 'fast', author: 'lin', files: {'c.md': 'x\n'}})
    web.branch('main', pull.headSha)
    expect(await host.pullRequestsOf({...OURS, sha: pull.headSha})).toMatchObject({
      kind: 'seen',
      value: [{number: pull.number, title: 'Faster', author: 'lin'}],
    })
    expect(await host.pullRequestsOf({...OURS, sha: before})).toEqual({kind: 'seen', value: []})
    expect(await host.pullRequestsOf({...OURS, sha: 'f'.repeat(40)})).toMatchObject({kind: 'refused'})
  })
})

describe('what was merged', () => {
  test('comes newest first, without what was only closed, as many as wanted', async () => {
    const [first, closed, second, third] = ['one', 'closed', 'two', 'three'].map(title =>
      web.pullRequest({title, head: title, author: 'lin', files: {[`${title}.md`]: 'x\n'}}),
    )
    web.pullRequest({title: 'open', head: 'open', files: {'o.md': 'x\n'}})
    for (const pull of [third, first, second]) {
      pull?.merge()
      later += 1000
    }
    closed?.close()
    const look = await host.mergedPullRequests({...OURS, count: 2})
    if (look.kind !== 'seen') throw new Error(look.kind)
    expect(look.value).toMatchObject([
      {number: second?.number, title: 'two', author: 'lin', url: second?.url},
      {number: first?.number, title: 'one'},
    ])
    expect(web.file('two.md')).toBe('x\n')
    const all = await host.mergedPullRequests({...OURS, count: 10})
    expect(all).toMatchObject({value: {length: 3}})
  })

  test('and what was closed is found by its branch', async () => {
    const pull = web.pullRequest({title: 'ours', head: 'signalbox/x', files: {'x.md': 'x\n'}})
    web.pullRequest({title: 'other', head: 'signalbox/y', files: {'y.md': 'y\n'}})
    web.pullRequest({title: 'a fork’s', head: 'signalbox/x', fork: 'eve/web', files: {'z.md': 'z\n'}})
    pull.close()
    expect(await host.pullRequestsFrom({...OURS, branch: 'signalbox/x'})).toMatchObject({
      kind: 'seen',
      value: {length: 1, 0: {number: pull.number, state: 'closed'}},
    })
    expect(await host.pullRequestsFrom({...OURS, branch: 'none'})).toEqual({kind: 'seen', value: []})
  })
})
