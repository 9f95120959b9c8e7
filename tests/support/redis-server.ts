import {spawn} from 'node:child_process'
import {findRedis, startRedis} from '../../src/platform/redis.ts'

/** Where the run's Redis is, or why there is none. */
export type ProvidedRedis = {readonly url: string} | {readonly missing: string}

/**
 * Redis by whatever way this machine offers: REDIS_URL, a program on the PATH, else, as root, the package manager.
 * Without any, the suites that need it are skipped and say why; in CI that is a failure.
 */
export async function provideRedis(): Promise<{readonly provided: ProvidedRedis; stop(): Promise<void>}> {
  const given = process.env['REDIS_URL']
  if (given !== undefined) return {provided: {url: given}, stop: async () => undefined}
  const missing = findRedis() === undefined ? await install() : undefined
  if (missing !== undefined) {
    if (process.env['CI'] === 'true')
      throw new Error(`In CI every suite must run, but there is no Redis: ${missing}`)
    return {provided: {missing}, stop: async () => undefined}
  }
  const redis = await startRedis()
  return {provided: {url: redis.url}, stop: () => redis.stop()}
}

/** Why it could not be installed; undefined when it could. */
async function install(): Promise<string | undefined> {
  if (process.getuid?.() !== 0)
    return 'no redis-server or valkey-server on the PATH, and only root can install one'
  console.log('Installing redis-server with apt-get (no redis-server or valkey-server on the PATH) ...')
  const apt = ['-o', 'DPkg::Lock::Timeout=120']
  await run('apt-get', [...apt, 'update'])
  const complaint = await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', 'redis-server'])
  return findRedis() === undefined
    ? `apt-get could not install redis-server (${complaint ?? 'no such program afterwards'})`
    : undefined
}

async function run(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'},
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said = chunk.toString().trim()))
    child.once('error', error => resolve(error.message))
    child.once('exit', code => resolve(code === 0 ? undefined : said.split('\n').at(-1)))
  })
}
