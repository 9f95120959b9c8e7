import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createDeploymentStore} from '../../src/deployments/store.ts'
import type {NewInvocation} from '../../src/invocations/invocation.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {AppError} from '../../src/kernel/errors.ts'
import {createReplyStore} from '../../src/notifications/store.ts'
import {createLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'
import {createRedactor} from '../../src/platform/redact.ts'
import {createConductor, type Conductor, type ConductorOptions} from '../../src/releases/conductor.ts'
import type {ReleaseRules} from '../../src/releases/decide.ts'
import {createReleaseStore, type ReleaseStore} from '../../src/releases/store.ts'
import type {Actor, PastRun, ShippingTarget} from '../../src/sdk/index.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {aDeployment, aRequest, aRun} from '../support/deployments.ts'

const SHA = 'a'.repeat(40)
const GOOD = 'b'.repeat(40)
const BAD = 'c'.repeat(40)
const ADA: Actor = {kind: 'discord', id: '1', name: 'ada'}
const LEO: Actor = {kind: 'discord', id: '2', name: 'leo'}

let database: TestDatabase
let pool: pg.Pool
let store: ReleaseStore
let deployments: ReturnType<typeof createDeploymentStore>
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  store = createReleaseStore({pool})
  deployments = createDeploymentStore({pool})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

let now = Date.now()
let status = 200
let shared = false
let rules: ReleaseRules
let history: PastRun[] = []
let requested: {
  readonly correlationId: string
  readonly ref?: string | undefined
  readonly strategy?: string | undefined
}[] = []
let accepted: NewInvocation[] = []
let noted: string[] = []
let refusal: AppError | undefined
/** Why GitHub does not tell what was shipped before. */
let unread: AppError | undefined
/** What the addresses answer to one try after the other; the last one again and again. */
let tries: readonly (number | string)[] = []
beforeEach(() => {
  now = Date.now()
  ;[status, shared, refusal, unread, tries] = [200, false, undefined, undefined, []]
  history = [SHA, GOOD].map((sha, index) => aPastRun(sha, now - index))
  ;[requested, accepted, noted] = [[], [], []]
  rules = {
    checks: [{name: 'API', url: 'https://api.example.com/health', maxMs: 200, critical: true}],
    autoPromote: false,
    autoRollback: true,
    minChecks: 3,
    promoteAt: {checks: 4, share: 80},
    timeoutMs: 1000,
    decideWithinMs: 60_000,
  }
})
afterEach(() => pool.query('truncate releases, deployments, invocations, replies, outbox cascade'))

const aPastRun = (sha: string, at: number): PastRun => ({
  ...{id: sha.slice(0, 4), url: 'https://github.com/x', workflow: 'w.yml', sha, event: 'workflow_dispatch'},
  ...{status: 'completed', conclusion: 'success', createdAt: at, updatedAt: at},
})

/** A process of its own: nothing but the database outlives it. */
function aConductor(): Conductor {
  const invocations = createInvocationStore({pool})
  const target = (name: string): ShippingTarget => ({
    ...{name, repository: 'acme/web', workflow: 'w.yml', ref: 'main', environment: 'staging'},
    ...{service: name, inputs: {}, verify: {}, shared},
  })
  const options: ConductorOptions = {
    store,
    deployments: {
      target,
      targets: () => [target('api')],
      async request(request) {
        if (refusal) throw refusal
        requested.push(request)
        await invocations.followWithin(pool, request.correlationId)
      },
    },
    deploymentStore: deployments,
    pipelines: {
      target,
      targetOf: () => target('api'),
      history: async () => {
        if (unread) throw unread
        return history
      },
      refAt: async () => undefined,
      tag: async ({sha}) => `signalbox/${sha}`,
    },
    rulesOf: () => rules,
    takesStrategy: () => true,
    http: {
      async request(url) {
        const [said = status, ...others] = tries
        if (others.length > 0) tries = others
        const answer = {url, finalUrl: url, ms: 5, headers: {}, body: ''}
        return typeof said === 'string'
          ? {...answer, ok: false, error: said}
          : {...answer, ok: said === 200, status: said}
      },
    },
    invocations: {
      async accept(invocation) {
        accepted.push(invocation)
        await invocations.record(invocation)
      },
    },
    replies: createReplyStore({pool}),
    audit: {
      note: async (_db, {action}) => {
        noted.push(action)
      },
    },
    notify: async () => undefined,
    statusChannelId: '5',
    queues: {add: async () => undefined},
    clock: () => now,
    log: createLogger({
      level: 'error',
      redactor: createRedactor([]),
      destination: {write: () => undefined},
    }),
  }
  return createConductor(options)
}

async function shipped(strategy: 'full' | 'canary' = 'full', by: Actor = ADA): Promise<string> {
  const id = randomUUID()
  await createInvocationStore({pool}).record({
    ...{id, source: 'discord', sourceId: id, command: 'ship', options: {}, actor: by},
    ...{agent: 'ship', action: 'ship'},
  })
  await aConductor().ship({correlationId: id, actor: by, target: 'api', strategy})
  return id
}

/** Its deployment ends, and the command with it. */
async function ends(id: string, sha: string, conclusion = 'success'): Promise<void> {
  const run = aRun({sha, status: 'completed', conclusion})
  await deployments.insertWithin(
    pool,
    id,
    aDeployment({
      ...{request: aRequest({correlationId: id, target: 'api'}), phase: 'finished', run, endedAt: now},
      verdict: {kind: 'concluded', conclusion},
    }),
  )
  await pool.query(`update deployments set ended_at = now(), run_id = '42' where id = $1`, [id])
  await pool.query(`update invocations set status = 'succeeded', ended_at = now() where id = $1`, [id])
}

const phaseOf = async (id: string) => (await store.find(id))?.phase
/** Another process takes up what is due. */
const goesOn = async () => {
  for (const id of await store.due(10)) await aConductor().advance(id)
}
const deciding = async (strategy: 'full' | 'canary' = 'full') => {
  const id = await shipped(strategy)
  await ends(id, SHA)
  await goesOn()
  await goesOn()
  expect(await phaseOf(id)).toBe('deciding')
  return id
}

describe('a release', () => {
  test('is carried on by another process after each of its steps, and ships back once', async () => {
    status = 503
    const id = await shipped()
    expect(await store.due(10)).toEqual([])
    await ends(id, SHA)
    await goesOn()
    expect(await phaseOf(id)).toBe('verifying')
    await goesOn()
    expect(await phaseOf(id)).toBe('rolling-back')
    // Decided, and then everybody died: whoever comes gives the command out, and however many come, once.
    await Promise.all([1, 2, 3].map(() => aConductor().advance(id)))
    await aConductor().advance(id)
    const followUp = (await store.find(id))?.decision?.followUp ?? ''
    expect(accepted.filter(one => one.id === followUp)).toHaveLength(1)
    expect(accepted[0]).toMatchObject({command: 'ship', action: 'carry_out', actor: {name: 'ada'}})
    expect(await store.due(10)).toEqual([])

    const carry = {id, correlationId: followUp, actor: ADA, signal: new AbortController().signal}
    await aConductor().carryOut(carry)
    expect(requested.at(-1)).toMatchObject({
      correlationId: followUp,
      ref: `signalbox/${GOOD}`,
      strategy: 'full',
      decidedElsewhere: true,
    })
    await ends(followUp, GOOD)
    await goesOn()
    expect(await phaseOf(id)).toBe('rolled-back')
    expect(noted).toEqual(['release.rollback'])
  })

  test('that ships the same command twice is one release', async () => {
    const id = await shipped()
    await aConductor().ship({correlationId: id, actor: ADA, target: 'api', strategy: 'full'})
    const {rows} = await pool.query('select id from releases')
    expect(rows).toHaveLength(1)
  })

  test('whose command ended without a deployment was not shipped, and nothing is verified', async () => {
    const id = await shipped()
    await pool.query(`update invocations set status = 'failed', ended_at = now() where id = $1`, [id])
    await goesOn()
    expect(await phaseOf(id)).toBe('not-shipped')
    expect(await store.due(10)).toEqual([])
  })

  test('is advanced by one at a time, and taken up when that one died', async () => {
    const id = await shipped()
    await ends(id, SHA)
    expect(await store.claim(id, 60_000)).toBeDefined()
    expect(await store.claim(id, 60_000)).toBeUndefined()
    expect(await store.due(10)).toEqual([])
    await pool.query(`update releases set lease_until = now() - interval '1 s' where id = $1`, [id])
    expect(await store.due(10)).toEqual([id])
  })
})

describe('the one decision', () => {
  test.each([1, 2, 3, 4, 5])('of promotion, rollback and expiry at once is one of them (%s)', async () => {
    rules = {...rules, autoRollback: false}
    const id = await deciding('canary')
    const decide = (decision: 'promote' | 'rollback', actor: Actor) =>
      aConductor()
        .decide({id, actor, decision})
        .then(
          () => decision,
          (error: unknown) => {
            expect(error).toMatchObject({code: 'CONFLICT'})
            return undefined
          },
        )
    const expire = async () => {
      await store.fold(id, {type: 'time-passed', at: now + 60_000}, async () => undefined)
      return undefined
    }
    const made = await Promise.all([
      decide('promote', ADA),
      decide('rollback', LEO),
      decide('promote', LEO),
      expire(),
      decide('rollback', ADA),
    ])
    const phase = await phaseOf(id)
    const won = made.filter(one => one !== undefined)
    expect(won).toHaveLength(phase === 'expired' ? 0 : 1)
    expect(phase).toBe(
      won[0] === 'promote' ? 'promoting' : won[0] === 'rollback' ? 'rolling-back' : 'expired',
    )
    expect(noted).toHaveLength(won.length)
    await goesOn()
    await goesOn()
    expect(accepted).toHaveLength(won.length)
  })

  test('by a command that is carried out again after a crash is that person’s, not somebody’s before them', async () => {
    const id = await deciding('canary')
    const order = {id, actor: ADA, decision: 'promote'} as const
    const first = await aConductor().decide(order)
    expect(await aConductor().decide(order)).toEqual(first)
    await expect(aConductor().decide({...order, actor: LEO})).rejects.toMatchObject({code: 'CONFLICT'})
    await goesOn()
    expect([noted, accepted.length]).toEqual([['release.promote'], 1])
  })

  test('can’t be made any more once its time is over, though nobody has said so yet', async () => {
    const id = await deciding()
    now += 60_000
    await expect(aConductor().decide({id, actor: ADA, decision: 'promote'})).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect(await aConductor().standing(id)).toMatchObject({kind: 'closed', words: 'nobody decided in time'})
    await pool.query('update releases set expires_at = now() where id = $1', [id])
    await goesOn()
    expect(await phaseOf(id)).toBe('expired')
    const {rows} = await pool.query<{view: {controls: unknown[]}}>('select view from replies where id = $1', [
      (await store.find(id))?.messageId,
    ])
    expect(rows[0]?.view.controls).toEqual([])
  })

  test('that could not be carried out says why, in its own message as well', async () => {
    rules = {...rules, autoRollback: false}
    const id = await deciding()
    await aConductor().decide({id, actor: LEO, decision: 'rollback'})
    await goesOn()
    const followUp = accepted[0]?.id ?? ''
    refusal = new AppError('UPSTREAM_REFUSED', 'GitHub says no.')
    const carry = {id, correlationId: followUp, actor: LEO, signal: new AbortController().signal}
    await expect(aConductor().carryOut(carry)).rejects.toBe(refusal)
    expect(await store.find(id)).toMatchObject({
      phase: 'rollback-failed',
      outcome: {words: 'GitHub says no.'},
    })
    const {rows} = await pool.query<{view: {state: string}}>('select view from replies where id = $1', [
      followUp,
    ])
    expect(rows[0]?.view.state).toBe('error')
  })

  test('whose branch moved and shipped another commit did not go well', async () => {
    status = 503
    const id = await shipped()
    await ends(id, SHA)
    for (let step = 0; step < 3; step++) await goesOn()
    await ends(accepted[0]?.id ?? '', BAD)
    await goesOn()
    expect(await phaseOf(id)).toBe('rollback-failed')
  })
})

describe('the verification', () => {
  const verified = async () => {
    rules = {...rules, autoRollback: false}
    const release = await store.find(await deciding())
    return release?.checks?.[0]
  }

  test('gives what has just been deployed a moment to answer', async () => {
    tries = [503, 503, 200]
    expect(await verified()).toMatchObject({outcome: 'ok', status: 200})
  })

  test.each([
    [[500], {outcome: 'down', status: 500}],
    [['The connection was refused.'], {outcome: 'down', error: 'The connection was refused.'}],
    [['No answer within 10 s (timeout).'], {outcome: 'down', error: 'No answer within 10 s (timeout).'}],
    [[200, 500], {outcome: 'ok'}],
  ] as const)('of what answers %j is told as it is', async (answered, expected) => {
    tries = answered
    expect(await verified()).toMatchObject(expected)
  })

  test.each([
    ['403', new AppError('UPSTREAM_REFUSED', 'Our GitHub token may not do this.')],
    ['429', new AppError('UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.')],
    ['5xx and timeouts', new AppError('UPSTREAM_UNAVAILABLE', 'GitHub did not answer.')],
  ])(
    'is shown though GitHub does not tell what was there before (%s), and nothing goes back',
    async (_what, error) => {
      unread = error
      status = 503
      const id = await shipped()
      await ends(id, SHA)
      for (let step = 0; step < 2; step++) await goesOn()
      const release = await store.find(id)
      expect(release).toMatchObject({
        phase: 'deciding',
        lastGood: {none: expect.stringContaining(error.message)},
      })
      await expect(aConductor().decide({id, actor: ADA, decision: 'rollback'})).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringContaining(error.message),
      })
    },
  )
})

