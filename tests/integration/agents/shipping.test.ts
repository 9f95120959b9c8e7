import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import cicd from '../../../agents/cicd.ts'
import infrastructure from '../../../agents/infrastructure.ts'
import {
  startGithubEmulator,
  type GithubEmulator,
  type JobScript,
  type Repository,
} from '../../../src/emulators/github/index.ts'
import {
  CLIENT,
  CORRELATION_ID,
  githubAgents,
  type EffectRows,
  type GithubAgents,
} from '../../support/github-agents.ts'

const JOBS: readonly JobScript[] = [
  {name: 'deploy', steps: [{name: 'Upload', ms: 3000, log: ['Tests  2 failed | 10 passed (12)']}]},
]
const BROKEN: readonly JobScript[] = [
  {name: 'deploy', steps: [{name: 'Upload', ms: 100, conclusion: 'failure', log: ['error TS2322: no']}]},
]

let github: GithubEmulator
let web: Repository
let agents: GithubAgents
let jobs: readonly JobScript[]
beforeEach(async () => {
  github = await startGithubEmulator({speed: 50})
  web = github.repository('acme/web')
  jobs = JOBS
  web.workflow('client-deploy.yml', {name: 'Client Deploy', script: () => jobs})
  agents = await githubAgents(github)
})
afterEach(() => github.close())

const deploy = (input: object, how = {}, who = agents) =>
  who.perform(infrastructure, 'deploy_service', {target: 'client', ...input}, how)

