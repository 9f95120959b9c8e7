import type {APIApplicationCommand} from 'discord-api-types/v10'

export interface Suggestion {
  /** The whole line once this is taken. */
  readonly line: string
  readonly label: string
  readonly hint: string
}

/** What the demo's own words can be followed by. */
export interface Surroundings {
  readonly commands: readonly APIApplicationCommand[]
  readonly people: readonly string[]
  /** Labels of the buttons that can be pressed now. */
  readonly buttons: readonly string[]
}

export interface Completion {
  readonly suggestions: readonly Suggestion[]
  /** The option being typed has suggestions of its own, which only the bot knows: ask it, then `chosen`. */
  readonly ask: boolean
}

interface Option {
  readonly type: number
  readonly name: string
  readonly description: string
  readonly required?: boolean
  readonly autocomplete?: boolean
  readonly choices?: readonly {readonly name: string; readonly value: string | number}[]
}

/** The demo's own words, apart from slash commands. */
const WORDS = [
  {word: 'as ', label: 'as <person>', hint: 'be somebody else: ada, grace, ben or anybody new'},
  {word: 'press ', label: 'press <button>', hint: 'press a button of the newest message that has it'},
  {word: 'write ', label: 'write <text>', hint: 'fill in the form that a button opened'},
  {word: 'kill worker', label: 'kill worker', hint: 'kill -9 the worker and start another'},
  {word: 'kill bot', label: 'kill bot', hint: 'the same with the bot'},
  {word: 'help', label: 'help', hint: 'what can be typed here'},
  {word: 'quit', label: 'quit', hint: 'end the demo'},
] as const

const BOOLEAN = 5
const NOTHING: Completion = {suggestions: [], ask: false}

/** What could stand at the end of the line, as the Discord client would offer it. Pure: the bot is not asked here. */
export function complete(line: string, {commands, people, buttons}: Surroundings): Completion {
  if (!line.startsWith('/')) {
    const [, word, rest] = /^(as|press) (.*)$/.exec(line) ?? []
    if (word === 'as') return suggestions(people, rest, name => ({line: `as ${name}`, label: name, hint: ''}))
    if (word === 'press')
      return suggestions(buttons, rest, label => ({line: `press ${label}`, label, hint: ''}))
    return {
      ask: false,
      suggestions: WORDS.filter(
        ({word: start}) => line !== '' && start.startsWith(line) && start !== line,
      ).map(({word: text, label, hint}) => ({line: text, label, hint})),
    }
  }
  const [, name = '', rest] = /^\/(\S*)(\s.*)?$/.exec(line) ?? []
  if (rest === undefined) {
    const fitting = commands
      .filter(command => command.name.startsWith(name))
      .sort((one, other) => (one.name < other.name ? -1 : 1))
    return {
      ask: false,
      suggestions: fitting.map(command => ({
        line: `/${command.name}${command.options?.length ? ' ' : ''}`,
        label: `/${command.name}`,
        hint: command.description,
      })),
    }
  }
  const command = commands.find(each => each.name === name)
  return command ? completeOption(line, rest, command.options ?? []) : NOTHING
}

/** The line with a suggestion of the bot's taken; a value with spaces needs quotes. */
export function chosen(
  line: string,
  choice: {readonly name: string; readonly value: string | number},
): Suggestion {
  const text = String(choice.value)
  const {before} = beingTyped(line)
  return {
    line: `${before}${/[\s":]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text} `,
    label: choice.name,
    hint: '',
  }
}

function completeOption(line: string, rest: string, options: readonly Option[]): Completion {
  const {before, name, text} = beingTyped(line)
  const option = name === undefined ? undefined : options.find(each => each.name === name)
  if (option) {
    if (option.autocomplete) return {suggestions: [], ask: true}
    const values =
      option.type === BOOLEAN ? ['true', 'false'] : (option.choices ?? []).map(choice => choice.name)
    return suggestions(values, text, value => ({
      line: `${before}${value} `,
      label: value,
      hint: option.description,
    }))
  }
  if (name !== undefined) return NOTHING
  const given = new Set([...rest.matchAll(/(?<=\s)([-\w]+):(?!\/\/)/g)].map(match => match[1]))
  const open = options.filter(each => !given.has(each.name) && each.name.startsWith(text))
  const sorted = [...open.filter(each => each.required), ...open.filter(each => !each.required)]
  return {
    ask: false,
    suggestions: sorted.map(each => ({
      line: `${before}${each.name}:`,
      label: `${each.name}${each.required ? ' *' : ''}`,
      hint: each.description,
    })),
  }
}

/** The last word of the line: an option's name half typed, or the value of one. */
function beingTyped(line: string): {
  readonly before: string
  readonly name: string | undefined
  readonly text: string
} {
  const value = /^(.*\s([-\w]+):)("(?:\\.|[^"\\])*|(?!\/\/)[^\s"]*)$/s.exec(line)
  if (value) return {before: value[1] ?? '', name: value[2], text: value[3] ?? ''}
  const word = /^(.*\s)(\S*)$/s.exec(line)
  return {before: word?.[1] ?? line, name: undefined, text: word?.[2] ?? ''}
}

function suggestions(
  all: readonly string[],
  typed = '',
  toSuggestion: (text: string) => Suggestion,
): Completion {
  const fitting = all.filter(text => text.toLowerCase().startsWith(typed.toLowerCase()))
  return {suggestions: fitting.map(toSuggestion), ask: false}
}
