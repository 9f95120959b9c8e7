import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type APIApplicationCommand, GatewayIntentBits as Intent} from 'discord-api-types/v10'
import {type Clock, systemClock} from '../../kernel/clock.ts'
import {type Change, createChanges} from './changes.ts'
import {channelRoutes} from './channel-routes.ts'
import {commandRoutes} from './command-routes.ts'
import {createCommands, type RegistrationCalls} from './commands.ts'
import {createControl} from './control.ts'
import {createEndpoint, createSigner, type EndpointOutcome} from './endpoint.ts'
import {createFaults, type Fault} from './faults.ts'
import {createGateway} from './gateway.ts'
import {interactionRoutes} from './interaction-routes.ts'
import {createInteractions, type Interactions} from './interactions.ts'
import {type MessageView, view} from './message-view.ts'
import {createMessages} from './messages.ts'
import {createPerson, DEFAULT_CHANNEL, type Person} from './people.ts'
import {createRateLimits, type RateLimit} from './rate-limits.ts'
import {createRest, type RecordedRequest} from './rest.ts'
import {serverRoutes} from './server-routes.ts'
import {transcript} from './transcript.ts'
import {createWorld, LEAN_BOT_PERMISSIONS} from './world.ts'

export type {Change} from './changes.ts'
export {ClientRefusal} from './command-line.ts'
export type {Conversation} from './conversation.ts'
export type {EndpointOutcome} from './endpoint.ts'
export type {Fault} from './faults.ts'
export type {Choice} from './interactions.ts'
export type {MessageVersion, MessageView} from './message-view.ts'
export type {Person} from './people.ts'
export type {RecordedRequest} from './rest.ts'
export {transcript} from './transcript.ts'

/*
 * A Discord of one server and one bot, on this machine: REST v10, gateway and HTTP interactions, strict like the
 * real one, and people who type commands and press buttons. Start reading at the `…-routes.ts` (what can be asked),
 * `interactions.ts` (the life of a command) and `people.ts` (who asks). Bots come in through the network only.
 */

export interface DiscordEmulatorOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  readonly now?: Clock
  readonly ackDeadlineMs?: number
  readonly tokenLifetimeMs?: number
  readonly heartbeatIntervalMs?: number
  /** What the bot may do in every channel; `channel(...).permit` changes one. */
  readonly botPermissions?: bigint
  /** Privileged intents switched on for the application; none by default. */
  readonly privilegedIntents?: number
  /** Other limits than the usual ones, by bucket; see rate-limits.ts. */
  readonly rateLimits?: Readonly<Record<string, RateLimit>>
}

export interface Channel {
  readonly id: string
  readonly name: string
  /** What stands there now, ephemeral messages included, oldest first. */
  messages(): MessageView[]
  /** The same with deleted ones. */
  history(): MessageView[]
  /** What the bot may do here from now on. */
  permit(botPermissions: bigint): void
}

