import {expect, test} from 'vitest'
import {botAccess} from '../../../src/runtime/mcp-stdio.ts'

const files = (path: string) => {
  if (path === '/run/token') return 'from-a-file\n'
  throw Object.assign(new Error('no'), {code: 'ENOENT'})
}

test.each([
  [{SIGNALBOX_TOKEN: 'mine'}, {url: 'http://127.0.0.1:8009', token: 'mine'}],
  [
    {SIGNALBOX_TOKEN_FILE: '/run/token', SIGNALBOX_URL: 'https://bot.example.com'},
    {url: 'https://bot.example.com', token: 'from-a-file'},
  ],
])('%j is %j', (env, access) => {
  expect(botAccess(env, files)).toEqual(access)
})

test.each([
  [{}, 'SIGNALBOX_TOKEN is missing'],
  [{SIGNALBOX_TOKEN_FILE: '/nowhere'}, "can't be read (ENOENT)"],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_TOKEN_FILE: '/run/token'}, 'are both set'],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_URL: 'http://bot.example.com'}, 'would travel in the clear'],
  [{SIGNALBOX_TOKEN: 'a', SIGNALBOX_URL: 'the bot'}, 'SIGNALBOX_URL'],
])('%j is refused: %s', (env, why) => {
  expect(() => botAccess(env, files)).toThrow(why)
})
