import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {approvalPageRoutes} from '../../src/api/approval-page.ts'
import {createApi} from '../../src/api/server.ts'
import type {ApprovalRequest} from '../../src/approvals/request.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'
import {openMailWorld, type MailWorld} from '../support/mail.ts'
import {createVisitor, type Page} from '../support/visitor.ts'

let database: TestDatabase
let world: MailWorld
beforeAll(async () => {
  database = await createTestDatabase()
  world = await openMailWorld(database.url)
})
beforeEach(() => {
  // Each test is a visitor of another minute.
  world.ahead += 61_000
})
afterAll(async () => {
  await world.close()
  await database.drop()
})

const record = async ({id}: {readonly id: string}): Promise<ApprovalRequest> => {
  const found = await world.approvals.find(id)
  if (!found) throw new Error('no such request')
  return found
}
/** The code in the newest direct message to this person. */
function codeFor(person: string): string {
  const text = world.discord.person(person).receives().at(-1)?.content ?? ''
  return /`(\d{6})`/.exec(text)?.[1] ?? 'no code'
}
/** Everything in the database that this could change. */
async function traces(id: string): Promise<unknown> {
  const {rows} = await world.pool.query(
    `select (select jsonb_agg(r) from approval_requests r where id = $1) as request,
            (select jsonb_agg(a order by seq) from approval_actions a where approval_id = $1) as history,
            (select jsonb_agg(l order by token_hash) from approval_links l where approval_id = $1) as links`,
    [id],
  )
  return rows[0]
}
/** The attempts that did not count, as the history has them: `eve UNKNOWN_PERSON approve`. */
async function turnedAway({id}: {readonly id: string}): Promise<readonly string[]> {
  const history = await world.approvals.history(id)
  return history
    .filter(({action}) => action === 'refuse')
    .map(({actor, metadata}) => `${actor} ${metadata['code'] as string} ${metadata['decision'] as string}`)
}
const anyForm = (page: Page) => page.forms.map(({button}) => button)

