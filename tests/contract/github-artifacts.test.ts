import {unzipSync, strFromU8} from 'fflate'
import {Octokit, RequestError} from 'octokit'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {startGithubEmulator, type GithubEmulator, type Run} from '../../src/emulators/github/index.ts'
import type {CodeHost} from '../../src/integrations/github/code-host.ts'
import {createOctokitCodeHost} from '../../src/integrations/github/octokit-code-host.ts'

const WEB = {owner: 'acme', repo: 'web'}
const MOST = {mostBytes: 1_000_000}

let github: GithubEmulator
let run: Run
beforeEach(async () => {
  github = await startGithubEmulator({speed: 100})
  const web = github.repository('acme/web', {private: true})
  web.workflow('diagnose.yml', {
    name: 'Diagnose',
    // It ends when it is told to below, however slow this machine is.
    jobs: [{name: 'look', queuedMs: 0, steps: [{name: 'Look', ms: Infinity}]}],
    artifacts: (_inputs, conclusion) => [
      {name: 'summary', files: {'summary.json': `{"was":"${conclusion}"}`}},
    ],
  })
  run = web.startRun({workflow: 'diagnose.yml'})
  run.upload({name: 'coverage', files: {'a.txt': 'x'}})
  run.finish()
})
afterEach(() => github.close())

const octokit = (permissions?: Readonly<Record<string, 'read' | 'write'>>) =>
  new Octokit({
    auth: github.token(permissions === undefined ? {} : {permissions}),
    baseUrl: github.url,
    retry: {enabled: false},
    throttle: {enabled: false},
    log: {debug() {}, info() {}, warn() {}, error() {}},
  }).rest.actions

const host = (timeoutMs = 5_000): Promise<CodeHost> =>
  createOctokitCodeHost({
    auth: {kind: 'token', token: github.token({permissions: {actions: 'read'}})},
    apiUrl: github.url,
    throttle: false,
    clock: Date.now,
    timeoutMs,
  })

async function idOf(name: string): Promise<string> {
  const look = await (await host()).artifacts({repository: 'acme/web', runId: String(run.id), name})
  return look.kind === 'seen' ? (look.value[0]?.id ?? '') : ''
}

async function refusal(request: Promise<unknown>): Promise<{status: number; message: string}> {
  const outcome = await request.catch((error: unknown) => error)
  if (!(outcome instanceof RequestError)) throw new Error('it was not refused')
  return {status: outcome.status, message: outcome.message}
}

