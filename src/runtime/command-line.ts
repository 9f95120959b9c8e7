import {parseArgs} from 'node:util'
import {didYouMean} from '../platform/config/faults.ts'

/** What a program of ours can be called with; its help and its refusals are made of this. */
export interface CommandLine<Options extends OptionTable = OptionTable> {
  /** As people call it: `npm run qa`. */
  readonly name: string
  /** What it does, in whole sentences. */
  readonly purpose: string
  readonly options?: Options
  readonly argument?: {
    readonly name: string
    readonly what: string
    /** All that it can be, with what each is. */
    readonly among?: Readonly<Record<string, string>>
  }
}

type OptionTable = Readonly<Record<string, Option>>

interface Option {
  readonly what: string
  /** What stands behind it, `number` say; a switch has nothing. */
  readonly value?: string
  readonly required?: boolean
  /** What the value has to look like. */
  readonly matches?: RegExp
}

/** Texts where the option takes a value, absent when not given; switches are on or off. */
export type OptionValues<Options extends OptionTable> = {
  readonly [Name in keyof Options]: Options[Name] extends {readonly value: string; readonly required: true}
    ? string
    : Options[Name] extends {readonly value: string}
      ? string | undefined
      : boolean
}

export type Reading<Options extends OptionTable> =
  | {readonly kind: 'run'; readonly options: OptionValues<Options>; readonly argument: string | undefined}
  | {readonly kind: 'help'; readonly text: string}
  | {readonly kind: 'wrong'; readonly faults: readonly string[]}

/**
 * Reads the arguments of this process before anything else happens. `--help` and what is not understood end it here:
 * the one with 0, the other with `wrongCode` and a sentence for each fault on stderr.
 */
export function commandLine<const Options extends OptionTable = Record<never, Option>>(
  line: CommandLine<Options>,
  {wrongCode = 1}: {readonly wrongCode?: number} = {},
): Extract<Reading<Options>, {kind: 'run'}> {
  const reading = readCommandLine(line, process.argv.slice(2))
  if (reading.kind === 'run') return reading
  if (reading.kind === 'help') {
    process.stdout.write(`${reading.text}\n`)
    process.exit(0)
  }
  process.stderr.write(`${[...reading.faults, usageOf(line)].join('\n')}\n`)
  process.exit(wrongCode)
}

/** What the arguments ask for. */
export function readCommandLine<const Options extends OptionTable = Record<never, Option>>(
  line: CommandLine<Options>,
  args: readonly string[],
): Reading<Options> {
  const table = new Map<string, Option>(Object.entries(line.options ?? {}))
  const {tokens} = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      [...table].map(([name, {value}]) => [name, {type: value === undefined ? 'boolean' : 'string'}]),
    ),
  })
  const faults: string[] = []
  const given = new Map<string, string | true>()
  let argument: string | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (line.argument && argument === undefined) argument = token.value
      else faults.push(`${token.value} is one word too many.`)
    }
    if (token.kind !== 'option') continue
    if (token.name === 'help' || token.rawName === '-h') return {kind: 'help', text: helpOf(line)}
    const option = table.get(token.name)
    const {value} = token
    if (!option) faults.push(`There is no option ${token.rawName}.${didYouMean(token.name, table.keys())}`)
    else if (option.value === undefined && value !== undefined)
      faults.push(`${token.rawName} takes no value.`)
    else if (option.value !== undefined && (value === undefined || (!token.inlineValue && /^-/.test(value))))
      faults.push(`${token.rawName} lacks its <${option.value}>.`)
    else if (value !== undefined && option.matches?.test(value) === false)
      faults.push(`${token.rawName} takes a <${option.value}>; ${value} is none.`)
    else given.set(token.name, value ?? true)
  }
  const {among} = line.argument ?? {}
  if (argument !== undefined && among && !Object.hasOwn(among, argument))
    faults.push(`There is no ${line.argument?.name} ${argument}.${didYouMean(argument, Object.keys(among))}`)
  for (const [name, {required}] of table)
    if (required && !given.has(name) && faults.length === 0) faults.push(`--${name} is missing.`)
  if (faults.length > 0) return {kind: 'wrong', faults}
  const options = Object.fromEntries(
    [...table].map(([name, {value}]) => [
      name,
      value === undefined ? given.get(name) === true : given.get(name),
    ]),
  )
  return {kind: 'run', options: options as OptionValues<Options>, argument}
}

function usageOf({name, options = {}, argument}: CommandLine): string {
  const parts = Object.entries(options).map(([option, details]) =>
    details.required ? spelled(option, details) : `[${spelled(option, details)}]`,
  )
  if (argument) parts.unshift(`[${argument.name}]`)
  return `Usage: ${[name, ...(parts.length > 0 ? ['--', ...parts] : [])].join(' ')}`
}

function helpOf(line: CommandLine): string {
  const {options = {}, argument} = line
  const rows: readonly (readonly [string, string])[] = [
    ...(argument ? [[argument.name, argument.what] as const] : []),
    ...Object.entries(argument?.among ?? {}).map(([name, what]) => [`  ${name}`, what] as const),
    ...Object.entries(options).map(([name, option]) => [spelled(name, option), option.what] as const),
    ['--help', 'this text'],
  ]
  const column = Math.max(...rows.map(([name]) => name.length)) + 2
  const listed = rows.map(([name, what]) => `  ${name.padEnd(column)}${what}`)
  return [usageOf(line), '', line.purpose, '', ...listed].join('\n')
}

function spelled(name: string, {value}: Option): string {
  return `--${name}${value === undefined ? '' : ` <${value}>`}`
}
