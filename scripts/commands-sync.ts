import {syncCommands} from '../src/bot/registration.ts'
import {createDiscordApi} from '../src/integrations/discord/api.ts'
import {migrate} from '../src/platform/migrations.ts'
import {createPool} from '../src/platform/postgres.ts'
import type {CommandDefinition} from '../src/sdk/index.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {loadFolder} from '../src/runtime/load-plugins.ts'
import {runOperator} from '../src/runtime/operator.ts'

commandLine({
  name: 'npm run commands:sync',
  purpose:
    'Compares the slash commands at Discord with ours and registers them where they differ; `npm start` does so by itself.',
})
await runOperator(async ({config, databaseUrl, log, say}) => {
  if (!config.discord) {
    say('Discord is off: set DISCORD_TOKEN and DISCORD_APPLICATION_ID.')
    return false
  }
  const connectionString = await databaseUrl()
  await migrate({databaseUrl: connectionString, log})
  const pool = createPool({connectionString, max: 1, onError: () => undefined})
  try {
    const commands = await loadFolder<CommandDefinition>('commands', command => command.name)
    const {guildId} = config.discord
    const diff = await syncCommands({
      commands: commands.values(),
      discord: createDiscordApi(config.discord),
      guildId,
      db: pool,
      log,
      force: true,
    })
    const where = guildId === undefined ? 'globally' : `for server ${guildId}`
    if (diff === 'unchanged') say(`Discord's list is right: ${commands.size} commands ${where}.`)
    else {
      for (const [what, names] of Object.entries(diff))
        for (const name of names as string[]) say(`${what}: /${name}`)
      say(`Registered ${commands.size} commands ${where}.`)
    }
    return true
  } finally {
    await pool.end()
  }
})
