import {
  type APIApplicationCommand,
  ApplicationCommandOptionType as Type,
  ApplicationCommandType,
} from 'discord-api-types/v10'
import type {MemberRecord, World} from './world.ts'

/** What the Discord client would not let a person send; the server never hears of it. */
export class ClientRefusal extends Error {
  override readonly name = 'ClientRefusal'
}

/** A registered option, loosely: which of the fields it has depends on its type. */
interface RegisteredOption {
  readonly type: Type
  readonly name: string
  readonly required?: boolean
  readonly autocomplete?: boolean
  readonly choices?: readonly {readonly name: string; readonly value: string | number}[]
  readonly options?: readonly RegisteredOption[]
  readonly min_value?: number
  readonly max_value?: number
  readonly min_length?: number
  readonly max_length?: number
}

/** An option as it travels in an interaction's `data`. */
interface SentOption {
  readonly type: Type
  readonly name: string
  readonly value?: string | number | boolean
  readonly focused?: boolean
  readonly options?: readonly SentOption[]
}

interface TypedCommand {
  readonly command: APIApplicationCommand
  /** Payload `data` of the interaction. */
  readonly data: {
    readonly id: string
    readonly name: string
    readonly type: number
    readonly guild_id?: string
    readonly options?: readonly SentOption[]
    readonly resolved?: object
  }
}

interface Resolved {
  users: Record<string, unknown>
  members: Record<string, unknown>
  roles: Record<string, unknown>
  channels: Record<string, unknown>
}

/**
 * Reads `/deploy-client wait:true note:"two words: quoted"` as the Discord client does: against the registered
 * command, with every value coerced to its option's type. A value runs to the next `name:` unless quoted;
 * subcommands are the words before the first option. With `focus` the last option is still being typed:
 * nothing is required and its text stays as it is.
 */
export function readLine(
  line: string,
  {
    world,
    commands,
    member,
    focus = false,
  }: {
    world: World
    commands: readonly APIApplicationCommand[]
    member: MemberRecord
    focus?: boolean
  },
): TypedCommand {
  const [, name = '', rest = ''] = /^\/(\S+)\s?([\s\S]*)$/.exec(line.trimStart()) ?? []
  const command = commands.find(each => each.name === name && each.type === ApplicationCommandType.ChatInput)
  if (!command) throw new ClientRefusal(`There is no command /${name}`)
  refuseUnpermitted(command, world, member)

  const {words, typed} = split(rest)
  const path: RegisteredOption[] = []
  let level = (command.options ?? []) as readonly RegisteredOption[]
  while (level.some(isBranch)) {
    const word = words.shift()
    const branch = level.find(each => each.name === word)
    if (!branch) throw new ClientRefusal(`/${name} needs one of: ${level.map(each => each.name).join(', ')}`)
    path.push(branch)
    level = branch.options ?? []
  }
  if (words.length > 0) throw new ClientRefusal(`/${name} can't make sense of "${words.join(' ')}"`)

  const resolved: Resolved = {users: {}, members: {}, roles: {}, channels: {}}
  const options = typed.map(({name: optionName, text}, index): SentOption => {
    const option = level.find(each => each.name === optionName)
    if (!option) throw new ClientRefusal(`/${name} has no option ${optionName}`)
    if (typed.findIndex(each => each.name === optionName) !== index)
      throw new ClientRefusal(`${optionName} is given twice`)
    const {type} = option
    if (focus && index === typed.length - 1) {
      if (!option.autocomplete) throw new ClientRefusal(`${optionName} has no autocompletion`)
      return {type, name: optionName, value: text, focused: true}
    }
    return {type, name: optionName, value: coerce(option, text, world, resolved)}
  })
  if (focus && options.length === 0) throw new ClientRefusal('No option is being typed')
  const missing = level.find(each => each.required && !options.some(given => given.name === each.name))
  if (missing && !focus) throw new ClientRefusal(`${missing.name} is required`)

  const nested = path.reduceRight<readonly SentOption[]>(
    (inner, branch) => [{type: branch.type, name: branch.name, options: inner}],
    options,
  )
  const filled = Object.fromEntries(
    Object.entries<object>({...resolved}).filter(([, map]) => Object.keys(map).length > 0),
  )
  return {
    command,
    data: {
      id: command.id,
      name,
      type: 1,
      ...(command.guild_id !== undefined && {guild_id: command.guild_id}),
      ...(nested.length > 0 && {options: nested}),
      ...(Object.keys(filled).length > 0 && {resolved: filled}),
    },
  }
}

