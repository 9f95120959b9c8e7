import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {renderMail, type MailDocument} from '../../../../src/integrations/email/document.ts'
import {foreignText} from '../../../support/foreign-text.ts'

/** A document that says the same text everywhere it can say one. */
function filledWith(text: string, url = 'https://example.test/ours'): MailDocument {
  return {
    heading: text,
    blocks: [
      {kind: 'paragraph', text},
      {kind: 'facts', title: text, facts: [[text, text]]},
      {kind: 'list', title: text, items: [text, {label: text, url}]},
      {kind: 'quote', title: text, text},
      {kind: 'buttons', buttons: [{label: text, url, look: 'primary'}]},
    ],
    footer: [text],
  }
}

const tagsOf = (html: string) => html.match(/<[^>]*>/g) ?? []
const linksOf = (html: string) => [...html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url)

const EVIL = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</td></table><a href="https://evil.test">Approve</a>',
  '&lt;b&gt; &amp;',
  '<!-- -->',
  'javascript:alert(1)',
  '\r\nBcc: eve@evil.test\r\n\r\n',
]

describe('what somebody else wrote', () => {
  test('never becomes markup, wherever it stands', () => {
    const tags = tagsOf(renderMail(filledWith('x')).html).map(tag => tag.replaceAll('aria-label="x"', ''))
    fc.assert(
      fc.property(fc.oneof(foreignText(100), fc.constantFrom(...EVIL)), text => {
        const {html} = renderMail(filledWith(text))
        expect(tagsOf(html).map(tag => tag.replace(/aria-label="[^"]*"/, ''))).toEqual(tags)
        expect(linksOf(html)).toEqual(['https://example.test/ours', 'https://example.test/ours'])
      }),
      {numRuns: 60},
    )
  })

  test('is no link for a mail program that makes links of addresses', () => {
    for (const text of [
      'https://evil.test/approve',
      'see www.evil.test',
      'evil.test/approve',
      'HTTP://evil.test?x',
    ]) {
      const {html, text: plain} = renderMail(filledWith(text))
      for (const part of [
        html.replace(/href="[^"]*"/g, ''),
        plain.replaceAll('https://example.test/ours', ''),
      ])
        expect(part).not.toMatch(/https?:\/\/|www\.\w|evil\.test[/?]/i)
    }
  })

  test('can’t turn the direction of writing, hide, or add lines', () => {
    const {text} = renderMail({
      heading: 'a',
      blocks: [{kind: 'paragraph', text: 'b\u202e\u0000\r\nc\ud800'}],
      footer: [],
    })
    expect(text).toBe('a\n\nb c\n\n-- \n\n')
  })

  test('stays readable', () => {
    const {html, text} = renderMail(filledWith('Ana & "Bo" <ana@example.test>'))
    expect(html).toContain('Ana &amp; &quot;Bo&quot; &lt;ana@example.test&gt;')
    expect(text).toContain('Ana & "Bo" <ana@example.test>')
  })
})

describe('a link', () => {
  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    '//evil.test',
    'mailto:a@b',
    'x',
    '',
  ])('leads nowhere when its address is %j', url => {
    const {html, text} = renderMail(filledWith('go', url))
    expect(linksOf(html)).toEqual([])
    if (url.length > 1) expect(text).not.toContain(url)
  })

  test('keeps an address whole, in both parts', () => {
    const url = 'https://example.test/a?b=1&c=%22"'
    const {html, text} = renderMail(filledWith('go', url))
    expect(linksOf(html)).toContain('https://example.test/a?b=1&amp;c=%22%22')
    expect(text).toContain('https://example.test/a?b=1&c=%22%22')
  })
})

test('both parts say the same, and nothing is loaded from elsewhere', () => {
  const {html, text} = renderMail({
    heading: '⏳ client → production waits for your approval',
    blocks: [
      {kind: 'facts', facts: [['Risk', 'high']]},
      {kind: 'list', title: 'Commits', items: ['one', 'two']},
      {kind: 'quote', text: 'first\nsecond'},
      {kind: 'buttons', buttons: [{label: 'Look', url: 'https://example.test/x', look: 'plain'}]},
    ],
    footer: ['small print'],
  })
  expect(text).toBe(
    [
      '⏳ client → production waits for your approval',
      'Risk: high',
      'Commits:\n- one\n- two',
      '> first\n> second',
      'Look:\nhttps://example.test/x',
      '-- \nsmall print',
      '',
    ].join('\n\n'),
  )
  expect(html).not.toMatch(/<img|<link|src=|url\(/)
  expect(html).toContain('<meta name="color-scheme" content="light dark">')
  expect(html).not.toMatch(/(?<!-)color:#(?!ffffff)/)
})
