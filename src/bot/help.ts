import {code, plain} from '../kernel/markdown.ts'
import {TOPICS, type CommandSummary, type HelpWish, type Reply} from '../sdk/index.ts'

/** Of the 1,500 characters that a message shows, without the line that says who asked. */
const ROOM = 1350
/** A description cut shorter than this says nothing; names by topic say more. */
const SHORTEST_DESCRIPTION = 40

interface Section {
  readonly title: string
  readonly commands: readonly CommandSummary[]
}

/**
 * One message, however many commands there are: in full while that fits, then in short, then by name only, and in the
 * end as many names as fit with the rest counted. What is not permitted is named in one line; its reasons take a look at
 * the one command.
 */
export function help(all: readonly CommandSummary[], {command, topic}: HelpWish): Reply {
  const name = command?.replace(/^\//, '')
  const one = all.find(known => known.name === name)
  if (one) return about(one)
  const commands = topic === undefined ? all : all.filter(known => known.topic === topic)
  const open = commands.filter(known => known.refusals.length === 0)
  const closed = commands.filter(known => known.refusals.length > 0)
  const unknown = name === undefined ? [] : [`there is no ${code(`/${name}`)}; here is everything`]
  const what = topic === undefined ? 'what you can run' : TOPICS[topic].toLowerCase()
  return {
    state: 'info',
    title: `${what} · ${open.length} of ${commands.length}`,
    lines: [...unknown, ...overview(open, closed, ROOM - unknown.join('\n').length)],
  }
}

function overview(
  open: readonly CommandSummary[],
  closed: readonly CommandSummary[],
  room: number,
): readonly string[] {
  const sections = Object.entries(TOPICS)
    .map(([topic, title]): Section => ({title, commands: open.filter(known => known.topic === topic)}))
    .filter(({commands}) => commands.length > 0)
  const refused = closed.length === 0 ? [] : [{title: 'Not for you yet', commands: closed}]
  const one = `${code('/help command:…')} all about one${closed.length === 0 ? '' : ', and why it is not for you'}`
  const bottom = sections.length > 1 ? `${code('/help topic:…')} more about some · ${one}` : one
  const inLines = (line: (command: CommandSummary) => string, last: string) => [
    ...sections.flatMap(({title, commands}) => [
      ...(sections.length > 1 ? [`**${title}**`] : []),
      ...commands.map(line),
    ]),
    ...refused.map(section => byName(section)),
    last,
  ]
  const full = inLines(({usage, description}) => `${code(usage, 140)} ${plain(description)}`, one)
  if (fits(full, room)) return full
  const bare = inLines(({name}) => `${code(`/${name}`)} `, bottom)
  const share = Math.floor((room - bare.join('\n').length) / Math.max(open.length, 1))
  if (share >= SHORTEST_DESCRIPTION) {
    const short = inLines(
      ({name, description}) => `${code(`/${name}`)} ${plain(wholeWords(description, share))}`,
      bottom,
    )
    if (fits(short, room)) return short
  }
  return [...shared([...sections, ...refused], room - bottom.length - 1), bottom]
}

function wholeWords(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1).replace(/\s+\S*$/, '')}…`
}

/** Each section gets what it needs, or its part of what those before it have left. */
function shared(sections: readonly Section[], room: number): readonly string[] {
  let left = room
  return sections.map((section, index) => {
    const line = byName(section, Math.floor(left / (sections.length - index)) - 1)
    left -= line.length + 1
    return line
  })
}

function byName({title, commands}: Section, room = Infinity): string {
  const words = [`**${title}**`, ...commands.map(({name}) => code(`/${name}`))]
  const whole = words.join(' ')
  if (whole.length <= room) return whole
  const more = (shown: number) => `and ${commands.length - shown} more`
  let shown = 0
  while ([...words.slice(0, shown + 2), more(shown + 1)].join(' ').length <= room) shown += 1
  return [...words.slice(0, shown + 1), more(shown)].join(' ')
}

function fits(lines: readonly string[], room: number): boolean {
  return lines.join('\n').length <= room
}

function about(command: CommandSummary): Reply {
  return {
    state: 'info',
    title: `/${command.name}`,
    lines: [
      plain(command.description),
      code(command.usage, 200),
      ...(command.refusals.length === 0
        ? []
        : ['**not for you yet**', ...command.refusals.map(reason => `· ${reason}`)]),
      ...command.options.map(
        option => `${code(option.name)} ${plain(option.description)}${option.required ? ' (required)' : ''}`,
      ),
    ],
  }
}
