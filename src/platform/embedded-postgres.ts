import {spawn, spawnSync, type ChildProcess} from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {createServer, type AddressInfo} from 'node:net'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import pg from 'pg'
import {canEnter, findBinaries, type Account, type Binaries} from './embedded-postgres-binaries.ts'
import {
  createData,
  DATABASE,
  environment,
  lastLines,
  locateData,
  passwordOf,
  startFailed,
} from './embedded-postgres-data.ts'
import type {Logger} from './logger.ts'
import {isTransient, SQLSTATE, sqlState} from './postgres.ts'

// Any number will do: nothing else locks in the `postgres` database of this server.
const OWNER_LOCK = 5_136_712
const READY_WITHIN_MS = 60_000
const ENDED_WITHIN_MS = 20_000

// Small, for a laptop; fsync and synchronous_commit stay on: what was committed survives a power cut.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  // No Unix socket: its path must fit in 107 bytes, and home folders may lie deeper than that.
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  // With `minimal`, a sequence created and first used in one transaction falls back after a crash: BullMQ would give
  // a queue's first job ids out again and take the new jobs for duplicates.
  wal_level: 'replica',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
}

export interface EmbeddedPostgres {
  /** Connection string of the `signalbox` database, password included. */
  readonly url: string
  readonly port: number
  /** True for one process at a time: who started the server, or came first after its owner had died. */
  readonly ownsServer: boolean
  /** Ends the server when it is ours (fast shutdown: everything committed stays), else just lets go of it. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** SIGNALBOX_HOME: password, log, port, and the data unless the server's account can't enter it. */
  readonly home: string
  readonly log: Pick<Logger, 'warn'>
}

/**
 * A real Postgres with nothing to install. Processes with the same home share one server: whoever comes first
 * starts it, the others attach, and a server whose owner was killed goes on and is taken over by the next to come.
 *
 * There is no lock file to go stale. Password, data folder and server are each decided by one atomic operation of
 * the file system or of Postgres itself, and whoever comes second uses what the first one made; the owner is who
 * holds an advisory lock in the server. As root the server runs as the owner of the data, at first `nobody`.
 *
 * Throws AppError UNSUPPORTED_PLATFORM where the binaries can't run, START_FAILED with the server's last words else.
 */
export async function startEmbeddedPostgres({
  home: given,
  log,
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  mkdirSync(given, {recursive: true})
  const home = realpathSync(given)
  const password = passwordOf(home)
  const found = locateData(home)
  const account = accountFor(found)
  let binaries = found === undefined ? findBinaries(account) : undefined
  const data = found ?? createData({home, account, password, binaries: binaries ?? findBinaries(account)})
  if (!canEnter(data, account))
    throw startFailed(`its account (user id ${account.uid ?? 'own'}) can't enter ${data}`)

  for (let attempt = 1; ; attempt++) {
    const running = await attach(data, password)
    if (running) return own({...running, data, password})
    binaries ??= findBinaries(account)
    try {
      const {child, ended} = await launch({home, data, account, binaries})
      // Nothing to attach to means that it is on its way out.
      const started = (await Promise.race([attach(data, password), ended])) ?? (await ended)
      return await own({
        ...started,
        data,
        password,
        child,
        onLost: why => log.warn({why}, 'embedded postgres ended'),
      })
    } catch (error) {
      // Another process may have been quicker, to this data or to the port: look again.
      if (attempt === 3) throw error
    }
  }
}

// The server of another account could not read the data, and root's is refused by Postgres.
function accountFor(data: string | undefined): Account {
  if (process.getuid?.() !== 0) return {}
  const owner = data === undefined ? undefined : statSync(data)
  if (owner && owner.uid !== 0) return {uid: owner.uid, gid: owner.gid}
  return process.platform === 'darwin' ? {uid: -2, gid: -2} : {uid: 65534, gid: 65534}
}

interface Running {
  readonly client: pg.Client
  readonly pid: number
  readonly port: number
}

/** Settles who owns the server, sees to its database, and hands out the means to let go of it. */
async function own({
  client,
  pid,
  port,
  data,
  password,
  child,
  onLost,
}: Running & {
  data: string
  password: string
  child?: ChildProcess
  onLost?: (why: string) => void
}): Promise<EmbeddedPostgres> {
  await ensureDatabase(client)
  const {rows} = await client.query<{mine: boolean}>('select pg_try_advisory_lock($1) as mine', [OWNER_LOCK])
  const ownsServer = rows[0]?.mine === true
  // The lock lasts as long as this connection, that is, as long as this process.
  if (ownsServer) (client as pg.Client & {unref(): void}).unref()
  else await client.end()

  let stopping: Promise<void> | undefined
  const report = (code: number | null, signal: string | null): void => {
    if (!stopping) onLost?.(signal ?? `exit status ${code ?? ''}`)
  }
  child?.on('exit', report)
  return {
    url: urlOf(password, port, DATABASE),
    port,
    ownsServer,
    stop: () =>
      (stopping ??= ownsServer
        ? endServer(pid, data).finally(() => client.end().catch(() => undefined))
        : Promise.resolve()),
  }
}

async function ensureDatabase(client: pg.Client): Promise<void> {
  const {rowCount} = await client.query('select from pg_database where datname = $1', [DATABASE])
  if (rowCount) return
  try {
    await client.query(`create database ${DATABASE}`)
  } catch (error) {
    // Another process made it in the same moment.
    const made: readonly (string | undefined)[] = [SQLSTATE.DUPLICATE_DATABASE, SQLSTATE.UNIQUE_VIOLATION]
    if (!made.includes(sqlState(error))) throw error
  }
}

/** SIGINT is Postgres' fast shutdown; SIGQUIT, should that hang, leaves the rest to crash recovery. */
async function endServer(pid: number, data: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const deadline = Date.now() + ENDED_WITHIN_MS
    if (isServing(pid, data)) process.kill(pid, signal)
    // The pid file goes last. The process itself may linger as a zombie when its parent is dead.
    while (isServing(pid, data) && readPidFile(data)?.pid === pid && Date.now() < deadline) await sleep(10)
    if (Date.now() < deadline) return
  }
}

