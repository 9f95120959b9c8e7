import {createHmac} from 'node:crypto'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {commentText, isSigned, issueHint, runHint} from '../../../../src/integrations/github/webhook.ts'

const sign = (secret: string, body: Buffer) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

test('the documented example of a signature is accepted', () => {
  // docs: validating-webhook-deliveries, "Testing the webhook payload validation".
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  expect(isSigned("It's a Secret to Everybody", Buffer.from('Hello, World!'), signature)).toBe(true)
})

test('a body is accepted only as it was signed', () => {
  fc.assert(
    fc.property(fc.string({minLength: 1}), fc.uint8Array(), fc.uint8Array(), (secret, bytes, otherBytes) => {
      const [body, other] = [Buffer.from(bytes), Buffer.from(otherBytes)]
      expect(isSigned(secret, body, sign(secret, body))).toBe(true)
      expect(isSigned(secret, other, sign(secret, body))).toBe(body.equals(other))
      expect(isSigned(`${secret}x`, body, sign(secret, body))).toBe(false)
    }),
  )
})

test.each([undefined, '', 'sha256=', 'sha1=757107ea', 'é'.repeat(71), `sha256=${'0'.repeat(64)}`])(
  'the signature %j is refused',
  signature => {
    expect(isSigned('secret', Buffer.from('{}'), signature)).toBe(false)
  },
)

test('an event of an issue names it; other events, and malformed ones, name none', () => {
  const payload = {action: 'closed', issue: {number: 7}, repository: {full_name: 'acme/web'}}
  expect(issueHint('issues', payload)).toEqual({repository: 'acme/web', number: 7})
  expect(issueHint('issue_comment', payload)).toBeUndefined()
  expect(issueHint('issues', {...payload, issue: {number: 'x'}})).toBeUndefined()
  expect(issueHint('issues', null)).toBeUndefined()
})

test('a run event names its run and everything that may carry our id', () => {
  const payload = {
    workflow_run: {id: 9_007_199_254_740_991, display_title: 'Client Deploy — abc by grace', name: null},
  }
  expect(runHint('workflow_run', payload)).toEqual({
    runId: '9007199254740991',
    title: 'Client Deploy — abc by grace ',
  })
})

test('a job event names the run it belongs to', () => {
  expect(runHint('workflow_job', {workflow_job: {id: 5, run_id: 42}})).toEqual({runId: '42', title: ''})
})

test('an enormous title is cut', () => {
  expect(
    runHint('workflow_run', {workflow_run: {id: 1, display_title: 'x'.repeat(10_000)}})?.title,
  ).toHaveLength(500)
})

test('whatever else arrives is of no use and does no harm', () => {
  expect(runHint('push', {workflow_run: {id: 1}})).toBeUndefined()
  fc.assert(
    fc.property(fc.constantFrom('workflow_run', 'workflow_job', 'ping'), fc.jsonValue(), (event, payload) => {
      expect(runHint(event, payload)).toBeUndefined()
    }),
  )
})

describe('a comment', () => {
  const written = (action: string, comment: unknown) => ({action, comment})

  test('is heard when it is new', () => {
    expect(commentText('issue_comment', written('created', {body: 'hello'}))).toBe('hello')
  })

  test.each([
    ['one that was edited', 'issue_comment', written('edited', {body: 'hello'})],
    ['one that was deleted', 'issue_comment', written('deleted', {body: 'hello'})],
    ['one without words', 'issue_comment', written('created', {body: null})],
    ['no comment at all', 'issue_comment', {action: 'created'}],
    ['another event', 'pull_request_review_comment', written('created', {body: 'hello'})],
  ])('%s is not', (_what, event, payload) => expect(commentText(event, payload)).toBeUndefined())
})
