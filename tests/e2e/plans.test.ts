import {PermissionFlagsBits as Permission} from 'discord-api-types/v10'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import type {Fault} from '../../src/emulators/github/faults.ts'
import type {Repository} from '../../src/emulators/github/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const YAML = `${DEFAULT_YAML.replace(
  'principals:',
  'principals:\n  - { id: leo, discord: "444444444444444444", roles: [team_lead] }',
)}
approvals: { policies: { low: { approvers: 1, roles: [team_lead] } } }
plans: { label: todo }
`
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000})

let world: World
let leo: World['ada']
let repository: Repository
beforeAll(async () => {
  world = await openWorld({yaml: YAML, permissions: {issues: 'read'}, env: {GITHUB_TIMEOUT_MS: '800'}})
  leo = world.discord.person('leo', {id: '444444444444444444'})
})
afterAll(() => world.close())

/** Each test has a label, and so a plan, of its own. */
let label = ''
let labels = 0
beforeEach(() => {
  label = `ready-${++labels}`
  repository = world.github.repository('acme/web')
})

const issues = (...titles: string[]) => titles.map(title => repository.issue(title, 'ada', [label]))
const planMessage = () =>
  world.discord.eventually(
    () =>
      world.discord
        .channel('general')
        .messages()
        .find(message => message.content.includes('plan of') && textOf(message).includes(`\`${label}\``)),
    {what: `the plan of ${label}`},
  )
const planSays = (text: string) =>
  world.discord.eventually(
    () =>
      world.discord
        .channel('general')
        .messages()
        .some(message => textOf(message).includes(`\`${label}\``) && textOf(message).includes(text)),
    {what: text, timeoutMs: 15_000},
  )
/** A thread has the id of the message it is on. */
const threadSays = async (text: string) => {
  const {id} = await planMessage()
  await world.discord.eventually(() => world.ada.sees({id}).some(each => textOf(each).includes(text)), {
    what: `${text} in the thread`,
    timeoutMs: 15_000,
  })
}
const planned = async () => {
  const talk = await world.ada.runs(`/plan label:${label}`)
  await says(talk, '✅ plan posted')
  return planMessage()
}

describe('/plan', () => {
  test('posts the issues without the pull requests, opens a thread, and says there how to approve', async () => {
    issues(...Array.from({length: 12}, (_, n) => `Task @everyone ${n + 1}`))
    repository.pullRequest({title: 'not an issue', head: `pull-${label}`, labels: [label], files: {a: '1'}})
    const message = await planned()
    const text = textOf(message)
    expect(message.content).toMatch(/^⏳ plan of \d{4}-\d\d-\d\d · 12 issues, waits for approval/u)
    expect(text.match(/▫️/gu)).toHaveLength(10)
    expect(text).toContain('… and 2 more')
    expect(text).not.toContain('not an issue')
    expect(message.pings).toEqual([])
    await threadSays('approve it with the button of its message, or with `/approve id:')
    const started = world.discord.requests.filter(({name}) => name === 'startThread').at(-1)
    expect(started?.body).toMatchObject({
      name: expect.stringMatching(/^Daily Plan - \d{4}-\d\d-\d\d$/),
      auto_archive_duration: 1440,
    })
  })

  test('takes the label of the configuration where none is given', async () => {
    const talk = await world.ada.runs('/plan')
    await says(talk, '❌ /plan could not be done')
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toContain('No open issue of acme/web has the label todo.')
  })

  test('asked twice on a day shows the plan that is open, and opens no second thread', async () => {
    issues('One')
    await planned()
    const before = world.discord.requests.filter(({name}) => name === 'startThread').length
    await attemptAgain(world, 'propose')
    const again = await world.bob.runs(`/plan label:${label}`)
    await says(again, 'today’s plan is there already')
    expect(world.discord.requests.filter(({name}) => name === 'startThread')).toHaveLength(before)
    const all = world.discord.channel('general').messages()
    expect(
      all.filter(message => textOf(message).includes(`\`${label}\``) && message.content.includes('plan of')),
    ).toHaveLength(1)
  })

  test('goes on in its message where the bot may open no threads', async () => {
    const quiet = world.discord.channel('quiet')
    quiet.permit(
      Permission.ViewChannel |
        Permission.SendMessages |
        Permission.EmbedLinks |
        Permission.ReadMessageHistory,
    )
    issues('One')
    const talk = await world.ada.runs(`/plan label:${label}`, {channel: quiet})
    await says(talk, 'I may not open threads there')
    await world.discord.eventually(() =>
      quiet.messages().some(message => textOf(message).includes('approve it with the button')),
    )
  })

  test('says so where it may not post, and leaves no plan behind', async () => {
    const closed = world.discord.channel('closed')
    closed.permit(Permission.ViewChannel)
    issues('One')
    const talk = await world.root.runs(`/plan label:${label} channel_id:${closed.id}`)
    await says(talk, 'The plan can’t be posted there')
    await planned()
  })

  test('is not posted to another channel for just anybody', async () => {
    issues('One')
    const other = world.discord.channel('elsewhere')
    const talk = await world.ada.runs(`/plan label:${label} channel_id:${other.id}`)
    await says(talk, 'Only an admin can have a plan posted to another channel')
    expect(other.messages()).toEqual([])
    const admin = await world.root.runs(`/plan label:${label} channel_id:${other.id}`)
    await says(admin, '✅ plan posted')
    expect(other.messages()).toHaveLength(1)
  })

  test.each<[string, Fault, string]>([
    ['403', {route: 'issues', kind: 'forbidden'}, 'Our GitHub token may not do this'],
    ['404', {route: 'issues', kind: 'notFound'}, 'acme/web was not found, or our token can’t see it.'],
  ])('tells of %s by GitHub, and posts nothing', async (_what, fault, sentence) => {
    issues('One')
    world.github.misbehave(fault)
    const talk = await world.ada.runs(`/plan label:${label}`)
    await says(talk, '❌ /plan could not be done')
    expect(textOf(talk.reply())).toContain(sentence)
  })

  test('is posted once although GitHub and Discord stumble on the way', async () => {
    issues('One')
    world.github.misbehave({route: 'issues', kind: 'serverError', status: 503})
    world.discord.misbehave({route: 'startThread', kind: 'dropAfter'})
    await planned()
    await threadSays('approve it with the button')
  })
})

