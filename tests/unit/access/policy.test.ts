import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {isAdmin, permit, permitPerson, type AccessPolicy, type Demand} from '../../../src/access/policy.ts'
import type {Actor} from '../../../src/sdk/index.ts'

const ada = {kind: 'discord', id: '111', name: 'ada', discordRoles: []} satisfies Actor
const grace = {...ada, id: '222', name: 'grace'} satisfies Actor
const withRoles = (...discordRoles: string[]): Actor => ({...grace, discordRoles})
const timer: Actor = {kind: 'schedule', id: 'digest', name: 'digest'}

const NOBODY: AccessPolicy = {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map()}

function aPolicy(changes: Partial<AccessPolicy>): AccessPolicy {
  return {...NOBODY, ...changes}
}

function ruled(
  rule: {readonly roles?: readonly string[]; readonly discordRoles?: readonly string[]},
  changes: Partial<AccessPolicy> = {},
): AccessPolicy {
  return aPolicy({rules: new Map([['deploy-client', {roles: [], discordRoles: [], ...rule}]]), ...changes})
}

const RESTRICTED: Demand = {kind: 'command', command: 'deploy-client', restricted: true}
const isDeveloper = {principals: [{id: 'grace', discord: '222', roles: ['developer']}]}

describe('a restricted command', () => {
  test.each<[string, AccessPolicy, Actor, boolean]>([
    ['without a rule is for nobody', NOBODY, grace, false],
    [
      'with a rule for another command only is for nobody',
      aPolicy({rules: new Map([['status', {roles: ['developer'], discordRoles: []}]]), ...isDeveloper}),
      grace,
      false,
    ],
    ['with empty lists is for nobody', ruled({}), grace, false],
    [
      'with empty lists is for nobody, whatever roles they hold',
      ruled({}, isDeveloper),
      withRoles('9'),
      false,
    ],
    ['is for who holds a named role', ruled({roles: ['developer']}, isDeveloper), grace, true],
    [
      'is for who holds one of several named roles',
      ruled({roles: ['cto', 'developer']}, isDeveloper),
      grace,
      true,
    ],
    ['is not for who holds another role', ruled({roles: ['cto']}, isDeveloper), grace, false],
    ['is not for another account', ruled({roles: ['developer']}, isDeveloper), ada, false],
    ['is for who has a named Discord role', ruled({discordRoles: ['9']}), withRoles('8', '9'), true],
    ['is not for who has other Discord roles', ruled({discordRoles: ['9']}), withRoles('8'), false],
    ['takes either kind of role', ruled({roles: ['cto'], discordRoles: ['9']}), withRoles('9'), true],
    [
      'does not take a role for a Discord role of the same name',
      ruled({roles: ['9']}),
      withRoles('9'),
      false,
    ],
    [
      'is for an admin by account, without a rule',
      aPolicy({admin: {userIds: ['111'], roleIds: []}}),
      ada,
      true,
    ],
    [
      'is for an admin by role, without a rule',
      aPolicy({admin: {userIds: [], roleIds: ['7']}}),
      withRoles('7'),
      true,
    ],
    [
      'is for an admin against a rule that names others',
      ruled({roles: ['cto']}, {admin: {userIds: ['111'], roleIds: []}}),
      ada,
      true,
    ],
    [
      'does not take an account id for a role id',
      aPolicy({admin: {userIds: ['7'], roleIds: ['111']}}),
      {...ada, discordRoles: ['7']},
      false,
    ],
    ['is not for a schedule', ruled({roles: ['developer']}, isDeveloper), timer, false],
    [
      'is not for a stranger whose id on another surface is an admin’s here',
      aPolicy({admin: {userIds: ['111'], roleIds: []}}),
      {...ada, kind: 'api'},
      false,
    ],
  ])('%s', (_name, policy, actor, allowed) => {
    expect(permit(policy, actor, RESTRICTED).allowed).toBe(allowed)
  })

  test('is refused to everyone whom no list names, whatever the lists are', () => {
    const names = fc.array(fc.string({minLength: 1, maxLength: 3}), {maxLength: 3})
    fc.assert(
      fc.property(names, names, names, names, names, (userIds, roleIds, roles, discordRoles, held) => {
        const named =
          userIds.includes(grace.id) ||
          held.some(role => roleIds.includes(role) || discordRoles.includes(role))
        const policy = ruled({roles, discordRoles}, {admin: {userIds, roleIds}})
        expect(permit(policy, withRoles(...held), RESTRICTED).allowed).toBe(named)
      }),
    )
  })
})

