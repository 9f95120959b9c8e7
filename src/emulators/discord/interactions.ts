import {randomBytes} from 'node:crypto'
import {
  type APIInteraction,
  InteractionResponseType as Callback,
  InteractionType,
} from 'discord-api-types/v10'
import {type z} from 'zod'
import {invalidField, refusals} from './api-error.ts'
import {answersTo, autocompleteForm, callbackForm, choicesFor, deferForm} from './callback-forms.ts'
import {type Modal, modal, numbered} from './component-forms.ts'
import {readForm} from './forms.ts'
import {MessageFlag, webhookMessageForm} from './message-forms.ts'
import type {Messages, StoredMessage, Upload} from './messages.ts'
import type {ChannelRecord, MemberRecord, World} from './world.ts'

/** What people read when an interaction failed, for whatever reason. */
export const FAILURE_NOTICE = 'The application did not respond'

/** Why it failed: silence for the whole deadline, or an HTTP endpoint that answered with nonsense or an error. */
export type Failure = 'no response' | 'bad response'

export interface Choice {
  readonly name: string
  readonly value: string | number
}

/** One thing a person did that the bot has to answer, from the click to the end of its token. */
export interface Interaction {
  readonly id: string
  readonly token: string
  readonly type: InteractionType
  readonly member: MemberRecord
  readonly channel: ChannelRecord
  readonly createdAt: number
  readonly expiresAt: number
  /** Payload `data`, as delivered. */
  readonly data: unknown
  readonly commandName: string | undefined
  /** The message whose component was used; for a modal, the one its opener sat on. */
  readonly source: StoredMessage | undefined
  state: 'pending' | 'acknowledged' | 'failed'
  ackType: Callback | undefined
  /** From the click to the accepted answer. */
  ackMs: number | undefined
  failure: Failure | undefined
  ephemeral: boolean
  original: StoredMessage | undefined
  readonly followUps: StoredMessage[]
  modal: Modal | undefined
  choices: readonly Choice[] | undefined
}

/** Brings an interaction to the bot: over the gateway or to its HTTP endpoint. */
type Deliver = (interaction: Interaction, payload: APIInteraction) => void

interface InteractionsOptions {
  readonly world: World
  readonly messages: Messages
  readonly deliver: Deliver
  readonly ackDeadlineMs: number
  readonly tokenLifetimeMs: number
}

interface NewInteraction {
  readonly type: InteractionType
  readonly member: MemberRecord
  readonly channel: ChannelRecord
  readonly data: unknown
  readonly commandName?: string
  readonly source?: StoredMessage
}

export type Interactions = ReturnType<typeof createInteractions>

const CREATE_FLAGS =
  MessageFlag.SuppressEmbeds |
  MessageFlag.Ephemeral |
  MessageFlag.SuppressNotifications |
  MessageFlag.ComponentsV2

/**
 * The life of interactions. An interaction has `ackDeadlineMs` to be acknowledged exactly once; from then on its
 * token edits the answer and adds follow-ups until `tokenLifetimeMs` after the click.
 */
