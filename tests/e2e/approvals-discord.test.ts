import {InteractionType} from 'discord-api-types/v10'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {ballotOf} from '../../src/approvals/ballot.ts'
import type {ApprovalRequest, NewApproval} from '../../src/approvals/request.ts'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import type {RiskLevel} from '../../src/kernel/risk-level.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {anAsk, aPerson, openApprovals, type OpenApprovals} from '../support/approvals.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const TEAM = [
  aPerson('grace', ['tech_lead'], '111111111111111001'),
  aPerson('tom', ['team_lead'], '111111111111111002'),
  aPerson('lin', ['tech_lead'], '111111111111111003'),
  aPerson('cleo', ['cto'], '111111111111111004'),
  aPerson('dev', ['developer'], '111111111111111005'),
]
const YAML = DEFAULT_YAML.replace(
  'principals:',
  [
    'principals:',
    ...TEAM.map(
      ({id, roles, accounts}) =>
        `  - { id: ${id}, discord: "${accounts.discord}", roles: [${roles.join()}] }`,
    ),
  ].join('\n'),
)

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, words: string | RegExp) => {
  const fits = (text: string) => (typeof words === 'string' ? text.includes(words) : words.test(text))
  return talk.settled(({reply}) => fits(textOf(reply())), {timeoutMs: 20_000, what: String(words)})
}

let world: World
let here: OpenApprovals
let people: Record<'grace' | 'tom' | 'lin' | 'cleo' | 'dev' | 'mallory', Person>
beforeAll(async () => {
  world = await openWorld({yaml: YAML, env: {APPROVAL_SWEEP_MS: '300'}})
  here = openApprovals(world.database.url, {persons: [...TEAM]})
  const known = TEAM.map(
    ({id, accounts}) => [id, world.discord.person(id, {id: accounts.discord ?? ''})] as const,
  )
  people = {...Object.fromEntries(known), mallory: world.discord.person('mallory')} as typeof people
})
afterAll(async () => {
  await here.close()
  await world.close()
})
afterEach(async () => {
  for (const {id} of await here.approvals.pending({limit: 100}))
    await transaction(here.pool, db => here.approvals.cancel(db, id, {by: 'the test'}))
})

interface Asked {
  readonly request: ApprovalRequest
  /** The request's own message, as it was when it was first seen. */
  readonly message: MessageView
}

/** Grace asks for a deploy; in its channel stands the message with the buttons. */
async function graceAsks(level: RiskLevel = 'high', rest: Partial<NewApproval> = {}): Promise<Asked> {
  const channelId = world.discord.channel('releases').id
  const requester = {name: 'grace', person: 'grace', account: {kind: 'discord', id: people.grace.id}} as const
  const request = await here.ask(anAsk({level, channelId, requester, ...rest}))
  const message = await world.discord.eventually(
    () =>
      world.discord
        .channel('releases')
        .messages()
        .find(each => each.components.length > 0 && textOf(each).includes(request.id.slice(0, 8))),
    {timeoutMs: 10_000, what: 'the message of the request'},
  )
  return {request, message}
}

const now = async ({request}: Asked) => {
  const found = await here.approvals.find(request.id)
  if (!found) throw new Error('the request is gone')
  return found
}
const shown = ({message}: Asked) =>
  world.discord
    .channel('releases')
    .messages()
    .find(({id}) => id === message.id)
const hasNoButtons = (asked: Asked) =>
  world.discord.eventually(
    () => {
      const message = shown(asked)
      return message?.components.length === 0 ? message : undefined
    },
    {what: 'the message without buttons'},
  )
/** What people tried, and what became of it; that the product then acts on it is not theirs. */
const lines = async ({request}: Asked) =>
  (await here.approvals.history(request.id))
    .filter(({action}) => action !== 'use')
    .map(({action, actor, metadata}) =>
      [action, actor, ...(action === 'refuse' ? [metadata['code'] as string] : [])].join(' '),
    )
