import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {interpret, SURE_ENOUGH} from '../../../src/conversations/interpret.ts'
import {choose, commandFor, type Order, type Subject} from '../../../src/conversations/orders.ts'
import {nextMove, type Pending} from '../../../src/conversations/turn.ts'
import {subjectsOf, type UnderWayServices} from '../../../src/conversations/under-way.ts'

const DEPLOY: Subject = {
  kind: 'command',
  id: '9f3c21aa-1234-4abc-8def-0123456789ab',
  title: '/deploy-client api · ada',
  words: 'deploy api staging ada',
}
const CLIENT: Subject = {
  ...DEPLOY,
  id: '77aa21aa-1234-4abc-8def-0123456789ab',
  words: 'deploy client production',
}
const RUN: Subject = {
  kind: 'run',
  id: 'wf-ab12cd34ef56',
  title: 'parallel-docs',
  words: 'parallel-docs running',
}
const ALL = [DEPLOY, CLIENT, RUN]
const orderOf = (text: string) => interpret(text).order

describe('an order', () => {
  test.each<[string, Order['verb'], string]>([
    ['stop the deploy', 'stop', 'the deploy'],
    ['Please cancel run ab12', 'stop', 'run ab12'],
    ['can you abort the client deploy, please?', 'stop', 'the client deploy'],
    ['halt the rollout to staging now!', 'stop', 'the rollout to staging'],
    ['pause wf-ab12cd34ef56', 'pause', 'wf-ab12cd34ef56'],
    ['resume the docs run', 'resume', 'the docs run'],
    ['retry the failed run', 'retry', 'the failed run'],
    ['try the deploy again', 'retry', 'the deploy'],
    ['stop it', 'stop', ''],
    ['cancel', 'stop', ''],
  ])('%s', (text, verb, about) => {
    const {order, confidence} = interpret(text)
    expect(order).toMatchObject({verb, about})
    expect(confidence >= SURE_ENOUGH).toBe(about !== '')
  })

  test.each([
    'should I stop the deploy?',
    "don't stop the deploy",
    'why did you cancel the run?',
    'the log says: stop the deploy',
    'add a button to stop the deploy',
    'continue improving the onboarding texts for all our customers in Europe',
    'hold on',
  ])('is not: %s', text => {
    expect(orderOf(text)).toBeUndefined()
  })

  test.each(['stop the deploy and roll back', 'cancel the run. Then deploy client', 'stop it if it fails'])(
    'is one thing at a time: %s',
    text => {
      expect(nextMove(text, interpret(text), undefined)).toMatchObject({
        do: 'ask',
        question: expect.stringContaining('One thing at a time'),
      })
    },
  )

  test('keeps its reason', () => {
    expect(orderOf('stop the deploy because the tests are red')).toEqual({
      verb: 'stop',
      about: 'the deploy',
      reason: 'the tests are red',
    })
  })
})

describe('what is meant', () => {
  const chosen = (about: string, subjects = ALL) => choose({verb: 'stop', about, reason: undefined}, subjects)

  test.each<[string, Subject]>([
    ['the api deploy', DEPLOY],
    ['deploying to staging', DEPLOY],
    ['the client release', CLIENT],
    ['the prod rollout', CLIENT],
    ['run ab12', RUN],
    ['wf-ab12cd34ef56', RUN],
    ['the documentation run', RUN],
    ['the workflow', RUN],
    ['9f3c21aa…', DEPLOY],
    ['the latest deploy', DEPLOY],
  ])('%s: that one', (about, subject) => {
    expect(chosen(about)).toEqual({kind: 'one', subject})
  })

  test.each<[string, readonly Subject[]]>([
    ['the deploy', [DEPLOY, CLIENT]],
    ['everything', ALL],
    ['', ALL],
    ['the mobile deploy', [DEPLOY, CLIENT]],
  ])('%s: has to be asked', (about, subjects) => {
    expect(chosen(about)).toEqual({kind: 'some', subjects})
  })

  test('it, where there is one thing alone, is asked about, too', () => {
    expect(chosen('', [RUN])).toEqual({kind: 'some', subjects: [RUN]})
  })

  test.each(['the process', 'the job', 'everything', 'the latest task'])(
    '%s, which anything is, is asked about where there is one thing alone, too',
    about => {
      expect(chosen(about, [RUN])).toEqual({kind: 'some', subjects: [RUN]})
    },
  )

  test('a run is called by its workflow and the step that it is at, and not by what it waits for', async () => {
    const run = {id: RUN.id, workflow: 'pr-deployment', open: true, startedAt: 0}
    const called = async (state: 'waiting' | 'running', words: string, about: string) => {
      const services = {runs: {recent: async () => [{...run, state, words}]}} as unknown as UnderWayServices
      const actor = {id: '1', name: 'ada', kind: 'discord', roles: []} as const
      return choose({verb: 'pause', about, reason: undefined}, await subjectsOf('pause', actor, services))
        .kind
    }
    expect(await called('waiting', 'waits for approval', 'my approval')).toBe('none')
    expect(await called('waiting', 'waits for approval', 'the deployment')).toBe('one')
    expect(await called('running', 'running review', 'the review')).toBe('one')
  })

  test('what nothing is called is none; a whole id is left to the command to judge', () => {
    expect(chosen('the newsletter')).toEqual({kind: 'none'})
    expect(chosen('0123abcd')).toMatchObject({kind: 'one', subject: {kind: 'command', id: '0123abcd'}})
    expect(chosen('wf-0123456789ab')).toMatchObject({kind: 'one', subject: {kind: 'run'}})
  })

  test('is never somebody’s by chance: one is meant only if each word is its name', () => {
    const words = fc.constantFrom(...'the client api deploy staging run docs ab12 it mobile'.split(' '))
    fc.assert(
      fc.property(fc.array(words, {maxLength: 5}), said => {
        const {kind} = chosen(said.join(' '))
        if (kind !== 'one') return
        const telling = said.filter(word => word !== 'the' && word !== 'it')
        expect(telling.length).toBeGreaterThan(0)
        expect(telling).not.toContain('mobile')
      }),
    )
  })
})

