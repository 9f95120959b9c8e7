import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {holdsSection, prepended, sectionOf, type SectionFacts} from '../../../src/summary/section.ts'

const AT = Date.UTC(2026, 10, 21, 14, 5)
const ID = '9f3c21aa-0000-4000-8000-000000000000'
const run = (conclusion: string | null, minutes = 2) => ({
  workflow: 'client-deploy',
  run: {
    id: '1',
    url: 'https://github.com/acme/web/actions/runs/1',
    status: conclusion === null ? 'in_progress' : 'completed',
    conclusion,
    createdAt: AT - 3_600_000,
    updatedAt: AT - 3_600_000 + minutes * 60_000 + 5000,
  },
})
const facts = (more: Partial<SectionFacts> = {}): SectionFacts => ({
  correlationId: ID,
  at: AT,
  notes: undefined,
  ...more,
})

describe('a section of the summary', () => {
  test('has a dated heading, notes, what was merged, deploys with their glyphs, next steps and a rule', () => {
    const section = sectionOf(
      facts({
        notes: 'All quiet.',
        merged: [
          {
            number: 12,
            url: 'https://github.com/acme/web/pull/12',
            title: 'Add [a] link',
            author: 'ada',
            mergedAt: AT,
          },
        ],
        deploys: [run('success'), run('failure'), run(null), run('cancelled')],
        next: [{number: 5, url: 'https://github.com/acme/web/issues/5', title: 'Tidy up'}],
      }),
    )
    expect(section).toBe(`<!-- signalbox:summary ${ID} -->
## 2026-11-21, 14:05 UTC

> All quiet.

### Merged

- [#12](https://github.com/acme/web/pull/12) Add \\[a\\] link · ada · 2026-11-21

### Deploys

- ✅ client-deploy · success · 2026-11-21 13:05 UTC · 2m 5s · [run](https://github.com/acme/web/actions/runs/1)
- ❌ client-deploy · failure · 2026-11-21 13:05 UTC · 2m 5s · [run](https://github.com/acme/web/actions/runs/1)
- 🔄 client-deploy · in progress · 2026-11-21 13:05 UTC · [run](https://github.com/acme/web/actions/runs/1)
- ⚪ client-deploy · cancelled · 2026-11-21 13:05 UTC · 2m 5s · [run](https://github.com/acme/web/actions/runs/1)

### Next steps

- [#5](https://github.com/acme/web/issues/5) Tidy up

---

`)
  })

  test('leaves out what could not be read, and says none where there is none', () => {
    const section = sectionOf(facts({merged: [], next: []}))
    expect(section).not.toContain('Deploys')
    expect(section).toContain('### Merged\n\n- none')
    expect(section).toContain('### Next steps\n\n- none')
  })

  test.each([
    ['<!-- hide the rest', '> \\<!-- hide the rest'],
    ['# a heading\n\n---\n@team', '> \\# a heading ---  @\u200bteam'.replace('  ', ' ')],
    ['![x](https://evil.example/p.png)', '> !\\[x\\](https:\u200b//evil.example/p.png)'],
    ['- a list', '> \u200b- a list'],
    ['1. a list', '> \u200b1. a list'],
    ['$x$ &lt; | `code`', '> \\$x\\$ \\&lt; \\| \\`code\\`'],
  ])('takes the markup out of somebody’s notes: %s', (notes, line) => {
    expect(sectionOf(facts({notes})).split('\n')).toContain(line)
  })

  test('on top of what was there keeps all of it, byte by byte, below', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), fc.string(), (before, notes) => {
        const section = sectionOf(facts({notes: notes === '' ? undefined : notes}))
        const after = Buffer.from(prepended(section, before))
        const old = Buffer.from(before)
        expect(after.subarray(after.length - old.length).equals(old)).toBe(true)
        expect(after.length).toBe(Buffer.byteLength(section) + old.length)
      }),
    )
  })

  test('is found again by the command that brought it, and by no other, whatever its notes say', () => {
    const other = '11111111-0000-4000-8000-000000000000'
    const text = prepended(sectionOf(facts({notes: `<!-- signalbox:summary ${other} -->`})), '# Status\n')
    expect(holdsSection(text, ID)).toBe(true)
    expect(holdsSection(text, other)).toBe(false)
  })
})
