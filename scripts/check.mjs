// `npm run check`: types, rules of style, formatting, the floors of the house, and what nothing uses. Two at a time;
// each one's output comes whole when it ends, and all have spoken before the first that failed fails the whole.
import {spawn} from 'node:child_process'
import {delimiter, join} from 'node:path'
import process from 'node:process'
import {setup} from './setup.mjs'

// The longest first: the others fit in beside it.
const CHECKS = ['eslint .', 'tsc --noEmit', 'prettier --check .', 'knip', 'depcruise src commands agents']
const AT_ONCE = 2
const ROOT = join(import.meta.dirname, '..')

try {
  await setup()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

const waiting = [...CHECKS]
const failed = []
await Promise.all(
  Array.from({length: AT_ONCE}, async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const began = performance.now()
      const {passed, output} = await run(check)
      const seconds = Math.round((performance.now() - began) / 1000)
      console.log(`${passed ? '✔' : '✖'} ${check} (${seconds} s)${output === '' ? '' : `\n${output}`}`)
      if (!passed) failed.push(check)
    }
  }),
)
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0

/** Through a shell, which finds the program's starter on every system. */
function run(command) {
  const path = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  const child = spawn(command, {
    cwd: ROOT,
    shell: true,
    env: {...process.env, PATH: path},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => said.push(chunk))
  return new Promise(resolve => {
    const end = passed => resolve({passed, output: Buffer.concat(said).toString().trim()})
    child.once('error', error => {
      said.push(Buffer.from(error.message))
      end(false)
    })
    child.once('close', code => end(code === 0))
  })
}
