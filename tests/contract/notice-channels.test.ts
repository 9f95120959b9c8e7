import {randomUUID} from 'node:crypto'
import {afterEach, describe, expect, test} from 'vitest'
import type {Person} from '../../src/access/people.ts'
import {startDiscordEmulator} from '../../src/emulators/discord/index.ts'
import {startGithubEmulator} from '../../src/emulators/github/index.ts'
import {createDiscordApi} from '../../src/integrations/discord/api.ts'
import {createOctokitRepositoryHost} from '../../src/integrations/github/octokit-repository-host.ts'
import {createDiscordNotices} from '../../src/notifications/channels/discord.ts'
import {createPullRequestNotices} from '../../src/notifications/channels/pull-request.ts'
import type {NewNotice, Notice} from '../../src/notifications/notice.ts'
import {aNotice} from '../support/notices.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function written(more: Partial<NewNotice & Notice> = {}): Notice {
  return {...aNotice(more), id: randomUUID(), seq: 1, at: Date.now(), ...more}
}
const how = (more: {readonly key?: string; readonly thread?: string} = {}) => ({
  key: randomUUID(),
  thread: undefined,
  signal: AbortSignal.timeout(10_000),
  ...more,
})

describe('Discord', () => {
  async function aServer() {
    const server = await startDiscordEmulator()
    closers.push(() => server.close())
    const ada = server.person('ada')
    const persons: Person[] = [
      {id: 'ada', roles: [], accounts: {discord: ada.id}},
      {id: 'bob', roles: [], accounts: {email: 'bob@example.com'}},
    ]
    const messages = new Map<string, {readonly channelId: string; readonly messageId: string}>()
    let now = Date.now()
    const discord = createDiscordApi({
      apiUrl: server.url,
      applicationId: server.applicationId,
      token: server.botToken,
    })
    const channel = createDiscordNotices({
      discord,
      people: {find: async id => persons.find(person => person.id === id)},
      replies: {messageOf: async id => messages.get(id)},
      statusChannelId: server.channel('status').id,
      clock: () => now,
    })
    return {server, ada, discord, channel, messages, later: (ms: number) => (now += ms)}
  }

  test('tells it in a message of its own that pings those who are to act, and nobody whom its words name', async () => {
    const {server, ada, channel} = await aServer()
    const notice = written({
      event: 'approval_reminder',
      title: `@everyone <@${ada.id}> **client**`,
      people: ['bob', 'nobody'],
      watchers: ['ada'],
      data: {note: '@here [x](https://evil.example)'},
    })
    const told = await channel.tell(notice, how())
    const [message] = server.channel('status').messages()
    expect(told).toEqual({kind: 'told', id: message?.id})
    expect(message?.content).toMatch(/^⏳ /)
    expect(message?.pings).toEqual([])
    await channel.tell({...notice, people: ['bob', 'ada']}, how())
    expect(server.channel('status').messages().at(-1)?.pings).toEqual([`<@${ada.id}>`])
  })

  test('below the request’s own message, in its channel', async () => {
    const {server, discord, channel, messages} = await aServer()
    const ops = server.channel('ops').id
    const sent = await discord.createMessage(
      ops,
      {content: 'request', embeds: [], components: [], allowed_mentions: {parse: []}},
      {nonce: 'n'},
    )
    if (sent.kind !== 'sent') throw new Error(sent.reason)
    const id = randomUUID()
    messages.set(id, {channelId: ops, messageId: sent.messageId})
    await channel.tell(written({story: `approval:${id}`, channelId: ops}), how())
    const posts = server.requests.filter(
      ({method, path}) => method === 'POST' && path.endsWith(`/channels/${ops}/messages`),
    )
    expect(posts.at(-1)?.body).toMatchObject({message_reference: {message_id: sent.messageId}})
  })

  test('once, though the answer to the first try was lost', async () => {
    const {server, channel} = await aServer()
    const [notice, again] = [written(), how()]
    server.misbehave({route: 'createMessage', kind: 'dropAfter'})
    expect((await channel.tell(notice, again)).kind).toBe('failed')
    const told = await channel.tell(notice, again)
    const messages = server.channel('status').messages()
    expect(messages).toHaveLength(1)
    expect(told).toEqual({kind: 'told', id: messages[0]?.id})
  })

  test('once, also long after Discord forgot the nonce; what says something else does not count', async () => {
    const {server, channel, later} = await aServer()
    const notice = written()
    const first = await channel.tell(notice, how())
    later(180_000)
    expect(await channel.tell(notice, how())).toEqual(first)
    expect(await channel.tell({...notice, seq: 2}, how())).not.toEqual(first)
    expect(server.channel('status').messages()).toHaveLength(2)
  })

  test('not where the command’s own message says it already', async () => {
    const {server, channel, messages} = await aServer()
    const notice = written({event: 'task_failed', story: 'run:wf-1', correlationId: randomUUID()})
    messages.set(notice.correlationId, {channelId: '1', messageId: '2'})
    expect(await channel.tell(notice, how())).toMatchObject({kind: 'skipped'})
    expect(await channel.tell({...notice, correlationId: randomUUID()}, how())).toMatchObject({kind: 'told'})
    expect(server.channel('status').messages()).toHaveLength(1)
  })

  test('a channel that we may not write to is refused, not tried for ever', async () => {
    const {server, channel} = await aServer()
    server.channel('status').permit(0n)
    expect((await channel.tell(written(), how())).kind).toBe('refused')
  })
})

