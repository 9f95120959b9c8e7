import {beforeEach, expect, test} from 'vitest'
import type {Conversation, Person} from '../../../src/emulators/discord/index.ts'
import {createSession, HELP, type Session} from '../../../src/runtime/demo/session.ts'
import {layOut, upperPane} from '../../../src/runtime/demo/view/layout.ts'
import {width} from '../../../src/runtime/demo/view/text.ts'

const REJECT = {type: 2, label: 'Reject', custom_id: 'v1:reject:1'}
const MESSAGE = {id: '5', content: '', components: [{type: 1, components: [REJECT]}]}
const FORM = {
  custom_id: 'v1:reject:1',
  title: 'Reject',
  components: [{type: 18, label: 'Why not?', component: {type: 4, custom_id: 'reason'}}],
}

let done: unknown[]
let told: string[]
let session: Session
beforeEach(() => {
  done = []
  told = []
  const opened = {modal: FORM, acknowledged: async () => opened} as unknown as Conversation
  const person = {
    name: 'ada',
    sees: () => [MESSAGE],
    presses: async (message: {id: string}, button: string) => (
      done.push(['press', message.id, button]),
      opened
    ),
    submits: async (form: Conversation, fields: object) => (
      done.push(['submit', form === opened, fields]),
      {}
    ),
  } as unknown as Person
  session = createSession({
    stage: {
      discord: {channel: () => ({messages: () => []}), registrations: []},
      cast: Object.fromEntries(['ada', 'grace', 'ben', 'hugo', 'cleo'].map(name => [name, person])),
      product: {},
    },
    view: {tell: (text: string) => void told.push(text)},
    pace: {},
    person,
  } as unknown as Parameters<typeof createSession>[0])
})

test('a button that opens a form says what it asks, and the next answer fills it in, once', async () => {
  await session.enter('press reject')
  expect(told).toEqual(['Reject · Why not? Answer with: write …'])
  await session.enter('write not on a Friday')
  expect(done).toEqual([
    ['press', '5', 'Reject'],
    ['submit', true, {'Why not?': 'not on a Friday'}],
  ])
  await session.enter('write again')
  expect(told.at(-1)).toContain('No form is open')
  expect(done).toHaveLength(2)
})

test('the help page is seen as a whole on a terminal of 80 by 24, and tells how to decide', () => {
  const pane = upperPane(layOut({columns: 80, rows: 24}))
  expect(HELP.length).toBeLessThanOrEqual(pane.rows)
  for (const line of HELP) expect(width(line)).toBeLessThanOrEqual(pane.columns)
  for (const word of ['/approvals', 'press Approve', 'as hugo']) expect(HELP.join('\n')).toContain(word)
})
