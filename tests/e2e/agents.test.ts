import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest'
import type {Conversation} from '../../src/emulators/discord/index.ts'
import {startLinearEmulator, type LinearEmulator} from '../../src/emulators/linear/index.ts'
import type {AgentResponse} from '../../src/events/index.ts'
import {API_TOKEN, DEFAULT_YAML, openWorld, type World} from '../support/world.ts'

const PATIENTLY = {timeout: 20_000}
const AGENTS = ['orchestrator', 'feature-dev', 'code-review', 'infrastructure', 'cicd', 'documentation']
const WRITES = ['dispatch', 'createRef', 'writeContents', 'createPull', 'createReview', 'createComment']

let world: World
let linear: LinearEmulator
let head: string
beforeAll(async () => {
  linear = await startLinearEmulator()
  linear.issue('Approvals')
  const project = linear.project('Web')
  world = await openWorld({
    queue: 'postgres',
    yaml: `${DEFAULT_YAML}projects: { web: { id: "${project.id}", team: "${linear.team('OPS').id}" } }\n`,
    env: {
      LINEAR_API_URL: linear.url,
      LINEAR_API_KEY: linear.key(),
      LINEAR_APPROVAL_HUB_ISSUE_ID: 'OPS-1',
      LINEAR_WEBHOOK_SECRET: 'linear-hook-secret-for-tests',
    },
    permissions: {contents: 'write', pull_requests: 'write', checks: 'read', actions: 'write'},
  })
  head = world.github.repository('acme/web').commit('more', {
    files: {
      'README.md': '# Web\n',
      'src/next.ts': '/** The next one. */\nexport function next() {\n  return 1 // TODO: count\n}\n',
      'src/merge.ts': '<<<<<<< HEAD\nexport const a = 1\n',
    },
  })
  await vi.waitFor(async () => {
    for (const agent of AGENTS) expect((await ask(agent, 'get_status')).status).toBe('success')
  }, PATIENTLY)
})
afterAll(async () => {
  await world.close()
  await linear.close()
})

async function ask(
  target_agent: string,
  request_type: string,
  payload: object = {},
  more: object = {},
): Promise<AgentResponse> {
  const response = await fetch(`${world.app.url ?? ''}/agent-request`, {
    method: 'POST',
    headers: {authorization: `Bearer ${API_TOKEN}`},
    body: JSON.stringify({
      ...{source_agent: 'tester', timeout_seconds: 15, target_agent, request_type, payload},
      ...more,
    }),
  })
  expect(response.status).toBe(200)
  return (await response.json()) as AgentResponse
}
const outputOf = ({result}: AgentResponse) => (result as {readonly output: unknown}).output

test.each(AGENTS)('%s says how it is', async agent => {
  const {status, result} = await ask(agent, 'get_status')
  expect(status).toBe('success')
  expect(result).toMatchObject({agent_id: agent, status: 'active', load: {active: 0}})
})

describe('a request type is an action, and its payload the input', () => {
  test.each(['code-review', 'documentation'])('explain_code of %s', async agent => {
    const answer = await ask(agent, 'explain_code', {path: 'src/next.ts'})
    expect(outputOf(answer)).toMatchObject({language: 'TypeScript', exports: [{name: 'next', line: 2}]})
  })

  test('validate_build', async () => {
    const answer = await ask('cicd', 'validate_build', {repository: 'acme/web', sha: head})
    expect(outputOf(answer)).toEqual({status: 'none', passed: false, checks: []})
  })

  test('health_check', async () => {
    const answer = await ask('infrastructure', 'health_check', {target: 'client'})
    expect(outputOf(answer)).toMatchObject({status: 'unknown', target: 'client', checked: 0})
  })

  test.each(['code-review', 'cicd', 'infrastructure'])('execute_task of %s diagnoses', async agent => {
    const answer = await ask(agent, 'execute_task', {
      task: 'diagnose_issue',
      target: 'client',
      issues: [{service: 'web', kind: 'endpoint-silent', evidence: 'no answer'}],
    })
    expect(answer.status).toBe('success')
    expect(outputOf(answer)).toMatchObject({
      diagnosis: expect.stringMatching(/\w/),
      confidence: expect.any(Number),
    })
  })

  test('execute_task does what its payload names', async () => {
    const answer = await ask('code-review', 'execute_task', {task: 'static_analysis', input: {path: 'src'}})
    expect(outputOf(answer)).toMatchObject({
      verdict: 'block',
      ref: head,
      files: 2,
      left: 0,
      findings: [
        {rule: 'conflict-marker', file: 'src/merge.ts', line: 1},
        {rule: 'debt', file: 'src/next.ts', line: 3},
      ],
    })
  })

  test('wrong input is named, and nothing is done', async () => {
    expect(await ask('code-review', 'explain_code', {path: ''})).toMatchObject({
      status: 'rejected',
      error: expect.stringContaining('input.path'),
    })
    expect(await ask('cicd', 'execute_task', {task: 'make_coffee'})).toMatchObject({
      status: 'rejected',
      error: expect.stringContaining('input.task'),
    })
  })

  test.each([
    ['code-review', 'review_code', {repository: 'acme/web', pr_number: 1}],
    ['feature-dev', 'generate_code', {description: 'add a button'}],
    ['feature-dev', 'refactor_code', {description: 'rename it', path: 'src/next.ts'}],
    ['infrastructure', 'deploy_service', {target: 'client'}],
    ['infrastructure', 'update_config', {name: 'A', value: 'b'}],
    ['cicd', 'run_pipeline', {ref: 'main'}],
    ['cicd', 'deploy_artifact', {target: 'client'}],
    ['documentation', 'generate_docs', {doc_type: 'user_guide', publish: true}],
    ['documentation', 'update_readme', {}],
  ])('%s does not do %s for whoever says it over the bus', async (agent, type, payload) => {
    expect(await ask(agent, type, payload)).toMatchObject({
      status: 'rejected',
      error: 'REJECTED: only people can ask for this, as a step of a workflow',
    })
    for (const route of WRITES) expect(world.github.count(route)).toBe(0)
  })
})

