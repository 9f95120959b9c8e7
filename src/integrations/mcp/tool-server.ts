import {Client} from '@modelcontextprotocol/sdk/client/index.js'
import {StdioClientTransport} from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type {RequestOptions} from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  CallToolResultSchema,
  ErrorCode,
  ListToolsResultSchema,
  McpError,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import type {Clock} from '../../kernel/clock.ts'
import {AppError, toError} from '../../kernel/errors.ts'
import type {Json} from '../../kernel/json.ts'
import {ellipsis, visible} from '../../kernel/markdown.ts'
import type {ToolServerConfig} from '../../platform/config/config.ts'
import type {Logger} from '../../platform/logger.ts'
import type {Tool, ToolAnswer} from '../../sdk/tools.ts'

/** One MCP server. Whatever it says is foreign text, and there is a limit to how much of it is taken. */
export interface ToolServer {
  readonly name: string
  /** What it offers now. @throws as `call`. */
  list(signal?: AbortSignal): Promise<readonly Tool[]>
  /**
   * @throws INVALID_INPUT for arguments it can't take, UPSTREAM_REFUSED for what it declines or what is not the
   * protocol, UPSTREAM_RATE_LIMITED, and UPSTREAM_UNAVAILABLE when it does not answer; the signal's reason when that is
   * aborted.
   */
  call(tool: string, given: Readonly<Record<string, Json>>, signal?: AbortSignal): Promise<ToolAnswer>
  close(): Promise<void>
}

interface Connection {
  readonly client: Promise<Client>
}

const MAX_TOOLS = 200
const MAX_PAGES = 20
const MAX_DESCRIPTION_CHARS = 2_000
const MAX_SCHEMA_CHARS = 16_384
const MAX_ANSWER_CHARS = 50_000
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const MAX_REASON_CHARS = 300
/** A server that could not be reached is left alone for so long. */
const REST_MS = 5_000
const TOOL_NAME = /^[\w.:/-]{1,128}$/

/**
 * Speaks to a server through the official SDK. Connects when first needed, and anew after the connection broke or an
 * answer did not come in time: what hangs once is not waited for twice. Calls are never repeated by themselves.
 */
