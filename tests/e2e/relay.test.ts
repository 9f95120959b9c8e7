import {PermissionFlagsBits as Permission} from 'discord-api-types/v10'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, Fault, MessageView} from '../../src/emulators/discord/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

type Spoilt = Omit<Extract<Fault, {readonly route: unknown}>, 'route'>

const NOWHERE = '555555555555555555'
const TOKEN = 'ghp_0123456789abcdefghijABCDEFGHIJ012345'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000, what: text})

let world: World
let db: pg.Client
let folder: string
/** Ids by name. */
let channels: Readonly<Record<'news' | 'closed' | 'private', string>>
beforeAll(async () => {
  // The channels have their ids only once there is a server, so whoever looks at the list starts later.
  world = await openWorld({roles: 'bot', env: {ENABLE_DEBUG_CMD: 'true'}})
  const {discord} = world
  channels = {
    news: discord.channel('news').id,
    closed: discord.channel('closed').id,
    private: discord.channel('private').id,
  }
  discord.channel('closed').permit(Permission.ViewChannel)
  folder = await mkdtemp(join(tmpdir(), 'signalbox-relay-'))
  const file = join(folder, 'signalbox.yaml')
  const listed = [channels.news, channels.closed, NOWHERE].map(id => `"${id}"`).join(', ')
  await writeFile(file, DEFAULT_YAML.replace('"444444444444444444"', listed))
  await world.startMore({ROLES: 'worker', SIGNALBOX_CONFIG: file})
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
})
// An hour goes by: else the tenth message would be the last.
beforeEach(() => db.query(`update relays set began_at = began_at - interval '1 hour'`))
afterAll(async () => {
  await db.end()
  await world.close()
  await rm(folder, {recursive: true, force: true})
})

const posts = (channel = 'news') =>
  world.discord
    .channel(channel)
    .messages()
    .map(({content}) => content)

