import type {APIEmbed, APIMessage, APIMessageTopLevelComponent, APIUser} from 'discord-api-types/v10'
import {invalidField, refusals} from './api-error.ts'
import {numbered} from './component-forms.ts'
import {componentText, MessageFlag, type MessageForm} from './message-forms.ts'
import {type Mentions, mentionsIn} from './mentions.ts'
import {editedFlags, judgeGeneration, refuseEmpty} from './message-rules.ts'
import {type Attachment, type MessageVersion, view} from './message-view.ts'
import type {ChannelRecord, World} from './world.ts'

const NONCE_MEMORY_MS = 5 * 60_000

/** A file that came with a request, still without an id. */
export interface Upload {
  readonly index: string
  readonly filename: string
  readonly contentType: string
  readonly bytes: Buffer
}

/** The record behind a message; only this file writes it. */
export interface StoredMessage {
  readonly id: string
  readonly channelId: string
  readonly author: APIUser
  readonly visibleTo: string | undefined
  readonly interaction: MessageInteraction | undefined
  readonly createdAt: number
  readonly nonce: string | undefined
  readonly replyTo: string | undefined
  content: string
  embeds: APIEmbed[]
  components: APIMessageTopLevelComponent[]
  flags: number
  attachments: Attachment[]
  mentions: Mentions
  pings: readonly string[]
  readonly versions: MessageVersion[]
  editedAt: number | undefined
  deleted: boolean
  threadId: string | undefined
}

interface MessageInteraction {
  readonly id: string
  readonly type: number
  readonly user: APIUser
  readonly name: string | undefined
}

interface NewMessage {
  readonly channel: ChannelRecord
  readonly form: MessageForm & {
    readonly nonce?: string | null | undefined
    readonly enforce_nonce?: boolean | null | undefined
    readonly message_reference?:
      | {
          readonly message_id: string
          readonly fail_if_not_exists?: boolean | null | undefined
        }
      | null
      | undefined
  }
  readonly uploads: readonly Upload[]
  /** The bot, unless a person speaks. */
  readonly author?: APIUser
  readonly interaction?: MessageInteraction
  readonly visibleTo?: string
  /** A deferred answer: shows "thinking…", may be empty. */
  readonly loading?: boolean
}

export type Messages = ReturnType<typeof createMessages>

