import {describe, expect, test} from 'vitest'
import diagnose from '../../../commands/diagnose.ts'
import type {CodeHost, Look, RunDetail, RunSummary} from '../../../src/integrations/github/code-host.ts'
import {checkPublicUrl} from '../../../src/kernel/public-url.ts'
import type {EndpointsPort, Services} from '../../../src/sdk/index.ts'
import {createDiagnosesPort} from '../../../src/verification/diagnoses-port.ts'
import {newDiagnosis, type DiagnosisOrder} from '../../../src/verification/diagnosis.ts'
import {createVerification, type VerifiedTarget} from '../../../src/verification/port.ts'
import {aRun} from './a-run.ts'

const RUN = aRun()
const target = (name: string, verify: VerifiedTarget['verify'] = {}): VerifiedTarget => ({
  name,
  repository: `acme/${name === 'client' ? 'web' : name}`,
  workflow: `${name}-deploy.yml`,
  ref: 'main',
  verify,
})
const TARGETS = [
  target('client'),
  target('docs', {frontend: 'https://docs.example.com'}),
  {...target('shop-eu', {frontend: 'https://eu.example.com'}), repository: 'acme/shop'},
  {...target('shop-us', {frontend: 'https://us.example.com'}), repository: 'acme/shop'},
  {...target('blog-a', {frontend: 'https://a.example.com'}), repository: 'acme/blog', workflow: 'blog.yml'},
  {...target('blog-b', {frontend: 'https://b.example.com'}), repository: 'acme/blog', workflow: 'blog.yml'},
]
const GENERAL = {frontend: 'https://web.example.com', api: 'https://api.example.com'}
const signal = new AbortController().signal

function verification({
  runs = {kind: 'seen', value: [RUN]},
  run = {kind: 'seen', value: RUN},
}: {readonly runs?: Look<readonly RunSummary[]>; readonly run?: Look<RunDetail>} = {}) {
  const asked: unknown[] = []
  const looked: unknown[] = []
  const note = <T>(list: unknown[], what: unknown, answer: T) => {
    list.push(what)
    return Promise.resolve(answer)
  }
  const codeHost = {
    recentRuns: ({repository, workflow, branch}: {repository: string; workflow: string; branch?: string}) =>
      note(asked, {repository, workflow, branch}, runs),
    run: (query: unknown) => note(asked, query, run),
  } as unknown as CodeHost
  const check: EndpointsPort['check'] = (_signal, bases) => note(looked, bases, [])
  const port = createVerification({
    codeHost,
    endpoints: {check},
    targets: TARGETS,
    repositories: ['acme/web', 'acme/docs', 'acme/shop', 'acme/blog', 'acme/tools'],
    bases: GENERAL,
    clock: () => 0,
  })
  return {verify: port.verify.bind(port), asked, looked}
}

describe('which run, and which addresses', () => {
  test('the newest run of the target’s workflow on its ref, and the general addresses', async () => {
    const {verify, asked, looked} = verification()
    expect(await verify({signal})).toMatchObject({run: {id: '42'}})
    expect(asked).toEqual([
      {repository: 'acme/web', workflow: 'client-deploy.yml', branch: 'main'},
      {repository: 'acme/web', runId: '42'},
    ])
    expect(looked).toEqual([GENERAL])
  })

  test('a target’s own addresses go before the general ones', async () => {
    const {verify, looked} = verification()
    await verify({target: 'docs', signal})
    expect(looked).toEqual([{frontend: 'https://docs.example.com', api: 'https://api.example.com'}])
  })

  test('an address of a run tells the target by its repository', async () => {
    const {verify, asked, looked} = verification()
    await verify({runUrl: 'https://github.com/ACME/docs/actions/runs/7', signal})
    expect(asked).toEqual([{repository: 'acme/docs', runId: '7'}])
    expect(looked).toEqual([{frontend: 'https://docs.example.com', api: 'https://api.example.com'}])
  })

  test.each([
    ['the workflow that it is of', 'shop', 'shop-us-deploy.yml', 'shop-us', 'https://us.example.com'],
    ['nothing where several share it', 'blog', 'blog.yml', 'acme/blog', GENERAL.frontend],
    ['nothing where no target ships by it', 'shop', 'ci.yml', 'acme/shop', GENERAL.frontend],
  ])(
    'where a repository has several targets a run tells which by %s',
    async (_how, home, file, name, frontend) => {
      const run = {...RUN, path: `.github/workflows/${file}@refs/heads/main`}
      const {verify, looked} = verification({run: {kind: 'seen', value: run}})
      const {reply} = await verify({runUrl: `https://github.com/acme/${home}/actions/runs/7`, signal})
      expect(reply.title).toMatch(new RegExp(`^${name} · (?!the run is of)`))
      expect(looked).toMatchObject([{frontend}])
    },
  )

  test('a run of another workflow is no success of the target, however well it went', async () => {
    const {verify} = verification()
    const {verdict, reply} = await verify({target: 'docs', runId: '42', signal})
    expect({verdict, title: reply.title}).toEqual({
      verdict: 'partial',
      title: 'docs · the run is of client-deploy.yml',
    })
    expect(reply.lines).toContainEqual(expect.stringContaining('name a run of `docs-deploy.yml`'))
    expect((await verify({target: 'client', runId: '42', signal})).verdict).toBe('ok')
  })

  test.each([
    [
      {runUrl: 'https://github.com/evil/repo/actions/runs/7'},
      'NOT_PERMITTED',
      'is not one of our repositories',
    ],
    [{runUrl: 'https://github.com/acme/web'}, 'INVALID_INPUT', 'not the address of a run'],
    [
      {runUrl: 'https://github.com/acme/web/actions/runs/7', target: 'docs'},
      'INVALID_INPUT',
      'docs is shipped from acme/docs, and the run is of acme/web.',
    ],
    [{target: 'nothing'}, 'INVALID_INPUT', 'There is no target nothing; there is client, docs, shop-eu'],
  ])('%j is refused', async (question, code, words) => {
    const {verify, asked} = verification()
    await expect(verify({...question, signal})).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    })
    expect(asked).toEqual([])
  })
})

