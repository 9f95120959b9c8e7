import {randomUUID} from 'node:crypto'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createAccountStore} from '../../../src/access/account-store.ts'
import {createBreakGlass, type BreakGlass, type GlassAlarm} from '../../../src/access/break-glass.ts'
import {createGuard} from '../../../src/access/guard.ts'
import {createPeople} from '../../../src/access/people.ts'
import {createRoster} from '../../../src/access/roster.ts'
import {createPool, transaction} from '../../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'

const MINUTE = 60_000
const roster = createRoster([
  {id: 'ada', discord: '1', roles: ['tech_lead']},
  {id: 'bob', discord: '2', roles: ['developer']},
])
const ada = {kind: 'discord', id: '1', name: 'ada'} as const
const bob = {kind: 'discord', id: '2', name: 'bob'} as const
const stranger = {kind: 'discord', id: '3', name: 'mallory'} as const

let database: TestDatabase
let pool: ReturnType<typeof createPool>
let alarms: GlassAlarm[]
let glass: BreakGlass
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(async () => {
  await pool.query('truncate break_glass, break_glass_uses, account_events')
  alarms = []
  glass = open()
})

function open(
  policy: {roles: string[]; maximum: number} | undefined = {roles: ['tech_lead'], maximum: 60 * MINUTE},
) {
  const accounts = createAccountStore({pool})
  return createBreakGlass({
    pool,
    accounts,
    people: createPeople({roster, accounts}),
    policy,
    alarm: async (_db, alarm) => void alarms.push(alarm),
  })
}

const breaks = (
  more: {id?: string; actor?: typeof ada | typeof bob | typeof stranger; forMs?: number} = {},
) => glass.begin({id: randomUUID(), actor: ada, reason: 'the shop is down', forMs: undefined, ...more})
const lets = (subject: string) =>
  transaction(pool, db => glass.use(db, {person: 'ada', subject, title: 'client → production'}))

describe('who may', () => {
  test('holders of a named role, and nobody while none is named', async () => {
    await expect(breaks({actor: bob})).rejects.toMatchObject({
      code: 'NOT_PERMITTED',
      message: 'It needs role tech_lead, you have: developer. Ask ada.',
    })
    await expect(breaks({actor: stranger})).rejects.toThrow('you have: no account known here')
    expect(glass.whoMay()).toEqual(['ada'])
    const closed = createBreakGlass({
      ...{pool, accounts: createAccountStore({pool}), policy: undefined},
      people: createPeople({roster, accounts: createAccountStore({pool})}),
      alarm: async () => undefined,
    })
    await expect(
      closed.begin({id: randomUUID(), actor: ada, reason: 'please', forMs: undefined}),
    ).rejects.toMatchObject({code: 'NOT_PERMITTED'})
    expect(closed.whoMay()).toEqual([])
    expect(alarms).toEqual([])
  })

  test('for no longer than the policy’s time; half an hour where nothing is said', async () => {
    await expect(breaks({forMs: 61 * MINUTE})).rejects.toThrow('At most 60 minutes')
    const {openedAt, endsAt} = await breaks()
    expect(endsAt - openedAt).toBe(30 * MINUTE)
    await glass.end(ada)
    glass = open({roles: ['tech_lead'], maximum: 10 * MINUTE})
    const short = await breaks()
    expect(short.endsAt - short.openedAt).toBe(10 * MINUTE)
  })
})