test('a command for everyone is for everyone', () => {
  for (const actor of [ada, grace, timer]) {
    expect(permit(NOBODY, actor, {kind: 'everyone'}).allowed).toBe(true)
    expect(permit(NOBODY, actor, {kind: 'command', command: 'status', restricted: false}).allowed).toBe(true)
  }
})

describe('what belongs to somebody', () => {
  const hers: Demand = {kind: 'owner', ownerId: '222'}

  test('is for them and for admins only', () => {
    expect(permit(NOBODY, grace, hers).allowed).toBe(true)
    expect(permit(NOBODY, ada, hers).allowed).toBe(false)
    expect(permit(aPolicy({admin: {userIds: ['111'], roleIds: []}}), ada, hers).allowed).toBe(true)
  })

  test('is not opened by a role that commands ask for', () => {
    expect(
      permit(
        ruled({roles: ['developer']}, {principals: [{id: 'ada', discord: '111', roles: ['developer']}]}),
        ada,
        hers,
      ).allowed,
    ).toBe(false)
  })

  test('is refused with whom to ask', () => {
    const refused = permit(NOBODY, ada, hers)
    expect(refused.allowed ? [] : refused.reasons.join()).toMatch(/ask them/)
  })
})

describe('a refusal', () => {
  const reasonsOf = (policy: AccessPolicy, actor: Actor): readonly string[] => {
    const permission = permit(policy, actor, RESTRICTED)
    return permission.allowed ? [] : permission.reasons
  }
  const people = [
    {id: 'ada', discord: '111', roles: ['cto']},
    {id: 'grace', discord: '222', roles: ['developer', 'writer']},
  ]

  test('lists each way in: what is needed, what they have, whom to ask', () => {
    const [first, second, ...more] = reasonsOf(
      ruled({roles: ['cto'], discordRoles: ['9']}, {principals: people}),
      grace,
    )
    expect(first).toBe('needs role cto, you have: developer, writer — ask ada or an admin')
    expect(second).toMatch(/^or one of the Discord roles <@&9> — ask/)
    expect(more).toEqual([])
  })

  test('reads as a whole when only Discord roles open the command', () => {
    expect(reasonsOf(ruled({discordRoles: ['9']}), grace)).toEqual([
      expect.stringMatching(/^needs one of the Discord roles <@&9>/),
    ])
  })

  test('tells a stranger that their account is not known', () => {
    expect(reasonsOf(ruled({roles: ['cto']}), grace)).toEqual([
      'needs role cto, you have: no account known here — ask an admin',
    ])
  })

  test('of a command without a rule names the line to add', () => {
    expect(reasonsOf(NOBODY, grace)).toEqual([expect.stringContaining('`access: deploy-client`')])
  })
})

test('an account without an id in the configuration is nobody’s', () => {
  const policy = ruled({roles: ['developer']}, {principals: [{id: 'ghost', roles: ['developer']}]})
  expect(permit(policy, {...grace, id: ''}, RESTRICTED).allowed).toBe(false)
  expect(isAdmin(NOBODY, {...grace, id: ''})).toBe(false)
})

describe('somebody known by their own token', () => {
  const command = (restricted: boolean) => ({kind: 'command', command: 'deploy-client', restricted}) as const
  test.each<[string, AccessPolicy, string, boolean]>([
    ['may with a named role', ruled({roles: ['developer']}, isDeveloper), 'grace', true],
    [
      'may with one and without an account in Discord',
      ruled({roles: ['developer']}, {principals: [{id: 'cleo', roles: ['developer']}]}),
      'cleo',
      true,
    ],
    ['may as an admin', aPolicy({admin: {userIds: ['222'], roleIds: []}, ...isDeveloper}), 'grace', true],
    ['may not without a rule', aPolicy(isDeveloper), 'grace', false],
    ['may not with another role', ruled({roles: ['cto']}, isDeveloper), 'grace', false],
    ['may not by a Discord role, which is not known there', ruled({discordRoles: ['9']}), 'grace', false],
    ['may not unless configuration knows them', ruled({roles: ['developer']}, isDeveloper), 'ada', false],
  ])('%s', (_what, policy, person, allowed) => {
    expect(permitPerson(policy, person, command(true)).allowed).toBe(allowed)
    expect(permitPerson(policy, person, command(false)).allowed).toBe(true)
  })
})
