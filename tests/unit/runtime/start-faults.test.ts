import {DiscordAPIError} from '@discordjs/rest'
import {expect, test} from 'vitest'
import {AppError} from '../../../src/kernel/errors.ts'
import {discordFault, queueFault} from '../../../src/runtime/start-faults.ts'

const discord = {token: 't', applicationId: '1', apiUrl: 'https://discord.test/api'}
const refusal = (status: number, message: string) =>
  new DiscordAPIError({code: 0, message}, 0, status, 'GET', 'https://discord.test', {
    files: undefined,
    body: undefined,
  })

test.each<[string, Error, string]>([
  [
    'nobody there',
    new Error('getaddrinfo ENOTFOUND discord.test'),
    "can't be reached at https://discord.test/api",
  ],
  ['a wrong token', refusal(401, '401: Unauthorized'), 'refuses DISCORD_TOKEN'],
  [
    'a server it is not in',
    refusal(403, 'Missing Access'),
    'check DISCORD_APPLICATION_ID and DISCORD_GUILD_ID',
  ],
  ['a fault of theirs', refusal(500, 'Internal'), 'does not take our commands: Internal.'],
  ['what says so itself', new AppError('START_FAILED', 'Own words.'), 'Own words.'],
])('a bot that does not start for %s says what to look at', (_what, error, words) => {
  expect(() => discordFault({discord})(error)).toThrow(
    expect.objectContaining({code: 'START_FAILED', message: expect.stringContaining(words) as string}),
  )
})

test('a queue that does not answer is told with the setting of its server', () => {
  const silent = new AppError(
    'UPSTREAM_UNAVAILABLE',
    'The queue does not answer: nothing heard for 10000 ms.',
  )
  expect(() => queueFault({redis: {url: 'redis://a'}})(silent)).toThrow(/10000 ms\. Check REDIS_URL/)
  expect(() => queueFault({})(silent)).toThrow(/Check DATABASE_URL/)
  const other = new Error('another')
  expect(() => queueFault({})(other)).toThrow(other)
})
