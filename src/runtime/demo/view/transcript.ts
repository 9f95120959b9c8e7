import type {Change, DiscordEmulator, MessageView, Person} from '../../../emulators/discord/index.ts'
import type {Run} from '../../../emulators/github/index.ts'
import {readDiscordText} from './discord-text.ts'
import {messageLines} from './message-lines.ts'
import {createUses} from './uses.ts'
import {detailed} from './run-lines.ts'
import {paint, span, wrap, type Line, type Style} from './text.ts'
import type {Tone, View} from './view.ts'

export interface TranscriptOptions {
  readonly discord: DiscordEmulator
  readonly channel: {readonly id: string}
  readonly runs: () => readonly Run[]
  readonly write: (text: string) => void
  readonly colour: boolean
}

const COLUMNS = 96
const STYLE_OF: Readonly<Record<Tone, readonly Style[]>> = {plain: ['dim'], good: ['green'], bad: ['red']}

/**
 * The demo as text that only grows: what is typed, each change of a message's first line as it happens, and at the
 * end of a scene its messages and its GitHub run in full. For machines, logs and the README.
 */
export function createTranscript({discord, channel, runs, write, colour}: TranscriptOptions): View {
  const uses = createUses(discord)
  const firstLines = new Map<string, string>()
  let touched = new Set<string>()
  let since = Date.now()
  const knownRuns = new Set(runs().map(run => run.id))

  const print = (...lines: Line[]) => write(lines.map(line => `${paint(line, {colour})}\n`).join(''))
  const stopWatching = discord.on(watch)

  function watch(change: Change): void {
    if (change.kind === 'interaction.failed')
      return print([span(`${elapsed()}  The application did not respond`, 'red')])
    if (change.kind !== 'message.created' && change.kind !== 'message.edited') return
    const {message} = change
    if (message.channelId !== channel.id) return
    touched.add(message.id)
    const [line = ''] = message.loading ? ['thinking …'] : message.content.split('\n')
    if (firstLines.get(message.id) === line) return
    firstLines.set(message.id, line)
    const [shown = []] = readDiscordText(line, {now: Date.now(), nameOf: discord.nameOf})
    print([
      span(`${elapsed()}  `, 'dim'),
      ...shown,
      span(message.ephemeral ? '  (only you can see this)' : '', 'dim'),
    ])
  }

  function elapsed(): string {
    return `${((Date.now() - since) / 1000).toFixed(1).padStart(6)} s`
  }

  function block(message: MessageView): Line[] {
    const reader = {now: Date.now(), columns: COLUMNS - 4, nameOf: discord.nameOf, usedBy: uses.of(message)}
    return messageLines(message, reader).map(line => [span('  │ ', 'dim'), ...line])
  }

  return {
    scene(heading) {
      touched = new Set()
      if (!heading) return print([], [span('── Your turn: type a command, or quit', 'bold')])
      print(
        [],
        [span(`── ${heading.number} of ${heading.of} · ${heading.title}`, 'bold')],
        ...wrap([span(heading.notice, 'dim')], COLUMNS),
      )
    },
    async types(person: Person, line) {
      since = Date.now()
      print([], [span(person.name, 'blue', 'bold'), span(` › ${line}`)])
    },
    tell(text, tone = 'plain') {
      print(
        ...text
          .split('\n')
          .flatMap(line =>
            wrap([span(`${elapsed()}  ${line}`, ...STYLE_OF[tone])], COLUMNS, [span(' '.repeat(10))]),
          ),
      )
    },
    page(lines = []) {
      print([], ...lines.map((line): Line => [span(`  ${line}`)]))
    },
    outcome(claims) {
      const messages = [...touched].map(id => uses.find(id)).filter(message => message !== undefined)
      touched = new Set()
      for (const message of messages) print([], ...block(message))
      for (const run of [...runs()].reverse()) {
        if (knownRuns.has(run.id)) continue
        knownRuns.add(run.id)
        print(
          [],
          ...detailed(run, {columns: COLUMNS - 4, now: Date.now()}).map((line): Line => [
            span('  GitHub ', 'dim'),
            ...line,
          ]),
        )
      }
      if (claims.length > 0) print([])
      for (const {text, kept} of claims)
        print([span(kept ? '  ✓ ' : '  ✗ ', kept ? 'green' : 'red'), span(text)])
    },
    close: () => {
      stopWatching()
      uses.close()
    },
  }
}
