import {randomBytes} from 'node:crypto'
import type {IncomingMessage, Server} from 'node:http'
import type {Duplex} from 'node:stream'
import {
  GatewayCloseCodes as Close,
  GatewayIntentBits as Intent,
  GatewayOpcodes as Op,
} from 'discord-api-types/v10'
import {type RawData, type WebSocket, WebSocketServer} from 'ws'
import {z} from 'zod'
import type {GatewayFault} from './faults.ts'
import type {World} from './world.ts'

const KEEP_EVENTS = 2_000
const RESUMABLE_MS = 3 * 60_000
const MAX_PAYLOAD_BYTES = 4_096
const SENDS_PER_MINUTE = 120
const IDENTIFIES_PER_DAY = 1_000
const PRIVILEGED = Intent.GuildMembers | Intent.GuildPresences | Intent.MessageContent
const ALL_INTENTS = Object.values(Intent)
  .filter(bit => typeof bit === 'number')
  .reduce((sum, bit) => sum | bit, 0)

interface SentEvent {
  readonly t: string
  readonly s: number
  readonly d: unknown
}

/** What a bot's login is worth: it outlives the connection, so that missed events can be replayed. */
interface Session {
  readonly id: string
  readonly intents: number
  readonly shard: readonly [number, number]
  seq: number
  readonly events: SentEvent[]
  connection: Connection | undefined
  /** Since when nobody is connected. */
  detachedAt: number | undefined
}

interface Connection {
  readonly socket: WebSocket
  session: Session | undefined
  acks: boolean
  watchdog: NodeJS.Timeout | undefined
  readonly sent: number[]
}

const frame = z.object({op: z.int(), d: z.unknown()})
const identifyForm = z.object({
  token: z.string(),
  intents: z.int().min(0),
  properties: z.object({}),
  shard: z.tuple([z.int().min(0), z.int().min(1)]).optional(),
})
const resumeForm = z.object({token: z.string(), session_id: z.string(), seq: z.int().min(0)})

interface GatewayOptions {
  readonly world: World
  readonly server: Server
  readonly url: () => string
  readonly heartbeatIntervalMs: number
  /** Privileged intents switched on for the application; asking for others closes with 4014. */
  readonly privilegedIntents: number
}

/**
 * The gateway, version 10, JSON, uncompressed. Every session of the bot receives every event its intents cover;
 * several sessions at once are normal, as during a deployment without downtime.
 */