describe('deploy_service', () => {
  test('of a pull request that moved on since ships nothing, unless it had begun before', async () => {
    const pull = web.pullRequest({title: 'b', head: 'add-b', files: {'b.md': 'x\n'}})
    const about = {sha: pull.headSha, repo_url: 'acme/web', pr_number: pull.number}
    const moved = pull.push('more', {'b.md': 'y\n'})
    await expect(deploy(about)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `Pull request #${pull.number} moved on from ${about.sha.slice(0, 7)} to ${moved.slice(0, 7)}. Run it again.`,
    })
    expect(web.runs).toEqual([])
    // An attempt that was let through keeps that answer: after a crash it goes on with the run that it had started.
    const rows: EffectRows = new Map([['head', {result: about.sha}]])
    const {output} = await deploy(about, {rows})
    expect(output).toMatchObject({status: 'success', sha: about.sha})
  })

  test('ships exactly the head of a pull request, and follows it to the verdict', async () => {
    const old = web.commit('old')
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'success', ageMs: 60_000})
    const pull = web.pullRequest({title: 'b', head: 'add-b', files: {'b.md': 'x\n'}})
    const {output, reply} = await deploy({sha: pull.headSha, environment: 'production'})
    const [run] = web.runs
    expect(run).toMatchObject({headSha: pull.headSha, branch: 'add-b', conclusion: 'success'})
    expect(run?.inputs).toEqual({
      correlation_id: expect.stringMatching(new RegExp(`^${CORRELATION_ID}-[0-9a-f]{8}$`)),
      requester: 'pr-deployment',
    })
    expect(output).toEqual({
      status: 'success',
      target: 'client',
      environment: 'production',
      sha: pull.headSha,
      run_id: String(run?.id),
      run_url: run?.url,
      previous_sha: old,
    })
    expect(reply).toMatchObject({state: 'success', title: 'client → production · success'})
    expect(web.tags().size).toBe(0)
  })

  test('a commit that is no branch’s newest is tagged, once', async () => {
    const old = web.commit('old')
    web.commit('new')
    await deploy({sha: old})
    await deploy({sha: old}, {attempt: 2})
    expect([...web.tags()]).toEqual([[`signalbox/${old}`, old]])
    expect(web.runs.map(run => run.headSha)).toEqual([old, old])
    expect(github.count('createRef')).toBe(1)
  })

  test('a failed run is a failed step, and says where', async () => {
    jobs = BROKEN
    await expect(deploy({sha: web.commit('x')})).rejects.toMatchObject({
      code: 'UPSTREAM_REFUSED',
      message: expect.stringMatching(/^client → production ended with failure in job deploy: http/),
    })
  })

  test.each(['branchesAt', 'commit'])(
    'a branch that moves after it was looked at (%s) is not shipped: the run is stopped',
    async route => {
      web.workflow('client-deploy.yml', {name: 'Client Deploy', hold: true})
      const sha = web.commit('approved')
      github.on(change => {
        if (change.kind === 'request' && change.request.route === route && change.request.status === 200)
          if (web.branches().get('main') === sha) web.commit('sneaked in')
      })
      const shipping =
        route === 'commit' ? agents.perform(cicd, 'deploy_artifact', {target: 'client'}) : deploy({sha})
      await expect(shipping).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringContaining(`instead of ${sha.slice(0, 7)}`) as string,
      })
      await github.eventually(() => web.runs[0]?.status === 'completed')
      expect(web.runs[0]?.conclusion).toBe('cancelled')
    },
  )

  describe('starts one run', () => {
    test.each([
      ['the answer was lost', {kind: 'serverError', takesEffect: true}],
      ['the connection was cut', {kind: 'reset', takesEffect: true}],
    ] as const)('when %s', async (_what, fault) => {
      const sha = web.commit('x')
      github.misbehave({route: 'dispatch', ...fault})
      const {output} = await deploy({sha})
      expect(web.runs).toHaveLength(1)
      expect(output['run_id']).toBe(String(web.runs[0]?.id))
    })

    test('when the attempt died after the dispatch: the next one finds it and follows it', async () => {
      const sha = web.commit('x')
      const rows: EffectRows = new Map()
      await deploy({sha}, {rows})
      // As the row stands when the answer was never written down.
      rows.set('dispatch', {})
      const {output} = await deploy({sha}, {rows})
      expect(web.runs).toHaveLength(1)
      expect(github.count('dispatch')).toBe(1)
      expect(output['run_id']).toBe(String(web.runs[0]?.id))
    })

    test('when the attempt died before the dispatch', async () => {
      const rows: EffectRows = new Map([['dispatch', {}]])
      await deploy({sha: web.commit('x')}, {rows})
      expect(web.runs).toHaveLength(1)
    })

    test('when GitHub does not answer while it is looked for', async () => {
      const sha = web.commit('x')
      const rows: EffectRows = new Map()
      await deploy({sha}, {rows})
      rows.set('dispatch', {})
      github.misbehave({route: 'workflowRuns', kind: 'serverError', times: 20})
      await deploy({sha}, {rows})
      expect(github.count('dispatch')).toBe(1)
    })
  })

  test('nothing is found, nothing was said: it is not tried again', async () => {
    github.misbehave({route: 'dispatch', kind: 'serverError'})
    await expect(deploy({sha: web.commit('x')})).rejects.toMatchObject({
      code: 'UPSTREAM_REFUSED',
      disposition: 'user',
      message: expect.stringContaining('Look before you try again'),
    })
    expect(web.runs).toHaveLength(0)
  })

  test('a second attempt, and a rollback by the same command, are dispatches of their own', async () => {
    const good = web.commit('good')
    await deploy({sha: good})
    const bad = web.commit('bad')
    await deploy({sha: bad})
    await deploy({sha: bad}, {attempt: 2})
    const {output} = await agents.perform(
      infrastructure,
      'rollback',
      {target: 'client', from: bad},
      {attempt: 3},
    )
    expect(output['sha']).toBe(good)
    expect(web.runs.map(run => run.headSha)).toEqual([good, bad, bad, good])
  })

  test('costs few requests: unchanged answers are free, and looks become rarer', async () => {
    await deploy({sha: web.commit('x')})
    const asked = github.requests.filter(({route}) => route === 'run' || route === 'jobs')
    const paid = asked.filter(({status}) => status !== 304)
    expect(asked.length).toBeGreaterThan(2)
    expect(paid.length).toBeLessThanOrEqual(8)
  })

  test('stops following when it is told to, and leaves the run alone', async () => {
    web.workflow('client-deploy.yml', {name: 'Client Deploy', hold: true})
    const stop = new AbortController()
    const going = deploy({sha: web.commit('x')}, {signal: stop.signal})
    await github.eventually(() => github.count('run') > 2)
    expect(agents.shown.at(-1)).toMatchObject({state: 'running', title: 'client → production · running'})
    stop.abort()
    await expect(going).rejects.toThrow()
    const seen = github.requests.length
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(github.requests.length).toBeLessThanOrEqual(seen + 1)
    expect(web.runs[0]?.status).toBe('queued')
  })

  test.each([
    ['a target that is not there', {target: 'nowhere', sha: 'a'.repeat(40)}, 'INVALID_INPUT'],
    ['the wrong environment', {sha: 'a'.repeat(40), environment: 'staging'}, 'INVALID_INPUT'],
    ['a commit that is not there', {sha: 'a'.repeat(40)}, 'UPSTREAM_REFUSED'],
  ])('refuses %s', async (_what, input, code) => {
    await expect(deploy(input)).rejects.toMatchObject({code})
    expect(github.count('dispatch')).toBe(0)
  })
})

