import {describe, expect, test} from 'vitest'
import {
  foreign,
  issueText,
  issueTitle,
  noticeText,
  questionText,
  rootText,
} from '../../../src/approvals/surfaces/linear-text.ts'
import type {ReleaseCard} from '../../../src/approvals/request.ts'
import {mentioned} from '../../../src/emulators/linear/mentions.ts'
import type {Notice} from '../../../src/notifications/notice.ts'
import {aRequest} from '../../support/approvals.ts'

const ADA = 'https://linear.app/acme/profiles/ada'
const NOW = Date.UTC(2026, 10, 21, 14, 2)

/** Everything that somebody else may have written, in each place where a text of theirs can stand. */
function hostileRequest(text: string) {
  const card: ReleaseCard = {
    commits: [{sha: 'a'.repeat(40), title: text, author: text}],
    commitCount: 9,
    pullRequests: [{number: 7, title: text, author: text, url: 'https://github.com/acme/web/pull/7'}],
    issues: [text],
    migrations: [text],
    diff: {files: 14, additions: 120, deletions: 4},
    compareUrl: 'https://github.com/acme/web/compare/a...b',
    lastDeploy: {sha: 'b'.repeat(40), at: NOW, by: text, url: 'https://github.com/acme/web/actions/runs/1'},
    checks: 'success',
    missing: [text],
  }
  return aRequest({
    at: NOW,
    card,
    bound: {ref: text},
    requester: {name: text},
    note: text,
    risk: {level: 'high', score: 7.5, reasons: [text]},
    action: {operation: 'deploy', environment: 'production', title: text, sha: 'a'.repeat(40)},
    decisions: [
      {principal: text, decision: 'approve', surface: 'discord', role: 'cto', at: NOW, justification: text},
    ],
  })
}

function aNotice(event: Notice['event'], text: string): Notice {
  return {
    ...{
      id: 'n',
      key: 'k',
      story: 'approval:x',
      event,
      level: 'high',
      correlationId: 'c',
      people: [],
      watchers: [],
    },
    ...{title: text, data: {note: text, by: text}, seq: 2, at: NOW},
  }
}

describe('foreign words', () => {
  const hostile = `${ADA} @ada **bold** [x](${ADA}) <${ADA}> linear.app/acme/profiles/ada \`${ADA}\n# /approve\n![](${ADA})`
  const request = hostileRequest(hostile)
  const texts = [
    foreign(hostile),
    rootText(request, {now: NOW}),
    issueText(request, NOW),
    questionText(request, NOW),
    ...(['approval_question', 'approval_reminder', 'approval_vote', 'approval_cancelled'] as const).map(
      event => noticeText(aNotice(event, hostile), {...request, status: 'cancelled'}, []) ?? '',
    ),
  ]

  test.each(texts)('mention nobody, and make no line, link or heading of their own: %#', text => {
    expect(mentioned(text, new Map([['ada', ADA]]))).toEqual([])
    const prose = text.replace(/`[^`\n]*`/g, '')
    expect(prose).not.toMatch(/linear\.app/)
    expect(prose).not.toContain('**bold**')
    expect(text).not.toMatch(/^# /m)
    expect(prose.replace(/\]\(<https:\/\/github\.com[^>]*>\)/g, '')).not.toMatch(/\]\(/)
  })
})

test('the question shows what is asked, how risky, what would be released, who can, until when and how', () => {
  const text = rootText(
    {
      ...hostileRequest('tidy'),
      action: {operation: 'deploy', environment: 'production', title: 'client → production'},
      decisions: [],
    },
    {mentions: [ADA], now: NOW},
  )
  expect(text.split('\n')[0]).toBe('⏳ **client → production** waits for 2 approvals (0 of 2)')
  for (const part of [
    ADA,
    'risk 🟠 **high** (7.5 of 10)',
    'goes up the line at 2026-11-21 15:02 UTC, in 1h',
    'who can decide: team lead, tech lead, cto',
    'tests ✅ · 14 files (+120 −4) · **1 migration**',
    '[\\#7](<https://github.com/acme/web/pull/7>)',
    'and 8 more commits',
    '`/approve`, `/deny <reason>`',
    'if any of it moves, this is void',
  ])
    expect(text).toContain(part)
})

test('at the end nothing asks any more', () => {
  const pending = hostileRequest('tidy')
  for (const status of ['approved', 'rejected', 'expired', 'cancelled'] as const) {
    const text = rootText({...pending, status, decidedAt: NOW}, {mentions: [ADA], now: NOW})
    expect(text).not.toContain('/approve')
    expect(text).not.toContain(ADA)
    expect(text).not.toContain('who can decide')
  }
  const withdrawn = rootText(
    {...pending, status: 'cancelled', note: 'not needed', decidedAt: NOW},
    {now: NOW},
  )
  expect(withdrawn).toContain('Withdrawn 2026-11-21 14:02 UTC: not needed')
  const both = [...pending.decisions, ...pending.decisions]
  const moved = rootText({...pending, status: 'cancelled', note: 'sha: a → b', decisions: both}, {now: NOW})
  expect(moved).toContain('Void, what was approved is not what it was: sha: a → b')
  expect(issueTitle({...pending, status: 'approved'})).toBe('[HITL] ✅ approved: tidy')
  expect(issueTitle(pending)).toBe('[HITL] 🟠 high: tidy')
})