export interface DiscordEmulator {
  /** REST base without version: what `DISCORD_API_URL` takes. */
  readonly url: string
  readonly applicationId: string
  readonly guildId: string
  readonly botToken: string
  /** Hex, Ed25519. */
  readonly publicKey: string
  /** By name, made when missing; `general` without one. */
  channel(name?: string): Channel
  /** Archives a thread, as Discord does by itself after a while; `locked` as a moderator does. */
  archive(threadId: string, how?: 'open' | 'locked'): void
  /** By name, made when missing; roles by id or name. Given options replace what was. */
  person(
    name: string,
    options?: {id?: string; roles?: readonly string[]; admin?: boolean; takesDirectMessages?: boolean},
  ): Person
  /** What a client shows for a mention of this member, role or channel; undefined for ids of nothing here. */
  readonly nameOf: (id: string) => string | undefined
  /** The commands of the guild and the global ones, as registered now. */
  readonly registrations: readonly APIApplicationCommand[]
  readonly registrationCalls: Readonly<RegistrationCalls>
  /** What reached the REST API, oldest first; the last 20,000. */
  readonly requests: readonly RecordedRequest[]
  /** Gateway faults act at once, route faults on the next requests. Returns the way to take a route fault back. */
  misbehave(fault: Fault): () => void
  /** Deliver interactions to this URL, if it passes Discord's handshake; without one, over the gateway again. */
  useInteractionsEndpoint(url?: string): Promise<EndpointOutcome>
  /** The headers Discord would send with this body; `timestamp` in seconds. For forging late and repeated requests. */
  signed(body: string, timestamp?: string): Record<string, string>
  /** Resolves when at least `bots` sessions are ready and connected. */
  waitForGateway(options?: {bots?: number; timeoutMs?: number}): Promise<void>
  /** Returns the way to stop listening. */
  on(listener: (change: Change) => void): () => void
  /** Resolves with the first truthy value of `probe`, asked again after every change; on timeout the error shows the channels. */
  eventually<T>(
    probe: () => T | undefined | null | false,
    options?: {timeoutMs?: number; what?: string},
  ): Promise<T>
  close(): Promise<void>
}

