import {DiscordAPIError} from '@discordjs/rest'
import {describe, expect, test} from 'vitest'
import {toDiscordCommand} from '../../../src/bot/command-form.ts'
import {compare, syncCommands} from '../../../src/bot/registration.ts'
import {silentLogger} from '../../../src/platform/logger.ts'
import type {Db} from '../../../src/platform/postgres.ts'
import {loadFolder} from '../../../src/runtime/load-plugins.ts'
import type {CommandDefinition} from '../../../src/sdk/index.ts'

const declared = [...(await loadFolder<CommandDefinition>('commands', command => command.name)).values()]
const wanted = declared.map(toDiscordCommand)
const NOTHING = {added: [], changed: [], removed: []}

/** As Discord gives them back: ids of its own, nulls, defaults left out or added, keys in its own order. */
function asDiscordHolds(commands: typeof wanted) {
  return commands.map(({name, description, options = []}) => ({
    id: '1',
    version: '2',
    default_member_permissions: null,
    name_localizations: null,
    options: options.map(option => {
      const {required, ...rest} = option
      const held = Object.fromEntries(
        Object.entries({...rest, name_localizations: null, description_localized: 'x'}).reverse(),
      )
      return required === true ? {...held, required} : held
    }),
    description,
    name,
  }))
}

describe('between what we declare and what Discord holds', () => {
  test('there is no difference in what only Discord says', () => {
    expect(compare(wanted, asDiscordHolds(wanted))).toEqual(NOTHING)
  })

  test('the order of commands makes none', () => {
    expect(compare(wanted, asDiscordHolds(wanted).reverse())).toEqual(NOTHING)
  })

  test('a command of ours that is missing is added, and one that is not ours is removed', () => {
    const held = asDiscordHolds(wanted)
    const [first] = held
    expect(compare(wanted, held.slice(1))).toEqual({...NOTHING, added: [first?.name]})
    expect(compare(wanted, [...held, {...held[0], name: 'old', description: 'x'}])).toEqual({
      ...NOTHING,
      removed: ['old'],
    })
  })

  test.each<[string, (option: Record<string, unknown>) => Record<string, unknown> | undefined]>([
    ['a description', option => ({...option, description: 'other'})],
    ['a limit', option => ({...option, max_value: 9})],
    ['whether it is required', option => ({...option, required: true})],
    ['its suggestions', option => ({...option, autocomplete: true})],
    ['its choices', option => ({...option, choices: [{name: 'a', value: 'b'}]})],
    ['its presence', () => undefined],
  ])('an option that differs in %s changes its command only', (_what, change) => {
    const held = asDiscordHolds(wanted).map(command =>
      command.name === 'status'
        ? {...command, options: command.options.flatMap(option => change(option) ?? [])}
        : command,
    )
    expect(compare(wanted, held)).toEqual({...NOTHING, changed: ['status']})
  })

  test('a changed description of the command is a change', () => {
    const held = asDiscordHolds(wanted).map(command =>
      command.name === 'help' ? {...command, description: 'other'} : command,
    )
    expect(compare(wanted, held)).toEqual({...NOTHING, changed: ['help']})
  })

  test('everything is new to a Discord that holds nothing', () => {
    expect(compare(wanted, []).added).toHaveLength(wanted.length)
  })
})

describe('what was registered in another scope', () => {
  const refusal = (status: number) =>
    new DiscordAPIError({code: 50001, message: 'Missing Access'}, 50001, status, 'PUT', 'https://x', {})

  /** Starts for the server 7, where the application had other scopes before; answers what it took away and forgot. */
  async function starts(scopes: readonly string[], failure?: Error) {
    const emptied: (string | undefined)[] = []
    const forgotten: unknown[] = []
    const db = {
      query: async (sql: string, [first]: readonly unknown[]) => {
        if (sql.startsWith('delete')) forgotten.push(first)
        return {rows: /^select scope/.test(sql) ? scopes.map(scope => ({scope})) : []}
      },
    } as unknown as Db
    const discord = {
      applicationId: '1',
      registeredCommands: async () => [],
      registerCommands: async (commands: readonly unknown[], guild: string | undefined) => {
        if (commands.length > 0) return []
        if (failure) throw failure
        emptied.push(guild)
        return []
      },
    }
    const commands = declared.slice(0, 1)
    expect(await syncCommands({commands, discord, db, guildId: '7', log: silentLogger})).toMatchObject({
      added: {length: 1},
    })
    return {emptied, forgotten}
  }

  test('is taken away and forgotten, so that no command shows twice', async () => {
    expect(await starts(['1/8', '1/global'])).toEqual({
      emptied: ['8', undefined],
      forgotten: ['1/8', '1/global'],
    })
    expect(await starts([])).toEqual({emptied: [], forgotten: []})
  })

  test('stays known where Discord fails, and keeps nobody from starting', async () => {
    expect(await starts(['1/8'], refusal(500))).toEqual({emptied: [], forgotten: []})
  })

  test('is forgotten where we are no member any more', async () => {
    expect(await starts(['1/8'], refusal(403))).toEqual({emptied: [], forgotten: ['1/8']})
  })
})
