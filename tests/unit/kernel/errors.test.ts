import {readFileSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {AppError, ERRORS, toError} from '../../../src/kernel/errors.ts'

test('docs/errors.md lists every code with its disposition and a meaning, and no other', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` *\| *(\w+) *\| *(.+?) *\|$/gm)]
  expect(Object.fromEntries(rows.map(([, code, disposition]) => [code, disposition]))).toEqual(ERRORS)
  for (const [, code, , meaning] of rows) expect(meaning?.length, code).toBeGreaterThan(20)
})

describe('an error', () => {
  test('knows what may be done about it', () => {
    expect(new AppError('NOT_PERMITTED', 'No.').disposition).toBe('user')
    expect(new AppError('CONTENDED', 'Busy.').disposition).toBe('retry')
    expect(new AppError('INVARIANT_BROKEN', 'Never.').disposition).toBe('fatal')
  })

  test('keeps its cause, its details and when to come back', () => {
    const cause = new Error('429')
    const error = new AppError('UPSTREAM_RATE_LIMITED', 'Slow down.', {
      cause,
      details: {limit: 'core'},
      retryAfterMs: 40_000,
    })
    expect(error).toMatchObject({
      name: 'AppError',
      message: 'Slow down.',
      cause,
      details: {limit: 'core'},
      retryAfterMs: 40_000,
    })
    expect('cause' in new AppError('CONFLICT', 'No cause.')).toBe(false)
  })
})

describe('anything thrown', () => {
  test('that is an error stays the same error', () => {
    const error = new TypeError('x')
    expect(toError(error)).toBe(error)
  })

  test('keeps its text', () => {
    expect(toError('plain words').message).toBe('plain words')
    expect(toError({reason: 'full'}).message).toContain('full')
  })

  test('becomes an error, whatever it is', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    const nasty = [loop, 10n, Symbol('s'), Object.create(null), undefined, null, () => 1]
    for (const thrown of nasty) expect(toError(thrown)).toBeInstanceOf(Error)
    fc.assert(
      fc.property(
        fc.anything({withBigInt: true, withNullPrototype: true, withDate: true, withMap: true}),
        thrown => {
          expect(toError(thrown)).toBeInstanceOf(Error)
        },
      ),
    )
  })
})
