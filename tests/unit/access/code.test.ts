import {describe, expect, test} from 'vitest'
import {codesIn, hashOf, newCode, newToken} from '../../../src/access/code.ts'
import {mailDomains} from '../../../src/access/mail-domains.ts'
import {redactText} from '../../../src/platform/redact.ts'

describe('codes', () => {
  test('are found in what people write around them, as we wrote them', () => {
    for (let n = 0; n < 200; n++) {
      const code = newCode()
      expect(code).toMatch(/^SB-[A-HJKMNP-Z2-9]{5}-[A-HJKMNP-Z2-9]{5}$/)
      for (const text of [
        code,
        `\`${code}\``,
        `Hi,\n\n**${code.toLowerCase()}**.`,
        `<p>${code}</p>`,
        `${code},`,
      ])
        expect(codesIn(text)).toEqual([code])
    }
  })

  test.each([
    '',
    'SB-AAAAA',
    'SB-AAAAA-AAAA',
    'SB-AAAAA-AAAAAA',
    'XSB-AAAAA-AAAAA',
    'SB-AAAAA-AAAA0',
    'SB-AAAAA-AAAAA-B',
    'SB AAAAA AAAAA',
  ])('none is in %j', text => expect(codesIn(text)).toEqual([]))

  test('a text full of them is not searched for ever', () => {
    const many = Array.from({length: 5000}, newCode)
    expect(codesIn(many.join(' '))).toEqual(many.slice(0, 5))
    expect(codesIn(`${many[0] ?? ''} ${many[0] ?? ''}`)).toHaveLength(1)
  })

  test('no two are alike, and what is kept of them does not say them', () => {
    expect(new Set(Array.from({length: 2000}, newCode)).size).toBe(2000)
    expect(hashOf('SB-AAAAA-AAAAA')).toMatch(/^[0-9a-f]{64}$/)
  })
})

test('a token is known as a secret wherever it turns up in a text', () => {
  const token = newToken()
  expect(redactText(`curl -H 'authorization: Bearer ${token}'`)).not.toContain(token)
  expect(redactText(`the token ${token} was pasted`)).not.toContain(token)
})

test('the domains of addresses, with and without a name around them', () => {
  expect([
    ...mailDomains([
      'Signalbox <bot@Example.com>',
      'ada@other.org ',
      undefined,
      'nonsense',
      'bob@example.com',
    ]),
  ]).toEqual(['example.com', 'other.org'])
})