describe('an answer to which one', () => {
  const pending = (...subjects: Subject[]): Pending => ({kind: 'order', verb: 'stop', reason: null, subjects})
  const move = (text: string, asked: Pending) => nextMove(text, interpret(text), asked)

  test.each<[string, Pending, object]>([
    ['yes', pending(RUN), {do: 'give-order', verb: 'stop', subject: RUN}],
    ['stop it!', pending(RUN), {do: 'give-order', subject: RUN}],
    ['no', pending(RUN), {do: 'drop'}],
    ['cancel', pending(RUN), {do: 'ask', pending: {kind: 'order'}}],
    ['yes', pending(DEPLOY, CLIENT), {do: 'ask'}],
    ['the run', pending(DEPLOY, RUN), {do: 'give-order', subject: RUN}],
    ['the api one', pending(DEPLOY, CLIENT), {do: 'give-order', subject: DEPLOY}],
    ['77aa21aa', pending(DEPLOY, CLIENT), {do: 'give-order', subject: CLIENT}],
    ['stop run ab12', pending(DEPLOY, CLIENT), {do: 'find-subject'}],
    ['deploy client', pending(DEPLOY, CLIENT), {do: 'plan'}],
    ['what is running?', pending(RUN), {do: 'status'}],
    ['is it running?', pending(RUN), {do: 'status'}],
    ['is it running', pending(RUN), {do: 'status'}],
    ['is it stuck?', pending(RUN), {do: 'talk'}],
    ['stop it?', pending(RUN), {do: 'find-subject'}],
    ['paused…', pending(RUN), {do: 'ask', pending: {kind: 'meaning'}}],
    ['is this the client deploy?', pending(DEPLOY, CLIENT), {do: 'talk'}],
    ['the client deploy?', pending(DEPLOY, CLIENT), {do: 'ask', pending: {kind: 'order'}}],
    ['wf-ab12cd34ef56', pending(DEPLOY, RUN), {do: 'give-order', subject: RUN}],
    ['cancel the plan', {kind: 'plan', draft: 'd'}, {do: 'cancel-plan', draft: 'd'}],
    ['stop the deploy', {kind: 'plan', draft: 'd'}, {do: 'find-subject'}],
    [
      'cancel the rollout until QA is through',
      {kind: 'words', decision: 'reject', ballot: 'b', title: 't'},
      {do: 'vote', reason: 'cancel the rollout until QA is through'},
    ],
  ])('%s', (text, asked, expected) => {
    expect(move(text, asked)).toMatchObject(expected)
  })
})

test('is the same as its slash command', () => {
  expect(commandFor('stop', DEPLOY, 'red')).toEqual({command: 'cancel', options: {id: DEPLOY.id}})
  expect(commandFor('stop', RUN, 'red')).toEqual({
    command: 'workflow',
    options: {action: 'cancel', run: RUN.id, reason: 'red'},
  })
  expect(commandFor('retry', RUN, undefined)).toMatchObject({options: {action: 'retry'}})
})
