import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterEach, expect, test} from 'vitest'

const homes: string[] = []
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, {recursive: true, force: true})
})

/** `npm run demo -- --once` as somebody gives it in a checkout, with data of its own. */
async function demoOnce(
  environment: Record<string, string>,
): Promise<{code: number | null; transcript: string}> {
  const home = mkdtempSync(join(tmpdir(), 'signalbox-demo-'))
  homes.push(home)
  const script = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, '--once'], {
    env: {...process.env, REDIS_URL: '', ...environment, SIGNALBOX_HOME: home},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let transcript = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (transcript += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return {code, transcript}
}

function expectAllScenes({code, transcript}: {code: number | null; transcript: string}): void {
  expect(transcript).toMatch(/demo: (\d+) of \1 scenes as promised/)
  expect(transcript).not.toContain('\u001b')
  expect(transcript).not.toContain('died unexpectedly')
  expect(code, transcript).toBe(0)
}

const redisUrl = process.env['REDIS_URL'] ?? ''

// On Redis where the whole run is: it takes half a minute.
test('the tour keeps all its promises, whatever real tokens lie around', async () => {
  const played = await demoOnce({
    REDIS_URL: redisUrl,
    DISCORD_TOKEN: 'not-for-the-demo',
    GITHUB_TOKEN: 'not-for-the-demo',
    DATABASE_URL: 'postgres://127.0.0.1:1/nowhere',
  })
  expectAllScenes(played)
  expect(played.transcript).toContain(`Queues are on ${redisUrl === '' ? 'Postgres' : 'Redis'}`)
})