describe('a pull request', () => {
  async function aRepository(options: {readonly repositories?: readonly string[]} = {}) {
    const github = await startGithubEmulator()
    closers.push(() => github.close())
    const web = github.repository('acme/web')
    web.commit('begin', {files: {'a.md': 'one\n'}})
    const {number} = web.pullRequest({title: 'Change it', head: 'change', files: {'a.md': 'two\n'}})
    const token = github.token({
      login: 'signalbox',
      permissions: {metadata: 'read', pull_requests: 'write'},
    })
    const host = await createOctokitRepositoryHost({
      auth: {kind: 'token', token},
      apiUrl: github.url,
      throttle: false,
      clock: Date.now,
    })
    const {repositories = ['acme/web']} = options
    const channel = createPullRequestNotices({host, repositories, clock: Date.now})
    const notice = (more: Partial<NewNotice> = {}) =>
      written({event: 'approval_approved', pullRequest: {repository: 'acme/web', number}, ...more})
    return {github, web, channel, notice, number}
  }

  test('gets a comment in which foreign words do nothing', async () => {
    const {web, channel, notice, number} = await aRepository()
    const told = await channel.tell(
      notice({title: '@ada <img src=x> **boom**', data: {note: 'because\n# I can @everyone'}}),
      how(),
    )
    const [comment] = web.comments
    expect(told).toEqual({kind: 'told', id: String(comment?.id)})
    expect(comment).toMatchObject({number, author: 'signalbox'})
    expect(comment?.body).toContain('✅')
    expect(comment?.body.replace(/^<!--.*-->/, '')).not.toMatch(/@[a-z]|<img|^#|[^\\]\*\*boom/m)
  })

  test('once, though the answer to the first try was lost', async () => {
    const {github, web, channel, notice} = await aRepository()
    const [same, again] = [notice(), how()]
    github.misbehave({route: 'createComment', kind: 'reset', takesEffect: true})
    expect((await channel.tell(same, again)).kind).toBe('failed')
    expect(web.comments).toHaveLength(1)
    expect(await channel.tell(same, again)).toEqual({kind: 'told', id: String(web.comments[0]?.id)})
    expect(web.comments).toHaveLength(1)
    await channel.tell(same, how())
    expect(web.comments).toHaveLength(2)
  })

  test('waits out GitHub’s limits, and gives up on what is not there', async () => {
    const {github, channel, notice} = await aRepository()
    github.misbehave({route: 'issueComments', kind: 'secondaryLimit', retryAfterS: 30})
    const told = await channel.tell(notice(), how())
    expect(told).toMatchObject({kind: 'failed'})
    expect(told.kind === 'failed' && told.retryAfterMs).toBeGreaterThan(25_000)
    const gone = notice({pullRequest: {repository: 'acme/web', number: 999}})
    expect((await channel.tell(gone, how())).kind).toBe('refused')
  })

  test('of a repository that is not ours is left alone', async () => {
    const {channel, notice} = await aRepository({repositories: ['Acme/Web']})
    expect(channel.tells(notice())).toBe(true)
    expect(channel.tells(notice({pullRequest: {repository: 'evil/web', number: 1}}))).toBe(false)
    expect(channel.tells(aNotice())).toBe(false)
  })
})
