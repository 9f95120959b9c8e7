import {describe, expect, test} from 'vitest'
import type {GuardVerdict} from '../../../src/access/guard.ts'
import type {ApprovalRequest} from '../../../src/approvals/request.ts'
import type {Look} from '../../../src/integrations/github/code-host.ts'
import {createShipments, gapOf, type ShipmentsOptions} from '../../../src/workflows/shipments.ts'

const SHA = '8c1e77f'.padEnd(40, '0')
const OTHER = '1234567'.padEnd(40, '0')
const APPROVED = {operation: 'deploy', environment: 'production', title: 'Ship it', target: 'client'}
const CLIENT = {
  ...{name: 'client', repository: 'acme/web', workflow: 'client-deploy.yml'},
  environment: 'production' as const,
}

describe('an approval covers', () => {
  test.each<[string, object, Readonly<Record<string, string>>]>([
    ['the commit that it binds', {}, {sha: SHA}],
    ['the head of its pull request', {}, {'pull request': `acme/web#7@${SHA}`}],
    ['any commit, when it binds none', {}, {}],
    ['any target there, when it names none', {target: undefined}, {sha: SHA}],
    ['a pull request elsewhere, whose head is none of ours', {}, {'pull request': `acme/docs#7@${OTHER}`}],
    ['a way back', {operation: 'rollback'}, {}],
    ['what nobody has a word for: it was asked about as a deploy', {operation: ''}, {}],
  ])('%s', (_what, action, bound) => {
    const approval = {action: {...APPROVED, ...action}, bound}
    expect(gapOf(approval, {target: CLIENT, sha: SHA})).toBeUndefined()
  })
})

describe('an approval does not cover', () => {
  test.each<[string, object, Readonly<Record<string, string>>, string | undefined, string]>([
    ['another environment', {environment: 'staging'}, {}, SHA, 'for staging'],
    ['what it names in another way', {environment: 'prod'}, {}, SHA, 'for prod'],
    ['an environment, when it names none', {environment: ''}, {}, SHA, 'for no environment'],
    ['another target', {target: 'api'}, {}, SHA, 'for api'],
    [
      'a target, when it names one that nobody knows',
      {target: undefined},
      {target: 'clinet'},
      SHA,
      'for clinet',
    ],
    ['a deploy, being for something else', {operation: 'scale'}, {}, SHA, 'to scale, which is no deploy'],
    ['another commit', {}, {sha: OTHER}, SHA, 'of 1234567, not of 8c1e77f'],
    [
      'another commit than its pull request’s head',
      {},
      {'pull request': `acme/web#7@${OTHER}`},
      SHA,
      'of 1234567, not of 8c1e77f',
    ],
    ['a branch', {}, {sha: SHA}, undefined, 'of 8c1e77f, not of whatever a branch holds'],
  ])('%s', (_what, action, bound, sha, gap) => {
    const approval = {action: {...APPROVED, ...action}, bound}
    expect(gapOf(approval, {target: CLIENT, sha})).toBe(gap)
  })
})

