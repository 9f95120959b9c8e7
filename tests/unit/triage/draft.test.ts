import {describe, expect, test, vi} from 'vitest'
import type {RepositoryHost} from '../../../src/integrations/github/repository-host.ts'
import {systemClock} from '../../../src/kernel/clock.ts'
import type {ChangesPort, TriageReport, WrittenChange} from '../../../src/sdk/index.ts'
import {createDraft} from '../../../src/triage/draft.ts'

const SHA = 'a'.repeat(40)
const LEFT_BY_US = 'signalbox/feature-0123456789abcdef'
const signal = new AbortController().signal
const written = {kind: 'written', sha: SHA} as unknown as WrittenChange

/** What a draft of the report's patch is opened against where these branches end at its commit; undefined: none is. */
async function baseOf(branches: readonly string[], report: Partial<TriageReport> = {}) {
  const found = <T>(value: T) => Promise.resolve({kind: 'seen', value} as const)
  const host = {
    branchesAt: () => found(branches),
    repository: () => found({defaultBranch: 'main'}),
    pullRequest: () => found({headRef: 'topic'}),
  } as unknown as RepositoryHost
  const propose = vi.fn<ChangesPort['propose']>(async () => ({number: 1, url: 'u', branch: 'b'}) as never)
  const draft = createDraft({
    host: () => host,
    clock: systemClock,
    changes: {proposed: async () => undefined, check: async () => written, propose},
  })
  const fix = {
    ...{kind: 'patch', title: 't', risk: 'low', steps: [], test: 't', diff: 'd'},
    file: {path: 'src/a.ts', text: 'a'},
  } as const
  await draft(
    {
      repository: 'acme/web',
      about: '#7',
      sha: SHA,
      fix,
      failures: [],
      pull: undefined,
      ...report,
    } as unknown as TriageReport,
    signal,
  )
  return propose.mock.calls[0]?.[0].base
}

describe('a draft is for', () => {
  test('the branch of the pull request that was asked about, whatever else ends there', async () => {
    expect(await baseOf(['release-1', 'topic', 'main'], {pull: 7})).toBe('topic')
  })

  test('else the default branch, else the one that is left', async () => {
    expect(await baseOf(['release-1', 'main'])).toBe('main')
    expect(await baseOf(['topic'])).toBe('topic')
  })

  test('never the branch that an earlier try of ours left at this commit', async () => {
    expect(await baseOf([LEFT_BY_US, 'topic'])).toBe('topic')
    expect(await baseOf([LEFT_BY_US, 'topic'], {pull: 7})).toBe('topic')
    expect(await baseOf([LEFT_BY_US])).toBeUndefined()
  })
})