describe('a window', () => {
  test('is opened once per command and person, with one alarm', async () => {
    const id = randomUUID()
    const [first, again] = [await breaks({id}), await breaks({id})]
    expect(again).toEqual(first)
    expect(alarms).toEqual([{kind: 'broken', window: first}])
    await expect(breaks()).rejects.toMatchObject({code: 'CONFLICT'})
    await glass.end(ada)
    const race = await Promise.allSettled([1, 2, 3, 4].map(() => breaks()))
    expect(race.filter(({status}) => status === 'fulfilled')).toHaveLength(1)
  })

  test('lets its person through, each thing kept and told once', async () => {
    expect(await lets('deployment:1')).toBeUndefined()
    const window = await breaks()
    expect(await lets('deployment:1')).toEqual(window)
    expect(await lets('deployment:1')).toEqual(window)
    expect(await lets('deployment:2')).toEqual(window)
    expect(
      await transaction(pool, db => glass.use(db, {person: 'bob', subject: 'deployment:3', title: 'x'})),
    ).toBeUndefined()
    expect(alarms.map(({kind}) => kind)).toEqual(['broken', 'used', 'used'])
    const {rows} = await pool.query<{event: string; note: string | null}>(
      'select event, note from account_events order by id',
    )
    expect(rows).toEqual([
      {event: 'glass_broken', note: 'the shop is down'},
      {event: 'glass_used', note: 'deployment:1 client → production'},
      {event: 'glass_used', note: 'deployment:2 client → production'},
    ])
  })

  test('is over by itself', async () => {
    await breaks()
    await pool.query(`update break_glass set ends_at = now() - interval '1 millisecond'`)
    expect(await glass.open('ada')).toBeUndefined()
    expect(await lets('deployment:1')).toBeUndefined()
    expect(await glass.end(ada)).toBeUndefined()
    await breaks()
  })

  test('whose time is up is told of once, whoever looks, and one that was ended by hand is not told of again', async () => {
    await breaks()
    await glass.sweep()
    expect(alarms.map(({kind}) => kind)).toEqual(['broken'])
    await pool.query(`update break_glass set ends_at = now() - interval '1 millisecond'`)
    await Promise.all([glass.sweep(), glass.sweep(), glass.sweep()])
    await glass.sweep()
    expect(alarms.map(({kind}) => kind)).toEqual(['broken', 'over'])
    expect(alarms[1]?.window).toMatchObject({person: 'ada', reason: 'the shop is down'})
    await breaks()
    await glass.end(ada)
    await pool.query(`update break_glass set ends_at = now() - interval '1 millisecond'`)
    await glass.sweep()
    expect(alarms.map(({kind}) => kind)).toEqual(['broken', 'over', 'broken', 'ended'])
    const {rows} = await pool.query<{note: string | null}>(
      `select note from account_events where event = 'glass_ended' order by id`,
    )
    expect(rows).toEqual([{note: 'its time was up'}, {note: null}])
  })

  test('ended by hand lets nothing through any more, and only its person ends it', async () => {
    await breaks()
    expect(await glass.end(bob)).toBeUndefined()
    expect(await glass.end(ada)).toMatchObject({person: 'ada'})
    expect(await lets('deployment:1')).toBeUndefined()
    expect(alarms.map(({kind}) => kind)).toEqual(['broken', 'ended'])
    await expect(glass.end(stranger)).rejects.toMatchObject({code: 'NOT_PERMITTED'})
  })

  test('a transaction that fails uses nothing up and tells nobody', async () => {
    await breaks()
    await expect(
      transaction(pool, async db => {
        await glass.use(db, {person: 'ada', subject: 'deployment:1', title: 'x'})
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    const {rows} = await pool.query('select from break_glass_uses')
    expect(rows).toEqual([])
  })
})

describe('the guard', () => {
  const freezes = [{from: 1000, to: 5000, environments: ['production'] as const, reason: 'holidays'}]
  const guard = () => createGuard({freezes, breakGlass: glass})
  const query = {environment: 'production', person: 'ada', now: 2000} as const
  const passing = (person: string | undefined) =>
    transaction(pool, db => guard().pass(db, {...query, person, subject: 'deployment:1', title: 'x'}))

  test('a freeze stops everybody, and names who could break the glass', async () => {
    const frozen = {kind: 'frozen', until: 5000, reason: 'holidays', breakers: ['ada']}
    expect(await guard().look(query)).toEqual(frozen)
    for (const person of ['ada', 'bob', undefined]) expect(await passing(person)).toEqual(frozen)
    expect(await guard().look({...query, now: 5000})).toEqual({kind: 'clear'})
    expect(await guard().look({...query, environment: 'staging'})).toEqual({kind: 'clear'})
  })

  test('but whoever broke it; looking uses nothing', async () => {
    const window = await breaks()
    expect(await guard().look(query)).toEqual({kind: 'let-through', window})
    expect(alarms.map(({kind}) => kind)).toEqual(['broken'])
    expect(await passing('ada')).toEqual({kind: 'let-through', window})
    expect(await passing('bob')).toMatchObject({kind: 'frozen'})
    expect(await passing(undefined)).toMatchObject({kind: 'frozen'})
    expect(alarms.map(({kind}) => kind)).toEqual(['broken', 'used'])
  })
})
