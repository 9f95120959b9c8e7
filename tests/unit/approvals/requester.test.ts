import {expect, test} from 'vitest'
import type {Account} from '../../../src/access/people.ts'
import {decide} from '../../../src/approvals/decide.ts'
import {namedInHistory, requesterOf, shownRequester} from '../../../src/approvals/requester.ts'
import {aRequest} from '../../support/approvals.ts'

const TOKEN = 'a1'.repeat(32)
const ADA = {id: 'ada', roles: ['tech_lead'], accounts: {discord: '1'}}
const people = (valid: boolean) => ({
  personOf: async ({kind, id}: Account) =>
    (kind === 'api' && valid) || (kind === 'discord' && id === '1') ? ADA : undefined,
})

test.each([true, false])(
  'who asked by their own token does not decide it, the token being valid: %s',
  async valid => {
    const requester = await requesterOf(people(valid), {kind: 'api', id: TOKEN, name: 'ada'})
    expect(requester.person).toBe('ada')
    const {refusal} = decide(
      aRequest({requester}),
      {
        ...{type: 'vote', at: 1, decision: 'approve', surface: 'discord', rolesNow: new Map()},
        voter: {account: {kind: 'discord', id: '1'}, person: ADA},
      },
      undefined,
    )
    expect(refusal?.code).toBe('OWN_REQUEST')
  },
)

test.each([
  ['the API token', {kind: 'api', id: 'house:ada', name: 'ada'}, 'house:ada', 'ada (no known person)'],
  ['a stranger', {kind: 'discord', id: '6', name: 'ada'}, 'discord:6', 'ada (no known person)'],
  ['a person', {kind: 'discord', id: '1', name: 'Grace'}, 'ada', 'ada (Grace)'],
  [
    'a schedule',
    {kind: 'schedule', id: 'nightly', name: 'nightly'},
    'house:nightly',
    'nightly (no known person)',
  ],
] as const)('%s is called what it is, not what it calls itself', async (_who, actor, inHistory, shown) => {
  const requester = await requesterOf(people(false), actor)
  expect(namedInHistory(requester)).toBe(inHistory)
  expect(shownRequester(requester)).toBe(shown)
})
