import {describe, expect, test} from 'vitest'
import {help} from '../../../src/bot/help.ts'
import {renderReply} from '../../../src/integrations/discord/render.ts'
import {TOPICS, type CommandSummary, type HelpWish, type Topic} from '../../../src/sdk/index.ts'

const topics = Object.keys(TOPICS) as Topic[]

function aCommand(n: number, given: Partial<CommandSummary> = {}): CommandSummary {
  const {name = `command-${n}-`.padEnd(32, 'of-a-long-name'), topic = topics[n % topics.length] ?? 'look'} =
    given
  const description = 'Does what it says, at length, and then a little more than that'
  return {name, topic, description, usage: `/${name} <what:text>`, options: [], refusals: [], ...given}
}

const many = (count: number, given: (n: number) => Partial<CommandSummary> = () => ({})) =>
  Array.from({length: count}, (_, n) => aCommand(n, given(n)))
const named = (n: number) => ({name: `command-${n}`})
const refused = (n: number) => (n % 3 === 0 ? {refusals: ['needs role developer — ask ada']} : {})

/** As Discord shows it, below the line that says who asked. */
function shown(commands: readonly CommandSummary[], wish: HelpWish = {}): string {
  const reply = help(commands, wish)
  const lines = [...(reply.lines ?? []), `asked by ${'\\_'.repeat(60)} · \`12345678…\``]
  const {content, embeds} = renderReply({...reply, lines})
  return `${content}\n${embeds[0]?.description ?? ''}`
}

/** Names that are there, and names that are only counted. */
function counted(text: string): number {
  const names = new Set(text.match(/\/command-\d+[\w-]*/g))
  return [...text.matchAll(/and (\d+) more$/gm)].reduce((sum, [, more]) => sum + Number(more), names.size)
}

describe.each([1, 9, 14, 20, 35, 60, 120])('%i commands', count => {
  test.each<[string, readonly CommandSummary[], HelpWish]>([
    ['of short names', many(count, named), {}],
    ['of the longest names', many(count), {}],
    ['of which a third is not for everybody', many(count, refused), {}],
    ['of one topic', many(count, () => ({topic: 'look'})), {}],
    ['all refused', many(count, () => ({refusals: ['no']})), {}],
    ['beside one that is not there', many(count), {command: 'x'.repeat(32)}],
  ])('%s fit in one message, and each is named or counted', (_what, commands, wish) => {
    const text = shown(commands, wish)
    expect(text.length).toBeLessThanOrEqual(1500 + 100)
    expect(text).not.toContain('… and')
    expect(text).toContain('asked by')
    expect(text).toContain('/help command:…')
    expect(counted(text)).toBe(count)
  })
})

test('few are told of in full, more in short, many by name under what they are about', () => {
  expect(shown(many(4, named))).toContain(
    '**Ship and stop**\n`/command-0 <what:text>` Does what it says, at length, and then a little more than that\n',
  )
  expect(shown(many(16, named))).toMatch(/^`\/command-9` Does what it says, at length, and( \w+)*…$/m)
  const text = shown(many(40, named))
  expect(text).toContain(
    '**Ship and stop** `/command-0` `/command-8` `/command-16` `/command-24` `/command-32`\n',
  )
  expect(text).toContain('/help topic:…')
})

test('35 commands are all there, none only counted', () => {
  const text = shown(many(35, n => ({...refused(n), name: `command-${n}-long`})))
  expect(new Set(text.match(/\/command-\d+-long/g)).size).toBe(35)
  expect(text).toContain('what you can run · 23 of 35')
})

test('what a person may not run is one line of names, with the way to its reasons', () => {
  const text = shown(many(9, n => ({...named(n), ...refused(n)})))
  expect(text).toContain('\n**Not for you yet** `/command-0` `/command-3` `/command-6`\n')
  expect(text).toContain('all about one, and why it is not for you')
  expect(text).not.toContain('needs role developer')
  expect(shown(many(9, named))).not.toContain('not for you')
})

test('one command is told with its reasons before its options, by its name with or without a slash', () => {
  const commands = [
    aCommand(1, {
      name: 'ship',
      refusals: ['needs role developer — ask ada'],
      options: [{name: 'what', description: 'what to ship', required: true}],
    }),
  ]
  for (const command of ['ship', '/ship'])
    expect(help(commands, {command})).toMatchObject({
      title: '/ship',
      lines: [
        expect.stringContaining('Does what it says'),
        expect.stringContaining('<what:text>'),
        '**not for you yet**',
        '· needs role developer — ask ada',
        '`what` what to ship (required)',
      ],
    })
})

test('a topic shows its own commands only', () => {
  const text = shown(many(40, named), {topic: 'look'})
  expect(text).toContain('see how things are · 5 of 5')
  expect(text.match(/^`\/command-\d+ <what:text>`/gm)).toHaveLength(5)
  expect(text).not.toContain('/help topic:…')
})
