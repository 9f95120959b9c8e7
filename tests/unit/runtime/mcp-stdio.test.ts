import {once} from 'node:events'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {PassThrough} from 'node:stream'
import {expect, test} from 'vitest'
import {botAccess, bridgeMcp} from '../../../src/runtime/mcp-stdio.ts'

const files = (path: string) => {
  if (path === '/run/token') return 'from-a-file\n'
  throw Object.assign(new Error('no'), {code: 'ENOENT'})
}

test.each([
  [{SIGNALBOX_TOKEN: 'mine'}, {url: 'http://127.0.0.1:8009', token: 'mine'}],
  [
    {SIGNALBOX_TOKEN_FILE: '/run/token', SIGNALBOX_URL: 'https://bot.example.com'},
    {url: 'https://bot.example.com', token: 'from-a-file'},
  ],
])('%j is %j', (env, access) => {
  expect(botAccess(env, files)).toEqual(access)
})

test.each([
  [{}, 'SIGNALBOX_TOKEN is missing'],
  [{SIGNALBOX_TOKEN_FILE: '/nowhere'}, "can't be read (ENOENT)"],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_TOKEN_FILE: '/run/token'}, 'are both set'],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_URL: 'http://bot.example.com'}, 'would travel in the clear'],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_URL: 'the bot'}, 'SIGNALBOX_URL'],
  [{SIGNALBOX_TOKEN: 'mine\nan-older-one'}, 'SIGNALBOX_TOKEN must be one word'],
])('%j is refused: %s', (env, why) => {
  expect(() => botAccess(env, files)).toThrow(why)
})

test('whoever asks while the bot is not there is told so in the protocol, and the end of the input is the end', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const bridged = bridgeMcp({
    access: {url: `http://127.0.0.1:${await closedPort()}`, token: 'mine'},
    input,
    output,
  })
  input.write(`${JSON.stringify({jsonrpc: '2.0', id: 7, method: 'tools/list'})}\n`)
  const [answer] = (await once(output, 'data')) as [Buffer]
  expect(JSON.parse(answer.toString())).toMatchObject({
    id: 7,
    error: {code: -32_000, message: expect.stringContaining('Signalbox did not take it') as string},
  })
  input.end()
  await bridged
})

test('what was asked last is answered, also when nothing more will be asked', async () => {
  const bot = createServer((request, response) => {
    const body = {jsonrpc: '2.0', id: 7, result: {tools: []}}
    setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(body)), 50)
    request.resume()
  })
  await new Promise<void>(resolve => bot.listen(0, '127.0.0.1', resolve))
  const {port} = bot.address() as AddressInfo
  const [input, output] = [new PassThrough(), new PassThrough()]
  input.end(`${JSON.stringify({jsonrpc: '2.0', id: 7, method: 'tools/list'})}\n`)
  await bridgeMcp({access: {url: `http://127.0.0.1:${port}`, token: 'mine'}, input, output})
  bot.close()
  expect(JSON.parse(String(output.read()))).toMatchObject({id: 7, result: {tools: []}})
})

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
