// Makes a checkout ready to run with nothing but Node and npm: `node scripts/setup.mjs [build]`, or `setup({build})`
// from another script. When all is up to date that takes milliseconds. Several processes may do it at once.
import {spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {dirname, join} from 'node:path'
import {argv, execPath, exit, kill, pid, stderr} from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const dist = join(root, 'dist')
const buildStamp = join(dist, '.signalbox-build')
const SOURCES = ['src', 'commands', 'agents', 'scripts']

/**
 * Installs dependencies if missing or stale, those for development too unless `dev` is false; with `build`, compiles
 * to dist/ if sources have changed. Says on stderr what takes long, unless `quiet`. Rejects with a sentence for people.
 */
export async function setup({build = false, dev = true, quiet = false} = {}) {
  if (isInstalled(dev) && (!build || isBuilt())) return
  await withLock(quiet, async () => {
    if (!isInstalled(dev)) await install(dev, quiet)
    if (build && !isBuilt()) await compile(quiet)
  })
}

// --- dependencies ---------------------------------------------------------------------------------------------

/** Compares the lockfile with the one that npm keeps inside node_modules, so that any way of installing counts. */
function isInstalled(dev) {
  const installed = packagesOf(join(modules, '.package-lock.json'))
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '' || wanted.optional || wanted.devOptional || (wanted.dev && !dev)) return true
    return installed[path]?.version === wanted.version && installed[path].integrity === wanted.integrity
  })
}

function packagesOf(lockfile) {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, 'utf8')).packages : {}
}

async function install(dev, quiet) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Signalbox needs Node 20.19 or newer; this is ${process.version}.`)
  }
  if (!quiet) say('Installing dependencies (npm install) ...')
  // The npm that runs us, if one does: it need not be the first on the PATH.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [execPath, process.env.npm_execpath] : ['npm']
  const flags = ['--no-audit', '--no-fund', '--loglevel=error']
  await run([...npm, 'install', ...(dev ? ['--include=dev'] : []), ...flags], quiet)
}

// --- compiled code --------------------------------------------------------------------------------------------

function isBuilt() {
  return readIfThere(buildStamp) === wantedBuild()
}

// By content: times change with every checkout and copy.
function wantedBuild() {
  const configs = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
  const sources = SOURCES.flatMap(folder => filesIn(folder, '.ts'))
  return digest([...configs, ...sources].map(path => [path, readIfThere(join(root, path))]))
}

async function compile(quiet) {
  if (!quiet) say('Compiling ...')
  const wanted = wantedBuild()
  removeOrphans()
  await run([execPath, join(modules, 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], quiet)
  // If a file changed meanwhile, the next call sees the difference and compiles again.
  writeFileSync(buildStamp, wanted)
}

/** What was compiled from a source that is gone would still be found, and loaded as a command or agent. */
function removeOrphans() {
  for (const output of SOURCES.flatMap(folder => filesIn(join('dist', folder), ''))) {
    const source = output.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts')
    if (!existsSync(join(root, source))) rmSync(join(root, output))
  }
  // The incremental record of a dist/ that someone deleted in part would leave the rest uncompiled.
  if (!existsSync(buildStamp)) rmSync(join(dist, '.tsbuildinfo'), {force: true})
}

function filesIn(folder, ending) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, {recursive: true, withFileTypes: true})
    .filter(entry => entry.isFile() && entry.name.endsWith(ending))
    .map(entry =>
      join(entry.parentPath ?? entry.path, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort()
}

// --- one at a time --------------------------------------------------------------------------------------------

/** Whoever makes the folder works; the others wait, then look again whether anything is left to do. */
async function withLock(quiet, work) {
  const lock = join(modules, '.signalbox-setup')
  mkdirSync(modules, {recursive: true})
  for (let waited = false; !take(lock); waited = true) {
    if (!waited && !quiet) say('Another process is setting this checkout up; waiting ...')
    await sleep(200)
  }
  try {
    await work()
  } finally {
    rmSync(lock, {recursive: true, force: true})
  }
}

function take(lock) {
  try {
    mkdirSync(lock)
    writeFileSync(join(lock, 'pid'), String(pid))
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  if (!isAbandoned(lock)) return false
  // Moved away before it is deleted: another waiter may just have put a lock of its own in this place.
  const aside = `${lock}-${pid}`
  try {
    renameSync(lock, aside)
    if (isAbandoned(aside)) rmSync(aside, {recursive: true, force: true})
    else renameSync(aside, lock)
  } catch {
    // Somebody else was faster.
  }
  return false
}

/** Its holder was killed; or, without a name in it, that happened between making and signing it. */
function isAbandoned(lock) {
  const holder = Number(readIfThere(join(lock, 'pid')))
  if (holder) return !isAlive(holder)
  const made = statSync(lock, {throwIfNoEntry: false})?.mtimeMs
  return made !== undefined && Date.now() - made > 5_000
}

function isAlive(holder) {
  try {
    kill(holder, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

// --- small change ---------------------------------------------------------------------------------------------

/** Runs a program with its output shown on stderr, so that a caller's stdout stays the caller's; `quiet`, only if it fails. */
function run([program, ...args], quiet) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
      shell: process.platform === 'win32' && program === 'npm',
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', text => (said += text))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve()
      const failure = `\`${[program, ...args].join(' ')}\` failed (${signal ?? `exit ${code}`})`
      reject(new Error([said.trim(), failure].filter(Boolean).join('\n')))
    })
  })
}

function digest(parts) {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

function say(sentence) {
  stderr.write(`${sentence}\n`)
}

// Run as a program, not imported.
if (argv[1] && fileURLToPath(import.meta.url) === realpathSync(argv[1])) {
  try {
    await setup({build: argv.includes('build')})
  } catch (error) {
    say(error.message)
    exit(1)
  }
}