function isBranch({type}: RegisteredOption): boolean {
  return type === Type.Subcommand || type === Type.SubcommandGroup
}

function refuseUnpermitted(command: APIApplicationCommand, world: World, member: MemberRecord): void {
  const needed = command.default_member_permissions
  if (needed === null || needed === undefined || member.admin) return
  const bits = BigInt(needed)
  if (bits === 0n || (world.permissionsOf(member) & bits) !== bits)
    throw new ClientRefusal(`${member.user.username} does not see /${command.name}`)
}

/** Cuts the text at each `name:` outside of quotes; `https://…` is not a name. */
function split(text: string): {words: string[]; typed: {name: string; text: string}[]} {
  const masked = text.replace(/(?<=:)"(?:\\.|[^"\\])*"/gs, quoted => '_'.repeat(quoted.length))
  const starts = [...masked.matchAll(/(?<=^|\s)([-_'\p{L}\p{N}]{1,32}):(?!\/\/)/gu)]
  const words = text
    .slice(0, starts[0]?.index ?? text.length)
    .split(/\s+/)
    .filter(Boolean)
  const typed = starts.map((start, index) => ({
    name: start[1] ?? '',
    text: unquote(text.slice(start.index + start[0].length, starts[index + 1]?.index).trim()),
  }))
  return {words, typed}
}

function unquote(text: string): string {
  if (!/^"(?:\\.|[^"\\])*"$/s.test(text)) return text
  return text.slice(1, -1).replace(/\\(.)/gs, (_whole, char: string) => (char === 'n' ? '\n' : char))
}

function coerce(
  option: RegisteredOption,
  text: string,
  world: World,
  resolved: Resolved,
): string | number | boolean {
  const wrong = (what: string) => new ClientRefusal(`${option.name}: ${what}`)
  if (option.choices?.length) {
    const choice = option.choices.find(each => each.name === text || String(each.value) === text)
    if (!choice) throw wrong(`pick one of ${option.choices.map(each => each.name).join(', ')}`)
    return choice.value
  }
  switch (option.type) {
    case Type.String:
      if (text.length < (option.min_length ?? 0)) throw wrong(`at least ${option.min_length} characters`)
      if (text.length > (option.max_length ?? 6000))
        throw wrong(`at most ${option.max_length ?? 6000} characters`)
      if (text === '' && option.required) throw wrong('is required')
      return text
    case Type.Boolean:
      if (!/^(true|false)$/i.test(text)) throw wrong('True or False')
      return text.toLowerCase() === 'true'
    case Type.Integer:
    case Type.Number: {
      const value = Number(text)
      if (text === '' || !Number.isFinite(value)) throw wrong('a number')
      if (option.type === Type.Integer && !Number.isSafeInteger(value)) throw wrong('a whole number')
      if (value < (option.min_value ?? -Infinity)) throw wrong(`at least ${option.min_value}`)
      if (value > (option.max_value ?? Infinity)) throw wrong(`at most ${option.max_value}`)
      return value
    }
    case Type.User: {
      const id = /^<@!?(\d+)>$/.exec(text)?.[1] ?? text.replace(/^@/, '')
      const found = [...world.members.values()].find(({user}) => user.id === id || user.username === id)
      if (!found) throw wrong('somebody of this server')
      const {user: _user, ...partial} = world.apiMember(found)
      resolved.users[found.user.id] = found.user
      resolved.members[found.user.id] = {...partial, permissions: world.permissionsOf(found).toString()}
      return found.user.id
    }
    case Type.Role: {
      const id = /^<@&(\d+)>$/.exec(text)?.[1] ?? text.replace(/^@/, '')
      const found = [...world.roles.values()].find(role => role.id === id || role.name === id)
      if (!found) throw wrong('a role of this server')
      resolved.roles[found.id] = found
      return found.id
    }
    case Type.Channel: {
      const id = /^<#(\d+)>$/.exec(text)?.[1] ?? text.replace(/^#/, '')
      const found = [...world.channels.values()].find(channel => channel.id === id || channel.name === id)
      if (!found) throw wrong('a channel of this server')
      resolved.channels[found.id] = {...world.apiChannel(found), permissions: found.botPermissions.toString()}
      return found.id
    }
    default:
      throw wrong(`options of type ${Type[option.type]} can't be typed here`)
  }
}