describe('rollback', () => {
  const rollback = (input: object, how = {}, who = agents) =>
    who.perform(infrastructure, 'rollback', {target: 'client', ...input}, how)

  test('ships the last good commit, chosen once even when it is made again', async () => {
    const good = web.commit('good')
    await deploy({sha: good})
    jobs = BROKEN
    await deploy({sha: web.commit('bad')}).catch(() => undefined)
    jobs = JOBS
    const rows: EffectRows = new Map()
    const {output} = await rollback({}, {rows, attempt: 2})
    expect(output['sha']).toBe(good)
    rows.set('dispatch', {})
    expect((await rollback({}, {rows, attempt: 2})).output).toEqual(output)
    expect(web.runs[0]?.headSha).toBe(good)
    expect(github.count('dispatch')).toBe(3)
  })

  test('without an earlier success there is nothing to go back to', async () => {
    await expect(rollback({})).rejects.toMatchObject({code: 'NOT_FOUND'})
  })

  test('does not guess between targets that share a workflow', async () => {
    const both = await githubAgents(github, {
      targets: [CLIENT, {...CLIENT, name: 'staging', environment: 'staging'}],
    })
    const sha = web.commit('x')
    await deploy({sha}, {}, both)
    await expect(rollback({from: 'b'.repeat(40)}, {}, both)).rejects.toMatchObject({code: 'INVALID_INPUT'})
    await rollback({to: sha}, {attempt: 2}, both)
    expect(web.runs).toHaveLength(2)
  })
})

