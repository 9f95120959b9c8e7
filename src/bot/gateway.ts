import {Client, Events, GatewayDispatchEvents, GatewayIntentBits, Options, Status} from 'discord.js'
import type {DiscordApi} from '../integrations/discord/api.ts'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {Mentions} from './mentions.ts'
import type {Pipeline} from './pipeline.ts'

export interface Gateway {
  /** Whether events are flowing now. */
  ready(): boolean
  /** Stops taking interactions; those under way go on. */
  close(): Promise<void>
}

/**
 * The bot's ear: a gateway session of discord.js that feeds every interaction to the pipeline as it arrived, and new
 * messages to whoever hears mentions. Discord leaves the words of messages that don't name us empty, since we don't ask
 * for that intent. Nothing is cached. discord.js reconnects and resumes by itself; what
 * it can't mend (bad token, refused intents) rejects here or ends the process through `onFatal`.
 */
export async function openGateway(options: {
  readonly token: string
  readonly apiUrl: string
  readonly pipeline: Pipeline
  readonly mentions: Mentions
  readonly discord: Pick<DiscordApi, 'acknowledge'>
  readonly onFatal: (error: Error) => void
  readonly log: Logger
}): Promise<Gateway> {
  const {token, apiUrl, pipeline, mentions, discord, onFatal, log} = options
  const client = new Client({
    intents: [GatewayIntentBits.GuildMessages],
    rest: {api: apiUrl},
    allowedMentions: {parse: []},
    makeCache: Options.cacheWithLimits({
      MessageManager: 0,
      GuildMemberManager: 0,
      PresenceManager: 0,
      ReactionManager: 0,
      UserManager: 1,
    }),
  })
  let open = true

  // The raw event, not discord.js's object: the interactions endpoint delivers the same JSON to the same pipeline.
  client.ws.on(
    GatewayDispatchEvents.InteractionCreate,
    (interaction: {readonly id: string; readonly token: string}) => {
      if (!open) return
      void pipeline.receive(interaction, response => discord.acknowledge(interaction, response))
    },
  )
  client.ws.on(GatewayDispatchEvents.MessageCreate, (message: unknown) => {
    if (open) void mentions.receive(message)
  })
  client.on(Events.Error, error => log.error({err: error}, 'gateway error'))
  client.on(Events.ShardError, error => log.error({err: error}, 'gateway connection error'))
  client.on(Events.ShardReconnecting, () => log.warn({}, 'gateway reconnecting'))
  client.on(Events.ShardResume, (_shard, replayed) => log.info({replayed}, 'gateway resumed'))
  // Said only of closures that discord.js does not recover from: the bot would stay deaf.
  client.on(Events.ShardDisconnect, ({code}) =>
    onFatal(
      new AppError(
        'START_FAILED',
        `Discord ended our session for good (code ${code}). Was the token reset, or an intent taken away?`,
      ),
    ),
  )

  // Registered before login: a near server is ready before login returns.
  const ready = new Promise<void>(resolve => client.once(Events.ClientReady, () => resolve()))
  try {
    await client.login(token)
  } catch (error) {
    await client.destroy()
    throw new AppError(
      'START_FAILED',
      `Discord refused the connection: ${error instanceof Error ? error.message : 'unknown reason'}`,
      {cause: error},
    )
  }
  await ready
  log.info({}, 'connected to Discord')

  return {
    // Of the shards, because the client as a whole stays "ready" for ever once it has been.
    ready: () => open && client.isReady() && client.ws.shards.every(shard => shard.status === Status.Ready),
    async close() {
      open = false
      await client.destroy()
    },
  }
}
