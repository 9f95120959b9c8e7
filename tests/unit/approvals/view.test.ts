import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {parseBallot} from '../../../src/approvals/ballot.ts'
import {factOf, noticeOf} from '../../../src/approvals/announce.ts'
import {describeApproval} from '../../../src/approvals/view.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {parseCustomId} from '../../../src/integrations/discord/render.ts'
import {aRequest} from '../../support/approvals.ts'
import {foreignText} from '../../support/foreign-text.ts'

const vote = {principal: 'grace', decision: 'approve', surface: 'linear', role: 'tech_lead', at: 0} as const

describe('the request’s message', () => {
  test('says what is asked, how risky, who can decide, what it binds, and offers three buttons', () => {
    const reply = describeApproval(aRequest(), {mentions: ['1', '2']})
    expect(reply).toMatchObject({
      state: 'waiting',
      title: 'client → production · waits for 2 approvals (0 of 2)',
      mentions: ['1', '2'],
      controls: [{label: 'Approve'}, {label: 'Reject', style: 'danger'}, {label: 'Ask'}],
    })
    expect(reply.lines?.join('\n')).toMatch(/risk \*\*high\*\* \(7\.5 of 10\): deploy to production\n/)
    expect(reply.lines?.join('\n')).toContain('not ada · one of them')
  })

  test.each([
    ['approved', 'ok', 'approved'],
    ['rejected', 'refused', 'rejected'],
    ['expired', 'other', 'nobody decided in time'],
    ['cancelled', 'other', 'cancelled'],
  ] as const)('once %s has no button and calls nobody', (status, state, words) => {
    const reply = describeApproval(aRequest({status, decidedAt: 1}), {mentions: ['1']})
    expect(reply).toMatchObject({state, title: `client → production · ${words}`, controls: []})
    expect(reply.mentions).toBeUndefined()
  })

  test('names a void approval, and what moved', () => {
    const decisions = [vote, {...vote, principal: 'cleo'}]
    const reply = describeApproval(aRequest({status: 'cancelled', decisions, note: 'sha: a → b'}))
    expect(reply.title).toMatch(/void$/)
    expect(reply.lines?.join('\n')).toContain('what moved: sha: a → b')
  })

  test('withdrawn when one of two had approved was not approved, so it is not void', () => {
    const reply = describeApproval(aRequest({status: 'cancelled', decisions: [vote], note: 'by grace'}))
    expect(reply.title).toMatch(/cancelled$/)
    expect(reply.lines?.join('\n')).toContain('withdrawn: by grace')
  })

  test('has buttons that Discord takes, which carry what was seen', () => {
    const request = aRequest()
    const {components} = renderReply(describeApproval(request))
    const ids = (components[0]?.components ?? []).map(button =>
      'custom_id' in button ? button.custom_id : '',
    )
    expect(ids).toHaveLength(3)
    for (const id of ids) {
      expect(id.length).toBeLessThanOrEqual(100)
      expect(parseBallot(parseCustomId(id)?.subject ?? '')).toEqual({
        id: request.id,
        seen: request.digest.slice(0, 12),
      })
    }
  })

  test.each([
    [{name: 'ada', person: 'ada'}, 'asked by ada '],
    [{name: 'Grace, CTO', person: 'mallory'}, 'asked by mallory (Grace, CTO) '],
    [{name: 'grace', account: {kind: 'discord', id: '1'}}, 'asked by grace (no known person) '],
  ] as const)('says who asked, whatever they call themselves: %o', (requester, words) => {
    const text = describeApproval(aRequest({requester})).lines?.join('\n').replaceAll('\\', '')
    expect(text).toContain(words)
  })

  test('whatever others wrote, it pings nobody, links nowhere and breaks no line', () => {
    fc.assert(
      fc.property(foreignText(300), words => {
        const reply = describeApproval(
          aRequest({
            action: {operation: words, environment: words, title: words},
            requester: {name: words},
            risk: {level: 'high', score: 7.5, reasons: [words]},
            bound: {[words]: words},
            decisions: [{...vote, principal: words, role: words, justification: words}],
            card: {
              commits: [{sha: words, title: words, author: words}],
              commitCount: 3,
              pullRequests: [{number: 1, title: words, author: words, url: 'https://github.com/a/b/pull/1'}],
              issues: [words],
              migrations: [words],
              diff: {files: 1, additions: 1, deletions: 1},
              checks: 'unknown',
              missing: [words],
            },
          }),
        )
        expect(reply.title.length).toBeLessThanOrEqual(80)
        for (const line of [reply.title, ...(reply.lines ?? [])]) {
          expect(line).not.toMatch(/[\n\r\u202e]/)
          const outsideCode = line.replace(/\\.|`[^`]*`/g, ' ')
          // A mention has its id right behind the sign.
          expect(outsideCode).not.toMatch(/@(everyone|here)|<(@(?!\u200b)|[#:])/)
          expect(outsideCode.replaceAll('https://github.com/a/b/pull/1', '')).not.toMatch(/https?:\/\//)
        }
        expect(renderReply(reply).allowed_mentions).toEqual({parse: []})
      }),
      {numRuns: 300},
    )
  })
})

describe('what others are told', () => {
  test('of an ask: those who may act, how long Linear may be silent, and the event as the protocol has it', () => {
    const state = aRequest({
      action: {operation: 'deploy', environment: 'production', title: 'client → production', project: 'web'},
    })
    const line = {action: 'ask', actor: 'ada'} as const
    expect(noticeOf(state, line, 1, ['tom', 'grace'])).toMatchObject({
      key: `approval:${state.id}:1`,
      story: `approval:${state.id}`,
      event: 'approval_required',
      level: 'high',
      people: ['tom', 'grace'],
      watchers: ['ada'],
      project: 'web',
      mailAfterMs: 600_000,
      title: 'client → production waits for 2 more approvals, one of a tech_lead or cto',
    })
    expect(factOf(state, line, 0)).toEqual({
      type: 'approval_required',
      data: {
        approval_id: state.id,
        risk_level: 'high',
        timestamp: '1970-01-01T00:00:00.000Z',
        task_description: 'client → production',
        project_name: 'web',
        metadata: {
          task_id: '22222222-2222-4222-8222-222222222222',
          priority: 'high',
          agent: 'deploy_client',
          timestamp: '1970-01-01T00:00:00.000Z',
        },
      },
    })
  })

  test('of a decision: requester and voters, by whom and where', () => {
    const state = aRequest({status: 'approved', decisions: [{...vote, principal: 'tom'}, vote]})
    const line = {
      action: 'approve',
      actor: 'grace',
      role: 'tech_lead',
      surface: 'linear',
      note: 'go',
    } as const
    expect(noticeOf(state, line, 4, ['nobody'])).toMatchObject({
      event: 'approval_approved',
      people: [],
      watchers: ['ada', 'tom', 'grace'],
      title: 'client → production was approved by grace',
      data: {by: 'grace', surface: 'linear', role: 'tech_lead', note: 'go'},
    })
    expect(factOf(state, line, 0)?.data).toMatchObject({
      approver_id: 'grace',
      approver_role: 'tech_lead',
      justification: 'go',
    })
  })

  test.each(['use', 'refuse'] as const)('of a %s: nothing', action => {
    const line = {action, actor: 'signalbox'}
    expect(noticeOf(aRequest(), line, 2, [])).toBeUndefined()
    expect(factOf(aRequest(), line, 0)).toBeUndefined()
  })
})
