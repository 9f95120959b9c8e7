import {z} from 'zod'
import type {LinearAuth} from '../../platform/config/config.ts'

/** As configured, or a token that somebody else keeps fresh. */
export type WorkspaceAuth = LinearAuth | {readonly kind: 'token'; token(): Promise<string>}

/** Where the `Authorization` header comes from. */
export interface Credentials {
  header(signal: AbortSignal): Promise<string>
  /** The last one was not accepted; answers whether the next one may be. */
  renew(): boolean
}

/** What an app asks for: `write` includes issues and comments; the last two make it an agent that can be called. */
const SCOPES = 'read,write,app:assignable,app:mentionable'

const tokenAnswer = z.object({access_token: z.string().min(1)})

/**
 * A key as it is, an app's token by its client credentials. Those come without a refresh token and last some 30 days:
 * one is minted when needed, and another when it is no longer accepted.
 */
export function createCredentials(auth: WorkspaceAuth, apiUrl: string): Credentials {
  if (auth.kind === 'key') return {header: () => Promise.resolve(auth.apiKey), renew: () => false}
  if (auth.kind === 'token') return {header: async () => `Bearer ${await auth.token()}`, renew: () => false}
  let minting: Promise<string> | undefined

  async function mint(signal: AbortSignal): Promise<string> {
    const response = await fetch(new URL('/oauth/token', apiUrl), {
      method: 'POST',
      redirect: 'error',
      signal,
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        scope: SCOPES,
        client_id: clientId,
        client_secret: clientSecret,
      }),
    })
    if (!response.ok) throw new MintError(response.status)
    return tokenAnswer.parse(await response.json()).access_token
  }

  const {clientId, clientSecret} = auth
  return {
    async header(signal) {
      minting ??= mint(signal)
      const mine = minting
      try {
        return `Bearer ${await mine}`
      } catch (error) {
        if (minting === mine) minting = undefined
        throw error
      }
    },
    renew() {
      minting = undefined
      return true
    },
  }
}

/** Linear gave no token. */
export class MintError extends Error {
  override readonly name = 'MintError'
  readonly status: number

  constructor(status: number) {
    super(`Linear gave no token: ${status}`)
    this.status = status
  }
}