export function createInteractions(options: InteractionsOptions) {
  const {world, messages, deliver, ackDeadlineMs, tokenLifetimeMs} = options
  const byId = new Map<string, Interaction>()
  const byToken = new Map<string, Interaction>()
  const timers = new Set<NodeJS.Timeout>()

  function open(input: NewInteraction): Interaction {
    const id = world.nextId()
    const createdAt = world.now()
    const interaction: Interaction = {
      id,
      token: Buffer.from(`interaction:${id}:${randomBytes(48).toString('base64url')}`).toString('base64url'),
      type: input.type,
      member: input.member,
      channel: input.channel,
      createdAt,
      expiresAt: createdAt + tokenLifetimeMs,
      data: input.data,
      commandName: input.commandName,
      source: input.source,
      state: 'pending',
      ackType: undefined,
      ackMs: undefined,
      failure: undefined,
      ephemeral: false,
      original: undefined,
      followUps: [],
      modal: undefined,
      choices: undefined,
    }
    byId.set(id, interaction)
    byToken.set(interaction.token, interaction)
    const timer = setTimeout(() => {
      timers.delete(timer)
      fail(interaction, 'no response')
    }, ackDeadlineMs).unref()
    timers.add(timer)
    world.changes.emit({kind: 'interaction.sent', interaction})
    deliver(interaction, payloadOf(interaction))
    return interaction
  }

  /** Ends a pending interaction in the person's eyes; does nothing to one that was answered. */
  function fail(interaction: Interaction, reason: Failure): void {
    if (interaction.state !== 'pending') return
    interaction.state = 'failed'
    interaction.failure = reason
    world.changes.emit({kind: 'interaction.failed', interaction})
  }

  /** The API's own types tell each kind of interaction apart, which the data that it was given does already. */
  function payloadOf(interaction: Interaction): APIInteraction {
    const {member, channel, source} = interaction
    return {
      id: interaction.id,
      application_id: world.applicationId,
      type: interaction.type,
      token: interaction.token,
      version: 1,
      data: interaction.data,
      guild_id: world.guildId,
      guild: {id: world.guildId, locale: 'en-US', features: []},
      channel_id: channel.id,
      channel: world.apiChannel(channel),
      member: {...world.apiMember(member), permissions: world.permissionsOf(member).toString()},
      locale: 'en-US',
      guild_locale: 'en-US',
      app_permissions: channel.botPermissions.toString(),
      entitlements: [],
      authorizing_integration_owners: {'0': world.guildId},
      context: 0,
      attachment_size_limit: 10 * 1024 * 1024,
      ...(source && {message: messages.toApi(source)}),
    } as unknown as APIInteraction
  }

  /**
   * The bot's one answer. Refuses with 10062 what is unknown, wrong in its token or late, with 40060 a second
   * answer, and with 50035 an answer this kind of interaction cannot have; a refused answer acknowledges nothing.
   */
  function answer(
    id: string,
    token: string,
    body: unknown,
    uploads: readonly Upload[],
  ): {interaction: Interaction; shown: StoredMessage | undefined} {
    const interaction = byId.get(id)
    if (!interaction || interaction.token !== token) throw refusals.unknownInteraction()
    if (world.now() - interaction.createdAt > ackDeadlineMs) fail(interaction, 'no response')
    if (interaction.state === 'failed') throw refusals.unknownInteraction()
    if (interaction.state === 'acknowledged') throw refusals.alreadyAcknowledged()

    const {type, data} = readForm(callbackForm, body)
    const allowed = answersTo(interaction)
    if (!allowed.includes(type))
      throw invalidField(['type'], 'BASE_TYPE_CHOICES', `Value must be one of {${allowed.join(', ')}}.`)
    const shown = perform(interaction, type, data, uploads)
    interaction.state = 'acknowledged'
    interaction.ephemeral = interaction.original?.visibleTo !== undefined
    interaction.ackType = type
    interaction.ackMs = world.now() - interaction.createdAt
    world.changes.emit({kind: 'interaction.acknowledged', interaction})
    return {interaction, shown}
  }

  function perform(
    interaction: Interaction,
    type: Callback,
    data: unknown,
    uploads: readonly Upload[],
  ): StoredMessage | undefined {
    switch (type) {
      case Callback.ChannelMessageWithSource: {
        const form = readForm(webhookMessageForm, data, ['data'])
        interaction.original = post(interaction, form, uploads, ['data', 'flags'])
        return interaction.original
      }
      case Callback.DeferredChannelMessageWithSource: {
        const form = readForm(deferForm, data, ['data'])
        const isPrivate = form.flags === MessageFlag.Ephemeral
        interaction.original = messages.create({
          channel: interaction.channel,
          form: {},
          uploads: [],
          interaction: metadataOf(interaction),
          loading: true,
          ...(isPrivate && {visibleTo: interaction.member.user.id}),
        })
        return interaction.original
      }
      case Callback.DeferredMessageUpdate:
        interaction.original = interaction.source
        return undefined
      case Callback.UpdateMessage: {
        const form = readForm(webhookMessageForm, data, ['data'])
        if (!interaction.source || interaction.source.deleted) throw refusals.unknownMessage()
        interaction.original = messages.edit(interaction.source, form, uploads)
        return interaction.original
      }
      case Callback.ApplicationCommandAutocompleteResult: {
        const {choices} = readForm(autocompleteForm, data, ['data'])
        interaction.choices = choicesFor(interaction, choices)
        return undefined
      }
      case Callback.Modal: {
        const form = readForm(modal, data, ['data'])
        interaction.modal = {...form, components: numbered(form.components)}
        return undefined
      }
      default:
        throw invalidField(['type'], 'BASE_TYPE_CHOICES', 'Not an answer this server knows.')
    }
  }

  function post(
    interaction: Interaction,
    form: z.output<typeof webhookMessageForm>,
    uploads: readonly Upload[],
    flagsAt: readonly string[],
  ): StoredMessage {
    const flags = form.flags ?? 0
    if (flags & ~CREATE_FLAGS)
      throw invalidField(flagsAt, 'MESSAGE_FLAGS_INVALID', 'One of these flags cannot be set here')
    return messages.create({
      channel: interaction.channel,
      form,
      uploads,
      interaction: metadataOf(interaction),
      ...(flags & MessageFlag.Ephemeral && {visibleTo: interaction.member.user.id}),
    })
  }

  /**
   * The interaction behind a webhook path: 10015 for a foreign application or an interaction that was never
   * acknowledged, 50027 for a token that nobody issued or that has expired.
   */
  function withToken(applicationId: string, token: string): Interaction {
    if (applicationId !== world.applicationId) throw refusals.unknownWebhook()
    const interaction = byToken.get(token)
    if (!interaction || world.now() >= interaction.expiresAt) throw refusals.invalidToken()
    const answerable = interaction.type !== InteractionType.ApplicationCommandAutocomplete
    if (interaction.state !== 'acknowledged' || !answerable) throw refusals.unknownWebhook()
    return interaction
  }

  function originalOf(interaction: Interaction): StoredMessage {
    const {original} = interaction
    if (!original || original.deleted) throw refusals.unknownMessage()
    return original
  }

  /** A message the token may touch: the answer or one of its follow-ups. */
  function messageOf(interaction: Interaction, id: string): StoredMessage {
    if (id === '@original' || id === interaction.original?.id) return originalOf(interaction)
    const message = interaction.followUps.find(each => each.id === id)
    if (!message || message.deleted) throw refusals.unknownMessage()
    return message
  }

  /**
   * A further message. Straight after a deferral it fills the placeholder instead, whose visibility stands
   * whatever the flags say (documented, deprecated).
   */
  function followUp(interaction: Interaction, body: unknown, uploads: readonly Upload[]): StoredMessage {
    const form = readForm(webhookMessageForm, body)
    const {original} = interaction
    if (original && !original.deleted && original.flags & MessageFlag.Loading) {
      const {flags, ...rest} = form
      const kept = (flags ?? 0) & (MessageFlag.SuppressEmbeds | MessageFlag.ComponentsV2)
      return messages.edit(original, {...rest, ...(kept && {flags: original.flags | kept})}, uploads)
    }
    const message = post(interaction, form, uploads, ['flags'])
    interaction.followUps.push(message)
    return message
  }

  return {
    open,
    fail,
    answer,
    followUp,
    messageOf,
    payloadOf,
    withToken,
    find: (id: string) => byId.get(id),
    edit(message: StoredMessage, body: unknown, uploads: readonly Upload[]): StoredMessage {
      return messages.edit(message, readForm(webhookMessageForm, body), uploads)
    },
    close(): void {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function metadataOf({id, type, member, commandName}: Interaction) {
  return {id, type, user: member.user, name: commandName}
}
