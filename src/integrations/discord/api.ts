import {DiscordAPIError, HTTPError, RateLimitError, REST} from '@discordjs/rest'
import {
  RESTJSONErrorCodes,
  Routes,
  type APIApplicationCommand,
  type APIDMChannel,
  type APIInteractionResponse,
  type APIMessage,
} from 'discord-api-types/v10'
import type {MessageBody} from './render.ts'

/** How an attempt to say something ended. */
export type Sent =
  | {readonly kind: 'sent'; readonly messageId: string}
  /** The interaction or message is no more: late, expired, deleted. Asking again can't help; another way may. */
  | {readonly kind: 'gone'; readonly reason: string}
  /** Discord understood and declined: no access, malformed. */
  | {readonly kind: 'refused'; readonly reason: string; readonly code?: number}
  /** It may or may not have arrived. */
  | {readonly kind: 'failed'; readonly reason: string}

/** What became of the first answer to an interaction. */
export type Acknowledged =
  | {readonly kind: 'acknowledged'}
  /** Another process was first: an ordinary event with several gateway sessions (40060). */
  | {readonly kind: 'already-acknowledged'}
  /** Later than 3 s: the person was told that we did not respond (10062). */
  | {readonly kind: 'too-late'}
  | {readonly kind: 'failed'; readonly reason: string}

/** A slash command as Discord knows it. */
export type RegisteredCommand = Pick<APIApplicationCommand, 'id' | 'name'>

/** The part of Discord's REST API that the product uses; every method says how it ended instead of throwing. */
export type DiscordApi = ReturnType<typeof createDiscordApi>

/** Whose REST API, and as whom. */
export interface DiscordApiOptions {
  readonly apiUrl: string
  readonly applicationId: string
  readonly token: string
}

/**
 * The client keeps a queue and a bucket per interaction token, by default for an hour and a day. A token lives
 * 15 minutes and most are used for seconds; idle queues are dropped each minute.
 */
const FORGETFUL = {handlerSweepInterval: 60_000, hashSweepInterval: 600_000, hashLifetime: 900_000} as const

