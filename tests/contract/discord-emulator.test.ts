import {createPublicKey, verify} from 'node:crypto'
import {once} from 'node:events'
import {createServer, type IncomingMessage} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type DiscordAPIError, REST} from '@discordjs/rest'
import {
  ActionRowBuilder,
  type AutocompleteInteraction,
  ButtonBuilder,
  ButtonStyle,
  type ChatInputCommandInteraction,
  Client,
  type ClientOptions,
  Events,
  GatewayDispatchEvents,
  GatewayIntentBits,
  type Interaction,
  LabelBuilder,
  MessageFlags,
  ModalBuilder,
  PermissionFlagsBits,
  SlashCommandBuilder,
  StringSelectMenuBuilder,
  TextInputBuilder,
  TextInputStyle,
} from 'discord.js'
import {afterEach, describe, expect, test} from 'vitest'
import {
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  startDiscordEmulator,
} from '../../src/emulators/discord/index.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const DEPLOY = new SlashCommandBuilder()
  .setName('deploy')
  .setDescription('Ship a target')
  .addStringOption(option =>
    option.setName('target').setDescription('what to ship').setRequired(true).setAutocomplete(true),
  )
  .addBooleanOption(option => option.setName('wait').setDescription('follow the run'))
  .addIntegerOption(option =>
    option.setName('retries').setDescription('how often').setMinValue(0).setMaxValue(3),
  )
  .addStringOption(option =>
    option
      .setName('period')
      .setDescription('how long')
      .addChoices({name: 'Every day', value: 'daily'}, {name: 'Every week', value: 'weekly'}),
  )
  .toJSON()

async function aDiscord(options: DiscordEmulatorOptions = {}): Promise<DiscordEmulator> {
  const discord = await startDiscordEmulator(options)
  closers.push(() => discord.close())
  return discord
}

/** A bot as the product builds it: real discord.js, logged in and ready. */
async function aBot(
  discord: DiscordEmulator,
  onInteraction: (interaction: Interaction) => Promise<unknown> | undefined = () => undefined,
  options: Partial<ClientOptions> = {},
): Promise<Client<true>> {
  const client = new Client({
    intents: [GatewayIntentBits.Guilds],
    ...options,
    rest: {api: discord.url, ...options.rest},
  })
  closers.push(() => client.destroy())
  client.on(Events.Error, () => undefined)
  client.on(Events.InteractionCreate, interaction => void onInteraction(interaction)?.catch(() => undefined))
  const ready = once(client, Events.ClientReady)
  await client.login(discord.botToken)
  await ready
  await client.application?.commands.set([DEPLOY], discord.guildId)
  return client as Client<true>
}

function aRest(discord: DiscordEmulator): REST {
  return new REST({api: discord.url, retries: 0}).setToken(discord.botToken)
}

const slash =
  (work: (interaction: ChatInputCommandInteraction) => Promise<unknown>) => (each: Interaction) =>
    each.isChatInputCommand() ? work(each) : undefined

/** A call without any client between test and wire. */
async function call(
  discord: DiscordEmulator,
  line: string,
  body?: unknown,
  headers: Record<string, string> = {authorization: `Bot ${discord.botToken}`},
): Promise<{status: number; headers: Headers; body: never}> {
  const [method = '', path = ''] = line.split(' ')
  const response = await fetch(`${discord.url}/v10${path}`, {
    method,
    headers: {...headers, ...(body !== undefined && {'content-type': 'application/json'})},
    ...(body !== undefined && {body: JSON.stringify(body)}),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : undefined) as never,
  }
}

/** A promise and the way to fulfil it from elsewhere. */
function withResolvers<T>(): {promise: Promise<T>; resolve: (value: T) => void} {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(settle => (resolve = settle))
  return {promise, resolve}
}

async function refusal(work: Promise<unknown>): Promise<DiscordAPIError> {
  const error: unknown = await work.then(
    () => new Error('It was not refused'),
    (reason: unknown) => reason,
  )
  expect((error as Error).constructor.name).toBe('DiscordAPIError')
  return error as DiscordAPIError
}

