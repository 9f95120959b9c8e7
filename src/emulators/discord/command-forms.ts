import {z} from 'zod'
import {fault, maybe} from './forms.ts'

/** What a slash command may look like. Limits: Discord's application commands page. */

const namePattern = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u

const chatName = z
  .string()
  .min(1)
  .max(32)
  .superRefine((name, context) => {
    if (!namePattern.test(name) || name !== name.toLowerCase())
      fault(context, [], 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid')
  })

const description = z.string().min(1).max(100)
const localizations = maybe(z.record(z.string(), z.string().min(1).max(100)))
const safeInteger = z
  .number()
  .min(-(2 ** 53))
  .max(2 ** 53)

const choice = z.strictObject({
  name: z.string().min(1).max(100),
  name_localizations: localizations,
  value: z.union([z.string().max(100), z.number()]),
})

const SUBCOMMAND = 1
const GROUP = 2
const STRING = 3
const INTEGER = 4
const NUMBER = 10
const CHANNEL = 7

const optionFields = {
  type: z.int().min(1).max(11),
  name: chatName,
  name_localizations: localizations,
  description,
  description_localizations: localizations,
  required: maybe(z.boolean()),
  autocomplete: maybe(z.boolean()),
  choices: maybe(z.array(choice).max(25)),
  min_length: maybe(z.int().min(0).max(6000)),
  max_length: maybe(z.int().min(1).max(6000)),
  min_value: maybe(safeInteger),
  max_value: maybe(safeInteger),
  channel_types: maybe(z.array(z.int())),
}

/** An option as registered; groups and subcommands hold options of their own. */
export interface CommandOptionForm extends z.output<z.ZodObject<typeof optionFields>> {
  options?: CommandOptionForm[] | null | undefined
}

const option: z.ZodType<CommandOptionForm> = z
  .strictObject({
    ...optionFields,
    get options() {
      return maybe(z.array(option).max(25))
    },
  })
  .superRefine((value, context) => {
    const only = (fields: readonly (keyof CommandOptionForm)[], types: readonly number[]) => {
      for (const field of fields)
        if (value[field] !== undefined && value[field] !== null && !types.includes(value.type))
          fault(
            context,
            [field],
            'APPLICATION_COMMAND_OPTION_FIELD_INVALID',
            `An option of type ${value.type} has no ${field}`,
          )
    }
    only(['min_length', 'max_length'], [STRING])
    only(['min_value', 'max_value'], [INTEGER, NUMBER])
    only(['channel_types'], [CHANNEL])
    only(['options'], [SUBCOMMAND, GROUP])
    if (value.choices?.length) only(['choices'], [STRING, INTEGER, NUMBER])
    if (value.autocomplete) only(['autocomplete'], [STRING, INTEGER, NUMBER])
    if (value.autocomplete && value.choices?.length)
      fault(
        context,
        ['autocomplete'],
        'APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE',
        'choices and autocomplete exclude each other',
      )
    value.choices?.forEach((each, index) => {
      const fits =
        value.type === STRING
          ? typeof each.value === 'string'
          : value.type === INTEGER
            ? Number.isSafeInteger(each.value)
            : typeof each.value === 'number'
      if (!fits)
        fault(context, ['choices', index, 'value'], 'BASE_TYPE_BAD_TYPE', 'Not of the type of the option')
    })
    if (new Set(value.choices?.map(each => each.name)).size < (value.choices?.length ?? 0))
      fault(
        context,
        ['choices'],
        'APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATE',
        'Choice names must be unique',
      )
    if ((value.min_value ?? -Infinity) > (value.max_value ?? Infinity))
      fault(context, ['min_value'], 'NUMBER_TYPE_MAX', 'Must not exceed max_value')
    if ((value.min_length ?? 0) > (value.max_length ?? Infinity))
      fault(context, ['min_length'], 'NUMBER_TYPE_MAX', 'Must not exceed max_length')
    judgeOptions(value.options ?? [], context)
    if (value.type === GROUP && value.options?.some(each => each.type !== SUBCOMMAND))
      fault(context, ['options'], 'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID', 'A group holds subcommands')
    if (value.type === SUBCOMMAND && value.options?.some(each => each.type <= GROUP))
      fault(context, ['options'], 'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID', 'Subcommands do not nest')
  })

function judgeOptions(options: readonly CommandOptionForm[], context: z.core.$RefinementCtx): void {
  const seen = new Set<string>()
  let optionalSeen = false
  options.forEach((each, index) => {
    if (seen.has(each.name))
      fault(
        context,
        ['options', index, 'name'],
        'APPLICATION_COMMAND_OPTIONS_NAME_INVALID',
        'Option names must be unique',
      )
    seen.add(each.name)
    if (each.required && optionalSeen)
      fault(
        context,
        ['options', index],
        'APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID',
        'Required options must be placed before non-required options',
      )
    if (!each.required) optionalSeen = true
  })
  const nested = options.filter(each => each.type <= GROUP).length
  if (nested > 0 && nested < options.length)
    fault(
      context,
      ['options'],
      'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID',
      'Subcommands and plain options do not mix',
    )
}

const CHAT_INPUT = 1

const commandFields = {
  type: maybe(z.literal([1, 2, 3])),
  name: z.string().min(1).max(32),
  name_localizations: localizations,
  description: maybe(z.string().max(100)),
  description_localizations: localizations,
  options: maybe(z.array(option).max(25)),
  default_member_permissions: maybe(z.union([z.string().regex(/^\d+$/), z.int().min(0)]).transform(String)),
  dm_permission: maybe(z.boolean()),
  contexts: maybe(z.array(z.literal([0, 1, 2])).min(1)),
  integration_types: maybe(z.array(z.literal([0, 1])).min(1)),
  nsfw: maybe(z.boolean()),
}

/** The text of a command that counts towards 8000 characters: names, descriptions and choices, nested ones too. */
function textLength(node: {
  name: string
  description?: string | null | undefined
  choices?: {name: string; value: string | number}[] | null | undefined
  options?: CommandOptionForm[] | null | undefined
}): number {
  const choices = (node.choices ?? []).reduce(
    (sum, each) => sum + each.name.length + (typeof each.value === 'string' ? each.value.length : 0),
    0,
  )
  const nested = (node.options ?? []).reduce((sum, each) => sum + textLength(each), 0)
  return node.name.length + (node.description?.length ?? 0) + choices + nested
}

const commandObject = z.strictObject(commandFields)
export type CommandForm = z.output<typeof commandObject>

function judgeCommand(command: CommandForm, context: z.core.$RefinementCtx): void {
  if ((command.type ?? CHAT_INPUT) === CHAT_INPUT) {
    const name = chatName.safeParse(command.name)
    if (!name.success) fault(context, ['name'], 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid')
    if (!command.description) fault(context, ['description'], 'BASE_TYPE_REQUIRED', 'This field is required')
  } else {
    if (command.description)
      fault(context, ['description'], 'APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION', 'Must be empty')
    if (command.options?.length)
      fault(context, ['options'], 'APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS', 'Must be empty')
  }
  judgeOptions(command.options ?? [], context)
  if (textLength(command) > 8000)
    fault(context, [], 'APPLICATION_COMMAND_TOO_LARGE', 'Command exceeds maximum size (8000)')
}

/** The body of POST: one command, made or replaced by name. */
export const createCommandForm = commandObject.superRefine(judgeCommand)

/** The body of PATCH: the given fields replace, the whole is judged again. */
export const patchCommandForm = commandObject.partial()

/** The body of PUT: the complete list of one scope. */
export const bulkCommandsForm = z
  .array(z.strictObject({...commandFields, id: maybe(z.string())}).superRefine(judgeCommand))
  .superRefine((commands, context) => {
    const seen = new Set<string>()
    commands.forEach((command, index) => {
      const key = `${command.type ?? CHAT_INPUT} ${command.name}`
      if (seen.has(key))
        fault(
          context,
          [index, 'name'],
          'APPLICATION_COMMANDS_DUPLICATE_NAME',
          'Application command names must be unique',
        )
      seen.add(key)
    })
  })
