import {beforeEach, describe, expect, test} from 'vitest'
import type {GuardVerdict} from '../../../src/access/guard.ts'
import type {ApprovalRequest, Redeemed, ReleaseCard} from '../../../src/approvals/request.ts'
import type {Checks, Release} from '../../../src/approvals/releases.ts'
import {decide} from '../../../src/deployments/decide.ts'
import {boundOf, createDeploymentGate, type DeploymentGateOptions} from '../../../src/deployments/gate.ts'
import {newDeployment, type DeploymentState} from '../../../src/deployments/state.ts'
import type {Look} from '../../../src/integrations/github/code-host.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {Db} from '../../../src/platform/postgres.ts'
import {aRequest as anApproval} from '../../support/approvals.ts'
import {aRequest, ASKED_AT} from '../../support/deployments.ts'

const RELEASE: Release = {sha: '8c1e77f'.padEnd(40, '0'), workflowSha: 'a91b'.padEnd(40, '0')}
const CARD: ReleaseCard = {
  ...{commits: [], commitCount: 0, pullRequests: [], issues: [], migrations: []},
  ...{diff: {files: 0, additions: 0, deletions: 0}, checks: 'success', missing: []},
}
const db = {} as Db

/** The outside as a test wants it; each may be changed before the gate is asked. */
let there: {
  look: Look<Release>
  card: ReleaseCard
  unread: Checks['unread']
  guard: GuardVerdict
  asked: ApprovalRequest | undefined | AppError
  redeemed: Redeemed
  refAt: string | undefined
  /** Whether it went well at the target before. */
  before: Look<boolean>
}
let done: string[]
beforeEach(() => {
  done = []
  there = {
    look: {kind: 'seen', value: RELEASE},
    card: CARD,
    unread: undefined,
    guard: {kind: 'clear'},
    asked: anApproval(),
    redeemed: {kind: 'go'},
    refAt: undefined,
    before: {kind: 'seen', value: false},
  }
})

function gate() {
  const approvals: DeploymentGateOptions['approvals'] = {
    async ask(_db, {bound, action}) {
      if (there.asked instanceof AppError) throw there.asked
      done.push(`ask ${bound['sha']?.slice(0, 7) ?? ''} for the ${action.project ?? 'nobody'}`)
      return there.asked
    },
    find: async () => (there.asked instanceof AppError ? undefined : there.asked),
    cancel: async (_db, _id, {by}) => (done.push(`cancel by ${by}`), true),
    redeem: async () => (done.push('redeem'), there.redeemed),
  }
  return createDeploymentGate({
    approvals,
    people: {personOf: async ({id}) => ({id: `person-${id}`, roles: [], accounts: {}})},
    releases: {
      at: async () => there.look,
      card: async () => there.card,
      checksOf: async () => ({
        ...{verdict: there.card.checks, failing: there.card.failing ?? [], missing: []},
        ...(there.unread ? {unread: there.unread} : {}),
      }),
      wentWell: async () => there.before,
    },
    refs: {refAt: async () => there.refAt, tag: async ({sha}) => `signalbox/${sha}`},
    assess: () => ({level: 'high', score: 7.5, reasons: ['deploy to production']}),
    takesApproval: () => true,
    guard: {
      look: async () => there.guard,
      pass: async (_db, {subject}) => (done.push(`pass ${subject.slice(0, 10)}`), there.guard),
    },
    projectOf: target => `project of ${target}`,
    channelOf: async () => '1',
    addressOf: async () => 'https://discord.com/channels/1/2/3',
    clock: () => ASKED_AT,
  })
}

const inspecting = newDeployment(aRequest(), {guarded: true})
/** As the service does it: look, then record what that came to. */
async function inspect(state: DeploymentState = inspecting): Promise<DeploymentState> {
  const seen = await gate().inspect(state)
  return decide(state, 'type' in seen ? seen : await gate().ask(db, state, seen))
}
const approved = async (): Promise<DeploymentState> => {
  const parked = await inspect()
  there.asked = anApproval({status: 'approved', id: parked.gate?.ask?.approvalId ?? ''})
  const state = decide(parked, await gate().consult(parked.gate?.ask?.approvalId ?? ''))
  done = []
  return state
}
async function begin(state: DeploymentState): Promise<DeploymentState> {
  const fresh = await gate().reread(state)
  if ('type' in fresh) return decide(state, fresh)
  const refusal = await gate().redeem(db, state, fresh)
  const ref = fresh.ref === undefined ? {} : {ref: fresh.ref}
  return decide(state, refusal ?? {type: 'dispatch-began', at: ASKED_AT, ...ref})
}