describe('a slash command', () => {
  test('is deferred, edited in place and followed up, and a person sees each state', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(async interaction => {
        await interaction.deferReply()
        await interaction.editReply({content: `shipping ${interaction.options.getString('target', true)}`})
        await interaction.followUp({
          content: 'shipped',
          files: [{attachment: Buffer.from('log'), name: 'run.log'}],
        })
      }),
    )
    const conversation = await discord
      .person('ada')
      .runs('/deploy target:client wait:true retries:2 period:Every day')
    await conversation.settled(each => each.followUps().length === 1)

    expect(conversation.ackType).toBe(5)
    expect(conversation.ackMs).toBeLessThan(3000)
    const reply = conversation.reply()
    expect(reply?.versions.map(version => version.content)).toEqual(['', 'shipping client'])
    expect(reply?.loading).toBe(false)
    expect(conversation.followUps()[0]).toMatchObject({
      content: 'shipped',
      interactionId: conversation.interactionId,
    })
    expect(conversation.followUps()[0]?.attachments[0]?.bytes.toString()).toBe('log')
    expect(conversation.interaction.data).toMatchObject({
      name: 'deploy',
      options: [
        {name: 'target', type: 3, value: 'client'},
        {name: 'wait', type: 5, value: true},
        {name: 'retries', type: 4, value: 2},
        {name: 'period', type: 3, value: 'daily'},
      ],
    })
    const routes = discord.requests.map(request => request.name)
    expect(routes).toEqual(expect.arrayContaining(['callback', 'editOriginal', 'followUp']))
    expect(discord.requests.find(request => request.name === 'editOriginal')?.route).toBe(
      '/webhooks/:application/:token/messages/@original',
    )
  })

  test('reaches the bot with the member, the roles and the channel it was typed in', async () => {
    const discord = await aDiscord()
    const channel = discord.channel('ops')
    const seen: unknown[] = []
    await aBot(
      discord,
      slash(async interaction => {
        seen.push(interaction.user.id, interaction.channelId, interaction.channel?.isTextBased())
        seen.push(interaction.inCachedGuild() && [...interaction.member.roles.cache.keys()])
        seen.push(Math.abs(interaction.createdTimestamp - Date.now()) < 10_000)
        await interaction.reply('ok')
      }),
    )
    const ada = discord.person('ada', {id: '111', roles: ['222']})
    await (await ada.runs('/deploy target:x', {channel})).acknowledged()
    expect(seen).toEqual(['111', channel.id, true, expect.arrayContaining(['222']), true])
  })

  test('that nobody acknowledges fails for the person, and the late answer is refused with 10062', async () => {
    const discord = await aDiscord({ackDeadlineMs: 150})
    const late = withResolvers<unknown>()
    const failed = new Promise(resolve =>
      discord.on(change => change.kind === 'interaction.failed' && resolve(true)),
    )
    await aBot(
      discord,
      slash(async interaction => {
        await failed
        late.resolve((await refusal(interaction.reply('too late'))).code)
      }),
    )
    const conversation = await discord.person('ada').runs('/deploy target:x')
    await conversation.acknowledged()
    expect(conversation).toMatchObject({failed: 'no response', notice: 'The application did not respond'})
    expect(await late.promise).toBe(10062)
    expect(discord.channel().messages()).toEqual([])
  })

  test('is acknowledged once: the second time is 40060', async () => {
    const discord = await aDiscord()
    await aBot(discord)
    const {interactionId, token} = await discord.person('ada').runs('/deploy target:x')
    const path = `POST /interactions/${interactionId}/${token}/callback`
    expect(await call(discord, path, {type: 5}, {})).toMatchObject({status: 204})
    expect(await call(discord, path, {type: 4, data: {content: 'again'}}, {})).toMatchObject({
      status: 400,
      body: {code: 40060},
    })
    expect(
      await call(discord, `POST /interactions/${interactionId}/nonsense/callback`, {type: 5}, {}),
    ).toMatchObject({
      status: 404,
      body: {code: 10062},
    })
  })

  test('refuses answers of the wrong kind without counting them as the acknowledgement', async () => {
    const discord = await aDiscord()
    await aBot(discord)
    const {interactionId, token} = await discord.person('ada').runs('/deploy target:x')
    const path = `POST /interactions/${interactionId}/${token}/callback`
    for (const wrong of [
      {type: 6},
      {type: 7, data: {content: 'x'}},
      {type: 8, data: {choices: []}},
      {type: 5, data: {flags: 4}},
      {type: 5, data: {content: 'x'}},
      {type: 4, data: {content: 'x', flags: 2}},
      {type: 4, data: {content: 'x', nonce: '1'}},
    ])
      expect(await call(discord, path, wrong, {})).toMatchObject({status: 400, body: {code: 50035}})
    expect(await call(discord, path, {type: 4, data: {}}, {})).toMatchObject({
      status: 400,
      body: {code: 50006},
    })
    const answered = await call(discord, `${path}?with_response=true`, {type: 4, data: {content: 'x'}}, {})
    expect(answered).toMatchObject({
      status: 200,
      body: {
        interaction: {id: interactionId, response_message_ephemeral: false},
        resource: {type: 4, message: {content: 'x'}},
      },
    })
  })

  test('is refused by the client itself when the line does not fit the registered options', async () => {
    const discord = await aDiscord()
    await aBot(discord)
    const ada = discord.person('ada')
    for (const [line, reason] of [
      ['/nothing', 'no command'],
      ['/deploy', 'target is required'],
      ['/deploy target:x colour:red', 'no option colour'],
      ['/deploy target:x wait:maybe', 'True or False'],
      ['/deploy target:x retries:4', 'at most 3'],
      ['/deploy target:x retries:1.5', 'whole number'],
      ['/deploy target:x period:yearly', 'pick one of'],
      ['/deploy target:x target:y', 'twice'],
    ] as const)
      await expect(ada.runs(line)).rejects.toThrow(reason)
    const quoted = await ada.runs('/deploy target:"a: b\\n\\"c\\"" wait:false')
    expect(quoted.interaction.data).toMatchObject({options: [{value: 'a: b\n"c"'}, {value: false}]})
    const address = await ada.runs('/deploy target:see https://x.example/a?b=c now')
    expect(address.interaction.data).toMatchObject({options: [{value: 'see https://x.example/a?b=c now'}]})
  })

  test('with subcommands and options that name people, roles and channels arrives resolved', async () => {
    const discord = await aDiscord()
    const client = await aBot(
      discord,
      slash(each =>
        each.reply(
          [
            each.options.getSubcommandGroup(),
            each.options.getSubcommand(),
            each.options.getUser('who')?.username,
            each.options.getRole('role')?.name,
            each.options.getChannel('where')?.name,
          ].join(' '),
        ),
      ),
    )
    const command = new SlashCommandBuilder()
      .setName('access')
      .setDescription('Who may what')
      .addSubcommandGroup(group =>
        group
          .setName('role')
          .setDescription('roles')
          .addSubcommand(sub =>
            sub
              .setName('give')
              .setDescription('give one')
              .addUserOption(option => option.setName('who').setDescription('to whom'))
              .addRoleOption(option => option.setName('role').setDescription('which'))
              .addChannelOption(option => option.setName('where').setDescription('where')),
          ),
      )
    await client.application.commands.set([command], discord.guildId)
    const ada = discord.person('ada', {roles: ['deployer']})
    await expect(ada.runs('/access')).rejects.toThrow('needs one of: role')
    await expect(ada.runs('/access role give who:@nobody')).rejects.toThrow('somebody of this server')
    const conversation = await ada.runs('/access role give who:@ada role:@deployer where:#general')
    expect((await conversation.acknowledged()).reply()?.content).toBe('role give ada deployer general')
  })

  test('answered in private is seen by one person only, and never by the bot token', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(interaction => interaction.reply({content: 'psst', flags: MessageFlags.Ephemeral})),
    )
    const [ada, grace] = [discord.person('ada'), discord.person('grace')]
    const conversation = await (await ada.runs('/deploy target:x')).acknowledged()
    const reply = conversation.reply()
    expect(conversation.ephemeral).toBe(true)
    expect(ada.sees().map(message => message.content)).toEqual(['psst'])
    expect(grace.sees()).toEqual([])
    expect(await call(discord, `GET /channels/${reply?.channelId}/messages/${reply?.id}`)).toMatchObject({
      status: 404,
      body: {code: 10008},
    })
  })

  test('keeps the visibility it was deferred with; the first follow-up fills the placeholder', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(async interaction => {
        await interaction.deferReply()
        await interaction.followUp({content: 'first', flags: MessageFlags.Ephemeral})
        await interaction.followUp({content: 'second', flags: MessageFlags.Ephemeral})
      }),
    )
    const conversation = await discord.person('ada').runs('/deploy target:x')
    await conversation.settled(each => each.followUps().length === 1)
    expect(conversation.reply()).toMatchObject({content: 'first', ephemeral: false})
    expect(conversation.followUps()[0]).toMatchObject({content: 'second', ephemeral: true})
  })

  test('loses its token a quarter of an hour after the click', async () => {
    let ahead = 0
    const discord = await aDiscord({now: () => Date.now() + ahead})
    const held = withResolvers<ChatInputCommandInteraction>()
    await aBot(
      discord,
      slash(async interaction => {
        await interaction.deferReply()
        held.resolve(interaction)
      }),
    )
    await discord.person('ada').runs('/deploy target:x')
    const interaction = await held.promise
    ahead = 14 * 60_000
    await interaction.editReply('still here')
    ahead = 15 * 60_000 + 1
    expect(await refusal(interaction.editReply('gone'))).toMatchObject({status: 401, code: 50027})
  })

  test('its answer can be fetched and deleted through the token, follow-ups one by one', async () => {
    const discord = await aDiscord()
    const done = withResolvers<string[]>()
    await aBot(
      discord,
      slash(async interaction => {
        await interaction.reply('one')
        const second = await interaction.followUp('two')
        await interaction.editReply({message: second.id, content: 'two, better'})
        const seen = [
          (await interaction.fetchReply()).content,
          (await interaction.fetchReply(second.id)).content,
        ]
        await interaction.deleteReply(second.id)
        await interaction.deleteReply()
        done.resolve(seen)
      }),
    )
    const conversation = await discord.person('ada').runs('/deploy target:x')
    expect(await done.promise).toEqual(['one', 'two, better'])
    expect(conversation.reply()).toBeUndefined()
    expect(discord.channel().messages()).toEqual([])
    expect(discord.channel().history()).toHaveLength(2)
  })
})

