import {describe, expect, test} from 'vitest'
import type {Audit, AuditEvent, AuditOutcome} from '../../../src/audit/audit.ts'
import {auditCodeHost, auditRepositoryHost} from '../../../src/audit/github.ts'
import {auditLinear} from '../../../src/audit/linear.ts'
import {auditMailer} from '../../../src/audit/mail.ts'
import type {Mail, Mailer} from '../../../src/integrations/email/mailer.ts'
import type {CodeHost} from '../../../src/integrations/github/code-host.ts'
import type {RepositoryHost} from '../../../src/integrations/github/repository-host.ts'
import type {Linear} from '../../../src/integrations/linear/linear.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import {fingerprint} from '../../../src/kernel/fingerprint.ts'

const WORDS = 'what somebody wrote'

/** Tells of every intent, effect and outcome in the order in which they were. */
function aStory() {
  const story: string[] = []
  const events: AuditEvent[] = []
  const outcomes: AuditOutcome[] = []
  const audit: Pick<Audit, 'around'> = {
    async around(event, effect, outcome) {
      story.push(`intent ${event.action} ${event.subject}`)
      events.push(event)
      const result = await effect({id: '1', seq: 1})
      const end = outcome?.(result) ?? {phase: 'done'}
      outcomes.push(end)
      story.push(end.phase)
      return result
    },
  }
  return {story, events, outcomes, audit}
}
const closed: Pick<Audit, 'around'> = {
  around: () => Promise.reject(new AppError('UPSTREAM_UNAVAILABLE', 'It was not begun.')),
}

/** A vendor whose every method answers the same, and tells that it was asked. */
const vendor = <T>(asked: string[], answer: unknown): T =>
  new Proxy(
    {},
    {
      get: (_, name) => async () => {
        asked.push(String(name))
        return answer
      },
      ownKeys: () => [],
    },
  ) as T

const repository = 'acme/web'

describe('a dispatch', () => {
  const request = {
    repository,
    workflow: 'deploy.yml',
    ref: 'main',
    inputs: {correlation_id: 'c-1', requester: 'ada', SECRETISH: WORDS},
  }

  test.each([
    [{kind: 'accepted', run: {id: '7', url: 'https://github.com/run/7'}}, 'done'],
    [{kind: 'accepted'}, 'done'],
    [{kind: 'refused', reason: 'no'}, 'failed'],
    [{kind: 'not-sent', reason: 'no'}, 'failed'],
    [{kind: 'slow-down', until: 1}, 'failed'],
    [{kind: 'unclear', reason: 'lost'}, 'unknown'],
  ])('that ended as %j is recorded as %s, after its intent', async (answer, phase) => {
    const {story, events, audit} = aStory()
    const host = auditCodeHost(vendor<CodeHost>(story, answer), audit)
    expect(await host.dispatch(request)).toBe(answer)
    expect(story).toEqual(['intent github.dispatch acme/web', 'dispatch', phase])
    expect(events[0]?.details).toEqual({
      workflow: 'deploy.yml',
      ref: 'main',
      sent_as: 'c-1',
      requester: 'ada',
      inputs: `SECRETISH ${fingerprint(WORDS)}`,
    })
  })

  test('whose intent can’t be written is one that was never sent', async () => {
    const asked: string[] = []
    const host = auditCodeHost(vendor<CodeHost>(asked, {kind: 'accepted'}), closed)
    expect(await host.dispatch(request)).toEqual({kind: 'not-sent', reason: 'It was not begun.'})
    expect(await host.cancel({repository, runId: '7', force: false})).toMatchObject({kind: 'failed'})
    expect(asked).toEqual([])
  })
})

