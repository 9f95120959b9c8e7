import type {WriteStream} from 'node:tty'
import type {DiscordEmulator, MessageView, Person} from '../../../emulators/discord/index.ts'
import type {GithubEmulator, Run} from '../../../emulators/github/index.ts'
import {REPOSITORY} from '../cast.ts'
import type {Pace} from '../pace.ts'
import {layOut, upperPane, type Pane} from './layout.ts'
import {messageLines} from './message-lines.ts'
import {channelPage} from './pages.ts'
import {runsLines} from './run-lines.ts'
import {createScreen, type Region} from './screen.ts'
import {clip, lineWidth, span, wrap, type Line, type Style} from './text.ts'
import {createUses} from './uses.ts'
import type {Heading, Tone, View} from './view.ts'

/** What stands at the prompt: the text, where the cursor is in it, and what could come next. */
export interface Prompt {
  readonly text: string
  readonly cursor: number
  readonly suggestions: readonly {readonly label: string; readonly hint: string}[]
  readonly selected?: number | undefined
}

export interface TerminalView extends View {
  /** Whose eyes one looks through, and who speaks next. */
  person: Person
  prompt(prompt: Prompt): void
  /** Turns pages of the channel: back by one, or forward again. */
  scroll(pages: number): void
}

export interface TerminalOptions {
  readonly output: WriteStream
  readonly colour: boolean
  readonly discord: DiscordEmulator
  readonly github: GithubEmulator
  readonly channel: {readonly id: string; readonly name: string}
  readonly runs: () => readonly Run[]
  readonly person: Person
  readonly pace: Pace
}

const FRAME_MS = 30
const KEYSTROKE_MS = 28
const ROOMY_ROWS = 20
const STYLE_OF: Readonly<Record<Tone, readonly Style[]>> = {plain: [], good: ['green'], bad: ['red']}
const EMPTY: Prompt = {text: '', cursor: 0, suggestions: []}

