import {afterAll, beforeAll, expect, test} from 'vitest'
import {startDiscordEmulator, type DiscordEmulator} from '../../../src/emulators/discord/index.ts'
import {createTranscript} from '../../../src/runtime/demo/view/transcript.ts'

let discord: DiscordEmulator
beforeAll(async () => {
  discord = await startDiscordEmulator()
})
afterAll(() => discord.close())

async function botWrites(channel: {readonly id: string}, content: string): Promise<void> {
  const answer = await fetch(`${discord.url}/v10/channels/${channel.id}/messages`, {
    method: 'POST',
    headers: {authorization: `Bot ${discord.botToken}`, 'content-type': 'application/json'},
    body: JSON.stringify({content}),
  })
  expect(answer.status).toBe(200)
}

test('who is mentioned is named, whether or not they ever said anything', async () => {
  const channel = discord.channel('approvals')
  const hugo = discord.person('hugo', {roles: ['leads']})
  let printed = ''
  const view = createTranscript({
    ...{discord, channel, runs: () => [], colour: false},
    write: text => void (printed += text),
  })
  await botWrites(
    channel,
    `**client** waits for <@${hugo.id}>, <@${discord.applicationId}> or <@1> in <#${channel.id}>`,
  )
  const words = 'client waits for @hugo, @Signalbox or @1 in #approvals'
  expect(printed.match(/ s  (.*)\n$/)?.[1]).toBe(words)
  view.outcome([])
  expect(printed).toContain(`│ ${words}`)
  expect(printed).not.toContain(hugo.id)
  view.close()
})
