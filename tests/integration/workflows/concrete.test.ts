import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
  startGithubEmulator,
  type GithubEmulator,
  type JobScript,
  type Repository,
} from '../../../src/emulators/github/index.ts'
import {systemClock} from '../../../src/kernel/clock.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import type {Json} from '../../../src/kernel/json.ts'
import {inCheckout} from '../../../src/platform/checkout.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {AgentDefinition} from '../../../src/sdk/index.ts'
import {agentActions, type ActionRequest} from '../../../src/workflows/actions.ts'
import {createLibrary, loadWorkflows} from '../../../src/workflows/definition/load.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {CLIENT, githubAgents} from '../../support/github-agents.ts'
import {openWorkflows, type TestWorkflows} from '../../support/workflows.ts'

// The integration tests that spec/orchestration.md 5.5 asks for. pr_deployment goes the whole way from Discord in
// tests/e2e/workflows.test.ts; lock contention and the lock's time to live are in tests/integration/locks.test.ts, state
// persistence and crash recovery in state.test.ts and processes.test.ts, a lost Redis in
// tests/integration/events-two-processes.test.ts, a killed agent in processes.test.ts and tests/chaos/workflows.test.ts.

let database: TestDatabase
let github: GithubEmulator
let web: Repository
let app: TestWorkflows
/** What was performed, in order. */
let performed: string[]
/** Throws where a test wants an action to fail. */
let before: (request: ActionRequest) => void
/** What the target's own address answers. */
let ill: boolean
let server: Server

const JOBS: readonly JobScript[] = [{name: 'deploy', steps: [{name: 'Upload', ms: 100}]}]

beforeEach(async () => {
  database = await createTestDatabase()
  github = await startGithubEmulator({speed: 50})
  web = github.repository('acme/web')
  performed = []
  before = () => undefined
  ill = false
  server = createServer((_request, response) => response.writeHead(ill ? 500 : 200).end())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
  const {services} = await githubAgents(github, {
    targets: [{...CLIENT, environment: 'development', verify: {api}}],
  })
  const actions = agentActions({agents, services, clock: systemClock})
  app = await openWorkflows(database.url, {
    plans: createLibrary(await loadWorkflows(inCheckout('workflows'), agents), agents),
    actions: {
      ...actions,
      async run(request, context) {
        performed.push(request.action)
        before(request)
        return actions.run(request, context)
      },
    },
    // Nobody has to be asked here.
    approvals: {
      request: async (run, _path, signal) =>
        void (await app.workflows.signal(run, {id: signal, name: signal, payload: {approved: true}})),
      withdraw: async () => undefined,
    },
  })
})
afterEach(async () => {
  await app.close()
  await github.close()
  await new Promise(resolve => server.close(resolve))
  await database.drop()
})

async function endOf(workflow: string, input: Json) {
  const {id} = await app.workflows.start({workflow, input})
  await app.workflows.ended(id)
  const run = await app.workflows.get(id)
  return {run, step: (path: string) => run?.steps?.find(step => step.id === path)}
}

describe('parallel_docs', () => {
  const repo_url = 'https://github.com/acme/web'
  beforeEach(() => {
    web.commit('begin', {
      files: {
        'README.md': '# Web\n\nShips things.\n',
        'package.json': JSON.stringify({scripts: {start: 'node .'}}),
        'src/server.ts': "/** Answers. */\nexport function hello() {}\n\napp.get('/hello', hello)\n",
        Dockerfile: 'FROM node:20\nEXPOSE 8080\n',
      },
    })
  })

  test('three documents are written at the same time, and gathered', async () => {
    const {run, step} = await endOf('parallel-docs', {repo_url})
    expect(run).toMatchObject({status: 'completed', result: {status: 'complete', missing: []}})
    const result = run?.result as Record<string, {markdown: string}>
    expect(result['api_docs']?.markdown).toContain('/hello')
    expect(result['user_guide']?.markdown).toContain('Ships things')
    expect(result['deployment_guide']?.markdown).toContain('8080')
    const three = ['api_docs', 'user_guide', 'deployment_guide'].map(step)
    const ends = three.map(each => Date.parse(each?.ended_at ?? ''))
    for (const each of three)
      expect(Date.parse(each?.started_at ?? '')).toBeLessThanOrEqual(Math.min(...ends))
  })

  test('one that fails does not sink the others, and is all that is written the next time', async () => {
    before = ({input}) => {
      if ((input as {doc_type?: string}).doc_type === 'user_guide')
        throw new AppError('UPSTREAM_REFUSED', 'not today')
    }
    const {run, step} = await endOf('parallel-docs', {repo_url})
    expect(run).toMatchObject({
      status: 'completed',
      result: {status: 'partial', missing: ['user_guide'], user_guide: null},
      progress: {failed: 1},
    })
    expect(step('user_guide')).toMatchObject({status: 'failed', error: {message: 'not today'}})
    expect(step('api_docs')?.status).toBe('succeeded')

    before = () => undefined
    performed = []
    const {missing} = run?.result as {missing: Json}
    const again = await endOf('parallel-docs', {repo_url, only: missing})
    expect(performed).toEqual(['generate_docs'])
    expect(again.run).toMatchObject({status: 'completed', result: {status: 'complete', api_docs: null}})
    expect(again.step('user_guide')?.status).toBe('succeeded')
  })

  test('when none can be written the run fails', async () => {
    before = () => {
      throw new AppError('UPSTREAM_REFUSED', 'not today')
    }
    expect((await endOf('parallel-docs', {repo_url})).run).toMatchObject({status: 'failed'})
  })
})

describe('self_healing', () => {
  const input = {environment: 'development', target: 'client'}
  beforeEach(() => {
    web.workflow('client-deploy.yml', {
      name: 'Client Deploy',
      script: () => JOBS,
    })
  })

  test('what is well is left alone', async () => {
    web.commit('good')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 60_000})
    const {run} = await endOf('self-healing', input)
    expect(run).toMatchObject({status: 'completed', result: {is_resolved: true}})
    expect(performed).toEqual(['find_target', 'health_check'])
  })

  test('what is not is detected, diagnosed by all three, fixed and verified', async () => {
    web.commit('good')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 120_000})
    web.commit('bad')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'failure', ageMs: 60_000})
    const {run} = await endOf('self-healing', input)
    expect(run).toMatchObject({status: 'completed', result: {is_resolved: true}})
    expect(performed.slice(0, 2)).toEqual(['find_target', 'health_check'])
    expect(performed.filter(action => action === 'execute_task')).toHaveLength(3)
    expect(performed.slice(-2)).toEqual(['rollback', 'health_check'])
  })

  test('a fix that does not help is never tried again, and the run ends when no other is known', async () => {
    web.commit('good')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 120_000})
    web.commit('bad')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'failure', ageMs: 60_000})
    ill = true
    const fixes: string[] = []
    before = ({action, input: given}) => {
      if (['rollback', 'deploy_service', 'update_config'].includes(action))
        fixes.push(JSON.stringify({action, given}))
    }
    const {run} = await endOf('self-healing', input)
    expect(run?.status).toBe('failed')
    expect(run?.error?.message).toMatch(/tried|rounds/)
    expect(fixes.length).toBeGreaterThan(0)
    expect(fixes.length).toBeLessThanOrEqual(3)
    expect(new Set(fixes).size).toBe(fixes.length)
  })
})