describe('health_check', () => {
  const check = (who: GithubAgents, input = {}) => who.perform(infrastructure, 'health_check', input)

  test('tells each address that does not answer well, and a deployment that failed', async () => {
    const server = createServer((request, response) =>
      response.writeHead(request.url === '/health' ? 500 : 200).end(),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const ours = await githubAgents(github, {targets: [{...CLIENT, verify: {api}}]})
    web.startRun({workflow: 'client-deploy.yml', conclusion: 'failure', ageMs: 60_000})
    const {output} = await check(ours, {environment: 'production'})
    expect(output).toMatchObject({
      status: 'critical',
      checked: 3,
      issues: [
        {service: 'web', kind: 'endpoint-failing', evidence: `${api}/health: HTTP 500`},
        {service: 'web', kind: 'deployment-failed', evidence: expect.stringContaining('ended with failure')},
      ],
    })
    await new Promise(resolve => server.close(resolve))
  })

  test('nothing to look at is not health', async () => {
    expect((await check(agents)).output).toMatchObject({status: 'unknown', issues: [], checked: 0})
  })

  test('an issue is mended by what the three say about it', async () => {
    const good = web.commit('good')
    await deploy({sha: good})
    jobs = BROKEN
    await deploy({sha: web.commit('bad')}).catch(() => undefined)
    jobs = JOBS
    const {output: ill} = await check(agents, {target: 'client'})
    const asked = {task: 'diagnose_issue', target: 'client', issues: ill['issues']}
    const {default: codeReview} = await import('../../../agents/code-review.ts')
    const opinions = await Promise.all(
      [codeReview, cicd, infrastructure].map(
        async agent => (await agents.perform(agent, 'execute_task', asked)).output,
      ),
    )
    const fix = {agent: 'infrastructure', action: 'rollback', with: {target: 'client', to: good}}
    expect(opinions.map(opinion => opinion['fix'])).toEqual([fix, fix, fix])
    expect(opinions[0]?.['diagnosis']).toMatch(/job deploy, step Upload: the code does not compile/)
    await agents.perform(infrastructure, fix.action, fix.with, {attempt: 2})
    expect((await check(agents, {target: 'client'})).output).toMatchObject({status: 'healthy', issues: []})
    const again = await agents.perform(cicd, 'execute_task', {...asked, tried: [fix]})
    expect(again.output['fix']).not.toEqual(fix)
  })
})

describe('find_target', () => {
  const find = async (input: object) => (await agents.perform(infrastructure, 'find_target', input)).output

  test('tells what a target is, by its name or as the only one of an environment', async () => {
    const client = {
      target: 'client',
      repository: 'acme/web',
      workflow: 'client-deploy.yml',
      environment: 'production',
      service: 'web',
    }
    expect(await find({target: 'client', environment: null})).toEqual(client)
    expect(await find({target: null, environment: 'production'})).toEqual(client)
  })
  test.each([
    [{environment: 'staging'}],
    [{}],
    [{target: 'client', environment: 'staging'}],
    [{target: 'nowhere'}],
  ])('refuses %j', async input => {
    await expect(find(input)).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })
})

describe('update_config', () => {
  const set = (who: GithubAgents, input: object) =>
    who.perform(infrastructure, 'update_config', {
      name: 'API_BASE',
      value: 'https://api.example.com',
      ...input,
    })

  test('sets a variable, and says what that changed', async () => {
    const ours = await githubAgents(github, {allowWrites: true})
    expect((await set(ours, {})).output['change']).toBe('created')
    expect((await set(ours, {})).output['change']).toBe('unchanged')
    expect((await set(ours, {value: 'https://b.example.com'})).output['change']).toBe('changed')
    expect(web.variables().get('API_BASE')).toBe('https://b.example.com')
  })
  test('whose answer was lost is not created again', async () => {
    const ours = await githubAgents(github, {allowWrites: true})
    const input = {name: 'API_BASE', value: 'https://api.example.com'}
    const rows: EffectRows = new Map()
    github.misbehave({route: 'createVariable', kind: 'serverError', takesEffect: true})
    const again = () => ours.perform(infrastructure, 'update_config', input, {rows})
    await again().catch(again)
    expect([...web.variables()]).toEqual([['API_BASE', 'https://api.example.com']])
    expect(github.count('createVariable')).toBe(1)
  })
  test('is off unless an operator switched it on', async () => {
    await expect(set(agents, {})).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  })
  test.each([
    ['a token', {value: `ghp_${'a1B2c3D4'.repeat(4)}`}],
    ['what is called a password', {name: 'DB_PASSWORD', value: 'hunter22'}],
  ])('never %s', async (_what, input) => {
    const ours = await githubAgents(github, {allowWrites: true})
    await expect(set(ours, input)).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(web.variables().size).toBe(0)
  })
})

describe('run_pipeline', () => {
  const run = (input: object, how = {}) =>
    agents.perform(cicd, 'run_pipeline', {pipeline: 'test', repository: 'acme/web', ...input}, how)

  test('finds the workflow by its name, runs it at the commit, and counts its tests', async () => {
    web.workflow('ci.yml', {name: 'CI', jobs: JOBS})
    const pull = web.pullRequest({title: 'b', head: 'add-b', files: {'b.md': 'x\n'}})
    const {output} = await run({sha: pull.headSha})
    expect(web.runs).toMatchObject([{workflow: 'ci.yml', headSha: pull.headSha, conclusion: 'success'}])
    expect(output).toMatchObject({
      conclusion: 'success',
      passed: true,
      workflow: 'ci.yml',
      sha: pull.headSha,
      tests: {passed: 10, failed: 2, skipped: 0},
      jobs: [{name: 'deploy', conclusion: 'success'}],
    })
  })

  test('a commit that went through, or is under way, is not run again; a red one is', async () => {
    web.workflow('ci.yml', {name: 'CI', jobs: JOBS})
    const sha = web.commit('x')
    const pushed = web.startRun({workflow: 'ci.yml', event: 'push'})
    expect((await run({sha})).output['run_url']).toBe(pushed.url)
    expect(github.count('dispatch')).toBe(0)
    const red = web.commit('y')
    web.startRun({workflow: 'ci.yml', event: 'push', conclusion: 'failure', ageMs: 1000})
    expect((await run({sha: red}, {attempt: 2})).output['passed']).toBe(true)
    expect(github.count('dispatch')).toBe(1)
  })

  test('a failure is an answer', async () => {
    web.workflow('test.yml', {
      name: 'Test',
      jobs: [{name: 'unit', steps: [{name: 'Run', ms: 100, conclusion: 'failure'}]}],
    })
    expect((await run({ref: 'main'})).output).toMatchObject({
      conclusion: 'failure',
      passed: false,
      jobs: [{name: 'unit', conclusion: 'failure'}],
    })
  })

  test('where no workflow is called like it, the commit’s checks count', async () => {
    const sha = web.commit('x')
    web.workflow('odd.yml', {name: 'Odd', jobs: JOBS})
    web.startRun({workflow: 'odd.yml', conclusion: 'success', ageMs: 1000})
    expect((await run({sha})).output).toMatchObject({passed: true, workflow: null})
    await expect(run({sha: web.commit('y')})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(github.count('dispatch')).toBe(0)
  })

  test('validate_build tells how a commit did and starts nothing', async () => {
    web.workflow('ci.yml', {name: 'CI', jobs: JOBS})
    const sha = web.commit('x')
    const validate = async () =>
      (await agents.perform(cicd, 'validate_build', {repository: 'acme/web', sha})).output
    expect(await validate()).toMatchObject({status: 'none', passed: false})
    const going = web.startRun({workflow: 'ci.yml', event: 'push'})
    going.hold()
    expect(await validate()).toMatchObject({status: 'pending', passed: false})
    going.finish('failure')
    expect(await validate()).toMatchObject({status: 'failure', passed: false})
    going.rerun()
    going.finish('success')
    expect(await validate()).toMatchObject({status: 'success', passed: true})
    expect(github.count('dispatch')).toBe(0)
  })

  test('deploy_artifact runs a target’s workflow at a branch', async () => {
    web.branch('release-1')
    const {output} = await agents.perform(cicd, 'deploy_artifact', {target: 'client', ref: 'release-1'})
    expect(web.runs[0]).toMatchObject({branch: 'release-1', workflow: 'client-deploy.yml'})
    expect(output).toMatchObject({conclusion: 'success', workflow: 'client-deploy.yml'})
  })

  test.each(['run_pipeline', 'deploy_artifact'])(
    '%s whose answer was never written down starts no second run',
    async action => {
      web.workflow('ci.yml', {name: 'CI', jobs: JOBS})
      const input =
        action === 'run_pipeline'
          ? {pipeline: 'test', repository: 'acme/web', sha: web.commit('x')}
          : {target: 'client', ref: 'main'}
      const rows: EffectRows = new Map()
      const first = await agents.perform(cicd, action, input, {rows})
      rows.set('dispatch', {})
      const second = await agents.perform(cicd, action, input, {rows})
      expect(second.output['run_url']).toBe(first.output['run_url'])
      expect(web.runs).toHaveLength(1)
      expect(github.count('dispatch')).toBe(1)
    },
  )
})