/**
 * A connection to the server that already serves this data, waiting for one that is just starting or ending;
 * undefined when there is none. Clears away the pid file of a server that is no more: Postgres does so itself,
 * except when its number has meanwhile gone to another program of the same account.
 */
async function attach(data: string, password: string): Promise<Running | undefined> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const file = readPidFile(data)
    if (!file) return undefined
    if (!isServing(file.pid, data)) {
      if (readPidFile(data)?.text === file.text) rmSync(join(data, 'postmaster.pid'), {force: true})
      return undefined
    }
    try {
      // The port is the fourth line and written a moment after the first.
      if (file.port > 0)
        return {client: await connectTo(data, password, file.port), pid: file.pid, port: file.port}
    } catch (error) {
      if (!isTransient(error))
        throw startFailed(`the server with pid ${file.pid} refuses us: ${(error as Error).message}`, error)
    }
    if (Date.now() > deadline)
      throw startFailed(`the server with pid ${file.pid} does not accept connections`)
    await sleep(20)
  }
}

async function connectTo(data: string, password: string, port: number): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: urlOf(password, port, 'postgres'),
    application_name: 'signalbox-home',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const {rows} = await client.query<{data_directory: string}>('show data_directory')
    if (rows[0]?.data_directory !== data)
      throw new Error(`it serves ${rows[0]?.data_directory ?? 'something else'}`)
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}

async function launch({
  home,
  data,
  account,
  binaries,
}: {
  home: string
  data: string
  account: Account
  binaries: Binaries
}) {
  const portFile = join(home, 'postgres-port')
  const port = await freePort(existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0)
  writeFileSync(portFile, String(port))

  const logFile = join(home, 'postgres.log')
  // A file, not a pipe: the server may outlive us.
  const log = openSync(logFile, existsSync(logFile) && statSync(logFile).size > 1_000_000 ? 'w' : 'a', 0o600)
  const loggedBefore = statSync(logFile).size
  const settings = Object.entries({...SETTINGS, port: String(port)}).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const child = spawn(binaries.postgres, ['-D', data, ...settings], {
    ...account,
    cwd: '/',
    env: environment(),
    stdio: ['ignore', log, log],
    // A session of its own: Ctrl-C in the terminal must reach us, not the server under our feet.
    detached: true,
  })
  closeSync(log)
  child.unref()

  let over = false
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', error => reject(startFailed(error.message, error)))
    child.once('exit', () => reject(startFailed(`it said: ${wordsSince(logFile, loggedBefore)}`)))
  })
  ended.catch(() => (over = true))
  while (!over && readPidFile(data)?.pid !== child.pid) await sleep(10)
  return {child, ended}
}

function wordsSince(logFile: string, size: number): string {
  // By the time a server ends in peace, its home may be gone.
  return existsSync(logFile) ? lastLines(readFileSync(logFile).subarray(size).toString()) : 'nothing'
}

function readPidFile(
  data: string,
): {readonly text: string; readonly pid: number; readonly port: number} | undefined {
  try {
    const text = readFileSync(join(data, 'postmaster.pid'), 'utf8')
    const lines = text.split('\n')
    return {text, pid: Number(lines[0]), port: Number(lines[3] ?? 0)}
  } catch {
    return undefined
  }
}

/** Whether the process is alive and a Postgres over this very folder: a number alone proves nothing. */
function isServing(pid: number, data: string): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  if (process.platform === 'win32') return true
  try {
    const command =
      process.platform === 'linux'
        ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        : spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {encoding: 'utf8'}).stdout
    return command.includes(`postgres -D ${data} `)
  } catch {
    return false
  }
}

/** `wanted` when nobody listens there, else any port that is free right now. */
async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer()
    const got = await new Promise<number | undefined>(resolve => {
      server.once('error', () => resolve(undefined))
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
    await new Promise(resolve => server.close(resolve))
    if (got !== undefined) return got
  }
  throw startFailed('no port is free on 127.0.0.1')
}

function urlOf(password: string, port: number, database: string): string {
  return `postgres://${DATABASE}:${password}@127.0.0.1:${port}/${database}?sslmode=disable`
}
