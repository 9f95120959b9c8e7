import type {Upload} from './messages.ts'

/** One request, as a route sees it. */
export interface Call {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: unknown
  readonly uploads: readonly Upload[]
}

export interface Answer {
  readonly status: number
  /** JSON; absent for an empty answer. */
  readonly body?: unknown
}

export interface Route {
  readonly name: RouteName
  readonly method: string
  readonly pattern: string
  /** Needs the bot's token; the others carry their credential in the path. */
  readonly authorized: boolean
  /** Which of the rate limits its bucket follows; see rate-limits.ts. */
  readonly rule: string
  handle(call: Call): Answer
}

/** The routes faults and recorded requests speak of. */
export type RouteName =
  | 'gateway'
  | 'gatewayBot'
  | 'currentUser'
  | 'currentUserGuilds'
  | 'user'
  | 'currentApplication'
  | 'guild'
  | 'guildChannels'
  | 'guildRoles'
  | 'guildMember'
  | 'channel'
  | 'createDirectChannel'
  | 'typing'
  | 'createMessage'
  | 'listMessages'
  | 'getMessage'
  | 'editMessage'
  | 'deleteMessage'
  | 'startThread'
  | 'listCommands'
  | 'registerCommands'
  | 'createCommand'
  | 'getCommand'
  | 'editCommand'
  | 'deleteCommand'
  | 'callback'
  | 'followUp'
  | 'getOriginal'
  | 'editOriginal'
  | 'deleteOriginal'
  | 'getFollowUp'
  | 'editFollowUp'
  | 'deleteFollowUp'

/** 200 with a body. */
export const ok = (body: unknown): Answer => ({status: 200, body})
/** 204. */
export const nothing: Answer = {status: 204}

/** A route of the bot, unless told otherwise. */
export function route(
  name: RouteName,
  line: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`,
  handle: (call: Call) => Answer,
  {authorized = true, rule = name}: {authorized?: boolean; rule?: string} = {},
): Route {
  const [method = '', pattern = ''] = line.split(' ')
  return {name, method, pattern, authorized, rule, handle}
}

/** A path parameter of the route's own pattern. */
export function param({params}: Call, name: string): string {
  return params[name] ?? ''
}
