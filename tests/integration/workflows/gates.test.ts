import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {GuardVerdict} from '../../../src/access/guard.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Checks} from '../../../src/approvals/releases.ts'
import type {Vote} from '../../../src/approvals/request.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {Json} from '../../../src/kernel/json.ts'
import {silentLogger} from '../../../src/platform/logger.ts'
import type {Actor} from '../../../src/sdk/index.ts'
import {createGates, type Gates} from '../../../src/workflows/gates.ts'
import {gapOf} from '../../../src/workflows/shipments.ts'
import type {ShownRun, ShownStep} from '../../../src/workflows/shown.ts'
import {discordOf, openApprovals, peopleOf, TEAM, type OpenApprovals} from '../../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'

const SHA = '8c1e77f'.padEnd(40, '0')
const ASKED = {
  title: 'Deploy #7 to client, production',
  operation: 'deploy',
  environment: 'production',
  resource: 'service',
  details: {target: 'client', sha: SHA, pr_number: 7, repo_url: 'https://github.com/acme/web'},
}
const PATH = 'approval'
const SIGNAL = 'approval:approval'

let database: TestDatabase
let here: OpenApprovals
let gates: Gates
/** What runs were told, each signal once for each id. */
let told: Map<string, {readonly name: string; readonly payload: Json}>
let calls: number
let step: Pick<ShownStep, 'status' | 'attempt'>
let head: string
let readable: boolean
let failing: readonly string[]
let unread: Checks['unread']
let guarded: string[]
let guard: GuardVerdict
let askers: readonly string[]
let run: string

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(() => {
  told = new Map()
  calls = 0
  step = {status: 'waiting', attempt: 1}
  head = SHA
  readable = true
  failing = []
  unread = undefined
  guarded = []
  guard = {kind: 'clear'}
  askers = ['ada']
  run = `wf-${Math.random().toString(36).slice(2)}`
  here = openApprovals(database.url)
  gates = open()
})
afterEach(() => here.close())

function open(): Gates {
  return createGates({
    pool: here.pool,
    approvals: here.approvals,
    people: peopleOf([...TEAM]),
    guard: {
      look: async () => guard,
      pass: async (_db, {environment}) => (guarded.push(environment), guard),
    },
    workflows: () => ({
      get: async id => ({id, correlation_id: id, steps: [{id: PATH, ...step}]}) as unknown as ShownRun,
      async signal(id, {id: message, name, payload = null}) {
        calls++
        if (step.status === 'cancelled') throw new AppError('CONFLICT', `Run ${id} takes no signal.`)
        if (told.has(message)) return 'repeated'
        told.set(message, {name, payload})
        return 'taken'
      },
    }),
    askers: {
      askersOf: async () =>
        askers.map((name): {invocation: string; actor: Actor} => ({
          invocation: `i-${name}`,
          actor: {kind: 'discord', id: `discord-${name}`, name},
        })),
    },
    targets: [{name: 'client', repository: 'acme/web', workflow: 'client-deploy.yml', service: 'web'}],
    takesApproval: ({level}) => requirementOf(level, new Map()).approvers > 0,
    github: {
      host: {
        pullRequest: async () =>
          (readable ? {kind: 'seen', value: {headSha: head}} : {kind: 'refused', reason: 'no'}) as never,
      },
      releases: {
        at: async ({ref}) => ({
          kind: 'seen',
          value: {sha: ref === 'main' ? head : ref, workflowSha: 'blob'},
        }),
        card: async () => ({
          ...{commits: [], commitCount: 0, pullRequests: [], issues: [], migrations: []},
          ...{diff: {files: 0, additions: 0, deletions: 0}, checks: 'success' as const, missing: []},
          failing,
        }),
        checksOf: async () => ({verdict: 'success', failing, missing: [], ...(unread ? {unread} : {})}),
      },
    },
    repositoryOf: () => 'acme/web',
    channelOf: async () => undefined,
    clock: Date.now,
    log: silentLogger,
  })
}

const ask = (asked: unknown = ASKED) => gates.request(run, PATH, SIGNAL, asked)
const verdicts = () => [...told.values()]
async function request() {
  const found = await gates.requestAt(run, SIGNAL)
  if (!found) throw new Error('nothing was asked')
  return found
}
async function vote(who: string, decision: Vote['decision'] = 'approve', reason = 'because') {
  const {id} = await request()
  const key = `${who} ${decision} ${Math.random()}`
  return here.approvals.vote({id, account: discordOf(who), decision, surface: 'discord', reason, key})
}
/** As the job that every decision leaves behind; it may come again. */
const hear = async () => gates.decided({kind: 'gate', run, path: PATH, signal: SIGNAL}, await request())

