import {DiscordAPIError} from '@discordjs/rest'
import {AppError, toError} from '../kernel/errors.ts'
import type {Config} from '../platform/config/config.ts'

/** What keeps a part from starting, told with the setting to look at; what names it already stays as it is. */
type Fault = (error: unknown) => never

/** For the part that works off the queues. */
export function queueFault({redis}: Pick<Config, 'redis'>): Fault {
  return error => {
    if (!(error instanceof AppError) || error.code !== 'UPSTREAM_UNAVAILABLE') throw error
    const setting = redis ? 'REDIS_URL' : 'DATABASE_URL'
    throw new AppError('START_FAILED', `${error.message} Check ${setting}, and that the server runs.`, {
      cause: error,
    })
  }
}

/** For the bot: its commands are registered first, then it connects. */
export function discordFault({discord}: Pick<Config, 'discord'>): Fault {
  return error => {
    if (error instanceof AppError) throw error
    throw new AppError('START_FAILED', told(error, discord?.apiUrl ?? ''), {cause: error})
  }
}

function told(error: unknown, apiUrl: string): string {
  if (!(error instanceof DiscordAPIError))
    return `Discord can't be reached at ${apiUrl}: ${toError(error).message}.`
  if (error.status === 401)
    return 'Discord refuses DISCORD_TOKEN: reset it under Bot → Token at https://discord.com/developers/applications.'
  if (error.status === 403 || error.status === 404)
    return `Discord does not take our commands (${error.message}): check DISCORD_APPLICATION_ID and DISCORD_GUILD_ID, and that the bot was invited there; \`npm run doctor\` has the link.`
  return `Discord does not take our commands: ${error.message}.`
}

/** The sentence for the operator: every fault on its own line, nothing internal. */
export function startFailure(error: unknown): string {
  return toError(error).message
}
