import {refusals} from './api-error.ts'
import type {Commands, CommandScope} from './commands.ts'
import {type Call, nothing, ok, param, type Route, route} from './route.ts'
import type {World} from './world.ts'

/** Registration of commands, globally and for the guild. */
export function commandRoutes({world, commands}: {world: World; commands: Commands}): Route[] {
  const scopeOf = (call: Call): CommandScope => {
    if (param(call, 'application') !== world.applicationId) throw refusals.unknownApplication()
    const guildId = call.params['guild']
    if (guildId === undefined) return 'global'
    if (guildId !== world.guildId) throw refusals.missingAccess()
    return {guildId}
  }
  const at = (
    base: '/applications/:application/commands' | '/applications/:application/guilds/:guild/commands',
  ) => [
    route('listCommands', `GET ${base}`, call => {
      const localized = call.query.get('with_localizations') === 'true'
      const hidden = {name_localizations: undefined, description_localizations: undefined}
      const list = commands.list(scopeOf(call))
      return ok(localized ? list : list.map(command => ({...command, ...hidden})))
    }),
    route('registerCommands', `PUT ${base}`, call => ok(commands.replaceAll(scopeOf(call), call.body))),
    route('createCommand', `POST ${base}`, call => {
      const {created, command} = commands.upsert(scopeOf(call), call.body)
      return {status: created ? 201 : 200, body: command}
    }),
    route('getCommand', `GET ${base}/:command`, call =>
      ok(commands.get(scopeOf(call), param(call, 'command'))),
    ),
    route('editCommand', `PATCH ${base}/:command`, call =>
      ok(commands.patch(scopeOf(call), param(call, 'command'), call.body)),
    ),
    route('deleteCommand', `DELETE ${base}/:command`, call => {
      commands.remove(scopeOf(call), param(call, 'command'))
      return nothing
    }),
  ]
  return [
    ...at('/applications/:application/commands'),
    ...at('/applications/:application/guilds/:guild/commands'),
  ]
}