describe('what GitHub says instead of a run', () => {
  test.each([
    [
      '404',
      {kind: 'missing'},
      'UPSTREAM_REFUSED',
      'There is no run 9 in acme/web, or our token can’t see it.',
    ],
    [
      '403',
      {kind: 'refused', reason: 'Our GitHub token may not do this.'},
      'UPSTREAM_REFUSED',
      'Our GitHub token may not do this.',
    ],
    ['429', {kind: 'slow-down', until: 60_000}, 'UPSTREAM_RATE_LIMITED', 'GitHub asks us to slow down.'],
    ['5xx', {kind: 'failed', reason: 'GitHub answered 503'}, 'UPSTREAM_UNAVAILABLE', 'GitHub answered 503.'],
    [
      'no answer in time',
      {kind: 'failed', reason: 'timeout'},
      'UPSTREAM_UNAVAILABLE',
      'GitHub did not answer in time.',
    ],
    [
      'a conflict',
      {kind: 'failed', reason: 'conflict'},
      'UPSTREAM_UNAVAILABLE',
      'GitHub answered 409: the repository is empty, or somebody changed the same at that moment.',
    ],
    [
      'what is no answer to it',
      {kind: 'failed', reason: 'an unexpected answer: ✖ Invalid input'},
      'UPSTREAM_UNAVAILABLE',
      'GitHub answered in a way that we don’t understand.',
    ],
    [
      'a broken connection',
      {kind: 'failed', reason: 'ECONNRESET'},
      'UPSTREAM_UNAVAILABLE',
      'GitHub did not answer.',
    ],
  ] as const)('%s has a sentence of its own', async (_what, run, code, message) => {
    await expect(verification({run}).verify({runId: '9', signal})).rejects.toMatchObject({code, message})
  })

  test('no run at all is an answer, and no success', async () => {
    const {verify} = verification({runs: {kind: 'seen', value: []}})
    expect(await verify({signal})).toMatchObject({
      verdict: 'failed',
      run: null,
      reply: {state: 'error', title: 'client · nothing to verify'},
    })
  })
})

describe('ordering a diagnosis', () => {
  function ordering() {
    const orders: DiagnosisOrder[] = []
    const port = createDiagnosesPort({
      diagnoses: {
        follow: async order => void orders.push(order),
        open: async order => {
          orders.push(order)
          return newDiagnosis(order)
        },
      },
      codeHost: {workflowUrl: () => 'https://github.com/w'},
      workflow: {
        repository: 'acme/infra',
        workflow: 'diagnose-dispatch.yml',
        ref: 'main',
        artifact: 'diagnose-summary',
      },
      targets: TARGETS,
      bases: GENERAL,
      refuseUrl: url => {
        const verdict = checkPublicUrl(url)
        return verdict.ok ? undefined : verdict.reason
      },
      channelOf: async () => '55',
      patience: {discoveryMs: 1, watchMs: 1, pollMs: 1},
      clock: () => 0,
    })
    return {port, orders}
  }
  const actor = {kind: 'discord', id: '1', name: 'ada'} as const

  test('sends who asks, where, and the addresses to look at', async () => {
    const {port, orders} = ordering()
    await port.request({correlationId: 'c-1', actor, target: 'docs', api: 'https://other.example.com'})
    expect(orders[0]).toMatchObject({id: 'c-1', command: 'c-1', repository: 'acme/infra'})
    expect(orders[0]?.inputs).toEqual({
      correlation_id: 'c-1',
      requester: 'ada',
      channel_id: '55',
      frontend_url: 'https://docs.example.com',
      api_base: 'https://other.example.com',
    })
  })

  test('beside a verification is the same order, however often that is carried out; of another command another', async () => {
    const {port, orders} = ordering()
    const beside = (correlationId: string) => port.requestBeside({correlationId, actor, target: 'docs'})
    const {id} = await beside('c-1')
    expect([(await beside('c-1')).id === id, (await beside('c-2')).id === id]).toEqual([true, false])
    expect(orders[1]).toEqual(orders[0])
  })

  // The reference hands these on unchecked.
  test.each([
    'https://127.0.0.2',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost.',
    'https://me:secret@example.com',
    'http://example.com',
  ])('%s is refused by the command and by the port', async url => {
    const {port, orders} = ordering()
    const services = {
      diagnoses: port,
      deployments: {target: () => TARGETS[0], targets: () => []},
    } as unknown as Services
    expect(diagnose.check?.({target: 'client', frontend_url: url}, services)).toHaveLength(1)
    await expect(port.request({correlationId: 'c-1', actor, frontend: url})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
    expect(orders).toEqual([])
  })
})