describe('a request of medium risk', () => {
  test('is decided by the button on the page behind the link', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    expect(page.status).toBe(200)
    expect(page.html).toContain('Approve client → production?')
    expect(page.url).toBe(`${world.url}/approvals/${request.id}/decide/approve`)
    const after = await grace.presses(page, 'Approve')
    expect(after.status).toBe(200)
    expect(after.html).toContain('client → production: approved')
    expect(anyForm(after)).toEqual([])
    expect(await record(request)).toMatchObject({
      status: 'approved',
      decisions: [{principal: 'grace', decision: 'approve', surface: 'mail', role: 'tech_lead'}],
    })
  })

  test('is not changed by whoever looks ahead, however often and by whatever method', async () => {
    const request = await world.asks({level: 'medium'})
    const before = await traces(request.id)
    for (const decision of ['approve', 'reject'] as const) {
      const url = world.link('grace', decision)
      expect((await fetch(url, {method: 'HEAD'})).status).toBe(200)
      for (let times = 0; times < 3; times++) expect((await createVisitor().opens(url)).status).toBe(200)
      const scanner = createVisitor()
      const page = await scanner.opens(url)
      expect((await fetch(page.url, {method: 'HEAD'})).status).toBe(404)
      expect((await fetch(url, {method: 'POST'})).status).toBe(404)
      expect((await fetch(url, {method: 'OPTIONS'})).status).toBe(404)
    }
    expect(await traces(request.id)).toEqual(before)
    const page = await createVisitor().opens(world.link('grace', 'approve'))
    expect(anyForm(page)).toEqual(['Approve'])
  })

  test('is rejected with a reason, and not without', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'reject'))
    const again = await grace.presses(page, 'Reject', {reason: '  '})
    expect(again.status).toBe(422)
    expect(again.html).toContain('role="alert"')
    expect(await record(request)).toMatchObject({status: 'pending', decisions: []})
    const after = await grace.presses(again, 'Reject', {reason: '<b>tests</b> are red\0'})
    expect(after.html).toContain('&lt;b&gt;tests&lt;/b&gt; are red')
    expect(await record(request)).toMatchObject({
      status: 'rejected',
      decisions: [{principal: 'grace', reason: '<b>tests</b> are red'}],
    })
  })

  test('is decided once by a form that is sent twice', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    const both = await Promise.all([grace.presses(page, 'Approve'), grace.presses(page, 'Approve')])
    expect(both.every(({status}) => status === 200 || status === 409)).toBe(true)
    const history = await world.approvals.history(request.id)
    expect(history.filter(({action}) => action === 'approve')).toHaveLength(1)
  })

  test('is not decided again by a link that has decided', async () => {
    const request = await world.asks({level: 'medium'})
    const approve = world.link('grace', 'approve')
    const reject = world.link('grace', 'reject')
    const grace = createVisitor()
    const page = await grace.opens(approve)
    await grace.presses(page, 'Approve')
    const replayed = await grace.presses(page, 'Approve')
    expect(replayed.status).toBe(409)
    expect(replayed.html).toContain('client → production: approved')
    for (const url of [approve, reject]) expect(anyForm(await createVisitor().opens(url))).toEqual([])
    expect(await turnedAway(request)).toEqual(['grace ALREADY_DECIDED approve'])
  })

  test('that was decided elsewhere says so, and by whom', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    await world.approvals.vote({
      id: request.id,
      account: {kind: 'discord', id: world.discord.person('lin').id},
      decision: 'reject',
      reason: 'not today',
      surface: 'discord',
      key: 'elsewhere',
    })
    const late = await grace.presses(page, 'Approve')
    expect(late.status).toBe(409)
    expect(late.html).toMatch(/lin rejected via Discord, \d{4}-\d\d-\d\d \d\d:\d\d UTC: not today/)
    expect(anyForm(late)).toEqual([])
    expect(anyForm(await createVisitor().opens(world.link('grace', 'approve')))).toEqual([])
    expect(await record(request)).toMatchObject({status: 'rejected'})
  })

  test('can’t be decided by a link whose time is up', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const url = world.link('grace', 'approve')
    const page = await grace.opens(url)
    await world.pool.query(
      `update approval_links set expires_at = now() - interval '1 s' where approval_id = $1`,
      [request.id],
    )
    const unknown = `${world.url}/approvals/${request.id}/decide/approve/${'A'.repeat(43)}`
    const answers = await Promise.all([
      createVisitor().opens(url),
      createVisitor().opens(unknown),
      grace.presses(page, 'Approve'),
    ])
    for (const {status, html} of answers)
      expect({status, html}).toEqual({status: 404, html: answers[0]?.html})
    expect(await record(request)).toMatchObject({status: 'pending', decisions: []})
  })

  test('can’t be decided by a link to another request, decision or person', async () => {
    const mine = await world.asks({level: 'medium'})
    const url = new URL(world.link('grace', 'approve'))
    const other = await world.asks({level: 'medium'})
    for (const wrong of [
      url.href.replace(mine.id, other.id),
      url.href.replace('/approve/', '/reject/'),
      `${url.href}x`,
      url.href.slice(0, -1),
      url.href.toUpperCase(),
    ])
      expect((await createVisitor().opens(wrong)).status).toBe(404)
    expect(await record(mine)).toMatchObject({decisions: []})
    expect(await record(other)).toMatchObject({decisions: []})
  })

  test('can’t be decided by somebody who lost the role, or whose mailbox is another’s now', async () => {
    const request = await world.asks({level: 'medium'})
    const index = world.persons.findIndex(({id}) => id === 'grace')
    const before = world.persons[index]
    if (!before) throw new Error('no grace')
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    world.persons[index] = {...before, roles: ['developer']}
    const refused = await grace.presses(page, 'Approve')
    expect(refused.status).toBe(403)
    expect(refused.html).toContain('client → production: still waits')
    world.persons[index] = {...before, id: 'eve'}
    expect((await grace.presses(await grace.opens(page.url), 'Approve')).status).toBe(403)
    world.persons[index] = before
    expect(await record(request)).toMatchObject({status: 'pending', decisions: []})
    expect(await turnedAway(request)).toEqual(['grace NOT_ENTITLED approve', 'eve UNKNOWN_PERSON approve'])
    const history = await world.approvals.history(request.id)
    expect(history.at(-1)?.metadata['evidence']).toMatchObject({mailed_to: 'grace', ip: '127.0.0.1'})
  })
})

