import {describe, expect, test} from 'vitest'
import {z} from 'zod'
import {AppError} from '../../../src/kernel/errors.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import {proveCompleteness} from '../../../src/runtime/prove-completeness.ts'
import {
  defineAction,
  defineAgent,
  defineCommand,
  type AgentDefinition,
  type CommandDefinition,
} from '../../../src/sdk/index.ts'

const greet = defineAction({
  description: 'Say hello',
  input: z.object({}),
  run: async () => ({kind: 'following'}),
})

function aCommand(changes: Partial<CommandDefinition> = {}): CommandDefinition {
  return defineCommand({
    name: 'hello',
    description: 'Say hello',
    topic: 'look',
    access: 'everyone',
    visibility: 'channel',
    input: z.object({}),
    agent: 'greeter',
    action: 'greet',
    acknowledge: () => 'hello',
    ...changes,
  })
}

function anAgent(changes: Partial<AgentDefinition> = {}): AgentDefinition {
  return defineAgent({
    id: 'greeter',
    name: 'Greeter',
    description: 'Greets',
    command: '/hello',
    queue: {concurrency: 1, timeoutMs: 1000},
    actions: {greet},
    ...changes,
  })
}

function faultsOf(
  commands: readonly CommandDefinition[],
  agents: readonly AgentDefinition[],
  accessRules: readonly string[] = [],
): readonly string[] {
  try {
    proveCompleteness({
      commands: new Map(commands.map(command => [command.name, command])),
      agents: new Map(agents.map(agent => [agent.id, agent])),
      accessRules,
    })
    return []
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'START_FAILED') throw error
    expect(error.message).toBe((error.details['faults'] as string[]).join('\n'))
    return error.details['faults'] as string[]
  }
}

describe('the house starts', () => {
  test('when everything that is named is there', () => {
    expect(faultsOf([aCommand()], [anAgent()], ['hello'])).toEqual([])
  })

  test('as it is delivered', async () => {
    const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
    const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
    expect(faultsOf([...commands.values()], [...agents.values()], ['deploy-client'])).toEqual([])
  })
})

describe('the house does not start, and the file to mend is named, for', () => {
  const unknownRule = {access: undefined} as unknown as Partial<CommandDefinition>
  const noQueue = {queue: undefined} as unknown as Partial<AgentDefinition>

  test.each<[string, readonly CommandDefinition[], readonly AgentDefinition[], readonly string[], string]>([
    [
      'a command whose agent is missing',
      [aCommand({agent: 'nobody'})],
      [anAgent()],
      [],
      'commands/hello.ts names agent nobody, which no file in agents/ declares.',
    ],
    [
      'a command whose action is missing',
      [aCommand({action: 'bow'})],
      [anAgent()],
      [],
      'commands/hello.ts names action bow, which agents/greeter.ts does not have.',
    ],
    [
      'an action that every object seems to have',
      [aCommand({action: 'toString'})],
      [anAgent()],
      [],
      'commands/hello.ts names action toString, which agents/greeter.ts does not have.',
    ],
    [
      'a command without an access rule',
      [aCommand(unknownRule)],
      [anAgent()],
      [],
      'commands/hello.ts has no access rule: everyone or restricted.',
    ],
    [
      'an option that Discord has no form for',
      [aCommand({input: z.object({when: z.array(z.string()).describe('x')})})],
      [anAgent()],
      [],
      'commands/hello.ts: option when is neither text, a whole number nor true/false.',
    ],
    [
      'an agent without a queue',
      [aCommand()],
      [anAgent(noQueue)],
      [],
      'agents/greeter.ts has no queue: declare queue.concurrency.',
    ],
    [
      'a queue that never works',
      [aCommand()],
      [anAgent({queue: {concurrency: 0, timeoutMs: 1000}})],
      [],
      'agents/greeter.ts has no queue: declare queue.concurrency.',
    ],
    [
      'an agent nobody can reach',
      [aCommand()],
      [anAgent({command: '/goodbye'})],
      [],
      'agents/greeter.ts says people reach it by /goodbye, which no file in commands/ declares.',
    ],
    [
      'an access rule for a command that is not there',
      [aCommand()],
      [anAgent()],
      ['helo'],
      'signalbox.yaml access.helo: there is no such command.',
    ],
  ])('%s', (_what, commands, agents, rules, fault) => {
    expect(faultsOf(commands, agents, rules)).toEqual([fault])
  })

  test('an agent that can do nothing', () => {
    const faults = faultsOf([aCommand()], [anAgent({actions: {}})])
    expect(faults).toContain('agents/greeter.ts has no action.')
  })

  test('an input that can not be described at all', () => {
    const [fault, ...more] = faultsOf(
      [aCommand({input: z.object({when: z.date().describe('x')})})],
      [anAgent()],
    )
    expect(fault).toMatch(/^commands\/hello\.ts can't be shown to Discord: /)
    expect(more).toEqual([])
  })

  test('all of it at once', () => {
    const faults = faultsOf(
      [aCommand({agent: 'nobody', ...unknownRule})],
      [anAgent({command: '/goodbye', ...noQueue})],
      ['helo', 'helolo'],
    )
    expect(faults).toHaveLength(6)
  })
})
