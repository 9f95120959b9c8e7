import {parseArgs} from 'node:util'
import {startDiscordEmulator} from '../emulators/discord/index.ts'
import {startGithubEmulator} from '../emulators/github/index.ts'
import {castInto, configurationFor, REPOSITORY} from './demo/cast.ts'

/**
 * `npm run emulators`: Discord and GitHub on this machine, with the demo's people and repository, for as long as
 * one likes. Point a product at them with the lines it prints; drive them through their control addresses.
 */
async function main(): Promise<void> {
  const {values} = parseArgs({
    options: {
      'discord-port': {type: 'string', default: '0'},
      'github-port': {type: 'string', default: '0'},
      config: {type: 'boolean', default: false},
    },
  })
  const discord = await startDiscordEmulator({port: portOf(values['discord-port'])})
  const github = await startGithubEmulator({port: portOf(values['github-port'])})
  const cast = castInto({discord, github})
  const say = (text: string) => void process.stdout.write(`${text}\n`)

  say('# The emulators are up. Start the product with this environment:')
  say(`DISCORD_API_URL=${discord.url}`)
  say(`DISCORD_TOKEN=${discord.botToken}`)
  say(`DISCORD_APPLICATION_ID=${discord.applicationId}`)
  say(`DISCORD_GUILD_ID=${discord.guildId}`)
  say(`DISCORD_PUBLIC_KEY=${discord.publicKey}`)
  say(`GITHUB_API_URL=${github.url}`)
  say(`GITHUB_TOKEN=${github.token({login: 'signalbox'})}`)
  say(`GITHUB_REPOSITORY=${REPOSITORY}`)
  say(`ADMIN_USER_IDS=${cast.ada.id}`)
  if (values.config) say(`\n# A signalbox.yaml that fits:\n${configurationFor(cast)}`)
  say(`# Discord: people, commands, channels: ${new URL('/control', discord.url).href}`)
  say(
    `# GitHub: runs, faults, deliveries: ${new URL('/control', github.url).href}   pages: ${github.htmlUrl}`,
  )
  say(
    '# Fixed ports: --discord-port 4010 --github-port 4011. A signalbox.yaml that fits: --config. Ctrl-C ends them.',
  )

  const end = () => void Promise.all([discord.close(), github.close()]).finally(() => process.exit(0))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new Error(`${text} is not a port`)
  return port
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