describe('a form', () => {
  test.each([
    ['from another site', {}, {'sec-fetch-site': 'cross-site', origin: 'https://evil.test'}],
    ['from another origin', {}, {origin: 'https://evil.test'}],
    ['from a neighbour', {}, {'sec-fetch-site': 'same-site'}],
    ['that nobody was shown', {view: 'A'.repeat(22)}, {}],
    ['with somebody else’s proof', {proof: 'A'.repeat(43)}, {}],
    ['without any', {view: '', proof: ''}, {}],
  ])('%s decides nothing', async (_what, fields, headers) => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    const answer = await grace.presses(page, 'Approve', fields, headers)
    expect(answer.status).toBe(403)
    expect(await record(request)).toMatchObject({status: 'pending', decisions: []})
    expect(await turnedAway(request)).toEqual(['grace FORGED approve'])
    const [line] = (await world.approvals.history(request.id)).slice(-1)
    expect(line).toMatchObject({surface: 'mail', metadata: {evidence: {ip: '127.0.0.1', user_agent: 'node'}}})
    if ('origin' in headers) expect(line?.metadata['evidence']).toMatchObject({origin: headers.origin})
  })

  test('that is forged again and again fills no history: one line a minute, and none stands in a later vote’s way', async () => {
    const request = await world.asks({level: 'medium'})
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    // The beginning of a minute, and the next one.
    for (const minute of [1, 2]) {
      world.ahead += 60_000 - ((Date.now() + world.ahead) % 60_000)
      for (let times = 0; times < 3; times++)
        expect((await grace.presses(page, 'Approve', {proof: `${minute}`})).status).toBe(403)
    }
    expect(await turnedAway(request)).toEqual(['grace FORGED approve', 'grace FORGED approve'])
    expect((await grace.presses(page, 'Approve')).status).toBe(200)
    expect(await record(request)).toMatchObject({status: 'approved'})
  })

  test('of one request decides no other', async () => {
    await world.asks({level: 'medium'})
    const grace = createVisitor()
    const first = await grace.opens(world.link('grace', 'approve'))
    const request = await world.asks({level: 'medium'})
    const second = await grace.opens(world.link('grace', 'approve'))
    const answer = await grace.presses({...second, forms: first.forms}, 'Approve')
    expect(answer.status).toBe(403)
    expect(await record(request)).toMatchObject({decisions: []})
  })

  test('without the cookie of the visit decides nothing', async () => {
    const request = await world.asks({level: 'medium'})
    const page = await createVisitor().opens(world.link('grace', 'approve'))
    expect((await createVisitor().presses(page, 'Approve')).status).toBe(404)
    expect(await record(request)).toMatchObject({decisions: []})
  })
})