describe('a gate', () => {
  test('asks once for what it binds, however often it is told to', async () => {
    await Promise.all([ask(), ask(), ask()])
    await ask()
    const {rowCount} = await here.pool.query(`select from approval_requests where task_id = $1`, [run])
    expect(rowCount).toBe(1)
    expect(await request()).toMatchObject({
      status: 'pending',
      requester: {name: 'ada', person: 'ada'},
      risk: {level: 'high'},
      action: {target: 'client', repository: 'acme/web', sha: SHA},
      bound: {
        ...{run, step: PATH, operation: 'deploy', environment: 'production', target: 'client', sha: SHA},
        ...{'pull request': `acme/web#7@${SHA}`, workflow: 'client-deploy.yml@blob'},
      },
    })
    expect(verdicts()).toEqual([])
  })

  test('tells the run once that two have approved, though it hears of it again and again', async () => {
    await ask()
    await vote('tom')
    await hear()
    expect(verdicts()).toEqual([])
    await vote('grace')
    await Promise.all([hear(), hear()])
    await hear()
    await ask()
    expect(verdicts()).toEqual([{name: SIGNAL, payload: {approved: true, by: 'tom, grace'}}])
    expect((await request()).usedAt).toBeDefined()
  })

  test('that crashed between the use of its approval and the word to the run still brings it', async () => {
    await ask()
    await vote('tom')
    await vote('grace')
    const before = await request()
    await hear()
    told.clear()
    // What was used stays so, whatever happens to the pull request.
    readable = false
    await hear()
    expect(verdicts()).toEqual([{name: SIGNAL, payload: {approved: true, by: 'tom, grace'}}])
    told.clear()
    readable = true
    // The job was read before the crash, and is carried out once more.
    await gates.decided({kind: 'gate', run, path: PATH, signal: SIGNAL}, before)
    expect(verdicts()).toEqual([{name: SIGNAL, payload: {approved: true, by: 'tom, grace'}}])
  })

  test('that nobody waits at any more uses no approval, however often its word comes', async () => {
    await ask()
    await vote('tom')
    await vote('grace')
    step = {status: 'failed', attempt: 1}
    await hear()
    expect(verdicts()).toEqual([])
    expect(await request()).toMatchObject({status: 'approved', usedAt: undefined})
  })

  test('brings a no with its reason', async () => {
    await ask()
    await vote('grace', 'reject', 'not today')
    await hear()
    expect(verdicts()).toEqual([{name: SIGNAL, payload: {approved: false, by: 'grace', reason: 'not today'}}])
  })

  test('whose pull request moved while people thought is void, and says so', async () => {
    await ask()
    await vote('tom')
    await vote('grace')
    head = 'f'.repeat(40)
    await hear()
    await hear()
    expect(verdicts()).toHaveLength(1)
    expect(verdicts()[0]?.payload).toMatchObject({
      approved: false,
      reason: expect.stringContaining('It moved') as string,
    })
    expect(await request()).toMatchObject({status: 'cancelled', usedAt: undefined})
  })

  test('that names a branch is about what it holds, and void when it holds something else', async () => {
    await ask({...ASKED, details: {target: 'client', ref: 'main'}})
    expect(await request()).toMatchObject({
      action: {sha: SHA},
      bound: {target: 'client', ref: 'main', sha: SHA, workflow: 'client-deploy.yml@blob'},
      card: {checks: 'success'},
    })
    await vote('tom')
    await vote('grace')
    head = 'f'.repeat(40)
    await hear()
    expect(verdicts()[0]?.payload).toMatchObject({
      approved: false,
      reason: expect.stringContaining(`sha: ${SHA} → ${head}`) as string,
    })
  })

  test('that names a target which nobody knows binds its name, so that it covers no other', async () => {
    await ask({...ASKED, details: {target: 'clinet'}})
    const {action, bound} = await request()
    expect(bound['target']).toBe('clinet')
    const client = {name: 'client', repository: 'acme/web', environment: 'production'} as const
    expect(gapOf({action, bound}, {target: client, sha: SHA})).toBe('for clinet')
  })

  test('whose pull request can’t be read any more is a no', async () => {
    await ask()
    await vote('tom')
    await vote('grace')
    readable = false
    await hear()
    expect(verdicts()).toEqual([{name: SIGNAL, payload: {approved: false, by: 'Signalbox', reason: 'no'}}])
    expect(await request()).toMatchObject({usedAt: undefined})
  })

  test('whose pull request had moved before is a no without a question', async () => {
    head = 'f'.repeat(40)
    await ask()
    expect(verdicts()[0]?.payload).toMatchObject({
      approved: false,
      reason: expect.stringContaining('moved on') as string,
    })
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
  })

  test('is decided neither by who asked last nor by who asked first', async () => {
    askers = ['grace', 'tom']
    await ask()
    expect(await vote('tom')).toMatchObject({kind: 'refused', code: 'OWN_REQUEST'})
    expect(await vote('grace')).toMatchObject({kind: 'refused', code: 'OWN_REQUEST'})
    expect(await vote('lin')).toMatchObject({kind: 'counted'})
  })

  test.each<[string, Json, boolean]>([
    ['of low risk needs nobody', {...ASKED, environment: 'development', details: {}}, true],
    ['that names nothing is taken for the riskiest', {title: 'something'}, false],
    [
      'of an unknown environment is taken for production',
      {...ASKED, environment: 'mars', details: {}},
      false,
    ],
  ])('%s', async (_what, asked, free) => {
    await ask(asked)
    if (free)
      expect(verdicts()).toEqual([
        {name: SIGNAL, payload: {approved: true, by: 'the policy', reason: 'No approval needed.'}},
      ])
    else {
      expect(await request()).toMatchObject({status: 'pending', risk: {level: 'high'}})
      expect(guarded).toEqual(['production'])
    }
  })

  test('asks for more where the words of who asked say more, and for no less', async () => {
    await ask({...ASKED, environment: 'development', details: {words: 'and rotate the production secrets'}})
    expect(await request()).toMatchObject({status: 'pending', risk: {level: 'critical'}})
  })

  test('for a change of infrastructure takes its ticket, which it binds and shows', async () => {
    const change = {...ASKED, operation: 'update_config', resource: 'infrastructure'}
    await ask(change)
    expect(verdicts()).toMatchObject([
      {payload: {approved: false, reason: expect.stringMatching(/takes a change ticket.*such as OPS-12/)}},
    ])
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
    run = `${run}-again`
    await ask({...change, ticket: ' OPS-12 '})
    expect(await request()).toMatchObject({
      ...{
        status: 'pending',
        action: {ticket: 'OPS-12', resource: 'infrastructure'},
        bound: {ticket: 'OPS-12'},
      },
    })
  })

  test('to production is closed while checks of its commit fail, before it asks and after', async () => {
    failing = ['e2e']
    await ask()
    const reason = expect.stringMatching(
      /^The tests of 8c1e77f fail, so it can’t go to production: e2e\./,
    ) as string
    expect(verdicts()).toMatchObject([{payload: {approved: false, reason}}])
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
    run = `${run}-again`
    told.clear()
    failing = []
    await ask()
    await vote('tom')
    await vote('grace')
    failing = ['e2e']
    await hear()
    expect(verdicts()).toMatchObject([{payload: {approved: false, reason}}])
    expect(await request()).toMatchObject({status: 'approved', usedAt: undefined})
  })

  test('to production is a no while GitHub does not say whether checks of its commit fail', async () => {
    await ask()
    await vote('tom')
    await vote('grace')
    unread = {kind: 'failed', reason: 'GitHub answered 503'}
    await hear()
    expect(verdicts()).toMatchObject([{payload: {approved: false, reason: 'GitHub answered 503.'}}])
    expect(await request()).toMatchObject({status: 'approved', usedAt: undefined})
  })

  test('that nobody could open says why', async () => {
    here.persons.splice(0)
    await ask()
    expect(verdicts()[0]?.payload).toMatchObject({
      approved: false,
      reason: expect.stringContaining('needs approval') as string,
    })
  })

  test('meets a freeze, and broken glass', async () => {
    guard = {kind: 'frozen', until: Date.UTC(2030, 0, 1), reason: 'year end', breakers: []}
    await ask()
    expect(verdicts()[0]?.payload).toMatchObject({
      approved: false,
      reason: 'Frozen until 2030-01-01 00:00 UTC: year end.',
    })
    guard = {kind: 'let-through', window: {id: 'w', person: 'ada', reason: 'fire', openedAt: 0, endsAt: 1}}
    run = `${run}-2`
    // Broken glass comes before the checks, as it does for a command.
    failing = ['e2e']
    await ask()
    expect(verdicts()[1]?.payload).toMatchObject({approved: true, by: 'ada'})
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
  })
})

describe('a run that does not wait any more', () => {
  test('withdraws what it asked', async () => {
    await ask()
    step = {status: 'cancelled', attempt: 1}
    await gates.withdraw(run, SIGNAL)
    expect(await request()).toMatchObject({status: 'cancelled'})
    expect(await vote('tom')).toMatchObject({kind: 'refused', code: 'ALREADY_DECIDED'})
  })

  test('asks nothing, when the two words come in the other order', async () => {
    step = {status: 'cancelled', attempt: 1}
    await gates.withdraw(run, SIGNAL)
    await ask()
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
  })

  test('is not asked for by a gate that is open again under another name', async () => {
    step = {status: 'waiting', attempt: 2}
    await ask()
    expect(await gates.requestAt(run, SIGNAL)).toBeUndefined()
  })

  test('takes no verdict, and nobody minds', async () => {
    await ask()
    await vote('tom', 'reject')
    step = {status: 'cancelled', attempt: 1}
    await hear()
    expect(verdicts()).toEqual([])
    expect(calls).toBe(1)
  })
})
