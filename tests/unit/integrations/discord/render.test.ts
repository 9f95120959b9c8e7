import {ComponentType} from 'discord-api-types/v10'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {customId, parseCustomId, renderReply} from '../../../../src/integrations/discord/render.ts'
import {code, link, plain} from '../../../../src/kernel/markdown.ts'
import {REPLY_STATES, type Control, type Reply, type ReplyState} from '../../../../src/sdk/index.ts'
import {foreignText} from '../../../support/foreign-text.ts'

const states = Object.keys(REPLY_STATES) as ReplyState[]

const anyControl: fc.Arbitrary<Control> = fc.oneof(
  fc.record({
    kind: fc.constant('action' as const),
    label: foreignText(200),
    action: fc.oneof(fc.constantFrom('copy', 'cancel', 'retry'), foreignText(60)),
    subject: fc.oneof(fc.uuid(), foreignText(200)),
    style: fc.constantFrom('primary' as const, 'secondary' as const, 'danger' as const),
  }),
  fc.record({
    kind: fc.constant('link' as const),
    label: foreignText(200),
    url: fc.oneof(fc.webUrl(), foreignText(600)),
  }),
)

const anyReply: fc.Arbitrary<Reply> = fc.record(
  {
    state: fc.constantFrom(...states),
    title: foreignText(10_000),
    lines: fc.array(fc.oneof(foreignText(300), foreignText(10_000)), {maxLength: 40}),
    excerpt: foreignText(10_000),
    controls: fc.array(anyControl, {maxLength: 12}),
  },
  {requiredKeys: ['state', 'title']},
)

test('a reply that is for some people pings those, by ids of ours, and nobody named in its text', () => {
  const body = renderReply({
    state: 'waiting',
    title: '<@222> asks',
    lines: ['@everyone <@333>'],
    mentions: ['111', '112', '111'],
  })
  expect(body.content).toMatch(/ · <@111> <@112>$/)
  expect(body.allowed_mentions).toEqual({parse: [], users: ['111', '112']})
})

test('nobody but the first ten of those a reply is for is pinged', () => {
  const ids = Array.from({length: 30}, (_, nth) => `${900_000_000_000_000_000n + BigInt(nth)}`)
  const body = renderReply({state: 'waiting', title: 'x'.repeat(500), mentions: ids})
  expect(body.allowed_mentions.users).toEqual(ids.slice(0, 10))
  expect(body.content).not.toContain(ids[10])
  expect(body.content.length).toBeLessThanOrEqual(2000)
})

describe('any reply', () => {
  test('fits into a Discord message and pings nobody', () => {
    fc.assert(
      fc.property(anyReply, reply => {
        const {content, embeds, components, allowed_mentions: mentions} = renderReply(reply)
        expect(content.length).toBeGreaterThan(0)
        expect(content.length).toBeLessThanOrEqual(2000)
        expect(embeds.length).toBeLessThanOrEqual(1)
        for (const {description} of embeds) {
          expect(description?.length).toBeGreaterThan(0)
          expect(description?.length).toBeLessThanOrEqual(4096)
        }
        expect(mentions).toEqual({parse: []})
        expect(components.length).toBeLessThanOrEqual(1)
      }),
      {numRuns: 300},
    )
  })

  test('has only buttons that Discord takes and that we understand when they are pressed', () => {
    fc.assert(
      fc.property(anyReply, reply => {
        const buttons = renderReply(reply).components.flatMap(row => row.components)
        expect(buttons.length).toBeLessThanOrEqual(5)
        const ids = buttons.flatMap(button => ('custom_id' in button ? [button.custom_id] : []))
        expect(new Set(ids).size).toBe(ids.length)
        for (const id of ids) {
          expect(id.length).toBeLessThanOrEqual(100)
          expect(parseCustomId(id)).toBeDefined()
        }
        for (const button of buttons) {
          expect(button.type).toBe(ComponentType.Button)
          if ('label' in button) expect((button.label ?? '').length).toBeGreaterThan(0)
          if ('label' in button) expect((button.label ?? '').length).toBeLessThanOrEqual(80)
          if ('url' in button) expect(button.url).toMatch(/^https?:\/\/.{1,505}$/su)
        }
      }),
      {numRuns: 300},
    )
  })

  test('keeps an excerpt inside its fence', () => {
    const lively = fc.string({
      unit: fc.constantFrom('`', '```', '\n', '@everyone', 'a', '\\', '\u200b'),
      maxLength: 2000,
    })
    fc.assert(
      fc.property(fc.oneof(foreignText(3000), lively), excerpt => {
        const description = renderReply({state: 'failure', title: 't', excerpt}).embeds[0]?.description ?? ''
        expect(description.startsWith('```\n')).toBe(true)
        expect(description.endsWith('\n```')).toBe(true)
        expect(description.slice(3, -3)).not.toContain('```')
      }),
    )
  })
})

