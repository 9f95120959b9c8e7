import {InteractionResponseType, type APIInteractionResponse} from 'discord-api-types/v10'
import {beforeEach, describe, expect, test} from 'vitest'
import {createPipeline, type PipelineOptions} from '../../../src/bot/pipeline.ts'
import type {NewInvocation} from '../../../src/invocations/invocation.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {ApprovalsPort, CommandDefinition} from '../../../src/sdk/index.ts'

const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
const ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const BALLOT = `${ID}_c0ffeec0ffee`
const ADA = '333333333333333333'

let recorded: NewInvocation[]
let asked: Parameters<ApprovalsPort['needsWords']>[0][]
let answers: APIInteractionResponse[]
beforeEach(() => {
  recorded = []
  asked = []
  answers = []
})

const button = (custom_id: string) => ({type: 3, data: {custom_id, component_type: 2}})
const form = (custom_id: string, fields: Readonly<Record<string, string>>) => ({
  type: 5,
  data: {
    custom_id,
    components: Object.entries(fields).map(([field, value]) => ({
      type: 18,
      component: {type: 4, custom_id: field, value},
    })),
  },
})

/** Lets somebody do it, where the port says that words are needed, not needed, or that there is no such request. */
async function does(what: object, needsWords?: boolean): Promise<void> {
  const pipeline = createPipeline({
    commands,
    policy: {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map()},
    audit: {refused: async () => undefined},
    services: {
      approvals: {
        async needsWords(intent: Parameters<ApprovalsPort['needsWords']>[0]) {
          asked.push(intent)
          return needsWords
        },
      },
    },
    invocations: {
      accept: async (invocation: NewInvocation) => (recorded.push(invocation), {kind: 'recorded'}),
    },
    invocationStore: {},
    arrivals: {note: async () => undefined, forget: async () => undefined},
    replies: {},
    discord: {},
    observeAck: () => undefined,
    clock: () => Date.now(),
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (fields: unknown) => expect(fields).toBeUndefined(),
    },
  } as unknown as PipelineOptions)
  const interaction = {
    ...{id: '1300000000000000000', application_id: '1', token: 'token', channel_id: '2', guild_id: '3'},
    member: {user: {id: ADA, username: 'ada'}, roles: []},
    ...what,
  }
  await pipeline.receive(interaction, async response => {
    answers.push(response)
    return {kind: 'acknowledged'}
  })
}

const told = () => (answers[0] as {data?: {content?: string; flags?: number}}).data

describe('a press', () => {
  test('that needs no words is the command, on exactly what was seen, answered in private', async () => {
    await does(button(`v1:approve:${BALLOT}`), false)
    expect(asked).toEqual([
      {ballot: BALLOT, intent: 'approve', actor: expect.objectContaining({id: ADA}) as unknown},
    ])
    expect(answers).toEqual([
      {type: InteractionResponseType.DeferredChannelMessageWithSource, data: {flags: 64}},
    ])
    expect(recorded).toMatchObject([
      {
        sourceId: '1300000000000000000',
        command: 'approve',
        action: 'approve',
        agent: 'approval_keeper',
        options: {id: BALLOT},
        actor: {kind: 'discord', id: ADA},
      },
    ])
    expect(recorded[0]?.join).toBeUndefined()
  })

  test.each([
    ['approve', 'justification'],
    ['reject', 'reason'],
    ['ask', 'question'],
  ])('%s that needs words opens a form for the %s, and starts nothing', async (intent, field) => {
    await does(button(`v1:${intent}:${BALLOT}`), true)
    expect(answers).toMatchObject([
      {
        type: InteractionResponseType.Modal,
        data: {
          custom_id: `v1:${intent}:${BALLOT}`,
          components: [{component: {custom_id: field, required: true}}],
        },
      },
    ])
    expect(recorded).toEqual([])
  })

  test('that can’t count asks nobody to write first: the vote says why', async () => {
    await does(button(`v1:reject:${BALLOT}`), false)
    expect(recorded).toMatchObject([{command: 'reject', options: {id: BALLOT}}])
  })

  test('about nothing we know is a control that is gone', async () => {
    await does(button(`v1:approve:${BALLOT}`), undefined)
    expect(told()?.content).toMatch(/this button is not in use any more/)
    expect(recorded).toEqual([])
  })
})

describe('a form', () => {
  test.each([
    ['approve', 'approve', {justification: 'the fix of the outage'}],
    ['reject', 'reject', {reason: 'not on a Friday'}],
    ['ask', 'approvals', {question: 'why now?'}],
  ])('%s becomes the command with what was written', async (intent, command, fields) => {
    await does(form(`v1:${intent}:${BALLOT}`, fields))
    expect(recorded).toMatchObject([{command, action: intent, options: {id: BALLOT, ...fields}}])
    expect(answers).toEqual([
      {type: InteractionResponseType.DeferredChannelMessageWithSource, data: {flags: 64}},
    ])
  })

  test.each<[string, string, Record<string, string>, string]>([
    ['only spaces', `v1:reject:${BALLOT}`, {reason: '   '}, '/reject was not started'],
    ['more than fits', `v1:reject:${BALLOT}`, {reason: 'x'.repeat(501)}, '/reject was not started'],
    [
      'a field that it does not have',
      `v1:reject:${BALLOT}`,
      {reason: 'x', force: 'true'},
      '/reject was not started',
    ],
    ['no field of its own', `v1:reject:${BALLOT}`, {justification: 'x'}, '/reject was not started'],
    ['a subject that is no ballot', 'v1:reject:nothing', {reason: 'x'}, '/reject was not started'],
    ['an id in a field', `v1:reject:nothing`, {reason: 'x', id: BALLOT}, '/reject was not started'],
    ['the name of no form', `v1:copy:${BALLOT}`, {reason: 'x'}, 'this form is not in use any more'],
    [
      'the name of what every object has',
      `v1:constructor:${BALLOT}`,
      {reason: 'x'},
      'this form is not in use',
    ],
    ['another age', 'reject_form', {reason: 'x'}, 'this form is not in use any more'],
  ])('with %s is answered in private and starts nothing', async (_what, customId, fields, words) => {
    await does(form(customId, fields))
    expect(told()?.content).toContain(words)
    expect(told()?.flags).toBe(64)
    expect(recorded).toEqual([])
  })
})