describe('the emulator', () => {
  test('lists what a run left, by name too, newest first', async () => {
    const {data} = await octokit().listWorkflowRunArtifacts({...WEB, run_id: run.id})
    expect(data).toMatchObject({
      total_count: 2,
      artifacts: [{name: 'summary', expired: false}, {name: 'coverage'}],
    })
    expect(data.artifacts[0]?.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    const named = await octokit().listWorkflowRunArtifacts({...WEB, run_id: run.id, name: 'coverage'})
    expect(named.data.artifacts.map(({name}) => name)).toEqual(['coverage'])
  })

  test('hands a zip out by a signed address on another host, which takes no credentials', async () => {
    const id = await idOf('summary')
    const {data} = await octokit().downloadArtifact({...WEB, artifact_id: Number(id), archive_format: 'zip'})
    const files = unzipSync(new Uint8Array(data as ArrayBuffer))
    expect(strFromU8(files['summary.json'] ?? new Uint8Array())).toBe('{"was":"success"}')
    const address = `${github.url}/repos/acme/web/actions/artifacts/${id}/zip`
    const headers = {authorization: `Bearer ${github.token()}`, 'user-agent': 'test'}
    const {status, headers: answered} = await fetch(address, {headers, redirect: 'manual'})
    expect(status).toBe(302)
    const location = answered.get('location') ?? ''
    expect((await fetch(location)).status).toBe(200)
    expect((await fetch(location, {headers})).status).toBe(400)
    expect((await fetch(location.replace(/sig=\w/, 'sig=_'))).status).toBe(403)
  })

  test('says 410 for what has expired, 404 for what is not there, 403 without actions:read', async () => {
    run.upload({name: 'old', files: {}, expired: true})
    const old = {...WEB, artifact_id: Number(await idOf('old')), archive_format: 'zip'}
    expect(await refusal(octokit().downloadArtifact(old))).toMatchObject({status: 410})
    expect(await refusal(octokit().downloadArtifact({...old, artifact_id: 1}))).toMatchObject({status: 404})
    expect(await refusal(octokit({contents: 'read'}).downloadArtifact(old))).toMatchObject({status: 403})
    expect(
      await refusal(octokit({contents: 'read'}).listWorkflowRunArtifacts({...WEB, run_id: run.id})),
    ).toMatchObject({
      status: 403,
    })
  })
})

test('a run with more jobs than a page holds is seen with all of them', async () => {
  const wide = github.repository('acme/wide')
  const jobs = Array.from({length: 120}, (_, nth) => ({
    name: `test (${nth})`,
    queuedMs: 0,
    steps: [{name: 'Test', ms: 0, conclusion: nth === 119 ? ('failure' as const) : ('success' as const)}],
  }))
  wide.workflow('ci.yml', {name: 'CI', jobs})
  const {id} = wide.startRun({workflow: 'ci.yml'})
  await github.eventually(() => wide.runs[0]?.conclusion === 'failure')
  const look = await (await host()).run({repository: 'acme/wide', runId: String(id)})
  if (look.kind !== 'seen') throw new Error(JSON.stringify(look))
  expect(look.value.jobs).toHaveLength(120)
  expect(look.value.jobs.filter(({conclusion}) => conclusion === 'failure')).toMatchObject([
    {name: 'test (119)'},
  ])
})

test('of the runs of a workflow only those are listed that were dispatched since, and of that workflow', async () => {
  const web = github.repository('acme/old')
  for (const name of ['ci.yml', 'other.yml']) web.workflow(name, {name})
  const past = (workflow: string, event: 'workflow_dispatch' | 'push', ageMs: number) =>
    web.startRun({workflow, event, ageMs, conclusion: 'success'}).id
  past('ci.yml', 'workflow_dispatch', 600_000)
  past('ci.yml', 'push', 1000)
  past('other.yml', 'workflow_dispatch', 1000)
  const recent = past('ci.yml', 'workflow_dispatch', 2000)
  const since = Date.now() - 60_000
  expect(
    await (await host()).dispatchedRuns({repository: 'acme/old', workflow: 'ci.yml', since}),
  ).toMatchObject({
    kind: 'seen',
    value: {length: 1, 0: {id: String(recent), event: 'workflow_dispatch'}},
  })
})

describe('the code host', () => {
  const ofRun = () => ({repository: 'acme/web', runId: String(run.id), name: 'summary'})

  test('reads an artifact up to the bound, and says when it holds more', async () => {
    const artifact = {repository: 'acme/web', artifactId: await idOf('summary')}
    const whole = await (await host()).artifactZip({...artifact, ...MOST})
    expect(whole.kind === 'seen' && Object.keys(unzipSync(whole.value))).toEqual(['summary.json'])
    expect(await (await host()).artifactZip({...artifact, mostBytes: 10})).toEqual({
      kind: 'refused',
      reason: 'It holds more than 10 bytes.',
    })
  })

  test('says that one has expired, and finds none of another name', async () => {
    run.upload({name: 'summary', files: {}, expired: true})
    expect(await (await host()).artifacts(ofRun())).toMatchObject({
      value: [{expired: true}, {expired: false}],
    })
    const artifactId = await idOf('summary')
    expect(await (await host()).artifactZip({repository: 'acme/web', artifactId, ...MOST})).toEqual({
      kind: 'missing',
    })
    expect(await (await host()).artifacts({...ofRun(), name: 'none'})).toEqual({kind: 'seen', value: []})
  })

  test.each([
    ['forbidden', {kind: 'forbidden'}, {kind: 'refused'}],
    ['not found', {kind: 'notFound'}, {kind: 'missing'}],
    ['429', {kind: 'secondaryLimit', status: 429}, {kind: 'slow-down'}],
    ['5xx', {kind: 'serverError'}, {kind: 'failed'}],
    ['no answer in time', {kind: 'timeout'}, {kind: 'failed'}],
  ] as const)('tells %s apart', async (_what, fault, look) => {
    const artifactId = await idOf('summary')
    const impatient = await host(250)
    github.misbehave({route: 'artifacts', ...fault})
    expect(await impatient.artifacts(ofRun())).toMatchObject(look)
    github.misbehave({route: 'artifactZip', ...fault})
    expect(await impatient.artifactZip({repository: 'acme/web', artifactId, ...MOST})).toMatchObject(look)
  })
})
