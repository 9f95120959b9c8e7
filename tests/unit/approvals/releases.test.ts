import {beforeEach, describe, expect, test} from 'vitest'
import {createReleases} from '../../../src/approvals/releases.ts'
import type {Look, RunSummary} from '../../../src/integrations/github/code-host.ts'
import type {Check} from '../../../src/integrations/github/repository-host.ts'

const SHA = '8c1e77f'.padEnd(40, '0')
const CLIENT = {name: 'client', repository: 'acme/web', workflow: 'client-deploy.yml'}
const FAILS: Check = {name: 'CodeQL', url: 'https://x', status: 'completed', conclusion: 'failure'}
const deployed = (headSha: string, conclusion: string, event = 'workflow_dispatch') =>
  ({headSha, conclusion, event}) as RunSummary

let runs: Look<readonly RunSummary[]>
let checks: Look<readonly Check[]>
let history: Look<readonly RunSummary[]>
beforeEach(() => {
  runs = {kind: 'seen', value: []}
  checks = {kind: 'seen', value: []}
  history = {kind: 'seen', value: []}
})

function releases(targets = [CLIENT], recorded = false) {
  const unused = () => Promise.reject(new Error('not asked'))
  return createReleases({
    hosts: {
      code: {runsOf: async () => runs, recentRuns: async () => history},
      repository: {
        commit: async () => ({kind: 'seen', value: {sha: SHA, message: '', author: 'lin'}}),
        checks: async () => checks,
        ...{compare: unused, file: unused, pullRequestsOf: unused},
      },
    },
    targets,
    recorded: async (target, sha) => recorded && target === 'client' && sha === SHA,
  })
}

describe('what fails of what a branch holds', () => {
  const failing = () => releases().failingAt({repository: 'acme/web', ref: 'main'})

  test('is told with the commit', async () => {
    checks = {kind: 'seen', value: [FAILS]}
    expect(await failing()).toEqual({kind: 'seen', value: {sha: SHA, failing: ['CodeQL']}})
  })

  test.each<Look<never>>([
    {kind: 'failed', reason: 'GitHub answered 503'},
    {kind: 'slow-down', until: 7},
  ])('is not known while a look is $kind, unless something is known to fail', async look => {
    runs = look
    expect(await failing()).toEqual(look)
    checks = {kind: 'seen', value: [FAILS]}
    expect(await failing()).toMatchObject({kind: 'seen', value: {failing: ['CodeQL']}})
  })

  test('stays unknown where our token is not let see it, which the card says', async () => {
    checks = {kind: 'refused', reason: 'no'}
    expect(await failing()).toMatchObject({kind: 'seen', value: {failing: []}})
    expect(await releases().checksOf({repository: 'acme/web', sha: SHA})).toEqual({
      ...{verdict: 'unknown', failing: [], missing: ['checks by other apps']},
    })
  })
})

describe('a commit went well at a target', () => {
  const wentWell = (targets?: (typeof CLIENT)[], recorded?: boolean) =>
    releases(targets, recorded).wentWell({...CLIENT, target: 'client', sha: SHA})

  test.each<[string, RunSummary, boolean]>([
    ['that it was shipped to with success', deployed(SHA, 'success'), true],
    ['not where that failed', deployed(SHA, 'failure'), false],
    ['not when another one did', deployed('f'.repeat(40), 'success'), false],
    ['not as a pull request', deployed(SHA, 'success', 'pull_request'), false],
  ])('%s', async (_what, run, well) => {
    history = {kind: 'seen', value: [run]}
    expect(await wentWell()).toEqual({kind: 'seen', value: well})
  })

  test('by GitHub’s history only where no other target ships the same way: then by our own record', async () => {
    const shared = [CLIENT, {...CLIENT, name: 'other'}]
    history = {kind: 'seen', value: [deployed(SHA, 'success')]}
    expect(await wentWell(shared)).toEqual({kind: 'seen', value: false})
    history = {kind: 'seen', value: []}
    expect(await wentWell(shared, true)).toEqual({kind: 'seen', value: true})
    expect(await wentWell([CLIENT], true)).toEqual({kind: 'seen', value: false})
    history = {kind: 'failed', reason: 'timeout'}
    expect(await wentWell()).toEqual(history)
  })
})