describe('asking', () => {
  test('parks it for exactly what was read', async () => {
    const parked = await inspect()
    expect(parked).toMatchObject({phase: 'parked', gate: {release: RELEASE, ask: {needed: 2, given: 0}}})
    expect(done).toEqual(['ask 8c1e77f for the project of client'])
  })

  test.each<[string, () => void, RegExp]>([
    [
      'what is not there',
      () => (there.look = {kind: 'refused', reason: 'acme/web has no main.'}),
      /can’t be read/,
    ],
    [
      'failing tests',
      () => (there.card = {...CARD, checks: 'failure', failing: ['e2e', 'CodeQL']}),
      /tests of 8c1e77f fail, so it can’t go to production: e2e, CodeQL\./,
    ],
    [
      'a freeze',
      () => (there.guard = {kind: 'frozen', until: ASKED_AT + 1000, reason: 'year end', breakers: ['ada']}),
      /frozen: year end\. ada can use \/break-glass/,
    ],
    [
      'nobody who could approve',
      () => (there.asked = new AppError('NOT_PERMITTED', 'This needs approval by cto.')),
      /needs approval by cto/,
    ],
  ])('is refused for %s, and nobody is asked', async (_what, arrange, reason) => {
    arrange()
    const after = await inspect()
    expect(after).toMatchObject({phase: 'finished', verdict: {kind: 'blocked'}})
    expect(after.verdict?.kind === 'blocked' && after.verdict.reason).toMatch(reason)
    expect(done).toEqual([])
  })

  test('is tried again while GitHub does not answer, and given up in the end', async () => {
    there.look = {kind: 'failed', reason: 'timeout'}
    let state = inspecting
    for (let tries = 0; tries < 4; tries++) state = await inspect(state)
    expect(state.phase).toBe('inspecting')
    expect(await inspect(state)).toMatchObject({phase: 'finished', verdict: {kind: 'blocked'}})
    expect(done).toEqual([])
  })

  test('is left out where the policy needs nobody, and still pins what was read', async () => {
    there.asked = undefined
    expect(await inspect()).toMatchObject({
      phase: 'requested',
      gate: {passed: {how: 'not-needed'}, release: RELEASE},
    })
  })

  test('is left out where the glass was broken, which is recorded', async () => {
    const window = {id: 'w', person: 'ada', reason: 'fire', openedAt: 0, endsAt: 1}
    there.guard = {kind: 'let-through', window}
    expect(await inspect()).toMatchObject({phase: 'requested', gate: {passed: {how: 'glass-broken'}}})
    expect(done).toEqual(['pass deployment'])
  })

  test('does not happen for what was stopped while it was read', async () => {
    const seen = await gate().inspect(inspecting)
    const stopped = decide(inspecting, {type: 'cancel-requested', by: 'ada', at: ASKED_AT})
    if (!('type' in seen)) expect(decide(stopped, await gate().ask(db, stopped, seen))).toBe(stopped)
    expect(done).toEqual([])
  })
})

test('a way back stays open for what fails by now, where it went well before, and for nothing else', async () => {
  const back = newDeployment({...aRequest(), goesBack: true}, {guarded: true})
  there.card = {...CARD, checks: 'failure', failing: ['nightly']}
  expect(await inspect(back)).toMatchObject({verdict: {kind: 'blocked'}})
  there.before = {kind: 'failed', reason: 'timeout'}
  expect(await inspect(back)).toMatchObject({phase: 'inspecting', misses: 1})
  there.before = {kind: 'seen', value: true}
  expect(await inspect()).toMatchObject({verdict: {kind: 'blocked'}})
  const parked = await inspect(back)
  expect(parked.phase).toBe('parked')
  there.asked = anApproval({status: 'approved', id: parked.gate?.ask?.approvalId ?? ''})
  const approval = await gate().consult(parked.gate?.ask?.approvalId ?? '')
  expect(await begin(decide(parked, approval))).toMatchObject({phase: 'dispatching'})
})

