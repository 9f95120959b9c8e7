import {hangOf, readDiscordText, withCorners, type Reader} from './discord-text.ts'
import {clip, span, wrap, type Line, type Style} from './text.ts'

/** As much of a message as is drawn; the Discord emulator's views are such messages. */
export interface ShownMessage {
  readonly author: {readonly name: string}
  readonly content: string
  readonly embeds: readonly {
    readonly title?: string
    readonly description?: string
    readonly color?: number
    readonly fields?: readonly {readonly name: string; readonly value: string}[]
  }[]
  readonly components: readonly unknown[]
  readonly ephemeral: boolean
  readonly loading: boolean
  readonly versions: readonly unknown[]
}

export interface MessageReader extends Reader {
  readonly columns: number
  /** `grace used /agents`, above an answer. */
  readonly usedBy?: string | undefined
}

/** A message as it would look in a channel, within so many columns. */
export function messageLines(message: ShownMessage, reader: MessageReader): Line[] {
  const {columns} = reader
  const marks = [
    message.author.name,
    reader.usedBy,
    message.ephemeral ? 'only you can see this' : undefined,
    message.versions.length > 1 ? `edited ${message.versions.length - 1}×` : undefined,
  ].filter(mark => mark !== undefined)
  const [name = '', ...rest] = marks
  const head: Line = [span(name, 'bold', 'blue'), ...rest.map(mark => span(` · ${mark}`, 'dim'))]
  if (message.loading) return [clip(head, columns), [span('  thinking …', 'dim')]]

  const [first = [], ...more] = readDiscordText(message.content, reader)
  const answer = first.map(piece => ({...piece, styles: [...(piece.styles ?? []), 'bold' as const]}))
  return [
    clip(head, columns),
    ...[answer, ...more].flatMap(line => wrap(line, columns, [span('   ')])),
    ...message.embeds.flatMap(embed => embedLines(embed, reader)),
    ...buttonRows(message.components).map(row => clip([span('  '), ...row], columns)),
  ]
}

function embedLines(embed: ShownMessage['embeds'][number], reader: MessageReader): Line[] {
  const bar = span('▎ ', ...barStyle(embed.color))
  const text = [
    ...(embed.title === undefined ? [] : [`**${embed.title}**`]),
    ...(embed.description === undefined ? [] : [embed.description]),
    ...(embed.fields ?? []).map(field => `**${field.name}** ${field.value}`),
  ].join('\n')
  const rows = readDiscordText(text, reader).flatMap(line => wrap(line, reader.columns - 3, hangOf(line)))
  return withCorners(rows).map(row => [span(' '), bar, ...row])
}

interface Component {
  readonly type: number
  readonly label?: string
  readonly style?: number
  readonly disabled?: boolean
  readonly components?: readonly Component[]
}

const BUTTON = 2
const LINK_STYLE = 5
const BUTTON_STYLES: Readonly<Record<number, Style>> = {1: 'blue', 3: 'green', 4: 'red'}

/** The labels of a message's buttons as they can be pressed, links last. */
export function buttonLabels(components: readonly unknown[]): string[] {
  return buttons(components)
    .filter(button => button.style !== LINK_STYLE && !button.disabled)
    .map(button => button.label ?? '')
}

function buttons(components: readonly unknown[]): readonly Component[] {
  return (components as readonly Component[]).flatMap(row =>
    (row.components ?? []).filter(each => each.type === BUTTON),
  )
}

function buttonRows(components: readonly unknown[]): Line[] {
  const row = buttons(components).flatMap(button => {
    const style = BUTTON_STYLES[button.style ?? 0]
    const styles: Style[] = button.disabled ? ['dim'] : style ? [style] : []
    return [span(' '), span(`[${button.label ?? ''}]`, ...styles)]
  })
  return row.length === 0 ? [] : [row]
}

const BARS: readonly {readonly style: Style; readonly rgb: readonly [number, number, number]}[] = [
  {style: 'red', rgb: [231, 76, 60]},
  {style: 'green', rgb: [46, 204, 113]},
  {style: 'yellow', rgb: [241, 196, 15]},
  {style: 'blue', rgb: [52, 152, 219]},
  {style: 'gray', rgb: [149, 165, 166]},
]

/** The terminal's colour that comes nearest. */
function barStyle(colour: number | undefined): Style[] {
  if (colour === undefined) return ['gray']
  const distance = ({rgb: [red, green, blue]}: (typeof BARS)[number]) =>
    (red - (colour >> 16)) ** 2 + (green - ((colour >> 8) & 255)) ** 2 + (blue - (colour & 255)) ** 2
  return [...BARS]
    .sort((one, other) => distance(one) - distance(other))
    .slice(0, 1)
    .map(({style}) => style)
}
