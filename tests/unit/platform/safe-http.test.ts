import {createServer, type IncomingMessage, type RequestListener} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterEach, describe, expect, test} from 'vitest'
import {createSafeHttp, type SafeHttp, type SafeHttpOptions} from '../../../src/platform/safe-http.ts'

// 127.0.0.2 plays a public address and 127.0.0.1 stays what it is: both are this machine, so both can be served.
const PUBLIC = '127.0.0.2'
const INSIDE = '127.0.0.1'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Served {
  readonly port: number
  readonly seen: IncomingMessage[]
}

async function serve(host: string, listener: RequestListener, port = 0): Promise<Served> {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    listener(request, response)
  })
  await new Promise<void>(done => server.listen(port, host, done))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise(done => server.close(done))
  })
  return {port: (server.address() as AddressInfo).port, seen}
}

/** Names and the answers they give, one after the other; the last one stays. */
function client(
  names: Readonly<Record<string, readonly (readonly string[])[]>>,
  options: SafeHttpOptions = {},
): SafeHttp {
  const asked: Record<string, number> = {}
  const http = createSafeHttp({
    allowHttp: true,
    mayDial: ip => ip === PUBLIC,
    retryDelayMs: 5,
    timeoutMs: 2_000,
    resolve(name) {
      const answers = names[name] ?? []
      const turn = (asked[name] = (asked[name] ?? -1) + 1)
      const answer = answers[Math.min(turn, answers.length - 1)]
      return answer
        ? Promise.resolve(answer)
        : Promise.reject(Object.assign(new Error('no'), {code: 'ENOTFOUND'}))
    },
    ...options,
  })
  cleanups.push(() => http.close())
  return http
}

const ok: RequestListener = (_request, response) =>
  response.setHeader('cache-control', 'no-cache').end('hello')

describe('an answer', () => {
  test('carries status, headers, body and time', async () => {
    const {port} = await serve(PUBLIC, ok)
    const result = await client({'web.example.com': [[PUBLIC]]}).request(
      `http://web.example.com:${port}/x?y=1`,
    )
    expect(result).toMatchObject({
      ok: true,
      status: 200,
      headers: {'cache-control': 'no-cache'},
      body: 'hello',
      url: `http://web.example.com:${port}/x?y=1`,
    })
    expect(result.ms).toBeGreaterThanOrEqual(0)
    expect(result).not.toHaveProperty('error')
  })

  test('is final even when it is a 500', async () => {
    const {port, seen} = await serve(PUBLIC, (_request, response) => response.writeHead(500).end())
    expect(
      await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`),
    ).toMatchObject({ok: false, status: 500})
    expect(seen).toHaveLength(1)
  })

  test('is read up to the limit and not waited for beyond', async () => {
    const {port} = await serve(PUBLIC, (_request, response) => void response.write('x'.repeat(5_000)))
    const result = await client({'web.example.com': [[PUBLIC]]}, {maxBytes: 1_000}).request(
      `http://web.example.com:${port}/`,
    )
    expect(result).toMatchObject({ok: true, body: 'x'.repeat(1_000)})
  })

  test('to HEAD has no body', async () => {
    const {port, seen} = await serve(PUBLIC, ok)
    expect(
      await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`, {
        method: 'HEAD',
      }),
    ).toMatchObject({ok: true, body: ''})
    expect(seen[0]?.method).toBe('HEAD')
  })
})

describe('a network error', () => {
  test('is tried once more, and its text is gone when that works', async () => {
    const {port, seen} = await serve(PUBLIC, (request, response) =>
      seen.length === 1 ? request.socket.destroy() : void response.end('hello'),
    )
    const result = await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`)
    expect(result).toMatchObject({ok: true, status: 200})
    expect(result).not.toHaveProperty('error')
    expect(seen).toHaveLength(2)
  })

  test('is tried only once more', async () => {
    const {port, seen} = await serve(PUBLIC, request => request.socket.destroy())
    expect(
      await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`),
    ).toMatchObject({ok: false, error: 'The connection broke.'})
    expect(seen).toHaveLength(2)
  })

  test.each([
    ['http://gone.example.com/', 'The name does not exist.'],
    [`http://web.example.com:1025/`, 'The connection was refused.'],
  ])('of %s says what happened', async (url, error) => {
    const result = await client({'web.example.com': [[PUBLIC]]}).request(url)
    expect(result).toMatchObject({ok: false, error})
    expect(result).not.toHaveProperty('status')
  })

  test('says so when it is a timeout', async () => {
    const {port} = await serve(PUBLIC, () => undefined)
    const result = await client({'web.example.com': [[PUBLIC]]}, {timeoutMs: 100}).request(
      `http://web.example.com:${port}/`,
    )
    expect(result).toMatchObject({ok: false, error: 'No answer within 0.1 s (timeout).'})
  })

  test('is not tried again once the caller has stopped waiting', async () => {
    const stop = new AbortController()
    const {port, seen} = await serve(PUBLIC, () => stop.abort())
    const result = await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`, {
      signal: stop.signal,
    })
    expect(result).toMatchObject({ok: false, error: 'The check was stopped.'})
    expect(seen).toHaveLength(1)
  })
})

describe('the network inside', () => {
  test('is not reached by a name that leads there, nor by one that leads there too', async () => {
    const {port, seen} = await serve(INSIDE, ok)
    for (const answer of [[INSIDE], [PUBLIC, INSIDE], [INSIDE, PUBLIC], ['::1'], ['not an address']]) {
      const result = await client({'evil.example.com': [answer]}).request(`http://evil.example.com:${port}/`)
      expect(result).toMatchObject({
        ok: false,
        error: 'The name leads to a private or local network. Only public addresses are allowed.',
      })
    }
    expect(seen).toHaveLength(0)
  })

  test('is not reached by a name that changes its answer, at a second request, a retry or a redirect', async () => {
    const outside = await serve(PUBLIC, (request, response) =>
      request.url === '/again'
        ? void response.writeHead(302, {location: '/secret'}).end()
        : request.url === '/broken'
          ? void request.socket.destroy()
          : void response.end('hello'),
    )
    const inside = await serve(INSIDE, ok, outside.port)
    for (const [path, requests] of [
      ['/', 2],
      ['/broken', 1],
      ['/again', 1],
    ] as const) {
      const http = client({'evil.example.com': [[PUBLIC], [INSIDE]]})
      let last
      for (let i = 0; i < requests; i++)
        last = await http.request(`http://evil.example.com:${outside.port}${path}`)
      expect(last, path).toMatchObject({
        ok: false,
        error: expect.stringContaining('private or local network') as string,
      })
    }
    expect(inside.seen).toHaveLength(0)
  })

  test('dials the very address that was judged: the name is asked once per connection', async () => {
    const {port} = await serve(PUBLIC, ok)
    let asked = 0
    const http = client({}, {resolve: () => Promise.resolve(asked++ === 0 ? [PUBLIC] : [INSIDE])})
    expect(await http.request(`http://evil.example.com:${port}/`)).toMatchObject({ok: true})
    expect(asked).toBe(1)
  })

  test('judges anew for each request: no connection outlives its judgement', async () => {
    const {port} = await serve(PUBLIC, ok)
    let asked = 0
    const http = client({}, {resolve: () => Promise.resolve((asked++, [PUBLIC]))})
    for (let i = 0; i < 5; i++) await http.request(`http://web.example.com:${port}/`)
    expect(asked).toBe(5)
  })

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://localhost/',
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://[::1]/',
    'http://user:pass@web.example.com/',
    '//localhost/',
    '//0x7f.1/',
    'ftp://web.example.com/',
    'file:///etc/passwd',
    'http://metadata.google.internal/',
  ])('is not reached by a redirect to %s', async location => {
    const {port, seen} = await serve(PUBLIC, (_request, response) =>
      response.writeHead(302, {location}).end(),
    )
    const result = await client({'web.example.com': [[PUBLIC]]}).request(`http://web.example.com:${port}/`)
    expect(result).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^It redirects to a refused address: /) as string,
    })
    expect(result).not.toHaveProperty('status')
    expect(seen).toHaveLength(1)
  })

  test.each([
    'https://localhost/',
    'https://127.1/',
    'https://user@web.example.com/',
    'https://169.254.169.254/',
    'ftp://x',
  ])('is not even tried by %s', async url => {
    expect(await client({}).request(url)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/\.$/) as string,
    })
  })
})