export function createGateway(options: GatewayOptions) {
  const {world, server, url, heartbeatIntervalMs, privilegedIntents} = options
  const sockets = new WebSocketServer({noServer: true, maxPayload: 1024 * 1024})
  const sessions = new Map<string, Session>()
  const connections = new Set<Connection>()
  let identifies = 0
  let duplicateNext = false

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const {pathname, searchParams} = new URL(request.url ?? '/', 'http://discord.invalid')
    if (pathname.replace(/\/$/, '') !== '/gateway') {
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, webSocket => accept(webSocket, searchParams))
  })

  function accept(socket: WebSocket, query: URLSearchParams): void {
    const connection: Connection = {socket, session: undefined, acks: true, watchdog: undefined, sent: []}
    connections.add(connection)
    socket.on('error', () => socket.terminate())
    socket.on('close', code => detach(connection, code))
    if (query.get('v') !== '10') return socket.close(Close.InvalidAPIVersion, 'Invalid API version')
    if (query.get('encoding') !== 'json' || query.has('compress'))
      return socket.close(Close.DecodeError, 'This server speaks plain JSON only')
    socket.on('message', data => receive(connection, data))
    send(connection, {op: Op.Hello, d: {heartbeat_interval: heartbeatIntervalMs}})
    watch(connection)
  }

  function detach(connection: Connection, code: number): void {
    connections.delete(connection)
    clearTimeout(connection.watchdog)
    const {session} = connection
    if (!session || session.connection !== connection) return
    session.connection = undefined
    session.detachedAt = world.now()
    // A normal closure by the client says goodbye; anything else may come back.
    if (code === 1000 || code === 1001) sessions.delete(session.id)
    world.changes.emit({kind: 'gateway.closed', sessionId: session.id})
  }

  /** A client that misses two beats is gone. */
  function watch(connection: Connection): void {
    clearTimeout(connection.watchdog)
    connection.watchdog = setTimeout(
      () => connection.socket.close(Close.SessionTimedOut, 'Session timed out'),
      heartbeatIntervalMs * 2 + 1_000,
    ).unref()
  }

  function receive(connection: Connection, data: RawData): void {
    const {socket} = connection
    const raw = data as Buffer
    if (raw.length > MAX_PAYLOAD_BYTES) return socket.close(Close.DecodeError, 'Payload too large')
    const parsed = frame.safeParse(parseJson(raw.toString('utf8')))
    if (!parsed.success) return socket.close(Close.DecodeError, 'Error while decoding payload')
    const {op, d} = parsed.data
    // Beats count too in the real thing, but tests may ask for a pulse that alone would exceed the limit.
    if (op !== Number(Op.Heartbeat) && tooFast(connection))
      return socket.close(Close.RateLimited, 'Rate limited')
    switch (op as Op) {
      case Op.Heartbeat:
        watch(connection)
        if (connection.acks) send(connection, {op: Op.HeartbeatAck})
        return
      case Op.Identify:
        return identify(connection, d)
      case Op.Resume:
        return resume(connection, d)
      case Op.PresenceUpdate:
      case Op.VoiceStateUpdate:
      case Op.RequestGuildMembers:
        if (!connection.session) socket.close(Close.NotAuthenticated, 'Not authenticated')
        return
      default:
        return socket.close(Close.UnknownOpcode, 'Unknown opcode')
    }
  }

  function tooFast({sent}: Connection): boolean {
    const at = world.now()
    sent.push(at)
    while ((sent[0] ?? at) <= at - 60_000) sent.shift()
    return sent.length > SENDS_PER_MINUTE
  }

  function identify(connection: Connection, d: unknown): void {
    const {socket} = connection
    if (connection.session) return socket.close(Close.AlreadyAuthenticated, 'Already authenticated')
    const parsed = identifyForm.safeParse(d)
    if (!parsed.success) return socket.close(Close.DecodeError, 'Error while decoding payload')
    const {token, intents, shard = [0, 1]} = parsed.data
    if (token.replace(/^Bot /, '') !== world.botToken)
      return socket.close(Close.AuthenticationFailed, 'Authentication failed')
    if (shard[0] >= shard[1]) return socket.close(Close.InvalidShard, 'Invalid shard')
    if (intents & ~ALL_INTENTS) return socket.close(Close.InvalidIntents, 'Invalid intents')
    if (intents & PRIVILEGED & ~privilegedIntents)
      return socket.close(Close.DisallowedIntents, 'Disallowed intents')
    identifies++
    const session: Session = {
      id: randomBytes(16).toString('hex'),
      intents,
      shard,
      seq: 0,
      events: [],
      connection,
      detachedAt: undefined,
    }
    connection.session = session
    sessions.set(session.id, session)
    deliver(session, 'READY', {
      v: 10,
      user: world.bot,
      guilds: [{id: world.guildId, unavailable: true}],
      session_id: session.id,
      resume_gateway_url: url(),
      session_type: 'normal',
      private_channels: [],
      relationships: [],
      application: {id: world.applicationId, flags: 0},
      shard,
    })
    if (intents & Intent.Guilds && ownsGuild(session))
      deliver(session, 'GUILD_CREATE', world.apiGuildCreate())
    world.changes.emit({kind: 'gateway.ready', sessionId: session.id})
  }

  function resume(connection: Connection, d: unknown): void {
    const parsed = resumeForm.safeParse(d)
    if (!parsed.success) return connection.socket.close(Close.DecodeError, 'Error while decoding payload')
    const {token, session_id, seq} = parsed.data
    if (token.replace(/^Bot /, '') !== world.botToken)
      return connection.socket.close(Close.AuthenticationFailed, 'Authentication failed')
    const session = sessions.get(session_id)
    if (session && seq > session.seq) return connection.socket.close(Close.InvalidSeq, 'Invalid seq')
    const oldest = session?.events[0]?.s ?? 1
    if (!session || expired(session) || oldest > seq + 1) {
      if (session) sessions.delete(session.id)
      return send(connection, {op: Op.InvalidSession, d: false})
    }
    session.connection?.socket.close(Close.UnknownError, 'Resumed elsewhere')
    session.connection = connection
    session.detachedAt = undefined
    connection.session = session
    for (const event of session.events.filter(each => each.s > seq))
      send(connection, {op: Op.Dispatch, ...event})
    deliver(session, 'RESUMED', {})
    world.changes.emit({kind: 'gateway.resumed', sessionId: session.id})
  }

  function expired({detachedAt}: Session): boolean {
    return detachedAt !== undefined && world.now() - detachedAt > RESUMABLE_MS
  }

  function ownsGuild({shard: [index, count]}: Session): boolean {
    return Number((BigInt(world.guildId) >> 22n) % BigInt(count)) === index
  }

  function deliver(session: Session, t: string, d: unknown): void {
    const event: SentEvent = {t, s: ++session.seq, d}
    session.events.push(event)
    if (session.events.length > KEEP_EVENTS) session.events.shift()
    if (session.connection) send(session.connection, {op: Op.Dispatch, ...event})
  }

  /**
   * An event for every session whose intents cover it; `intent` 0 goes to all. Sessions that lost their
   * connection get it when they resume.
   */
  function dispatch(t: string, intent: number, d: unknown): void {
    for (const session of sessions.values()) {
      if (expired(session)) sessions.delete(session.id)
      else if (ownsGuild(session) && (intent === 0 || session.intents & intent)) deliver(session, t, d)
    }
  }

  function misbehave(fault: GatewayFault): void {
    if (fault.gateway === 'duplicateNextInteraction') {
      duplicateNext = true
      return
    }
    for (const connection of [...connections]) {
      switch (fault.gateway) {
        case 'drop':
          connection.socket.terminate()
          break
        case 'close':
          connection.socket.close(fault.code ?? Close.UnknownError)
          break
        case 'reconnect':
          send(connection, {op: Op.Reconnect, d: null})
          break
        case 'invalidSession':
          if (connection.session) sessions.delete(connection.session.id)
          connection.session = undefined
          send(connection, {op: Op.InvalidSession, d: false})
          break
        case 'stopAcks':
          connection.acks = false
          break
      }
    }
  }

  return {
    dispatch,
    misbehave,
    identifiesLeft: () => Math.max(0, IDENTIFIES_PER_DAY - identifies),
    /** Sessions with a live connection. */
    connected: () => [...sessions.values()].filter(session => session.connection).length,
    /** True once after a `duplicateNextInteraction`. */
    takeDuplicate(): boolean {
      const duplicate = duplicateNext
      duplicateNext = false
      return duplicate
    },
    close(): void {
      for (const connection of connections) {
        clearTimeout(connection.watchdog)
        connection.socket.terminate()
      }
      sockets.close()
    },
  }
}

function send({socket}: Connection, payload: {op: Op; d?: unknown; s?: number; t?: string}): void {
  if (socket.readyState !== socket.OPEN) return
  const {op, d = null, s = null, t = null} = payload as Record<string, unknown>
  socket.send(JSON.stringify({op, d, s, t}))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
