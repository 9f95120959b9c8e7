import {describe, expect, test} from 'vitest'
import {parseMention} from '../../../src/bot/mentions.ts'

const US = '900'
const message = (rest: object = {}) => ({
  id: '1',
  channel_id: '2',
  guild_id: '3',
  content: `<@${US}> deploy client`,
  author: {id: '4', username: 'ada'},
  member: {roles: ['5']},
  mentions: [{id: US}],
  ...rest,
})

test('a message that names us says what stands beside our name, and who said it where', () => {
  expect(parseMention(message(), US)).toEqual({
    messageId: '1',
    channelId: '2',
    actor: {kind: 'discord', id: '4', name: 'ada', discordRoles: ['5'], guildId: '3'},
    text: 'deploy client',
  })
})

test.each([
  [`hey <@!${US}>, status?`, 'hey  , status?'],
  [`<@${US}>`, 'help'],
  [`<@${US}> \0 \ud800`, 'help'],
  [`<@${US}> ask <@77>`, 'ask <@77>'],
  [`<@${US}> ${'x'.repeat(4000)}`, 'x'.repeat(2000)],
])('%j says %j', (content, text) => {
  expect(parseMention(message({content}), US)?.text).toBe(text)
})

describe('nobody speaks to us by', () => {
  test.each([
    ['naming somebody else', message({mentions: [{id: '77'}]})],
    ['being a bot', message({author: {id: '4', username: 'other', bot: true}})],
    ['being a webhook', message({webhook_id: '8'})],
    ['saying nothing that Discord would send', {id: 'x'}],
    ['nothing', null],
    ['our name in the words alone, as in code', message({mentions: []})],
  ])('%s', (_what, raw) => {
    expect(parseMention(raw, US)).toBeUndefined()
  })
})
