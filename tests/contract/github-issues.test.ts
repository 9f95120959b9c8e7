import {afterEach, beforeEach, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator} from '../../src/emulators/github/index.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'

const OURS = {repository: 'acme/web'}

let github: GithubEmulator
beforeEach(async () => {
  github = await startGithubEmulator()
})
afterEach(() => github.close())

const open = (permissions: Readonly<Record<string, 'read' | 'write'>>) =>
  createOctokitRepositoryHost({
    auth: {kind: 'token', token: github.token({login: 'signalbox', permissions})},
    ...{apiUrl: github.url, clock: Date.now, throttle: false},
  })

test('issues in full come page by page, oldest first, without pull requests', async () => {
  const web = github.repository('acme/web')
  for (let n = 1; n <= 101; n++)
    web.issue(`Issue ${n}`, 'ada', n === 1 ? ['bug'] : [], n === 1 ? 'Why?' : undefined)
  web.pullRequest({title: 'No issue', head: 'x', files: {'a.txt': 'a'}})
  const closed = web.issue('Closed')
  web.closeIssue(closed)
  const host = await open({issues: 'read'})
  const look = await host.issuesInFull(OURS)
  if (look.kind !== 'seen') throw new Error(look.kind)
  expect(look.value.complete).toBe(true)
  expect(look.value.items).toHaveLength(101)
  expect(look.value.items[0]).toMatchObject({number: 1, body: 'Why?', author: 'ada', labels: ['bug']})
  expect(look.value.items[1]).toMatchObject({body: '', labels: []})
})

test('labels are added to those that are there; whatever the case, one is one', async () => {
  const web = github.repository('acme/web')
  const number = web.issue('Slow', 'ada', ['Bug'])
  const host = await open({issues: 'write'})
  for (let n = 0; n < 2; n++)
    expect(await host.addLabels({...OURS, number, labels: ['bug', 'triaged']})).toEqual({
      kind: 'seen',
      value: null,
    })
  expect(web.labels(number)).toEqual(['Bug', 'triaged'])
  expect(await host.addLabels({...OURS, number: 77, labels: ['x']})).toEqual({kind: 'missing'})
  expect(await host.addLabels({...OURS, number, labels: ['x'.repeat(51)]})).toMatchObject({kind: 'refused'})
  const reader = await open({issues: 'read'})
  expect(await reader.addLabels({...OURS, number, labels: ['x']})).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('issues=write') as string,
  })
})

test('a comment of ours is edited, one of somebody else is not', async () => {
  const web = github.repository('acme/web')
  const number = web.issue('Slow')
  const theirs = web.comment({on: number, author: 'mallory', body: 'mine'})
  const host = await open({issues: 'write'})
  const made = await host.createComment({...OURS, number, body: 'one'})
  const id = made.kind === 'seen' ? made.value.id : ''
  expect(await host.updateComment({...OURS, id, body: 'two'})).toMatchObject({
    value: {body: 'two'},
  })
  expect(await host.updateComment({...OURS, id: String(theirs.id), body: 'x'})).toMatchObject({
    kind: 'refused',
  })
  expect(await host.updateComment({...OURS, id: '1', body: 'x'})).toEqual({kind: 'missing'})
  expect(web.comments.map(({body}) => body)).toEqual(['mine', 'two'])
})

test('the commits of a file are those that changed it, newest first', async () => {
  const web = github.repository('acme/web')
  web.commit('one', {author: 'ada', files: {'src/a.ts': '1'}})
  web.commit('other', {author: 'bob', files: {'src/b.ts': '1'}})
  web.commit('two', {author: 'grace', files: {'src/a.ts': '2'}})
  const host = await open({contents: 'read'})
  const look = await host.commitsOfFile({...OURS, path: 'src/a.ts'})
  expect(look.kind === 'seen' && look.value.map(({author}) => author)).toEqual(['grace', 'ada'])
  expect(await host.commitsOfFile({...OURS, path: 'src/none.ts'})).toEqual({kind: 'seen', value: []})
})
