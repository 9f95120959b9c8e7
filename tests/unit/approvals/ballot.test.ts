import {expect, test} from 'vitest'
import {ballotOf, parseBallot} from '../../../src/approvals/ballot.ts'
import {customId, parseCustomId} from '../../../src/integrations/discord/render.ts'
import {requestOption} from '../../../src/sdk/index.ts'

const id = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'
const digest = 'c0ffee'.repeat(10) + 'abcd'

test('a ballot names the request and the beginning of what was seen of it', () => {
  expect(parseBallot(ballotOf({id, digest}))).toEqual({id, seen: 'c0ffeec0ffee'})
})

test('fits a button, and the option of the commands', () => {
  const text = ballotOf({id, digest})
  expect(parseCustomId(customId('approve', text))).toEqual({action: 'approve', subject: text})
  expect(customId('approve', text).length).toBeLessThanOrEqual(100)
  expect(requestOption.parse(text)).toBe(text)
})

test('a whole id is one too, of which nothing was seen', () => {
  expect(parseBallot(id)).toEqual({id, seen: undefined})
})

test.each([
  '',
  id.slice(0, 8),
  `${id}_`,
  `${id}_c0ffee`,
  `${id}_${digest}`,
  `${id}-c0ffeec0ffee`,
  ` ${id}`,
  `${id}\n`,
  id.toUpperCase(),
])('%j is none', text => {
  expect(parseBallot(text)).toBeUndefined()
})
