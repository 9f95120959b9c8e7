import {spawnSync} from 'node:child_process'
import {createHash, randomBytes} from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {isAbsolute, join, relative, resolve} from 'node:path'
import {AppError} from '../kernel/errors.ts'
import {canEnter, publicFolder, type Account, type Binaries} from './embedded-postgres-binaries.ts'

/** Also the name of the superuser of the cluster. */
export const DATABASE = 'signalbox'

/** The password of this home's cluster, made up on the first call. */
export function passwordOf(home: string): string {
  return rememberOnce(join(home, 'postgres-password'), () => randomBytes(24).toString('base64url'))
}

/** Where the home's data lies; undefined before the first start. Data that has gone missing is never replaced in silence. */
export function locateData(home: string): string | undefined {
  const record = join(home, 'postgres-location')
  if (!existsSync(record)) return undefined
  const data = resolve(home, readFileSync(record, 'utf8'))
  if (existsSync(join(data, 'PG_VERSION'))) return data
  throw startFailed(
    `its data folder ${data} is gone; put it back, or delete ${record} to begin with an empty database`,
  )
}

export interface NewCluster {
  readonly home: string
  readonly account: Account
  readonly password: string
  readonly binaries: Binaries
}

/**
 * Makes the cluster inside the home, or, when the account can't enter that, in `publicFolder` under a name derived
 * from the home's path. The home remembers the place, relative to itself where possible, so that it can be moved.
 */
export function createData(cluster: NewCluster): string {
  const {home, account} = cluster
  let parent = openFolder(join(home, 'postgres'))
  if (!canEnter(parent, account)) {
    parent = openFolder(
      join(publicFolder(account), createHash('sha256').update(home).digest('hex').slice(0, 16)),
    )
  }
  const data = join(parent, 'data')
  if (!existsSync(data)) initialise(data, cluster)
  const inside = relative(home, data)
  rememberOnce(join(home, 'postgres-location'), () =>
    inside.startsWith('..') || isAbsolute(inside) ? data : inside,
  )
  return data
}

/** Works under another name and moves the result into place: a crash in between leaves nothing half-made. */
function initialise(data: string, {account, password, binaries}: NewCluster): void {
  const draft = `${data}.${randomBytes(6).toString('hex')}`
  const cluster = join(draft, 'data')
  const passwordFile = join(draft, 'password')
  try {
    mkdirSync(draft, {mode: 0o700})
    writeFileSync(passwordFile, password, {mode: 0o600})
    if (account.uid !== undefined && account.gid !== undefined) {
      chownSync(draft, account.uid, account.gid)
      chownSync(passwordFile, account.uid, account.gid)
    }
    const options = [
      ['-D', cluster, '-U', DATABASE, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-instructions'],
      // The built-in provider knows Unicode on every machine alike, whatever locales are installed.
      ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ].flat()
    const {status, stderr, error} = spawnSync(binaries.initdb, options, {
      ...account,
      cwd: '/',
      env: environment(),
      encoding: 'utf8',
    })
    if (status !== 0) throw startFailed(`initdb said: ${error?.message ?? lastLines(stderr)}`)
    renameSync(cluster, data)
  } catch (error) {
    // Another process was first; its cluster has the same password and serves as well.
    if (!existsSync(join(data, 'PG_VERSION'))) throw error
  } finally {
    rmSync(draft, {recursive: true, force: true})
  }
}

/** The first writer's value wins and everybody gets it: the file appears complete or not at all. */
function rememberOnce(path: string, make: () => string): string {
  if (!existsSync(path)) {
    const draft = `${path}.${randomBytes(6).toString('hex')}`
    writeFileSync(draft, make(), {mode: 0o600, flush: true})
    try {
      linkSync(draft, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(draft)
    }
  }
  return readFileSync(path, 'utf8')
}

/** Postgres insists on keeping its own folder shut; those above it must let its account through, whatever the umask. */
function openFolder(path: string): string {
  mkdirSync(path, {recursive: true})
  chmodSync(path, 0o755)
  return path
}

/** Our environment without the variables that would change what Postgres programs do. */
export function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|TZ$)/.test(name))
  return {...Object.fromEntries(own), LC_ALL: 'C', TZ: 'UTC'}
}

export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join(' | ') || 'nothing'
}

export function startFailed(why: string, cause?: unknown): AppError {
  return new AppError('START_FAILED', `The embedded Postgres did not start: ${why}.`, {cause})
}
