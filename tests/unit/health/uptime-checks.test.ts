import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {
  createUptimeChecks,
  standingOf,
  watchedServices,
  type GatewayState,
  type Watched,
} from '../../../src/health/uptime-checks.ts'
import {createSafeHttp, type SafeHttp} from '../../../src/platform/safe-http.ts'

const nothing = {publicUrl: undefined, apiBase: undefined, frontendBase: undefined, targets: []}

describe('what is looked at', () => {
  test('with nothing configured: the gateway of the bot, and what would have to be set', () => {
    expect(watchedServices(nothing)).toEqual([
      {service: 'bot', kind: 'gateway'},
      {service: 'api', kind: 'unset', variable: 'API_BASE_URL'},
      {service: 'frontend', kind: 'unset', variable: 'FRONTEND_BASE_URL'},
    ])
  })

  test('the API at its /health, the bot at its own liveness, and the addresses of targets', () => {
    const addresses = watchedServices({
      publicUrl: 'https://bot.example.com',
      apiBase: 'https://api.example.com/',
      frontendBase: 'https://web.example.com',
      targets: [
        {name: 'docs', verify: {frontend: 'https://docs.example.com'}},
        {name: 'eu', verify: {api: 'https://eu.example.com/v1', frontend: 'https://web.example.com'}},
      ],
    }).map(each => `${each.service} ${each.kind === 'address' ? each.url : each.kind}`)
    expect(addresses).toEqual([
      'bot https://bot.example.com/health/live',
      'api https://api.example.com/health',
      'frontend https://web.example.com',
      'docs frontend https://docs.example.com',
      'eu api https://eu.example.com/v1/health',
      // eu's frontend is the same address as the first one: looked at once.
    ])
  })
})

describe('a look', () => {
  let server: Server
  let http: SafeHttp
  let base = ''
  const asked: string[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? ''
      asked.push(`${request.method ?? ''} ${path}`)
      if (path === '/silent') return
      if (path === '/cut') return void request.socket.destroy()
      const status = path === '/no-head' ? (request.method === 'HEAD' ? 405 : 200) : Number(path.slice(1))
      response.writeHead(status, status === 302 ? {location: '/200'} : {}).end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    http = createSafeHttp({allowLocal: true, tries: 1, timeoutMs: 400})
  })
  afterAll(async () => {
    await http.close()
    server.closeAllConnections()
    server.close()
  })

  const look = async (watched: Watched, gateway: GatewayState = 'ready', through: SafeHttp = http) =>
    (
      await createUptimeChecks({watched: [watched], gateway: () => gateway, http: through})(
        new AbortController().signal,
      )
    )[0]
  const at = (path: string): Watched => ({service: 'api', kind: 'address', url: `${base}${path}`})

  test.each([
    ['/200', 'online'],
    ['/204', 'online'],
    ['/302', 'online'],
    ['/nobody-listens', 'connection_error'],
    ['/404', 'error_404'],
    ['/500', 'error_500'],
    ['/503', 'error_503'],
    ['/silent', 'timeout'],
    ['/cut', 'connection_error'],
  ])('at %s finds %s', async (path, state) => {
    const target: Watched =
      path === '/nobody-listens' ? {service: 'api', kind: 'address', url: 'http://127.0.0.1:9/'} : at(path)
    expect(await look(target)).toMatchObject({service: 'api', state})
  })

  test('asks for the head only, with its latency, and the long way where that is not known', async () => {
    asked.length = 0
    const found = await look(at('/200'))
    expect(found?.ms).toBeGreaterThanOrEqual(0)
    expect(await look(at('/no-head'))).toMatchObject({state: 'online'})
    expect(asked).toEqual(['HEAD /200', 'HEAD /no-head', 'GET /no-head'])
  })

  test('asks once: the next look is the second try', async () => {
    asked.length = 0
    await look(at('/cut'))
    expect(asked).toEqual(['HEAD /cut'])
  })

  test('of an address that may not be called asks nobody, and says so', async () => {
    asked.length = 0
    const strict = createSafeHttp({tries: 1})
    const found = await look(at('/200'), 'ready', strict)
    await strict.close()
    expect(found).toMatchObject({state: 'request_error'})
    expect(found?.reason).toContain('https')
    expect(asked).toEqual([])
  })

  test.each<[GatewayState, string]>([
    ['ready', 'online'],
    ['away', 'connection_error'],
    ['elsewhere', 'skipped'],
  ])('at a bot whose gateway is %s finds %s', async (gateway, state) => {
    expect(await look({service: 'bot', kind: 'gateway'}, gateway)).toMatchObject({state})
  })

  test('of what is not set is skipped, which is not down', async () => {
    const found = await look({service: 'api', kind: 'unset', variable: 'API_BASE_URL'})
    expect(found).toEqual({service: 'api', state: 'skipped', reason: 'API_BASE_URL is not set'})
    expect(standingOf('skipped')).toBeUndefined()
    expect(standingOf('request_error')).toBeUndefined()
    expect([
      standingOf('online'),
      standingOf('error_404'),
      standingOf('timeout'),
      standingOf('connection_error'),
    ]).toEqual(['up', 'down', 'down', 'down'])
  })
})
