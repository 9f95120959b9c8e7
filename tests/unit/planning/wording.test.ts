import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {inActiveVoice, plainly, withoutSlips} from '../../../src/planning/wording.ts'

describe('slips of the finger', () => {
  test.each([
    ['reveiw it, tehn depoly', 'review it, then deploy'],
    ['ship to stagging and prodution', 'ship to staging and production'],
    ['refacotr the parser', 'refactor the parser'],
    ['deplyo api to stagign', 'deploy api to staging'],
    ['somthing broke, udpate the docs', 'something broke, update the docs'],
  ])('%s: %s', (text, meant) => {
    expect(withoutSlips(text)).toBe(meant)
  })

  test.each([
    'preview the stating employs of reviews, deployed and deploys',
    'the file src/reveiw.ts on branch tehn-fix of acme/depoly',
    'rename "reveiw" to `tehn`',
    'thin text, tent, hen, checks and clients',
    'though we lunch, a thorough insect competes with filed crates',
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
  ['PR 5 needs a review', false, 'review PR 5'],
  ['the docs need updating', false, 'update the docs'],
  ['must be fixed', false, 'fix'],
  ['get the updated docs published', false, 'publish the updated docs'],
  ['the client could be redeployed', true, 'deploy the client'],
  ['the client could be redeployed', false, 'the client could be redeployed'],
])('%s, wished %s: %s', (said, wished, told) => {
  expect(inActiveVoice(said, wished)).toBe(told)
})

test.each([
  ['review PRs 14, 15 and 16', 'review PRs #14, #15 and #16'],
  ['review #3 and 4, add 2 and 3', 'review #3 and #4, add 2 and 3'],
  ['review PR 7 and 3 files', 'review PR 7 and 3 files'],
  ['review #5 when you get a minute', 'review #5'],
  ['if possible, test #5', ', test #5'],
  ['deploy when the client can', 'deploy when the client can'],
  ['api → staging', 'api to staging'],
  ['keep “PRs 14 and 15, if possible”', 'keep “PRs 14 and 15, if possible”'],
])('%s: plainly %s', (text, plain) => {
  expect(plainly(text)).toBe(plain)
})
