import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {App, Octokit, RequestError} from 'octokit'
import {afterEach, describe, expect, test} from 'vitest'
import {
  startGithubEmulator,
  type GithubEmulator,
  type GithubEmulatorOptions,
  type JobScript,
  type Repository,
} from '../../src/emulators/github/index.ts'

const SPEED = 200
const WEB = {owner: 'acme', repo: 'web'}
const DEPLOY = {...WEB, workflow_id: 'client-deploy.yml', ref: 'main'}
const DISPATCH = 'POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches'
const INPUTS = {correlation_id: 'c0ffee00-1111-4222-8333-444455556666', requester: 'ada'}
const TITLE = `Client Deploy — ${INPUTS.correlation_id} by ada`

const BUILD_FAILS: readonly JobScript[] = [
  {
    name: 'build',
    steps: [
      {name: 'Install', ms: 100, run: 'npm ci', log: ['added 240 packages']},
      {
        name: 'Compile',
        ms: 100,
        run: 'npm run build',
        conclusion: 'failure',
        log: ['src/a.ts(3,1): error TS1005'],
        exitCode: 2,
      },
      {name: 'Publish', ms: 100},
    ],
  },
  {name: 'deploy', needs: ['build'], steps: [{name: 'Upload', ms: 100}]},
]

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(options: GithubEmulatorOptions = {}): Promise<GithubEmulator> {
  const github = await startGithubEmulator({speed: SPEED, ...options})
  closing.push(() => github.close())
  return github
}

function webRepository(
  github: GithubEmulator,
  workflow: object = {},
  options: {private?: boolean} = {},
): Repository {
  const repository = github.repository('acme/web', options)
  repository.workflow('client-deploy.yml', {name: 'Client Deploy', ...workflow})
  return repository
}

function client(
  github: GithubEmulator,
  auth: string | undefined = github.token({login: 'signalbox'}),
): Octokit {
  return new Octokit({
    ...(auth && {auth}),
    baseUrl: github.url,
    retry: {enabled: false},
    throttle: {enabled: false},
    log: silent,
  })
}

const silent = {debug() {}, info() {}, warn() {}, error() {}}

async function refusalOf(request: Promise<unknown>): Promise<RequestError> {
  const outcome = await request.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  )
  if (!(outcome instanceof RequestError)) throw outcome
  return outcome
}

interface RunPayload {
  readonly action: string
  readonly workflow_run: {readonly status: string; readonly conclusion: string | null}
}

