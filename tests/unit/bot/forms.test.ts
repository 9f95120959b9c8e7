import {expect, test} from 'vitest'
import {modal} from '../../../src/emulators/discord/component-forms.ts'
import {BUTTONS} from '../../../src/bot/buttons.ts'
import {commandFor, FORMS, openForm, type FormName} from '../../../src/bot/forms.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {AgentDefinition, CommandDefinition} from '../../../src/sdk/index.ts'

const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
const BALLOT = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21_c0ffeec0ffee'
const intents = Object.keys(FORMS) as FormName[]

test.each(intents)('the form %s is one that Discord takes, for an option of its command', intent => {
  const command = commandFor(intent, commands)
  if (!command) throw new Error('no command')
  const {data} = openForm(intent, BALLOT, command)
  expect(modal.safeParse(data).error).toBeUndefined()
  expect(JSON.stringify(data)).toContain(`"custom_id":"${FORMS[intent].option}"`)
  expect(JSON.stringify(data)).toMatch(/"max_length":(?:500|2000)/)
  expect(Object.keys(command.input.shape)).toContain(FORMS[intent].option)
  expect(Object.hasOwn(agents.get(command.agent)?.actions ?? {}, command.action)).toBe(true)
  expect(command.visibility).toBe(intent === 'edit-draft' ? 'channel' : 'private')
})

test('each form belongs to a button', () => {
  expect(Object.keys(BUTTONS)).toEqual(expect.arrayContaining(intents))
})