describe('a reply', () => {
  test('answers in its first line, with the glyph of its state', () => {
    expect(renderReply({state: 'success', title: 'client → production · success'}).content).toBe(
      '🟢 client → production · success',
    )
  })

  test('says with its colour what the glyph says', () => {
    for (const state of states) {
      expect(renderReply({state, title: 't', lines: ['x']}).embeds[0]?.color).toBe(REPLY_STATES[state].colour)
    }
  })

  test('says how many lines it left out, and keeps the last one: who asked, and the id to find it by', () => {
    const lines = Array.from({length: 100}, (_, index) => `line ${index} ${'x'.repeat(90)}`)
    const signed = [...lines, 'asked by ada · `9f3c21aa…`']
    const shown = (
      renderReply({state: 'info', title: 't', lines: signed}).embeds[0]?.description ?? ''
    ).split('\n')
    expect(shown.slice(-2)).toEqual([`… and ${100 - (shown.length - 2)} more`, 'asked by ada · `9f3c21aa…`'])
    expect(shown.slice(0, -2)).toEqual(lines.slice(0, shown.length - 2))
    expect(shown.join('\n').length).toBeLessThanOrEqual(1500)
  })

  test('shows the beginning of one enormous line, with what comes last below it', () => {
    const word = 'word '.repeat(2000)
    const shown = (...lines: string[]) =>
      (renderReply({state: 'info', title: 't', lines}).embeds[0]?.description ?? '').split('\n')
    expect(shown(word)).toEqual([expect.stringMatching(/^word word.*…$/)])
    expect(shown(word, 'asked by ada')).toEqual([expect.stringMatching(/^word word.*…$/), 'asked by ada'])
    expect(shown('asked by ada', word)).toEqual(['asked by ada', expect.stringMatching(/^word word.*…$/)])
  })

  test('keeps the end of a long excerpt, where the error is', () => {
    const description = renderReply({state: 'failure', title: 't', excerpt: `${'x'.repeat(5000)} the error`})
      .embeds[0]?.description
    expect(description?.endsWith('the error\n```')).toBe(true)
  })

  test('without lines has no embed, and without buttons no row', () => {
    expect(renderReply({state: 'info', title: 't', lines: [], controls: []})).toMatchObject({
      embeds: [],
      components: [],
    })
  })
})

describe('what a button carries', () => {
  test('comes back as it was put in', () => {
    fc.assert(
      fc.property(fc.constantFrom('copy', 'cancel', 'retry'), fc.uuid(), (action, subject) => {
        expect(parseCustomId(customId(action, subject))).toEqual({action, subject})
      }),
    )
  })

  test('is not understood when anybody else made it up', () => {
    for (const forged of [
      '',
      'v1',
      'v2:cancel:1',
      'v1:cancel:',
      'v1::x',
      'v1:cancel:a b',
      'v1:cancel:x\n',
      'ux_confirm',
      'v1:Cancel:x',
      `v1:cancel:${'x'.repeat(65)}`,
    ]) {
      expect(parseCustomId(forged), forged).toBeUndefined()
    }
    fc.assert(fc.property(fc.string(), text => void parseCustomId(text)))
  })
})

describe('foreign text', () => {
  // What Discord would act on: mentions, channels, commands, time stamps, emoji, addresses.
  const live = /@(everyone|here)|<(@|#|:|\/|[a-z])|:\/\//i

  test('is never live and never formats after plain()', () => {
    fc.assert(
      fc.property(foreignText(3000), text => {
        const shown = plain(text, 3000)
        expect(shown).not.toMatch(live)
        expect(shown).not.toMatch(/[\n\r\u202a-\u202e\u2066-\u2069]/)
        expect(shown.replace(/\\[\\`*_~|>#[\]()]/g, '')).not.toMatch(/[\\`*_~|>#[\]()]/)
        expect(shown).not.toMatch(/\p{Cs}/u)
      }),
      {numRuns: 1000},
    )
  })

  test('is at most as long as asked before it is made harmless', () => {
    expect(plain('a'.repeat(10_000), 60)).toBe(`${'a'.repeat(59)}…`)
    expect(code('a'.repeat(10_000), 60)).toBe(`\`${'a'.repeat(59)}…\``)
  })

  test('can not leave the code it is shown in', () => {
    fc.assert(
      fc.property(foreignText(3000), text => {
        expect(code(text)).toMatch(/^`[^`\n\r]+`$/)
      }),
      {numRuns: 1000},
    )
  })

  test('can not leave the label of a link, nor an address its brackets', () => {
    fc.assert(
      fc.property(foreignText(300), foreignText(300), (label, tail) => {
        const [, shown = '', url = ''] =
          /^\[((?:\\.|[^\]\\])*)\]\(<([^<>\s]*)>\)$/.exec(link(label, `https://github.com/${tail}`)) ?? []
        expect(url.startsWith('https://github.com/')).toBe(true)
        expect(shown).not.toMatch(live)
      }),
      {numRuns: 1000},
    )
  })

  test('that only looks like another name is shown without what makes it look so', () => {
    expect(plain('gra\u200bce\u202e!')).toBe('grace!')
    expect(plain('a\u061cb\u00adc\u{e0041}d')).toBe('abcd')
    expect(plain('one\ntwo\u0000three')).toBe('one two three')
    expect(plain('half \ud83d')).toBe('half')
  })
})
