import {generateKeyPairSync, sign as signBytes} from 'node:crypto'
import type {APIInteraction} from 'discord-api-types/v10'
import {ApiError} from './api-error.ts'
import type {Interaction, Interactions} from './interactions.ts'
import type {World} from './world.ts'

/** What Discord tells the operator who saves an interactions URL. */
export type EndpointOutcome = {readonly accepted: true} | {readonly accepted: false; readonly reason: string}

/** The application's key pair; Discord keeps the private half. */
export function createSigner(now: () => number) {
  const {publicKey, privateKey} = generateKeyPairSync('ed25519')
  return {
    /** 32 bytes in hex, as shown in the developer portal. */
    publicKey: publicKey.export({format: 'der', type: 'spki'}).subarray(-32).toString('hex'),
    /** The headers of a request with this body, signed over timestamp (seconds) and body. */
    headers(body: string, timestamp = String(Math.floor(now() / 1000))): Record<string, string> {
      const signature = signBytes(null, Buffer.from(timestamp + body), privateKey)
      return {
        'content-type': 'application/json',
        'user-agent': 'Discord-Interactions/1.0 (+https://discord.com)',
        'x-signature-ed25519': signature.toString('hex'),
        'x-signature-timestamp': timestamp,
      }
    },
  }
}

type Signer = ReturnType<typeof createSigner>

/**
 * Delivery by HTTP instead of the gateway. The response is the answer; an empty 202 says that the callback route
 * will be used; an error or nonsense is a failure at once, silence one at the deadline.
 */
export function createEndpoint({
  world,
  signer,
  interactions,
  deadlineMs,
}: {
  world: World
  signer: Signer
  interactions: () => Interactions
  deadlineMs: number
}) {
  function post(url: string, body: string, headers: Record<string, string>): Promise<Response> {
    return fetch(url, {
      method: 'POST',
      body,
      headers,
      signal: AbortSignal.timeout(deadlineMs),
      redirect: 'manual',
    })
  }

  /** The handshake when a URL is saved: a signed PING must be ponged, a badly signed one refused with 401. */
  async function probe(url: string): Promise<EndpointOutcome> {
    const ping = JSON.stringify({
      id: world.nextId(),
      application_id: world.applicationId,
      type: 1,
      token: 'ping',
      version: 1,
      user: world.bot,
      entitlements: [],
      authorizing_integration_owners: {},
    })
    const no = (reason: string): EndpointOutcome => ({accepted: false, reason})
    try {
      const good = await post(url, ping, signer.headers(ping))
      if (good.status !== 200) return no(`a signed PING was answered ${good.status}`)
      const pong = (await good.json()) as {type?: unknown} | null
      if (pong?.type !== 1) return no('a signed PING was not answered with a PONG')
      const headers = {...signer.headers(ping), 'x-signature-ed25519': 'ab'.repeat(64)}
      const bad = await post(url, ping, headers)
      await bad.body?.cancel()
      if (bad.status !== 401) return no(`a badly signed PING was answered ${bad.status} instead of 401`)
      return {accepted: true}
    } catch (error) {
      return no(`the URL could not be reached: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async function hand(url: string, interaction: Interaction, payload: APIInteraction): Promise<void> {
    const body = JSON.stringify(payload)
    try {
      const response = await post(url, body, signer.headers(body))
      const text = await response.text()
      if (response.status === 202 && text === '') return
      if (!response.ok) return interactions().fail(interaction, 'bad response')
      interactions().answer(interaction.id, interaction.token, JSON.parse(text), [])
    } catch (error) {
      // The deadline itself is the interaction's business; a second answer changes nothing.
      if (error instanceof ApiError && error.code === 40060) return
      if (error instanceof Error && error.name === 'TimeoutError') return
      interactions().fail(interaction, 'bad response')
    }
  }

  return {
    /** Saves the URL when the handshake succeeds; without one, interactions go over the gateway again. */
    async use(url: string | undefined): Promise<EndpointOutcome> {
      const outcome: EndpointOutcome = url === undefined ? {accepted: true} : await probe(url)
      if (outcome.accepted) world.interactionsEndpoint = url
      return outcome
    },
    deliver(url: string, interaction: Interaction, payload: APIInteraction): void {
      void hand(url, interaction, payload)
    },
  }
}
