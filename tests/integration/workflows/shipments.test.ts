import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import cicd from '../../../agents/cicd.ts'
import infrastructure from '../../../agents/infrastructure.ts'
import type {GuardVerdict} from '../../../src/access/guard.ts'
import {requirementOf} from '../../../src/approvals/policy.ts'
import type {Risk} from '../../../src/approvals/request.ts'
import {
  startGithubEmulator,
  type GithubEmulator,
  type Repository,
} from '../../../src/emulators/github/index.ts'
import {systemClock} from '../../../src/kernel/clock.ts'
import {silentLogger} from '../../../src/platform/logger.ts'
import type {Actor} from '../../../src/sdk/index.ts'
import {agentActions} from '../../../src/workflows/actions.ts'
import {createGates, type Gates} from '../../../src/workflows/gates.ts'
import {createShipmentStore} from '../../../src/workflows/shipment-store.ts'
import {createShipments} from '../../../src/workflows/shipments.ts'
import {discordOf, openApprovals, peopleOf, type OpenApprovals} from '../../support/approvals.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {CLIENT, githubAgents} from '../../support/github-agents.ts'
import {libraryOf} from '../../support/workflow-library.ts'
import {openWorkflows, until, type TestWorkflows} from '../../support/workflows.ts'

// The last look before a run ships to a guarded target: whatever the workflow looks like, nothing gets there unapproved.

let database: TestDatabase
let here: OpenApprovals
let github: GithubEmulator
let web: Repository
let app: TestWorkflows
let guard: GuardVerdict
/** What the guard was asked to let through. */
let passed: string[]
let old: string
let head: string

const takesApproval = ({level}: Risk) => requirementOf(level, new Map()).approvers > 0
const ask = (details: string, more = '') => `
  - id: gate
    approval: {title: Ship it, operation: deploy, environment: production, details: {${details}}}
    ${more}`
const deploy =
  'agent: infrastructure, action: deploy_service, with: {target: client, sha: "${{ input.sha }}"}'
const WORKFLOWS: Readonly<Record<string, string>> = {
  ungated: `
  - {id: deploy, ${deploy}}`,
  skipped: `${ask('target: client', 'if: "false"')}
  - {id: deploy, if: always(), ${deploy}}`,
  artifact: `
  - {id: deploy, agent: cicd, action: deploy_artifact, with: {target: client}}`,
  pipeline: `
  - {id: deploy, agent: cicd, action: run_pipeline, with: {repository: acme/web, pipeline: client-deploy, ref: main}}`,
  file: `
  - {id: deploy, agent: cicd, action: run_pipeline, with: {repository: acme/web, workflow: client-deploy.yml, ref: main}}`,
  back: `
  - {id: deploy, agent: infrastructure, action: rollback, with: {target: client, to: "\${{ input.sha }}"}}`,
  gated: `${ask('target: client, sha: "${{ input.sha }}"')}
  - {id: deploy, ${deploy}}`,
  other: `${ask('target: client, sha: "${{ input.sha }}"')}
  - {id: deploy, agent: cicd, action: deploy_artifact, with: {target: client}}`,
  undone: `${ask('target: client, sha: "${{ input.sha }}"')}
  - id: deploy
    agent: infrastructure
    action: deploy_service
    with: {target: client, sha: "\${{ input.sha }}"}
    compensate: {agent: infrastructure, action: rollback, with: {target: client, to: "\${{ output.previous_sha }}"}}
  - {id: verify, fail: It is not well}`,
  disguised: `
  - id: test
    agent: cicd
    action: run_pipeline
    with: {repository: acme/web, pipeline: test, ref: main}
    compensate: {agent: infrastructure, action: deploy_service, with: {target: client, sha: "\${{ input.sha }}"}}
  - {id: verify, fail: It is not well}`,
}

