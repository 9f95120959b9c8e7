import type {APIApplicationCommand} from 'discord-api-types/v10'
import {refusals} from './api-error.ts'
import {
  bulkCommandsForm,
  type CommandForm,
  type CommandOptionForm,
  createCommandForm,
  patchCommandForm,
} from './command-forms.ts'
import {readForm} from './forms.ts'
import type {World} from './world.ts'

const LIMIT_PER_TYPE: Record<number, number> = {1: 100, 2: 15, 3: 15}

/** `global`, or a guild's id. */
export type CommandScope = 'global' | {readonly guildId: string}

/** How often each way of registering was used; reading does not count. */
export interface RegistrationCalls {
  put: number
  post: number
  patch: number
  delete: number
}

export type Commands = ReturnType<typeof createCommands>

/** The registered commands of the application, global and per guild. */
export function createCommands(world: World) {
  const scopes = new Map<string, Map<string, APIApplicationCommand>>()
  const calls: RegistrationCalls = {put: 0, post: 0, patch: 0, delete: 0}

  function listOf(scope: CommandScope): Map<string, APIApplicationCommand> {
    const key = scope === 'global' ? scope : scope.guildId
    let list = scopes.get(key)
    if (!list) scopes.set(key, (list = new Map<string, APIApplicationCommand>()))
    return list
  }

  /** The same name and type keep their id; the version moves only when something is different. */
  function settle(
    scope: CommandScope,
    form: CommandForm,
    before: APIApplicationCommand | undefined,
  ): APIApplicationCommand {
    const identity = {id: before?.id ?? world.nextId(), version: before?.version ?? world.nextId()}
    const command = toApi(world, scope, form, identity)
    if (!before || JSON.stringify(before) === JSON.stringify(command)) return command
    return {...command, version: world.nextId()}
  }

  function namesake(list: ReadonlyMap<string, APIApplicationCommand>, form: CommandForm) {
    return [...list.values()].find(each => each.name === form.name && Number(each.type) === (form.type ?? 1))
  }

  function refuseTooMany(list: Iterable<{type?: number | null | undefined}>): void {
    const counts = new Map<number, number>()
    for (const {type} of list) {
      const count = (counts.get(type ?? 1) ?? 0) + 1
      counts.set(type ?? 1, count)
      if (count > (LIMIT_PER_TYPE[type ?? 1] ?? 0)) throw refusals.tooManyCommands()
    }
  }

  function changed(): void {
    world.changes.emit({kind: 'commands.changed'})
  }

  function get(scope: CommandScope, id: string): APIApplicationCommand {
    const command = listOf(scope).get(id)
    if (!command) throw refusals.unknownCommand()
    return command
  }

  return {
    calls: calls as Readonly<RegistrationCalls>,
    get,
    list: (scope: CommandScope): APIApplicationCommand[] => [...listOf(scope).values()],
    /** What a member of the guild can pick: the guild's own commands before global ones of the same name. */
    available(): APIApplicationCommand[] {
      return [...listOf({guildId: world.guildId}).values(), ...listOf('global').values()]
    },
    /** PUT: the list becomes exactly this one. */
    replaceAll(scope: CommandScope, body: unknown): APIApplicationCommand[] {
      calls.put++
      const forms = readForm(bulkCommandsForm, body)
      refuseTooMany(forms)
      const list = listOf(scope)
      const next = forms.map(form => settle(scope, form, namesake(list, form)))
      list.clear()
      for (const command of next) list.set(command.id, command)
      changed()
      return next
    },
    /** POST: made, or replaced where name and type are known already. */
    upsert(scope: CommandScope, body: unknown): {created: boolean; command: APIApplicationCommand} {
      calls.post++
      const form = readForm(createCommandForm, body)
      const list = listOf(scope)
      const before = namesake(list, form)
      if (!before) refuseTooMany([...list.values(), form])
      const command = settle(scope, form, before)
      list.set(command.id, command)
      changed()
      return {created: !before, command}
    },
    patch(scope: CommandScope, id: string, body: unknown): APIApplicationCommand {
      calls.patch++
      const before = get(scope, id)
      const given = readForm(patchCommandForm, body)
      const form = readForm(createCommandForm, {...toForm(before), ...given})
      const command = settle(scope, form, before)
      listOf(scope).set(id, command)
      changed()
      return command
    },
    remove(scope: CommandScope, id: string): void {
      calls.delete++
      get(scope, id)
      listOf(scope).delete(id)
      changed()
    },
  }
}

/** As the API tells it back: absent lists and false flags of options are left out, as Discord does. */
function toApi(
  world: World,
  scope: CommandScope,
  form: CommandForm,
  identity: {id: string; version: string},
): APIApplicationCommand {
  return {
    id: identity.id,
    application_id: world.applicationId,
    version: identity.version,
    default_member_permissions: form.default_member_permissions ?? null,
    type: form.type ?? 1,
    name: form.name,
    name_localizations: form.name_localizations ?? null,
    description: form.description ?? '',
    description_localizations: form.description_localizations ?? null,
    ...(scope === 'global'
      ? {
          dm_permission: form.dm_permission ?? true,
          contexts: form.contexts ?? null,
          integration_types: form.integration_types ?? [0],
        }
      : {guild_id: scope.guildId}),
    ...(form.options?.length && {options: form.options.map(optionToApi)}),
    nsfw: form.nsfw ?? false,
  } as APIApplicationCommand
}

function optionToApi(option: CommandOptionForm): object {
  const {required, autocomplete, choices, options, ...rest} = option
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)),
    ...(required && {required}),
    ...(autocomplete && {autocomplete}),
    ...(choices?.length && {choices}),
    ...(options?.length && {options: options.map(optionToApi)}),
  }
}

function toForm(command: APIApplicationCommand): object {
  const {id: _id, application_id: _app, version: _version, guild_id: _guild, ...form} = command
  return form
}