/** All messages of the guild, with Discord's rules about what one may say and change. */
export function createMessages({world, url}: {world: World; url: () => string}) {
  const byChannel = new Map<string, StoredMessage[]>()
  const byId = new Map<string, StoredMessage>()
  const byNonce = new Map<string, StoredMessage>()

  function announce(kind: 'message.created' | 'message.edited' | 'message.deleted', message: StoredMessage) {
    world.changes.emit({kind, message: view(message)})
  }

  function create(input: NewMessage): StoredMessage {
    const {channel, form, uploads, interaction, loading = false} = input
    const nonceKey = form.nonce ? `${channel.id} ${form.nonce}` : undefined
    if (nonceKey && form.enforce_nonce) {
      const first = byNonce.get(nonceKey)
      if (first && world.now() - first.createdAt < NONCE_MEMORY_MS) return first
    }
    const flags = form.flags ?? 0
    judgeGeneration(form, flags)
    const replyTo = referenced(channel, form.message_reference)
    const mentions = mentionsOf(form, interaction ? 'interaction' : 'bot')
    const at = world.now()
    const message: StoredMessage = {
      id: world.nextId(),
      channelId: channel.id,
      author: input.author ?? world.bot,
      visibleTo: input.visibleTo,
      interaction,
      createdAt: at,
      nonce: form.nonce ?? undefined,
      replyTo,
      content: (form.content ?? '').trim(),
      embeds: asEmbeds(form.embeds),
      components: asComponents(form.components),
      flags: flags | (loading ? MessageFlag.Loading : 0) | (input.visibleTo ? MessageFlag.Ephemeral : 0),
      attachments: attach([], form, uploads),
      mentions,
      pings: mentions.pings,
      versions: [],
      editedAt: undefined,
      deleted: false,
      threadId: undefined,
    }
    if (!loading) refuseEmpty(message)
    remember(message, at)
    byId.set(message.id, message)
    const list = byChannel.get(channel.id)
    if (list) list.push(message)
    else byChannel.set(channel.id, [message])
    if (nonceKey) byNonce.set(nonceKey, message)
    announce('message.created', message)
    return message
  }

  /** Given fields replace, null clears, missing ones stay. The first edit of a deferred answer ends its "thinking…". */
  function edit(message: StoredMessage, form: MessageForm, uploads: readonly Upload[]): StoredMessage {
    const flags = editedFlags(message, form.flags)
    const filled = (message.flags & MessageFlag.Loading) !== 0
    const next = {
      content: form.content === undefined ? message.content : (form.content ?? '').trim(),
      embeds: form.embeds === undefined ? message.embeds : asEmbeds(form.embeds),
      components: form.components === undefined ? message.components : asComponents(form.components),
      attachments: attach(message.attachments, form, uploads),
    }
    judgeGeneration({...next, embeds: next.embeds, components: next.components}, flags)
    refuseEmpty({...next, flags})
    const text = {content: next.content, components: next.components as never}
    Object.assign(message, next, {
      flags: flags & ~MessageFlag.Loading,
      mentions: mentionsOf(
        {...text, allowed_mentions: form.allowed_mentions},
        message.interaction ? 'interaction' : 'bot',
      ),
    })
    // A deferred answer appears only now; whether Discord notifies then is not documented, so it counts.
    if (filled) message.pings = message.mentions.pings
    const at = world.now()
    message.editedAt = at
    remember(message, at)
    announce('message.edited', message)
    return message
  }

  function remove(message: StoredMessage): void {
    message.deleted = true
    announce('message.deleted', message)
  }

  /** The message, or 10008; `ephemeral: false` hides what only an interaction's token may reach. */
  function get(channelId: string, id: string, {ephemeral}: {ephemeral: boolean}): StoredMessage {
    const message = byId.get(id)
    if (!message || message.deleted || message.channelId !== channelId) throw refusals.unknownMessage()
    if (message.visibleTo && !ephemeral) throw refusals.unknownMessage()
    return message
  }

  function list(
    channelId: string,
    {limit, before, after}: {limit: number; before?: string | undefined; after?: string | undefined},
  ): StoredMessage[] {
    const visible = (byChannel.get(channelId) ?? []).filter(
      message =>
        !message.deleted &&
        !message.visibleTo &&
        (!before || BigInt(message.id) < BigInt(before)) &&
        (!after || BigInt(message.id) > BigInt(after)),
    )
    const window = after ? visible.slice(0, limit) : visible.slice(-limit)
    return window.reverse()
  }

  function referenced(channel: ChannelRecord, reference: NewMessage['form']['message_reference']) {
    if (!reference) return undefined
    const target = byId.get(reference.message_id)
    if (target && !target.deleted && target.channelId === channel.id && !target.visibleTo) return target.id
    if (reference.fail_if_not_exists === false) return undefined
    throw invalidField(['message_reference'], 'REPLIES_UNKNOWN_MESSAGE', 'Unknown message')
  }

  function attach(kept: readonly Attachment[], form: MessageForm, uploads: readonly Upload[]): Attachment[] {
    const named = form.attachments ?? undefined
    const old = named
      ? kept.filter(each => named.some(reference => reference.id === each.id))
      : form.attachments === null
        ? []
        : kept
    for (const [index, reference] of (named ?? []).entries())
      if (
        !uploads.some(upload => upload.index === reference.id) &&
        !kept.some(each => each.id === reference.id)
      )
        throw invalidField(
          ['attachments', index, 'id'],
          'ATTACHMENT_NOT_FOUND',
          `There is no file with the id ${reference.id}`,
        )
    const fresh = uploads.map(upload => ({
      id: world.nextId(),
      filename: upload.filename,
      contentType: upload.contentType,
      description: named?.find(reference => reference.id === upload.index)?.description ?? undefined,
      bytes: upload.bytes,
    }))
    if (old.length + fresh.length > 10)
      throw invalidField(['attachments'], 'BASE_TYPE_MAX_LENGTH', 'Must be 10 or fewer in length.')
    return [...old, ...fresh]
  }

  /** As the bot gets to see it: without the intent for message content, what people say to others is blank. */
  function toApi(message: StoredMessage): APIMessage {
    const own = message.author.id === world.bot.id || message.mentions.users.includes(world.bot.id)
    const api = wholeToApi(message)
    if (own || world.readsMessageContent) return api
    return {...api, content: '', embeds: [], attachments: [], components: []}
  }

  function wholeToApi(message: StoredMessage): APIMessage {
    const {interaction} = message
    const replied = message.replyTo ? byId.get(message.replyTo) : undefined
    return {
      id: message.id,
      channel_id: message.channelId,
      author: message.author,
      content: message.content,
      timestamp: new Date(message.createdAt).toISOString(),
      edited_timestamp: message.editedAt ? new Date(message.editedAt).toISOString() : null,
      tts: false,
      mention_everyone: message.mentions.everyone,
      mentions: message.mentions.users.flatMap(id =>
        id === world.bot.id ? world.bot : (world.members.get(id)?.user ?? []),
      ),
      mention_roles: [...message.mentions.roles],
      attachments: message.attachments.map(each => ({
        id: each.id,
        filename: each.filename,
        content_type: each.contentType,
        size: each.bytes.length,
        url: `${url()}/attachments/${message.channelId}/${each.id}/${encodeURIComponent(each.filename)}`,
        proxy_url: `${url()}/attachments/${message.channelId}/${each.id}/${encodeURIComponent(each.filename)}`,
        ...(each.description !== undefined && {description: each.description}),
      })),
      embeds: message.embeds,
      components: message.components,
      pinned: false,
      type: interaction?.type === 2 ? 20 : message.replyTo ? 19 : 0,
      flags: message.flags,
      ...(message.nonce !== undefined && {nonce: message.nonce}),
      ...(message.replyTo && {
        message_reference: {
          type: 0,
          message_id: message.replyTo,
          channel_id: message.channelId,
          guild_id: world.guildId,
        },
        referenced_message: replied && !replied.deleted ? toApi({...replied, replyTo: undefined}) : null,
      }),
      ...(interaction && {
        application_id: world.applicationId,
        webhook_id: world.applicationId,
        interaction_metadata: {
          id: interaction.id,
          type: interaction.type,
          user: interaction.user,
          authorizing_integration_owners: {'0': world.guildId},
          ...(interaction.name !== undefined && {name: interaction.name}),
        },
      }),
    }
  }

  return {
    create,
    edit,
    remove,
    get,
    list,
    toApi,
    find: (id: string) => byId.get(id),
    inChannel: (channelId: string): readonly StoredMessage[] => byChannel.get(channelId) ?? [],
  }
}

function remember(message: StoredMessage, at: number): void {
  const {content, embeds, components} = message
  message.versions.push({at, content, embeds, components})
}

function mentionsOf(form: MessageForm, origin: 'bot' | 'interaction'): Mentions {
  const text = `${form.content ?? ''}\n${componentText(form.components ?? [])}`
  return mentionsIn(text, form.allowed_mentions, origin)
}

// The forms were checked field by field; the API's own types differ from them only in how they spell absence.
function asEmbeds(embeds: MessageForm['embeds']): APIEmbed[] {
  return (embeds ?? []).map(embed => ({
    ...embed,
    type: 'rich',
    ...(embed.fields && {fields: embed.fields.map(field => ({...field, inline: field.inline ?? false}))}),
  })) as APIEmbed[]
}

function asComponents(components: MessageForm['components']): APIMessageTopLevelComponent[] {
  return numbered(components ?? []) as unknown as APIMessageTopLevelComponent[]
}
