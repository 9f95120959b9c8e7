import {McpServer} from '@modelcontextprotocol/sdk/server/mcp.js'
import {StreamableHTTPServerTransport} from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {createServer, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {z} from 'zod'
import {createToolServer, type ToolServer} from '../../src/integrations/mcp/tool-server.ts'
import type {ToolServerConfig} from '../../src/platform/config/config.ts'

const PROGRAM = join(import.meta.dirname, '..', 'support', 'tool-server.ts')

let folder: string
let now = Date.now()
const open: ToolServer[] = []
const warned: object[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-tools-'))
})
afterAll(async () => {
  await Promise.all(open.map(server => server.close()))
  await rm(folder, {recursive: true, force: true})
})
afterEach(() => {
  now = Date.now()
})

const redact = (text: string) => text.replaceAll('sesame', '***')

function reach(config: ToolServerConfig): ToolServer {
  const log = {warn: (what: object) => void warned.push(what)} as Parameters<
    typeof createToolServer
  >[0]['log']
  const server = createToolServer({name: 'fleet', config, redact, clock: () => now, log})
  open.push(server)
  return server
}

/** A process of our own, under this name in the notes that it leaves. */
function stdio(name: string, changes: {readonly mode?: string; readonly timeoutMs?: number} = {}) {
  const calls = join(folder, name)
  const server = reach({
    kind: 'stdio',
    command: process.execPath,
    args: ['--import', 'tsx', PROGRAM],
    env: {CALLS_FILE: calls, SECRET_OF_OURS: 'sesame', ...(changes.mode ? {MODE: changes.mode} : {})},
    critical: [],
    reads: ['see'],
    timeoutMs: changes.timeoutMs ?? 20_000,
  })
  const notes = async () => (await readFile(calls, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  return {server, notes}
}

describe('a program that speaks over stdio', () => {
  let fleet: ReturnType<typeof stdio>
  beforeAll(async () => {
    fleet = stdio('fleet')
    await fleet.server.list()
  })

  test('says what it offers, and does it', async () => {
    const tools = await fleet.server.list()
    // By its own word, and by the operator's.
    expect(tools.flatMap(({name, reads}) => (reads ? [name] : []))).toEqual(['echo', 'see'])
    expect(tools.find(({name}) => name === 'echo')).toMatchObject({
      server: 'fleet',
      description: 'Says it again',
      input: {type: 'object', required: ['words']},
    })
    expect(await fleet.server.call('echo', {words: 'good morning'})).toEqual({
      ...{server: 'fleet', tool: 'echo', ok: true, text: 'good morning', cut: false},
    })
  })

  test('may say that it failed: that is an answer', async () => {
    expect(await fleet.server.call('fail', {})).toMatchObject({ok: false, text: 'the disk is full'})
  })

  test.each([
    ['arguments that it can’t take', 'echo', {words: 7}],
    ['a tool that it does not have', 'nothing', {}],
  ])('is asked in vain with %s', async (_what, tool, given) => {
    const outcome = await fleet.server.call(tool, given).then(
      ({ok}) => ok,
      (error: {code: string}) => error.code,
    )
    expect([false, 'INVALID_INPUT']).toContain(outcome)
  })

  test('is not taken at its word without limit', async () => {
    const {text, cut} = await fleet.server.call('huge', {})
    expect(cut).toBe(true)
    expect(text.length).toBeLessThanOrEqual(50_000)
  })

  test('what is not text is named', async () => {
    expect((await fleet.server.call('see', {})).text).toBe('[image image/png]\na cat')
  })

  test('gets the variables that it is given, and no secret besides', async () => {
    process.env['A_SECRET_OF_THE_HOUSE'] = 'hidden'
    const {text} = await fleet.server.call('environment', {})
    expect(text).toContain('SECRET_OF_OURS')
    expect(text).not.toContain('A_SECRET_OF_THE_HOUSE')
  })

  test('that dies in a call, floods us or hangs is told, not called again, and started anew for the next', async () => {
    const {server, notes} = stdio('broken', {timeoutMs: 8_000})
    await expect(server.call('die', {})).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    expect((await server.call('echo', {words: 'again'})).text).toBe('again')
    await expect(server.call('flood', {})).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    expect((await server.call('echo', {words: 'dry'})).text).toBe('dry')
    expect(await notes()).toEqual(['start', 'start', 'echo again', 'start', 'echo dry'])
  })

  test('that hangs is not waited for, nor is the rest of it', async () => {
    const {server, notes} = stdio('hanging', {timeoutMs: 4_000})
    await server.list()
    await expect(server.call('hang', {})).rejects.toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: 'Tool server fleet did not answer within 4 s.',
    })
    expect(await notes()).toEqual(['start', 'hang'])
  })

  test('is not waited for by who gave up', async () => {
    const gone = new AbortController()
    const call = fleet.server.call('hang', {}, gone.signal)
    setTimeout(() => gone.abort(new Error('never mind')), 50)
    await expect(call).rejects.toThrow('never mind')
    expect((await fleet.server.call('echo', {words: 'still here'})).text).toBe('still here')
  })

  test('may chatter beside the protocol', async () => {
    const {server} = stdio('chatter', {mode: 'garbage'})
    expect((await server.call('echo', {words: 'clear'})).text).toBe('clear')
  })

  test.each([
    ['that ends at once', 'gone'],
    ['that answers nothing', 'silent'],
  ])('%s can’t be reached, and is left alone for a while', async (_what, mode) => {
    const {server} = stdio(mode, {mode, timeoutMs: 500})
    const tries = async () => {
      const before = warned.length
      await expect(server.call('echo', {words: 'x'})).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
      return warned.length - before
    }
    expect(await tries()).toBe(1)
    expect(await tries()).toBe(0)
    now += 5_000
    expect(await tries()).toBe(1)
  })

  test('that there is not can’t be reached', async () => {
    const server = reach({
      ...{kind: 'stdio', command: '/nowhere/at-all', args: [], env: {}},
      ...{critical: [], reads: [], timeoutMs: 2_000},
    })
    await expect(server.list()).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
  })
})

