import type {AllowedMentions} from './message-forms.ts'

/** Whom a message names and whom it would really notify. */
export interface Mentions {
  readonly users: readonly string[]
  readonly roles: readonly string[]
  readonly everyone: boolean
  /** As written: `<@id>`, `<@&id>`, `@everyone`, `@here`. */
  readonly pings: readonly string[]
}

/**
 * Applies `allowed_mentions` to a text. Left out, an ordinary message parses everything, while answers to
 * interactions and webhooks parse users only. The server is taken to grant the bot every mention: a ping that
 * permissions alone would have stopped counts as a ping.
 */
export function mentionsIn(
  text: string,
  allowed: AllowedMentions | null | undefined,
  origin: 'bot' | 'interaction',
): Mentions {
  const parse = allowed
    ? (allowed.parse ?? [])
    : origin === 'bot'
      ? ['users', 'roles', 'everyone']
      : ['users']
  const may = (kind: 'users' | 'roles', id: string) =>
    parse.includes(kind) || (allowed?.[kind]?.includes(id) ?? false)

  // Inside code nothing is a mention.
  const spoken = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, ' ')
  const found = (pattern: RegExp) => [...new Set([...spoken.matchAll(pattern)].map(match => match[1] ?? ''))]
  const users = found(/<@!?(\d{1,20})>/g).filter(id => may('users', id))
  const roles = found(/<@&(\d{1,20})>/g).filter(id => may('roles', id))
  const broad = parse.includes('everyone') ? found(/(@everyone|@here)/g) : []
  return {
    users,
    roles,
    everyone: broad.length > 0,
    pings: [...users.map(id => `<@${id}>`), ...roles.map(id => `<@&${id}>`), ...broad],
  }
}
