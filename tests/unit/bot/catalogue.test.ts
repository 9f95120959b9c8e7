import {expect, test} from 'vitest'
import type {AccessPolicy} from '../../../src/access/policy.ts'
import {createCatalogue} from '../../../src/bot/catalogue.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {Actor, AgentDefinition, CommandDefinition} from '../../../src/sdk/index.ts'

const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
const grace: Actor = {kind: 'discord', id: '222', name: 'grace', discordRoles: []}

function catalogueUnder(policy: Partial<AccessPolicy>) {
  return createCatalogue({
    commands,
    agents,
    policy: {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map(), ...policy},
  })
}

test('every command is listed for everyone, with the reasons against it where there are any', () => {
  const listed = catalogueUnder({}).commands(grace)
  expect(listed.map(command => command.name).sort()).toEqual([...commands.keys()].sort())
  for (const {name, refusals} of listed)
    expect(refusals.length > 0, name).toBe(commands.get(name)?.access === 'restricted')
})

test('an admin reads no reasons', () => {
  const listed = catalogueUnder({admin: {userIds: ['222'], roleIds: []}}).commands(grace)
  expect(listed.flatMap(command => command.refusals)).toEqual([])
})

test('the help that each person gets names every command there is, in one message', () => {
  for (const policy of [{}, {admin: {userIds: ['222'], roleIds: []}}]) {
    const {lines = []} = catalogueUnder(policy).help(grace, {})
    const text = lines.join('\n')
    expect(text.length).toBeLessThanOrEqual(1350)
    for (const name of commands.keys()) expect(text).toContain(`\`/${name}\``)
  }
})

test('the usage and the options of a command are those of its declaration', () => {
  const deploy = catalogueUnder({})
    .commands(grace)
    .find(command => command.name === 'deploy-client')
  expect(deploy?.usage).toMatch(/^\/deploy-client \[wait:true\|false\]/)
  expect(deploy?.options.map(option => option.name)).toEqual(
    Object.keys(commands.get('deploy-client')?.input.shape ?? {}),
  )
})

test('the agents listed are the agents there are, and a command that reaches one is there', async () => {
  const listed = await catalogueUnder({}).agents()
  expect(listed.map(agent => agent.id).sort()).toEqual([...agents.keys()].sort())
  for (const {command} of listed)
    if (command !== undefined) expect(commands.has(command.slice(1)), command).toBe(true)
})
