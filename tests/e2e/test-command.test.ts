import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'test.mjs')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signalbox-test-command-'))
  await put('vitest.config.mjs', `export default {test: {globalSetup: ['setup.mjs'], globals: true}}`)
})
afterEach(() => rm(folder, {recursive: true, force: true}))

const put = (name: string, content: string) => writeFile(join(folder, name), content)

/** Runs the suites of the folder as `npm test` runs ours. `code` is null when it had to be killed. */
async function runTests(): Promise<{readonly code: number | null; readonly lastLine: string | undefined}> {
  const child = spawn(process.execPath, [SCRIPT, '--root', folder], {
    env: {PATH: process.env['PATH'], HOME: process.env['HOME']},
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  const [said, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return {code, lastLine: said.trimEnd().split('\n').at(-1)}
}

describe('npm test', () => {
  test('ends, as failed, when the set-up fails half-way and leaves something running', async () => {
    await put('any.test.js', `test('passes', () => undefined)`)
    await put(
      'setup.mjs',
      `import {createServer} from 'node:http'
       export default () => new Promise((_resolve, reject) =>
         createServer().listen(0, () => reject(new Error('half-way'))))`,
    )
    expect(await runTests()).toEqual({code: 1, lastLine: '0 passed, 1 failed, 0 skipped'})
  })

  test.each([
    ['passed', 'undefined', 0, '1 passed, 0 failed, 0 skipped'],
    ['failed', `{throw new Error('no')}`, 1, '0 passed, 1 failed, 0 skipped'],
  ])('says by its exit code that a suite %s', async (_how, body, code, lastLine) => {
    await put('any.test.js', `test('is tried', () => ${body})`)
    await put('setup.mjs', 'export default () => undefined')
    expect(await runTests()).toEqual({code, lastLine})
  })
})
