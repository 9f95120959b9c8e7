import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {dirname, extname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {forkFile, type Child} from './child.ts'

/** An engine that people would pick instead. */
export type Peer = 'dbos' | 'langgraph'

/**
 * The folder of the peers, with their packages, which are fetched when they are not there; undefined, with a word about
 * it, where they can't be had.
 */
export async function peersPresent(): Promise<string | undefined> {
  const here = dirname(fileURLToPath(import.meta.url))
  const folder = [join(here, 'peers'), join(here, '..', '..', '..', 'scripts', 'bench', 'peers')].find(each =>
    existsSync(join(each, 'package.json')),
  )
  if (folder === undefined) return undefined
  if (!existsSync(join(folder, 'node_modules'))) {
    process.stdout.write('Fetching DBOS and LangGraph to compare with …\n')
    const npm = spawn('npm', ['install', '--no-audit', '--no-fund'], {cwd: folder, stdio: 'ignore'})
    const [code] = (await once(npm, 'exit')) as [number | null]
    if (code !== 0) {
      process.stdout.write('They could not be fetched: DBOS and LangGraph are MISSING from what follows.\n')
      return undefined
    }
  }
  return folder
}

/** One peer as a process that answers the rounds of workflow-rounds.ts. */
export async function openPeer(
  folder: string,
  target: {readonly kind: Peer; readonly databaseUrl: string; readonly pool: number},
): Promise<Child> {
  const rounds = new URL(`./workflow-rounds${extname(fileURLToPath(import.meta.url))}`, import.meta.url).href
  const child = forkFile(join(folder, 'target.mjs'), {
    args: [rounds],
    // LangGraph makes Node warn about its signals, hundreds of times.
    execArgv: [...process.execArgv, '--expose-gc', '--no-warnings'],
  })
  await child.ask(target)
  return child
}
