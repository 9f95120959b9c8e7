import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {createAccountStore, type AccountStore} from '../../../src/access/account-store.ts'
import {hashOf} from '../../../src/access/code.ts'
import {createLinks, type Links, type PostedComment} from '../../../src/access/links.ts'
import {createPeople, type People} from '../../../src/access/people.ts'
import {createRoster} from '../../../src/access/roster.ts'
import {AppError} from '../../../src/kernel/errors.ts'
import {createPool} from '../../../src/platform/postgres.ts'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'

const HOUSE_TOKEN = 'a-token-that-the-operator-made'
const PRINCIPALS = [
  {id: 'ada', discord: '1', github: 'Ada-L', roles: ['tech_lead']},
  {id: 'bob', discord: '2', email: 'Bob@Example.com', roles: ['developer']},
  {id: 'eve', discord: '3', roles: ['tech_lead', 'cto'], tokenHash: hashOf(HOUSE_TOKEN)},
]
const quiet = {info: () => undefined, warn: () => undefined} as never

let database: TestDatabase
let pool: ReturnType<typeof createPool>
let store: AccountStore
let people: People
let links: Links
/** What GitHub would list. */
let posted: PostedComment[]
let asked: number[]
let mailed: {readonly address: string; readonly code: string}[]
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(async () => {
  await pool.query('truncate linked_accounts, account_codes, personal_tokens, account_events')
  posted = []
  asked = []
  mailed = []
  ;({store, people, links} = open())
})

function open(principals = PRINCIPALS) {
  const accounts = createAccountStore({pool})
  const roster = createRoster(principals)
  return {
    store: accounts,
    people: createPeople({roster, accounts}),
    links: createLinks({
      pool,
      store: accounts,
      roster,
      githubComments: async since => {
        asked.push(since)
        return {comments: posted, unread: []}
      },
      sendCode: async (address, code) => void mailed.push({address, code}),
      isOurDomain: domain => domain === 'example.com',
      log: quiet,
    }),
  }
}

const comment = (
  body: string,
  person: string | undefined,
  more: Partial<PostedComment> = {},
): PostedComment => ({
  ...{body, person, edited: false, createdAt: Date.now()},
  ...more,
})
const lapse = () => pool.query(`update account_codes set expires_at = now() - interval '1 second'`)
const events = async () =>
  (
    await pool.query<{principal: string; event: string; account_id: string | null}>(
      'select principal, event, account_id from account_events order by id',
    )
  ).rows
const look = () => links.lookAtGithub(new AbortController().signal)

describe('who is who', () => {
  test('configured accounts are known, whatever the capitals; Discord and Linear ids are taken as they are', async () => {
    expect(await people.personOf({kind: 'github', id: 'ADA-l'})).toEqual({
      id: 'ada',
      roles: ['tech_lead'],
      accounts: {discord: '1', github: 'ada-l'},
    })
    expect((await people.personOf({kind: 'email', id: 'bob@EXAMPLE.com'}))?.id).toBe('bob')
    expect(await people.personOf({kind: 'linear', id: '1'})).toBeUndefined()
    expect(await people.personOf({kind: 'discord', id: '4'})).toBeUndefined()
    expect(await people.find('mallory')).toBeUndefined()
  })

  test('an account that was proved counts as the person, until it is removed', async () => {
    const {code} = await links.showCode('bob', 'linear')
    const account = {kind: 'linear', id: 'U-1'} as const
    expect(await links.claimCode({account, code})).toEqual({kind: 'linked', person: 'bob'})
    expect((await people.personOf(account))?.id).toBe('bob')
    expect((await people.find('bob'))?.accounts).toEqual({
      discord: '2',
      email: 'bob@example.com',
      linear: 'U-1',
    })
    expect(await links.remove('ada', account)).toBe(false)
    expect(await links.remove('bob', account)).toBe(true)
    expect(await people.personOf(account)).toBeUndefined()
  })

  test('holders of any of the roles come in the order of their ids', () => {
    expect(people.holding(['cto', 'tech_lead'])).toEqual([
      {id: 'ada', roles: ['tech_lead'], discord: '1'},
      {id: 'eve', roles: ['tech_lead', 'cto'], discord: '3'},
    ])
    expect(people.holding([])).toEqual([])
    expect(people.rolesOf('eve')).toEqual(['tech_lead', 'cto'])
    expect(people.rolesOf('mallory')).toEqual([])
  })

  test('what configuration gives to somebody else stops being theirs; so does all of whom it does not name any more', async () => {
    const {code} = await links.showCode('bob', 'github')
    await links.claimCode({account: {kind: 'github', id: 'octo'}, code})
    const later = open([...PRINCIPALS.slice(0, 2), {id: 'eve', discord: '3', github: 'Octo', roles: []}])
    expect((await later.people.personOf({kind: 'github', id: 'octo'}))?.id).toBe('eve')
    expect((await later.people.find('bob'))?.accounts).not.toHaveProperty('github')
    const without = open(PRINCIPALS.slice(0, 1))
    expect(await without.people.personOf({kind: 'github', id: 'octo'})).toBeUndefined()
  })
})

