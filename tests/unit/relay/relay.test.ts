import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {outcomeMessage, previewMessage, type Relayed} from '../../../src/relay/message.ts'
import {postingOf, withoutMentions} from '../../../src/relay/relay.ts'

const PLACE = {kind: 'channel', id: '42', name: '#news'} as const
const relayed = (posting: Relayed['posting']): Relayed => ({
  place: PLACE,
  fingerprint: '…ab12',
  posting,
  auditId: '11111111-1111-4111-8111-111111111111',
  guildId: '7',
})

describe('the text of a relayed message', () => {
  test.each([
    ['@everyone look', '@\u200beveryone look'],
    ['hey @HERE', 'hey @\u200bHERE'],
    ['<@1> <@!2> <@&3>', '<\u200b@1> <\u200b@!2> <\u200b@&3>'],
    [
      'mail ada@example.com, see <#5> and **bold** `code`',
      'mail ada@example.com, see <#5> and **bold** `code`',
    ],
  ])('%s mentions nobody, and is otherwise as written', (given, posted) => {
    expect(withoutMentions(given)).toBe(posted)
  })

  test('of any kind holds no mention, and loses nothing else', () => {
    const words = fc.array(
      fc.constantFrom('@everyone', '@here', '<@1>', '<@&22>', '<@!3>', '@', '<', 'x', ' '),
    )
    fc.assert(
      fc.property(words, parts => {
        const posted = withoutMentions(parts.join(''))
        expect(posted).not.toMatch(/@(?:everyone|here)|<@[!&]?\d/i)
        expect(posted.replaceAll('\u200b', '')).toBe(parts.join(''))
      }),
    )
  })
})

describe('what Discord answered', () => {
  test.each([
    [
      {kind: 'sent', messageId: '9'},
      {kind: 'posted', messageId: '9'},
    ],
    [
      {kind: 'gone', reason: 'Discord error 10003 (HTTP 404)'},
      {
        kind: 'failed',
        reason: 'There is no such channel, or I can’t see it: Discord error 10003 (HTTP 404). Check the id.',
      },
    ],
    [
      {kind: 'refused', reason: 'Discord error 50013 (HTTP 403)'},
      {
        kind: 'failed',
        reason:
          'I may not post there: Discord error 50013 (HTTP 403). Whoever manages this server can let me.',
      },
    ],
    ...['Discord answered HTTP 502', 'TimeoutError', 'Discord asks us to slow down'].map(
      reason =>
        [
          {kind: 'failed', reason},
          {kind: 'unknown', reason: `Discord did not say that it has it: ${reason}.`},
        ] as const,
    ),
  ] as const)('%j is %j: only what is known is claimed', (sent, posting) => {
    expect(postingOf(sent, PLACE)).toEqual(posting)
  })
})

describe('what its author is told', () => {
  test('of a posted one: place, fingerprint, audit id and a link to the message', () => {
    expect(outcomeMessage(relayed({kind: 'posted', messageId: '9'}))).toEqual({
      state: 'ok',
      title: 'your message · posted',
      lines: [
        'to <#42> · `…ab12` · audit `11111111…`',
        'message `9` · [go to it](<https://discord.com/channels/7/42/9>)',
      ],
    })
  })

  test('of one posted from a conversation of two: no link, since nobody knows the server of that channel', () => {
    const {lines} = outcomeMessage({...relayed({kind: 'posted', messageId: '9'}), guildId: undefined})
    expect(lines?.[1]).toBe('message `9`')
  })

  test('of one that failed or may be there names the place and never reads as success', () => {
    const failed = outcomeMessage(relayed({kind: 'failed', reason: 'No.'}))
    expect(failed).toMatchObject({state: 'error', lines: [expect.stringContaining('<#42>'), 'No.']})
    const unknown = outcomeMessage(relayed({kind: 'unknown', reason: 'Nobody said.'}))
    expect(unknown.state).toBe('partial')
    expect(unknown.lines?.at(-1)).toBe('look there before you send it again')
  })

  test('before: what it says, where it goes, and that a long one is shown in part', () => {
    const draft = {id: 'x', author: 'ada', place: PLACE, text: `*${'a'.repeat(2000)}`, fingerprint: '…ab12'}
    const preview = previewMessage(draft, 60_000)
    expect(preview.lines?.[0]).toBe('to <#42> · 2001 characters · `…ab12`')
    expect(preview.lines?.[1]).toMatch(/^» \\\*a+… \(and 1101 more\)$/)
    expect(preview.lines?.join('\n').length).toBeLessThan(1500)
    expect(preview.controls).toMatchObject([{action: 'confirm', subject: 'x', label: 'Post it'}])
  })

  test.each(['*', '@', '://', 'a_b', 'x'])('a text of nothing but %s is in what is to be confirmed', mark => {
    const text = mark.repeat(2000).slice(0, 2000)
    const draft = {id: 'x', author: 'a'.repeat(60), place: PLACE, text, fingerprint: '…ab12'}
    const {lines = [], ...preview} = previewMessage(draft, 60_000)
    const signed = [...lines, 'asked by somebody · `9f3c21aa…`']
    const [body] = renderReply({...preview, lines: signed}).embeds
    expect(body?.description).not.toContain('… and')
    expect(body?.description).toBe(signed.join('\n'))
    const [, more] = /\(and (\d+) more\)$/.exec(lines[1] ?? '') ?? []
    expect(Number(more)).toBeGreaterThanOrEqual(1100)
  })
})
