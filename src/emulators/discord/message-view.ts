import type {APIEmbed, APIMessageTopLevelComponent} from 'discord-api-types/v10'
import {MessageFlag} from './message-forms.ts'
import type {Mentions} from './mentions.ts'
import type {StoredMessage} from './messages.ts'

export interface Attachment {
  readonly id: string
  readonly filename: string
  readonly contentType: string
  readonly description: string | undefined
  readonly bytes: Buffer
}

/** What a message showed from `at` on. */
export interface MessageVersion {
  readonly at: number
  readonly content: string
  readonly embeds: readonly APIEmbed[]
  readonly components: readonly APIMessageTopLevelComponent[]
}

/** A message as it stands when asked for; a later look needs a later view. */
export interface MessageView extends Omit<MessageVersion, 'at'> {
  readonly id: string
  readonly channelId: string
  readonly author: {readonly id: string; readonly name: string}
  readonly flags: number
  /** Seen only by `visibleTo`. */
  readonly ephemeral: boolean
  readonly visibleTo?: string
  /** "thinking…": deferred, nothing shown yet. */
  readonly loading: boolean
  readonly createdAt: number
  readonly editedAt?: number
  /** Every state it had, oldest first; the last one is how it looks now. */
  readonly versions: readonly MessageVersion[]
  readonly deleted: boolean
  readonly interactionId?: string
  /** Who was notified when it appeared; edits notify nobody. */
  readonly pings: readonly string[]
  /** Users, roles and everyone that light up in the text as it now stands. */
  readonly mentions: Omit<Mentions, 'pings'>
  readonly nonce?: string
  readonly replyTo?: string
  readonly threadId?: string
  readonly attachments: readonly Attachment[]
}

/** A snapshot for people and tests. */
export function view(message: StoredMessage): MessageView {
  const {users, roles, everyone} = message.mentions
  return {
    id: message.id,
    channelId: message.channelId,
    author: {id: message.author.id, name: message.author.username},
    content: message.content,
    embeds: message.embeds,
    components: message.components,
    flags: message.flags,
    ephemeral: message.visibleTo !== undefined,
    loading: (message.flags & MessageFlag.Loading) !== 0,
    createdAt: message.createdAt,
    versions: [...message.versions],
    deleted: message.deleted,
    pings: message.pings,
    mentions: {users, roles, everyone},
    attachments: message.attachments,
    ...(message.visibleTo !== undefined && {visibleTo: message.visibleTo}),
    ...(message.editedAt !== undefined && {editedAt: message.editedAt}),
    ...(message.interaction && {interactionId: message.interaction.id}),
    ...(message.nonce !== undefined && {nonce: message.nonce}),
    ...(message.replyTo !== undefined && {replyTo: message.replyTo}),
    ...(message.threadId !== undefined && {threadId: message.threadId}),
  }
}