/** A webhook receiver that keeps what it is sent and answers 204. */
async function startReceiver(status = 204) {
  const received: {headers: Record<string, string | undefined>; body: string}[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push({
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks).toString(),
      })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise(resolve => server.close(resolve)))
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/github`, received}
}

describe('dispatch', () => {
  test('answers 204 and nothing else unless details are asked for', async () => {
    const github = await start()
    const repository = webRepository(github)
    const response = await client(github).request(DISPATCH, {...DEPLOY, inputs: INPUTS})
    expect(response.status).toBe(204)
    expect(response.data).toBe('')
    expect(repository.runs.map(run => run.displayTitle)).toEqual([TITLE])
  })

  test('answers 200 with the run when details are asked for', async () => {
    const github = await start()
    const repository = webRepository(github)
    const response = await client(github).request(DISPATCH, {
      ...DEPLOY,
      inputs: INPUTS,
      return_run_details: true,
    })
    const [run] = repository.runs
    expect(response.status as number).toBe(200)
    expect(response.data).toEqual({
      workflow_run_id: run?.id,
      run_url: `${github.url}/repos/acme/web/actions/runs/${run?.id}`,
      html_url: run?.url,
    })
    expect(await (await fetch(run?.url ?? '')).text()).toContain(TITLE)
  })

  test('always answers 200 with the run under API version 2026-03-10', async () => {
    const github = await start()
    webRepository(github)
    const response = await client(github).request(DISPATCH, {
      ...DEPLOY,
      inputs: INPUTS,
      headers: {'x-github-api-version': '2026-03-10'},
    })
    expect(response.status as number).toBe(200)
    expect(response.headers['x-github-api-version-selected']).toBe('2026-03-10')
  })

  test('a legacy server refuses return_run_details and starts nothing', async () => {
    const github = await start({apiFlavour: 'legacy'})
    const repository = webRepository(github)
    const error = await refusalOf(
      client(github).request(DISPATCH, {...DEPLOY, inputs: INPUTS, return_run_details: true}),
    )
    expect(error.status).toBe(422)
    expect(error.message).toContain('"return_run_details" is not a permitted key.')
    expect(repository.runs).toEqual([])
  })

  test('a legacy-silent server overlooks return_run_details', async () => {
    const github = await start({apiFlavour: 'legacy-silent'})
    const repository = webRepository(github)
    const response = await client(github).request(DISPATCH, {
      ...DEPLOY,
      inputs: INPUTS,
      return_run_details: true,
    })
    expect(response.status).toBe(204)
    expect(repository.runs).toHaveLength(1)
  })

  test.each([
    [
      'an input the workflow does not declare',
      {inputs: {...INPUTS, colour: 'red'}},
      'Unexpected inputs provided: ["colour"]',
    ],
    ['a missing required input', {inputs: {}}, "Required input 'stage' not provided"],
    [
      'a value outside the choice',
      {inputs: {stage: 'moon'}},
      "Provided value 'moon' for input 'stage' not in the list of allowed values",
    ],
    [
      'an input that is not text',
      {inputs: {stage: ['dev']}},
      `For 'additionalProperties', ["dev"] is not a string.`,
    ],
    [
      'more than 25 inputs',
      {
        inputs: Object.fromEntries(Array.from({length: 26}, (_, i) => [`i${i}`, ''])) as Record<
          string,
          string
        >,
      },
      'No more than 25 properties are allowed; 26 were supplied.',
    ],
    ['a ref that does not exist', {ref: 'gone', inputs: {stage: 'dev'}}, 'No ref found for: gone'],
    ['an unknown field', {inputs: {stage: 'dev'}, dry_run: true}, '"dry_run" is not a permitted key.'],
  ])('refuses %s with 422', async (_what, change, message) => {
    const github = await start()
    const repository = webRepository(github, {
      inputs: {
        correlation_id: {},
        requester: {},
        stage: {required: true, type: 'choice', options: ['dev', 'prod']},
      },
    })
    const error = await refusalOf(client(github).request(DISPATCH, {...DEPLOY, ...change}))
    expect(error.status).toBe(422)
    expect(error.message).toContain(message)
    expect(repository.runs).toEqual([])
  })

  test('refuses a workflow without the trigger, a disabled one, and one that is not on the default branch', async () => {
    const github = await start()
    const repository = webRepository(github, {dispatchable: false})
    const octokit = client(github)
    expect((await refusalOf(octokit.request(DISPATCH, DEPLOY))).message).toContain(
      "does not have 'workflow_dispatch' trigger",
    )
    repository.workflow('client-deploy.yml', {name: 'Client Deploy'}).disable()
    expect((await refusalOf(octokit.request(DISPATCH, DEPLOY))).message).toContain('disabled workflow')
    repository.workflow('client-deploy.yml', {name: 'Client Deploy', onDefaultBranch: false})
    expect((await refusalOf(octokit.request(DISPATCH, DEPLOY))).status).toBe(404)
    expect((await refusalOf(octokit.request(DISPATCH, {...DEPLOY, workflow_id: 'nope.yml'}))).status).toBe(
      404,
    )
  })

  test('takes the inputs, run name and concurrency from the YAML when it is given', async () => {
    const github = await start()
    const repository = webRepository(github, {
      yaml: 'name: Ship\nrun-name: ship ${{ inputs.what }} for ${{ github.actor }} from ${{ github.ref_name }}\non:\n  workflow_dispatch:\n    inputs:\n      what: {required: true}\n',
    })
    repository.tag('v1.0.0')
    const octokit = client(github)
    await octokit.request(DISPATCH, {...DEPLOY, ref: 'refs/tags/v1.0.0', inputs: {what: 'web'}})
    expect(repository.runs[0]).toMatchObject({
      displayTitle: 'ship web for signalbox from v1.0.0',
      branch: 'v1.0.0',
    })
    const file = await octokit.rest.repos.getContent({...WEB, path: '.github/workflows/client-deploy.yml'})
    if (!('content' in file.data)) throw new Error('not a file')
    expect(Buffer.from(file.data.content, 'base64').toString()).toContain('run-name: ship')
  })
})

describe('reading runs', () => {
  test('a run is found by its title among those created since, once the listing delay has passed', async () => {
    let time = Date.parse('2026-11-21T10:00:00.700Z')
    const github = await start({now: () => time, listingDelayMs: 2000})
    const repository = webRepository(github)
    repository.startRun({
      workflow: 'client-deploy.yml',
      event: 'workflow_dispatch',
      ageMs: 600_000,
      conclusion: 'success',
    })
    const octokit = client(github)
    await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS})
    const search = {...DEPLOY, event: 'workflow_dispatch', branch: 'main', created: '>=2026-11-21T09:59:55Z'}
    expect((await octokit.rest.actions.listWorkflowRuns(search)).data.total_count).toBe(0)
    time += 2000
    const listed = await octokit.rest.actions.listWorkflowRuns(search)
    expect(listed.data.workflow_runs.map(run => run.display_title)).toEqual([TITLE])
    expect(listed.data.workflow_runs[0]).toMatchObject({
      name: 'Client Deploy',
      created_at: '2026-11-21T10:00:00Z',
      head_branch: 'main',
    })
    expect(
      (await octokit.rest.actions.listWorkflowRuns({...search, created: '>2026-11-21T10:00:00Z'})).data
        .total_count,
    ).toBe(0)
  })

  test('a run goes from queued over in_progress to success, with its job and numbered steps', async () => {
    let time = Date.parse('2026-11-21T10:00:00Z')
    const github = await start({now: () => time, speed: 1})
    webRepository(github, {
      jobs: [
        {
          name: 'deploy',
          queuedMs: 2000,
          steps: [
            {name: 'Upload', ms: 3000},
            {name: 'Check', ms: 4000},
          ],
        },
      ],
    })
    const octokit = client(github)
    const {data} = await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS, return_run_details: true})
    const run_id = (data as unknown as {workflow_run_id: number}).workflow_run_id
    const look = async () => {
      const run = await octokit.rest.actions.getWorkflowRun({...WEB, run_id})
      const jobs = await octokit.rest.actions.listJobsForWorkflowRun({...WEB, run_id})
      const [job] = jobs.data.jobs
      return {
        run: [run.data.status, run.data.conclusion],
        job: [job?.status, job?.conclusion],
        steps: job?.steps?.map(step => `${step.number} ${step.name} ${step.conclusion ?? step.status}`),
      }
    }
    expect(await look()).toEqual({run: ['queued', null], job: ['queued', null], steps: []})
    time += 5500
    expect(await look()).toEqual({
      run: ['in_progress', null],
      job: ['in_progress', null],
      steps: ['1 Set up job success', '2 Upload success', '3 Check in_progress', '4 Complete job queued'],
    })
    time += 60_000
    expect(await look()).toMatchObject({run: ['completed', 'success'], job: ['completed', 'success']})
    const {data: done} = await octokit.rest.actions.getWorkflowRun({...WEB, run_id})
    // Stamped with when it happened, not with when somebody looked.
    expect([done.run_started_at, done.updated_at]).toEqual(['2026-11-21T10:00:00Z', '2026-11-21T10:00:09Z'])
  })

  test('a failing step fails its job, skips what follows, and its log arrives through the redirect', async () => {
    const github = await start()
    const repository = webRepository(github, {jobs: BUILD_FAILS})
    const octokit = client(github)
    await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS})
    const run = await github.eventually(() => repository.runs.find(one => one.conclusion === 'failure'))
    const {data} = await octokit.rest.actions.listJobsForWorkflowRun({...WEB, run_id: run.id})
    expect(data.jobs.map(job => [job.name, job.conclusion])).toEqual([
      ['build', 'failure'],
      ['deploy', 'skipped'],
    ])
    expect(data.jobs[0]?.steps?.map(step => step.conclusion)).toEqual([
      'success',
      'success',
      'failure',
      'skipped',
      'success',
    ])

    const log = await octokit.rest.actions.downloadJobLogsForWorkflowRun({
      ...WEB,
      job_id: Number(data.jobs[0]?.id),
    })
    const lines = String(log.data).split('\n')
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z ##\[group\]Run npm run build$/),
    )
    expect(lines).toContainEqual(expect.stringContaining(' src/a.ts(3,1): error TS1005'))
    expect(lines).toContainEqual(expect.stringContaining(' ##[error]Process completed with exit code 2.'))
    expect(
      (
        await refusalOf(
          octokit.rest.actions.downloadJobLogsForWorkflowRun({...WEB, job_id: Number(data.jobs[1]?.id)}),
        )
      ).status,
    ).toBe(404)
  })

  test('the signed address of a log is on another origin, is good for a minute, and wants no credentials', async () => {
    let time = Date.now()
    const github = await start({now: () => time})
    const repository = webRepository(github)
    const run = repository.startRun({workflow: 'client-deploy.yml'})
    run.finish()
    const octokit = client(github)
    const {headers, status} = await octokit.rest.actions.downloadJobLogsForWorkflowRun({
      ...WEB,
      job_id: run.jobs[0]?.id ?? 0,
      request: {redirect: 'manual'},
    })
    const location = headers.location ?? ''
    expect(status as number).toBe(302)
    expect(new URL(location).origin).not.toBe(github.url)
    expect((await fetch(location)).status).toBe(200)
    expect((await fetch(location, {headers: {authorization: 'Bearer x'}})).status).toBe(400)
    expect((await fetch(location.replace('sig=', 'sig=A'))).status).toBe(403)
    time += 61_000
    expect((await fetch(location)).status).toBe(403)
  })

  test('lists are paged, with Link headers that octokit follows', async () => {
    const github = await start()
    const repository = webRepository(github)
    for (let age = 1; age <= 7; age++) {
      repository.startRun({
        workflow: 'client-deploy.yml',
        ageMs: age * 3_600_000,
        conclusion: age % 2 ? 'success' : 'failure',
      })
    }
    const octokit = client(github)
    const all = await octokit.paginate(octokit.rest.actions.listWorkflowRunsForRepo, {...WEB, per_page: 3})
    expect(all).toHaveLength(7)
    expect(all.map(run => run.created_at)).toEqual(
      all
        .map(run => run.created_at)
        .sort()
        .reverse(),
    )
    expect(github.count('runs')).toBe(3)
    const {data} = await octokit.rest.actions.listWorkflowRunsForRepo({
      ...WEB,
      status: 'failure',
      event: 'push',
    })
    expect(data.total_count).toBe(3)
  })

  test('an unchanged answer is a 304 and costs nothing of the limit', async () => {
    const github = await start()
    const run = webRepository(github, {hold: true}).startRun({workflow: 'client-deploy.yml'})
    const octokit = client(github)
    const first = await octokit.rest.actions.getWorkflowRun({...WEB, run_id: run.id})
    const headers = {'if-none-match': first.headers.etag ?? ''}
    const again = await refusalOf(octokit.rest.actions.getWorkflowRun({...WEB, run_id: run.id, headers}))
    expect(again.status).toBe(304)
    expect(again.response?.headers['x-ratelimit-used']).toBe(first.headers['x-ratelimit-used'])
    run.finish()
    const changed = await octokit.rest.actions.getWorkflowRun({...WEB, run_id: run.id, headers})
    expect(changed.data.status).toBe('completed')
  })

  test('branches, tags, commits and matching refs tell of the repository', async () => {
    const github = await start()
    const repository = webRepository(github)
    const sha = repository.commit('Fix the header\n\nFor real.', {author: 'grace'})
    repository.branch('feature/login')
    repository.branch('feature/logout')
    repository.tag('v2')
    const {rest} = client(github)
    expect((await rest.repos.listBranches(WEB)).data.map(branch => branch.name)).toEqual([
      'feature/login',
      'feature/logout',
      'main',
    ])
    expect((await rest.repos.getBranch({...WEB, branch: 'feature/login'})).data.commit.sha).toBe(sha)
    expect(
      (await rest.git.listMatchingRefs({...WEB, ref: 'heads/feature/log'})).data.map(ref => ref.ref),
    ).toEqual(['refs/heads/feature/login', 'refs/heads/feature/logout'])
    expect((await rest.git.getRef({...WEB, ref: 'tags/v2'})).data.object.sha).toBe(sha)
    const commit = await rest.repos.getCommit({...WEB, ref: 'main'})
    expect(commit.data).toMatchObject({
      sha,
      commit: {message: 'Fix the header\n\nFor real.'},
      author: {login: 'grace'},
    })
    expect((await rest.repos.listCommits(WEB)).data).toHaveLength(2)
    expect((await rest.repos.get(WEB)).data.default_branch).toBe('main')
    const run = repository.startRun({workflow: 'client-deploy.yml', actor: 'grace'})
    expect((await rest.actions.getWorkflowRun({...WEB, run_id: run.id})).data.display_title).toBe(
      'Fix the header',
    )
  })
})

describe('acting on runs', () => {
  test('cancel is accepted, takes effect a moment later, and is a conflict after the end', async () => {
    let time = Date.now()
    const github = await start({now: () => time, speed: 1})
    const run = webRepository(github).startRun({workflow: 'client-deploy.yml'})
    const octokit = client(github)
    time += 1000
    expect((await octokit.rest.actions.cancelWorkflowRun({...WEB, run_id: run.id})).status).toBe(202)
    expect(run.status).toBe('in_progress')
    time += 1000
    expect([run.status, run.conclusion]).toEqual(['completed', 'cancelled'])
    expect(run.jobs[0]?.steps.map(step => step.conclusion)).toEqual([
      'success',
      'success',
      'cancelled',
      'skipped',
      'skipped',
    ])
    const error = await refusalOf(octokit.rest.actions.cancelWorkflowRun({...WEB, run_id: run.id}))
    expect([error.status, error.message]).toEqual([
      409,
      expect.stringContaining('Cannot cancel a workflow run that is completed.'),
    ])
  })

  test('a job that ignores cancellation yields to force-cancel', async () => {
    let time = Date.now()
    const github = await start({now: () => time})
    const jobs = [{name: 'deploy', ignoresCancel: true, steps: [{name: 'Clean up', ms: Infinity}]}]
    const run = webRepository(github, {jobs}).startRun({workflow: 'client-deploy.yml'})
    const octokit = client(github)
    time += 60_000
    await octokit.rest.actions.cancelWorkflowRun({...WEB, run_id: run.id})
    time += 60_000
    expect(run.status).toBe('in_progress')
    await octokit.rest.actions.forceCancelWorkflowRun({...WEB, run_id: run.id})
    expect(run.conclusion).toBe('cancelled')
  })

  test('a re-run is a second attempt of the same run, and the first stays readable', async () => {
    const github = await start()
    const repository = webRepository(github, {
      hold: true,
      script: (_inputs: unknown, attempt: number) =>
        attempt === 1 ? BUILD_FAILS : BUILD_FAILS.map(job => ({...job, steps: [{name: 'All', ms: 10}]})),
    })
    const octokit = client(github)
    const run = repository.startRun({workflow: 'client-deploy.yml'})
    expect((await refusalOf(octokit.rest.actions.reRunWorkflow({...WEB, run_id: run.id}))).status).toBe(403)
    run.release()
    await github.eventually(() => run.conclusion === 'failure')
    expect((await octokit.rest.actions.reRunWorkflowFailedJobs({...WEB, run_id: run.id})).status).toBe(201)
    await github.eventually(() => run.conclusion === 'success')
    const {data} = await octokit.rest.actions.getWorkflowRun({...WEB, run_id: run.id})
    expect(data).toMatchObject({
      id: run.id,
      run_attempt: 2,
      conclusion: 'success',
      triggering_actor: {login: 'signalbox'},
    })
    const first = await octokit.rest.actions.listJobsForWorkflowRunAttempt({
      ...WEB,
      run_id: run.id,
      attempt_number: 1,
    })
    expect(first.data.jobs.map(job => job.conclusion)).toEqual(['failure', 'skipped'])
    const all = await octokit.rest.actions.listJobsForWorkflowRun({...WEB, run_id: run.id, filter: 'all'})
    expect(all.data.jobs.map(job => job.run_attempt)).toEqual([1, 1, 2, 2])
  })

  test('of a concurrency group one run works, one is pending, and a newer one takes the place of the pending', async () => {
    const github = await start()
    const repository = webRepository(github, {concurrency: 'deploy', hold: true})
    const [first, second, third] = [1, 2, 3].map(() => repository.startRun({workflow: 'client-deploy.yml'}))
    expect([first?.status, second?.conclusion, third?.status]).toEqual(['queued', 'cancelled', 'pending'])
    first?.finish()
    expect(third?.status).toBe('queued')
  })

  test('a held run stands still; released it goes on where it stopped', async () => {
    let time = Date.now()
    const github = await start({now: () => time, speed: 1})
    const jobs = [{name: 'deploy', queuedMs: 0, steps: [{name: 'Upload', ms: 3000}]}]
    const run = webRepository(github, {jobs}).startRun({workflow: 'client-deploy.yml'})
    time += 1000
    run.hold()
    time += 3_600_000
    expect(run.status).toBe('in_progress')
    run.release()
    time += 1999
    expect(run.status).toBe('in_progress')
    time += 1
    expect(run.conclusion).toBe('success')
  })

  test('a job can be made to fail while the others go on', async () => {
    const github = await start()
    const jobs: JobScript[] = [
      {name: 'test', steps: [{name: 'Unit', ms: Infinity}]},
      {name: 'lint', steps: [{name: 'Lint', ms: Infinity}]},
      {name: 'deploy', needs: ['test', 'lint'], steps: [{name: 'Upload', ms: 10}]},
    ]
    const run = webRepository(github, {jobs}).startRun({workflow: 'client-deploy.yml'})
    await github.eventually(() => run.jobs.filter(job => job.status === 'in_progress').length === 2)
    run.fail('test', 'Unit', ['expected 1 to be 2'])
    expect(run.status).toBe('in_progress')
    expect(run.jobs.map(job => job.conclusion)).toEqual(['failure', null, null])
    // What waits for others does not exist yet.
    const {data} = await client(github).rest.actions.listJobsForWorkflowRun({...WEB, run_id: run.id})
    expect(data.jobs.map(job => job.name)).toEqual(['test', 'lint'])
    run.finish('failure')
    expect(run.jobs.map(job => job.conclusion)).toEqual(['failure', 'failure', 'skipped'])
  })

  test('a job that waits for an environment goes on once approved', async () => {
    const github = await start()
    const jobs: JobScript[] = [{name: 'deploy', waitingFor: 'environment', steps: [{name: 'Upload', ms: 10}]}]
    const run = webRepository(github, {jobs}).startRun({workflow: 'client-deploy.yml'})
    expect(run.status).toBe('waiting')
    run.approve()
    await github.eventually(() => run.conclusion === 'success')
  })
})

describe('limits and faults', () => {
  test('the primary limit refuses with 403, nothing remaining, and opens again at the reset', async () => {
    let time = Date.now()
    const github = await start({now: () => time, requestsPerHour: 2})
    webRepository(github)
    const octokit = client(github)
    await octokit.rest.repos.get(WEB)
    await octokit.rest.repos.get(WEB)
    const error = await refusalOf(octokit.rest.repos.get(WEB))
    expect([error.status, error.response?.headers['x-ratelimit-remaining']]).toEqual([403, '0'])
    expect(error.message).toContain('API rate limit exceeded')
    const limits = await octokit.rest.rateLimit.get()
    expect(limits.data.resources.core).toMatchObject({limit: 2, remaining: 0, used: 2})
    time = limits.data.resources.core.reset * 1000
    expect((await octokit.rest.repos.get(WEB)).status).toBe(200)
  })

  test('a secondary limit comes with retry-after, as 403 or as 429', async () => {
    const github = await start()
    webRepository(github)
    github.misbehave({route: 'repository', kind: 'secondaryLimit', retryAfterS: 7})
    github.misbehave({route: 'repository', kind: 'secondaryLimit', status: 429})
    const octokit = client(github)
    const first = await refusalOf(octokit.rest.repos.get(WEB))
    expect([first.status, first.response?.headers['retry-after']]).toEqual([403, '7'])
    expect(first.message).toContain('secondary rate limit')
    expect((await refusalOf(octokit.rest.repos.get(WEB))).status).toBe(429)
    expect((await octokit.rest.repos.get(WEB)).status).toBe(200)
  })

  test.each(['serverError', 'reset', 'timeout'] as const)(
    'after an unclear dispatch (%s) the run exists',
    async kind => {
      const github = await start()
      const repository = webRepository(github, {hold: true})
      github.misbehave({route: 'dispatch', kind, takesEffect: true})
      const octokit = client(github)
      await expect(
        octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS, request: {signal: AbortSignal.timeout(300)}}),
      ).rejects.toThrow()
      expect(repository.runs.map(run => run.displayTitle)).toEqual([TITLE])
      expect(github.count('dispatch')).toBe(1)
      await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS})
      expect(repository.runs).toHaveLength(2)
    },
  )

  test('a fault without effect starts nothing, and a fault can be disarmed', async () => {
    const github = await start()
    const repository = webRepository(github)
    const octokit = client(github)
    const disarm = github.misbehave({route: 'dispatch', kind: 'serverError', status: 503, times: 5})
    expect((await refusalOf(octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS}))).status).toBe(503)
    expect(repository.runs).toEqual([])
    disarm()
    expect((await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS})).status).toBe(204)
  })

  test('malformed JSON, an unknown version, a missing user agent and an unknown path are refused', async () => {
    const github = await start()
    webRepository(github)
    const authorization = `Bearer ${github.token()}`
    const url = `${github.url}/repos/acme/web/actions/workflows/client-deploy.yml/dispatches`
    const status = async (path: string, init: RequestInit) => (await fetch(path, init)).status
    expect(await status(url, {method: 'POST', body: '{', headers: {authorization}})).toBe(400)
    expect(await status(url, {method: 'POST', body: '[]', headers: {authorization}})).toBe(400)
    expect(await status(`${github.url}/meta`, {headers: {'x-github-api-version': '1999-01-01'}})).toBe(400)
    expect(await status(`${github.url}/meta`, {headers: {'user-agent': ''}})).toBe(403)
    expect(await status(`${github.url}/nowhere`, {})).toBe(404)
  })
})

describe('who may', () => {
  test('bad credentials are 401, and so is an installation token after its hour', async () => {
    let time = Date.now()
    const github = await start({now: () => time})
    webRepository(github)
    const error = await refusalOf(client(github, 'github_pat_wrong').rest.repos.get(WEB))
    expect([error.status, error.message]).toEqual([401, expect.stringContaining('Bad credentials')])
    const {appId, installationId, privateKey} = github.app()
    const app = new App({
      appId,
      privateKey,
      Octokit: Octokit.defaults({baseUrl: github.url, throttle: {enabled: false}}),
    })
    const {data} = await app.octokit.rest.apps.createInstallationAccessToken({
      installation_id: installationId,
    })
    const octokit = client(github, data.token)
    time += 3_599_000
    expect((await octokit.rest.repos.get(WEB)).status).toBe(200)
    time += 1000
    expect((await refusalOf(octokit.rest.repos.get(WEB))).status).toBe(401)
  })

  test('a token without actions:write may not dispatch and is told what it lacks', async () => {
    const github = await start()
    const repository = webRepository(github)
    const error = await refusalOf(
      client(github, github.token({permissions: {actions: 'read'}})).request(DISPATCH, DEPLOY),
    )
    expect(error.status).toBe(403)
    expect(error.message).toContain('Resource not accessible by personal access token')
    expect(error.response?.headers['x-accepted-github-permissions']).toBe('actions=write')
    expect(repository.runs).toEqual([])
  })

  test('a private repository is 404 to strangers, and reading its runs needs actions:read', async () => {
    const github = await start()
    webRepository(github, {}, {private: true})
    const look = (token: string | undefined) =>
      refusalOf(client(github, token).rest.actions.listWorkflowRunsForRepo(WEB))
    expect((await look('')).status).toBe(404)
    expect((await look(github.token({repositories: ['acme/other']}))).status).toBe(404)
    expect((await look(github.token({permissions: {contents: 'read'}}))).status).toBe(403)
    const octokit = client(github, github.token({permissions: {actions: 'read'}, repositories: ['acme/web']}))
    expect((await octokit.rest.actions.listWorkflowRunsForRepo(WEB)).status).toBe(200)
  })

  test('a public repository can be read but not dispatched by anyone', async () => {
    const github = await start()
    webRepository(github)
    const nobody = client(github, '')
    expect((await nobody.rest.actions.listWorkflowRunsForRepo(WEB)).headers['x-ratelimit-limit']).toBe('60')
    expect((await refusalOf(nobody.request(DISPATCH, DEPLOY))).status).toBe(401)
    expect((await refusalOf(nobody.rest.users.getAuthenticated())).status).toBe(401)
  })

  test('tells the role of a collaborator', async () => {
    const github = await start()
    webRepository(github).collaborator('grace', 'maintain')
    const {rest} = client(github, github.token({login: 'ada'}))
    const role = async (username: string) =>
      (await rest.repos.getCollaboratorPermissionLevel({...WEB, username})).data
    expect(await role('grace')).toMatchObject({permission: 'write', role_name: 'maintain'})
    expect(await role('ada')).toMatchObject({permission: 'read', role_name: 'read'})
    expect((await refusalOf(role('nobody'))).status).toBe(404)
    expect((await rest.users.getAuthenticated()).data.login).toBe('ada')
  })

  test('an App signs in with its key, gets an installation token, and acts as its bot', async () => {
    const github = await start()
    const repository = webRepository(github)
    const {appId, installationId, privateKey} = github.app({slug: 'signalbox'})
    const app = new App({
      appId,
      privateKey,
      Octokit: Octokit.defaults({baseUrl: github.url, throttle: {enabled: false}}),
    })
    expect((await app.octokit.request('GET /app')).data?.slug).toBe('signalbox')
    const octokit = await app.getInstallationOctokit(installationId)
    await octokit.request(DISPATCH, {...DEPLOY, inputs: INPUTS})
    expect(repository.runs[0]?.actor).toBe('signalbox[bot]')
    const {data} = await octokit.rest.apps.listReposAccessibleToInstallation()
    expect(data.repositories.map(one => one.full_name)).toEqual(['acme/web'])
    const {data: token} = await app.octokit.rest.apps.createInstallationAccessToken({
      installation_id: installationId,
      permissions: {actions: 'read'},
    })
    expect((await refusalOf(client(github, token.token).request(DISPATCH, DEPLOY))).message).toContain(
      'not accessible by integration',
    )
  })

  test('an App with another key, or asking for more than it has, is refused', async () => {
    const github = await start()
    webRepository(github)
    const {appId, installationId, privateKey} = github.app()
    const other = github.app()
    const sign = (key: string) =>
      new App({
        appId,
        privateKey: key,
        Octokit: Octokit.defaults({
          baseUrl: github.url,
          retry: {enabled: false},
          throttle: {enabled: false},
          log: silent,
        }),
      })
    expect((await refusalOf(sign(other.privateKey).octokit.request('GET /app'))).status).toBe(401)
    const {rest} = sign(privateKey).octokit
    const greedy = rest.apps.createInstallationAccessToken({
      installation_id: installationId,
      permissions: {contents: 'write'},
    })
    expect((await refusalOf(greedy)).status).toBe(422)
    const elsewhere = rest.apps.createInstallationAccessToken({installation_id: other.installationId})
    expect((await refusalOf(elsewhere)).status).toBe(404)
  })
})

describe('webhooks', () => {
  const secret = "It's a Secret to Everybody"
  const {webhooks: verifier} = new App({appId: 1, privateKey: 'unused', webhooks: {secret}})
  const isGenuine = ({headers, body}: {headers: Record<string, string | undefined>; body: string}) =>
    verifier.verify(body, headers['x-hub-signature-256'] ?? '')
  const named = (delivery: {event: string; action: string}) => `${delivery.event}.${delivery.action}`
  const delivered = (github: GithubEmulator, event: string) =>
    github.deliveries.filter(one => named(one) === event && one.outcome !== 'sending')

  test('tell the life of a run, signed over the raw body, in order', async () => {
    const github = await start()
    const receiver = await startReceiver()
    const repository = webRepository(github)
    github.webhooks({url: receiver.url, secret})
    repository.startRun({workflow: 'client-deploy.yml', title: 'Grüße — 🚀'})
    await github.eventually(() => delivered(github, 'workflow_run.completed').length === 1)
    expect(github.deliveries.map(named)).toEqual([
      'ping.',
      'workflow_run.requested',
      'workflow_job.queued',
      'workflow_run.in_progress',
      'workflow_job.in_progress',
      'workflow_job.completed',
      'workflow_run.completed',
    ])
    for (const request of receiver.received) {
      expect(await isGenuine(request)).toBe(true)
      expect(await isGenuine({...request, body: `${request.body} `})).toBe(false)
      expect(request.headers['user-agent']).toMatch(/^GitHub-Hookshot\//)
      expect(request.headers['x-github-delivery']).toMatch(/^[0-9a-f-]{36}$/)
    }
    const runs = receiver.received
      .filter(one => one.headers['x-github-event'] === 'workflow_run')
      .map(one => JSON.parse(one.body) as RunPayload)
    // Each shows the run as it was then.
    expect(
      runs.map(payload => [payload.action, payload.workflow_run.status, payload.workflow_run.conclusion]),
    ).toEqual([
      ['requested', 'queued', null],
      ['in_progress', 'in_progress', null],
      ['completed', 'completed', 'success'],
    ])
    expect(runs[0]).toMatchObject({
      repository: {full_name: 'acme/web'},
      workflow_run: {display_title: 'Grüße — 🚀'},
    })
  })

  test('are not retried, and a redelivery bears the old delivery id', async () => {
    const github = await start()
    const receiver = await startReceiver(500)
    const repository = webRepository(github)
    github.webhooks({url: receiver.url, secret, events: ['workflow_run']})
    repository.startRun({workflow: 'client-deploy.yml'})
    await github.eventually(() => delivered(github, 'workflow_run.completed').length === 1)
    const [requested] = delivered(github, 'workflow_run.requested')
    expect(requested).toMatchObject({outcome: 'refused', status: 500})
    expect(receiver.received).toHaveLength(4)
    github.redeliver(requested?.id ?? 0)
    await github.eventually(() => receiver.received.length === 5)
    expect(receiver.received[4]?.headers['x-github-delivery']).toBe(requested?.guid)
  })

  test('can be lost, doubled, forged, late and out of order', async () => {
    const github = await start()
    const receiver = await startReceiver()
    const repository = webRepository(github)
    github.misbehave({webhook: 'lost', event: 'workflow_run', action: 'requested'})
    github.misbehave({webhook: 'duplicate', event: 'workflow_job', action: 'queued'})
    github.misbehave({webhook: 'outOfOrder', event: 'workflow_run', action: 'in_progress'})
    github.misbehave({webhook: 'late', event: 'workflow_job', action: 'completed', ms: 300})
    github.misbehave({webhook: 'forged', event: 'workflow_run', action: 'completed'})
    github.webhooks({url: receiver.url, secret})
    repository.startRun({workflow: 'client-deploy.yml'})
    await github.eventually(() => receiver.received.length === 8)
    const seen = await Promise.all(
      receiver.received.map(async one => {
        const {action = ''} = JSON.parse(one.body) as Partial<RunPayload>
        return `${one.headers['x-github-event']}.${action}${(await isGenuine(one)) ? '' : ' forged'}`
      }),
    )
    expect(seen).toEqual([
      'ping.',
      'workflow_job.queued',
      'workflow_job.queued',
      'workflow_job.in_progress',
      'workflow_run.in_progress',
      'workflow_run.completed forged',
      'workflow_run.completed',
      'workflow_job.completed',
    ])
    const ids = receiver.received.map(one => one.headers['x-github-delivery'])
    expect(ids[1]).toBe(ids[2])
    expect(new Set(ids).size).toBe(7)
    expect(delivered(github, 'workflow_run.requested')[0]?.outcome).toBe('lost')
  })
})

describe('for people', () => {
  test('the control panel explains itself, lists runs, finishes them and arms faults', async () => {
    const github = await start()
    const repository = webRepository(github, {hold: true})
    const run = repository.startRun({workflow: 'client-deploy.yml'})
    const post = (path: string, body: object) =>
      fetch(`${github.url}/control${path}`, {method: 'POST', body: JSON.stringify(body)})
    expect(await (await fetch(`${github.url}/control`)).text()).toContain('/control/runs/:id/finish')
    const listed = await (await fetch(`${github.url}/control/repositories/acme/web/runs`)).json()
    expect(listed).toMatchObject({runs: [{id: run.id, status: 'queued'}]})
    expect((await post(`/runs/${run.id}/finish`, {conclusion: 'timed_out'})).status).toBe(200)
    expect(run.conclusion).toBe('timed_out')
    expect((await post(`/runs/${run.id}/explode`, {})).status).toBe(404)
    expect((await post('/faults', {route: 'meta', kind: 'gremlins'})).status).toBe(422)
    expect((await post(`/runs/${run.id}/fail`, {job: 'deploy', step: 'Upload'})).status).toBe(422)
    const issued = (await (await post('/tokens', {login: 'ada'})).json()) as {token: string}
    expect((await client(github, issued.token).rest.users.getAuthenticated()).data.login).toBe('ada')
    expect((await post('/faults', {route: 'meta', kind: 'serverError'})).status).toBe(201)
    expect((await fetch(`${github.url}/meta`)).status).toBe(502)
  })

  test('a wait that is not fulfilled says what was seen instead', async () => {
    const github = await start()
    webRepository(github, {hold: true}).startRun({workflow: 'client-deploy.yml', title: 'Slow one'})
    const wait = github.eventually(() => false, {timeoutMs: 20, what: 'a miracle'})
    await expect(wait).rejects.toThrow(/Waited 20 ms for a miracle[\s\S]*"Slow one" queued/)
  })

  test('pages escape what others wrote', async () => {
    const github = await start()
    const run = webRepository(github).startRun({
      workflow: 'client-deploy.yml',
      title: '<script>alert(1)</script>',
    })
    const page = await (await fetch(run.url)).text()
    expect(page).not.toContain('<script>')
    expect(page).toContain('&#60;script&#62;')
  })
})