describe('what fails on the commit', () => {
  type Failing = Look<{sha: string; failing: readonly string[]}>
  const red: Failing = {kind: 'seen', value: {sha: SHA, failing: ['e2e']}}
  const green: Failing = {kind: 'seen', value: {sha: SHA, failing: []}}

  /** Ships the commit; answers what was kept, and what was asked about it. */
  async function ship({
    branch = false,
    bound = {},
    look = red,
    before = false,
    earlier,
    shipped = false,
    undoes = false,
    guard = {kind: 'clear'},
    operation = 'deploy',
    environment = 'production',
  }: {
    /** Whatever it holds by then. */
    readonly branch?: boolean
    /** By the approval. */
    readonly bound?: Readonly<Record<string, string>>
    readonly look?: Failing
    /** It went well there before. */
    readonly before?: boolean
    /** Shipped by that approval before. */
    readonly earlier?: string
    /** The step was permitted to ship. */
    readonly shipped?: boolean
    readonly undoes?: boolean
    readonly guard?: GuardVerdict
    readonly operation?: string
    readonly environment?: 'production' | 'staging'
  } = {}) {
    const seen: string[] = []
    const kept: (string | undefined)[] = []
    const client = {query: async () => ({rows: []}), release: () => undefined}
    const approval = {id: 'a-1', action: {...APPROVED, operation, environment}, bound}
    const permit = createShipments({
      pool: {connect: async () => client} as unknown as ShipmentsOptions['pool'],
      store: {
        has: async () => shipped,
        keep: async (_db, _key, {approvalId}) => void kept.push(approvalId),
        shippedBy: async () => earlier,
      },
      approvals: {usedBy: async () => [approval as unknown as ApprovalRequest]},
      people: {personOf: async () => undefined},
      askers: {askersOf: async () => []},
      guard: {pass: async () => guard},
      releases: {
        failingAt: async ({ref}) => (seen.push(`checks of ${ref.slice(0, 7)}`), look),
        wentWell: async ({sha}) => (
          seen.push(`history of ${sha.slice(0, 7)}`),
          {kind: 'seen', value: before}
        ),
      },
      takesApproval: () => true,
      clock: () => 0,
    })
    const target = {...CLIENT, environment}
    const error = await permit({
      ...{target, sha: branch ? undefined : SHA},
      step: {run: 'wf-1', path: 'deploy', undoes},
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    return {kept, seen, error}
  }
  const no = {
    code: 'NOT_PERMITTED',
    message: /^The tests of 8c1e77f fail, so it can’t go to production: e2e\./,
  }

  test('keeps it out of production, though it was approved', async () => {
    expect(await ship()).toMatchObject({kept: [], seen: ['checks of 8c1e77f'], error: no})
    expect(await ship({look: green})).toMatchObject({kept: ['a-1'], error: undefined})
    expect(await ship({environment: 'staging'})).toEqual({kept: ['a-1'], seen: [], error: undefined})
  })

  test('keeps it out, too, while it can’t be read', async () => {
    const look: Failing = {kind: 'refused', reason: 'no'}
    expect(await ship({look})).toMatchObject({kept: [], error: {code: 'UPSTREAM_REFUSED'}})
  })

  test('closes no way back to what went well there before', async () => {
    const back = {operation: 'rollback', before: true, bound: {sha: SHA}}
    expect(await ship(back)).toEqual({kept: ['a-1'], seen: ['history of 8c1e77f'], error: undefined})
    expect(await ship({...back, before: false})).toMatchObject({kept: [], error: no})
    expect(await ship({...back, operation: 'deploy'})).toMatchObject({kept: [], error: no})
  })

  test('opens no way back to what never was there, whatever its tests say', async () => {
    const back = {operation: 'rollback', look: green}
    expect(await ship(back)).toMatchObject({
      kept: [],
      error: {message: expect.stringContaining('a way back, and 8c1e77f is not known to have') as string},
    })
    expect(await ship({...back, before: true})).toMatchObject({kept: ['a-1'], error: undefined})
    // Whoever approved it saw the commit.
    expect(await ship({...back, bound: {sha: SHA}})).toMatchObject({kept: ['a-1'], error: undefined})
  })

  test('is never asked of a branch: a push would ship what nobody looked at', async () => {
    const {kept, seen, error} = await ship({branch: true, look: green})
    expect({kept, seen}).toEqual({kept: [], seen: []})
    expect(error).toMatchObject({
      message: expect.stringContaining('what a branch may hold by then was approved by nobody') as string,
    })
  })

  test('an approval that binds no commit covers the first that is shipped by it, and no other', async () => {
    expect(await ship({look: green, earlier: SHA})).toMatchObject({kept: ['a-1'], error: undefined})
    expect(await ship({look: green, earlier: OTHER})).toMatchObject({
      kept: [],
      error: {message: expect.stringContaining('by which 1234567 was shipped, not 8c1e77f') as string},
    })
  })

  test('stops neither what undoes a step that shipped, nor who broke the glass', async () => {
    const undoing = {undoes: true, shipped: true}
    const back = {kept: [], seen: ['history of 8c1e77f'], error: undefined}
    expect(await ship({...undoing, before: true})).toEqual(back)
    const other = await ship({...undoing, look: green})
    expect(other).toMatchObject({kept: [], error: {code: 'NOT_PERMITTED'}})
    expect(other.error).toMatchObject({message: expect.stringContaining('what undoes a step') as string})
    expect(await ship({undoes: true})).toMatchObject({kept: [], error: no})
    const window = {id: 'w', person: 'ada', reason: 'fire', openedAt: 0, endsAt: 1}
    const through = await ship({guard: {kind: 'let-through', window}})
    expect(through).toEqual({kept: [undefined], seen: [], error: undefined})
  })
})
