import {z} from 'zod'
import {type MessageComponents, messageComponents, walk} from './component-forms.ts'
import {fault, maybe, mediaUrl, snowflake, webUrl} from './forms.ts'

/** The bits of a message's flags this emulator knows. */
export const MessageFlag = {
  SuppressEmbeds: 1 << 2,
  Ephemeral: 1 << 6,
  Loading: 1 << 7,
  SuppressNotifications: 1 << 12,
  ComponentsV2: 1 << 15,
} as const

const embed = z.strictObject({
  type: maybe(z.string()),
  title: maybe(z.string().max(256)),
  description: maybe(z.string().max(4096)),
  url: maybe(webUrl(2048)),
  color: maybe(z.int().min(0).max(0xffffff)),
  timestamp: maybe(
    z.string().refine(text => !Number.isNaN(Date.parse(text)), {
      message: 'Could not parse. Should be ISO8601.',
      params: {code: 'DATE_TIME_TYPE_PARSE'},
    }),
  ),
  author: maybe(
    z.strictObject({
      name: z.string().min(1).max(256),
      url: maybe(webUrl(2048)),
      icon_url: maybe(mediaUrl),
    }),
  ),
  footer: maybe(z.strictObject({text: z.string().min(1).max(2048), icon_url: maybe(mediaUrl)})),
  image: maybe(z.strictObject({url: mediaUrl})),
  thumbnail: maybe(z.strictObject({url: mediaUrl})),
  fields: maybe(
    z
      .array(
        z.strictObject({
          name: z.string().min(1).max(256),
          value: z.string().min(1).max(1024),
          inline: maybe(z.boolean()),
        }),
      )
      .max(25),
  ),
})

type Embed = z.output<typeof embed>

/** What counts towards the 6000 characters that all embeds of one message share. */
function embedLength({title, description, author, footer, fields}: Embed): number {
  const own = [title, description, author?.name, footer?.text]
  const rows = (fields ?? []).flatMap(field => [field.name, field.value])
  return [...own, ...rows].reduce((sum, text) => sum + (text?.length ?? 0), 0)
}

const embeds = z
  .array(embed)
  .max(10)
  .superRefine((list, context) => {
    if (list.reduce((sum, each) => sum + embedLength(each), 0) > 6000)
      fault(context, [], 'MAX_EMBED_SIZE_EXCEEDED', 'Embed size exceeds maximum size of 6000')
  })

const ids = z.array(snowflake).max(100)

const allowedMentions = z
  .strictObject({
    parse: maybe(z.array(z.literal(['users', 'roles', 'everyone']))),
    users: maybe(ids),
    roles: maybe(ids),
    replied_user: maybe(z.boolean()),
  })
  .superRefine((value, context) => {
    for (const kind of ['users', 'roles'] as const) {
      if (value.parse?.includes(kind) && value[kind]?.length)
        fault(
          context,
          [],
          'MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE',
          `parse:["${kind}"] and ${kind}: [ids...] are mutually exclusive.`,
        )
      if (new Set(value[kind]).size !== (value[kind]?.length ?? 0))
        fault(context, [kind], 'SET_TYPE_ALREADY_CONTAINS_VALUE', 'The set already contains this value')
    }
  })

export type AllowedMentions = z.output<typeof allowedMentions>

const attachmentReference = z.strictObject({
  id: z.union([snowflake, z.int().min(0)]).transform(String),
  filename: maybe(z.string().max(1024)),
  description: maybe(z.string().max(1024)),
  title: maybe(z.string().max(1024)),
})

// `tts` and `enforce_nonce: false` come along with everything discord.js sends; elsewhere than on a channel
// message a true one would be a promise nobody keeps.
const body = {
  content: maybe(z.string().max(2000)),
  embeds: maybe(embeds),
  allowed_mentions: maybe(allowedMentions),
  components: maybe(messageComponents),
  attachments: maybe(z.array(attachmentReference).max(10)),
  flags: maybe(z.int().min(0)),
  tts: maybe(z.boolean()),
  enforce_nonce: maybe(z.literal(false)),
}

/** Fields of a message as sent; which flags are fit is judged by whoever knows what the message becomes. */
export interface MessageForm {
  readonly content?: string | null | undefined
  readonly embeds?: Embed[] | null | undefined
  readonly allowed_mentions?: AllowedMentions | null | undefined
  readonly components?: MessageComponents | null | undefined
  readonly attachments?: z.output<typeof attachmentReference>[] | null | undefined
  readonly flags?: number | null | undefined
}

/** The body of an interaction's answer, a follow-up, or any edit through an interaction's token. */
export const webhookMessageForm = z.strictObject(body)

/** The body of an edit of the bot's own channel message. */
export const editMessageForm = z.strictObject(body)

/** The body of a new channel message; only here a nonce de-duplicates. */
export const createMessageForm = z
  .strictObject({
    ...body,
    nonce: maybe(z.union([z.string().min(1).max(25), z.int()]).transform(String)),
    enforce_nonce: maybe(z.boolean()),
    message_reference: maybe(
      z.strictObject({
        type: maybe(z.literal(0)),
        message_id: snowflake,
        channel_id: maybe(snowflake),
        guild_id: maybe(snowflake),
        fail_if_not_exists: maybe(z.boolean()),
      }),
    ),
  })
  .superRefine((value, context) => {
    if (value.enforce_nonce && !value.nonce)
      fault(context, ['nonce'], 'BASE_TYPE_REQUIRED', 'enforce_nonce needs a nonce')
  })

/** The body of a thread started from a message. */
export const directChannelForm = z.strictObject({recipient_id: snowflake})

export const startThreadForm = z.strictObject({
  name: z.string().min(1).max(100),
  auto_archive_duration: maybe(z.literal([60, 1440, 4320, 10080])),
  rate_limit_per_user: maybe(z.int().min(0).max(21600)),
  // discord.js always sends the kind along, although a message decides it.
  type: maybe(z.literal(11)),
})

/** Everything in components that people read as text; mentions inside it ping like those in the content. */
export function componentText(components: MessageComponents): string {
  return [...walk(components)].map(({component}) => component.content ?? '').join('\n')
}
