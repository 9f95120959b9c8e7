import {InteractionType} from 'discord-api-types/v10'
import {ClientRefusal, readLine} from './command-line.ts'
import type {Commands} from './commands.ts'
import {type AnyComponent, walk} from './component-forms.ts'
import {type Conversation, createConversation} from './conversation.ts'
import type {Choice, Interactions} from './interactions.ts'
import {type MessageView, view} from './message-view.ts'
import type {Messages, StoredMessage} from './messages.ts'
import type {ChannelRecord, MemberRecord, World} from './world.ts'

export const DEFAULT_CHANNEL = 'general'

/** Where something is done; the channel `general` unless told. */
interface Place {
  readonly channel?: {readonly id: string}
}

/**
 * A person at a Discord client. What the client would refuse (unknown options, disabled buttons, other people's
 * ephemeral messages) rejects with ClientRefusal and never reaches the bot.
 */
export interface Person {
  readonly id: string
  readonly name: string
  /** Sends a slash command; resolves as soon as it is on its way. */
  runs(line: string, place?: Place): Promise<Conversation>
  /** An interaction as given, past all checks of the client: a slash command unless `type` says otherwise. */
  sendsRaw(
    raw: {type?: InteractionType; data: unknown; message?: {readonly id: string}},
    place?: Place,
  ): Promise<Conversation>
  /** The suggestions for the last option of the line. Rejects when the bot gives none in time. */
  completes(line: string, place?: Place): Promise<readonly Choice[]>
  /** Clicks a button of the message as it now stands, by label or custom id. */
  presses(message: {readonly id: string}, button: string): Promise<Conversation>
  /** Picks values of a string select, the message's first unless its custom id is given. */
  selects(message: {readonly id: string}, values: readonly string[], customId?: string): Promise<Conversation>
  /** Fills in the modal a conversation opened; fields by custom id or label. */
  submits(conversation: Conversation, fields: Readonly<Record<string, string>>): Promise<Conversation>
  /** Writes an ordinary message. */
  says(text: string, place?: Place): MessageView
  /** The channel through this person's eyes. */
  sees(channel?: {readonly id: string}): MessageView[]
  /** What the bot wrote to this person alone, oldest first. */
  receives(): MessageView[]
}

interface PeopleOptions {
  readonly world: World
  readonly messages: Messages
  readonly commands: Commands
  readonly interactions: Interactions
}

