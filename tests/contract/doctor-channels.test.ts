import {afterAll, beforeAll, expect, test} from 'vitest'
import {PermissionFlagsBits} from 'discord-api-types/v10'
import {startDiscordEmulator, type DiscordEmulator} from '../../src/emulators/discord/index.ts'
import {examineChannels} from '../../src/runtime/doctor-channels.ts'

let discord: DiscordEmulator
beforeAll(async () => {
  discord = await startDiscordEmulator()
})
afterAll(() => discord.close())

const {ViewChannel, SendMessages, EmbedLinks, ReadMessageHistory} = PermissionFlagsBits
const ENOUGH = ViewChannel | SendMessages | EmbedLinks | ReadMessageHistory

/** What is found of a channel for the status, and of others for relays. */
async function found(statusChannelId: string | undefined, ...relayed: readonly string[]) {
  const {url: apiUrl, botToken: token, applicationId} = discord
  const findings = await examineChannels({
    discord: {apiUrl, token, applicationId, ...(statusChannelId === undefined ? {} : {statusChannelId})},
    digests: [],
    plans: {label: 'ready', channels: []},
    relay: {channels: relayed, people: []},
  })
  return findings.map(({ok, what}) => `${ok ? '✅' : '❌'} ${what}`)
}

test('channels where we may post are fine, whatever else we may not do there', async () => {
  const [status, news] = ['status', 'news'].map(name => discord.channel(name))
  status?.permit(ENOUGH)
  expect(await found(status?.id)).toEqual(['✅ discord: may post in the channel of the configuration'])
  expect(await found(status?.id, news?.id ?? '', status?.id ?? '')).toEqual([
    '✅ discord: may post in all 2 channels of the configuration',
  ])
  expect(await found(undefined)).toEqual([])
})

test('each where we may not is told with what we lack, and where the configuration names it', async () => {
  const [mute, bare, hidden] = ['mute', 'bare', 'hidden'].map(name => discord.channel(name))
  mute?.permit(ENOUGH & ~SendMessages)
  bare?.permit(ViewChannel | SendMessages)
  hidden?.permit(0n)
  const ids = [mute, bare, hidden].map(channel => channel?.id ?? '')
  expect(await found(ids[0], ...ids, '123')).toEqual([
    `❌ discord: channel ${ids[0]} (DISCORD_STATUS_CHANNEL_ID, relay.channels): we lack Send Messages there`,
    `❌ discord: channel ${ids[1]} (relay.channels): we lack Embed Links, Read Message History there`,
    `❌ discord: channel ${ids[2]} (relay.channels) can’t be seen`,
    '❌ discord: channel 123 (relay.channels) can’t be seen',
  ])
})

test('what Discord does not tell is not called a fault of the channel', async () => {
  const {id} = discord.channel('status')
  discord.misbehave({route: 'channel', kind: 'serverError', status: 503})
  expect(await found(id)).toEqual([
    `❌ discord: channel ${id} (DISCORD_STATUS_CHANNEL_ID): Discord does not say whether we may post there`,
  ])
})
