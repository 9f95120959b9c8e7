import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {ReleaseCard} from '../../../src/approvals/request.ts'
import {linkExpiry} from '../../../src/approvals/surfaces/mail-links.ts'
import {noticeMessage, requestMessage, type Ways} from '../../../src/approvals/surfaces/mail-messages.ts'
import {renderMail} from '../../../src/integrations/email/document.ts'
import type {Notice, NoticeEvent} from '../../../src/notifications/notice.ts'
import {aRequest} from '../../support/approvals.ts'
import {foreignText} from '../../support/foreign-text.ts'

const HOUR = 3_600_000
const links: Ways = {
  kind: 'links',
  approve: 'https://bot.test/a',
  reject: 'https://bot.test/r',
  expiresAt: HOUR,
}
const none: Ways = {kind: 'none'}
const notice = (event: NoticeEvent, data: Notice['data'] = {}): Notice => ({
  key: 'k',
  id: 'n',
  seq: 1,
  at: 0,
  story: 'approval:x',
  event,
  level: 'high',
  correlationId: 'c',
  people: [],
  watchers: [],
  title: 'client → production failed',
  data,
})

describe('a subject', () => {
  test.each([
    ['approval_required', links, {}, '⏳ [high] client → production waits for your approval'],
    ['approval_required', none, {}, '⏳ [high] client → production waits for an approval'],
    ['approval_reminder', links, {}, '⏳ [high] client → production still waits for your approval'],
    ['approval_escalated', links, {}, '⏳ [high] client → production was passed on to you'],
    ['approval_question', none, {}, '⏳ [high] client → production was asked about'],
    ['approval_approved', none, {}, '✅ [high] client → production is approved'],
    ['approval_rejected', none, {}, '❌ [high] client → production is rejected'],
    ['approval_expired', none, {}, '⚪ [high] client → production expired undecided'],
    ['approval_cancelled', none, {action: 'cancel'}, '⚪ [high] client → production was withdrawn'],
    [
      'approval_cancelled',
      none,
      {action: 'void'},
      '⚠️ [high] client → production is void: what was approved has moved',
    ],
  ] satisfies [NoticeEvent, Ways, Notice['data'], string][])(
    'of %s tells state, level, what and where',
    (event, ways, data, subject) => {
      expect(requestMessage({event, data}, aRequest(), ways, 0).subject).toBe(subject)
    },
  )

  test.each([
    ['task_failed', '🔴 [high] client → production failed'],
    ['agent_error', '🔴 [high] client → production failed'],
    ['break_glass', '⚠️ [high] client → production failed'],
  ] satisfies [NoticeEvent, string][])('of %s tells the same', (event, subject) => {
    expect(noticeMessage(notice(event)).subject).toBe(subject)
  })
})