describe('autocompletion', () => {
  test('offers what the bot suggests for the option being typed', async () => {
    const discord = await aDiscord()
    await aBot(discord, each =>
      each.isAutocomplete()
        ? each.respond([{name: `${each.options.getFocused()}ient`, value: 'client'}])
        : undefined,
    )
    expect(await discord.person('ada').completes('/deploy wait:true target:cl')).toEqual([
      {name: 'client', value: 'client'},
    ])
  })

  test('refuses more than 25 choices and values of the wrong type, and then the person gets nothing', async () => {
    const discord = await aDiscord({ackDeadlineMs: 300})
    const codes: unknown[] = []
    await aBot(discord, async each => {
      const interaction = each as AutocompleteInteraction
      const many = Array.from({length: 26}, (_, index) => ({name: `n${index}`, value: `v${index}`}))
      codes.push((await refusal(interaction.respond(many))).code)
      codes.push((await refusal(interaction.respond([{name: 'n', value: 1}]))).code)
    })
    await expect(discord.person('ada').completes('/deploy target:')).rejects.toThrow('no response')
    expect(codes).toEqual([50035, 50035])
  })
})

const buttons = () =>
  new ActionRowBuilder<ButtonBuilder>().addComponents(
    new ButtonBuilder().setCustomId('v1:cancel').setLabel('Cancel').setStyle(ButtonStyle.Danger),
    new ButtonBuilder()
      .setCustomId('v1:off')
      .setLabel('Off')
      .setStyle(ButtonStyle.Secondary)
      .setDisabled(true),
    new ButtonBuilder().setURL('https://x.example').setLabel('Run').setStyle(ButtonStyle.Link),
  )

/** A labelled text input of a modal, as it goes over the wire. */
const aField = (custom_id: string, rules: object = {}, label = 'Reason') => ({
  type: 18,
  label,
  component: {type: 4, custom_id, style: 2, ...rules},
})

describe('buttons and modals', () => {
  test('a button updates its message in place; absent, disabled and link buttons cannot be pressed', async () => {
    const discord = await aDiscord()
    await aBot(discord, async each => {
      if (each.isChatInputCommand()) await each.reply({content: 'running', components: [buttons()]})
      if (each.isButton()) await each.update({content: `cancelled by ${each.user.username}`, components: []})
    })
    const ada = discord.person('ada')
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply()
    if (!message) throw new Error('no message')
    await expect(ada.presses(message, 'Off')).rejects.toThrow('disabled')
    await expect(ada.presses(message, 'Run')).rejects.toThrow('tells the bot nothing')
    await expect(ada.presses(message, 'Nothing')).rejects.toThrow('it has Cancel, Off, Run')
    const pressed = await (await ada.presses(message, 'Cancel')).acknowledged()
    expect(pressed.ackType).toBe(7)
    expect(pressed.reply()).toMatchObject({id: message.id, content: 'cancelled by ada', components: []})
    await expect(ada.presses(message, 'v1:cancel')).rejects.toThrow('it has none')
  })

  test('a silent acknowledgement leaves the message to be edited later, and follow-ups are separate', async () => {
    const discord = await aDiscord()
    await aBot(discord, async each => {
      if (each.isChatInputCommand()) await each.reply({content: 'running', components: [buttons()]})
      if (each.isButton()) {
        await each.deferUpdate()
        await each.followUp({content: 'asked', flags: MessageFlags.Ephemeral})
        await each.editReply({content: 'stopping'})
      }
    })
    const ada = discord.person('ada')
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply()
    const pressed = await ada.presses(message ?? {id: ''}, 'Cancel')
    await pressed.settled(each => each.reply()?.content === 'stopping')
    expect(pressed.followUps()).toHaveLength(1)
    expect(pressed.reply()?.id).toBe(message?.id)
  })

  test('a modal collects fields, may not answer another modal, and can update the message it came from', async () => {
    const discord = await aDiscord()
    const refused = withResolvers<number | string>()
    const form = new ModalBuilder()
      .setCustomId('v1:reason')
      .setTitle('Why?')
      .addLabelComponents(
        new LabelBuilder()
          .setLabel('Reason')
          .setTextInputComponent(
            new TextInputBuilder().setCustomId('reason').setStyle(TextInputStyle.Short).setMaxLength(10),
          ),
      )
    await aBot(discord, async each => {
      if (each.isChatInputCommand()) await each.reply({content: 'running', components: [buttons()]})
      if (each.isButton()) await each.showModal(form)
      if (each.isModalSubmit()) {
        const submitted = each
        const again = await call(
          discord,
          `POST /interactions/${each.id}/${each.token}/callback`,
          {type: 9, data: form.toJSON()},
          {},
        )
        refused.resolve((again.body as {code: number}).code)
        if (submitted.isFromMessage())
          await submitted.update({content: `because ${each.fields.getTextInputValue('reason')}`})
      }
    })
    const [ada, grace] = [discord.person('ada'), discord.person('grace')]
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply() ?? {id: ''}
    const opened = await (await ada.presses(message, 'Cancel')).acknowledged()
    await expect(ada.submits(opened, {})).rejects.toThrow('Reason is required')
    await expect(ada.submits(opened, {Reason: 'far too long a text'})).rejects.toThrow('too long')
    await expect(grace.submits(opened, {Reason: 'me'})).rejects.toThrow('somebody else')
    const submitted = await ada.submits(opened, {Reason: 'a mistake'})
    await submitted.acknowledged()
    expect(await refused.promise).toBe(50035)
    expect(submitted.reply()?.content).toBe('because a mistake')
  })

  test.each<[string, object, RegExp]>([
    ['without a field', {components: []}, /BASE_TYPE_BAD_LENGTH/],
    ['with six fields', {components: Array.from({length: 6}, (_, nth) => aField(`f${nth}`))}, /MAX_LENGTH/],
    ['with a title of 46 characters', {title: 'x'.repeat(46)}, /MAX_LENGTH/],
    ['with a label of 46 characters', {components: [aField('a', {}, 'x'.repeat(46))]}, /MAX_LENGTH/],
    ['with the same field twice', {components: [aField('a'), aField('a')]}, /DUPLICATED/],
    [
      'with a text that must be longer than it may be',
      {components: [aField('a', {min_length: 9, max_length: 3})]},
      /NUMBER_TYPE_MAX/,
    ],
    [
      'with a text that is longer than it may be',
      {components: [aField('a', {max_length: 3, value: 'four'})]},
      /BAD_LENGTH/,
    ],
    ['with a disabled field', {components: [aField('a', {disabled: true})]}, /UNKNOWN_FIELD|DISABLED/],
    ['with a custom id of 101 characters', {custom_id: 'x'.repeat(101)}, /MAX_LENGTH/],
    [
      'with a button',
      {components: [{type: 1, components: [{type: 2, style: 1, label: 'x', custom_id: 'x'}]}]},
      /BASE_TYPE/,
    ],
  ])('a modal %s is refused, and the press still waits for its answer', async (_what, part, code) => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply({content: 'x', components: [buttons()]})),
    )
    const ada = discord.person('ada')
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply() ?? {id: ''}
    const {interactionId, token, interaction} = await ada.presses(message, 'Cancel')
    const refused = await call(
      discord,
      `POST /interactions/${interactionId}/${token}/callback`,
      {type: 9, data: {custom_id: 'v1:why', title: 'Why?', components: [aField('reason')], ...part}},
      {},
    )
    expect(refused).toMatchObject({status: 400, body: {code: 50035}})
    expect(JSON.stringify(refused.body)).toMatch(code)
    expect(interaction.state).toBe('pending')
  })

  test('a modal may not follow a deferral', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply({content: 'x', components: [buttons()]})),
    )
    const ada = discord.person('ada')
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply() ?? {id: ''}
    const {interactionId, token} = await ada.presses(message, 'Cancel')
    const path = `POST /interactions/${interactionId}/${token}/callback`
    expect(await call(discord, path, {type: 6}, {})).toMatchObject({status: 204})
    const form = {custom_id: 'v1:why', title: 'Why?', components: [aField('reason')]}
    expect(await call(discord, path, {type: 9, data: form}, {})).toMatchObject({
      status: 400,
      body: {code: 40060},
    })
  })

  test('a select offers its values and carries what was picked', async () => {
    const discord = await aDiscord()
    const menu = new ActionRowBuilder<StringSelectMenuBuilder>().addComponents(
      new StringSelectMenuBuilder()
        .setCustomId('v1:target')
        .setMaxValues(2)
        .addOptions({label: 'Client', value: 'client'}, {label: 'Api', value: 'api'}),
    )
    await aBot(discord, async each => {
      if (each.isChatInputCommand()) await each.reply({content: 'which?', components: [menu]})
      if (each.isStringSelectMenu()) await each.update({content: each.values.join(' and '), components: []})
    })
    const ada = discord.person('ada')
    const message = (await (await ada.runs('/deploy target:x')).acknowledged()).reply() ?? {id: ''}
    await expect(ada.selects(message, ['mobile'])).rejects.toThrow('no value mobile')
    await expect(ada.selects(message, [])).rejects.toThrow('1 to 2 values')
    const picked = await (await ada.selects(message, ['client', 'api'])).acknowledged()
    expect(picked.reply()?.content).toBe('client and api')
  })

  test('nobody presses a button in a message they do not see', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply({content: 'x', components: [buttons()], flags: MessageFlags.Ephemeral})),
    )
    const message = (await (await discord.person('ada').runs('/deploy target:x')).acknowledged()).reply()
    await expect(discord.person('grace').presses(message ?? {id: ''}, 'Cancel')).rejects.toThrow(
      'sees no message',
    )
  })
})

