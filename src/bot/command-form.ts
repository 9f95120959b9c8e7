import {
  ApplicationCommandOptionType,
  type APIApplicationCommandBasicOption,
  type RESTPostAPIChatInputApplicationCommandsJSONBody,
} from 'discord-api-types/v10'
import {z} from 'zod'
import {AppError} from '../kernel/errors.ts'
import type {CommandDefinition} from '../sdk/index.ts'

/** One option as the one declaration gives it: the form for Discord, the check and the help line all read this. */
interface OptionForm {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly type: 'string' | 'integer' | 'boolean'
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  readonly autocomplete: boolean
}

/** Reads a command's options out of its zod input. Throws, naming the option, when Discord has no such thing. */
export function optionForms(command: CommandDefinition): readonly OptionForm[] {
  const schema = z.toJSONSchema(command.input, {io: 'input'}) as {
    properties?: Record<
      string,
      {
        type?: string
        description?: string
        enum?: string[]
        minimum?: number
        maximum?: number
        minLength?: number
        maxLength?: number
      }
    >
    required?: string[]
  }
  const forms = Object.entries(schema.properties ?? {}).map(([name, property]): OptionForm => {
    const {type, description} = property
    if (type !== 'string' && type !== 'integer' && type !== 'boolean') {
      throw new AppError(
        'START_FAILED',
        `commands/${command.name}.ts: option ${name} is neither text, a whole number nor true/false.`,
      )
    }
    if (description === undefined || description === '') {
      throw new AppError(
        'START_FAILED',
        `commands/${command.name}.ts: option ${name} has no description (.describe).`,
      )
    }
    const [min, max] =
      type === 'string' ? [property.minLength, property.maxLength] : [property.minimum, property.maximum]
    return {
      name,
      description,
      type,
      required: schema.required?.includes(name) ?? false,
      autocomplete: command.complete?.[name] !== undefined,
      ...(property.enum ? {choices: property.enum} : {}),
      ...(min !== undefined && min > Number.MIN_SAFE_INTEGER ? {min} : {}),
      ...(max !== undefined && max < Number.MAX_SAFE_INTEGER ? {max} : {}),
    }
  })
  for (const name of Object.keys(command.complete ?? {})) {
    if (!forms.some(form => form.name === name)) {
      throw new AppError(
        'START_FAILED',
        `commands/${command.name}.ts: completes option ${name}, which it does not have.`,
      )
    }
  }
  // Discord wants required options first; zod keeps the order of declaration.
  return [...forms].sort((a, b) => Number(b.required) - Number(a.required))
}

/** The command as Discord registers it. */
export function toDiscordCommand(
  command: CommandDefinition,
): RESTPostAPIChatInputApplicationCommandsJSONBody {
  return {
    name: command.name,
    description: command.description,
    options: optionForms(command).map((form): APIApplicationCommandBasicOption => {
      const base = {name: form.name, description: form.description, required: form.required}
      switch (form.type) {
        case 'boolean':
          return {...base, type: ApplicationCommandOptionType.Boolean}
        case 'integer':
          return {
            ...base,
            type: ApplicationCommandOptionType.Integer,
            ...(form.min === undefined ? {} : {min_value: form.min}),
            ...(form.max === undefined ? {} : {max_value: form.max}),
          }
        case 'string':
          if (form.choices) {
            return {
              ...base,
              type: ApplicationCommandOptionType.String,
              choices: form.choices.map(value => ({name: value, value})),
            }
          }
          return {
            ...base,
            type: ApplicationCommandOptionType.String,
            ...(form.autocomplete ? {autocomplete: true as const} : {}),
            ...(form.min === undefined ? {} : {min_length: form.min}),
            ...(form.max === undefined ? {} : {max_length: Math.min(form.max, 6000)}),
          }
      }
    }),
  }
}

/** `/deploy-client [target] [wait:true|false]`: what the help shows. */
export function usageOf(command: CommandDefinition): string {
  const options = optionForms(command).map(form => {
    const value = form.choices
      ? form.choices.join('|')
      : form.type === 'boolean'
        ? 'true|false'
        : form.type === 'integer'
          ? 'n'
          : '…'
    return form.required ? `${form.name}:${value}` : `[${form.name}:${value}]`
  })
  return ['/' + command.name, ...options].join(' ')
}

// The zero character and halves of surrogate pairs: JSON may carry them, Postgres takes neither.
const UNSTORABLE = /[\0\p{Cs}]/u

export type ParsedOptions =
  | {readonly ok: true; readonly options: Readonly<Record<string, unknown>>}
  | {readonly ok: false; readonly problems: readonly string[]}

/** Validates what arrived, strictly: unknown options are refused as well. All problems at once, one line each. */
export function parseOptions(
  command: CommandDefinition,
  given: Readonly<Record<string, unknown>>,
): ParsedOptions {
  const unstorable = Object.entries(given).flatMap(([name, value]) =>
    typeof value === 'string' && UNSTORABLE.test(value) ? [`${name}: has characters that are not text`] : [],
  )
  if (unstorable.length > 0) return {ok: false, problems: unstorable}
  const parsed = z.safeParse(command.input.strict(), given)
  if (parsed.success) return {ok: true, options: parsed.data}
  const problems = parsed.error.issues.map(issue => {
    if (issue.code === 'unrecognized_keys') return `there is no option ${issue.keys.join(', ')}`
    const path = issue.path.join('.')
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  return {ok: false, problems}
}
