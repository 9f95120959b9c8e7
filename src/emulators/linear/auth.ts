import {randomBytes} from 'node:crypto'
import type {UserState} from './world.ts'

/** Who a request comes from. */
export interface Caller {
  readonly user: UserState
  readonly kind: 'key' | 'oauth'
  /** Requests and points an hour. */
  readonly limits: {readonly requests: number; readonly complexity: number}
}

export interface AppCredentials {
  readonly clientId: string
  readonly clientSecret: string
  /** The app's user in the workspace. */
  readonly userId: string
}

export interface MintedToken {
  readonly token: string
  readonly expiresIn: number
  readonly scope: string
  /** Of a token that stands for an installation. */
  readonly refreshToken?: string
}

export interface Auth {
  readonly issueKey: (user: UserState) => string
  readonly registerApp: (user: UserState) => AppCredentials
  /** A person lets an app in: the code that it may turn into tokens, once; undefined when nothing is asked rightly. */
  authorize(query: URLSearchParams): string | undefined
  /** A token by client credentials, a code or a refresh token; undefined when they are wrong. */
  mint(form: URLSearchParams): MintedToken | undefined
  /** Undefined when nobody is let in by that header. */
  authenticate(authorization: string | undefined): Caller | undefined
  /** All tokens of apps are gone, as after the rotation of a secret; keys stay. */
  readonly revokeTokens: () => void
}

// Seen live and in Linear's own tables: reference figures differ, clients must read the headers.
const KEY_LIMITS = {requests: 2500, complexity: 3_000_000}
const APP_LIMITS = {requests: 5000, complexity: 2_000_000}
const CLIENT_CREDENTIALS_S = 2_591_999
const ACCESS_TOKEN_S = 86_399
/** How long a used refresh token still works, for answers that were lost. */
const REPLAY_MS = 1_800_000

export function createAuth({now}: {readonly now: () => number}): Auth {
  const keys = new Map<string, Caller>()
  const tokens = new Map<string, {readonly caller: Caller; readonly expiresAt: number}>()
  const apps = new Map<string, {readonly secret: string; readonly user: UserState}>()
  const codes = new Map<
    string,
    {readonly clientId: string; readonly redirectUri: string; readonly scope: string}
  >()
  const refreshTokens = new Map<
    string,
    {readonly clientId: string; readonly scope: string; usedAt?: number; next?: MintedToken}
  >()

  function grant(user: UserState, expiresIn: number): string {
    const token = `lin_oauth_${randomBytes(32).toString('hex')}`
    const caller = {user, kind: 'oauth', limits: APP_LIMITS} as const
    tokens.set(token, {caller, expiresAt: now() + expiresIn * 1000})
    return token
  }

  function install(clientId: string, user: UserState, scope: string): MintedToken {
    const refreshToken = randomBytes(32).toString('hex')
    refreshTokens.set(refreshToken, {clientId, scope})
    return {token: grant(user, ACCESS_TOKEN_S), expiresIn: ACCESS_TOKEN_S, scope, refreshToken}
  }

  return {
    issueKey(user) {
      const key = `lin_api_${randomBytes(20).toString('hex')}`
      keys.set(key, {user, kind: 'key', limits: KEY_LIMITS})
      return key
    },
    registerApp(user) {
      const clientId = randomBytes(16).toString('hex')
      const clientSecret = randomBytes(16).toString('hex')
      apps.set(clientId, {secret: clientSecret, user})
      return {clientId, clientSecret, userId: user.id}
    },
    authorize(query) {
      const [clientId = '', redirectUri = '', scope = ''] = ['client_id', 'redirect_uri', 'scope'].map(
        name => query.get(name) ?? '',
      )
      if (!apps.has(clientId) || !URL.canParse(redirectUri) || scope === '') return undefined
      if (query.get('response_type') !== 'code') return undefined
      const code = randomBytes(20).toString('hex')
      codes.set(code, {clientId, redirectUri, scope})
      return code
    },
    mint(form) {
      const clientId = form.get('client_id') ?? ''
      const app = apps.get(clientId)
      if (!app || app.secret !== form.get('client_secret')) return undefined
      switch (form.get('grant_type')) {
        case 'client_credentials': {
          const scopes = (form.get('scope') ?? '').split(/[ ,]+/).filter(scope => scope !== '')
          if (scopes.length === 0) return undefined
          const token = grant(app.user, CLIENT_CREDENTIALS_S)
          return {token, expiresIn: CLIENT_CREDENTIALS_S, scope: scopes.join(' ')}
        }
        case 'authorization_code': {
          const code = form.get('code') ?? ''
          const known = codes.get(code)
          codes.delete(code)
          if (known?.clientId !== clientId || known.redirectUri !== form.get('redirect_uri')) return undefined
          return install(clientId, app.user, known.scope.replaceAll(',', ' '))
        }
        case 'refresh_token': {
          const known = refreshTokens.get(form.get('refresh_token') ?? '')
          if (known?.clientId !== clientId) return undefined
          if (known.usedAt !== undefined && now() - known.usedAt > REPLAY_MS) return undefined
          known.usedAt ??= now()
          known.next ??= install(clientId, app.user, known.scope)
          return known.next
        }
        default:
          return undefined
      }
    },
    authenticate(authorization) {
      const [, bearer] = /^Bearer (\S+)$/.exec(authorization ?? '') ?? []
      if (bearer === undefined) return keys.get(authorization ?? '')
      const known = tokens.get(bearer)
      return known && known.expiresAt > now() ? known.caller : undefined
    },
    revokeTokens: () => tokens.clear(),
  }
}
