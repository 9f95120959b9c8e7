import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {redisMissing} from '../support/redis.ts'
import {openWorld, type World} from '../support/world.ts'

const ended = /🟢|🔴|⚪|⏱️|⚠️/u

const redisReason = redisMissing()
describe.each([{queue: 'postgres'}, {queue: 'redis'}] as const)(
  'a deploy that is waited for, queue on $queue',
  ({queue}) => {
    if (queue === 'redis' && redisReason !== undefined) return test.skip(redisReason)

    let world: World
    beforeAll(async () => {
      world = await openWorld({queue})
    })
    afterAll(() => world.close())

    test('is heard at once, followed job by job, and ends with a new message that links back', async () => {
      const {ada, discord, github} = world
      const talk = await ada.runs('/deploy-client wait:true')
      await talk.settled(({reply}) => reply()?.content.startsWith('🟡'))
      await talk.settled(({reply}) => reply()?.content.startsWith('🟢 client → development · success'))

      const [run, ...others] = github.repository('acme/web').runs
      expect(others).toEqual([])
      const story = talk.reply()
      expect(story?.embeds[0]?.description).toMatch(/asked by ada · `[0-9a-f]{8}…`/)
      expect(story?.embeds[0]?.description).toMatch(/build ✅ .* · deploy ✅/)
      expect(JSON.stringify(story?.components)).toContain(run?.url)

      const last = await discord.eventually(
        () =>
          discord
            .channel('general')
            .messages()
            .find(message => message.id !== story?.id && message.content.startsWith('🟢')),
        {what: 'the closing message'},
      )
      expect(last?.pings).toEqual([])
      expect(github.count('dispatch')).toBe(1)
    })
  },
)

describe('a deploy that fails', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  test('names job, step, exit code and the last lines of the log, without secrets', async () => {
    const {ada, github} = world
    github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
      jobs: [
        {
          name: 'deploy',
          steps: [
            {name: 'Build', ms: 1000},
            {
              name: 'Upload to bucket',
              ms: 1000,
              conclusion: 'failure',
              exitCode: 1,
              log: [
                'uploading 41 files',
                'using token ghp_abcdefghijklmnopqrstuvwxyz0123456789',
                'AccessDenied: not authorized to perform s3:PutObject',
              ],
            },
          ],
        },
      ],
    })
    const talk = await ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => ended.test(reply()?.content ?? ''))
    expect(talk.reply()?.content).toMatch(/^🔴 client → development · failed after/)
    const text = talk.reply()?.embeds[0]?.description ?? ''
    expect(text).toContain('job `deploy` › step `Upload to bucket` (exit 1)')
    expect(text).toContain('AccessDenied: not authorized to perform s3:PutObject')
    expect(text).not.toContain('ghp_')
  })
})
