import {randomUUID} from 'node:crypto'
import {z} from 'zod'
import {permit, type AccessPolicy} from '../access/policy.ts'
import type {Audit} from '../audit/audit.ts'
import type {Invocations} from '../invocations/service.ts'
import {correlation, shortId} from '../kernel/correlation.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {Logger} from '../platform/logger.ts'
import type {Actor, CommandDefinition} from '../sdk/index.ts'
import {parseOptions} from './command-form.ts'

const snowflake = z.string().regex(/^\d{1,20}$/)
const created = z.object({
  id: snowflake,
  channel_id: snowflake,
  guild_id: snowflake.optional(),
  content: z.string().max(10_000),
  author: z.object({id: snowflake, username: z.string(), bot: z.boolean().optional()}),
  member: z.object({roles: z.array(snowflake)}).optional(),
  mentions: z.array(z.object({id: snowflake})),
  webhook_id: snowflake.optional(),
})
const MAX_TEXT = 2000

/** A message in which a person names us, without our name. */
export interface Mention {
  readonly messageId: string
  readonly channelId: string
  readonly actor: Actor
  readonly text: string
}

/** What a new message says to us; undefined for one that does not name us, or that no person wrote. */
export function parseMention(raw: unknown, ourId: string): Mention | undefined {
  const parsed = created.safeParse(raw)
  if (!parsed.success) return undefined
  const {id, channel_id, guild_id, content, author, member, mentions, webhook_id} = parsed.data
  if (author.bot === true || webhook_id !== undefined || !mentions.some(each => each.id === ourId))
    return undefined
  return {
    messageId: id,
    channelId: channel_id,
    actor: {
      kind: 'discord',
      id: author.id,
      name: author.username,
      discordRoles: member?.roles ?? [],
      ...(guild_id === undefined ? {} : {guildId: guild_id}),
    },
    text:
      content
        .replace(new RegExp(`<@!?${ourId}>`, 'g'), ' ')
        .replace(/[\0\p{Cs}]/gu, '')
        .trim()
        .slice(0, MAX_TEXT) || 'help',
  }
}

/**
 * Mentions of the bot are `/ask` by other means: the same command, answered by a message in the same channel or thread.
 * The message's id makes it one command however often it is delivered. It must never throw: nobody would hear.
 */
export function createMentions({
  applicationId,
  ask,
  policy,
  invocations,
  audit,
  log,
}: {
  readonly applicationId: string
  readonly ask: CommandDefinition
  readonly policy: AccessPolicy
  readonly invocations: Pick<Invocations, 'accept'>
  readonly audit: Pick<Audit, 'refused'>
  readonly log: Logger
}) {
  async function hear(mention: Mention, id: string): Promise<void> {
    const {actor, channelId, messageId, text} = mention
    const permission = permit(policy, actor, {
      kind: 'command',
      command: ask.name,
      restricted: ask.access === 'restricted',
    })
    if (!permission.allowed) {
      await audit.refused({
        action: 'mention.refused',
        subject: `/${ask.name}`,
        actor: {id: actor.id, name: actor.name},
        details: {reason: permission.reasons[0] ?? ''},
      })
      return
    }
    const parsed = parseOptions(ask, {text})
    if (!parsed.ok) return
    await invocations.accept({
      id,
      source: 'discord',
      sourceId: `message-${messageId}`,
      command: ask.name,
      options: parsed.options,
      actor,
      agent: ask.agent,
      action: ask.action,
      reply: {
        target: {kind: 'channel', channelId, replyTo: messageId},
        view: {
          state: 'running',
          title: `${ask.acknowledge(parsed.options)} · queued`,
          lines: [`asked by ${plain(actor.name, 60)} · ${code(shortId(id))}`],
        },
      },
    })
    log.info({command: ask.name, actor: actor.id}, 'mentioned')
  }

  return {
    async receive(raw: unknown): Promise<void> {
      const mention = parseMention(raw, applicationId)
      if (!mention) return
      const id = randomUUID()
      await correlation
        .run(id, () => hear(mention, id))
        .catch((error: unknown) => log.error({err: error}, 'a mention could not be answered'))
    },
  }
}
export type Mentions = ReturnType<typeof createMentions>