/** The living view: the channel with its messages changing in place, the GitHub run, and below them the prompt. */
export function createTerminalView(options: TerminalOptions): TerminalView {
  const {output, discord, github, channel, runs, pace} = options
  const uses = createUses(discord)
  const screen = createScreen(output, options)
  let person = options.person
  let heading: Heading | undefined
  let told: Line[] = []
  let over = false
  let prompt = EMPTY
  let page: readonly string[] | undefined
  let back = 0

  let frame: NodeJS.Timeout | undefined
  let closed = false
  const refresh = () => {
    if (!closed) frame ??= setTimeout(draw, FRAME_MS)
  }
  // Relative times grow old by themselves.
  const ticking = setInterval(refresh, 1000)
  const stopWatching = [discord.on(refresh), github.on(refresh)]
  output.on('resize', refresh)

  function draw(): void {
    frame = undefined
    const panes = layOut({columns: output.columns, rows: output.rows})
    const footer = footerLines(panes.footer)
    const above = page
      ? [{pane: upperPane(panes), lines: page.flatMap(line => wrap([span(line)], panes.footer.columns))}]
      : [channelRegion(panes.channel), runRegion(panes.run)]
    screen.draw([...above, {pane: panes.footer, lines: footer.lines}], footer.cursor)
  }

  function channelRegion(pane: Pane): Region {
    return {pane, lines: [title(`# ${channel.name}`, `as ${person.name}`, pane), ...channelLines(pane)]}
  }

  function runRegion(pane: Pane): Region {
    const room = {columns: pane.columns, rows: pane.rows - 1, now: Date.now()}
    return {pane, lines: [title('GitHub Actions', REPOSITORY, pane), ...runsLines(runs(), room)]}
  }

  function channelLines(pane: Pane): Line[] {
    const rows = pane.rows - 1
    const messages = person.sees(channel)
    const draw = (index: number) => messageBlock(messages[index], pane)
    const page = channelPage({count: messages.length, draw}, rows, back)
    back = page.back
    return [...Array.from({length: Math.max(0, rows - page.lines.length)}, () => []), ...page.lines]
  }

  function messageBlock(message: MessageView | undefined, pane: Pane): Line[] {
    if (!message) return []
    const lines = messageLines(message, {
      columns: pane.columns,
      now: Date.now(),
      nameOf: discord.nameOf,
      usedBy: uses.of(message),
    })
    // A notice at the end only repeats the message it answers, which needs the room more.
    return message.replyTo !== undefined && pane.rows < ROOMY_ROWS ? lines.slice(0, 2) : lines
  }

  function footerLines(pane: Pane): {
    readonly lines: readonly Line[]
    readonly cursor: {readonly row: number; readonly column: number}
  } {
    const asks = `${person.name} › `
    const offset = Math.max(0, asks.length + prompt.cursor - pane.columns + 2)
    const input: Line = [span(asks, 'bold', 'blue'), span(prompt.text.slice(offset))]
    const top = heading
      ? title(
          `${heading.number} of ${heading.of} · ${heading.title}`,
          'Enter: go on · s: skip the tour',
          pane,
        )
      : title('your turn', 'Tab completes · help · quit', pane)
    const room = pane.rows - 2
    const between =
      prompt.suggestions.length > 0 ? suggestionLines(room, pane.columns) : narration(room, pane.columns)
    return {
      lines: [top, ...between, ...Array.from({length: Math.max(0, room - between.length)}, () => []), input],
      cursor: {
        row: pane.top + pane.rows - 1,
        column: Math.min(asks.length + prompt.cursor - offset + 1, pane.columns),
      },
    }
  }

  /** What the demo says; the notice gives way once the scene is over and there is more to say than room. */
  function narration(room: number, columns: number): Line[] {
    const notice = heading ? wrap([span(heading.notice, 'yellow')], columns) : []
    const rest = told.flatMap(line => wrap(line, columns, [span('  ')]))
    const shown = over && notice.length + rest.length > room ? [] : notice
    return [...shown, ...rest.slice(-Math.max(1, room - shown.length))].slice(0, room)
  }

  function suggestionLines(room: number, columns: number): Line[] {
    const {suggestions, selected = -1} = prompt
    const from = Math.min(Math.max(0, selected - room + 1), Math.max(0, suggestions.length - room))
    return suggestions.slice(from, from + room).map(({label, hint}, index) => {
      const more =
        index === room - 1 && from + room < suggestions.length
          ? `  … ${suggestions.length - from - room} more`
          : ''
      return clip(
        [
          span(` ${label} `, ...(from + index === selected ? (['inverse'] as const) : (['cyan'] as const))),
          span(` ${hint}`, 'dim'),
          span(more, 'dim'),
        ],
        columns,
      )
    })
  }

  refresh()
  return {
    get person() {
      return person
    },
    set person(next) {
      person = next
      refresh()
    },
    scene(next) {
      heading = next
      told = []
      over = false
      back = 0
      refresh()
    },
    async types(who, line) {
      person = who
      back = 0
      let length = 0
      const typing = setInterval(() => {
        length = Math.min(length + 1, line.length)
        prompt = {text: line.slice(0, length), cursor: length, suggestions: []}
        refresh()
      }, KEYSTROKE_MS)
      await pace.pause(line.length * KEYSTROKE_MS + 500)
      clearInterval(typing)
      prompt = EMPTY
      refresh()
    },
    tell(text, tone = 'plain') {
      told.push(...text.split('\n').map(line => [span(line, ...STYLE_OF[tone])]))
      refresh()
    },
    outcome(claims) {
      over = true
      if (claims.length > 0)
        told.push(
          // A mark stays with the first word of its claim, wherever the line breaks.
          claims.flatMap(({text, kept}) => [
            span(kept ? '✓\u00a0' : '✗\u00a0', kept ? 'green' : 'red'),
            span(`${text}  `),
          ]),
        )
      refresh()
    },
    prompt(next) {
      prompt = next
      refresh()
    },
    page(lines) {
      page = lines
      refresh()
    },
    scroll(pages) {
      back = Math.max(0, back + pages)
      refresh()
    },
    close() {
      closed = true
      clearTimeout(frame)
      clearInterval(ticking)
      output.off('resize', refresh)
      for (const stop of [...stopWatching, uses.close]) stop()
      screen.close()
    },
  }
}

/** A pane's first row: what it is, a rule, and something at its end. */
function title(text: string, end: string, {columns}: Pane): Line {
  const rule = columns - lineWidth([span(text)]) - lineWidth([span(end)]) - 4
  return rule < 1
    ? clip([span('─ ', 'dim'), span(text, 'bold')], columns)
    : [span('─ ', 'dim'), span(text, 'bold'), span(` ${'─'.repeat(rule)} `, 'dim'), span(end, 'dim')]
}