describe('what is changed at GitHub', () => {
  const changes: readonly (readonly [string, (host: RepositoryHost) => Promise<unknown>])[] = [
    ['create_ref', host => host.createRef({repository, ref: 'refs/tags/x', sha: 'abc'})],
    ['write_file', host => host.writeFile({repository, path: 'a', branch: 'b', text: WORDS, message: WORDS})],
    [
      'create_pull_request',
      host => host.createPullRequest({repository, title: WORDS, body: WORDS, head: 'h', base: 'b'}),
    ],
    ['create_review', host => host.createReview({repository, number: 1, sha: 'abc', body: WORDS})],
    ['update_review', host => host.updateReview({repository, number: 1, id: '2', body: WORDS})],
    ['create_comment', host => host.createComment({repository, number: 1, body: WORDS})],
    ['create_variable', host => host.createVariable({repository, name: 'X', value: WORDS})],
    ['update_variable', host => host.updateVariable({repository, name: 'X', value: WORDS})],
    ['delete_variable', host => host.deleteVariable({repository, name: 'X'})],
    ['put_secret', host => host.putSecret({repository, name: 'X', keyId: 'k', encrypted: WORDS})],
  ]

  test.each(changes)('%s is announced, and nothing that somebody wrote is kept', async (action, change) => {
    const {story, events, audit} = aStory()
    const host = auditRepositoryHost(
      vendor<RepositoryHost>([], {kind: 'seen', value: {url: 'https://x'}}),
      audit,
    )
    await change(host)
    expect(story).toEqual([`intent github.${action} acme/web`, 'done'])
    expect(JSON.stringify(events)).not.toContain(WORDS)
  })

  test.each(changes)('%s is not begun when it can’t be announced', async (_action, change) => {
    const asked: string[] = []
    const host = auditRepositoryHost(vendor<RepositoryHost>(asked, {kind: 'seen', value: null}), closed)
    expect(await change(host)).toEqual({kind: 'failed', reason: 'It was not begun.'})
    expect(asked).toEqual([])
  })

  test.each([
    ['missing', 'failed'],
    ['refused', 'failed'],
    ['slow-down', 'failed'],
    ['failed', 'unknown'],
  ])('and answered with %s is recorded as %s', async (kind, phase) => {
    const {outcomes, audit} = aStory()
    const host = auditRepositoryHost(vendor<RepositoryHost>([], {kind, reason: 'why', until: 1}), audit)
    await host.createComment({repository, number: 1, body: WORDS})
    expect(outcomes).toMatchObject([{phase}])
  })
})

describe('what is written in Linear', () => {
  const writes: readonly (readonly [string, (linear: Linear) => Promise<unknown>])[] = [
    [
      'create_issue i1',
      linear => linear.createIssue({id: 'i1', teamId: 't', title: WORDS, description: WORDS, priority: 0}),
    ],
    ['update_issue i1', linear => linear.updateIssue('i1', {title: WORDS})],
    ['create_comment i1', linear => linear.createComment({id: 'c1', issueId: 'i1', body: WORDS})],
    ['update_comment c1', linear => linear.updateComment('c1', WORDS)],
    ['open_session c1', linear => linear.openSession('c1')],
  ]

  test.each(writes)('%s is announced without its words, and not begun otherwise', async (action, write) => {
    const {story, events, audit} = aStory()
    await write(auditLinear(vendor<Linear>([], {kind: 'ok', value: {id: 'x'}}), audit))
    expect(story).toEqual([`intent linear.${action}`, 'done'])
    expect(JSON.stringify(events)).not.toContain(WORDS)

    const asked: string[] = []
    expect(await write(auditLinear(vendor<Linear>(asked, {kind: 'ok'}), closed))).toMatchObject({
      kind: 'failed',
    })
    expect(asked).toEqual([])
  })

  test.each([
    ['missing', 'failed'],
    ['refused', 'failed'],
    ['failed', 'unknown'],
  ])('and answered with %s is recorded as %s', async (kind, phase) => {
    const {outcomes, audit} = aStory()
    await auditLinear(vendor<Linear>([], {kind, reason: 'why'}), audit).updateComment('c1', WORDS)
    expect(outcomes).toMatchObject([{phase}])
  })
})

describe('a mail', () => {
  const mail: Mail = {
    to: {address: 'ada@example.com'},
    subject: WORDS,
    text: WORDS,
    html: WORDS,
    messageId: 'm@x',
  }

  test.each([
    ['sent', 'done'],
    ['unknown', 'unknown'],
    ['failed', 'failed'],
    ['blocked', 'failed'],
    ['refused', 'failed'],
  ])('that was %s is recorded as %s: to which domain, and neither address nor words', async (kind, phase) => {
    const {story, events, audit} = aStory()
    await auditMailer(vendor<Mailer>([], {kind, reason: 'why'}), audit).send(mail)
    expect(story).toEqual([`intent mail.send ${fingerprint('ada@example.com')} at example.com`, phase])
    expect(JSON.stringify(events)).not.toContain(WORDS)
    expect(JSON.stringify(events)).not.toContain('ada@')
  })

  test('whose intent can’t be written did not go out, and may later', async () => {
    const asked: string[] = []
    const mailer = auditMailer(vendor<Mailer>(asked, {kind: 'sent'}), closed)
    expect(await mailer.send(mail)).toEqual({kind: 'failed', reason: 'It was not begun.'})
    expect(asked).toEqual([])
  })
})