describe('messages', () => {
  const send = (discord: DiscordEmulator, body: unknown) =>
    call(discord, `POST /channels/${discord.channel().id}/messages`, body)
  const embed = (characters: number) => ({description: 'x'.repeat(characters)})
  const button = (custom_id: string) => ({type: 2, style: 2, label: 'x', custom_id})
  const row = (...components: unknown[]) => ({type: 1, components})

  test.each([
    ['content over 2000', {content: 'x'.repeat(2001)}, 'content'],
    ['eleven embeds', {embeds: Array(11).fill(embed(1))}, 'embeds'],
    ['embeds over 6000 together', {embeds: [embed(4000), embed(2001)]}, 'embeds'],
    ['an embed title over 256', {embeds: [{title: 'x'.repeat(257)}]}, 'embeds'],
    ['26 embed fields', {embeds: [{fields: Array(26).fill({name: 'n', value: 'v'})}]}, 'embeds'],
    ['an empty embed field', {embeds: [{fields: [{name: 'n', value: ''}]}]}, 'embeds'],
    ['an embed link that is none', {embeds: [{title: 'x', url: 'javascript:alert(1)'}]}, 'embeds'],
    [
      'six rows',
      {content: 'x', components: Array.from({length: 6}, (_, i) => row(button(`b${i}`)))},
      'components',
    ],
    [
      'six buttons in a row',
      {content: 'x', components: [row(...'abcdef'.split('').map(button))]},
      'components',
    ],
    ['the same custom id twice', {content: 'x', components: [row(button('a'), button('a'))]}, 'components'],
    ['a custom id over 100', {content: 'x', components: [row(button('x'.repeat(101)))]}, 'components'],
    [
      'a label over 80',
      {content: 'x', components: [row({...button('a'), label: 'x'.repeat(81)})]},
      'components',
    ],
    [
      'a link button without a link',
      {content: 'x', components: [row({type: 2, style: 5, label: 'x'})]},
      'components',
    ],
    [
      'parse and ids of one kind',
      {content: 'x', allowed_mentions: {parse: ['users'], users: ['1']}},
      'allowed_mentions',
    ],
    ['a field the API does not know', {content: 'x', colour: 'red'}, 'colour'],
    ['an ephemeral channel message', {content: 'x', flags: 64}, 'flags'],
    ['a nonce over 25', {content: 'x', nonce: 'x'.repeat(26)}, 'nonce'],
    [
      'text beside new components',
      {content: 'x', flags: 32768, components: [{type: 10, content: 'y'}]},
      'content',
    ],
    ['new components without their flag', {components: [{type: 10, content: 'y'}]}, 'components'],
  ])('refuse %s with 50035 and say where', async (_what, body, field) => {
    const discord = await aDiscord()
    const answer = await send(discord, body)
    expect(answer).toMatchObject({status: 400, body: {code: 50035, message: 'Invalid Form Body'}})
    expect(Object.keys((answer.body as {errors: object}).errors)).toEqual([field])
    expect(discord.channel().history()).toEqual([])
  })

  test('carry the exact place and code of a fault in the error tree', async () => {
    const discord = await aDiscord()
    const answer = await send(discord, {
      embeds: [{title: 'ok'}, {fields: [{name: 'n', value: 'x'.repeat(1025)}]}],
    })
    expect(answer.body).toMatchObject({
      errors: {
        embeds: {
          1: {
            fields: {
              0: {
                value: {
                  _errors: [{code: 'BASE_TYPE_MAX_LENGTH', message: 'Must be 1024 or fewer in length.'}],
                },
              },
            },
          },
        },
      },
    })
  })

  test('refuse to be empty, also after an edit', async () => {
    const discord = await aDiscord()
    expect(await send(discord, {content: '  '})).toMatchObject({status: 400, body: {code: 50006}})
    const sent = await send(discord, {content: 'x'})
    const path = `PATCH /channels/${discord.channel().id}/messages/${(sent.body as {id: string}).id}`
    expect(await call(discord, path, {content: null})).toMatchObject({status: 400, body: {code: 50006}})
    expect(await call(discord, path, {flags: 64})).toMatchObject({status: 400, body: {code: 50035}})
    expect(await call(discord, path, {embeds: [{title: 'y'}], content: ''})).toMatchObject({status: 200})
  })

  test('ping only whom allowed_mentions allows, and never on an edit', async () => {
    const discord = await aDiscord()
    const content = 'hi <@111> <@&222> @everyone `<@333>`'
    const pings = async (body: object) => {
      await send(discord, body)
      return discord.channel().messages().at(-1)?.pings
    }
    expect(await pings({content})).toEqual(['<@111>', '<@&222>', '@everyone'])
    expect(await pings({content, allowed_mentions: {parse: []}})).toEqual([])
    expect(await pings({content, allowed_mentions: {parse: ['everyone'], users: ['111']}})).toEqual([
      '<@111>',
      '@everyone',
    ])
    const last = discord.channel().messages().at(-1)
    await call(discord, `PATCH /channels/${last?.channelId}/messages/${last?.id}`, {content: 'now <@444>'})
    const edited = discord.channel().messages().at(-1)
    expect(edited?.pings).toEqual(['<@111>', '@everyone'])
    expect(edited?.mentions.users).toEqual(['444'])
  })

  test('answers to interactions ping users only, unless told otherwise', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply('hi <@111> <@&222> @here')),
    )
    const conversation = await (await discord.person('ada').runs('/deploy target:x')).acknowledged()
    expect(conversation.reply()?.pings).toEqual(['<@111>'])
  })

  test('with an enforced nonce are sent once within minutes', async () => {
    let ahead = 0
    const discord = await aDiscord({now: () => Date.now() + ahead})
    const body = {content: 'final', nonce: 'run-1', enforce_nonce: true}
    const first = await send(discord, body)
    const second = await send(discord, {...body, content: 'final again'})
    expect((second.body as {id: string}).id).toBe((first.body as {id: string}).id)
    expect(
      discord
        .channel()
        .messages()
        .map(each => each.content),
    ).toEqual(['final'])
    ahead = 6 * 60_000
    await send(discord, body)
    expect(discord.channel().messages()).toHaveLength(2)
  })

  test('are listed newest first, in windows, without ephemeral or deleted ones', async () => {
    const discord = await aDiscord()
    const client = await aBot(discord)
    const channel = await client.channels.fetch(discord.channel().id)
    if (!channel?.isSendable()) throw new Error('not sendable')
    const sent = [await channel.send('a'), await channel.send('b'), await channel.send('c')]
    await sent[1]?.delete()
    expect((await channel.messages.fetch({limit: 10})).map(each => each.content)).toEqual(['c', 'a'])
    const before = await channel.messages.fetch({before: sent[2]?.id ?? '', limit: 1})
    expect(before.map(each => each.content)).toEqual(['a'])
    const reply = await sent[0]?.reply('d')
    expect(reply?.reference?.messageId).toBe(sent[0]?.id)
    await reply?.edit('e')
    const thread = await sent[0]?.startThread({name: 'details'})
    await thread?.send('inside')
    expect(
      discord
        .channel()
        .messages()
        .map(each => each.content),
    ).toEqual(['a', 'c', 'e'])
  })

  test('have one thread, opened within Discord’s limits; a new word brings it back unless it is locked', async () => {
    const discord = await aDiscord()
    const {id, channelId} = discord.person('ada').says('hello')
    const open = (body: object, message = id, channel = channelId) =>
      call(discord, `POST /channels/${channel}/messages/${message}/threads`, body)
    const invalid = {status: 400, body: {code: 50035}}
    expect(await open({name: 'x'.repeat(101)})).toMatchObject(invalid)
    expect(await open({name: 'x', auto_archive_duration: 1000})).toMatchObject(invalid)
    discord.channel().permit(PermissionFlagsBits.ViewChannel | PermissionFlagsBits.ReadMessageHistory)
    expect(await open({name: 'x'})).toMatchObject({status: 403, body: {code: 50013}})
    discord.channel().permit(Object.values(PermissionFlagsBits).reduce((all, bit) => all | bit, 0n))
    expect(await open({name: 'x', auto_archive_duration: 1440})).toMatchObject({status: 201, body: {id}})
    expect(await open({name: 'y'})).toMatchObject({status: 400, body: {code: 160004}})

    const say = (content: string) => call(discord, `POST /channels/${id}/messages`, {content})
    const said = (await say('inside')) as {body: {id: string}}
    expect(await open({name: 'deeper'}, said.body.id, id)).toMatchObject({status: 400, body: {code: 50024}})
    discord.archive(id)
    const edit = () => call(discord, `PATCH /channels/${id}/messages/${said.body.id}`, {content: 'edited'})
    expect(await edit()).toMatchObject({status: 400, body: {code: 50083}})
    expect(await say('back')).toMatchObject({status: 200})
    expect(await edit()).toMatchObject({status: 200})
    discord.archive(id, 'locked')
    expect(await say('locked')).toMatchObject({status: 400, body: {code: 160005}})
  })

  test('of other people cannot be edited, and without the intent their text is blank', async () => {
    const discord = await aDiscord()
    const {id, channelId} = discord.person('ada').says('hello')
    expect(await call(discord, `PATCH /channels/${channelId}/messages/${id}`, {content: 'x'})).toMatchObject({
      status: 403,
      body: {code: 50005},
    })
    expect(await call(discord, `GET /channels/${channelId}/messages/${id}`)).toMatchObject({
      body: {content: ''},
    })
  })

  test('go to one person alone, in a channel that is none of the server’s, unless they take none', async () => {
    const discord = await aDiscord()
    const rest = new REST({api: discord.url, retries: 0}).setToken(discord.botToken)
    const [ada, bob] = [discord.person('ada'), discord.person('bob', {takesDirectMessages: false})]
    const open = (recipient: string) =>
      rest.post('/users/@me/channels', {body: {recipient_id: recipient}}) as Promise<{
        id: string
        type: number
      }>
    const channel = await open(ada.id)
    expect(await open(ada.id)).toEqual(channel)
    expect(channel).toMatchObject({type: 1, recipients: [{id: ada.id}]})
    await rest.post(`/channels/${channel.id}/messages`, {body: {content: 'a secret'}})
    expect(ada.receives().map(({content}) => content)).toEqual(['a secret'])
    expect(bob.receives()).toEqual([])
    const control = await fetch(`${discord.url.replace(/\/api$/, '/control')}/people/ada/messages`)
    expect(await control.json()).toMatchObject({messages: [{content: 'a secret'}]})
    expect(discord.channel().history()).toEqual([])
    const channels = (await rest.get(`/guilds/${discord.guildId}/channels`)) as {id: string}[]
    expect(channels.map(({id}) => id)).not.toContain(channel.id)
    const closed = await open(bob.id)
    await expect(
      rest.post(`/channels/${closed.id}/messages`, {body: {content: 'a secret'}}),
    ).rejects.toMatchObject({code: 50007, status: 403})
    await expect(open('ada')).rejects.toMatchObject({status: 400})
    await expect(open('123456789012345678')).rejects.toMatchObject({code: 10013})
  })

  test('need the permissions of the channel, while answers to interactions do not', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply({embeds: [{title: 'fine'}]})),
    )
    const channel = discord.channel('closed')
    channel.permit(PermissionFlagsBits.ViewChannel)
    const path = `POST /channels/${channel.id}/messages`
    expect(await call(discord, path, {content: 'x'})).toMatchObject({status: 403, body: {code: 50013}})
    channel.permit(PermissionFlagsBits.ViewChannel | PermissionFlagsBits.SendMessages)
    expect(await call(discord, path, {embeds: [{title: 'x'}]})).toMatchObject({
      status: 403,
      body: {code: 50013},
    })
    expect(await call(discord, path, {content: 'x'})).toMatchObject({status: 200})
    channel.permit(0n)
    expect(await call(discord, path, {content: 'x'})).toMatchObject({status: 403, body: {code: 50001}})
    const conversation = await discord.person('ada').runs('/deploy target:x', {channel})
    await conversation.acknowledged()
    expect(conversation.reply()?.embeds[0]?.title).toBe('fine')
  })
})

