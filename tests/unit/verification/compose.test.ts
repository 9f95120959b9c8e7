import {describe, expect, test} from 'vitest'
import type {EndpointCheck} from '../../../src/sdk/index.ts'
import {
  cacheControlOf,
  composeVerification,
  statusMark,
  type DeployFacts,
  type SiteFacts,
} from '../../../src/verification/compose.ts'

const RUN: DeployFacts['run'] = {
  id: '42',
  url: 'https://github.com/acme/web/actions/runs/42',
  sha: 'abcdef0123456789',
  status: 'completed',
  conclusion: 'success',
  jobs: 1,
  steps: {
    build: {name: 'Build', seconds: 90, conclusion: 'success'},
    upload: {name: 'S3 sync', seconds: 8.2, conclusion: 'success'},
    invalidation: {name: 'Invalidate CloudFront', seconds: 3, conclusion: 'success'},
  },
  failed: undefined,
}

const FRONTEND = site('frontend', 'https://web.example.com', ['/', '/index.html'])
const API = site('api', 'https://api.example.com', ['/health', '/hello'])
const GOOD: DeployFacts = {target: 'client', run: RUN, frontend: FRONTEND, api: API}

function site(side: 'frontend' | 'api', base: string, paths: readonly string[]): SiteFacts {
  const checks = paths.map(path => ({
    side,
    url: `${base}${path}`,
    ok: true,
    status: 200,
    ms: 12,
    ...(side === 'frontend' ? {cacheControl: 'no-cache, must-revalidate'} : {}),
  }))
  return {base, checks}
}

function spoilt(facts: SiteFacts, index: number, change: Partial<EndpointCheck>): SiteFacts {
  return {...facts, checks: facts.checks.map((check, i) => (i === index ? {...check, ...change} : check))}
}

const linesOf = (facts: DeployFacts) => composeVerification(facts).reply.lines ?? []
const fixesOf = (facts: DeployFacts) => linesOf(facts).filter(line => line.startsWith('🔧'))

describe('a deploy that worked', () => {
  test('is verified in one line, with addresses, CDN and build time, and one line each for the three checks', () => {
    const {verdict, reply, run} = composeVerification(GOOD)
    expect(verdict).toBe('ok')
    expect(run).toEqual({id: '42', url: RUN.url, conclusion: 'success'})
    expect(reply).toMatchObject({state: 'ok', title: 'client · verified'})
    expect(reply.lines).toEqual([
      'frontend `https://web.example.com` · API `https://api.example.com` · CDN ok · build 90.0s',
      '✅ Actions: success · build 90.0s · upload 8.2s · CDN ok',
      '✅ Frontend: `/` ✅ 200 · `/index.html` ✅ 200 · cache-control `no-cache, must-revalidate`',
      '✅ API: `/health` ✅ 200 · `/hello` ✅ 200',
      'run `42` of `abcdef0`',
    ])
  })

  test('suggests no fix', () => {
    expect(fixesOf(GOOD)).toEqual([])
  })

  test('without times says N/A, not zero', () => {
    const run = {...RUN, steps: {build: null, upload: null, invalidation: null}}
    expect(linesOf({...GOOD, run})[1]).toBe('✅ Actions: success · build N/A · upload N/A · CDN missing')
  })
})

