import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import type {MessageView} from '../../src/emulators/discord/index.ts'
import type {RouteFault} from '../../src/emulators/github/faults.ts'
import {redisMissing} from '../support/redis.ts'
import {openWorld, type World} from '../support/world.ts'

const ended = /🟢|🔴|⚪|⏱️|⚠️/u
const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`

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
    world = await openWorld({env: {GITHUB_TIMEOUT_MS: '800', RUN_DISCOVERY_TIMEOUT_MS: '1000'}})
  })
  afterAll(() => world.close())
  let disarm = () => {}
  afterEach(() => disarm())

  const runs = () => world.github.repository('acme/web').runs
  let cases = 0
  /** Each ships for another API: the same within moments would join the first. */
  const deploys = () => world.ada.runs(`/deploy-client wait:true api_base:https://api-${++cases}.example.com`)
  const closings = (id: string) =>
    world.discord
      .channel('general')
      .messages()
      .filter(message => message.interactionId === undefined && textOf(message).includes(id))
  const misbehaves = (fault: RouteFault) => (disarm = world.github.misbehave(fault))

  test.each<[string, Omit<RouteFault, 'route'>, string, string, {dispatches: number; runs: number}]>([
    ['403', {kind: 'forbidden'}, '🔴', 'An operator must grant it.', {dispatches: 1, runs: 0}],
    ['404', {kind: 'notFound'}, '🔴', 'Check the target’s configuration.', {dispatches: 1, runs: 0}],
    [
      '429, which is waited out',
      {kind: 'secondaryLimit', status: 429, retryAfterS: 1},
      '🟢',
      'build ✅',
      {dispatches: 2, runs: 1},
    ],
    [
      '503, before anything happened',
      {kind: 'serverError', status: 503},
      '⚠️',
      'before running it again',
      {dispatches: 1, runs: 0},
    ],
    [
      '502, though it happened',
      {kind: 'serverError', takesEffect: true},
      '🟢',
      'build ✅',
      {dispatches: 1, runs: 1},
    ],
    [
      'a cut connection, before anything happened',
      {kind: 'reset'},
      '⚠️',
      'not sure it started',
      {dispatches: 1, runs: 0},
    ],
    [
      'nothing in time, though it happened',
      {kind: 'timeout', takesEffect: true},
      '🟢',
      'build ✅',
      {dispatches: 1, runs: 1},
    ],
  ])(
    'is told the truth when GitHub answers its dispatch with %s',
    async (_what, fault, glyph, words, {dispatches, runs: started}) => {
      const before = {dispatches: world.github.count('dispatch'), runs: runs().length}
      misbehaves({route: 'dispatch', ...fault})
      const talk = await deploys()
      await talk.settled(({reply}) => reply()?.content.startsWith(glyph), {timeoutMs: 20_000})
      expect(textOf(talk.reply())).toContain(words)
      const [, id = 'none'] = /asked by ada · `([0-9a-f]{8})…`/.exec(textOf(talk.reply())) ?? []
      await world.discord.eventually(() => closings(id).length > 0, {what: `the closing word of ${id}`})
      expect(closings(id)).toMatchObject([{pings: []}])
      expect(talk.reply()?.pings).toEqual([])
      expect(world.github.count('dispatch') - before.dispatches).toBe(dispatches)
      expect(runs().length - before.runs).toBe(started)
    },
  )

  test('is told the refusal of GitHub in its words', async () => {
    const talk = await world.ada.runs('/deploy-client wait:true ref:no-such-branch')
    await talk.settled(({reply}) => reply()?.content.startsWith('🔴'), {timeoutMs: 20_000})
    expect(talk.reply()?.content).toContain('not started')
    expect(textOf(talk.reply())).toContain('No ref found')
  })

  test.each<[string, Omit<RouteFault, 'route'>, string]>([
    ['403', {kind: 'forbidden'}, 'GitHub did not stop the run: Our GitHub token may not do this'],
    ['404', {kind: 'notFound'}, 'GitHub did not stop the run: The run no longer exists'],
    ['429', {kind: 'secondaryLimit', status: 429, retryAfterS: 1}, 'stop asked by ada'],
    ['503', {kind: 'serverError', status: 503}, 'stop asked by ada'],
    ['nothing in time', {kind: 'timeout'}, 'stop asked by ada'],
  ])('that is to be stopped says how that went when GitHub answers %s to it', async (_what, fault, words) => {
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Slow', ms: 2_000_000}]}],
    })
    const talk = await deploys()
    await talk.settled(({reply}) => reply()?.content.includes('deploying'))
    const before = world.github.count('cancel')
    misbehaves({route: 'cancel', ...fault})
    const id = /`([0-9a-f]{8})…`/.exec(textOf(talk.reply()))?.[1] ?? ''
    const cancel = await world.ada.runs(`/cancel id:${id}`)
    await cancel.settled(({reply}) => textOf(reply()).includes('its message tells how it ends'))
    await talk.settled(({reply}) => textOf(reply()).includes(words), {timeoutMs: 20_000, what: words})
    const refused = words.startsWith('GitHub')
    if (refused) runs()[0]?.finish('success')
    await talk.settled(({reply}) => reply()?.content.startsWith(refused ? '🟢' : '⚪'), {timeoutMs: 20_000})
    expect(world.github.count('cancel') - before).toBe(refused ? 1 : 2)
  })

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
