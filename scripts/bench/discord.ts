import {startDiscordEmulator, type DiscordEmulator} from '../../src/emulators/discord/index.ts'

/** Where the product finds this Discord, as its environment. */
export type DiscordEnvironment = Readonly<Record<string, string>>

/** `count` commands, at most `inFlight` of them unanswered at a time; answers when the last has its final message. */
export interface Load {
  readonly line: string
  readonly count: number
  readonly inFlight: number
}

export interface LoadResult {
  /** From the press of enter to the accepted acknowledgement, each command's. */
  readonly ackMs: readonly number[]
  /** Commands that Discord gave up on: not acknowledged within 3 s. */
  readonly failed: number
}

const STALLED_MS = 60_000

let discord: DiscordEmulator | undefined

async function hear(
  message: 'start' | 'await bot' | Load,
): Promise<DiscordEnvironment | LoadResult | 'ready'> {
  if (message === 'start') {
    discord = await startDiscordEmulator()
    return {
      DISCORD_API_URL: discord.url,
      DISCORD_TOKEN: discord.botToken,
      DISCORD_APPLICATION_ID: discord.applicationId,
      DISCORD_GUILD_ID: discord.guildId,
    }
  }
  if (!discord) throw new Error('not started')
  if (message === 'await bot') {
    await discord.waitForGateway({timeoutMs: 30_000})
    return 'ready'
  }
  return put(discord, message)
}

/** One listener for all: hundreds of waiting conversations would keep the emulator busier than the product. */
async function put(discord: DiscordEmulator, {line, count, inFlight}: Load): Promise<LoadResult> {
  const ackMs: number[] = []
  const unanswered = new Set<string>()
  const people = Array.from({length: 50}, (_, index) => discord.person(`person-${index}`))
  let sent = 0
  let failed = 0
  return new Promise((resolve, reject) => {
    const stop = discord.on(change => {
      if (change.kind === 'interaction.acknowledged') ackMs.push(change.interaction.ackMs ?? 0)
      if (change.kind === 'interaction.failed') {
        failed++
        over(change.interaction.id)
      }
      if (change.kind === 'message.edited' && !change.message.content.includes('· queued')) {
        over(change.message.interactionId ?? '')
      }
    })
    const watchdog = setTimeout(stalled, STALLED_MS)

    function stalled(): void {
      stop()
      reject(new Error(`${unanswered.size} of ${sent} commands have had no answer for ${STALLED_MS} ms`))
    }

    function over(id: string): void {
      if (!unanswered.delete(id)) return
      watchdog.refresh()
      if (sent < count) send()
      else if (unanswered.size === 0) {
        clearTimeout(watchdog)
        stop()
        resolve({ackMs, failed})
      }
    }

    function send(): void {
      const person = people[sent++ % people.length]
      person?.runs(line).then(({interactionId}) => unanswered.add(interactionId), reject)
    }

    for (let i = 0; i < Math.min(inFlight, count); i++) send()
  })
}

process.on('message', (message: 'start' | 'await bot' | Load) => {
  hear(message).then(
    answer => process.send?.(answer),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