describe('command registration', () => {
  const put = (discord: DiscordEmulator, body: unknown) =>
    call(discord, `PUT /applications/${discord.applicationId}/guilds/${discord.guildId}/commands`, body)
  const option = {type: 3, name: 'a', description: 'd'}

  test.each([
    ['an upper-case name', [{name: 'Deploy', description: 'd'}]],
    ['a name with a space', [{name: 'de ploy', description: 'd'}]],
    ['no description', [{name: 'deploy'}]],
    ['a description over 100', [{name: 'deploy', description: 'x'.repeat(101)}]],
    [
      'the same name twice',
      [
        {name: 'a', description: 'd'},
        {name: 'a', description: 'e'},
      ],
    ],
    [
      '26 options',
      [
        {
          name: 'a',
          description: 'd',
          options: Array.from({length: 26}, (_, i) => ({...option, name: `o${i}`})),
        },
      ],
    ],
    [
      'a required option after an optional one',
      [{name: 'a', description: 'd', options: [option, {...option, name: 'b', required: true}]}],
    ],
    ['the same option twice', [{name: 'a', description: 'd', options: [option, option]}]],
    [
      '26 choices',
      [
        {
          name: 'a',
          description: 'd',
          options: [{...option, choices: Array.from({length: 26}, (_, i) => ({name: `c${i}`, value: 'v'}))}],
        },
      ],
    ],
    [
      'choices with autocompletion',
      [
        {
          name: 'a',
          description: 'd',
          options: [{...option, autocomplete: true, choices: [{name: 'c', value: 'v'}]}],
        },
      ],
    ],
    [
      'a choice of another type',
      [{name: 'a', description: 'd', options: [{...option, type: 4, choices: [{name: 'c', value: 'v'}]}]}],
    ],
    ['limits of numbers on a text', [{name: 'a', description: 'd', options: [{...option, min_value: 1}]}]],
    [
      'over 8000 characters',
      [
        {
          name: 'a',
          description: 'd',
          options: Array.from({length: 25}, (_, i) => ({
            ...option,
            name: `o${i}`,
            choices: Array.from({length: 4}, (_x, j) => ({name: `${j}${'x'.repeat(80)}`, value: 'v'})),
          })),
        },
      ],
    ],
  ])('refuses %s', async (_what, body) => {
    const discord = await aDiscord()
    expect(await put(discord, body)).toMatchObject({status: 400, body: {code: 50035}})
    expect(discord.registrations).toEqual([])
  })

  test('replaces the whole list, keeps ids by name and moves the version only on a change', async () => {
    const discord = await aDiscord()
    await put(discord, [
      {name: 'a', description: 'd', options: [{...option, required: false}]},
      {name: 'b', description: 'd'},
    ])
    const [a1, b1] = discord.registrations
    await put(discord, [
      {name: 'a', description: 'd', options: [option]},
      {name: 'b', description: 'new'},
    ])
    const [a2, b2] = discord.registrations
    expect(a2).toEqual(a1)
    expect(b2?.id).toBe(b1?.id)
    expect(b2?.version).not.toBe(b1?.version)
    await put(discord, [{name: 'b', description: 'new'}])
    expect(discord.registrations.map(each => each.name)).toEqual(['b'])
    expect(discord.registrationCalls).toEqual({put: 3, post: 0, patch: 0, delete: 0})
    const tooMany = Array.from({length: 101}, (_, index) => ({name: `c${index}`, description: 'd'}))
    expect(await put(discord, tooMany)).toMatchObject({status: 400, body: {code: 30032}})
  })

  test('makes, changes, lists and removes single commands', async () => {
    const discord = await aDiscord()
    const rest = aRest(discord)
    const base = `/applications/${discord.applicationId}/commands` as const
    const made = (await rest.post(base, {body: DEPLOY})) as {id: string}
    await rest.patch(`${base}/${made.id}`, {body: {description: 'Ship it'}})
    expect(await rest.get(base)).toMatchObject([{id: made.id, description: 'Ship it', name: 'deploy'}])
    await rest.delete(`${base}/${made.id}`)
    expect(discord.registrations).toEqual([])
    expect((await refusal(rest.get(`${base}/${made.id}`))).code).toBe(10063)
  })

  test('hides a command from those who lack its default permissions', async () => {
    const discord = await aDiscord()
    await put(discord, [{name: 'a', description: 'd', default_member_permissions: '0'}])
    await expect(discord.person('ada').runs('/a')).rejects.toThrow('does not see')
    await discord.person('root', {admin: true}).runs('/a')
  })
})

