import {createHmac} from 'node:crypto'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {Octokit} from 'octokit'
import {afterEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator} from '../../src/emulators/github/index.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'

const WEB = {owner: 'acme', repo: 'web'}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(now?: () => number): Promise<GithubEmulator> {
  const github = await startGithubEmulator(now ? {now} : {})
  closing.push(() => github.close())
  return github
}

const client = (github: GithubEmulator, permissions: Record<string, 'read' | 'write'>, login = 'octo') =>
  new Octokit({
    baseUrl: github.url,
    auth: github.token({login, permissions}),
    retry: {enabled: false},
    throttle: {enabled: false},
  })

describe('comments at the GitHub emulator, through octokit', () => {
  test('are written, read and edited on issues and pull requests alike', async () => {
    const github = await start()
    const web = github.repository('acme/web')
    const issue = web.issue('It is slow', 'ada')
    const pull = web.pullRequest({title: 'Faster', head: 'faster', files: {'a.txt': 'a'}})
    expect(pull.number).toBe(issue + 1)
    const {rest} = client(github, {issues: 'write'})
    const {data, status} = await rest.issues.createComment({...WEB, issue_number: pull.number, body: 'Nice.'})
    expect(status).toBe(201)
    expect(data).toMatchObject({body: 'Nice.', user: {login: 'octo', type: 'User'}})
    expect(data.html_url).toBe(`${github.htmlUrl}/acme/web/pull/${pull.number}#issuecomment-${data.id}`)
    await rest.issues.createComment({...WEB, issue_number: issue, body: 'True.'})
    await rest.issues.updateComment({...WEB, comment_id: data.id, body: 'Very nice.'})
    expect((await rest.issues.getComment({...WEB, comment_id: data.id})).data.body).toBe('Very nice.')
    const bodies = async (issue_number: number) =>
      (await rest.issues.listComments({...WEB, issue_number})).data.map(({body}) => body)
    expect(await bodies(pull.number)).toEqual(['Very nice.'])
    expect(await bodies(issue)).toEqual(['True.'])
    expect(web.comments.map(({body}) => body)).toEqual(['Very nice.', 'True.'])
  })

  test.each([
    ['on what is not there', {issue_number: 77, body: 'x'}, 404],
    ['that say nothing', {issue_number: 1, body: ' '}, 422],
    ['that never end', {issue_number: 1, body: 'x'.repeat(65_537)}, 422],
  ])('%s are refused', async (_what, comment, status) => {
    const github = await start()
    github.repository('acme/web').issue('It is slow')
    await expect(
      client(github, {issues: 'write'}).rest.issues.createComment({...WEB, ...comment}),
    ).rejects.toMatchObject({status})
  })

  test('either permission will do, for those who have one', async () => {
    const github = await start()
    github.repository('acme/web', {private: true}).issue('It is slow')
    for (const permissions of [{issues: 'read'}, {pull_requests: 'read'}] as const) {
      const {headers} = await client(github, permissions).rest.issues.listCommentsForRepo(WEB)
      expect(headers['x-accepted-github-permissions']).toBe('issues=read; pull_requests=read')
    }
    for (const [permissions, how] of [
      [{contents: 'write'}, 'list'],
      [{issues: 'read'}, 'create'],
    ] as const) {
      const {issues} = client(github, permissions).rest
      const asked =
        how === 'list'
          ? issues.listCommentsForRepo(WEB)
          : issues.createComment({...WEB, issue_number: 1, body: 'x'})
      await expect(asked).rejects.toMatchObject({status: 403})
    }
  })

  test('only its author edits one', async () => {
    const github = await start()
    const {id} = github.repository('acme/web').comment({author: 'ada', body: 'mine'})
    await expect(
      client(github, {issues: 'write'}).rest.issues.updateComment({...WEB, comment_id: id, body: 'yours'}),
    ).rejects.toMatchObject({status: 403})
  })

  test('webhooks tell of new and edited ones, signed', async () => {
    const github = await start()
    const got: {event: string; signed: boolean; body: Record<string, never>}[] = []
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', chunk => chunks.push(chunk as Buffer))
      request.on('end', () => {
        const raw = Buffer.concat(chunks)
        const signature = `sha256=${createHmac('sha256', 's').update(raw).digest('hex')}`
        got.push({
          event: String(request.headers['x-github-event']),
          signed: request.headers['x-hub-signature-256'] === signature,
          body: JSON.parse(raw.toString()) as Record<string, never>,
        })
        response.end()
      })
    }).listen(0, '127.0.0.1')
    closing.push(() => server.close())
    await new Promise(resolve => server.once('listening', resolve))
    const {port} = server.address() as AddressInfo
    github.webhooks({url: `http://127.0.0.1:${port}/`, secret: 's', events: ['issue_comment']})
    const comment = github.repository('acme/web').comment({author: 'ada', body: 'one'})
    comment.edit('two')
    await expect.poll(() => got.length).toBe(3)
    expect(got.shift()?.event).toBe('ping')
    expect(got.map(({event, signed, body}) => [event, signed, body['action']])).toEqual([
      ['issue_comment', true, 'created'],
      ['issue_comment', true, 'edited'],
    ])
    expect(got[0]?.body).toMatchObject({
      comment: {body: 'one', user: {login: 'ada'}},
      issue: {number: 1},
      sender: {login: 'ada'},
    })
  })
})

describe('the repository host', () => {
  test('reads comments since a moment, oldest first over all pages, and tells persons, edits and the rest apart', async () => {
    let now = Date.parse('2026-11-20T12:00:00Z')
    const clock = () => now
    const github = await start(clock)
    const web = github.repository('acme/web')
    web.issue('Talk')
    web.comment({author: 'early', body: 'long ago'})
    now += 3_600_000
    const since = now
    const edited = web.comment({author: 'ada', body: 'before'})
    web.comment({author: 'helper[bot]', body: 'beep'})
    for (let n = 0; n < 120; n++) web.comment({author: 'bob', body: `number ${n}`})
    now += 5000
    edited.edit('after')

    const host = await createOctokitRepositoryHost({
      auth: {kind: 'token', token: github.token({permissions: {issues: 'read'}})},
      apiUrl: github.url,
      throttle: false,
      clock,
    })
    const look = await host.comments({repository: 'acme/web', since})
    const comments = look.kind === 'seen' ? look.value : []
    expect(comments).toHaveLength(122)
    expect(comments[0]).toMatchObject({person: 'ada', body: 'after', edited: true, createdAt: since})
    expect(comments[1]).toMatchObject({person: undefined, edited: false})
    expect(comments.slice(2).map(({body}) => body)).toEqual(
      Array.from({length: 120}, (_, n) => `number ${n}`),
    )
    expect((await host.comments({repository: 'acme/nothing', since})).kind).toBe('missing')
  })
})
