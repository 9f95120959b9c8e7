import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {runInThisContext} from 'node:vm'
import {expect, test} from 'vitest'
import {z} from 'zod'
import {toDiscordCommand} from '../../../src/bot/command-form.ts'
import {loadConfig} from '../../../src/platform/config/load-config.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {proveCompleteness} from '../../../src/runtime/prove-completeness.ts'
import {defineCommand, type AgentDefinition, type CommandDefinition} from '../../../src/sdk/index.ts'

const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')

/** The fenced block that contains the text, without its fence and indentation. */
function sample(containing: string): string {
  const block = [...readme.matchAll(/^( *)```\w*\n([\s\S]*?)^ *```$/gm)].find(match =>
    match[2]?.includes(containing),
  )
  if (!block) throw new Error(`README has no sample with ${containing}`)
  const indent = block[1]?.length ?? 0
  return (block[2] ?? '')
    .split('\n')
    .map(line => line.slice(indent))
    .join('\n')
}

test('the signalbox.yaml of the README is valid', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-readme-'))
  try {
    await writeFile(join(folder, 'signalbox.yaml'), sample('principals:'))
    const config = loadConfig({cwd: folder, env: {GITHUB_TOKEN: 'x', GITHUB_REPOSITORY: 'acme/web'}})
    expect(config.targets.get('client')).toMatchObject({
      workflow: 'client-deploy.yml',
      environment: 'production',
    })
    expect(config.access.get('deploy-client')?.roles).toEqual(['developer'])
  } finally {
    await rm(folder, {recursive: true})
  }
})

test('the command of the README is a whole command: Discord takes it, and its agent and action exist', async () => {
  const source = sample('commands/latest.ts')
    .replace(/^import .*$/gm, '')
    .replace('export default', 'return')
  const command = (
    runInThisContext(`(function (z, defineCommand) {${source}})`) as (...given: unknown[]) => unknown
  )(z, defineCommand) as CommandDefinition
  const commands = new Map(await loadFolder<CommandDefinition>('commands', known => known.name))
  const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  commands.set(command.name, command)
  proveCompleteness({commands, agents, accessRules: []})
  expect(toDiscordCommand(command)).toMatchObject({
    name: 'latest',
    options: [{name: 'count', type: 4, min_value: 1, max_value: 3}],
  })
})

test('the README names every command, and no other', async () => {
  const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
  const named = [...readme.matchAll(/^\| `\/([\w-]+)/gm)].map(match => match[1])
  expect(named.sort()).toEqual([...commands.keys()].sort())
})