beforeEach(async () => {
  guard = {kind: 'clear'}
  passed = []
  database = await createTestDatabase()
  here = openApprovals(database.url)
  github = await startGithubEmulator({speed: 50})
  web = github.repository('acme/web')
  for (const [file, name] of [
    ['client-deploy.yml', 'Client Deploy'],
    ['ci.yml', 'CI'],
  ] as const)
    web.workflow(file, {name, script: () => [{name: 'do', steps: [{name: 'Do', ms: 100}]}]})
  old = web.commit('old')
  web.startRun({
    workflow: 'client-deploy.yml',
    event: 'workflow_dispatch',
    ageMs: 60_000,
    conclusion: 'success',
  })
  head = web.commit('new')

  const people = peopleOf(here.persons)
  const ada: Actor = {kind: 'discord', id: 'discord-ada', name: 'ada'}
  const askers = {askersOf: async () => [{invocation: 'i-ada', actor: ada}]}
  const watching = {
    look: async () => guard,
    pass: async (
      _db: unknown,
      {environment, person, subject}: {environment: string; person?: string | undefined; subject: string},
    ) => {
      passed.push(`${subject} of ${person ?? 'nobody'} to ${environment}`)
      return guard
    },
  }
  const {services} = await githubAgents(github, {
    permit: createShipments({
      ...{pool: here.pool, approvals: here.approvals, people, askers, guard: watching, takesApproval},
      store: createShipmentStore({pool: here.pool}),
      releases: {
        failingAt: async ({ref}) => ({kind: 'seen', value: {sha: ref, failing: []}}),
        wentWell: async ({sha}) => ({kind: 'seen', value: sha === old}),
      },
      clock: systemClock,
    }),
  })
  const agents = [infrastructure, cicd]
  const texts = Object.entries(WORKFLOWS).map(
    ([name, steps]) => `name: ${name}\ninput: {sha: {type: string, required: true}}\nsteps:${steps}\n`,
  )
  const gates: Gates = createGates({
    ...{pool: here.pool, approvals: here.approvals, people, askers, takesApproval},
    // What meets a gate is told in gates.test.ts; here it is always asked.
    guard: {look: async () => ({kind: 'clear'}), pass: async () => ({kind: 'clear'})},
    workflows: () => app.workflows,
    targets: [CLIENT],
    github: {
      host: {pullRequest: () => Promise.reject(new Error('not asked'))},
      releases: {
        at: async ({ref}) => ({kind: 'seen', value: {sha: ref, workflowSha: 'blob'}}),
        card: async () => ({
          ...{commits: [], commitCount: 0, pullRequests: [], issues: [], migrations: []},
          ...{diff: {files: 0, additions: 0, deletions: 0}, checks: 'success' as const, missing: []},
        }),
        checksOf: async () => ({verdict: 'success', failing: [], missing: []}),
      },
    },
    repositoryOf: () => 'acme/web',
    channelOf: async () => undefined,
    clock: systemClock,
    log: silentLogger,
  })
  decided = gates.decided
  app = await openWorkflows(database.url, {
    plans: libraryOf(texts, agents).library,
    actions: agentActions({
      agents: new Map(agents.map(agent => [agent.id, agent])),
      services,
      clock: systemClock,
    }),
    approvals: gates,
  })
})
afterEach(async () => {
  await app.close()
  await here.close()
  await github.close()
  await database.drop()
})
let decided: Gates['decided']

const shipped = () =>
  web.runs.filter(({workflow, headSha}) => workflow === 'client-deploy.yml' && headSha !== old)
const dispatches = () => github.count('dispatch')
const start = async (workflow: string, sha = head) => (await app.workflows.start({workflow, input: {sha}})).id

async function endOf(run: string) {
  await app.workflows.ended(run)
  const shown = await app.workflows.get(run)
  return {status: shown?.status, deploy: shown?.steps?.find(({id}) => id === 'deploy')}
}

async function approve(run: string, ...who: string[]): Promise<void> {
  await until(async () => (await here.approvals.findByTask(run)) !== undefined, 'the request')
  for (const name of who) {
    const {id} = (await here.approvals.findByTask(run)) ?? {id: ''}
    await here.approvals.vote({
      id,
      account: discordOf(name),
      decision: 'approve',
      surface: 'discord',
      key: `${run} ${name}`,
    })
  }
  const request = await here.approvals.findByTask(run)
  if (request?.subject.kind !== 'gate') throw new Error('nothing was asked')
  await decided(request.subject, request)
}

/** By which approvals steps were permitted to ship. */
async function permitted(): Promise<unknown[]> {
  const {rows} = await here.pool.query('select path, target, approval_id from workflow_shipments order by at')
  return rows as unknown[]
}