/** A press of a button that the message may not have any more: old messages stay clickable for ever. */
const late = (who: Person, {message, request}: Asked, intent: string, ballot = ballotOf(request)) =>
  who.sendsRaw({
    type: InteractionType.MessageComponent,
    data: {custom_id: `v1:${intent}:${ballot}`, component_type: 2},
    message,
  })

describe('a request', () => {
  test('calls once those who may decide it, but for who asked, and shows them its buttons', async () => {
    const asked = await graceAsks()
    expect(asked.message.content).toMatch(/^⏳ client → production · waits for 2 approvals \(0 of 2\)/)
    expect([...asked.message.pings].sort()).toEqual(
      [people.tom, people.lin, people.cleo].map(({id}) => `<@${id}>`).sort(),
    )
    const drawn = JSON.stringify(asked.message.components)
    for (const label of ['Approve', 'Reject', 'Ask']) expect(drawn).toContain(`"label":"${label}"`)
  })

  test('that one click decides shows by whom and where, without buttons, within two seconds', async () => {
    const asked = await graceAsks('medium')
    const talk = await people.tom.presses(asked.message, 'Approve')
    await says(talk, '✅ your approval counts · approved')
    const decidedAt = (await now(asked)).decidedAt ?? 0
    const message = await hasNoButtons(asked)
    expect(Date.now() - decidedAt).toBeLessThan(2000)
    expect(message.content).toMatch(/^✅ client → production · approved$/)
    expect(textOf(message)).toMatch(/approved by \*\*tom\*\* \(team\\?_lead\) via Discord, <t:\d+:t>/)
    expect(talk.ephemeral).toBe(true)
    expect(await now(asked)).toMatchObject({
      status: 'approved',
      decisions: [{principal: 'tom', surface: 'discord'}],
    })
    // They were called when it was asked; what became of it is no call.
    expect(message.content).not.toContain('<@')
  })

  test('of high risk takes two persons: the first is told what is missing, the second decides', async () => {
    const asked = await graceAsks('high')
    const first = await people.tom.presses(asked.message, 'Approve')
    await says(
      first,
      /✅ your approval counts · 1 of 2\n[^]*still waits for 1 more approval, one of a tech\\_lead or cto/,
    )
    await world.discord.eventually(() => shown(asked)?.content.includes('(1 of 2)'))
    const second = await people.lin.presses(asked.message, 'Approve')
    await says(second, 'your approval counts · approved')
    const decidedAt = (await now(asked)).decidedAt ?? 0
    await hasNoButtons(asked)
    expect(Date.now() - decidedAt).toBeLessThan(2000)
    expect(await lines(asked)).toEqual(['ask grace', 'approve tom', 'approve lin'])
  })

  test('can be decided by commands too, with suggestions of what is the person’s to decide', async () => {
    const asked = await graceAsks('high')
    const listed = await people.lin.runs('/approvals')
    await says(listed, /⏳ approvals · 1 for you to decide\n\*\*high\*\* \[client → production\]/)
    expect(textOf(listed.reply())).toContain(`/${asked.message.id}>)`)
    await says(await people.dev.runs('/approvals'), '📋 nothing waits for you')
    await says(await people.mallory.runs('/approvals show:all'), 'approvals · 1 pending')

    expect(await people.grace.completes('/approve id:')).toEqual([])
    expect(await people.mallory.completes('/approve id:')).toEqual([])
    const [choice] = await people.lin.completes('/approve id:client')
    expect(choice).toMatchObject({value: ballotOf(asked.request)})
    expect(choice?.name).toMatch(/^client → production · high · grace · /)
    await says(await people.lin.runs(`/approve id:${choice?.value}`), 'your approval counts · 1 of 2')
    await says(await people.lin.runs('/approvals'), 'nothing waits for you')
    const rejected = await people.cleo.runs(
      `/reject id:${asked.request.id.slice(0, 8)} reason:not on a Friday`,
    )
    await says(rejected, 'your rejection counts · rejected')
    expect(textOf(await hasNoButtons(asked))).toContain('not on a Friday')
    for (const action of ['approve', 'reject']) await attemptAgain(world, action)
    expect(await lines(asked)).toEqual(['ask grace', 'approve lin', 'reject cleo'])
  })
})