describe('the gateway', () => {
  test('refuses a wrong token with 4004 and intents nobody switched on with 4014', async () => {
    const discord = await aDiscord()
    const forged = new Client({intents: [], rest: {api: discord.url}})
    closers.push(() => forged.destroy())
    await expect(forged.login('not.the.token')).rejects.toThrow()
    const curious = new Client({intents: [GatewayIntentBits.GuildMembers], rest: {api: discord.url}})
    closers.push(() => curious.destroy())
    await expect(curious.login(discord.botToken)).rejects.toThrow('disallowed intents')
  })

  test('tells of messages those who asked for that intent, in words only where the bot is named', async () => {
    const discord = await aDiscord()
    const heard: Record<string, unknown>[] = []
    const deaf: unknown[] = []
    const bot = await aBot(discord, undefined, {intents: [GatewayIntentBits.GuildMessages]})
    bot.ws.on(GatewayDispatchEvents.MessageCreate, (message: Record<string, unknown>) => heard.push(message))
    const other = await aBot(discord, undefined, {intents: []})
    other.ws.on(GatewayDispatchEvents.MessageCreate, (message: unknown) => deaf.push(message))
    const ada = discord.person('ada', {roles: ['developer']})
    ada.says('between us')
    ada.says(`<@${discord.applicationId}> status`)
    await expect.poll(() => heard.length).toBe(2)
    expect(heard[0]).toMatchObject({content: '', mentions: []})
    expect(heard[1]).toMatchObject({
      content: `<@${discord.applicationId}> status`,
      mentions: [{id: discord.applicationId, bot: true}],
      author: {id: ada.id},
      member: {roles: [expect.any(String)]},
      guild_id: discord.guildId,
    })
    expect(deaf).toEqual([])
  })

  test('gives each of two sessions every interaction; the first acknowledgement wins', async () => {
    const discord = await aDiscord()
    const outcomes: string[] = []
    const work = slash(async interaction => {
      outcomes.push(
        await interaction.reply('mine').then(
          () => 'won',
          (error: DiscordAPIError) => String(error.code),
        ),
      )
    })
    await aBot(discord, work)
    await aBot(discord, work)
    await discord.waitForGateway({bots: 2})
    await discord.person('ada').runs('/deploy target:x')
    await discord.eventually(() => outcomes.length === 2, {what: 'both bots to have answered'})
    expect(outcomes.sort()).toEqual(['40060', 'won'])
    expect(discord.channel().messages()).toHaveLength(1)
  })

  test.each(['reconnect', 'drop'] as const)('replays an interaction missed during a %s', async gateway => {
    const discord = await aDiscord({ackDeadlineMs: 10_000})
    await aBot(
      discord,
      slash(interaction => interaction.reply('heard')),
    )
    const closed = new Promise(resolve =>
      discord.on(change => change.kind === 'gateway.closed' && resolve(true)),
    )
    discord.misbehave({gateway})
    await closed
    const conversation = await discord.person('ada').runs('/deploy target:x')
    await conversation.acknowledged()
    expect(conversation.reply()?.content).toBe('heard')
  })

  test('forgets the session on op 9 and lets the bot identify again', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(interaction => interaction.reply('heard')),
    )
    const ready = new Promise(resolve =>
      discord.on(change => change.kind === 'gateway.ready' && resolve(true)),
    )
    discord.misbehave({gateway: 'invalidSession'})
    await ready
    expect(
      (await (await discord.person('ada').runs('/deploy target:x')).acknowledged()).failed,
    ).toBeUndefined()
  }, 20_000)

  test('that stops acknowledging heartbeats is left and resumed by the client', async () => {
    const discord = await aDiscord({heartbeatIntervalMs: 150})
    await aBot(discord)
    const resumed = new Promise(resolve =>
      discord.on(change => change.kind === 'gateway.resumed' && resolve(true)),
    )
    discord.misbehave({gateway: 'stopAcks'})
    await resumed
  })

  test('can deliver an interaction twice', async () => {
    const discord = await aDiscord()
    const ids: string[] = []
    await aBot(discord, each => {
      ids.push(each.id)
      return ids.length === 2 ? (each as ChatInputCommandInteraction).reply('x') : undefined
    })
    discord.misbehave({gateway: 'duplicateNextInteraction'})
    const {interactionId, acknowledged} = await discord.person('ada').runs('/deploy target:x')
    await acknowledged()
    expect(ids).toEqual([interactionId, interactionId])
  })
})