/** Starts it on loopback. Everything it holds is in memory and gone with `close`. */
export async function startDiscordEmulator(options: DiscordEmulatorOptions = {}): Promise<DiscordEmulator> {
  const {now = systemClock, ackDeadlineMs = 3_000, tokenLifetimeMs = 15 * 60_000} = options
  const changes = createChanges()
  const signer = createSigner(now)
  const privilegedIntents = options.privilegedIntents ?? 0
  const world = createWorld({
    now,
    changes,
    publicKey: signer.publicKey,
    botPermissions: options.botPermissions ?? LEAN_BOT_PERMISSIONS,
    readsMessageContent: (privilegedIntents & Intent.MessageContent) !== 0,
  })
  world.channelNamed(DEFAULT_CHANNEL)

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy())
  })
  const origin = () => `127.0.0.1:${(server.address() as AddressInfo).port}`
  const gatewayUrl = () => `ws://${origin()}/gateway`
  const messages = createMessages({world, url: () => `http://${origin()}`})
  const commands = createCommands(world)
  const gateway = createGateway({
    world,
    server,
    url: gatewayUrl,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 41_250,
    privilegedIntents,
  })
  const endpoint = createEndpoint({
    world,
    signer,
    interactions: () => interactions,
    deadlineMs: ackDeadlineMs,
  })
  const interactions: Interactions = createInteractions({
    world,
    messages,
    ackDeadlineMs,
    tokenLifetimeMs,
    deliver(interaction, payload) {
      const url = world.interactionsEndpoint
      const times = gateway.takeDuplicate() ? 2 : 1
      for (let time = 0; time < times; time++)
        if (url) endpoint.deliver(url, interaction, payload)
        else gateway.dispatch('INTERACTION_CREATE', 0, payload)
    },
  })
  const faults = createFaults()
  const rest = createRest({
    world,
    faults,
    rateLimits: createRateLimits({now, ...(options.rateLimits && {limits: options.rateLimits})}),
    routes: [
      ...serverRoutes({world, gatewayUrl, identifiesLeft: gateway.identifiesLeft}),
      ...channelRoutes({world, messages}),
      ...commandRoutes({world, commands}),
      ...interactionRoutes({world, messages, interactions}),
    ],
  })

  const stopTelling = changes.on(change => {
    if (change.kind === 'channel.created') {
      const channel = world.channels.get(change.channelId)
      if (channel)
        gateway.dispatch(
          channel.parentId ? 'THREAD_CREATE' : 'CHANNEL_CREATE',
          Intent.Guilds,
          world.apiChannel(channel),
        )
      return
    }
    if (change.kind === 'role.created') {
      const role = world.roles.get(change.roleId)
      gateway.dispatch('GUILD_ROLE_CREATE', Intent.Guilds, {guild_id: world.guildId, role})
      return
    }
    if (!('message' in change) || change.message.ephemeral) return
    const stored = messages.find(change.message.id)
    if (!stored) return
    const {id, channelId} = change.message
    const author = world.members.get(stored.author.id)
    // Direct messages are dispatched under an intent of their own, which no bot asks for here.
    if (!world.channels.has(channelId)) return
    if (change.kind === 'message.deleted')
      gateway.dispatch('MESSAGE_DELETE', Intent.GuildMessages, {
        id,
        channel_id: channelId,
        guild_id: world.guildId,
      })
    else
      gateway.dispatch(
        change.kind === 'message.created' ? 'MESSAGE_CREATE' : 'MESSAGE_UPDATE',
        Intent.GuildMessages,
        {
          ...messages.toApi(stored),
          guild_id: world.guildId,
          ...(author && {member: {roles: author.roles, deaf: false, mute: false, flags: 0}}),
        },
      )
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    if (path.startsWith('/control')) return control.handle(request, response)
    if (path.startsWith('/attachments/')) return serveAttachment(path, response)
    return rest.handle(request, response)
  }

  function serveAttachment(path: string, response: ServerResponse): void {
    const [, , channelId = '', id] = path.split('/')
    const file = messages
      .inChannel(channelId)
      .flatMap(message => (message.deleted ? [] : message.attachments))
      .find(each => each.id === id)
    if (!file) return void response.writeHead(404).end()
    response.writeHead(200, {
      'content-type': file.contentType || 'application/octet-stream',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
    })
    response.end(file.bytes)
  }

  const emulator: DiscordEmulator = {
    get url() {
      return `http://${origin()}/api`
    },
    applicationId: world.applicationId,
    guildId: world.guildId,
    botToken: world.botToken,
    publicKey: world.publicKey,
    channel(name = DEFAULT_CHANNEL) {
      const record = world.channelNamed(name)
      const history = () => messages.inChannel(record.id).map(view)
      return {
        id: record.id,
        name: record.name,
        history,
        messages: () => history().filter(message => !message.deleted),
        permit(botPermissions) {
          record.botPermissions = botPermissions
          gateway.dispatch('CHANNEL_UPDATE', Intent.Guilds, world.apiChannel(record))
        },
      }
    },
    archive(threadId, how = 'open') {
      const thread = world.channels.get(threadId)
      if (thread?.parentId === undefined) throw new Error(`There is no thread ${threadId}`)
      thread.archived = how
    },
    person: (name, who) =>
      createPerson({world, messages, commands, interactions}, world.memberNamed(name, who)),
    nameOf(id) {
      const user = id === world.bot.id ? world.bot : world.members.get(id)?.user
      return (user?.username ?? (world.roles.get(id) ?? world.channels.get(id))?.name)?.replace(/^@/, '')
    },
    get registrations() {
      return commands.available()
    },
    registrationCalls: commands.calls,
    requests: rest.requests,
    misbehave(fault) {
      if ('route' in fault) return faults.add(fault)
      gateway.misbehave(fault)
      return () => undefined
    },
    useInteractionsEndpoint: url => endpoint.use(url),
    signed: (body, timestamp) => signer.headers(body, timestamp),
    async waitForGateway({bots = 1, timeoutMs = 15_000} = {}) {
      await changes.eventually(() => gateway.connected() >= bots, {
        timeoutMs,
        what: `${bots} bot session(s) to be ready`,
      })
    },
    on: listener => changes.on(listener),
    eventually: (probe, how = {}) =>
      changes.eventually(probe, {
        ...how,
        describe: () =>
          [...world.channels.values()]
            .map(({id, name}) => transcript(messages.inChannel(id).map(view), name))
            .join('\n'),
      }),
    async close() {
      stopTelling()
      interactions.close()
      gateway.close()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
  const control = createControl(emulator)

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  return emulator
}