describe('a redirect', () => {
  test('is followed, relative or to another name, without credentials or cookies', async () => {
    const {port, seen} = await serve(PUBLIC, (request, response) => {
      if (request.url === '/a')
        return void response.writeHead(301, {location: 'b', 'set-cookie': 'session=1'}).end()
      if (request.url === '/b')
        return void response.writeHead(307, {location: `http://other.example.com:${port}/c`}).end()
      response.end('there')
    })
    const http = client({'web.example.com': [[PUBLIC]], 'other.example.com': [[PUBLIC]]})
    expect(await http.request(`http://web.example.com:${port}/a`)).toMatchObject({
      ok: true,
      body: 'there',
      finalUrl: `http://other.example.com:${port}/c`,
    })
    expect(seen).toHaveLength(3)
    for (const request of seen) {
      expect(request.headers).not.toHaveProperty('cookie')
      expect(request.headers).not.toHaveProperty('authorization')
    }
  })

  test('must stay within the allowed domains', async () => {
    const {port} = await serve(PUBLIC, (_request, response) =>
      response.writeHead(302, {location: `http://evil.com:${port}/`}).end(),
    )
    const http = client(
      {'web.example.com': [[PUBLIC]], 'evil.com': [[PUBLIC]]},
      {allowedDomains: ['*.example.com']},
    )
    expect(await http.request(`http://web.example.com:${port}/`)).toMatchObject({
      ok: false,
      error: expect.stringContaining('*.example.com') as string,
    })
  })

  test('in circles ends', async () => {
    const {port, seen} = await serve(PUBLIC, (_request, response) =>
      response.writeHead(302, {location: '/'}).end(),
    )
    const http = client({'web.example.com': [[PUBLIC]]}, {maxRedirects: 3})
    expect(await http.request(`http://web.example.com:${port}/`)).toMatchObject({
      ok: false,
      error: 'It redirects more than 3 times.',
    })
    expect(seen).toHaveLength(4)
  })
})

test('in development, this machine may be called', async () => {
  const {port} = await serve(INSIDE, ok)
  const http = createSafeHttp({allowLocal: true})
  cleanups.push(() => http.close())
  expect(await http.request(`http://127.0.0.1:${port}/`)).toMatchObject({ok: true})
  expect(await http.request(`http://localhost:${port}/`)).toMatchObject({ok: true})
})
