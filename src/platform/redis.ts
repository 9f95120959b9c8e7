import {spawn} from 'node:child_process'
import {accessSync, constants} from 'node:fs'
import {createServer, type AddressInfo} from 'node:net'
import {delimiter, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {Redis} from 'ioredis'
import {AppError} from '../kernel/errors.ts'

const READY_WITHIN_MS = 10_000
const ENDED_WITHIN_MS = 5_000

/** The first `redis-server` or `valkey-server` on the PATH. */
export function findRedis(): string | undefined {
  const path = process.env['PATH'] ?? ''
  for (const program of ['redis-server', 'valkey-server']) {
    for (const folder of path.split(delimiter).filter(Boolean)) {
      const candidate = join(folder, program)
      try {
        accessSync(candidate, constants.X_OK)
        return candidate
      } catch {
        // Not here.
      }
    }
  }
  return undefined
}

export interface LocalRedis {
  readonly url: string
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/**
 * A throw-away Redis or Valkey for tests and the demo: on loopback, in memory only. Throws AppError NOT_CONFIGURED
 * when none is installed and START_FAILED, with its last words, when it ends or belongs to somebody else.
 */
export async function startRedis({port: wanted}: {readonly port?: number} = {}): Promise<LocalRedis> {
  const program = findRedis()
  if (program === undefined)
    throw new AppError('NOT_CONFIGURED', 'There is no redis-server or valkey-server on the PATH.')
  const port = wanted ?? (await freePort())
  const child = spawn(
    program,
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--maxmemory-policy',
      'noeviction',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-2_000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let over = false
  const ended = new Promise<void>(resolve => {
    child.once('error', error => {
      output += error.message
      over = true
      resolve()
    })
    child.once('exit', () => {
      over = true
      resolve()
    })
  })

  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const insist = setTimeout(() => child.kill('SIGKILL'), ENDED_WITHIN_MS)
    await ended
    clearTimeout(insist)
  }

  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    if (over)
      throw new AppError(
        'START_FAILED',
        `${program} ended at once: ${output.trim().split('\n').slice(-3).join(' | ')}`,
      )
    // Somebody else may have taken the port in the meantime: only our own process counts.
    if ((await processIdAt(port)) === child.pid)
      return {url: `redis://127.0.0.1:${port}`, port, pid: child.pid ?? 0, stop}
    if (Date.now() > deadline) {
      await stop()
      throw new AppError('START_FAILED', `${program} does not answer on port ${port}.`)
    }
    await sleep(20)
  }
}

async function processIdAt(port: number): Promise<number | undefined> {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1])
  } catch {
    return undefined
  } finally {
    client.disconnect()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
