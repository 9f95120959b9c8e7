import {startDiscordEmulator} from '../emulators/discord/index.ts'
import {startGithubEmulator} from '../emulators/github/index.ts'
import {startLinearEmulator} from '../emulators/linear/index.ts'
import {startMailbox} from '../emulators/mailbox/index.ts'
import {commandLine} from './command-line.ts'
import {castInto, configurationFor, REPOSITORY} from './demo/cast.ts'

/**
 * `npm run emulators`: Discord, GitHub, Linear and a mail server on this machine, with the demo's people and repository, for as
 * long as one likes. Point a product at them with the lines it prints; drive them through their control addresses.
 */
async function main(): Promise<void> {
  const port = {value: 'port', what: 'a free one when left out', matches: /^\d{1,5}$/} as const
  const {options} = commandLine({
    name: 'npm run emulators',
    purpose:
      'Discord, GitHub, Linear and a mail server on this machine, with the people and repository of the demo.',
    options: {
      'discord-port': port,
      'github-port': port,
      'linear-port': port,
      'mail-port': port,
      config: {what: 'prints a signalbox.yaml that fits'},
    },
  })
  const discord = await startDiscordEmulator({port: portOf(options['discord-port'])})
  const github = await startGithubEmulator({port: portOf(options['github-port'])})
  const linear = await startLinearEmulator({port: portOf(options['linear-port'])})
  const mailbox = await startMailbox({port: portOf(options['mail-port'])})
  const cast = castInto({discord, github, linear})
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
  say(`LINEAR_API_URL=${linear.url}`)
  say(`LINEAR_API_KEY=${linear.key()}`)
  say(`LINEAR_APPROVAL_HUB_ISSUE_ID=${cast.hub}`)
  say(`SMTP_HOST=${mailbox.host}`)
  say(`SMTP_PORT=${mailbox.port}`)
  say('SMTP_TLS=false')
  say('NOTIFICATION_EMAIL_FROM=Signalbox <signalbox@acme.test>')
  say('NOTIFICATION_EMAIL_TO=team@acme.test')
  say(`ADMIN_USER_IDS=${cast.ada.id}`)
  if (options.config) say(`\n# A signalbox.yaml that fits:\n${configurationFor(cast)}`)
  say(`# Discord: people, commands, channels: ${new URL('/control', discord.url).href}`)
  say(
    `# GitHub: runs, faults, deliveries: ${new URL('/control', github.url).href}   pages: ${github.htmlUrl}`,
  )
  say(`# Linear: people, faults: ${new URL('/control', linear.htmlUrl).href}   issues: ${linear.htmlUrl}`)
  say(`# Mail: read it at ${mailbox.url}   faults, replies: ${new URL('/control', mailbox.url).href}`)
  say(
    '# Fixed ports: --discord-port 4010 --github-port 4011 --linear-port 4012 --mail-port 4025. A signalbox.yaml that fits: --config. Ctrl-C ends them.',
  )

  const end = () =>
    void Promise.all([discord, github, linear, mailbox].map(each => each.close())).finally(() =>
      process.exit(0),
    )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
}

function portOf(text = '0'): number {
  const port = Number(text)
  if (port > 65_535) throw new Error(`${text} is not a port`)
  return port
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
