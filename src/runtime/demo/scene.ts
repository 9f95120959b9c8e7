import type {Conversation, MessageView, Person} from '../../emulators/discord/index.ts'
import type {Run} from '../../emulators/github/index.ts'
import {CHANNEL} from './cast.ts'
import type {Pace} from './pace.ts'
import type {Stage} from './stage.ts'
import type {Claim, View} from './view/view.ts'

/** A scene plays a piece of the product's life for real and says what came true of what it promised. */
export interface Scene {
  readonly title: string
  readonly notice: string
  play(act: Act): Promise<readonly Claim[]>
}

export interface Act {
  readonly stage: Stage
  readonly pace: Pace
  tell: View['tell']
  /** Lets somebody type a command. */
  gives(person: Person, line: string): Promise<Conversation>
}

export const ANSWER_MS = 15_000
export const DEPLOY_MS = 45_000

/** The final answer to a command that is over at once. */
export async function answer({stage}: Act, talk: Conversation): Promise<MessageView> {
  return stage.discord.eventually(
    () => {
      if (talk.failed) throw new Error(`The application did not respond: ${talk.failed}`)
      return isFinal(talk.reply()) && talk.reply()
    },
    {timeoutMs: ANSWER_MS, what: 'the answer'},
  )
}

/** The message of the request that waits, and the request's id. */
export async function asked({stage}: Act): Promise<{message: MessageView; id: string}> {
  const message = await stage.discord.eventually(
    () =>
      stage.discord
        .channel(CHANNEL)
        .messages()
        .find(each => JSON.stringify(each.components).includes('v1:approve:')),
    {timeoutMs: ANSWER_MS, what: 'the request for approval'},
  )
  const [, id = ''] = /v1:approve:([0-9a-f-]{36})/.exec(JSON.stringify(message.components)) ?? []
  return {message, id}
}

/** That message as it is now. */
export function shown({stage}: Act, {id}: MessageView): MessageView | undefined {
  return stage.discord
    .channel(CHANNEL)
    .messages()
    .find(message => message.id === id)
}

/** Where the request is asked for in Linear: the comment that opens its thread. */
export function inLinear({stage: {linear}}: Act, id: string) {
  return linear.eventually(() => linear.comments().find(({parent, body}) => !parent && body.includes(id)), {
    timeoutMs: ANSWER_MS,
    what: 'the request in Linear',
  })
}

export async function press(
  act: Act,
  person: Person,
  message: MessageView,
  button: string,
): Promise<Conversation> {
  act.pace.skipped.throwIfAborted()
  act.tell(`${person.name} presses ${button}`)
  return person.presses(message, button)
}

/** The code in the newest private message to somebody. */
export function codeFrom(person: Person): string {
  const codes = person.receives().flatMap(({content}) => /`(\d{6})`/.exec(content)?.[1] ?? [])
  return codes.at(-1) ?? ''
}

/** A deploy that was waited for, when all has been said about it. */
export async function deployed(
  {stage}: Act,
  talk: Conversation,
): Promise<{message: MessageView; closing: MessageView[]; run: Run | undefined}> {
  const channel = stage.discord.channel(CHANNEL)
  const closingOf = (id: string) => channel.messages().filter(message => message.replyTo === id)
  const message = await stage.discord.eventually(
    () => {
      const reply = talk.reply()
      return reply && isFinal(reply) && closingOf(reply.id).length > 0 && reply
    },
    {timeoutMs: DEPLOY_MS, what: 'the end of the deploy'},
  )
  const run = stage.cast.repository.runs.find(each =>
    textOf(message).includes(`${each.inputs['correlation_id']?.slice(0, 8) ?? ' '}…`),
  )
  return {message, closing: closingOf(message.id), run}
}

function isFinal(message: MessageView | undefined): boolean {
  return (
    message !== undefined && !message.loading && message.content !== '' && !/^(🟡|⏳)/u.test(message.content)
  )
}

export function seenBy({discord}: Stage, talk: Conversation, name: string): boolean {
  return discord
    .person(name)
    .sees(discord.channel(CHANNEL))
    .some(message => message.id === talk.reply()?.id)
}

/** Dispatches that reach GitHub from now on, whatever became of them. */
export function countDispatches({github}: Stage): () => number {
  const before = github.count('dispatch')
  return () => github.count('dispatch') - before
}

/** Content and embeds as people read them, without the escapes. */
export function textOf(message: MessageView): string {
  const text = [message.content, ...message.embeds.map(embed => embed.description ?? '')].join('\n')
  return text.replace(/\\(?=[^\p{L}\p{N}\s])/gu, '')
}
