import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {parseInteraction, snowflakeTime} from '../../../src/bot/interaction.ts'

const user = {id: '111', username: 'grace', global_name: 'Grace', discriminator: '0', avatar: null}
const command = {
  id: '175928847299117063',
  application_id: '900',
  type: 2,
  token: 'aW50ZXJhY3Rpb24',
  version: 1,
  channel_id: '33',
  channel: {id: '33', type: 0},
  guild_id: '77',
  member: {user, roles: ['222'], permissions: '0', joined_at: '2025-01-01T00:00:00Z'},
  data: {
    id: '1',
    name: 'deploy-client',
    type: 1,
    options: [
      {name: 'wait', type: 5, value: true},
      {name: 'target', type: 3, value: 'client'},
    ],
  },
}

test('the time inside an id is the documented one', () => {
  // docs: reference, "Snowflakes": 175928847299117063 was made at 2016-04-30 11:18:25.796 UTC.
  expect(snowflakeTime('175928847299117063')).toBe(Date.UTC(2016, 3, 30, 11, 18, 25, 796))
})

describe('an interaction becomes', () => {
  test('a command, with who asked, where, and when', () => {
    expect(parseInteraction(command)).toEqual({
      id: '175928847299117063',
      token: 'aW50ZXJhY3Rpb24',
      applicationId: '900',
      channelId: '33',
      guildId: '77',
      actor: {kind: 'discord', id: '111', name: 'grace', discordRoles: ['222'], guildId: '77'},
      createdAt: Date.UTC(2016, 3, 30, 11, 18, 25, 796),
      request: {kind: 'command', name: 'deploy-client', options: {wait: true, target: 'client'}},
    })
  })

  test('a command in private messages, where nobody has roles', () => {
    const {member: _member, guild_id: _guild, ...rest} = command
    expect(parseInteraction({...rest, user})?.actor).toEqual({
      kind: 'discord',
      id: '111',
      name: 'grace',
      discordRoles: [],
    })
  })

  test('a completion of the option being typed', () => {
    const data = {
      name: 'deploy-client',
      options: [
        {name: 'target', type: 3, value: 'client'},
        {name: 'ref', type: 3, value: 'ma', focused: true},
      ],
    }
    expect(parseInteraction({...command, type: 4, data})?.request).toEqual({
      kind: 'completion',
      name: 'deploy-client',
      options: {target: 'client', ref: 'ma'},
      focused: 'ref',
      typed: 'ma',
    })
  })

  test('a press of a button', () => {
    expect(
      parseInteraction({...command, type: 3, data: {component_type: 2, custom_id: 'v1:copy:1'}})?.request,
    ).toEqual({kind: 'button', customId: 'v1:copy:1'})
  })

  test('a form that was filled in', () => {
    const field = (custom_id: string, value: string) => ({
      type: 18,
      id: 1,
      component: {type: 4, id: 2, custom_id, value},
    })
    const data = {custom_id: 'v1:reject:1', components: [field('reason', 'not today'), field('other', '')]}
    expect(parseInteraction({...command, type: 5, data})?.request).toEqual({
      kind: 'form',
      customId: 'v1:reject:1',
      fields: {reason: 'not today', other: ''},
    })
  })

  test.each([
    ['menu', {...command, type: 3, data: {component_type: 3, custom_id: 'x', values: ['a']}}],
    ['form', {...command, type: 5, data: {custom_id: 'x', components: []}}],
  ])('a %s that we have no use for', (what, raw) => {
    expect(parseInteraction(raw)?.request).toEqual({kind: 'other', what})
  })
})

describe('what Discord would never send is not understood', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['text', 'hello'],
    ['a list', [command]],
    ['an unknown type', {...command, type: 99}],
    ['no person', {...command, member: undefined}],
    ['an id that is no number', {...command, id: '1; drop table'}],
    ['an id of too many digits', {...command, id: '1'.repeat(40)}],
    ['an id that is a number', {...command, id: 175928847299117060}],
    ['an id in other digits', {...command, id: '١٢٣'}],
    ['no token', {...command, token: ''}],
    ['a role that is no id', {...command, member: {user, roles: ['admin']}}],
    ['a command without a name', {...command, data: {options: []}}],
    [
      'an option whose value is an object',
      {...command, data: {name: 'x', options: [{name: 'a', type: 3, value: {}}]}},
    ],
    [
      'an option of absurd length',
      {...command, data: {name: 'x', options: [{name: 'a', type: 3, value: 'x'.repeat(100_001)}]}},
    ],
    [
      'more options than Discord allows',
      {
        ...command,
        data: {name: 'x', options: Array.from({length: 26}, () => ({name: 'a', type: 3, value: ''}))},
      },
    ],
    ['a completion of no option', {...command, type: 4}],
    [
      'a button with an id longer than Discord allows',
      {...command, type: 3, data: {component_type: 2, custom_id: 'x'.repeat(101)}},
    ],
  ])('%s', (_what, raw) => {
    expect(parseInteraction(raw)).toBeUndefined()
  })

  test('whatever arrives, nothing is thrown', () => {
    fc.assert(fc.property(fc.anything(), raw => void parseInteraction(raw)))
  })

  test('whatever part of a real one is replaced, what is understood is well formed', () => {
    const keys = [
      'id',
      'application_id',
      'type',
      'token',
      'channel_id',
      'channel',
      'guild_id',
      'member',
      'user',
      'data',
    ]
    const anyData = fc.oneof(
      fc.jsonValue(),
      fc.record({
        name: fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')),
        custom_id: fc.string(),
        component_type: fc.nat(10),
        options: fc.array(
          fc.record({
            name: fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')),
            type: fc.nat(12),
            value: fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.jsonValue()),
            focused: fc.boolean(),
          }),
          {maxLength: 30},
        ),
      }),
    )
    fc.assert(
      fc.property(
        fc.nat(7),
        fc.constantFrom(...keys),
        fc.oneof(fc.jsonValue(), anyData),
        anyData,
        (type, key, value, data) => {
          const seen = parseInteraction({...command, type, data, [key]: value})
          if (!seen) return
          expect(seen.actor.id).toMatch(/^\d{1,20}$/)
          expect(Number.isFinite(seen.createdAt)).toBe(true)
          expect(['command', 'completion', 'button', 'form', 'other']).toContain(seen.request.kind)
        },
      ),
      {numRuns: 1000},
    )
  })

  test('an option named like a property of every object stays an ordinary option', () => {
    const data = {name: 'x', options: [{name: '__proto__', type: 3, value: 'polluted'}]}
    const request = parseInteraction({...command, data})?.request
    const options = request?.kind === 'command' ? request.options : {}
    expect(Object.getOwnPropertyNames(options)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(options)).toBe(Object.prototype)
  })
})
