import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {inActiveVoice, withoutSlips} from '../../../src/planning/wording.ts'

describe('slips of the finger', () => {
  test.each([
    ['reveiw it, tehn depoly', 'review it, then deploy'],
    ['ship to stagging and prodution', 'ship to staging and production'],
    ['refacotr the parser', 'refactor the parser'],
  ])('%s: %s', (text, meant) => {
    expect(withoutSlips(text)).toBe(meant)
  })

  test.each([
    'preview the stating employs of reviews, deployed and deploys',
    'the file src/reveiw.ts on branch tehn-fix of acme/depoly',
    'rename "reveiw" to `tehn`',
    'thin text, tent, hen, checks and clients',
  ])('are none: %s', text => {
    expect(withoutSlips(text)).toBe(text)
  })

  test('once put right, there are no more', () => {
    const words = fc.constantFrom(
      ...'reveiw tehn preview depoly "tehn" src/reveiw stagging then . ,'.split(' '),
    )
    fc.assert(
      fc.property(fc.array(words, {maxLength: 12}), said => {
        const once = withoutSlips(said.join(' '))
        expect(withoutSlips(once)).toBe(once)
      }),
    )
  })
})

test.each([
  ['the client must please today be deployed on production', false, 'deploy the client on production'],
  ['have the changelog refreshed', false, 'refresh the changelog'],
  ['the end-to-end tests to be run', false, 'run the end-to-end tests'],
  ['the api is rolled out to staging', true, 'roll out the api to staging'],
  ['the api is rolled out to staging', false, 'the api is rolled out to staging'],
  ['the client should not be deployed to production', false, 'do not deploy the client to production'],
  ["the client mustn't ever be deployed", false, 'do not deploy the client'],
  ['the client can never be rolled back', false, 'the client can never be rolled back'],
  ['production is not to be touched', false, 'do not touch production'],
  ["the api isn't rolled out yet", true, 'do not roll out the api yet'],
  ['let the tests run on main', false, 'run the tests on main'],
  ['deploy the client', true, 'deploy the client'],
])('%s, wished %s: %s', (said, wished, told) => {
  expect(inActiveVoice(said, wished)).toBe(told)
})
