import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import ts from 'typescript'
import {expect, test} from 'vitest'
import {z} from 'zod'
import {toDiscordCommand} from '../../../src/bot/command-form.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {proveCompleteness} from '../../../src/runtime/prove-completeness.ts'
import {
  defineAction,
  defineAgent,
  defineCommand,
  type ActionContext,
  type ActionDefinition,
  type AgentDefinition,
  type CommandDefinition,
} from '../../../src/sdk/index.ts'
import {describeFault} from '../../../src/workflows/definition/fault.ts'
import {loadWorkflows} from '../../../src/workflows/definition/load.ts'

const guide = await readFile(new URL('../../../docs/extending.md', import.meta.url), 'utf8')
const sampleOf = (language: string, containing: string) => {
  const found = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].find(
    ([text]) => text.includes(containing),
  )
  if (!found?.[1]) throw new Error(`the guide has no ${language} sample with ${containing}`)
  return found[1]
}

/** What a TypeScript sample exports by default, or declares under the name. */
function evaluated<T>(source: string, name = 'exported', given: Readonly<Record<string, unknown>> = {}): T {
  const text = source.replace(/^import .*$/gm, '').replace('export default', 'const exported =')
  const body = ts.transpileModule(text, {
    compilerOptions: {target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext},
  }).outputText
  const scope = {z, defineAction, defineAgent, defineCommand, ...given}
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- running the guide's own text is the point
  const run = new Function(...Object.keys(scope), `${body}\nreturn ${name}`) as (
    ...values: readonly unknown[]
  ) => T
  return run(...Object.values(scope))
}

const agent = evaluated<AgentDefinition>(sampleOf('ts', 'agents/office.ts'))
const command = evaluated<CommandDefinition>(sampleOf('ts', 'commands/office-time.ts'))

test('command and agent of the guide make up a whole house with ours, and Discord takes the command', async () => {
  const commands = new Map(await loadFolder<CommandDefinition>('commands', known => known.name))
  const agents = new Map(await loadFolder<AgentDefinition>('agents', known => known.id))
  commands.set(command.name, command)
  agents.set(agent.id, agent)
  proveCompleteness({commands, agents, accessRules: ['office-time']})
  expect(toDiscordCommand(command)).toMatchObject({
    name: 'office-time',
    options: [{name: 'zone', required: true, choices: [{value: 'Europe/Berlin'}, {}, {value: 'Asia/Tokyo'}]}],
  })
  agents.delete(agent.id)
  expect(() => proveCompleteness({commands, agents, accessRules: []})).toThrow('office')
})

test('its action answers', async () => {
  const {time} = agent.actions
  const context = {now: () => Date.parse('2026-03-01T12:00:00Z')} as ActionContext
  expect(await time?.run({zone: 'Asia/Tokyo'}, context)).toMatchObject({
    reply: {title: '21:00 in Asia/Tokyo'},
    output: {time: '21:00'},
  })
})

test('its effect is run under an id, by which it is found again', async () => {
  const calls: string[] = []
  const pager = {
    async call({dedupKey}: {readonly dedupKey: string}) {
      calls.push(dedupKey)
      return {person: 'ada'}
    },
    find: async (id: string) => (calls.includes(id) ? {person: 'ada'} : undefined),
  }
  const page = evaluated<ActionDefinition>(sampleOf('ts', 'effect('), 'page', {pager})
  const effect: ActionContext['effect'] = async (_name, {run, find}) => (await find?.('one')) ?? run('one')
  const context = {effect} as ActionContext
  for (const _try of [1, 2])
    expect(await page.run({text: 'wake up'}, context)).toMatchObject({reply: {title: 'called ada'}})
  expect(calls).toEqual(['one'])
})

test('the workflow of the guide has no fault', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-extending-'))
  try {
    await writeFile(join(folder, 'late-release.yaml'), sampleOf('yaml', 'name: late-release'))
    const {definitions, faults} = await loadWorkflows(folder, new Map([[agent.id, agent]]))
    expect(faults.map(describeFault)).toEqual([])
    expect([...definitions.keys()]).toEqual(['late-release'])
    const without = await loadWorkflows(folder, new Map())
    expect(without.faults.map(describeFault).join('\n')).toContain('office')
  } finally {
    await rm(folder, {recursive: true})
  }
})
