import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {Conversation, MessageView} from '../../src/emulators/discord/index.ts'
import {attemptAgain} from '../support/attempt-again.ts'
import {openWorld, type World, type WorldOptions} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const ends = (talk: Conversation, glyph: string) =>
  talk.settled(({reply}) => reply()?.content.startsWith(glyph), {timeoutMs: 25_000})

let world: World
const open = async (options: WorldOptions = {}) => (world = await openWorld(options))
beforeEach(() => undefined)
afterEach(() => world.close())

const closings = () =>
  world.discord
    .channel('general')
    .messages()
    .filter(message => message.interactionId === undefined)

describe('whatever GitHub does, a deploy is dispatched once and its message tells the truth', () => {
  test('a server that does not know return_run_details: the run is found by its title', async () => {
    await open({github: {apiFlavour: 'legacy', listingDelayMs: 300}})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '🟢')
    expect(world.github.repository('acme/web').runs).toHaveLength(1)
  })

  test('somebody else’s run is never followed, only offered as a guess', async () => {
    await open({github: {apiFlavour: 'legacy'}, env: {RUN_DISCOVERY_TIMEOUT_MS: '1000'}})
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
      runName: () => 'Client Deploy',
      jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 500}]}],
    })
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '⚠️')
    expect(textOf(talk.reply())).toContain('(best guess, not followed)')
    expect(textOf(talk.reply())).toContain('run-name include the correlation id')
  })

  test('without webhooks, polling alone follows it to the end', async () => {
    await open({webhooks: false})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '🟢')
  })

  test('a rate limit is waited out, said as such, and is not a timeout', async () => {
    await open({env: {RUN_WATCH_TIMEOUT_MS: '1500', RUN_POLL_INTERVAL_MS: '100'}})
    world.github.misbehave({route: 'run', kind: 'secondaryLimit', retryAfterS: 2, times: 1})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => textOf(reply()).includes('GitHub asks us to slow down'), {
      timeoutMs: 10_000,
    })
    await ends(talk, '🟢')
  })

  test('a run that outlives our patience is left running, and said to be', async () => {
    await open({env: {RUN_WATCH_TIMEOUT_MS: '1000'}})
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {}, requester: {}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Slow', ms: 2_000_000}]}],
    })
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '⏱️')
    expect(textOf(talk.reply())).toContain('stopped watching')
    expect(JSON.stringify(talk.reply()?.components)).toContain('Run ↗')
  })

  test.each([
    ['notFound', 'it was deleted, or we lost access'],
    ['forbidden', 'does not let us see the run any more'],
  ] as const)('a run that GitHub stops showing (%s) is not said to be running', async (kind, words) => {
    await open({env: {RUN_DISCOVERY_TIMEOUT_MS: '1000'}})
    world.github.misbehave({route: 'run', kind, times: Infinity})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '⚠️')
    expect(talk.reply()?.content).toContain('lost sight of its run')
    expect(textOf(talk.reply())).toContain(words)
  })

  test('without waiting, one message says started and where', async () => {
    await open()
    const talk = await world.ada.runs('/deploy-client')
    await talk.settled(({reply}) => reply()?.content.includes('started'))
    await talk.settled(({reply}) => JSON.stringify(reply()?.components).includes('Run ↗'))
    expect(textOf(talk.reply())).toContain('`/status`')
    expect(closings()).toEqual([])
  })

  test('a double click joins the first deploy instead of starting another', async () => {
    await open()
    const [first, second] = await Promise.all([
      world.ada.runs('/deploy-client wait:true'),
      world.ada.runs('/deploy-client wait:true'),
    ])
    const joined = await world.discord.eventually(
      () => [first, second].find(talk => talk.reply()?.content.includes('you just asked for this')),
      {what: 'one of the two to join'},
    )
    const leading = joined === first ? second : first
    await ends(leading, '🟢')
    expect(world.github.count('dispatch')).toBe(1)
  })

  test('the same interaction delivered twice by the gateway is one command', async () => {
    await open()
    world.discord.misbehave({gateway: 'duplicateNextInteraction'})
    const talk = await world.ada.runs('/deploy-client wait:true')
    await ends(talk, '🟢')
    expect(world.github.count('dispatch')).toBe(1)
  })
})