describe('a code that is posted', () => {
  test('is found in a comment of the account, once; the history has it and never the code', async () => {
    const {code} = await links.showCode('bob', 'github')
    posted = [comment(`Hi, ${code.toLowerCase()} is mine.`, 'OctoBob')]
    await look()
    expect(await links.proofOf('bob', 'github')).toEqual({kind: 'linked', account: 'octobob'})
    expect((await people.personOf({kind: 'github', id: 'octobob'}))?.id).toBe('bob')
    posted.push(comment(code, 'mallory'))
    await look()
    expect(await people.personOf({kind: 'github', id: 'mallory'})).toBeUndefined()
    expect(await events()).toEqual([
      {principal: 'bob', event: 'code_shown', account_id: null},
      {principal: 'bob', event: 'linked', account_id: 'octobob'},
    ])
    const {rows} = await pool.query(
      `select c::text || coalesce((select string_agg(e::text, '') from account_events e), '') as all from account_codes c`,
    )
    expect(JSON.stringify(rows)).not.toContain(code)
  })

  test('counts for whoever wrote it first; copies, edits, apps and ghosts prove nothing', async () => {
    const {code} = await links.showCode('bob', 'github')
    posted = [
      comment(code, 'copycat', {createdAt: 2000}),
      comment(code, 'octobob', {createdAt: 1000}),
      comment(code, 'editor', {createdAt: 500, edited: true}),
      comment(code, undefined, {createdAt: 400}),
    ]
    await look()
    expect(await links.proofOf('bob', 'github')).toEqual({kind: 'linked', account: 'octobob'})
    for (const id of ['copycat', 'editor'])
      expect(await people.personOf({kind: 'github', id})).toBeUndefined()
  })

  test('GitHub is asked only while a code is open', async () => {
    await look()
    expect(asked).toEqual([])
    await links.showCode('bob', 'linear')
    await look()
    expect(asked).toEqual([])
    await links.showCode('bob', 'github')
    await look()
    expect(asked).toHaveLength(1)
    await lapse()
    await look()
    expect(asked).toHaveLength(1)
  })

  test('lapses, and is ended by the next one', async () => {
    const first = await links.showCode('bob', 'github')
    const second = await links.showCode('bob', 'github')
    const account = {kind: 'github', id: 'octobob'} as const
    expect(await links.claimCode({account, code: first.code})).toEqual({kind: 'unknown'})
    await lapse()
    expect(await links.claimCode({account, code: second.code})).toEqual({kind: 'unknown'})
    expect(await links.proofOf('bob', 'github')).toEqual({kind: 'open', codeUntil: undefined})
    expect(await people.personOf(account)).toBeUndefined()
  })

  test('proves the kind of account it was made for, and no other', async () => {
    const {code} = await links.showCode('bob', 'github')
    expect(await links.claimCode({account: {kind: 'linear', id: 'U-1'}, code})).toEqual({kind: 'unknown'})
    expect(await links.claimCode({account: {kind: 'email', id: 'x@example.com'}, code})).toEqual({
      kind: 'unknown',
    })
  })

  test('from an account that is somebody’s proves nothing, and the person is told', async () => {
    for (const [kind, id] of [
      ['github', 'ada-L'],
      ['linear', 'U-eve'],
    ] as const) {
      if (kind === 'linear') {
        const hers = await links.showCode('eve', kind)
        await links.claimCode({account: {kind, id}, code: hers.code})
      }
      const {code} = await links.showCode('bob', kind)
      expect(await links.claimCode({account: {kind, id}, code})).toEqual({kind: 'taken'})
      expect(await links.proofOf('bob', kind)).toMatchObject({kind: 'taken'})
      expect((await people.personOf({kind, id}))?.id).not.toBe('bob')
      // Used up: the refusal can't be tried again with another account.
      expect(await links.claimCode({account: {kind, id: 'other'}, code})).toEqual({kind: 'unknown'})
    }
    expect((await events()).filter(({event}) => event === 'link_refused')).toHaveLength(2)
  })

  test('two who prove the same account at once: it is one’s, and the other is told', async () => {
    for (let round = 0; round < 20; round++) {
      const account = {kind: 'github', id: `octo-${round}`} as const
      const [bobs, eves] = await Promise.all([
        links.showCode('bob', 'github'),
        links.showCode('eve', 'github'),
      ])
      const claims = await Promise.all([
        links.claimCode({account, code: bobs.code}),
        links.claimCode({account, code: eves.code}),
      ])
      expect(claims.map(({kind}) => kind).sort()).toEqual(['linked', 'taken'])
      const winner = claims.find(claim => claim.kind === 'linked')
      expect((await people.personOf(account))?.id).toBe(winner?.kind === 'linked' ? winner.person : '')
    }
  })

  test('two accounts that post the same code at once: it proves one', async () => {
    for (let round = 0; round < 20; round++) {
      const {code} = await links.showCode('bob', 'github')
      const claims = await Promise.all(
        ['x', 'y'].map(name => links.claimCode({account: {kind: 'github', id: `${name}-${round}`}, code})),
      )
      expect(claims.map(({kind}) => kind).sort()).toEqual(['linked', 'unknown'])
    }
  })
})