describe('a request of high risk', () => {
  test('asks for a code from Discord besides the link', async () => {
    const request = await world.asks()
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    expect(anyForm(page)).toEqual(['Send a code to my Discord'])
    const asked = await grace.presses(page, 'Send a code to my Discord')
    expect(anyForm(asked)).toEqual(['Approve', 'Send another code'])
    expect(await record(request)).toMatchObject({decisions: []})
    const [message] = world.discord.person('grace').receives().slice(-1)
    expect(message?.content).toContain('is your code to approve client → production by mail')
    const after = await grace.presses(asked, 'Approve', {code: codeFor('grace')})
    expect(after.html).toContain('your decision counts, others are awaited')
    expect(await record(request)).toMatchObject({
      status: 'pending',
      decisions: [{principal: 'grace', surface: 'mail'}],
    })
    const history = await world.approvals.history(request.id)
    expect(history.at(-1)?.metadata).toMatchObject({
      evidence: {second_factor: 'discord', ip: '127.0.0.1', user_agent: 'node'},
    })
  })

  test('is not decided without the code, whatever the form says', async () => {
    const request = await world.asks()
    const grace = createVisitor()
    const page = await grace.opens(world.link('grace', 'approve'))
    for (const typed of [{step: 'decide'}, {step: 'decide', code: ''}, {step: 'decide', code: '000000'}]) {
      const answer = await grace.presses(page, 'Send a code to my Discord', typed)
      expect(answer.status).toBe(403)
      expect(answer.html).toContain('The code does not work any more')
    }
    expect(await record(request)).toMatchObject({decisions: []})
    expect(new Set(await turnedAway(request))).toEqual(new Set(['grace NO_CODE approve']))
  })

  test('takes no one else’s code, and five wrong ones end it', async () => {
    const request = await world.asks()
    const [grace, lin] = [createVisitor(), createVisitor()]
    const mine = await grace.presses(
      await grace.opens(world.link('grace', 'approve')),
      'Send a code to my Discord',
    )
    await lin.presses(await lin.opens(world.link('lin', 'approve')), 'Send a code to my Discord')
    const right = codeFor('grace')
    const wrong = [codeFor('lin'), '', '12345', 'abcdef', `${right}0`].filter(code => code !== right)
    expect(wrong).toHaveLength(5)
    let page = mine
    for (const [index, code] of wrong.entries()) {
      page = await grace.presses(page, 'Approve', {code})
      expect(page.status).toBe(403)
      expect(page.html).toContain(index < 4 ? `${4 - index} tries are left` : 'it was the last try')
    }
    const late = await grace.presses(mine, 'Approve', {code: right})
    expect(late.status).toBe(403)
    expect(await record(request)).toMatchObject({decisions: []})
    expect(await turnedAway(request)).toEqual([
      ...wrong.map(() => 'grace WRONG_CODE approve'),
      'grace NO_CODE approve',
    ])
    expect(JSON.stringify(await world.approvals.history(request.id))).not.toContain(right)
  })

  test('counts guesses that come at the same time', async () => {
    const request = await world.asks()
    const grace = createVisitor()
    const page = await grace.presses(
      await grace.opens(world.link('grace', 'approve')),
      'Send a code to my Discord',
    )
    const guesses = await Promise.all(
      Array.from({length: 12}, (_, n) => grace.presses(page, 'Approve', {code: `x${n}`})),
    )
    expect(guesses.filter(({html}) => html.includes('That is not the code'))).toHaveLength(5)
    expect((await turnedAway(request)).filter(line => line.includes('WRONG_CODE'))).toHaveLength(5)
    expect((await grace.presses(page, 'Approve', {code: codeFor('grace')})).status).toBe(403)
    expect(await record(request)).toMatchObject({decisions: []})
  })

  test('takes a code for ten minutes, and sends at most three', async () => {
    const request = await world.asks()
    const grace = createVisitor()
    let page = await grace.presses(
      await grace.opens(world.link('grace', 'approve')),
      'Send a code to my Discord',
    )
    const soon = await grace.presses(page, 'Send another code')
    expect(soon.status).toBe(429)
    const lapse = () =>
      world.pool.query(
        `update approval_links set code_expires_at = now() - interval '1 s', code_sent_at = now() - interval '10 min'
         where approval_id = $1 and codes_sent > 0`,
        [request.id],
      )
    const first = codeFor('grace')
    await lapse()
    expect((await grace.presses(page, 'Approve', {code: first})).status).toBe(403)
    for (let times = 0; times < 2; times++) {
      page = await grace.presses(await grace.opens(page.url), 'Send a code to my Discord')
      await lapse()
    }
    page = await grace.opens(page.url)
    expect(anyForm(page)).toEqual([])
    expect(page.html).toContain('share of codes')
    expect(
      world.discord
        .person('grace')
        .receives()
        .filter(({createdAt}) => createdAt >= request.createdAt),
    ).toHaveLength(3)
  })

  test('says what to do when Discord does not let us write to the person', async () => {
    await world.asks()
    world.discord.person('grace', {takesDirectMessages: false})
    const grace = createVisitor()
    const page = await grace.presses(
      await grace.opens(world.link('grace', 'approve')),
      'Send a code to my Discord',
    )
    world.discord.person('grace', {takesDirectMessages: true})
    expect(page.status).toBe(502)
    expect(page.html).toContain('Allow direct messages')
  })

  test('takes two persons: the second one approves it for good', async () => {
    const request = await world.asks()
    for (const person of ['grace', 'lin']) {
      const visitor = createVisitor()
      const page = await visitor.presses(
        await visitor.opens(world.link(person, 'approve')),
        'Send a code to my Discord',
      )
      await visitor.presses(page, 'Approve', {code: codeFor(person)})
    }
    expect(await record(request)).toMatchObject({status: 'approved', decisions: [{}, {}]})
  })
})

describe('a critical request', () => {
  test('wants to know why', async () => {
    const request = await world.asks({level: 'critical'})
    const cleo = createVisitor()
    const page = await cleo.presses(
      await cleo.opens(world.link('cleo', 'approve')),
      'Send a code to my Discord',
    )
    expect(page.html).toContain('name="justification"')
    const code = codeFor('cleo')
    const again = await cleo.presses(page, 'Approve', {code})
    expect(again.status).toBe(422)
    await cleo.presses(again, 'Approve', {code, justification: 'the fire is out'})
    expect(await record(request)).toMatchObject({
      decisions: [{principal: 'cleo', justification: 'the fire is out'}],
    })
  })
})

