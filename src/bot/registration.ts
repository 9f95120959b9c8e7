import {DiscordAPIError} from '@discordjs/rest'
import {createHash} from 'node:crypto'
import type {DiscordApi} from '../integrations/discord/api.ts'
import {toError} from '../kernel/errors.ts'
import {canonicalJson} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import type {Db} from '../platform/postgres.ts'
import type {CommandDefinition} from '../sdk/index.ts'
import {toDiscordCommand} from './command-form.ts'

export interface CommandDiff {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

interface SyncOptions {
  readonly commands: Iterable<CommandDefinition>
  readonly discord: Pick<DiscordApi, 'registerCommands' | 'registeredCommands' | 'applicationId'>
  readonly guildId: string | undefined
  readonly db: Db
  readonly log: Logger
  /** Look at Discord's list even when ours did not change. */
  readonly force?: boolean
}

/**
 * Brings Discord's list of commands to ours, only when ours changed since it was last sent from here (by digest),
 * and then only if Discord's own list differs. One PUT replaces the scope: it is atomic and costs no daily creates
 * for commands that exist.
 */
export async function syncCommands(options: SyncOptions): Promise<CommandDiff | 'unchanged'> {
  const {discord, guildId, db, log} = options
  const wanted = [...options.commands].map(toDiscordCommand).sort((a, b) => (a.name < b.name ? -1 : 1))
  const digest = createHash('sha256').update(canonicalJson(wanted)).digest('hex')
  const scope = `${discord.applicationId}/${guildId ?? 'global'}`
  const {rows} = await db.query<{digest: string}>(
    'select digest from command_registrations where scope = $1',
    [scope],
  )
  if (rows[0]?.digest === digest && options.force !== true) {
    await takeAwayElsewhere(options, scope)
    return 'unchanged'
  }

  const diff = compare(wanted, await discord.registeredCommands(guildId))
  const differs = diff.added.length + diff.changed.length + diff.removed.length > 0
  if (differs) await discord.registerCommands(wanted, guildId)
  await db.query(
    `insert into command_registrations (scope, digest) values ($1, $2)
     on conflict (scope) do update set digest = excluded.digest, registered_at = now()`,
    [scope, digest],
  )
  log.info({scope, ...diff}, differs ? 'slash commands registered' : 'slash commands were already right')
  await takeAwayElsewhere(options, scope)
  return differs ? diff : 'unchanged'
}

/**
 * Takes back what was registered from here in another scope, when DISCORD_GUILD_ID was another one: a command of a server
 * and one for everybody both show. What fails is tried again by the next start, which it does not keep from coming up.
 */
async function takeAwayElsewhere(
  {discord, db, log}: Pick<SyncOptions, 'discord' | 'db' | 'log'>,
  scope: string,
): Promise<void> {
  const {rows} = await db.query<{scope: string}>(
    `select scope from command_registrations where scope <> $1 and split_part(scope, '/', 1) = $2`,
    [scope, discord.applicationId],
  )
  for (const {scope: other} of rows) {
    const [, place] = other.split('/')
    try {
      await discord.registerCommands([], place === 'global' ? undefined : place)
    } catch (error) {
      // In a server that we left nothing of ours shows any more.
      const left = error instanceof DiscordAPIError && (error.status === 403 || error.status === 404)
      if (!left) {
        log.warn(
          {scope: other, reason: toError(error).name},
          'slash commands are still in another scope, too',
        )
        continue
      }
    }
    await db.query('delete from command_registrations where scope = $1', [other])
    log.info({scope: other}, 'slash commands taken away, since they are elsewhere now')
  }
}

/** Compares what we declare with what Discord holds, looking only at what we declare: Discord adds fields of its own. */
export function compare(
  wanted: readonly {
    readonly name: string
    readonly description: string
    readonly options?: readonly unknown[] | undefined
  }[],
  registered: readonly {
    readonly name: string
    readonly description?: string
    readonly options?: readonly unknown[] | undefined
  }[],
): CommandDiff {
  const known = new Map(registered.map(command => [command.name, command]))
  const shape = (command: {
    readonly description?: string
    readonly options?: readonly unknown[] | undefined
  }) => canonicalJson({description: command.description, options: (command.options ?? []).map(normalise)})
  return {
    added: wanted.filter(command => !known.has(command.name)).map(command => command.name),
    changed: wanted
      .filter(command => known.has(command.name) && shape(command) !== shape(known.get(command.name) ?? {}))
      .map(command => command.name),
    removed: [...known.keys()].filter(name => !wanted.some(command => command.name === name)),
  }
}

const OPTION_DEFAULTS: Readonly<Record<string, unknown>> = {required: false, autocomplete: false}

/** Discord leaves out or adds defaults; nulls and localisations are not ours. */
function normalise(option: unknown): unknown {
  return Object.fromEntries(
    Object.entries(option as Record<string, unknown>).flatMap(([key, value]) => {
      if (
        value === null ||
        value === undefined ||
        OPTION_DEFAULTS[key] === value ||
        key.endsWith('_localizations') ||
        key.endsWith('_localized')
      )
        return []
      if (key === 'choices')
        return [
          [
            key,
            (value as {name: string; value: unknown}[]).map(choice => ({
              name: choice.name,
              value: choice.value,
            })),
          ],
        ]
      return [[key, value]]
    }),
  )
}
