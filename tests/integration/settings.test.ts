import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {Audit} from '../../src/audit/audit.ts'
import type {Look} from '../../src/integrations/github/code-host.ts'
import {createInvocationStore} from '../../src/invocations/store.ts'
import {createPool} from '../../src/platform/postgres.ts'
import type {Actor, SettingRequest} from '../../src/sdk/index.ts'
import {createSettings} from '../../src/settings/service.ts'
import {createSettingChangeStore} from '../../src/settings/store.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const OLD = 'https://old.example.com'
const NEW = 'https://new.example.com'
const root: Actor = {kind: 'discord', id: '9', name: 'root'}
const chief: Actor = {kind: 'discord', id: '8', name: 'chief', discordRoles: ['77']}
const bob: Actor = {kind: 'discord', id: '3', name: 'bob', discordRoles: ['1']}

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const seen = <T>(value: T): Look<T> => ({kind: 'seen', value})
/** What the repository holds, and what was asked of it. */
let held: string | undefined
let asked: string[]
let audited: string[]
/** Happens instead of the next write, or after it. */
let accident: (() => void) | undefined
beforeEach(() => {
  held = OLD
  asked = []
  audited = []
  accident = undefined
})

function write(value: string | undefined, name: string): Look<null> {
  asked.push(name)
  const happens = accident
  accident = undefined
  happens?.()
  held = value
  return seen(null)
}

const audit: Audit = {
  refused: async () => ({id: 'x', seq: 1}),
  async around(event, effect, outcome) {
    audited.push(`${event.action} ${event.subject}`)
    const result = await effect({id: 'x', seq: 1})
    audited.push(outcome?.(result).phase ?? 'done')
    return result
  },
}

const settings = ({allowWrites = true, userIds = ['9'], roleIds = ['77']} = {}) =>
  createSettings({
    host: {
      htmlUrl: 'https://github.com',
      variable: async () => (held === undefined ? {kind: 'missing'} : seen(held)),
      createVariable: async ({value}) => write(value, 'create'),
      updateVariable: async ({value}) => (held === undefined ? {kind: 'missing'} : write(value, 'update')),
      deleteVariable: async () => write(undefined, 'delete'),
      secret: async () => ({kind: 'missing'}),
      secretsKey: async () => ({kind: 'missing'}),
      putSecret: async () => ({kind: 'missing'}),
    },
    store: createSettingChangeStore({pool}),
    audit,
    policy: {admin: {userIds, roleIds}, principals: [], rules: new Map()},
    allowWrites,
    targets: [{name: 'client', repository: 'acme/web'}],
    defaultRepository: 'acme/web',
    urlRules: {},
    clock: Date.now,
  })

const wish = (change: Partial<SettingRequest> = {}): SettingRequest => ({
  actor: root,
  setting: 'frontend',
  url: NEW,
  signal: new AbortController().signal,
  ...change,
})
async function aCommand(): Promise<string> {
  const id = randomUUID()
  await createInvocationStore({pool}).record({
    ...{id, source: 'discord', sourceId: id, command: 'set-frontend', options: {}, agent: 'x', action: 'x'},
    actor: root,
  })
  return id
}

describe('who may write', () => {
  const refused = 'Only an admin can write settings'
  const off = 'An operator can set ALLOW_SECRET_WRITES=true'
  test.each([
    ['nobody when no admin is named', root, {userIds: [], roleIds: []}, refused],
    ['not who is no admin, whatever is switched on', bob, {}, refused],
    ['not who is no admin, told before what is switched off', bob, {allowWrites: false}, refused],
    ['no admin by id while writing is switched off', root, {allowWrites: false}, off],
    ['no admin by role while writing is switched off', chief, {allowWrites: false}, off],
  ])('%s', async (_who, actor, options, sentence) => {
    const service = settings(options)
    const correlationId = await aCommand()
    // An address that is wrong as well is not what they are told of.
    for (const attempt of [
      service.preview(wish({actor, url: 'nonsense'})),
      service.write({...wish({actor, url: 'nonsense'}), correlationId}),
      service.undo({id: correlationId, actor, correlationId, signal: new AbortController().signal}),
    ])
      await expect(attempt).rejects.toMatchObject({
        code: 'NOT_PERMITTED',
        message: expect.stringContaining(sentence) as string,
      })
    expect(asked).toEqual([])
  })

  test.each([
    ['by id', root],
    ['by role', chief],
  ])('an admin %s', async (_how, actor) => {
    const correlationId = await aCommand()
    expect(await settings().write({...wish({actor}), correlationId})).toMatchObject({outcome: 'set'})
    expect(held).toBe(NEW)
    expect(audited).toEqual(['setting.write acme/web FRONTEND_BASE_URL', 'done'])
  })
})

describe('a write that is tried again', () => {
  test('after it was done changes nothing more, and can still be undone', async () => {
    const correlationId = await aCommand()
    await settings().write({...wish(), correlationId})
    expect(await settings().write({...wish(), correlationId})).toMatchObject({outcome: 'set', undoable: true})
    expect(asked).toEqual(['update'])
  })

  test('after a crash before it goes on with what was there before it', async () => {
    const correlationId = await aCommand()
    accident = () => {
      throw new Error('killed')
    }
    await expect(settings().write({...wish(), correlationId})).rejects.toThrow('killed')
    expect(held).toBe(OLD)
    await settings().write({...wish(), correlationId})
    expect(held).toBe(NEW)
    await settings().undo({
      id: correlationId,
      actor: root,
      correlationId,
      signal: new AbortController().signal,
    })
    expect(held).toBe(OLD)
  })

  test('does not write over what somebody else wrote meanwhile', async () => {
    const correlationId = await aCommand()
    accident = () => {
      throw new Error('killed')
    }
    await expect(settings().write({...wish(), correlationId})).rejects.toThrow('killed')
    held = 'https://theirs.example.com'
    await expect(settings().write({...wish(), correlationId})).rejects.toMatchObject({code: 'CONFLICT'})
    expect(held).toBe('https://theirs.example.com')
  })
})

describe('undoing', () => {
  const undo = (id: string) =>
    settings().undo({id, actor: root, correlationId: id, signal: new AbortController().signal})

  test('takes away what was not there before', async () => {
    held = undefined
    const id = await aCommand()
    await settings().write({...wish(), correlationId: id})
    expect(await undo(id)).toMatchObject({outcome: 'undone', fingerprint: null})
    expect(held).toBeUndefined()
    expect(asked).toEqual(['create', 'delete'])
  })

  test('again says so without writing again', async () => {
    const id = await aCommand()
    await settings().write({...wish(), correlationId: id})
    await undo(id)
    asked = []
    expect(await undo(id)).toMatchObject({outcome: 'undone'})
    expect(asked).toEqual([])
  })

  test('does not touch a value that was written again by hand after an undo', async () => {
    const id = await aCommand()
    await settings().write({...wish(), correlationId: id})
    await undo(id)
    held = NEW
    await expect(undo(id)).rejects.toMatchObject({code: 'CONFLICT'})
    expect(held).toBe(NEW)
  })

  test('of a command that wrote nothing is refused', async () => {
    await expect(undo(await aCommand())).rejects.toMatchObject({code: 'CONFLICT'})
  })
})