describe('stopping', () => {
  const slow = () =>
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {}, requester: {}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Slow', ms: 2_000_000}]}],
    })

  test('/cancel stops the GitHub run and the message names the conclusion', async () => {
    await open()
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('deploying'))
    await attemptAgain(world, 'deploy')
    const [suggestion] = await world.ada.completes('/cancel id:')
    const cancel = await world.ada.runs(`/cancel id:${suggestion?.value ?? ''}`)
    await cancel.settled(({reply}) => reply()?.content.startsWith('✅'))
    await ends(talk, '⚪')
    expect(talk.reply()?.content).toContain('cancelled')
    expect(world.github.repository('acme/web').runs.map(({conclusion}) => conclusion)).toEqual(['cancelled'])
    await attemptAgain(world, 'cancel')
    const again = await world.ada.runs(`/cancel id:${suggestion?.value ?? ''}`)
    await again.settled(({reply}) => reply()?.content.includes('had already ended'))
    expect(world.github.count('cancel')).toBe(1)
  })

  test('the button does the same, for the requester and admins only', async () => {
    await open()
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('deploying'))
    const refused = await world.bob.presses(talk.reply()!, 'Cancel')
    await refused.acknowledged()
    expect(refused.ephemeral).toBe(true)
    expect(textOf(refused.reply())).toContain('only the person who asked for it, or an admin')
    await world.root.presses(talk.reply()!, 'Cancel')
    await ends(talk, '⚪')
    expect(JSON.stringify(talk.reply()?.components)).not.toContain('Cancel')
  })

  test('a stop that comes before the run exists still stops it', async () => {
    // Longer than a message waits between two edits, or nobody might see that it is looked for.
    await open({
      github: {apiFlavour: 'legacy', listingDelayMs: 4000},
      env: {RUN_DISCOVERY_TIMEOUT_MS: '15000'},
    })
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('looking for the run'))
    await world.ada.presses(talk.reply()!, 'Cancel')
    await ends(talk, '⚪')
    expect(world.github.repository('acme/web').runs[0]?.conclusion).toBe('cancelled')
  })

  test('nobody stops what is not theirs', async () => {
    await open()
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('deploying'))
    const id = /`([0-9a-f]{8})…`/.exec(textOf(talk.reply()))?.[1] ?? ''
    const cancel = await world.bob.runs(`/cancel id:${id}`)
    await cancel.settled(({reply}) => reply()?.content.startsWith('⛔'))
    expect(world.github.count('cancel')).toBe(0)
  })
})

describe('an interaction near its end', () => {
  const slow = () =>
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {}, requester: {}, VITE_API_BASE: {}},
      jobs: [
        {name: 'build', steps: [{name: 'Build', ms: 60_000}]},
        {name: 'deploy', needs: ['build'], steps: [{name: 'Upload', ms: 20_000}]},
      ],
    })

  test('moves its message to the channel, both linked, and goes on there', async () => {
    await open({env: {INTERACTION_HANDOVER_MS: '1500', RUN_WATCH_TIMEOUT_MS: '30000'}})
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await talk.settled(({reply}) => reply()?.content.includes('continues below'), {timeoutMs: 20_000})
    const moved = await world.discord.eventually(
      () => closings().find(message => message.content.includes('success')),
      {what: 'the moved message to end', timeoutMs: 20_000},
    )
    expect(textOf(talk.reply())).toContain(closings()[0]?.id)
    expect(moved).toBeDefined()
  })

  test('that is over before we know it goes on in the channel too', async () => {
    await open({discord: {tokenLifetimeMs: 2000}})
    slow()
    const talk = await world.ada.runs('/deploy-client wait:true')
    await world.discord.eventually(
      () => closings().find(message => message.content.startsWith('🟢 client → development · success')),
      {what: 'the end in the channel', timeoutMs: 20_000},
    )
    expect(talk.reply()?.content).not.toContain('success')
  })
})