describe('a plan', () => {
  test('is started by somebody else who may, counts what is closed, and ends with its last issue', async () => {
    const [one = 0, two = 0] = issues('One', 'Two')
    const {id} = await planned()
    const own = await world.ada.presses({id}, 'Approve')
    await says(own, 'You asked for this plan, so somebody else has to approve it.')
    const stranger = await world.bob.presses({id}, 'Approve')
    await says(stranger, 'needs one of these roles: team lead.')
    const approved = await leo.presses({id}, 'Approve')
    await says(approved, '✅ the plan is started')
    await planSays('0 of 2 done')
    const said = world.ada.sees({id}).length
    await attemptAgain(world, 'tell')
    expect(world.ada.sees({id})).toHaveLength(said)

    repository.closeIssue(one)
    await planSays('1 of 2 done')
    await threadSays('1 of 2 closed')
    world.discord.archive(id)
    repository.closeIssue(two, 'not_planned')
    await planSays('completed, 1 of 2 done')
    await threadSays('1 completed · 1 not planned · 0 open')
    expect((await planMessage()).components).toEqual([])
  })

  test('is approved by its id as well, and only once', async () => {
    issues('One')
    await planned()
    await threadSays('plan ')
    const {id} = await planMessage()
    const [plan] =
      /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(world.ada.sees({id}).map(textOf).join('\n')) ?? []
    const first = await leo.runs(`/approve id:${plan}`)
    await says(first, '✅ the plan is started')
    const second = await leo.runs(`/approve id:${plan}`)
    await says(second, 'The plan is under way already, by leo.')
  })

  test('is ended with /ship run_id by what GitHub says at that moment', async () => {
    const [one = 0] = issues('One', 'Two')
    const {id} = await planned()
    await says(await leo.presses({id}, 'Approve'), '✅ the plan is started')
    const lost = world.github.misbehave({webhook: 'lost', event: 'issues', times: 5})
    repository.closeIssue(one)
    const plan = /plan `([0-9a-f]{8})`/.exec(textOf(await planMessage()))?.[1] ?? ''
    const talk = await world.ada.runs(`/ship run_id:${plan}`)
    await says(talk, '⚠️ the plan ended with issues left open')
    lost()
    expect(textOf(talk.reply())).toContain('1 completed · 0 not planned · 1 open')
    await planSays('ended with 1 of 2 left open')
  })

  test('is cancelled by whoever asked for it, and not by a stranger', async () => {
    issues('One')
    const {id} = await planned()
    await says(
      await world.bob.presses({id}, 'Cancel'),
      'Only ada, an admin or one of these roles can end this plan',
    )
    await says(await world.ada.presses({id}, 'Cancel'), '⚪ the plan is cancelled')
    await planSays('cancelled')
    await planned()
  })
})
