import {Client, Events, GatewayDispatchEvents, Options, Status} from 'discord.js'
import type {DiscordApi} from '../integrations/discord/api.ts'
import {AppError} from '../kernel/errors.ts'
import type {Logger} from '../platform/logger.ts'
import type {Pipeline} from './pipeline.ts'

export interface Gateway {
  /** Whether events are flowing now. */
  ready(): boolean
  /** Stops taking interactions; those under way go on. */
  close(): Promise<void>
}

/**
 * The bot's ear: a gateway session of discord.js that feeds every interaction to the pipeline as it arrived.
 * No intent is needed for interactions and nothing is cached. discord.js reconnects and resumes by itself; what
 * it can't mend (bad token, refused intents) rejects here or ends the process through `onFatal`.
 */
export async function openGateway(options: {
  readonly token: string
  readonly apiUrl: string
  readonly pipeline: Pipeline
  readonly discord: Pick<DiscordApi, 'acknowledge'>
  readonly onFatal: (error: Error) => void
  readonly log: Logger
}): Promise<Gateway> {
  const {token, apiUrl, pipeline, discord, onFatal, log} = options
  const client = new Client({
    intents: [],
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
