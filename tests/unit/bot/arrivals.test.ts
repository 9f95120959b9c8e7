import {setTimeout as sleep} from 'node:timers/promises'
import {beforeEach, describe, expect, test} from 'vitest'
import {z} from 'zod'
import {createPipeline, type PipelineOptions} from '../../../src/bot/pipeline.ts'
import type {Acknowledged} from '../../../src/integrations/discord/api.ts'
import type {Arrival} from '../../../src/invocations/arrival-store.ts'
import type {NewInvocation, Recorded} from '../../../src/invocations/invocation.ts'
import {defineCommand} from '../../../src/sdk/index.ts'

const INTERACTION_ID = '1300000000000000000'
const raw = (name = 'agents') => ({
  id: INTERACTION_ID,
  application_id: '111111111111111111',
  type: 2,
  token: 'interaction-token',
  channel_id: '222222222222222222',
  member: {user: {id: '333333333333333333', username: 'ada'}, roles: []},
  data: {name, type: 1},
})
const agents = defineCommand({
  name: 'agents',
  description: 'Lists the agents',
  topic: 'look',
  access: 'everyone',
  visibility: 'channel',
  input: z.object({}),
  agent: 'status_reporter',
  action: 'agents',
  acknowledge: () => 'agents',
})
const locked = {...agents, name: 'locked', access: 'restricted' as const}

/** What happened, in its order. */
let story: string[]
beforeEach(() => void (story = []))

interface Script {
  readonly note?: (arrival: Arrival) => Promise<undefined>
  readonly acknowledged?: Acknowledged
  readonly recorded?: Recorded
}

function open({note, acknowledged = {kind: 'acknowledged'}, recorded = {kind: 'recorded'}}: Script = {}) {
  const pipeline = createPipeline({
    commands: new Map([agents, locked].map(command => [command.name, command])),
    policy: {admin: {userIds: [], roleIds: []}, principals: [], rules: new Map()},
    audit: {refused: async () => undefined},
    services: {},
    invocations: {
      async accept({sourceId, arrived}: NewInvocation) {
        story.push(`record ${sourceId} ${arrived === true ? 'from its note' : ''}`)
        return recorded
      },
    },
    invocationStore: {},
    arrivals: {
      async note(arrival: Arrival) {
        story.push('note')
        await note?.(arrival)
        story.push('noted')
      },
      forget: async (id: string) => void story.push(`forget ${id}`),
    },
    replies: {messageOf: async () => undefined},
    discord: {
      editOriginal: async () => (story.push('edit'), {kind: 'sent', messageId: '1'}),
      createMessage: async () => (story.push('post'), {kind: 'sent', messageId: '2'}),
    },
    observeAck: () => undefined,
    clock: () => Date.now(),
    log: {info: () => undefined, warn: () => undefined, error: () => undefined},
  } as unknown as PipelineOptions)
  return (name?: string) =>
    pipeline.receive(raw(name), async () => {
      story.push('acknowledge')
      return acknowledged
    })
}

describe('the note of an arrival', () => {
  test('goes out before the acknowledgement, which does not wait for it; the record does', async () => {
    const receive = open({note: () => sleep(50, undefined)})
    await receive()
    expect(story).toEqual(['note', 'acknowledge', 'noted', `record ${INTERACTION_ID} from its note`])
  })

  test('is tried again when the first try fails', async () => {
    let tries = 0
    const receive = open({
      note: () => (++tries === 1 ? Promise.reject(new Error('broken')) : Promise.resolve(undefined)),
    })
    await receive()
    expect(story).toEqual(['note', 'note', 'noted', 'acknowledge', `record ${INTERACTION_ID} from its note`])
  })

  test('that can’t be written means that nothing is started, and the person hears so', async () => {
    const receive = open({note: () => Promise.reject(new Error('Postgres is away'))})
    await receive()
    expect(story).toEqual(['note', 'note', 'acknowledge', 'edit', `forget ${INTERACTION_ID}`])
  })

  test('is forgotten, once it is there, when the acknowledgement came too late: Discord has told the person', async () => {
    const receive = open({
      note: () => sleep(50, undefined),
      acknowledged: {kind: 'too-late'},
    })
    await receive()
    expect(story).toEqual(['note', 'acknowledge', 'noted', `forget ${INTERACTION_ID}`, 'post'])
  })

  test('is forgotten when the person is sent to another command, after the answer is shown', async () => {
    const receive = open({recorded: {kind: 'joined', id: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'}})
    await receive()
    expect(story.slice(-2)).toEqual(['edit', `forget ${INTERACTION_ID}`])
  })

  test('that was given up meanwhile: the person hears from us too that nothing was started', async () => {
    const receive = open({recorded: {kind: 'given-up'}})
    await receive()
    expect(story).toContain('edit')
  })

  test('is not made for what is answered at once', async () => {
    const receive = open()
    await receive('locked')
    await receive('unknown')
    expect(story).toEqual(['acknowledge', 'acknowledge'])
  })
})