describe('limits and faults', () => {
  test('every answer tells its bucket, the sixth message within five seconds is refused with 429', async () => {
    const discord = await aDiscord()
    const path = `POST /channels/${discord.channel().id}/messages`
    const answers = []
    for (let index = 0; index < 6; index++) answers.push(await call(discord, path, {content: `${index}`}))
    expect(answers.map(answer => answer.status)).toEqual([200, 200, 200, 200, 200, 429])
    expect(answers[0]?.headers.get('x-ratelimit-remaining')).toBe('4')
    expect(answers[5]?.body).toMatchObject({message: 'You are being rate limited.', global: false})
    expect(Number(answers[5]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(answers[5]?.headers.get('x-ratelimit-scope')).toBe('user')
    const elsewhere = await call(discord, `POST /channels/${discord.channel('other').id}/messages`, {
      content: 'x',
    })
    expect(elsewhere.status).toBe(200)
  })

  test('discord.js waits a 429 out and succeeds', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(async interaction => {
        await interaction.deferReply()
        await interaction.editReply('done')
      }),
    )
    discord.misbehave({route: 'editOriginal', kind: 'rateLimited', retryAfterMs: 100})
    const conversation = await discord.person('ada').runs('/deploy target:x')
    await conversation.settled(each => each.reply()?.content === 'done')
    expect(discord.requests.filter(each => each.name === 'editOriginal').map(each => each.status)).toEqual([
      429, 200,
    ])
  })

  test('a request can fail before it takes effect, after it, or with a server error', async () => {
    const discord = await aDiscord()
    const rest = aRest(discord)
    const send = (content: string) =>
      rest.post(`/channels/${discord.channel().id}/messages`, {body: {content}})
    discord.misbehave({route: 'createMessage', kind: 'dropBefore'})
    await expect(send('before')).rejects.toThrow()
    expect(discord.channel().messages()).toEqual([])
    discord.misbehave({route: 'createMessage', kind: 'dropAfter'})
    await expect(send('after')).rejects.toThrow()
    expect(discord.channel().messages()).toHaveLength(1)
    discord.misbehave({route: 'createMessage', kind: 'serverError', status: 503})
    await expect(send('error')).rejects.toMatchObject({status: 503})
    await send('fine')
    expect(
      discord
        .channel()
        .messages()
        .map(each => each.content),
    ).toEqual(['after', 'fine'])
  })

  test('a late acknowledgement arrives after the deadline', async () => {
    const discord = await aDiscord({ackDeadlineMs: 100})
    const code = withResolvers<unknown>()
    await aBot(
      discord,
      slash(async interaction => code.resolve((await refusal(interaction.deferReply())).code)),
    )
    discord.misbehave({route: 'callback', kind: 'latency', ms: 200})
    const conversation = await (await discord.person('ada').runs('/deploy target:x')).acknowledged()
    expect(conversation.failed).toBe('no response')
    expect(await code.promise).toBe(10062)
  })

  test('without the bot token everything but interaction routes is 401', async () => {
    const discord = await aDiscord()
    for (const line of ['GET /users/@me', 'GET /gateway/bot', `GET /channels/${discord.channel().id}`])
      expect(await call(discord, line, undefined, {})).toMatchObject({status: 401, body: {code: 0}})
    expect(await call(discord, 'GET /gateway', undefined, {})).toMatchObject({status: 200})
    expect(await call(discord, 'GET /nowhere')).toMatchObject({status: 404})
    expect(await call(discord, 'PUT /users/@me')).toMatchObject({status: 405})
  })
})