describe('a form', () => {
  test('asks for the reason of a rejection, without which there is none', async () => {
    const asked = await graceAsks('high')
    const opened = await (await people.tom.presses(asked.message, 'Reject')).acknowledged()
    expect(opened.modal?.title).toBe('Reject')
    await expect(people.tom.submits(opened, {})).rejects.toThrow('is required')
    const empty = await people.tom.submits(opened, {reason: '   '})
    await empty.acknowledged()
    expect(textOf(empty.reply())).toContain('/reject was not started')
    const bare = await people.tom.sendsRaw({
      data: {name: 'reject', type: 1, options: [{name: 'id', type: 3, value: asked.request.id}]},
    })
    await bare.acknowledged()
    expect(textOf(bare.reply())).toContain('/reject was not started')
    expect((await now(asked)).status).toBe('pending')

    const sent = await people.tom.submits(opened, {
      'Why not?': 'the @everyone [tests](https://evil.example) are red',
    })
    expect((await sent.acknowledged()).ephemeral).toBe(true)
    expect(sent.ackMs).toBeLessThan(3000)
    await says(sent, 'your rejection counts · rejected')
    const message = await hasNoButtons(asked)
    expect(message.content).toBe('⛔ client → production · rejected')
    expect(textOf(message)).not.toContain('@everyone')
    expect(textOf(message)).not.toContain('](https://evil')
    expect(message.pings.filter(ping => !/^<@\d+>$/.test(ping))).toEqual([])
    expect(await now(asked)).toMatchObject({
      status: 'rejected',
      decisions: [{principal: 'tom', reason: 'the @everyone [tests](https://evil.example) are red'}],
    })
  })

  test('asks for the justification that critical risk needs; a command without one does not count', async () => {
    const asked = await graceAsks('critical')
    const bare = await people.lin.runs(`/approve id:${ballotOf(asked.request)}`)
    await says(bare, /⛔ your approval does not count\n· Say why it should go ahead/)
    const opened = await (await people.cleo.presses(asked.message, 'Approve')).acknowledged()
    expect(opened.modal?.title).toBe('Approve')
    await says(await people.cleo.submits(opened, {justification: 'the fix of the outage'}), 'counts · 1 of 2')
    await says(
      await people.lin.runs(`/approve id:${ballotOf(asked.request)} justification:checked it`),
      'counts · approved',
    )
    expect((await now(asked)).decisions).toMatchObject([
      {principal: 'cleo', justification: 'the fix of the outage'},
      {principal: 'lin', justification: 'checked it'},
    ])
    expect(textOf(await hasNoButtons(asked))).toContain('the fix of the outage')
  })

  test('asks a question, which the request waits through', async () => {
    const asked = await graceAsks('high')
    const opened = await (await people.tom.presses(asked.message, 'Ask')).acknowledged()
    await says(await people.tom.submits(opened, {question: 'why today?'}), '✅ your question was asked')
    expect((await here.approvals.history(asked.request.id)).at(-1)).toMatchObject({
      action: 'question',
      actor: 'tom',
      surface: 'discord',
      note: 'why today?',
    })
    const own = await (await people.grace.presses(asked.message, 'Ask')).acknowledged()
    await says(await people.grace.submits(own, {question: 'is anything missing?'}), 'your question was asked')
    await attemptAgain(world, 'ask')
    expect(await lines(asked)).toEqual(['ask grace', 'question tom', 'question grace'])
    expect((await now(asked)).status).toBe('pending')
  })

  test('opens and is sent in the same way when Discord delivers by HTTP', async () => {
    const asked = await graceAsks('medium')
    const api = await world.startMore({ROLES: 'api', DISCORD_PUBLIC_KEY: world.discord.publicKey})
    const url = `${api.url ?? ''}/discord/interactions`
    expect(await world.discord.useInteractionsEndpoint(url)).toEqual({accepted: true})
    const opened = await (await people.tom.presses(asked.message, 'Reject')).acknowledged()
    expect(opened.modal?.title).toBe('Reject')
    await says(await people.tom.submits(opened, {reason: 'not today'}), 'your rejection counts · rejected')
    expect(await lines(asked)).toEqual(['ask grace', 'reject tom'])
    await world.discord.useInteractionsEndpoint()
    await api.stop()
  })

  test('that was open while others decided changes nothing, and says so', async () => {
    const asked = await graceAsks('medium')
    const opened = await (await people.tom.presses(asked.message, 'Reject')).acknowledged()
    await says(await people.lin.presses(asked.message, 'Approve'), 'approved')
    await says(
      await people.tom.submits(opened, {reason: 'too late'}),
      /⛔ your rejection does not count\n· It was approved by lin/,
    )
    expect(await now(asked)).toMatchObject({status: 'approved', decisions: [{principal: 'lin'}]})
    expect(await lines(asked)).toEqual(['ask grace', 'approve lin', 'refuse tom ALREADY_DECIDED'])
  })
})