describe('a server over HTTP', () => {
  let http: Server
  let url: string
  /** Instead of the protocol; undefined: the protocol. */
  let answer: ((response: ServerResponse) => void) | undefined
  const tokens: (string | undefined)[] = []
  beforeAll(async () => {
    http = createServer((request, response) => {
      void (async () => {
        tokens.push(request.headers.authorization)
        if (answer) return answer(response)
        if (request.method !== 'POST') return response.writeHead(405).end()
        const server = new McpServer({name: 'afar', version: '1'})
        server.registerTool('add', {inputSchema: {a: z.number(), b: z.number()}}, ({a, b}) => ({
          content: [{type: 'text', text: String(a + b)}],
        }))
        const transport = new StreamableHTTPServerTransport({})
        await server.connect(transport)
        await transport.handleRequest(request, response)
      })()
    })
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`
  })
  afterAll(() => {
    http.closeAllConnections()
    http.close()
  })
  afterEach(() => {
    answer = undefined
  })
  const afar = () => reach({kind: 'http', url, token: 'sesame', critical: [], reads: [], timeoutMs: 2_000})

  test('is asked with its token', async () => {
    expect((await afar().list()).map(({name}) => name)).toEqual(['add'])
    expect((await afar().call('add', {a: 2, b: 3})).text).toBe('5')
    expect(new Set(tokens)).toEqual(new Set(['Bearer sesame']))
  })

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['that does not know our token', response => void response.writeHead(401).end(), 'UPSTREAM_REFUSED'],
    ['that asks us to slow down', response => void response.writeHead(429).end(), 'UPSTREAM_RATE_LIMITED'],
    ['that is not well', response => void response.writeHead(502).end('<html>'), 'UPSTREAM_UNAVAILABLE'],
    ['that hangs', () => undefined, 'UPSTREAM_UNAVAILABLE'],
    [
      'that sends us elsewhere',
      response => void response.writeHead(307, {location: 'http://127.0.0.1:9/'}).end(),
      'UPSTREAM_UNAVAILABLE',
    ],
    [
      'that answers garbage',
      response => void response.writeHead(200, {'content-type': 'application/json'}).end('{"half":'),
      'UPSTREAM_REFUSED',
    ],
    [
      'that answers something else',
      response => void response.writeHead(200, {'content-type': 'application/json'}).end('{"hello":1}'),
      'UPSTREAM_REFUSED',
    ],
    [
      'that answers without end',
      response =>
        void response.writeHead(200, {'content-type': 'application/json'}).end(`"${'x'.repeat(6_000_000)}"`),
      'UPSTREAM_UNAVAILABLE',
    ],
  ])('%s', async (_what, odd, code) => {
    const server = afar()
    await server.list()
    answer = odd
    await expect(server.call('add', {a: 1, b: 1})).rejects.toMatchObject({code})
    answer = undefined
    expect((await server.call('add', {a: 1, b: 1})).text).toBe('2')
  })
})