describe('the orchestrator', () => {
  test('passes a task on to an agent that offers it, and tells what it answered', async () => {
    const answer = await ask('orchestrator', 'route_request', {
      capability: 'static_analysis',
      input: {path: 'src/merge.ts'},
    })
    expect(outputOf(answer)).toMatchObject({
      agent: 'code-review',
      capable: ['code-review'],
      status: 'success',
      result: {output: {verdict: 'block', total: 1}},
      error: null,
    })
  })

  test('gets no further than who asks it: what people alone may ask for stays refused', async () => {
    const answer = await ask('orchestrator', 'route_request', {
      capability: 'deploy_service',
      input: {target: 'client', sha: head},
    })
    expect(outputOf(answer)).toMatchObject({agent: 'infrastructure', status: 'rejected', result: null})
    expect(world.github.count('dispatch')).toBe(0)
  })

  test('says so where nobody offers it, and does not go round', async () => {
    expect(await ask('orchestrator', 'route_request', {capability: 'make_coffee'})).toMatchObject({
      status: 'error',
      code: 'NOT_FOUND',
    })
    expect(await ask('orchestrator', 'route_request', {capability: 'route_request'})).toMatchObject({
      status: 'error',
      code: 'INVALID_INPUT',
    })
  })

  test('takes a task apart into what agents do, and starts nothing', async () => {
    const answer = await ask('orchestrator', 'decompose_task', {
      description: 'review pull request #7 and then explain src/next.ts',
    })
    expect(outputOf(answer)).toMatchObject({
      status: 'planned',
      planner: 'rules',
      subtasks: [
        {agent_type: 'code-review', action: 'review_code', dependencies: []},
        {agent_type: null, action: null, dependencies: ['review']},
        {agent_type: 'code-review', action: 'explain_code', dependencies: ['review']},
      ],
    })
    for (const route of WRITES) expect(world.github.count(route)).toBe(0)
  })

  test('asks where a task leaves a fact out', async () => {
    expect(
      outputOf(await ask('orchestrator', 'decompose_task', {description: 'review the pull request'})),
    ).toMatchObject({status: 'question', missing: 'pr_number', subtasks: []})
  })

  test('puts results together', async () => {
    const answer = await ask('orchestrator', 'aggregate_results', {
      results: [
        {name: 'api', status: 'success', result: {pages: 3}},
        {name: 'user', status: 'timeout'},
      ],
    })
    expect(outputOf(answer)).toEqual({
      status: 'partial',
      total: 2,
      succeeded: 1,
      results: {api: {pages: 3}},
      errors: [{name: 'user', status: 'timeout', error: 'no reason was given'}],
    })
  })
})

test('a sentence in Discord ends in an issue for what no model can write, the cause of a failure, and a healed target', async () => {
  const web = world.github.repository('acme/web')
  web.workflow('ci.yml', {
    name: 'CI',
    jobs: [{name: 'test', steps: [{name: 'Run tests', ms: 500}]}],
    hold: true,
  })
  const {number} = web.pullRequest({title: 'then deploy api', head: 'broken', files: {'a.ts': 'lenght\n'}})
  web
    .startRun({workflow: 'ci.yml', event: 'pull_request', branch: 'broken'})
    .fail('test', 'Run tests', ["a.ts(1,7): error TS2304: Cannot find name 'lenght'."])
  for (const [ageMs, conclusion] of [
    [7_200_000, 'success'],
    [600_000, 'failure'],
  ] as const)
    web.startRun({workflow: 'client-deploy.yml', event: 'workflow_dispatch', ageMs, conclusion})
  const before = web.runs.length

  const says = (talk: Conversation, words: string) =>
    talk.settled(({reply}) => JSON.stringify(reply() ?? '').includes(words), {timeoutMs: 40_000, what: words})
  await says(
    await world.ada.runs(
      `/ask text:Please add a polite greeting in src/next.ts; find out why PR ${number} fails, and then heal development.`,
    ),
    'nothing happens before Start',
  )
  const talk = await world.ada.runs('/ask text:start')
  await says(talk, '🟢 planned-implement-review-triage-heal · done')

  const run = /wf-[0-9a-f]+/.exec(JSON.stringify(talk.reply()))?.[0] ?? ''
  const response = await fetch(`${world.app.url ?? ''}/runs/${run}`, {
    headers: {authorization: `Bearer ${API_TOKEN}`},
  })
  const {steps} = (await response.json()) as {steps: {id: string; status: string; output: unknown}[]}
  const stepOf = (id: string) => steps.find(step => step.id === id)
  const issues = linear.issues().filter(({project}) => project?.name === 'Web')
  expect(issues).toMatchObject([{description: expect.stringContaining('src/next.ts') as string}])
  expect(stepOf('implement')).toMatchObject({output: {outcome: 'issue', issue: issues[0]?.identifier}})
  expect(stepOf('review')).toMatchObject({status: 'skipped'})
  expect(stepOf('triage')).toMatchObject({output: {verdict: 'failing', cause: {file: 'a.ts', line: 1}}})
  expect(world.github.count('createRef')).toBe(0)
  const [healing, ...others] = web.runs.slice(before)
  expect(others).toEqual([])
  expect(healing).toMatchObject({workflow: 'client-deploy.yml', conclusion: 'success'})
})