describe('interactions over HTTP', () => {
  /** A bot's endpoint, small but proper: verifies over timestamp and raw body. */
  async function anEndpoint(
    discord: DiscordEmulator,
    {
      checks = true,
      answer,
    }: {checks?: boolean; answer: (body: {type: number; data: unknown}) => [number, unknown]},
  ): Promise<string> {
    const key = createPublicKey({
      key: Buffer.concat([
        Buffer.from('302a300506032b6570032100', 'hex'),
        Buffer.from(discord.publicKey, 'hex'),
      ]),
      format: 'der',
      type: 'spki',
    })
    const authentic = (request: IncomingMessage, raw: Buffer) =>
      verify(
        null,
        Buffer.concat([Buffer.from(String(request.headers['x-signature-timestamp'])), raw]),
        key,
        Buffer.from(String(request.headers['x-signature-ed25519']), 'hex'),
      )
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const raw = Buffer.concat(chunks)
        if (checks && !authentic(request, raw)) return void response.writeHead(401).end()
        const body = JSON.parse(raw.toString()) as {type: number; data: unknown}
        const [status, result] = body.type === 1 ? [200, {type: 1}] : answer(body)
        response.writeHead(status, {'content-type': 'application/json'})
        response.end(result === undefined ? undefined : JSON.stringify(result))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => new Promise(resolve => server.close(resolve).closeAllConnections()))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/interactions`
  }

  async function registered(discord: DiscordEmulator) {
    await aRest(discord).put(`/applications/${discord.applicationId}/commands`, {body: [DEPLOY]})
  }

  test('are signed so that the public key verifies them, and the response is the answer', async () => {
    const discord = await aDiscord()
    await registered(discord)
    const url = await anEndpoint(discord, {answer: () => [200, {type: 4, data: {content: 'over http'}}]})
    expect(await discord.useInteractionsEndpoint(url)).toEqual({accepted: true})
    const conversation = await (await discord.person('ada').runs('/deploy target:x')).acknowledged()
    expect(conversation.reply()?.content).toBe('over http')
  })

  test('are not switched on for an endpoint that takes bad signatures', async () => {
    const discord = await aDiscord()
    const url = await anEndpoint(discord, {checks: false, answer: () => [200, {}]})
    expect(await discord.useInteractionsEndpoint(url)).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('401') as string,
    })
  })

  test('an empty 202 leaves the answer to the callback route', async () => {
    const discord = await aDiscord()
    await registered(discord)
    await discord.useInteractionsEndpoint(await anEndpoint(discord, {answer: () => [202, undefined]}))
    const conversation = await discord.person('ada').runs('/deploy target:x')
    await call(
      discord,
      `POST /interactions/${conversation.interactionId}/${conversation.token}/callback`,
      {type: 5},
      {},
    )
    await conversation.acknowledged()
    expect(conversation).toMatchObject({ackType: 5, failed: undefined})
  })

  test('fail at once for the person when the endpoint answers with an error', async () => {
    const discord = await aDiscord()
    await registered(discord)
    await discord.useInteractionsEndpoint(await anEndpoint(discord, {answer: () => [500, undefined]}))
    const conversation = await (await discord.person('ada').runs('/deploy target:x')).acknowledged()
    expect(conversation.failed).toBe('bad response')
  })
})

describe('the control API', () => {
  test('runs commands and shows channels to another process', async () => {
    const discord = await aDiscord()
    await aBot(
      discord,
      slash(each => each.reply('from afar')),
    )
    const base = discord.url.replace(/\/api$/, '/control')
    const post = (path: string, body: object) =>
      fetch(`${base}${path}`, {
        method: 'POST',
        headers: {'content-type': 'application/json'},
        body: JSON.stringify(body),
      })
    const ran = await post('/commands', {person: 'ada', line: '/deploy target:x', channel: 'ops'})
    expect(await ran.json()).toMatchObject({failed: null, reply: {content: 'from afar'}})
    expect((await post('/commands', {person: 'ada', line: '/nope'})).status).toBe(422)
    expect((await post('/commands', {person: 'ada'})).status).toBe(400)
    const seen = await fetch(`${base}/channels/ops/messages?as=grace`)
    expect(await seen.json()).toMatchObject({messages: [{content: 'from afar'}]})
    expect(await (await fetch(base)).text()).toContain('POST /control/commands')
  })

  test('presses buttons and fills in the forms they open', async () => {
    const discord = await aDiscord()
    const form = new ModalBuilder().setCustomId('v1:why').setTitle('Why?')
    form.addLabelComponents(
      new LabelBuilder()
        .setLabel('Reason')
        .setTextInputComponent(new TextInputBuilder().setCustomId('reason').setStyle(TextInputStyle.Short)),
    )
    await aBot(discord, async each => {
      if (each.isChatInputCommand()) await each.reply({content: 'running', components: [buttons()]})
      if (each.isButton()) await each.showModal(form)
      if (each.isModalSubmit())
        await each.reply({content: each.fields.getTextInputValue('reason'), flags: MessageFlags.Ephemeral})
    })
    const message = (await (await discord.person('ada').runs('/deploy target:x')).acknowledged()).reply()
    const post = async (path: string, body: object) => {
      const response = await fetch(`${discord.url.replace(/\/api$/, '/control')}${path}`, {
        method: 'POST',
        headers: {'content-type': 'application/json'},
        body: JSON.stringify({person: 'ada', ...body}),
      })
      return {status: response.status, body: (await response.json()) as Record<string, never>}
    }
    const pressed = await post('/presses', {message: message?.id, button: 'Cancel'})
    expect(pressed.body).toMatchObject({ackType: 9, form: {title: 'Why?'}})
    const {interactionId} = pressed.body
    expect(await post('/submits', {interactionId, fields: {}})).toMatchObject({status: 422})
    expect(await post('/submits', {interactionId: '1', fields: {reason: 'x'}})).toMatchObject({status: 422})
    expect(await post('/submits', {interactionId, fields: {reason: 'a mistake'}})).toMatchObject({
      body: {ephemeral: true, reply: {content: 'a mistake'}},
    })
  })
})