interface AuditRow {
  readonly seq: string
  readonly id: string
  readonly at: Date
  readonly phase: string
  readonly subject: string
  readonly actor_name: string
  readonly intent: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** What the audit has of the last relayed message, oldest first. */
async function audited(): Promise<readonly AuditRow[]> {
  const {rows} = await db.query<AuditRow>(
    `select * from audit_records where action = 'relay.send' and correlation_id = (
       select correlation_id from audit_records where action = 'relay.send' order by seq desc limit 1)
     order by seq`,
  )
  return rows
}

describe('/relay-send', () => {
  test('shows a preview and posts nothing until its author confirms it; then once, and the team is told', async () => {
    const talk = await world.root.runs(
      `/relay-send channel_id:${channels.news} message:"Hello @everyone and <@${world.bob.id}>, **all** is well"`,
    )
    await says(talk, '⏳ your message · not posted yet')
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toContain(`to <#${channels.news}>`)
    expect(posts()).toEqual([])
    expect((await db.query('select from relays')).rowCount).toBe(0)

    const press = await world.root.presses({id: talk.reply()?.id ?? ''}, 'Post it')
    await says(press, '✅ your message · posted')
    expect(press.ephemeral).toBe(true)
    const [message] = world.discord.channel('news').messages()
    expect(message?.content).toBe(`Hello @\u200beveryone and <\u200b@${world.bob.id}>, **all** is well`)
    expect(message?.pings).toEqual([])
    expect(message?.mentions).toMatchObject({users: [], roles: [], everyone: false})
    expect(message?.embeds).toEqual([])
    await talk.settled(({reply}) => textOf(reply()).includes('confirmed') && reply()?.components.length === 0)

    const answer = textOf(press.reply())
    expect(answer).toContain(`message \`${message?.id}\``)
    expect(answer).toContain(`/channels/${world.discord.guildId}/${channels.news}/${message?.id}`)
    expect(answer).toMatch(/`…[0-9a-f]{4}`/)
    const note = await world.discord.eventually(
      () =>
        world.discord
          .channel('general')
          .messages()
          .find(({content, ephemeral}) => !ephemeral && content.includes('a message of root · posted')),
      {what: 'the note to the team'},
    )
    expect(textOf(note)).not.toContain('is well')

    await attemptAgain(world, 'send')
    expect(posts()).toHaveLength(1)
    expect(
      world.discord
        .channel('general')
        .messages()
        .filter(({content}) => content.includes('a message of root · posted')),
    ).toHaveLength(1)

    // [BUG] of the reference: an audit id that does not exist.
    const [intent, outcome] = await audited()
    expect(answer).toContain(`audit \`${intent?.id.slice(0, 8)}…\``)
    expect(intent).toMatchObject({
      phase: 'intent',
      actor_name: 'root',
      subject: channels.news,
      details: {confirmed: true, quiet: false, fingerprint: expect.stringMatching(/^…[0-9a-f]{4}$/)},
    })
    expect(outcome).toMatchObject({phase: 'done', intent: intent?.id, details: {message: message?.id}})
    expect(JSON.stringify(await audited())).not.toContain('is well')
  })

  test('is in the audit before Discord hears of it, never after', async () => {
    const before = posts().length
    const stop = world.discord.misbehave({route: 'createMessage', kind: 'latency', ms: 1500})
    const talk = await world.root.runs(
      `/relay-send channel_id:${channels.news} message:first-written-then-sent ephemeral:true confirm:true`,
    )
    await expect
      .poll(async () => (await audited()).map(({phase}) => phase), {timeout: 10_000})
      .toEqual(['intent'])
    expect(posts()).toHaveLength(before)
    await says(talk, '✅ your message · posted')
    stop()
    expect((await audited()).map(({phase}) => phase)).toEqual(['intent', 'done'])
    expect(posts()).toHaveLength(before + 1)
  })

  test('tells nobody else with ephemeral, and takes a second click for what it is', async () => {
    const line = `/relay-send channel_id:${channels.news} message:"once only" ephemeral:true confirm:true`
    const [first, second] = await Promise.all([world.root.runs(line), world.root.runs(line)])
    await Promise.all([first, second].map(talk => says(talk, 'your message · ')))
    await Promise.all(
      [first, second].map(talk => talk.settled(({reply}) => !textOf(reply()).includes('queued'))),
    )
    expect([textOf(first.reply()), textOf(second.reply())].filter(text => text.includes('✅'))).toHaveLength(
      1,
    )
    expect([first, second].some(talk => textOf(talk.reply()).includes('moments ago'))).toBe(true)
    expect(posts().filter(text => text === 'once only')).toHaveLength(1)
    const notes = world.discord
      .channel('general')
      .messages()
      .filter(({content}) => content.includes('a message of root'))
    expect(notes).toHaveLength(1)
  })

  test('is for admins: others are refused in private, and the attempt is in the audit', async () => {
    const before = posts().length
    // May give the command, and is no admin.
    const talk = await world.ada.runs(
      `/relay-send channel_id:${channels.news} message:"from ada" confirm:true`,
    )
    await says(talk, '⛔ your message · not posted')
    expect(textOf(talk.reply())).toContain('only admins')
    expect(talk.ephemeral).toBe(true)
    expect(await audited()).toMatchObject([
      {phase: 'refused', actor_name: 'ada', details: {rule: 'not an admin', confirmed: true}},
    ])
    // May not even give it.
    const stranger = await world.bob.runs(
      `/relay-send channel_id:${channels.news} message:"from bob" confirm:true`,
    )
    await stranger.acknowledged()
    expect(stranger.reply()?.content).toBe('⛔ you can’t run /relay-send yet')
    expect(posts()).toHaveLength(before)
  })

  test.each([
    [
      'a channel that is not on the list',
      () => channels.private,
      'hello there',
      'relay.channels',
      'not a listed place',
    ],
    [
      'a text with a secret in it',
      () => channels.news,
      `use ${TOKEN} for it`,
      'a token or a key',
      'holds a secret',
    ],
  ])('refuses %s, says what to do, and has it in the audit', async (_what, channel, text, words, rule) => {
    const before = posts().length
    const talk = await world.root.runs(`/relay-send channel_id:${channel()} message:"${text}" confirm:true`)
    await says(talk, '⛔ your message · not posted')
    expect(textOf(talk.reply())).toContain(words)
    expect(await audited()).toMatchObject([{phase: 'refused', details: {rule}}])
    expect(posts()).toHaveLength(before)
    expect(posts('private')).toEqual([])
  })

  test('keeps no text in the clear: not in the record, the queue, the audit or the log', async () => {
    const tables = await db.query<{text: string}>(
      `select i::text as text from invocations i
       union all select a::text from audit_records a union all select r::text from relays r
       union all select o::text from outbox o union all select e::text from command_effects e
       union all select p::text from replies p union all select f::text from offers f`,
    )
    const kept = [...tables.rows.map(({text}) => text), ...world.logs.map(line => JSON.stringify(line))]
    expect(kept.length).toBeGreaterThan(10)
    for (const secret of [TOKEN, 'is well', 'once only'])
      expect(kept.filter(text => text.includes(secret))).toEqual([])
  })

  test('can be confirmed by its author alone, and only while it is offered', async () => {
    const before = posts().length
    const talk = await world.root.runs(`/relay-send channel_id:${channels.news} message:"too late"`)
    await says(talk, 'not posted yet')
    const {rows} = await db.query<{id: string}>('select id from offers order by expires_at desc limit 1')
    const data = {custom_id: `v1:confirm:${rows[0]?.id ?? ''}`, component_type: 2}
    for (const person of [world.bob, world.ada]) {
      const other = await person.sendsRaw({type: 3, data, message: {id: talk.reply()?.id ?? ''}})
      await other.acknowledged()
      expect(other.reply()?.content).toBe('⛔ you can’t press this')
    }
    await db.query(`update offers set expires_at = now() - interval '1 second' where id = $1`, [rows[0]?.id])
    await says(talk, 'nobody confirmed it in time')
    expect(talk.reply()?.components).toEqual([])
    const late = await world.root.sendsRaw({type: 3, data, message: {id: talk.reply()?.id ?? ''}})
    await late.acknowledged()
    expect(late.reply()?.content).toMatch(/^⛔ this button is not in use any more/)
    expect(posts()).toHaveLength(before)
  })

  test.each<[string, () => string, Spoilt | undefined, string, string, string, number]>([
    ['403', () => channels.closed, undefined, '❌ your message · not posted', 'HTTP 403', 'failed', 0],
    ['404', () => NOWHERE, undefined, '❌ your message · not posted', 'HTTP 404', 'failed', 0],
    ['429, which is waited out', () => channels.news, {kind: 'rateLimited'}, '✅', 'go to it', 'done', 1],
    [
      'a server error that stays',
      () => channels.news,
      {kind: 'serverError', times: 50},
      '⚠️ your message · may have been posted',
      'look there before',
      'unknown',
      0,
    ],
    ['a server error that passes', () => channels.news, {kind: 'serverError'}, '✅', 'go to it', 'done', 1],
    ['an answer that is lost', () => channels.news, {kind: 'dropAfter'}, '✅', 'go to it', 'done', 1],
    [
      'a connection that breaks before',
      () => channels.news,
      {kind: 'dropBefore'},
      '✅',
      'go to it',
      'done',
      1,
    ],
  ])(
    'when Discord answers %s says so, posts once at most, and the audit agrees',
    async (what, channel, fault, first, words, phase, posted) => {
      const mark = `when ${what}`
      const stop = fault && world.discord.misbehave({route: 'createMessage', ...fault})
      const talk = await world.root.runs(
        `/relay-send channel_id:${channel()} message:"${mark}" ephemeral:true confirm:true`,
      )
      await says(talk, first)
      stop?.()
      const text = textOf(talk.reply())
      expect(text).toContain(words)
      expect(text).toContain(`<#${channel()}>`)
      expect((await audited()).map(each => each.phase)).toEqual(['intent', phase])
      expect(posts().filter(each => each === mark)).toHaveLength(posted)
    },
  )
})

describe('/relay-dm', () => {
  test('writes to a listed person alone, after a preview, and tells nobody but its author', async () => {
    const talk = await world.root.runs(`/relay-dm message:"psst, ada" target_channel_id:${world.ada.id}`)
    await says(talk, '⏳ your message · not posted yet')
    expect(world.ada.receives()).toEqual([])
    const press = await world.root.presses({id: talk.reply()?.id ?? ''}, 'Post it')
    await says(press, '✅ your message · posted')
    expect(press.ephemeral).toBe(true)
    await attemptAgain(world, 'send')
    expect(world.ada.receives().map(({content}) => content)).toEqual(['psst, ada'])
  })

  test('says so when the person takes nothing from us', async () => {
    world.discord.person('ada', {takesDirectMessages: false})
    const talk = await world.root.runs(
      `/relay-dm message:"psst again" target_channel_id:${world.ada.id} confirm:true`,
    )
    await says(talk, '❌ your message · not posted')
    expect(textOf(talk.reply())).toContain('They take no messages from me')
    world.discord.person('ada', {takesDirectMessages: true})
  })

  test('whose answer comes too late, like one to a channel, is posted once and said to be', async () => {
    const slow = world.discord.misbehave({route: 'createMessage', kind: 'slowAnswer', ms: 9000})
    const sent = await world.root.runs(
      `/relay-send channel_id:${channels.news} message:"answered late" ephemeral:true confirm:true`,
    )
    await expect
      .poll(() => world.discord.requests.some(({fault}) => fault === 'slowAnswer'), {timeout: 10_000})
      .toBe(true)
    const late = world.discord.misbehave({route: 'createMessage', kind: 'latency', ms: 9000})
    const told = await world.root.runs(
      `/relay-dm message:"heard late" target_channel_id:${world.ada.id} confirm:true`,
    )
    await Promise.all([sent, told].map(talk => says(talk, '✅ your message · posted')))
    slow()
    late()
    expect(posts().filter(text => text === 'answered late')).toHaveLength(1)
    await expect
      .poll(() => world.discord.requests.some(({fault}) => fault === 'latency'), {timeout: 10_000})
      .toBe(true)
    expect(
      world.ada
        .receives()
        .map(({content}) => content)
        .filter(text => text === 'heard late'),
    ).toHaveLength(1)
    expect((await audited()).map(({phase}) => phase)).toEqual(['intent', 'done'])
  })

  test.each<[string, () => string, string]>([
    ['403', () => channels.closed, 'I may not post there'],
    ['404', () => NOWHERE, 'There is no such channel, or I can’t see it'],
  ])(
    'to a channel that Discord answers with %s for is not posted, and says why',
    async (_what, channel, words) => {
      const talk = await world.root.runs(
        `/relay-dm message:"quietly" target_channel_id:${channel()} confirm:true`,
      )
      await says(talk, '❌ your message · not posted')
      expect(textOf(talk.reply())).toContain(words)
      expect(textOf(talk.reply())).toMatch(/asked by root · `[0-9a-f]{8}…`/)
    },
  )

  test.each<[string, Spoilt, string, number]>([
    ['429, which is waited out', {kind: 'rateLimited'}, '✅ your message · posted', 1],
    [
      'a server error that stays',
      {kind: 'serverError', times: 50},
      '⚠️ your message · may have been posted',
      0,
    ],
  ])('when Discord answers %s says so, writes once at most', async (what, fault, first, written) => {
    const stop = world.discord.misbehave({route: 'createMessage', ...fault})
    const talk = await world.root.runs(
      `/relay-dm message:"alone ${what}" target_channel_id:${world.ada.id} confirm:true`,
    )
    await says(talk, first)
    stop()
    expect(world.ada.receives().filter(({content}) => content === `alone ${what}`)).toHaveLength(written)
  })

  test('refuses whoever is not listed', async () => {
    const talk = await world.root.runs(
      `/relay-dm message:"psst, bob" target_channel_id:${world.bob.id} confirm:true`,
    )
    await says(talk, 'relay.people')
    expect(world.bob.receives()).toEqual([])
  })
})

describe('/debug-last', () => {
  test('shows the caller’s own last command with its steps, and what was done outside', async () => {
    const talk = await world.root.runs(
      `/relay-send channel_id:${channels.closed} message:"to be traced" confirm:true`,
    )
    await says(talk, '❌')
    const trace = await world.root.runs('/debug-last')
    await says(trace, '/relay-send · succeeded')
    expect(trace.ephemeral).toBe(true)
    const text = textOf(trace.reply())
    expect(text).toMatch(/`[0-9a-f]{8}…` · <t:\d+:f> · took \d+ ms/)
    expect(text).toMatch(/✅ acknowledged and recorded · \d+ ms/)
    expect(text).toMatch(/✅ relay\\_send · send · \d+ ms/)
    expect(text).toMatch(/❌ relay.send \d+ · \d+ ms · I may not post there/)
    expect(text).toMatch(/✅ answer · \d+ ms/)
    expect(text).not.toContain('to be traced')
    // Looking is no command to look at.
    const again = await world.root.runs('/debug-last')
    await says(again, '/relay-send · succeeded')
  })

  test('follows a deploy through dispatch and run, with a link to it', async () => {
    const deploy = await world.ada.runs('/deploy-client wait:true')
    await says(deploy, '🟢')
    const trace = await world.ada.runs('/debug-last')
    await says(trace, '/deploy-client · succeeded')
    const text = textOf(trace.reply())
    const run = world.github.repository('acme/web').runs[0]
    expect(text).toMatch(
      /✅ github.dispatch acme\/web · \d+ ms\n✅ dispatch · \d+ ms\n✅ run \d+ · [^\n]+\n✅ verdict · success/,
    )
    expect(text).toContain(`✅ run ${run?.id}`)
    expect(text).toContain(`[run](<${run?.url}>)`)
  })

  test('never shows somebody else’s: who gave no command sees none, also by id', async () => {
    const eve = world.discord.person('eve')
    const none = await eve.runs('/debug-last')
    await says(none, 'no command of yours yet')
    const {rows} = await db.query<{id: string}>(
      `select id from invocations where actor ->> 'id' = $1 and command = 'relay-send' limit 1`,
      [world.root.id],
    )
    const byId = await eve.runs(`/debug-last id:${rows[0]?.id ?? ''}`)
    await says(byId, 'no command of yours has that id')
    expect(await eve.completes('/debug-last id:')).toEqual([])
  })

  test('finds an earlier one by its id, which is suggested', async () => {
    const listed = await world.ada.runs('/agents')
    await says(listed, 'total')
    const refused = await world.ada.runs(`/relay-send channel_id:${channels.news} message:x confirm:true`)
    await says(refused, 'only admins')
    const choices = await world.ada.completes('/debug-last id:agents')
    expect(choices[0]?.name).toMatch(/^\/agents · /)
    const trace = await world.ada.runs(`/debug-last id:${String(choices[0]?.value)}`)
    await says(trace, '/agents · succeeded')
    const last = await world.ada.runs('/debug-last')
    await says(last, '❌ relay.send')
  })
})

test('nobody has more than ten messages posted within an hour', async () => {
  await db.query(
    `insert into relays (id, author_id, target, fingerprint, status)
     select id, $1, 'x', 'x', 'posted' from invocations order by created_at limit 10
     on conflict (id) do update set author_id = excluded.author_id, began_at = now()`,
    [world.root.id],
  )
  const before = posts().length
  const talk = await world.root.runs(`/relay-send channel_id:${channels.news} message:more confirm:true`)
  await says(talk, '10 messages posted within an hour')
  expect(await audited()).toMatchObject([{phase: 'refused', details: {rule: 'too many'}}])
  expect(posts()).toHaveLength(before)
})