describe('a code that is mailed', () => {
  const code = () => mailed.at(-1)?.code ?? ''

  test('goes to the address and is typed back', async () => {
    const until = await links.mailCode('ada', 'Ada@Example.com')
    expect(mailed).toEqual([{address: 'ada@example.com', code: expect.stringMatching(/^SB-/)}])
    expect(until - Date.now()).toBeGreaterThan(9 * 60_000)
    expect(await links.typeCode('ada', ` ${code().toLowerCase()} `)).toEqual({
      kind: 'linked',
      account: 'ada@example.com',
    })
    expect((await people.personOf({kind: 'email', id: 'ADA@example.com'}))?.id).toBe('ada')
    expect(await links.typeCode('ada', code())).toEqual({kind: 'lapsed'})
  })

  test('five wrong ones and it is worth nothing, also the right one', async () => {
    await links.mailCode('ada', 'ada@example.com')
    for (const triesLeft of [4, 3, 2, 1, 0])
      expect(await links.typeCode('ada', 'SB-AAAAA-AAAAA')).toEqual({kind: 'wrong', triesLeft})
    expect(await links.typeCode('ada', code())).toEqual({kind: 'lapsed'})
    expect((await events()).filter(({event}) => event === 'code_wrong')).toHaveLength(5)
  })

  test('wrong ones that come at once are all counted', async () => {
    await links.mailCode('ada', 'ada@example.com')
    const answers = await Promise.all(Array.from({length: 8}, () => links.typeCode('ada', 'SB-AAAAA-AAAAA')))
    expect(answers.filter(({kind}) => kind === 'wrong')).toHaveLength(5)
  })

  test('is worth nothing to another person, after its time, or for an address of somebody’s', async () => {
    await links.mailCode('ada', 'ada@example.com')
    expect(await links.typeCode('eve', code())).toEqual({kind: 'lapsed'})
    await lapse()
    expect(await links.typeCode('ada', code())).toEqual({kind: 'lapsed'})
    await links.mailCode('ada', 'bob@example.com')
    expect(await links.typeCode('ada', code())).toEqual({kind: 'taken', account: 'bob@example.com'})
  })

  test.each([
    'ada@elsewhere.com',
    'ada',
    '"a b"@example.com',
    'a@example.com\r\nBcc: x@example.com',
    '<a@example.com>',
  ])('no mail goes to %j', async address => {
    await expect(links.mailCode('ada', address)).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(mailed).toEqual([])
  })

  test('nobody’s mailbox is filled: five an hour', async () => {
    for (let n = 0; n < 5; n++) await links.mailCode('ada', `ada${n}@example.com`)
    await expect(links.mailCode('ada', 'ada@example.com')).rejects.toThrow(AppError)
    expect(mailed).toHaveLength(5)
    await links.mailCode('eve', 'eve@example.com')
    expect(mailed).toHaveLength(6)
  })
})

