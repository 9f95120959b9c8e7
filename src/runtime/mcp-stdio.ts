import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {StdioServerTransport} from '@modelcontextprotocol/sdk/server/stdio.js'
import {isJSONRPCRequest, type JSONRPCMessage} from '@modelcontextprotocol/sdk/types.js'
import {once} from 'node:events'
import type {Readable, Writable} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'
import {toError} from '../kernel/errors.ts'
import {vendorAddress} from '../platform/config/environment.ts'
import {ConfigError} from '../platform/config/faults.ts'
import {withSecretFiles, type ReadText, type Variables} from '../platform/config/secrets.ts'

const DEFAULT_URL = 'http://127.0.0.1:8009'
const TOKEN = 'SIGNALBOX_TOKEN'
/** Of JSON-RPC: for what the server defines itself. */
const NOT_DELIVERED = -32_000
/** A line break inside would end up in the HTTP client's complaint, token and all. */
const TOKEN_SHAPE = /^[\x21-\x7e]+$/
/** For the answers to what was asked last, once nothing more is asked. */
const LAST_ANSWERS_MS = 30_000

/** Where a local client finds the bot, and as whom it speaks. */
export interface BotAccess {
  /** Of the bot's HTTP server, as people write it. */
  readonly url: string
  readonly token: string
}

/** From `SIGNALBOX_URL` and `SIGNALBOX_TOKEN`, or the file that `SIGNALBOX_TOKEN_FILE` names. @throws ConfigError. */
export function botAccess(env: Variables, readText: ReadText): BotAccess {
  const own = {[TOKEN]: env[TOKEN], [`${TOKEN}_FILE`]: env[`${TOKEN}_FILE`]}
  const {values, faults} = withSecretFiles(own, readText, [TOKEN])
  const url = vendorAddress().safeParse(env['SIGNALBOX_URL']?.trim() || DEFAULT_URL)
  const token = values[TOKEN]
  const all = [
    ...faults,
    ...(url.success
      ? []
      : [{path: 'SIGNALBOX_URL', message: `SIGNALBOX_URL ${url.error.issues[0]?.message ?? 'is wrong'}.`}]),
    ...(token === undefined && faults.length === 0
      ? [{path: TOKEN, message: `${TOKEN} is missing: /link account:api gives you a token of your own.`}]
      : []),
    ...(token === undefined || TOKEN_SHAPE.test(token)
      ? []
      : [{path: TOKEN, message: `${TOKEN} must be one word, without spaces or line breaks.`}]),
  ]
  if (!url.success || token === undefined || all.length > 0) throw new ConfigError(all)
  return {url: url.data, token}
}

/**
 * Puts the bot's MCP server behind stdin and stdout, for clients that start programs. It hands messages on and knows
 * nothing: what may be done is decided by the bot, for whoever the token names. Ends when its input does and what was
 * asked is answered, which is waited for half a minute.
 */
export async function bridgeMcp({
  access: {url, token},
  input,
  output,
}: {
  readonly access: BotAccess
  readonly input: Readable
  readonly output: Writable
}): Promise<void> {
  const local = new StdioServerTransport(input, output)
  const bot = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    // A token must not follow a redirect.
    requestInit: {redirect: 'error', headers: {authorization: `Bearer ${token}`}},
  })

  async function handOn(message: JSONRPCMessage): Promise<void> {
    try {
      await bot.send(message)
    } catch (error) {
      if (!isJSONRPCRequest(message)) return
      const what = wasRefused(error) ? 'Signalbox did not take it' : 'Nobody knows whether Signalbox took it'
      const told = `${what}: ${toError(error).message}`
      await local.send({jsonrpc: '2.0', id: message.id, error: {code: NOT_DELIVERED, message: told}})
    }
  }

  const underWay = new Set<Promise<void>>()
  bot.onmessage = message => void local.send(message)
  local.onmessage = message => {
    const one = handOn(message).finally(() => underWay.delete(one))
    underWay.add(one)
  }
  const ended = once(input, 'end')
  await bot.start()
  await local.start()
  await ended
  await Promise.race([Promise.all(underWay), sleep(LAST_ANSWERS_MS, undefined, {ref: false})])
  await Promise.all([local.close(), bot.close()])
}

/** By the bot, or by nobody being there to take it. */
function wasRefused(error: unknown): boolean {
  if (error instanceof StreamableHTTPError) return error.code !== undefined && error.code < 500
  return (toError(error).cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED'
}
