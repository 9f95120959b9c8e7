import {expect, test} from 'vitest'
import type {ReleaseCard} from '../../../src/approvals/request.ts'
import {describeApproval} from '../../../src/approvals/view.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {aRequest} from '../../support/approvals.ts'

const long = (words: string) => words.padEnd(400, ` ${words}`)
const sha = 'abcdef0'.repeat(6).slice(0, 40)
const card: ReleaseCard = {
  commits: Array.from({length: 20}, () => ({sha, title: long('[a title]'), author: 'grace-hopper'})),
  commitCount: 120,
  pullRequests: Array.from({length: 20}, (_, nth) => ({
    number: 4000 + nth,
    title: long('a title'),
    author: 'ada',
    url: `https://github.com/acme/web/pull/${4000 + nth}`,
  })),
  issues: ['OPS-12', 'OPS-13'],
  migrations: ['0001.sql'],
  diff: {files: 400, additions: 90_000, deletions: 80_000},
  compareUrl: `https://github.com/acme/web/compare/${sha}...${sha}`,
  lastDeploy: {sha, at: 0, by: 'ana', url: 'https://github.com/acme/web/actions/runs/123456789'},
  checks: 'failure',
  failing: ['End [to](https://evil.example) end', 'CodeQL'],
  missing: [long('what could not be read')],
}
const decisions = ['grace', 'cleo'].map(principal => ({
  ...({principal, decision: 'approve', surface: 'linear', role: 'tech_lead', at: 0} as const),
  justification: long('it must go out today.'),
}))
const drawn = (request: Parameters<typeof describeApproval>[0]) => {
  const {content, embeds} = renderReply(describeApproval(request))
  return `${content}\n${embeds[0]?.description ?? ''}`
}

test('however much there is to show, the message says who can, what it binds, and which request it is', () => {
  const text = drawn(aRequest({level: 'critical', card, decisions}))
  expect(text).toContain('risk **critical**')
  expect(text).toContain('checks ❌ End \\[to\\]')
  expect(text).not.toContain('](https://evil')
  expect(text).toMatch(/approved by \*\*cleo\*\*/)
  expect(text).toContain('who can: ')
  expect(text).toContain('bound to sha `aaaaaaa`')
  expect(text).toContain('asked by ada')
  expect(text).toContain('`11111111…`')
  expect(text).toMatch(/… and \d+ more/)
})

test('once it is decided it says by whom, where and when, and nobody is called or offered a button', () => {
  const request = aRequest({level: 'high', card, decisions, status: 'approved', decidedAt: 60_000})
  const reply = describeApproval(request, {mentions: ['111']})
  expect(reply.mentions).toBeUndefined()
  expect(reply.controls).toEqual([])
  expect(drawn(request)).toMatch(/approved by \*\*grace\*\* \(tech\\?_lead\) via Linear, <t:0:t>/)
  expect(drawn(request)).toContain('`11111111…`')
})