describe('the last good commit', () => {
  test('is none that was taken back or verified as bad', async () => {
    status = 503
    const first = await shipped()
    await ends(first, BAD)
    await goesOn()
    await goesOn()
    status = 200
    history = [SHA, BAD, GOOD].map((sha, index) => aPastRun(sha, now - index))
    const id = await shipped()
    await ends(id, SHA)
    for (let step = 0; step < 3; step++) await goesOn()
    expect((await store.find(id))?.lastGood).toEqual({sha: GOOD})
  })

  test('of targets that share a workflow comes from our own record', async () => {
    shared = true
    const first = await shipped()
    await ends(first, GOOD)
    const id = await shipped()
    await ends(id, SHA)
    for (let step = 0; step < 3; step++) await goesOn()
    expect((await store.find(id))?.lastGood).toEqual({sha: GOOD})
    expect((await store.find(first))?.lastGood).toMatchObject({none: expect.any(String)})
  })

  test('is nothing to go back to once something else was shipped since: the older release is closed', async () => {
    rules = {...rules, autoRollback: false}
    const id = await deciding()
    const later = await shipped()
    await ends(later, GOOD)
    await expect(aConductor().decide({id, actor: ADA, decision: 'rollback'})).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('something else was shipped since'),
    })
    expect(await phaseOf(id)).toBe('superseded')
    expect(accepted).toEqual([])
  })
})