export function createDiscordApi({apiUrl, applicationId, token}: DiscordApiOptions) {
  // Retrying an edit, a post that carries an enforced nonce, or a thread on a message is harmless; nothing else goes
  // through here.
  const rest = new REST({api: apiUrl, retries: 1, timeout: 8000, ...FORGETFUL}).setToken(token)
  // An acknowledgement has 3 s in all: a first try, and a second if that one went astray.
  const urgent = new REST({api: apiUrl, retries: 1, timeout: 1200, ...FORGETFUL})
  // What an interaction's token opens is not bound to the bot's 50 requests a second, only to a bucket of its own.
  // docs.discord.com/developers/interactions/receiving-and-responding, "Endpoints".
  const byToken = new REST({
    api: apiUrl,
    retries: 1,
    timeout: 8000,
    globalRequestsPerSecond: Infinity,
    ...FORGETFUL,
  })

  async function say(send: () => Promise<unknown>): Promise<Sent> {
    try {
      return {kind: 'sent', messageId: ((await send()) as APIMessage).id}
    } catch (error) {
      return failure(error)
    }
  }

  /**
   * Posts to a channel. The nonce makes a repeated post within some minutes answer with the first message
   * (`enforce_nonce`), so an answer lost on the way does not double it.
   */
  function createMessage(
    channelId: string,
    body: MessageBody,
    options: {readonly nonce: string; readonly replyTo?: string | undefined},
  ): Promise<Sent> {
    return say(() =>
      rest.post(Routes.channelMessages(channelId), {
        body: {
          ...body,
          nonce: options.nonce,
          enforce_nonce: true,
          ...(options.replyTo === undefined
            ? {}
            : {message_reference: {message_id: options.replyTo, fail_if_not_exists: false}}),
        },
        signal: limit(),
      }),
    )
  }

  return {
    applicationId,

    /** Answers an interaction for the first time. Never throws. */
    async acknowledge(
      interaction: {readonly id: string; readonly token: string},
      response: APIInteractionResponse,
    ): Promise<Acknowledged> {
      const signal = AbortSignal.timeout(2800)
      const send = () =>
        urgent.post(Routes.interactionCallback(interaction.id, interaction.token), {
          auth: false,
          body: response,
          query: new URLSearchParams({with_response: 'false'}),
          signal,
        })
      try {
        // A connection that broke is not tried again by the client; a second answer to the same interaction is harmless.
        await send().catch((error: unknown) => {
          if (isAnswer(error) || signal.aborted) throw error
          return send()
        })
        return {kind: 'acknowledged'}
      } catch (error) {
        if (error instanceof DiscordAPIError) {
          if (error.code === RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged)
            return {kind: 'already-acknowledged'}
          if (
            error.code === RESTJSONErrorCodes.UnknownInteraction ||
            error.code === RESTJSONErrorCodes.InvalidWebhookToken
          ) {
            return {kind: 'too-late'}
          }
        }
        return {kind: 'failed', reason: describe(error)}
      }
    },

    editOriginal(interactionToken: string, body: MessageBody): Promise<Sent> {
      return say(() =>
        byToken.patch(Routes.webhookMessage(applicationId, interactionToken, '@original'), {
          auth: false,
          body,
          signal: limit(),
        }),
      )
    },

    createMessage,

    /** Writes to one person alone. Refused when they let nobody of the server write to them. */
    async directMessage(userId: string, body: MessageBody, options: {readonly nonce: string}): Promise<Sent> {
      try {
        const channel = (await rest.post(Routes.userChannels(), {
          body: {recipient_id: userId},
          signal: limit(),
        })) as APIDMChannel
        return await createMessage(channel.id, body, options)
      } catch (error) {
        return failure(error)
      }
    },

    /**
     * Opens a thread on a message; `sent` with the thread's id, also where the message has one already. Refused where we
     * may not, or where threads can't be.
     */
    async startThread(
      channelId: string,
      messageId: string,
      thread: {readonly name: string; readonly archiveAfterMinutes: 60 | 1440 | 4320 | 10_080},
    ): Promise<Sent> {
      const sent = await say(() =>
        rest.post(Routes.threads(channelId, messageId), {
          body: {name: thread.name.slice(0, 100), auto_archive_duration: thread.archiveAfterMinutes},
          signal: limit(),
        }),
      )
      // A thread on a message has the message's id.
      return sent.kind === 'refused' && sent.code === RESTJSONErrorCodes.ThreadAlreadyCreatedForMessage
        ? {kind: 'sent', messageId}
        : sent
    },

    editMessage(channelId: string, messageId: string, body: MessageBody): Promise<Sent> {
      return say(() => rest.patch(Routes.channelMessage(channelId, messageId), {body, signal: limit()}))
    },

    /**
     * Our own recent messages in a channel, newest first; empty when we may not read it. `text` is all that a message
     * shows, and so has what Discord adds for an address in `content`.
     */
    async ownMessages(
      channelId: string,
    ): Promise<readonly {readonly id: string; readonly content: string; readonly text: string}[]> {
      try {
        const messages = (await rest.get(Routes.channelMessages(channelId), {
          query: new URLSearchParams({limit: '50'}),
          signal: limit(),
        })) as APIMessage[]
        return messages
          .filter(message => message.author.id === applicationId || message.application_id === applicationId)
          .map(message => ({
            id: message.id,
            content: message.content,
            text: [message.content, ...message.embeds.map(embed => embed.description ?? '')].join('\n'),
          }))
      } catch {
        return []
      }
    },

    /** Replaces the application's commands in a scope: a guild's at once, the global ones within a while. */
    async registerCommands(
      commands: readonly unknown[],
      guildId: string | undefined,
    ): Promise<readonly RegisteredCommand[]> {
      const route =
        guildId === undefined
          ? Routes.applicationCommands(applicationId)
          : Routes.applicationGuildCommands(applicationId, guildId)
      return (await rest.put(route, {body: commands})) as RegisteredCommand[]
    },

    /** The commands Discord knows in a scope now. Throws what Discord throws. */
    async registeredCommands(guildId: string | undefined): Promise<readonly APIApplicationCommand[]> {
      const route =
        guildId === undefined
          ? Routes.applicationCommands(applicationId)
          : Routes.applicationGuildCommands(applicationId, guildId)
      return (await rest.get(route)) as APIApplicationCommand[]
    },
  }
}

/** Whether Discord itself said no, rather than the way there. */
function isAnswer(error: unknown): boolean {
  return error instanceof DiscordAPIError || error instanceof HTTPError || error instanceof RateLimitError
}

function limit(): AbortSignal {
  return AbortSignal.timeout(12_000)
}

const GONE = new Set<number>([
  RESTJSONErrorCodes.UnknownInteraction,
  RESTJSONErrorCodes.UnknownWebhook,
  RESTJSONErrorCodes.InvalidWebhookToken,
  RESTJSONErrorCodes.UnknownMessage,
  RESTJSONErrorCodes.UnknownChannel,
])

function failure(error: unknown): Exclude<Sent, {kind: 'sent'}> {
  if (error instanceof DiscordAPIError) {
    const code = Number(error.code)
    if (GONE.has(code)) return {kind: 'gone', reason: describe(error)}
    if (error.status >= 400 && error.status < 500 && error.status !== 429)
      return {kind: 'refused', reason: describe(error), code}
  }
  return {kind: 'failed', reason: describe(error)}
}

/** Code and status only: Discord's error objects carry the interaction token in their URL and the message in their body. */
function describe(error: unknown): string {
  if (error instanceof DiscordAPIError) return `Discord error ${error.code} (HTTP ${error.status})`
  if (error instanceof HTTPError) return `Discord answered HTTP ${error.status}`
  if (error instanceof RateLimitError) return 'Discord asks us to slow down'
  return error instanceof Error ? error.name : 'no answer from Discord'
}
