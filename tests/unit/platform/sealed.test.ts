import fc from 'fast-check'
import {expect, test} from 'vitest'
import {createSeal} from '../../../src/platform/sealed.ts'

const seal = createSeal('a secret of the installation, 32 +')

test('what is sealed opens again where it was sealed for', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, place) => {
      const sealed = seal.seal(text, place)
      expect(seal.open(sealed, place)).toBe(text)
      expect(sealed).not.toBe(seal.seal(text, place))
    }),
  )
})

test('it opens with no other key, for no other place, and not when anything in it was changed', () => {
  const sealed = seal.seal('the token', 'project web')
  const opens = (text: string, place = 'project web', by = seal) => {
    try {
      return by.open(text, place)
    } catch (error) {
      return (error as {code: string}).code
    }
  }
  expect(opens(sealed, 'project docs')).toBe('NOT_CONFIGURED')
  expect(opens(sealed, 'project web', createSeal('another secret of somebody, 32 +'))).toBe('NOT_CONFIGURED')
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1)
    // The last character of a part has bits that belong to no byte.
    expect(['NOT_CONFIGURED', 'the token']).toContain(opens(changed))
    if (i < sealed.length - 1 && sealed[i + 1] !== '.') expect(opens(changed)).toBe('NOT_CONFIGURED')
  }
  for (const broken of [
    '',
    'v1',
    'v1...',
    `v2${sealed.slice(2)}`,
    sealed.slice(0, -8),
    `v1.${'A'.repeat(16)}.AA.AA`,
  ])
    expect(opens(broken)).toBe('NOT_CONFIGURED')
})
