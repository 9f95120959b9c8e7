import {readFileSync} from 'node:fs'
import {toError} from '../src/kernel/errors.ts'
import {botAccess, bridgeMcp} from '../src/runtime/mcp-stdio.ts'

// Whatever else is to be said goes to stderr: stdout is the protocol's.
try {
  const access = botAccess(process.env, path => readFileSync(path, 'utf8'))
  await bridgeMcp({access, input: process.stdin, output: process.stdout})
} catch (error) {
  process.stderr.write(`${toError(error).message}\n`)
  process.exitCode = 1
}