describe('does not count, is told why, and is kept:', () => {
  test('a vote by who asked, by who has no role, by nobody we know; none is asked to write first', async () => {
    const asked = await graceAsks('high')
    for (const [who, intent, words] of [
      [people.grace, 'Approve', 'You asked for it yourself'],
      [people.grace, 'Reject', 'You asked for it yourself'],
      [people.dev, 'Approve', 'It needs a team\\_lead, tech\\_lead or cto; you have: developer'],
      [people.dev, 'Reject', 'It needs a team\\_lead'],
      [people.mallory, 'Approve', 'Nobody here is known by this account. Use /link'],
      [people.mallory, 'Ask', 'Nobody here is known by this account'],
    ] as const) {
      const talk = await who.presses(asked.message, intent)
      await says(talk, `· ${words}`)
      expect(talk.reply()?.content).toMatch(
        /^⛔ your (?:approval|rejection) does not count|^⛔ your question was not asked/,
      )
      expect(talk.ephemeral).toBe(true)
      expect(talk.modal).toBeUndefined()
    }
    expect((await now(asked)).decisions).toEqual([])
    expect(await lines(asked)).toEqual([
      'ask grace',
      'refuse grace OWN_REQUEST',
      'refuse grace OWN_REQUEST',
      'refuse dev NOT_ENTITLED',
      'refuse dev NOT_ENTITLED',
      `refuse discord:${people.mallory.id} UNKNOWN_PERSON`,
      `refuse discord:${people.mallory.id} UNKNOWN_PERSON`,
    ])
  })

  test('a click after it was decided', async () => {
    const asked = await graceAsks('medium')
    await says(await people.tom.presses(asked.message, 'Approve'), 'approved')
    await hasNoButtons(asked)
    for (const intent of ['approve', 'reject', 'ask'])
      await says(
        await late(people.lin, asked, intent),
        '· It was approved by tom before, so nothing was changed',
      )
    expect((await now(asked)).decisions).toMatchObject([{principal: 'tom', decision: 'approve'}])
    expect(await lines(asked)).toEqual([
      'ask grace',
      'approve tom',
      ...Array.from({length: 3}, () => 'refuse lin ALREADY_DECIDED'),
    ])
  })

  test('a click after its time was up, whoever noticed first', async () => {
    const asked = await graceAsks('medium')
    // The first end takes it up the line, the second is the last one.
    const isOver = async () => {
      await here.age(asked.request.id, 24 * 3_600_000)
      return (await now(asked)).status
    }
    await expect.poll(isOver, {timeout: 15_000}).toBe('expired')
    expect((await hasNoButtons(asked)).content).toBe('⚪ client → production · nobody decided in time')
    for (const intent of ['approve', 'reject'])
      await says(await late(people.cleo, asked, intent), '· Its time is up, so nothing was changed')
    expect((await now(asked)).decisions).toEqual([])
  })

  test('a click on what is not what is asked for now', async () => {
    const asked = await graceAsks('medium')
    const other = `${asked.request.id}_${'0'.repeat(12)}`
    await says(await late(people.tom, asked, 'approve', other), 'What you saw is not what is asked for now')
    await says(await people.tom.runs(`/approve id:${other}`), 'What you saw is not what is asked for now')
    expect(await lines(asked)).toEqual(['ask grace', 'refuse tom MOVED', 'refuse tom MOVED'])
  })

  test('a click on nothing we know, or a form of it', async () => {
    const asked = await graceAsks('medium')
    const none = `11111111-1111-4111-8111-111111111111_${'0'.repeat(12)}`
    for (const ballot of [none, 'nothing', asked.request.id.slice(0, 8)]) {
      const talk = await late(people.tom, asked, 'approve', ballot)
      await talk.acknowledged()
      expect(talk.reply()?.content).toMatch(/^⛔ this button is not in use any more/)
    }
    const component = {type: 4, id: 2, custom_id: 'reason', value: 'x'}
    const forged = await people.tom.sendsRaw({
      type: InteractionType.ModalSubmit,
      data: {custom_id: `v1:reject:${none}`, components: [{type: 18, id: 1, component}]},
      message: asked.message,
    })
    await says(forged, 'There is no such request')
    expect(await lines(asked)).toEqual(['ask grace'])
  })

  test('a form that was made up for somebody who may not decide', async () => {
    const asked = await graceAsks('high')
    const component = {type: 4, id: 2, custom_id: 'reason', value: 'because I can'}
    for (const who of [people.mallory, people.grace, people.dev]) {
      const forged = await who.sendsRaw({
        type: InteractionType.ModalSubmit,
        data: {custom_id: `v1:reject:${ballotOf(asked.request)}`, components: [{type: 18, id: 1, component}]},
        message: asked.message,
      })
      await says(forged, '⛔ your rejection does not count')
    }
    expect((await now(asked)).status).toBe('pending')
  })
})

