import {expect, test} from 'vitest'
import {relativeTime} from '../../../src/runtime/demo/view/discord-text.ts'
import {buttonLabels, messageLines, type ShownMessage} from '../../../src/runtime/demo/view/message-lines.ts'
import {lineWidth, paint} from '../../../src/runtime/demo/view/text.ts'

const NOW = Date.UTC(2026, 0, 1, 12)

function aMessage(changes: Partial<ShownMessage> = {}): ShownMessage {
  return {
    author: {name: 'Signalbox'},
    content: '🟢 client → development · success',
    embeds: [],
    components: [],
    ephemeral: false,
    loading: false,
    versions: [{}],
    ...changes,
  }
}

function drawn(message: ShownMessage, columns = 60): string[] {
  const lines = messageLines(message, {
    columns,
    now: NOW,
    nameOf: id => (id === '7' ? 'grace' : undefined),
    usedBy: 'grace used /deploy-client',
  })
  for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns)
  return lines.map(line => paint(line, {colour: false}))
}

function described(description: string): string[] {
  return drawn(aMessage({embeds: [{description, color: 0x2ecc71}]})).slice(2)
}

test('the head tells who, how it came, for whose eyes and how often it changed', () => {
  expect(drawn(aMessage({ephemeral: true, versions: [{}, {}, {}]}), 100)[0]).toBe(
    'Signalbox · grace used /deploy-client · only you can see this · edited 2×',
  )
})

test('the first line is bold', () => {
  const [, first] = messageLines(aMessage(), {columns: 60, now: NOW, nameOf: () => undefined})
  expect(first?.every(piece => piece.styles?.includes('bold'))).toBe(true)
})

test('marks, links, mentions, times and escapes read as a person reads them', () => {
  expect(
    described('**asked** by <@7> and <@8> · `9f3c…` · [Run\\_1](<https://x.example/1>) · a\\*b'),
  ).toEqual([' ▎ asked by @grace and @8 · 9f3c… · Run_1 · a*b'])
  expect(described(`started <t:${NOW / 1000 - 12}:R>`)).toEqual([' ▎ started 12 seconds ago'])
})

test('a fence is a box, also where its lines are too long', () => {
  const long = 'AccessDenied: deployer is not authorized to perform s3:PutObject on it'
  expect(described(['log:', '```', 'uploading', long, '```', 'after'].join('\n'))).toEqual([
    ' ▎ log:',
    ' ▎ ┌ uploading',
    ' ▎ │ AccessDenied: deployer is not authorized to perform',
    ' ▎ └ s3:PutObject on it',
    ' ▎ after',
  ])
  expect(described('```\none\n```')).toEqual([' ▎ ╶ one'])
})

test('marks inside a fence are text', () => {
  expect(described('```\n**not bold** <t:0:R>\n```')).toEqual([' ▎ ╶ **not bold** <t:0:R>'])
})

test('buttons stand in a row; only those that can be pressed are offered', () => {
  const components = [
    {
      type: 1,
      components: [
        {type: 2, style: 2, label: 'Copy id'},
        {type: 2, style: 5, label: 'Run ↗', url: 'https://x'},
        {type: 2, style: 4, label: 'Cancel', disabled: true},
      ],
    },
  ]
  expect(drawn(aMessage({components})).at(-1)).toBe('   [Copy id] [Run ↗] [Cancel]')
  expect(buttonLabels(components)).toEqual(['Copy id'])
})

test('a deferred answer is thinking', () => {
  expect(drawn(aMessage({loading: true, content: ''}))).toEqual([
    'Signalbox · grace used /deploy-client',
    '  thinking …',
  ])
})

test.each([
  [-12_000, '12 seconds ago'],
  [-1000, '1 second ago'],
  [-60_000, '1 minute ago'],
  [-7_300_000, '2 hours ago'],
  [90_000, 'in 1 minute'],
  [3 * 86_400_000, 'in 3 days'],
])('%i ms away reads %s', (away, words) => {
  expect(relativeTime(NOW + away, NOW)).toBe(words)
})
