import {readFileSync} from 'node:fs'
import {toError} from '../src/kernel/errors.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {botAccess, bridgeMcp} from '../src/runtime/mcp-stdio.ts'

commandLine({
  name: 'npm run mcp',
  purpose:
    'An MCP server on stdin and stdout, for editors: hands on to the bot at SIGNALBOX_URL, as whoever SIGNALBOX_TOKEN names.',
})

// Whatever else is to be said goes to stderr: stdout is the protocol's.
try {
  const access = botAccess(process.env, path => readFileSync(path, 'utf8'))
  await bridgeMcp({access, input: process.stdin, output: process.stdout})
} catch (error) {
  process.stderr.write(`${toError(error).message}\n`)
  process.exitCode = 1
}