describe('a mail about a request', () => {
  test('has links for whoever may decide by them, and for nobody else', () => {
    const urls = (ways: Ways) =>
      [
        ...renderMail(
          requestMessage({event: 'approval_required', data: {}}, aRequest(), ways, 0).document,
        ).text.matchAll(/https:\S+/g),
      ].map(String)
    expect(urls(links)).toEqual(['https://bot.test/a', 'https://bot.test/r'])
    expect(urls({kind: 'elsewhere'})).toEqual([])
    expect(urls(none)).toEqual([])
  })

  test('shows what is asked, how risky it is and why, who may, until when, and what it is bound to', () => {
    const {text} = renderMail(
      requestMessage({event: 'approval_required', data: {}}, aRequest(), links, 0).document,
    )
    for (const line of [
      'What: client → production',
      'Asked by: ada',
      'Risk: high, 7.5 of 10',
      'Approvals: 0 of 2',
      'Ends: 1970-01-01 01:00 UTC, in 1h',
      '- deploy to production (deploy_production)',
      `sha: ${'a'.repeat(40)}`,
      'Replies to this mail are read by nobody and decide nothing.',
    ])
      expect(text.split('\n')).toContain(line)
  })

  test('shows the question that was asked, and who decided', () => {
    const asked = requestMessage(
      {event: 'approval_question', data: {note: 'why\nnow?', by: 'lin'}},
      aRequest(),
      links,
      0,
    )
    expect(renderMail(asked.document).text).toContain('lin asks:\n> why\n> now?')
    const at = Date.UTC(2026, 0, 2, 14, 2)
    const decided = aRequest({
      status: 'rejected',
      decisions: [
        {principal: 'grace', decision: 'reject', surface: 'linear', role: 'tech_lead', reason: 'red', at},
      ],
    })
    expect(
      renderMail(requestMessage({event: 'approval_rejected', data: {}}, decided, none, at).document).text,
    ).toContain('grace rejected via Linear, 2026-01-02 14:02 UTC: red')
  })

  test('is harmless whatever anybody wrote into any field', () => {
    const tags = (html: string) => html.replace(/aria-label="[^"]*"/, '').match(/<[a-z!/][^>]*>/gi) ?? []
    const render = (text: string) => {
      const card: ReleaseCard = {
        commits: [{sha: text, title: text, author: text}],
        commitCount: 1,
        pullRequests: [{number: 1, title: text, author: text, url: text}],
        issues: [text],
        migrations: [text],
        diff: {files: 1, additions: 1, deletions: 1},
        compareUrl: text,
        lastDeploy: {sha: text, at: 0, by: text, url: text},
        checks: 'failure',
        missing: [text],
      }
      const request = aRequest({
        card,
        action: {operation: text, environment: text, title: text, repository: text, ref: text, sha: text},
        requester: {name: text},
        risk: {level: 'high', score: 7.5, reasons: [text]},
        bound: {[`k${text}`]: text},
        note: text,
        status: 'rejected',
        decisions: [{principal: text, decision: 'reject', surface: 'mail', role: text, reason: text, at: 0}],
      })
      return requestMessage({event: 'approval_question', data: {note: text, by: text}}, request, links, 0)
    }
    const expected = tags(renderMail(render('x').document).html)
    fc.assert(
      fc.property(foreignText(100), raw => {
        // Empty fields are left out, and a line break in a quote is one line more: neither is markup of theirs.
        const text = `x${raw.replaceAll('\n', ' ')}`
        const {html} = renderMail(render(text).document)
        expect(tags(html)).toEqual(expected)
        expect([...html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url)).toEqual([
          'https://bot.test/a',
          'https://bot.test/r',
        ])
      }),
      {numRuns: 60},
    )
  })
})

test('a mail about a failure quotes the error, shows the facts and links to nothing but the web', () => {
  const {document} = noticeMessage(
    notice('task_failed', {
      error: 'exit 1\n<b>',
      job: 'deploy',
      attempts: 2,
      deep: {a: 1},
      url: 'https://github.test/run',
    }),
  )
  const {text, html} = renderMail(document)
  expect(text).toContain('> exit 1\n> <b>')
  expect(text).toContain('job: deploy\nattempts: 2\nlevel: high\nwhen: 1970-01-01 00:00 UTC')
  expect(text).not.toContain('deep')
  expect(html).toContain('href="https://github.test/run"')
  expect(
    renderMail(noticeMessage(notice('task_failed', {url: 'javascript:alert(1)'})).document).html,
  ).not.toContain('href')
})

test.each([
  ['high', {expiresAt: undefined}, HOUR],
  ['critical', {expiresAt: 5 * HOUR}, HOUR],
  ['high', {expiresAt: HOUR / 2}, HOUR / 2],
  ['medium', {expiresAt: undefined}, 24 * HOUR],
  ['medium', {expiresAt: 2 * HOUR}, 2 * HOUR],
] as const)('a link to a %s request %j lives for %i ms', (level, {expiresAt}, life) => {
  const now = 1_000
  const at = expiresAt === undefined ? undefined : now + expiresAt
  expect(linkExpiry({risk: {level, score: 5, reasons: []}, expiresAt: at}, now)).toBe(now + life)
})
