import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {interpret, type Reading} from '../../../src/conversations/interpret.ts'
import {nextMove, type Pending} from '../../../src/conversations/turn.ts'

const BALLOT = '9f3c21aa-1234-4abc-8def-0123456789ab_0123456789ab'
const move = (text: string, pending?: Pending) => nextMove(text, interpret(text), pending)

const task = (
  missing: Extract<Pending, {kind: 'task'}>['missing'],
  description = 'review the change',
): Pending => ({
  kind: 'task',
  description,
  missing,
  question: 'Which one?',
})
const confirmation: Pending = {
  kind: 'confirmation',
  decision: 'approve',
  ballot: BALLOT,
  title: 'deploy client',
  reason: null,
}

describe('without a question of ours', () => {
  test.each([
    ['please deploy client', {do: 'plan', description: 'deploy client'}],
    ['what is running?', {do: 'status'}],
    ['help', {do: 'talk'}],
    ['approve 9f3c21aa', {do: 'vote', decision: 'approve', request: '9f3c21aa'}],
    ['reject it because it is red', {do: 'find-request', decision: 'reject', reason: 'it is red'}],
    ['deploy', {do: 'ask', question: 'What should I deploy?', pending: {kind: 'meaning', text: 'deploy'}}],
    ['blah', {do: 'ask', pending: {kind: 'meaning', text: 'blah'}}],
    ['yes', {do: 'ask'}],
    ['no', {do: 'ask'}],
  ])('%s', (text, expected) => {
    expect(move(text)).toMatchObject(expected)
  })
})

describe('an answer', () => {
  test.each<[string, Pending, string]>([
    ['7', task('pr_number'), 'review the change pull request #7'],
    ['number 7 please', task('pr_number'), 'review the change pull request #7'],
    ['client', task('target', 'deploy'), 'deploy to client'],
    ['to staging', task('target', 'deploy'), 'deploy to staging'],
    ['acme/web', task('repository', 'update the docs'), 'update the docs in acme/web'],
    ['src/a.ts', task('path', 'explain the file'), 'explain the file src/a.ts'],
  ])('%s fills what a task lacked', (text, pending, description) => {
    expect(move(text, pending)).toEqual({do: 'plan', description})
  })

  test('that makes an unclear wish clear', () => {
    expect(move('the client', {kind: 'meaning', text: 'deploy', question: 'What?'})).toEqual({
      do: 'plan',
      description: 'deploy the client',
    })
  })

  test.each<[string, Pending, object]>([
    ['yes', confirmation, {do: 'vote', decision: 'approve', request: BALLOT}],
    ['no', confirmation, {do: 'drop'}],
    ['reject 9f3c21bb', confirmation, {do: 'vote', decision: 'reject', request: '9f3c21bb'}],
    [
      '9f3c21bb',
      {kind: 'which', decision: 'reject', reason: 'red'},
      {do: 'vote', request: '9f3c21bb', reason: 'red'},
    ],
    [
      'the tests are red',
      {kind: 'words', decision: 'reject', ballot: BALLOT, title: 't'},
      {do: 'vote', decision: 'reject', request: BALLOT, reason: 'the tests are red'},
    ],
    ['start', {kind: 'plan', draft: 'd'}, {do: 'start-plan', draft: 'd'}],
    ['cancel', {kind: 'plan', draft: 'd'}, {do: 'cancel-plan', draft: 'd'}],
    [
      'edit: deploy api',
      {kind: 'plan', draft: 'd'},
      {do: 'edit-plan', draft: 'd', description: 'deploy api'},
    ],
    ['never mind', task('target'), {do: 'drop'}],
  ])('%s to %o', (text, pending, expected) => {
    expect(move(text, pending)).toMatchObject(expected)
  })

  test('is not what is about something else', () => {
    expect(move('what is running?', task('target'))).toMatchObject({do: 'status'})
    expect(move('review pull request #8', task('target', 'deploy'))).toMatchObject({
      do: 'plan',
      description: 'review pull request #8',
    })
    expect(move('yes', {kind: 'which', decision: 'approve', reason: null})).toMatchObject({do: 'ask'})
  })
})

describe('why it should go ahead', () => {
  const approval: Pending = {kind: 'words', decision: 'approve', ballot: BALLOT, title: 't'}

  test.each([
    'the hotfix is needed today',
    'checkout is down, and this mends it',
    'tested on staging: nothing broke',
  ])('%s: kept as the reason', text => {
    expect(move(text, approval)).toMatchObject({do: 'vote', decision: 'approve', reason: text})
  })

  test.each<[string, object]>([
    ['what does it change?', {do: 'talk'}],
    ['is it safe?', {do: 'talk'}],
    ['is it safe', {do: 'talk'}],
    ['who asked for it?', {do: 'talk'}],
    ['the client?', {do: 'ask', pending: {kind: 'meaning'}}],
    ['stop the client deploy', {do: 'find-subject'}],
    ['pause it', {do: 'find-subject'}],
    ['cancel the rollout until QA is through', {do: 'ask'}],
    ['hold on, not yet', {do: 'ask', pending: approval}],
    ['wait', {do: 'ask', pending: approval}],
    ['ok, wait for grace', {do: 'ask', pending: approval}],
    ['not before Monday', {do: 'ask', pending: approval}],
    ['Don’t', {do: 'drop'}],
    ['don’t do it today', {do: 'ask', pending: approval}],
    ['no', {do: 'drop'}],
  ])('%s: is none', (text, expected) => {
    expect(move(text, approval)).toMatchObject(expected)
  })

  test.each(['is 9f3c21aa the client?', 'what is 9f3c21aa', 'not 9f3c21aa', 'don’t, 9f3c21aa is red'])(
    'nor is it said which one: %s',
    text => {
      expect(move(text, {kind: 'which', decision: 'approve', reason: null}).do).not.toBe('vote')
    },
  )
})

test('nothing that a model says makes a decision, or a task of other words than the person’s', () => {
  const intents = fc.constantFrom<Reading['intent']>(
    'task_submission',
    'status_query',
    'clarification',
    'approval_decision',
    'general_query',
    'unknown',
  )
  fc.assert(
    fc.property(
      fc.string(),
      intents,
      fc.double({min: 0, max: 1, noNaN: true}),
      fc.option(fc.constant(confirmation), {nil: undefined}),
      (text, intent, confidence, pending) => {
        const rules = interpret(text)
        const made = nextMove(text, {...rules, intent, confidence, question: 'approve 9f3c21aa'}, pending)
        if (
          rules.decision === undefined &&
          !/\b(?:yes|yep|yeah|sure|ok|okay|confirm|confirmed|correct|right|start|go|do it|run it|please do)\b/i.test(
            text,
          )
        )
          expect(['vote', 'find-request']).not.toContain(made.do)
        if (made.do === 'plan')
          expect(text.replace(/\s+/g, ' ').replaceAll('’', "'")).toContain(made.description)
      },
    ),
    {numRuns: 500},
  )
})