describe('the page', () => {
  test('protects the visit: nothing kept, leaked, framed or run', async () => {
    await world.asks({level: 'medium'})
    const url = world.link('grace', 'approve')
    const first = await fetch(url, {redirect: 'manual'})
    expect(first.status).toBe(303)
    expect(first.headers.get('set-cookie')).toMatch(
      /^signalbox_link=[\w-]{43}; Path=\/approvals\/[\da-f-]{36}\/decide\/approve; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
    )
    const page = await createVisitor().opens(url)
    for (const {headers} of [first, page]) {
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-robots-tag')).toBe('noindex')
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      )
    }
    expect(page.html).not.toMatch(/<script|<img|<link|\son\w+=|style="/i)
    expect(page.html).not.toContain(url.split('/').at(-1))
  })

  test('shows what is decided, and what others wrote as text', async () => {
    await world.asks({
      level: 'medium',
      action: {operation: 'deploy', environment: 'staging', title: '<script>alert(1)</script> "x"'},
      requester: {name: '<img src=x onerror=alert(1)>', person: 'ada'},
      card: {
        commits: [
          {sha: 'c'.repeat(40), title: '</table><a href="https://evil.test">Approve</a>', author: 'eve'},
        ],
        commitCount: 12,
        pullRequests: [{number: 7, title: 'x', author: 'eve', url: 'javascript:alert(1)'}],
        issues: ['OPS-1'],
        migrations: ['migrations/1.sql'],
        diff: {files: 3, additions: 4, deletions: 5},
        checks: 'success',
        missing: [],
      },
    })
    const {html} = await createVisitor().opens(world.link('grace', 'approve'))
    expect(html).not.toMatch(/<script|<img|<a href="https:\/\/evil|javascript:/)
    for (const shown of [
      '&lt;script&gt;',
      'OPS-1',
      'migrations/1.sql',
      '3 files, +4 −5',
      'and 11 more',
      '#7 x (eve)',
    ])
      expect(html).toContain(shown)
  })

  test('is not shown sixty-one times in a minute', async () => {
    await world.asks({level: 'medium'})
    const url = world.link('grace', 'approve')
    const statuses: number[] = []
    for (let times = 0; times < 61; times++) statuses.push((await fetch(url, {redirect: 'manual'})).status)
    expect(statuses.filter(status => status === 303)).toHaveLength(60)
    const last = await fetch(url, {redirect: 'manual'})
    expect(last.status).toBe(429)
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await createVisitor().opens(world.link('lin', 'approve'))).status).toBe(200)
  })

  test('has nothing more to say to an address that came with sixty links that do not work', async () => {
    const statuses: number[] = []
    const path = `${world.url}/approvals/11111111-1111-4111-8111-111111111111/decide/approve`
    for (let times = 0; times < 61; times++)
      statuses.push((await fetch(`${path}/${String(times).padStart(43, 'A')}`)).status)
    expect(statuses.slice(0, 60).every(status => status === 404)).toBe(true)
    expect(statuses.at(-1)).toBe(429)
  })

  test('stays below the path that a proxy serves it under, and its cookie on encrypted connections', async () => {
    await world.asks({level: 'medium'})
    const path = new URL(world.link('grace', 'approve')).pathname
    const proxied = await createApi({
      apiToken: 'token',
      metricsToken: undefined,
      log: silentLogger,
      routes: [
        approvalPageRoutes({
          links: world.mail.links,
          publicUrl: () => 'https://ops.example.test/bot',
          clock: Date.now,
        }),
      ],
    })
    const {headers} = await proxied.inject({url: path})
    const clean = path.slice(0, path.lastIndexOf('/'))
    expect(headers.location).toBe(`/bot${clean}`)
    expect(headers['set-cookie']).toMatch(
      new RegExp(`; Path=/bot${clean}; Max-Age=\\d+; HttpOnly; SameSite=Lax; Secure$`),
    )
    await proxied.close()
  })
})

test('no log line holds a link’s token or a code', async () => {
  const request = await world.asks()
  const url = world.link('grace', 'approve')
  const grace = createVisitor()
  const page = await grace.presses(await grace.opens(url), 'Send a code to my Discord')
  await grace.presses(page, 'Approve', {code: 'no'})
  const lines = world.logs.filter(line => line.includes(request.id))
  expect(lines.length).toBeGreaterThan(0)
  for (const secret of [url.split('/').at(-1) ?? '', codeFor('grace')])
    expect(world.logs.filter(line => line.includes(secret))).toEqual([])
})