describe('beginning', () => {
  test('uses the approval of exactly that, once', async () => {
    const state = await begin(await approved())
    expect(state).toMatchObject({phase: 'dispatching', gate: {used: true}})
    expect(done).toEqual(['redeem'])
  })

  test('asks again for what moved, with what moved', async () => {
    const state = await approved()
    there.redeemed = {kind: 'void', changes: ['sha: a → b']}
    expect(await begin(state)).toMatchObject({phase: 'inspecting', gate: {round: 2, moved: ['sha: a → b']}})
  })

  test('is refused when the approval does not hold any more', async () => {
    const state = await approved()
    there.redeemed = {kind: 'stop', reason: 'ada is no tech lead any more'}
    expect(await begin(state)).toMatchObject({
      verdict: {kind: 'blocked', reason: 'ada is no tech lead any more'},
    })
  })

  test.each<[string, () => void]>([
    [
      'a freeze that began meanwhile',
      () => (there.guard = {kind: 'frozen', until: 1, reason: 'x', breakers: []}),
    ],
    ['tests that fail by now', () => (there.card = {...CARD, checks: 'failure', failing: ['e2e']})],
    ['what is gone', () => (there.look = {kind: 'refused', reason: 'gone'})],
  ])('is refused for %s, and no approval is used', async (_what, arrange) => {
    const state = await approved()
    arrange()
    expect(await begin(state)).toMatchObject({phase: 'finished', verdict: {kind: 'blocked'}})
    expect(done).toEqual([])
  })

  test('waits while GitHub does not say whether tests fail, and uses no approval', async () => {
    const state = await approved()
    there.unread = {kind: 'failed', reason: 'GitHub answered 503'}
    expect(await gate().reread(state)).toEqual({type: 'look-failed', at: ASKED_AT})
    expect((await begin(state)).phase).toBe(state.phase)
    there.unread = {kind: 'slow-down', until: ASKED_AT + 1000}
    expect(await gate().reread(state)).toEqual({type: 'slowed', at: ASKED_AT, until: ASKED_AT + 1000})
    // What is known to fail needs no further look.
    there.card = {...CARD, checks: 'failure', failing: ['e2e']}
    expect(await begin(state)).toMatchObject({phase: 'finished', verdict: {kind: 'blocked'}})
    expect(done).toEqual([])
  })

  test('once more, after a dispatch that was provably not sent, needs no second approval but the same release', async () => {
    const first = await begin(await approved())
    const again = decide(first, {type: 'dispatch-not-sent', at: ASKED_AT})
    done = []
    expect(await begin(again)).toMatchObject({phase: 'dispatching', dispatches: 1})
    there.look = {kind: 'seen', value: {...RELEASE, sha: 'f'.repeat(40)}}
    expect(await begin(again)).toMatchObject({phase: 'inspecting', gate: {round: 2}})
    expect(done).toEqual([])
  })

  test('of a bare commit is started at a branch that ends in it, or at our tag', async () => {
    const state = await approved()
    const bare = {...state, request: {...state.request, ref: RELEASE.sha.slice(0, 10)}}
    expect((await begin(bare)).dispatchRef).toBe(`signalbox/${RELEASE.sha}`)
    there.refAt = 'main'
    expect((await begin(bare)).dispatchRef).toBe('main')
    expect((await begin(state)).dispatchRef).toBeUndefined()
  })
})

test.each([
  ['somebody', {kind: 'discord', id: '9', name: 'grace'}, 'person-9'],
  ['the API token, whatever it calls itself', {kind: 'api', id: 'house:grace', name: 'grace'}, 'house:grace'],
  ['us', undefined, 'signalbox'],
] as const)('what is stopped by %s is withdrawn by them, not by their name', async (_who, actor, by) => {
  const parked = await inspect()
  done = []
  const stopped = {type: 'cancel-requested', by: 'grace', at: ASKED_AT, ...(actor ? {actor} : {})} as const
  await gate().withdraw(db, decide(parked, stopped))
  expect(done).toEqual([`cancel by ${by}`])
})

test('late word of an earlier round says nothing about this one', async () => {
  const state = await approved()
  there.redeemed = {kind: 'void', changes: ['sha: a → b']}
  there.asked = anApproval({id: '33333333-3333-4333-8333-333333333333'})
  const second = await inspect(await begin(state))
  expect(second).toMatchObject({phase: 'parked', gate: {round: 2}})
  const first = state.gate?.ask?.approvalId ?? ''
  there.asked = anApproval({status: 'approved', id: first})
  expect(decide(second, await gate().consult(first))).toBe(second)
})

test('what is bound changes with everything that would ship, and not with who asks', () => {
  const bound = (changes: Parameters<typeof aRequest>[0], release = RELEASE) =>
    JSON.stringify(boundOf(aRequest(changes), release))
  const base = bound({inputs: {correlation_id: '1', requester: 'ada', VITE_API_BASE: 'https://a'}})
  expect(bound({inputs: {correlation_id: '2', requester: 'bob', VITE_API_BASE: 'https://a'}})).toBe(base)
  const others = [
    bound({inputs: {VITE_API_BASE: 'https://b'}}),
    bound({inputs: {VITE_API_BASE: 'https://a'}, ref: 'other'}),
    bound({inputs: {VITE_API_BASE: 'https://a'}, environment: 'staging'}),
    bound({inputs: {VITE_API_BASE: 'https://a'}, repository: 'acme/other'}),
    bound({inputs: {VITE_API_BASE: 'https://a'}, workflow: 'other.yml'}),
    bound({inputs: {VITE_API_BASE: 'https://a'}}, {...RELEASE, sha: 'f'.repeat(40)}),
    bound({inputs: {VITE_API_BASE: 'https://a'}}, {...RELEASE, workflowSha: 'f'.repeat(40)}),
  ]
  expect(new Set([base, ...others]).size).toBe(8)
})