describe('a run without an approval ships nothing to a guarded target', () => {
  test.each(['ungated', 'skipped', 'artifact', 'pipeline', 'file', 'back'])('%s', async workflow => {
    const {status, deploy: step} = await endOf(await start(workflow))
    expect(status).toBe('failed')
    expect(step?.error).toMatchObject({
      code: 'NOT_PERMITTED',
      message: expect.stringMatching(
        /^client → production takes an approval, and its run has no approval. Add an `approval` step before it, with operation: deploy, environment: production/,
      ) as string,
    })
    expect(dispatches()).toBe(0)
    expect(await permitted()).toEqual([])
  })

  test('though another run of it has one', async () => {
    const first = await start('gated')
    await approve(first, 'tom', 'grace')
    expect(await endOf(first)).toMatchObject({status: 'completed'})
    expect(await endOf(await start('ungated'))).toMatchObject({status: 'failed'})
    expect(dispatches()).toBe(1)
  })

  test('nor as what undoes a step that shipped nothing', async () => {
    expect(await endOf(await start('disguised'))).toMatchObject({status: 'failed'})
    expect(web.runs.filter(({workflow}) => workflow === 'ci.yml')).toHaveLength(1)
    expect(dispatches()).toBe(1)
  })

  test('nor when nobody’s run asks for it', async () => {
    const {services} = await githubAgents(github, {
      permit: createShipments({
        ...{pool: here.pool, approvals: here.approvals, people: peopleOf(here.persons), takesApproval},
        ...{askers: {askersOf: async () => []}, guard: {pass: async () => guard}, clock: systemClock},
        ...{store: createShipmentStore({pool: here.pool}), releases: undefined},
      }),
    })
    const {repository, workflow} = CLIENT
    const about = {correlationId: 'c', requester: 'eve', signal: AbortSignal.timeout(5000)}
    await expect(
      services.pipelines.dispatch({repository, workflow, ref: 'main', ...about}),
    ).rejects.toMatchObject({
      code: 'NOT_PERMITTED',
    })
    expect(dispatches()).toBe(0)
  })
})

describe('a run with an approval', () => {
  test('ships what was approved, and it is kept by which', async () => {
    const run = await start('gated')
    await approve(run, 'tom', 'grace')
    expect(await endOf(run)).toMatchObject({status: 'completed'})
    expect(shipped().map(({headSha}) => headSha)).toEqual([head])
    const {id} = (await here.approvals.findByTask(run)) ?? {}
    expect(await permitted()).toEqual([{path: 'deploy', target: 'client', approval_id: id}])
    expect(passed).toEqual([`run:${run} of ada to production`])
  })

  test('ships nothing else: a branch is not the commit that was approved', async () => {
    const run = await start('other')
    const next = web.commit('newer')
    await approve(run, 'tom', 'grace')
    const {status, deploy: step} = await endOf(run)
    expect(status).toBe('failed')
    expect(step?.error?.message).toContain(`an approval of ${head.slice(0, 7)}, not of ${next.slice(0, 7)}`)
    expect(dispatches()).toBe(0)
  })

  test('may undo what it shipped, also in a freeze that began since', async () => {
    const run = await start('undone')
    await approve(run, 'tom', 'grace')
    await until(() => shipped().length > 0, 'the deploy')
    guard = {kind: 'frozen', until: Date.UTC(2030, 0, 1), reason: 'year end', breakers: []}
    expect(await endOf(run)).toMatchObject({status: 'failed', deploy: {status: 'compensated'}})
    expect(dispatches()).toBe(2)
    expect(web.runs.map(({headSha}) => headSha).filter(sha => sha === old)).toHaveLength(2)
  })

  test('ships nothing in a freeze that began since', async () => {
    const run = await start('gated')
    guard = {kind: 'frozen', until: Date.UTC(2030, 0, 1), reason: 'year end', breakers: []}
    await approve(run, 'tom', 'grace')
    const {status, deploy: step} = await endOf(run)
    expect(status).toBe('failed')
    expect(step?.error?.message).toContain('it is frozen until 2030-01-01 00:00 UTC: year end.')
    expect(dispatches()).toBe(0)
  })

  test('whose approvers lost their roles since has none that counts', async () => {
    const run = await start('gated')
    await approve(run, 'tom', 'grace')
    await endOf(run)
    expect(await here.approvals.usedBy(here.pool, run)).toHaveLength(1)
    here.persons.splice(
      here.persons.findIndex(({id}) => id === 'grace'),
      1,
    )
    expect(await here.approvals.usedBy(here.pool, run)).toEqual([])
  })
})

test('who broke the glass ships without an approval, and it is kept', async () => {
  guard = {kind: 'let-through', window: {id: 'w', person: 'ada', reason: 'fire', openedAt: 0, endsAt: 1}}
  const run = await start('ungated')
  expect(await endOf(run)).toMatchObject({status: 'completed'})
  expect(passed).toEqual([`run:${run} of ada to production`])
  expect(await permitted()).toEqual([{path: 'deploy', target: 'client', approval_id: null}])
})