describe('a deploy that did not work', () => {
  const failedRun = {
    ...RUN,
    conclusion: 'failure',
    steps: {...RUN.steps, upload: {name: 'Upload', seconds: 3.2, conclusion: 'failure'}, invalidation: null},
    failed: {job: 'deploy', step: 'Upload to bucket', url: 'https://github.com/log'},
  }

  test('says first what broke first: the run, then the frontend, then the API', () => {
    const badFrontend = spoilt(FRONTEND, 0, {ok: false, status: 500})
    const badApi = spoilt(API, 0, {ok: false, status: 503})
    const title = (facts: DeployFacts) => composeVerification(facts).reply.title
    const all = {...GOOD, run: failedRun, frontend: badFrontend, api: badApi}
    expect(title(all)).toBe('client · Actions: failure: Upload to bucket')
    expect(title({...all, run: RUN})).toBe('client · frontend / answers 500')
    expect(title({...all, run: RUN, frontend: FRONTEND})).toBe('client · API /health answers 503')
    expect(composeVerification(all)).toMatchObject({verdict: 'failed', reply: {state: 'error'}})
  })

  test('links the step to look at, and says that it failed beside how long it took', () => {
    const lines = linesOf({...GOOD, run: failedRun})
    expect(lines[0]).toBe('❌ Actions: failure · build 90.0s · upload failed after 3.2s · CDN missing')
    expect(fixesOf({...GOOD, run: failedRun})[0]).toBe(
      '🔧 look at step `Upload to bucket` in [its log](<https://github.com/log>)',
    )
  })

  // The reference calls an invalidation ok as soon as it took time.
  test('a failed invalidation is no success, even of a run that succeeded', () => {
    const invalidation = {name: 'Invalidate', seconds: 3, conclusion: 'failure'}
    const {verdict, reply} = composeVerification({
      ...GOOD,
      run: {...RUN, steps: {...RUN.steps, invalidation}},
    })
    expect(verdict).toBe('failed')
    expect(reply.title).toBe('client · CDN invalidation failed')
    expect(reply.lines?.[0]).toContain('❌ Actions: success')
  })

  test('suggests fixes in the order in which they are worth trying', () => {
    const facts: DeployFacts = {
      target: 'client',
      run: failedRun,
      api: spoilt(API, 1, {ok: false, status: 502}),
      frontend: spoilt(FRONTEND, 1, {ok: false, status: 404}),
    }
    expect(fixesOf(facts)).toEqual([
      expect.stringContaining('look at step'),
      '🔧 check that the API is deployed and that `https://api.example.com` is its address',
      '🔧 check that the build wrote `index.html` and that it was uploaded',
      expect.stringContaining('check the distribution’s id'),
    ])
  })

  test('one API fix for two endpoints that are down', () => {
    const api = spoilt(spoilt(API, 0, {ok: false, status: 500}), 1, {ok: false, status: 500})
    expect(fixesOf({...GOOD, api})).toHaveLength(1)
  })

  test('an endpoint that does not answer is told with its reason', () => {
    const dead: EndpointCheck = {
      side: 'api',
      url: 'https://api.example.com/health',
      ok: false,
      ms: 10_000,
      error: 'No answer within 10 s (timeout).',
    }
    const facts = {...GOOD, api: {...API, checks: [dead]}}
    expect(composeVerification(facts).reply.title).toBe('client · API /health does not answer in time')
    expect(linesOf(facts)[2]).toContain('`/health` ❌ error (No answer within 10 s \\(timeout\\).)')
  })
})

describe('what nobody could look at', () => {
  test('is said as not configured, never as ok', () => {
    const {verdict, reply} = composeVerification({...GOOD, frontend: undefined, api: undefined})
    expect(verdict).toBe('partial')
    expect(reply).toMatchObject({state: 'partial', title: 'client · frontend not configured'})
    expect(reply.lines).toContain('⚠️ Frontend: not configured, not looked at')
    expect(reply.lines).toContain('⚠️ API: not configured, not looked at')
    expect(fixesOf({...GOOD, frontend: undefined, api: undefined})).toEqual([
      expect.stringContaining('`VITE_API_BASE`'),
      expect.stringContaining('`FRONTEND_BASE_URL`'),
    ])
  })

  test('a run that has not ended is no success yet', () => {
    const run = {...RUN, status: 'in_progress', conclusion: null}
    expect(composeVerification({...GOOD, run})).toMatchObject({
      verdict: 'partial',
      reply: {title: 'client · not ended yet, in progress'},
    })
  })

  test('an index page that browsers may keep is pointed out', () => {
    const frontend = spoilt(FRONTEND, 1, {cacheControl: 'max-age=3600'})
    expect(composeVerification({...GOOD, frontend}).verdict).toBe('partial')
    expect(fixesOf({...GOOD, frontend})).toEqual(['🔧 serve `index.html` with `cache-control: no-cache`'])
  })
})

test.each([
  [{cacheControl: 'no-cache'}, {valid: true, value: 'no-cache'}],
  [{cacheControl: 'No-Cache, no-store'}, {valid: true, value: 'No-Cache, no-store'}],
  [{cacheControl: 'public, max-age=60'}, {valid: false, value: 'public, max-age=60'}],
  [{}, {valid: false, value: null}],
  [undefined, {valid: false, value: null}],
] as const)('cache-control of %j', (check, expected) => {
  expect(cacheControlOf(check)).toEqual(expected)
})

test.each([
  [undefined, '❌ error'],
  [null, '❌ error'],
  [200, '✅ 200'],
  [204, '✅ 204'],
  [301, '⚠️ 301'],
  [404, '❌ 404'],
  [500, '❌ 500'],
] as const)('status %s reads %s', (status, words) => {
  expect(statusMark(status)).toBe(words)
})

test('texts of others can’t act in the message', () => {
  const run = {
    ...RUN,
    conclusion: 'failure',
    failed: {job: '@everyone', step: '[x](https://evil.example) `@here`', url: 'https://github.com/log'},
  }
  const {reply} = composeVerification({...GOOD, run})
  expect(reply.title).not.toContain('](')
  expect(reply.lines).toContain(
    '🔧 look at step `[x](https://evil.example) ˋ@hereˋ` in [its log](<https://github.com/log>)',
  )
})
