import type {APIApplicationCommand} from 'discord-api-types/v10'
import {expect, test} from 'vitest'
import {chosen, complete} from '../../../src/runtime/demo/completion.ts'

const COMMANDS = [
  {
    name: 'deploy-client',
    description: 'Ship a target',
    options: [
      {type: 5, name: 'wait', description: 'follow the run'},
      {type: 3, name: 'target', description: 'what to ship', autocomplete: true},
      {type: 3, name: 'reason', description: 'why', required: true},
    ],
  },
  {
    name: 'status-digest',
    description: 'What ran',
    options: [
      {
        type: 3,
        name: 'period',
        description: 'how long',
        choices: [
          {name: 'daily', value: 'daily'},
          {name: 'weekly', value: 'weekly'},
        ],
      },
    ],
  },
  {name: 'agents', description: 'Who is there', options: []},
] as unknown as APIApplicationCommand[]

const AROUND = {commands: COMMANDS, people: ['ada', 'grace'], buttons: ['Cancel', 'Copy id']}
const lines = (typed: string) => complete(typed, AROUND).suggestions.map(each => each.line)

test('commands complete in order of their names, with a space where options follow', () => {
  expect(lines('/')).toEqual(['/agents', '/deploy-client ', '/status-digest '])
  expect(lines('/de')).toEqual(['/deploy-client '])
  expect(lines('/nothing')).toEqual([])
})

test('options complete by their start, required ones first, each once', () => {
  expect(lines('/deploy-client ')).toEqual([
    '/deploy-client reason:',
    '/deploy-client wait:',
    '/deploy-client target:',
  ])
  expect(lines('/deploy-client wait:true ')).toEqual([
    '/deploy-client wait:true reason:',
    '/deploy-client wait:true target:',
  ])
  expect(lines('/deploy-client wait:true ta')).toEqual(['/deploy-client wait:true target:'])
})

test('values complete from what the option takes', () => {
  expect(lines('/deploy-client wait:')).toEqual(['/deploy-client wait:true ', '/deploy-client wait:false '])
  expect(lines('/deploy-client wait:F')).toEqual(['/deploy-client wait:false '])
  expect(lines('/status-digest period:w')).toEqual(['/status-digest period:weekly '])
  expect(lines('/deploy-client reason:x')).toEqual([])
  expect(lines('/deploy-client nonsense:')).toEqual([])
})

test('an address as a value is not taken for an option', () => {
  expect(lines('/deploy-client reason:https://a.example wa')).toEqual([
    '/deploy-client reason:https://a.example wait:',
  ])
})

test('where only the bot knows, it is to be asked, and its choice takes the place of what was typed', () => {
  expect(complete('/deploy-client target:sta', AROUND)).toEqual({suggestions: [], ask: true})
  expect(chosen('/deploy-client target:sta', {name: 'staging → staging', value: 'staging'})).toEqual({
    line: '/deploy-client target:staging ',
    label: 'staging → staging',
    hint: '',
  })
  expect(chosen('/deploy-client target:', {name: 'odd', value: 'two "words"'}).line).toBe(
    '/deploy-client target:"two \\"words\\"" ',
  )
})

test('the demo’s own words, people and buttons complete too', () => {
  expect(lines('')).toEqual([])
  expect(lines('k')).toEqual(['kill worker', 'kill bot'])
  expect(lines('as ')).toEqual(['as ada', 'as grace'])
  expect(lines('as g')).toEqual(['as grace'])
  expect(lines('press c')).toEqual(['press Cancel', 'press Copy id'])
  expect(lines('help')).toEqual([])
})
