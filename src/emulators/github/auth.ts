import {createPublicKey, generateKeyPairSync, randomBytes, verify} from 'node:crypto'
import type {People} from './people.ts'
import {refuse} from './route.ts'
import type {RepositoryState} from './repositories.ts'

export type Permissions = Readonly<Record<string, 'read' | 'write'>>

/** Who a request comes from, and what that token may do. */
export interface Caller {
  /** Rate limits are counted per caller. */
  readonly key: string
  readonly kind: 'anonymous' | 'user' | 'installation' | 'app'
  readonly login: string
  readonly permissions: Permissions
  /** Full names in lower case; undefined means all. */
  readonly repositories?: ReadonlySet<string>
  readonly app?: AppState
}

export interface AppState {
  readonly id: number
  readonly slug: string
  readonly installationId: number
  readonly permissions: Permissions
  readonly repositories?: ReadonlySet<string>
  readonly publicKey: string
  readonly createdAt: number
}

/** What an operator would copy from GitHub's settings page. */
export interface AppCredentials {
  readonly appId: number
  readonly installationId: number
  /** PEM (PKCS#1, as GitHub hands it out); empty when the test brought its own public key. */
  readonly privateKey: string
}

export interface Grant {
  readonly permissions?: Permissions
  readonly repositories?: readonly string[]
}

export interface Auth {
  /** A fine-grained personal access token. */
  readonly issueToken: (grant?: Grant & {readonly login?: string}) => string
  readonly createApp: (
    options?: Grant & {readonly slug?: string; readonly publicKey?: string},
  ) => AppCredentials
  issueInstallationToken(
    app: AppState,
    grant: Grant,
  ): {readonly token: string; readonly expiresAt: number; readonly grant: Grant}
  /** @throws Refusal 401 for credentials that are not (or no longer) good. */
  authenticate(authorization: string | undefined): Caller
}

const DEFAULT_PERMISSIONS: Permissions = {metadata: 'read', actions: 'write', contents: 'read'}

const ANONYMOUS: Caller = {key: 'anonymous', kind: 'anonymous', login: '', permissions: {}}
const INSTALLATION_TOKEN_MS = 3_600_000
const LONGEST_JWT_S = 600
const CLOCK_DRIFT_S = 60

export function createAuth({people, now}: {readonly people: People; readonly now: () => number}): Auth {
  const tokens = new Map<string, {readonly caller: Caller; readonly expiresAt: number}>()
  const apps = new Map<string, AppState>()

  function fromJwt(jwt: string): Caller {
    const [header = '', payload = '', signature = ''] = jwt.split('.')
    const claims = decode(payload)
    const app = apps.get(String(claims['iss']))
    if (!app || decode(header)['alg'] !== 'RS256') return refuse(401, 'A JSON web token could not be decoded')
    const genuine = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      createPublicKey(app.publicKey),
      Buffer.from(signature, 'base64url'),
    )
    if (!genuine) return refuse(401, 'A JSON web token could not be decoded')
    const {iat, exp} = claims
    const seconds = now() / 1000
    if (typeof exp !== 'number' || exp <= seconds) {
      return refuse(
        401,
        "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
      )
    }
    if (exp > seconds + LONGEST_JWT_S + CLOCK_DRIFT_S) {
      return refuse(401, "'Expiration time' claim ('exp') is too far in the future")
    }
    if (typeof iat !== 'number' || iat > seconds + CLOCK_DRIFT_S) {
      return refuse(
        401,
        "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
      )
    }
    return {key: `app:${app.id}`, kind: 'app', login: `${app.slug}[bot]`, permissions: app.permissions, app}
  }

  return {
    issueToken({login = 'octo-deployer', permissions = DEFAULT_PERMISSIONS, repositories} = {}) {
      const token = `github_pat_${randomBytes(11).toString('hex')}_${randomBytes(29).toString('hex')}`
      people.meet(login)
      const caller: Caller = {key: `user:${login}`, kind: 'user', login, permissions, ...only(repositories)}
      tokens.set(token, {caller, expiresAt: Infinity})
      return token
    },
    createApp({slug = 'signal-app', permissions = DEFAULT_PERMISSIONS, repositories, publicKey} = {}) {
      const pair = publicKey === undefined ? newKeyPair() : {publicKey, privateKey: ''}
      const id = 1_000_001 + apps.size
      const app: AppState = {
        id,
        slug,
        installationId: 50_000_000 + id,
        permissions,
        publicKey: pair.publicKey,
        createdAt: now(),
        ...only(repositories),
      }
      people.meet(`${slug}[bot]`)
      apps.set(String(id), app)
      return {appId: id, installationId: app.installationId, privateKey: pair.privateKey}
    },
    issueInstallationToken(app, {permissions = app.permissions, repositories}) {
      const token = `ghs_${randomBytes(20).toString('hex')}`
      const expiresAt = now() + INSTALLATION_TOKEN_MS
      const granted = repositories
        ? only(repositories)
        : app.repositories
          ? {repositories: app.repositories}
          : {}
      const key = `installation:${app.installationId}`
      const caller: Caller = {
        key,
        kind: 'installation',
        login: `${app.slug}[bot]`,
        permissions,
        app,
        ...granted,
      }
      tokens.set(token, {caller, expiresAt})
      return {token, expiresAt, grant: {permissions, ...(repositories && {repositories})}}
    },
    authenticate(authorization) {
      if (authorization === undefined) return ANONYMOUS
      const [, token = ''] = /^(?:token|bearer) +(\S+)$/i.exec(authorization) ?? []
      if (token.split('.').length === 3) return fromJwt(token)
      const known = tokens.get(token)
      if (!known || known.expiresAt <= now()) return refuse(401, 'Bad credentials')
      return known.caller
    },
  }
}

/** Whether the caller can so much as know that the repository exists. */
export function canSee(caller: Caller, repository: RepositoryState): boolean {
  if (!repository.private) return true
  if (caller.kind !== 'user' && caller.kind !== 'installation') return false
  return caller.repositories?.has(repository.fullName.toLowerCase()) ?? true
}

/** Whether the token grants it; reading what is public needs no grant. */
export function isGranted(
  caller: Caller,
  repository: RepositoryState,
  permission: string,
  level: 'read' | 'write',
): boolean {
  if (level === 'read' && !repository.private) return true
  if (caller.repositories && !caller.repositories.has(repository.fullName.toLowerCase())) return false
  const granted =
    permission === 'metadata' && caller.kind !== 'anonymous' ? 'read' : caller.permissions[permission]
  return granted === 'write' || granted === level
}

function only(repositories: readonly string[] | undefined): {repositories?: ReadonlySet<string>} {
  return repositories ? {repositories: new Set(repositories.map(name => name.toLowerCase()))} : {}
}

function newKeyPair(): {publicKey: string; privateKey: string} {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: {type: 'spki', format: 'pem'},
    privateKeyEncoding: {type: 'pkcs1', format: 'pem'},
  })
}

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
