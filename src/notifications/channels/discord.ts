import {createHash} from 'node:crypto'
import type {People} from '../../access/people.ts'
import type {Clock} from '../../kernel/clock.ts'
import {shortId} from '../../kernel/correlation.ts'
import {code, ellipsis, plain, timestamp} from '../../kernel/markdown.ts'
import type {DiscordApi, Sent} from '../../integrations/discord/api.ts'
import {renderReply, type MessageBody} from '../../integrations/discord/render.ts'
import type {Reply} from '../../sdk/index.ts'
import type {NewNotice, Notice, NoticeChannel, Told} from '../notice.ts'
import type {ReplyStore} from '../store.ts'
import {noteOf, STATES, urlOf} from './wording.ts'

/** How long Discord is known to honour an enforced nonce; after that we look before posting. */
const NONCE_TRUSTED_MS = 120_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Short new messages, since edits notify nobody: below the message that the story has already, pinging those who are to
 * act and nobody else.
 */
export function createDiscordNotices({
  discord,
  people,
  replies,
  statusChannelId,
  clock,
}: {
  readonly discord: Pick<DiscordApi, 'createMessage' | 'ownMessages'>
  readonly people: Pick<People, 'find'>
  readonly replies: Pick<ReplyStore, 'messageOf'>
  readonly statusChannelId: string | undefined
  readonly clock: Clock
}): NoticeChannel {
  /** The message that the story has besides its notices, such as a request's with its buttons. */
  async function messageOf(id: string) {
    return UUID.test(id) ? replies.messageOf(id) : undefined
  }

  async function mentionsOf(notice: Notice): Promise<readonly string[]> {
    const persons = await Promise.all(notice.people.map(id => people.find(id)))
    return persons.flatMap(person => person?.accounts.discord ?? [])
  }

  async function tell(
    notice: Notice,
    {key, thread}: {key: string; thread: string | undefined},
  ): Promise<Told> {
    const channelId = notice.channelId ?? statusChannelId
    if (channelId === undefined) return {kind: 'skipped', reason: 'no channel to tell it in'}
    if (isTask(notice) && (await messageOf(notice.correlationId)))
      return {kind: 'skipped', reason: 'the command’s own message tells it'}
    const message = await messageOf(notice.story.slice(notice.story.indexOf(':') + 1))
    const body = renderReply(describe(notice, await mentionsOf(notice)))
    const earlier = clock() - notice.at > NONCE_TRUSTED_MS ? await find(channelId, body) : undefined
    if (earlier !== undefined) return {kind: 'told', id: earlier}
    return toTold(
      await discord.createMessage(channelId, body, {
        nonce: nonceOf(key),
        replyTo: message?.channelId === channelId ? (message.messageId ?? thread) : thread,
      }),
    )
  }

  /** A message that says exactly this: the notice's time is in it, so that no two notices say the same. */
  async function find(channelId: string, body: MessageBody): Promise<string | undefined> {
    const text = [body.content, ...body.embeds.map(({description}) => description ?? '')].join('\n')
    return (await discord.ownMessages(channelId)).find(message => message.text === text)?.id
  }

  return {name: 'discord', tells: () => true, tell}
}

/** The message for people; foreign words are escaped. */
function describe(notice: Notice, mentions: readonly string[]): Reply {
  const note = noteOf(notice)
  const url = urlOf(notice)
  return {
    state: STATES[notice.event],
    title: ellipsis(plain(notice.title, 100), 120),
    lines: [
      ...(note === undefined ? [] : [plain(note, 500)]),
      `${code(shortId(notice.correlationId))} · ${timestamp(notice.at)} · #${notice.seq}`,
    ],
    ...(mentions.length > 0 ? {mentions} : {}),
    ...(url === undefined ? {} : {controls: [{kind: 'link', label: 'Open ↗', url}]}),
  }
}

function isTask({event}: NewNotice): boolean {
  return event === 'task_completed' || event === 'task_failed' || event === 'agent_error'
}

/** At most 25 characters, the same for the same notice. */
function nonceOf(key: string): string {
  return createHash('sha256').update(`notice ${key}`).digest('base64url').slice(0, 25)
}

function toTold(sent: Sent): Told {
  switch (sent.kind) {
    case 'sent':
      return {kind: 'told', id: sent.messageId}
    case 'gone':
    case 'refused':
      return {kind: 'refused', reason: sent.reason}
    case 'failed':
      return {kind: 'failed', reason: sent.reason}
  }
}
