import {readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import toolUser from '../../../agents/tool_user.ts'
import {loadConfig} from '../../../src/platform/config/load-config.ts'
import {checkDefinition} from '../../../src/workflows/definition/check.ts'
import {parseDefinition} from '../../../src/workflows/definition/parse.ts'

const guide = readFileSync(new URL('../../../docs/tools.md', import.meta.url), 'utf8')
const sample = (kind: string) =>
  new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(guide)?.[1] ?? ''

function load(yaml: string, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    cwd: '/app',
    env,
    readFile(path) {
      if (path === '/app/signalbox.yaml') return yaml
      throw Object.assign(new Error(`no such file ${path}`), {code: 'ENOENT'})
    },
  })
}
const SECRETS = {GITHUB_PERSONAL_ACCESS_TOKEN: 'ghp-for-this-test', SEARCH_TOKEN: 'search-for-this-test'}

test('what tools.md shows of signalbox.yaml is valid, and its secrets are known as such', () => {
  const {tools, secrets} = load(sample('yaml'), SECRETS)
  expect(tools.strategy).toBe('progressive')
  expect(tools.servers.get('github')).toEqual({
    kind: 'stdio',
    command: 'npx',
    args: ['-y', '@modelcontextprotocol/server-github'],
    env: {GITHUB_PERSONAL_ACCESS_TOKEN: 'ghp-for-this-test'},
    critical: ['get_file_contents'],
    reads: [],
    timeoutMs: 30_000,
  })
  expect(tools.servers.get('search')).toEqual({
    ...{kind: 'http', url: 'https://search.example.com/mcp', token: 'search-for-this-test'},
    ...{critical: [], reads: ['search'], timeoutMs: 10_000},
  })
  expect(secrets).toEqual(expect.arrayContaining(Object.values(SECRETS)))
})

test('the workflow that tools.md shows is one', () => {
  const parsed = parseDefinition(sample('yaml workflow'), 'workflows/note-a-release.yaml')
  if (!parsed.ok) throw new Error(parsed.faults.map(({message}) => message).join('; '))
  const catalogue = {agents: new Map([['tool_user', toolUser]]), workflows: new Map()}
  expect(checkDefinition(parsed, catalogue)).toEqual([])
})

test('nothing configured is nobody with a tool', () => {
  const {tools} = load('')
  expect([tools.servers.size, tools.agents.size]).toEqual([0, 0])
})

describe('refused is', () => {
  test.each([
    [
      'a server that is neither a program nor an address',
      'servers: {x: {}}',
      'must have either command or url',
    ],
    [
      'one that is both',
      'servers: {x: {command: a, url: "https://x.dev"}}',
      'must have either command or url',
    ],
    ['a token for a program', 'servers: {x: {command: a, tokenFrom: X}}', 'tokenFrom with url only'],
    [
      'a token that would travel in the clear',
      'servers: {x: {url: "http://x.dev"}}',
      'must begin with https://',
    ],
    ['a variable that is not set', 'servers: {x: {command: a, env: [NOT_SET]}}', 'NOT_SET is missing'],
    [
      'a grant of a server that there is not',
      'agents: {dev: {servers: [gitub]}}',
      'is none of tools.servers',
    ],
    ['a grant of a tool of one', 'agents: {dev: {tools: [gitub.merge]}}', 'is none of tools.servers'],
    ['a tool without its server', 'agents: {dev: {tools: [merge]}}', 'must be a tool as server.tool'],
  ])('%s', (_what, yaml, reason) => {
    expect(() => load(`tools: {${yaml}}`)).toThrow(reason)
  })
})