describe('a token of a person’s own', () => {
  const owner = async (token: string) => (await people.personOf({kind: 'api', id: hashOf(token)}))?.id

  test('speaks for them until the next one, its end, or its removal; the house’s configured one too', async () => {
    const first = await links.makeToken('ada', 'press 1')
    expect(first?.token).toMatch(/^sbx_[\w-]{43}$/)
    expect(await owner(first?.token ?? '')).toBe('ada')
    expect(await owner(HOUSE_TOKEN)).toBe('eve')
    expect(await owner('sbx_something')).toBeUndefined()

    const second = await links.makeToken('ada', 'press 2')
    expect(await owner(first?.token ?? '')).toBeUndefined()
    expect(await owner(second?.token ?? '')).toBe('ada')
    expect((second?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(89 * 86_400_000)

    expect(await links.remove('ada', 'token')).toBe(true)
    expect(await links.remove('ada', 'token')).toBe(false)
    expect(await owner(second?.token ?? '')).toBeUndefined()

    const third = await links.makeToken('ada', 'press 3')
    await pool.query(
      `update personal_tokens set expires_at = now() - interval '1 second' where revoked_at is null`,
    )
    expect(await owner(third?.token ?? '')).toBeUndefined()
    expect(await store.tokenOf('ada')).toBeUndefined()
    expect(await links.makeToken('ada', 'press 4')).toBeDefined()
  })

  test('one press makes one, and never a second that would end the one shown', async () => {
    const made = await Promise.all(Array.from({length: 5}, () => links.makeToken('ada', 'the same press')))
    const shown = made.filter(token => token !== undefined)
    expect(shown).toHaveLength(1)
    expect(await owner(shown[0]?.token ?? '')).toBe('ada')
  })

  test('of presses at once the last one’s token is good, and only that', async () => {
    const made = await Promise.all([1, 2, 3, 4, 5, 6].map(n => links.makeToken('ada', `press ${n}`)))
    const good = await Promise.all(made.map(async one => (one ? owner(one.token) : undefined)))
    expect(good.filter(id => id === 'ada')).toHaveLength(1)
  })

  test('is kept as a hash alone', async () => {
    const made = await links.makeToken('ada', 'press')
    const {rows} = await pool.query(
      `select (select string_agg(t::text, '') from personal_tokens t) || (select string_agg(e::text, '') from account_events e) as all`,
    )
    expect(JSON.stringify(rows)).not.toContain(made?.token)
  })
})
