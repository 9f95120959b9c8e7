import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createDiscordApi, type DiscordApi} from '../../../../src/integrations/discord/api.ts'
import {renderReply} from '../../../../src/integrations/discord/render.ts'

const APPLICATION_ID = '111111111111111111'
const body = renderReply({state: 'ok', title: 'done'})

let server: Server
let discord: DiscordApi
/** When each request arrived. */
let arrivals: number[]
beforeEach(async () => {
  arrivals = []
  server = createServer((request, response) => {
    arrivals.push(Date.now())
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end('{"id":"1"}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const {port} = server.address() as AddressInfo
  discord = createDiscordApi({apiUrl: `http://127.0.0.1:${port}`, applicationId: APPLICATION_ID, token: 'x'})
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const spread = () => Math.max(...arrivals) - Math.min(...arrivals)
const times = <T>(count: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({length: count}, (_, index) => make(index)))

describe('the bot’s 50 requests a second', () => {
  test('do not bind what goes through interaction tokens', async () => {
    const sent = await times(251, index => discord.editOriginal(`token-${index}`, body))
    expect(sent.filter(each => each.kind !== 'sent')).toEqual([])
    // Bound, the last of them would come five seconds after the first.
    expect(spread()).toBeLessThan(4500)
  })

  test('bind what goes out in the bot’s own name, and edits do not use them up', async () => {
    await times(60, index => discord.editOriginal(`token-${index}`, body))
    arrivals = []
    const channel = (index: number) => String(222_222_222_222_222_000n + BigInt(index))
    await times(51, index => discord.createMessage(channel(index), body, {nonce: String(index)}))
    expect(arrivals.filter(at => at < (arrivals[0] ?? 0) + 800)).toHaveLength(50)
    expect(spread()).toBeGreaterThanOrEqual(800)
  })
})
