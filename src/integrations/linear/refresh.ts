import {z} from 'zod'
import {toError} from '../../kernel/errors.ts'
import type {LinearAnswer} from './linear.ts'

/** What an installation is allowed by. */
export interface LinearTokens {
  readonly access: string
  readonly refresh: string
  /** Milliseconds from when it was answered. */
  readonly expiresInMs: number
}

export interface LinearApp {
  readonly clientId: string
  readonly clientSecret: string
  /** Of the GraphQL endpoint. */
  readonly apiUrl: string
}

const tokenAnswer = z
  .object({
    access_token: z.string().min(1),
    refresh_token: z.string().min(1),
    expires_in: z.number().positive(),
  })
  .transform(({access_token: access, refresh_token: refresh, expires_in}) => ({
    access,
    refresh,
    expiresInMs: expires_in * 1000,
  }))
const TIMEOUT_MS = 10_000

/** What a project's token may do: read, and write issues and comments as the app. */
const SCOPES = 'read,write,issues:create,comments:create'

/** Where a person lets the app in. Linear's pages are not where its API is. */
export function authorizeUrl(
  {clientId, apiUrl}: LinearApp,
  {redirectUri, state}: {readonly redirectUri: string; readonly state: string},
): string {
  const api = new URL(apiUrl)
  const url = new URL('/oauth/authorize', api.hostname === 'api.linear.app' ? 'https://linear.app' : api)
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: SCOPES,
    state,
    actor: 'app',
    prompt: 'consent',
  }).toString()
  return url.href
}

/** New tokens for a refresh token, which is used up by it: its answer has to be kept before it is used. */
export function refreshTokens(app: LinearApp, refresh: string): Promise<LinearAnswer<LinearTokens>> {
  return ask(app, {grant_type: 'refresh_token', refresh_token: refresh})
}

/** The first tokens, for the code that an installation answered with. */
export function exchangeCode(
  app: LinearApp,
  {code, redirectUri}: {readonly code: string; readonly redirectUri: string},
): Promise<LinearAnswer<LinearTokens>> {
  return ask(app, {grant_type: 'authorization_code', code, redirect_uri: redirectUri})
}

async function ask(
  {clientId, clientSecret, apiUrl}: LinearApp,
  form: Readonly<Record<string, string>>,
): Promise<LinearAnswer<LinearTokens>> {
  try {
    const response = await fetch(new URL('/oauth/token', apiUrl), {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      body: new URLSearchParams({...form, client_id: clientId, client_secret: clientSecret}),
    })
    if (response.ok) return {kind: 'ok', value: tokenAnswer.parse(await response.json())}
    return response.status >= 500 || response.status === 429
      ? {kind: 'failed', reason: `Linear answered ${response.status}`}
      : {kind: 'refused', reason: `Linear gave no token: ${response.status}`}
  } catch (error) {
    return {
      kind: 'failed',
      reason: toError(error).name === 'ZodError' ? 'an unexpected answer' : 'no answer from Linear',
    }
  }
}