export function createPerson(options: PeopleOptions, member: MemberRecord): Person {
  const {world, messages, commands, interactions} = options
  const {user} = member

  function channelAt({channel}: Place): ChannelRecord {
    const found = channel ? world.channels.get(channel.id) : world.channelNamed(DEFAULT_CHANNEL)
    if (!found) throw new ClientRefusal('There is no such channel')
    return found
  }

  function begin(input: Omit<Parameters<Interactions['open']>[0], 'member'>): Conversation {
    return createConversation(world, interactions.open({...input, member}))
  }

  /** The message as this person sees it now. */
  function visible({id}: {readonly id: string}): StoredMessage {
    const message = messages.find(id)
    if (!message || message.deleted || !isVisibleTo(message, user.id))
      throw new ClientRefusal(`${user.username} sees no message ${id}`)
    return message
  }

  function component(
    message: StoredMessage,
    what: string,
    fits: (each: AnyComponent) => boolean,
  ): AnyComponent {
    const all = [...walk(message.components as readonly AnyComponent[])].map(each => each.component)
    const found = all.find(fits)
    if (!found) throw new ClientRefusal(`The message has no ${what}: ${labels(all)}`)
    if (found.disabled) throw new ClientRefusal(`The ${what} is disabled`)
    return found
  }

  function uses(message: StoredMessage, data: object): Conversation {
    const channel = channelAt({channel: {id: message.channelId}})
    return begin({type: InteractionType.MessageComponent, channel, data, source: message})
  }

  return {
    id: user.id,
    name: user.username,
    async runs(line, place = {}) {
      const {command, data} = readLine(line, {world, commands: commands.available(), member})
      return begin({
        type: InteractionType.ApplicationCommand,
        channel: channelAt(place),
        data,
        commandName: command.name,
      })
    },
    async sendsRaw({type = InteractionType.ApplicationCommand, data, message}, place = {}) {
      const source = message && messages.find(message.id)
      const {name} = (data ?? {}) as {name?: unknown}
      return begin({
        type,
        data,
        channel: source ? channelAt({channel: {id: source.channelId}}) : channelAt(place),
        ...(source && {source}),
        ...(typeof name === 'string' && {commandName: name}),
      })
    },
    async completes(line, place = {}) {
      const {data, command} = readLine(line, {world, commands: commands.available(), member, focus: true})
      const conversation = begin({
        type: InteractionType.ApplicationCommandAutocomplete,
        channel: channelAt(place),
        data,
        commandName: command.name,
      })
      await conversation.acknowledged()
      if (conversation.failed) throw new Error(`Loading options failed: ${conversation.failed}`)
      return conversation.choices ?? []
    },
    async presses(target, button) {
      const message = visible(target)
      const pressed = component(
        message,
        `button "${button}"`,
        each => each.type === 2 && (each.custom_id === button || each.label === button),
      )
      if (pressed.url) throw new ClientRefusal(`"${button}" opens ${pressed.url} and tells the bot nothing`)
      return uses(message, {custom_id: pressed.custom_id, component_type: 2})
    },
    async selects(target, values, customId) {
      const message = visible(target)
      const select = component(
        message,
        `select ${customId ?? ''}`.trim(),
        each => each.type === 3 && (customId === undefined || each.custom_id === customId),
      ) as AnyComponent & {options: readonly {value: string}[]; min_values?: number; max_values?: number}
      const unknown = values.find(value => !select.options.some(option => option.value === value))
      if (unknown !== undefined) throw new ClientRefusal(`The select has no value ${unknown}`)
      if (values.length < (select.min_values ?? 1) || values.length > (select.max_values ?? 1))
        throw new ClientRefusal(
          `The select takes ${select.min_values ?? 1} to ${select.max_values ?? 1} values`,
        )
      return uses(message, {custom_id: select.custom_id, component_type: 3, values})
    },
    async submits(conversation, fields) {
      const {modal, interaction} = conversation
      if (!modal) throw new ClientRefusal('No modal is open')
      if (interaction.member.user.id !== user.id)
        throw new ClientRefusal('The modal is open for somebody else')
      return begin({
        type: InteractionType.ModalSubmit,
        channel: interaction.channel,
        data: {custom_id: modal.custom_id, components: fillIn(modal.components, fields)},
        ...(interaction.source && {source: interaction.source}),
      })
    },
    says(text, place = {}) {
      return view(
        messages.create({channel: channelAt(place), form: {content: text}, uploads: [], author: user}),
      )
    },
    sees(channel) {
      const {id} = channelAt(channel ? {channel} : {})
      return messages
        .inChannel(id)
        .filter(message => !message.deleted && isVisibleTo(message, user.id))
        .map(view)
    },
    receives: () => messages.inChannel(world.directChannelWith(user.id).id).map(view),
  }
}

function isVisibleTo({visibleTo}: StoredMessage, personId: string): boolean {
  return visibleTo === undefined || visibleTo === personId
}

function labels(components: readonly AnyComponent[]): string {
  const known = components.flatMap(each =>
    each.type === 2 || each.type === 3 ? (each.label ?? each.custom_id ?? []) : [],
  )
  return known.length > 0 ? `it has ${known.join(', ')}` : 'it has none'
}

interface Input extends AnyComponent {
  readonly value?: string | null
  readonly required?: boolean | null
  readonly min_length?: number | null
  readonly max_length?: number | null
  readonly options?: readonly {readonly value: string}[]
}

/** The submitted shape of a modal's components, refusing what the client's form would mark red. */
function fillIn(components: readonly AnyComponent[], fields: Readonly<Record<string, string>>): object[] {
  const left = new Set(Object.keys(fields))
  const valueOf = (input: Input, label: string) => {
    const key = [input.custom_id ?? '', label].find(each => left.has(each))
    if (key !== undefined) left.delete(key)
    const text = (key === undefined ? undefined : fields[key]) ?? input.value ?? ''
    if (text === '' && input.required !== false) throw new ClientRefusal(`${label} is required`)
    return text
  }
  const filled = components.flatMap((outer): object[] => {
    const input = (outer.component ?? outer.components?.[0]) as Input | undefined
    if (!input) return []
    const label = outer.label ?? input.label ?? input.custom_id ?? ''
    const text = valueOf(input, label)
    const base = {type: input.type, id: input.id, custom_id: input.custom_id}
    if (input.type === 3 && text !== '' && !input.options?.some(option => option.value === text))
      throw new ClientRefusal(`${label} has no value ${text}`)
    if (input.type === 4 && text !== '') {
      if (text.length < (input.min_length ?? 0)) throw new ClientRefusal(`${label} is too short`)
      if (text.length > (input.max_length ?? 4000)) throw new ClientRefusal(`${label} is too long`)
    }
    const sent = input.type === 3 ? {...base, values: text === '' ? [] : [text]} : {...base, value: text}
    const {type, id} = outer
    return [type === 18 ? {type, id, component: sent} : {type, id, components: [sent]}]
  })
  if (left.size > 0) throw new ClientRefusal(`The modal has no field ${[...left].join(', ')}`)
  return filled
}