describe('counts once:', () => {
  test('two clicks of the same person at once', async () => {
    const asked = await graceAsks('high')
    const talks = await Promise.all([1, 2].map(() => people.lin.presses(asked.message, 'Approve')))
    for (const talk of talks) await says(talk, /your approval (?:counts · 1 of 2|does not count)/)
    expect(talks.map(talk => talk.reply()?.content).sort()).toEqual([
      '⛔ your approval does not count',
      '✅ your approval counts · 1 of 2',
    ])
    expect(await now(asked)).toMatchObject({status: 'pending', decisions: [{principal: 'lin'}]})
    expect(await lines(asked)).toEqual(['ask grace', 'approve lin', 'refuse lin ALREADY_VOTED'])
  })

  test('one click that Discord delivers twice', async () => {
    const asked = await graceAsks('high')
    world.discord.misbehave({gateway: 'duplicateNextInteraction'})
    await says(await people.lin.presses(asked.message, 'Approve'), 'your approval counts · 1 of 2')
    expect(await lines(asked)).toEqual(['ask grace', 'approve lin'])
  })

  test('one decision, when several decide at once', async () => {
    const asked = await graceAsks('medium')
    const opened = await (await people.cleo.presses(asked.message, 'Reject')).acknowledged()
    const talks = await Promise.all([
      people.tom.presses(asked.message, 'Approve'),
      people.lin.presses(asked.message, 'Approve'),
      people.cleo.submits(opened, {reason: 'no'}),
    ])
    for (const talk of talks) await says(talk, /your (?:approval|rejection) (?:counts|does not count)/)
    expect(talks.filter(talk => talk.reply()?.content.startsWith('✅'))).toHaveLength(1)
    expect((await now(asked)).decisions).toHaveLength(1)
    expect((await lines(asked)).filter(line => line.startsWith('refuse'))).toHaveLength(2)
    await hasNoButtons(asked)
  })
})
