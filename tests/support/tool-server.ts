import {McpServer} from '@modelcontextprotocol/sdk/server/mcp.js'
import {StdioServerTransport} from '@modelcontextprotocol/sdk/server/stdio.js'
import {appendFileSync} from 'node:fs'
import {z} from 'zod'

/**
 * A real MCP server over stdio, as a process of its own, whose tools behave and misbehave. `CALLS_FILE` names a file
 * that hears of each start and call; `MODE` makes the whole server odd: `silent` answers nothing, `garbage` writes what
 * is not the protocol before each answer, `gone` exits at once.
 */
const {CALLS_FILE, MODE, SECRET_OF_OURS} = process.env
const note = (line: string) => {
  if (CALLS_FILE !== undefined) appendFileSync(CALLS_FILE, `${line}\n`)
}
note('start')

const text = (words: string) => ({content: [{type: 'text' as const, text: words}]})
const server = new McpServer({name: 'a fleet', version: '1'})
server.registerTool(
  'echo',
  {
    description: 'Says it again',
    inputSchema: {words: z.string()},
    annotations: {readOnlyHint: true},
  },
  ({words}) => {
    note(`echo ${words}`)
    return text(words)
  },
)
server.registerTool('fail', {description: 'Fails in so many words'}, () => ({
  ...text('the disk is full'),
  isError: true,
}))
server.registerTool('hang', {description: 'Never answers'}, () => {
  note('hang')
  return new Promise<never>(() => undefined)
})
server.registerTool('huge', {description: 'Says a lot'}, () => text('x'.repeat(200_000)))
server.registerTool('flood', {description: 'Says far too much'}, () => text('x'.repeat(6 * 1024 * 1024)))
server.registerTool('die', {description: 'Ends the process'}, () => process.exit(1))
server.registerTool('secret', {description: 'Says what it was given'}, () => text(`it is ${SECRET_OF_OURS}`))
server.registerTool('environment', {description: 'Which variables it sees'}, () =>
  text(Object.keys(process.env).sort().join(' ')),
)
server.registerTool('grow', {description: 'Makes one more tool'}, () => {
  server.registerTool('late', {description: 'Came later'}, () => text('here'))
  return text('grown')
})
server.registerTool('see', {description: 'Shows a picture'}, () => ({
  content: [
    {type: 'image' as const, data: 'AAAA', mimeType: 'image/png'},
    {type: 'text' as const, text: 'a cat'},
  ],
}))

if (MODE === 'gone') process.exit(1)
if (MODE === 'silent') process.stdin.resume()
else {
  if (MODE === 'garbage') {
    const write = process.stdout.write.bind(process.stdout)
    process.stdout.write = (chunk: string) => write(`Listening…\n{"half":\n${chunk}`)
  }
  await server.connect(new StdioServerTransport())
}