export function createToolServer({
  name,
  config,
  redact,
  clock,
  log,
}: {
  readonly name: string
  readonly config: ToolServerConfig
  /** Takes known secrets out of a text. */
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Pick<Logger, 'warn'>
}): ToolServer {
  const {timeoutMs} = config
  let connection: Connection | undefined
  let failed: {readonly at: number; readonly error: AppError} | undefined

  function connected(): Connection {
    if (connection) return connection
    if (failed && clock() - failed.at < REST_MS) throw failed.error
    const mine: Connection = {client: open().catch(giveUp)}
    connection = mine
    return mine

    async function open(): Promise<Client> {
      const client = new Client({name: 'signalbox', version: '1'})
      client.onclose = () => forget(mine)
      try {
        await client.connect(transportTo(config), limits())
      } catch (error) {
        await client.close()
        throw error
      }
      failed = undefined
      return client
    }

    function giveUp(thrown: unknown): never {
      const error = errorOf(thrown)
      failed = {at: clock(), error}
      forget(mine)
      log.warn({server: name, reason: error.message}, 'a tool server can’t be reached')
      throw error
    }
  }

  /** The next question opens another one. */
  function forget(one: Connection): void {
    if (connection === one) connection = undefined
  }

  function limits(signal?: AbortSignal): RequestOptions {
    return {timeout: timeoutMs, maxTotalTimeout: timeoutMs, ...(signal ? {signal} : {})}
  }

  async function ask<T>(question: (client: Client) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const mine = connected()
    const client = await mine.client
    try {
      return await question(client)
    } catch (thrown) {
      signal?.throwIfAborted()
      const error = errorOf(thrown)
      if (error.code === 'UPSTREAM_UNAVAILABLE') {
        forget(mine)
        void client.close().catch(() => undefined)
      }
      throw error
    }
  }

  function errorOf(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown
    const error = toError(thrown)
    const said = ellipsis(visible(redact(error.message)), MAX_REASON_CHARS)
    const is = (code: ConstructorParameters<typeof AppError>[0], message: string) =>
      new AppError(code, `Tool server ${name} ${message}`, {cause: error})
    if (error instanceof McpError) {
      switch (error.code as ErrorCode) {
        case ErrorCode.RequestTimeout:
          return is('UPSTREAM_UNAVAILABLE', `did not answer within ${timeoutMs / 1000} s.`)
        case ErrorCode.ConnectionClosed:
          return is('UPSTREAM_UNAVAILABLE', 'broke off.')
        case ErrorCode.InvalidParams:
          return is('INVALID_INPUT', `can't take these arguments: ${said}`)
        default:
          return is('UPSTREAM_REFUSED', `declined: ${said}`)
      }
    }
    if (error instanceof StreamableHTTPError && error.code !== undefined && error.code >= 400) {
      if (error.code === 401 || error.code === 403)
        return is('UPSTREAM_REFUSED', 'does not accept our token.')
      if (error.code === 429) return is('UPSTREAM_RATE_LIMITED', 'asks us to slow down.')
      // 404: it has forgotten our session, and the next one will be new.
      if (error.code < 500 && error.code !== 404) return is('UPSTREAM_REFUSED', `declined (${error.code}).`)
      return is('UPSTREAM_UNAVAILABLE', `is not well (${error.code}).`)
    }
    if (error.name === 'ZodError' || error.name === '$ZodError' || error instanceof SyntaxError)
      return is('UPSTREAM_REFUSED', 'answered something that is not the protocol.')
    return is('UPSTREAM_UNAVAILABLE', `can't be reached: ${said}`)
  }

  return {
    name,

    list: signal =>
      ask(async client => {
        const tools: Tool[] = []
        let cursor: string | undefined
        for (let page = 0; page < MAX_PAGES && tools.length < MAX_TOOLS; page++) {
          const params = cursor === undefined ? {} : {cursor}
          // Not `listTools`, which would compile the schemas of strangers.
          const answer = await client.request(
            {method: 'tools/list', params},
            ListToolsResultSchema,
            limits(signal),
          )
          for (const {name: tool, description = '', inputSchema, annotations} of answer.tools) {
            if (!TOOL_NAME.test(tool) || JSON.stringify(inputSchema).length > MAX_SCHEMA_CHARS) continue
            tools.push({
              server: name,
              name: tool,
              description: ellipsis(visible(description), MAX_DESCRIPTION_CHARS),
              input: inputSchema as Tool['input'],
              reads: annotations?.readOnlyHint === true || config.reads.includes(tool),
            })
          }
          cursor = answer.nextCursor
          if (cursor === undefined) break
        }
        return tools.slice(0, MAX_TOOLS)
      }, signal),

    call: (tool, given, signal) =>
      ask(async client => {
        const answer = await client.request(
          {method: 'tools/call', params: {name: tool, arguments: {...given}}},
          CallToolResultSchema,
          limits(signal),
        )
        const text = textOf(answer)
        const cut = text.length > MAX_ANSWER_CHARS
        return {
          server: name,
          tool,
          ok: answer.isError !== true,
          text: cut ? ellipsis(text, MAX_ANSWER_CHARS) : text,
          cut,
        }
      }, signal),

    async close() {
      const open = connection
      connection = undefined
      await (await open?.client.catch(() => undefined))?.close()
    },
  }
}

function transportTo(config: ToolServerConfig) {
  if (config.kind === 'stdio') {
    const {command, args, env} = config
    return new StdioClientTransport({
      command,
      args: [...args],
      env: {...env},
      // What it says there is for its author.
      stderr: 'ignore',
      maxBufferSize: MAX_MESSAGE_BYTES,
    })
  }
  const {url, token} = config
  return new StreamableHTTPClientTransport(new URL(url), {
    // A token must not follow a redirect.
    requestInit: {
      redirect: 'error',
      headers: token === undefined ? {} : {authorization: `Bearer ${token}`},
    },
    fetch: boundedFetch,
  })
}

/** An answer that is larger than anything we would use breaks the connection instead of filling the memory. */
async function boundedFetch(url: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (!response.body) return response
  let size = 0
  const bounded = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength
      if (size > MAX_MESSAGE_BYTES) controller.error(new Error('it answers with more than 4 MB'))
      else controller.enqueue(chunk)
    },
  })
  const {status, statusText, headers} = response
  return new Response(response.body.pipeThrough(bounded), {status, statusText, headers})
}

/** Its words; what is none is named. */
function textOf({content, structuredContent}: CallToolResult): string {
  const parts = content.map(part => {
    switch (part.type) {
      case 'text':
        return part.text
      case 'resource':
        return 'text' in part.resource ? part.resource.text : `[${part.resource.uri}]`
      case 'resource_link':
        return `[${part.uri}]`
      case 'image':
      case 'audio':
        return `[${part.type} ${part.mimeType}]`
    }
  })
  const text = parts.join('\n')
  return text === '' && structuredContent !== undefined ? JSON.stringify(structuredContent) : text
}
