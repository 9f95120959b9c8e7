import {expect, test} from 'vitest'
import {permit, type AccessPolicy} from '../../../src/access/policy.ts'
import {answeringCommand, buttonDemand, BUTTONS, type CommandButton} from '../../../src/bot/buttons.ts'
import {createIntake} from '../../../src/bot/intake.ts'
import {parseCustomId, customId} from '../../../src/integrations/discord/render.ts'
import type {Invocation} from '../../../src/invocations/invocation.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {Actor, CommandDefinition, Services} from '../../../src/sdk/index.ts'

const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
const nobody: AccessPolicy = {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map()}
const grace: Actor = {kind: 'discord', id: '222', name: 'grace', discordRoles: []}
const stranger: Actor = {...grace, id: '333', name: 'mallory'}

function anInvocation(command: string): Invocation {
  return {
    id: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21',
    source: 'discord',
    command,
    options: {},
    actor: grace,
    agent: 'deploy_client',
    action: 'deploy',
    status: 'following',
    attempt: 1,
    createdAt: 0,
  }
}

const mayPress = (actor: Actor, action: CommandButton, command: string) =>
  permit(nobody, actor, buttonDemand(action, anInvocation(command), commands)).allowed

test.each<[CommandButton, string, boolean, boolean]>([
  ['copy', 'deploy-client', true, true],
  ['cancel', 'deploy-client', true, false],
  ['cancel', 'status', true, false],
  ['retry', 'deploy-client', false, false],
  ['retry', 'status', true, true],
  ['retry', 'a-command-that-is-gone', false, false],
])('%s of /%s: who asked for it may press: %s, a stranger: %s', (action, command, owner, other) => {
  expect(mayPress(grace, action, command)).toBe(owner)
  expect(mayPress(stranger, action, command)).toBe(other)
})

test('every button has a demand, and an id that is understood again', () => {
  for (const [action, demand] of Object.entries(BUTTONS)) {
    expect(['everyone', 'owner', 'command']).toContain(demand)
    expect(parseCustomId(customId(action, anInvocation('status').id))?.action).toBe(action)
  }
})

test.each([
  ['ship', 'ship', {target: 'client', strategy: 'full'}, 'accept'],
  // Its options are an id that `/ship` would take for a plan’s.
  ['ship', 'carry_out', {run_id: anInvocation('ship').id}, 'this button is not in use any more'],
  [
    'ship',
    'decide',
    {id: anInvocation('ship').id, decision: 'promote'},
    'this button is not in use any more',
  ],
])(
  'Retry gives /%s again only where that is what was carried out, not %s',
  async (name, action, options, what) => {
    const take = createIntake({
      commands,
      policy: {...nobody, admin: {userIds: [grace.id], roleIds: []}},
      services: {releases: {target: () => ({name: 'client'})}} as unknown as Services,
      invocationStore: {find: async () => ({...anInvocation(name), action, options})},
    })
    const customId = `v1:retry:${anInvocation(name).id}`
    const intake = await take(
      {
        ...{
          id: '1',
          token: 't',
          applicationId: '1',
          channelId: '2',
          guildId: '3',
          actor: grace,
          createdAt: 0,
        },
        request: {kind: 'button', customId},
      },
      {kind: 'button', customId},
    )
    expect(intake.kind === 'tell' ? intake.reply.title : intake.kind).toBe(what)
  },
)

test('an answer to a take-over is for the one who answers, and each is carried out', () => {
  const takeOver = commands.get('take-over')
  expect(takeOver && answeringCommand(takeOver)).toMatchObject({action: 'answer', visibility: 'private'})
  expect(takeOver && answeringCommand(takeOver)).not.toHaveProperty('joinWithinMs')
})
