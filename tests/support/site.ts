import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

/** A web server of the team's: a page and an API, each path answering with what it is told to. */
export interface Site {
  readonly url: string
  /** The status of a path from now on; 200 unless told. */
  answers(path: string, status: number): void
  /** Keeps every answer back until what this returns is called. */
  hold(): () => void
  /** What the pages say about being kept; `no-cache` unless told. */
  cacheControl: string | undefined
  close(): Promise<void>
}

export async function openSite(): Promise<Site> {
  const statuses = new Map<string, number>()
  let held = Promise.resolve()
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await held
    if (site.cacheControl !== undefined) response.setHeader('cache-control', site.cacheControl)
    response.writeHead(statuses.get(request.url ?? '') ?? 200).end('hello')
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const site: Site = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: (path, status) => void statuses.set(path, status),
    hold() {
      let release = () => {}
      held = new Promise(done => (release = done))
      return () => release()
    },
    cacheControl: 'no-cache',
    close() {
      server.closeAllConnections()
      return new Promise(done => server.close(() => done()))
    },
  }
  return site
}
