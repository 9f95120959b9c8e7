import pg from 'pg'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {hashOf, type AuditLine} from '../../src/audit/chain.ts'
import type {Conversation, MessageView, Person} from '../../src/emulators/discord/index.ts'
import {openLocks} from '../support/locks.ts'
import {API_TOKEN, openWorld, type World} from '../support/world.ts'

const textOf = (message: MessageView | undefined): string =>
  `${message?.content ?? ''}\n${message?.embeds.map(embed => embed.description ?? '').join('\n') ?? ''}`
const says = (talk: Conversation, text: string) =>
  talk.settled(({reply}) => textOf(reply()).includes(text), {timeoutMs: 20_000, what: `"${text}"`})

let world: World
let db: pg.Client
beforeAll(async () => {
  world = await openWorld()
  db = new pg.Client({connectionString: world.database.url})
  await db.connect()
})
afterAll(async () => {
  await db.end()
  await world.close()
})

async function asks(person: Person, line: string, text: string): Promise<string> {
  const talk = await person.runs(line)
  await says(talk, text)
  return textOf(talk.reply())
}

const records = async (where = 'true') =>
  (
    await db.query<{
      seq: number
      phase: string
      action: string
      subject: string
      actor_name: string
      details: object
    }>(
      `select seq::int, phase, action, subject, actor_name, details from audit_records where ${where} order by seq`,
    )
  ).rows
const dispatches = () => world.github.count('dispatch')

/** Nobody can append while `work` goes on. */
async function withClosedRecord<T>(work: (somebodyWaits: () => Promise<void>) => Promise<T>): Promise<T> {
  const holder = new pg.Client({connectionString: world.database.url})
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from audit_head for update')
  try {
    return await work(() =>
      expect
        .poll(
          async () =>
            (
              await db.query(
                `select from pg_stat_activity where query like '%audit_append%' and wait_event_type = 'Lock'`,
              )
            ).rowCount,
          {timeout: 10_000},
        )
        .toBeGreaterThan(0),
    )
  } finally {
    await holder.query('rollback')
    await holder.end()
  }
}

async function http(path: string, token = API_TOKEN): Promise<Response> {
  return fetch(`${world.app.url}${path}`, {headers: {authorization: `Bearer ${token}`}})
}

describe('a refusal', () => {
  test('of a command is in the record before it is shown', async () => {
    const talk = await withClosedRecord(async somebodyWaits => {
      const asked = await world.bob.runs('/deploy-client')
      await somebodyWaits()
      expect(asked.reply()).toBeUndefined()
      return asked
    })
    await says(talk, 'you can’t run /deploy-client yet')
    expect(talk.ackMs).toBeLessThan(3_000)
    expect(await records(`phase = 'refused'`)).toMatchObject([
      {action: 'command.refused', subject: '/deploy-client', actor_name: 'bob'},
    ])
    expect(dispatches()).toBe(0)
  })

  test('is shown within a second or so even if it can’t be written yet, and is written when it can', async () => {
    const before = (await records()).length
    await withClosedRecord(async () => {
      const talk = await world.bob.runs('/take-over lock:nothing')
      await says(talk, 'you can’t run /take-over yet')
      expect(talk.ackMs).toBeLessThan(2_500)
    })
    await expect.poll(async () => (await records()).length).toBe(before + 1)
  })

  test('of two hundred people at once costs a few commits, and nobody waits for it', async () => {
    const before = (await records()).length
    const talks = await Promise.all(Array.from({length: 200}, () => world.bob.runs('/deploy-client')))
    await Promise.all(talks.map(talk => says(talk, 'you can’t run /deploy-client yet')))
    expect(await records()).toHaveLength(before + 200)
    const {rows} = await db.query<{commits: number}>(
      'select count(distinct xmin::text)::int as commits from audit_records where seq > $1',
      [before],
    )
    expect(rows[0]?.commits).toBeLessThan(40)
    expect(Math.max(...talks.map(({ackMs = Infinity}) => ackMs))).toBeLessThan(3_000)
  })

  test('of a typo is none', async () => {
    const before = (await records()).length
    const talk = await world.ada.sendsRaw({
      data: {name: 'status', type: 1, options: [{name: 'count', type: 4, value: 99}]},
    })
    await says(talk, 'was not started')
    expect(await records()).toHaveLength(before)
  })

  test('by an agent, and of somebody else’s button, is one', async () => {
    world.github.repository('acme/web').workflow('client-deploy.yml', {
      name: 'Client Deploy',
      inputs: {correlation_id: {required: true}, requester: {required: true}, VITE_API_BASE: {}},
      jobs: [{name: 'deploy', steps: [{name: 'Upload', ms: 1_200_000}]}],
    })
    const deploy = await world.ada.runs('/deploy-client wait:true')
    await says(deploy, 'deploying')
    const id =
      (await db.query<{id: string}>(`select id from deployments order by created_at desc limit 1`)).rows[0]
        ?.id ?? ''

    await asks(world.bob, `/cancel id:${id}`, 'you can’t cancel this')
    await world.bob.presses({id: deploy.reply()?.id ?? ''}, 'Cancel')
    await expect
      .poll(() => records(`actor_name = 'bob' and action in ('agent.refused', 'button.refused')`))
      .toMatchObject([
        {action: 'agent.refused', subject: 'deploy_client.cancel', phase: 'refused'},
        {action: 'button.refused', subject: `cancel ${id}`, phase: 'refused'},
      ])
    await world.ada.presses({id: deploy.reply()?.id ?? ''}, 'Cancel')
    await says(deploy, 'cancelled')
  })

  test('by the HTTP server is one for the first of a flood, with who, where and why', async () => {
    const wrong = await Promise.all(Array.from({length: 60}, () => http('/locks', 'a guess')))
    expect(wrong.every(({status}) => status === 401)).toBe(true)
    const unsigned = await fetch(`${world.app.url}/webhooks/github`, {
      method: 'POST',
      headers: {'x-hub-signature-256': 'sha256=00', 'x-github-event': 'ping', 'x-github-delivery': '1'},
      body: '{}',
    })
    expect(unsigned.status).toBe(401)
    expect(await records(`action = 'http.refused'`)).toMatchObject([
      {subject: 'GET /locks', details: {status: 401, code: 'UNAUTHENTICATED', address: '127.0.0.1'}},
      {subject: 'POST /webhooks/github', details: {status: 401, code: 'BAD_SIGNATURE'}},
    ])
  })
})

describe('an effect', () => {
  test('begins when its intent is in the record, and its outcome follows, with the person whose doing it is', async () => {
    const before = dispatches()
    const talk = await withClosedRecord(async somebodyWaits => {
      const asked = await world.ada.runs('/deploy-client')
      await somebodyWaits()
      expect(dispatches()).toBe(before)
      return asked
    })
    await says(talk, 'client → development')
    await expect.poll(dispatches).toBe(before + 1)
    await expect
      .poll(async () => (await records(`action = 'github.dispatch'`)).slice(-2))
      .toMatchObject([
        {
          phase: 'intent',
          subject: 'acme/web',
          actor_name: 'ada',
          details: {workflow: 'client-deploy.yml', ref: 'main'},
        },
        {phase: 'done', subject: 'acme/web', actor_name: 'ada'},
      ])
  })

  test('does not begin while nothing can be recorded, and does once it can', async () => {
    const before = dispatches()
    await db.query('alter function audit_append(jsonb) rename to audit_append_away')
    let talk: Conversation
    try {
      talk = await world.ada.runs('/deploy-client target:client ref:release-1')
      await expect
        .poll(() => world.logs.filter(({msg}) => String(msg).startsWith('an effect was not begun')).length, {
          timeout: 15_000,
        })
        .toBeGreaterThan(0)
      expect(dispatches()).toBe(before)
    } finally {
      await db.query('alter function audit_append_away(jsonb) rename to audit_append')
    }
    await expect.poll(dispatches, {timeout: 20_000}).toBe(before + 1)
    await says(talk, 'release-1')
  })
})

describe('what happens in Postgres alone', () => {
  test('such as a lock that the HTTP API takes from its holder, is in the record too', async () => {
    const client = openLocks(world.database.url)
    const lock = await client.locks.acquire('database:main', {owner: 'a migration'})
    expect(lock.kind).toBe('acquired')
    const forced = await fetch(`${world.app.url}/locks/database%3Amain/force-unlock`, {
      method: 'POST',
      headers: {authorization: `Bearer ${API_TOKEN}`},
      body: JSON.stringify({reason: 'it hangs'}),
    })
    expect(forced.status).toBe(200)
    expect(await records(`action = 'lock.force'`)).toMatchObject([
      {phase: 'intent', subject: 'database:main', actor_name: 'the HTTP API'},
      {phase: 'done', details: {from: 'a migration'}},
    ])
    expect(JSON.stringify(await records(`action = 'lock.force'`))).not.toContain('it hangs')
    await client.close()
  })
})

describe('/audit', () => {
  test('is for admins, and for whom the configuration names', async () => {
    await asks(world.ada, '/audit', 'you can’t run /audit yet')
    await expect
      .poll(() => records(`subject = '/audit'`))
      .toMatchObject([{action: 'command.refused', actor_name: 'ada'}])
  })

  test('search finds by person, by kind and by time', async () => {
    const found = await asks(world.root, '/audit what:github. who:ada', 'github.dispatch')
    expect(found).toMatch(/✅ done · `github\.dispatch` acme\/web · ada · <t:\d+:R> · `[0-9a-f]{8}`/)
    expect(found).not.toContain('bob')
    const refused = await asks(world.root, '/audit who:bob since:1h', 'refused')
    expect(refused).toContain('⛔ refused · `command.refused` /deploy-client · bob')
    expect(refused).not.toContain('ada')
    await asks(world.root, '/audit who:nobody-like-that', 'nothing found')
    await asks(world.root, '/audit since:yesterday', 'give a number and a unit')
  })

  test('show tells all of one, with its outcome, for nobody else’s eyes', async () => {
    const found = await asks(world.root, '/audit what:github.dispatch', 'github.dispatch')
    const id = /`([0-9a-f]{8})`/.exec(found)?.[1] ?? ''
    const talk = await world.root.runs(`/audit action:show id:${id}`)
    await says(talk, 'record ')
    expect(talk.ephemeral).toBe(true)
    expect(textOf(talk.reply())).toMatch(/✅ done · `github\.dispatch` acme\/web\nby ada/)
    expect(textOf(talk.reply())).toMatch(/workflow: `client-deploy\.yml`[^]*run: `\d+`/)
    await asks(world.root, '/audit action:show id:ffffffff', 'no such record')
    await asks(world.root, '/audit action:show', 'which one?')
  })

  test('verify says that it is whole, proves a noted head, and finds what was changed', async () => {
    const whole = await asks(world.root, '/audit action:verify', 'whole')
    const head = /`(\d+:[0-9a-f]{64})`/.exec(whole)?.[1] ?? ''
    await asks(world.root, `/audit action:verify head:${head}`, 'what you noted is part of it')
    await asks(
      world.root,
      `/audit action:verify head:${head.replace(/.$/, end => (end === '0' ? '1' : '0'))}`,
      'not the record that you noted',
    )
    await asks(world.root, '/audit action:verify head:12', 'The head is not as')

    await db.query('begin')
    await db.query('set local session_replication_role = replica')
    await db.query(`update audit_records set actor_name = 'eve' where seq = 2`)
    await db.query('commit')
    const broken = await asks(world.root, '/audit action:verify', 'broken at record 2')
    expect(broken).toMatch(/^🔴/u)
    expect(await (await http('/audit/verify')).json()).toMatchObject({verdict: 'broken', broken_at: 2})
    await db.query('begin')
    await db.query('set local session_replication_role = replica')
    await db.query(`update audit_records set actor_name = 'bob' where seq = 2`)
    await db.query('commit')
    expect(await (await http(`/audit/verify?head=${head}`)).json()).toMatchObject({verdict: 'whole'})
  })

  test('export leads to lines that anybody can check', async () => {
    const told = await asks(world.root, '/audit action:export', 'to export')
    const [, path = ''] = /http:\/\/[^/]+(\/\S+?)`/.exec(told) ?? []
    expect((await http(path, 'a guess')).status).toBe(401)
    const response = await http(path)
    expect(response.headers.get('content-type')).toBe('application/x-ndjson')
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as AuditLine)
    expect(lines.length).toBeGreaterThan(5)
    expect(lines.map(({seq}) => seq)).toEqual(lines.map((_, i) => i + 1))
    expect(lines.map(hashOf)).toEqual(lines.map(({hash}) => hash))
    expect(lines.slice(1).map(({previous}) => previous)).toEqual(lines.slice(0, -1).map(({hash}) => hash))
    expect(JSON.stringify(lines)).not.toContain(API_TOKEN)
  })

  test('over HTTP answers what it is asked, page by page', async () => {
    const page = (await (await http('/audit?limit=2&what=command.')).json()) as {
      records: (AuditLine & {outcome: null})[]
    }
    expect(page.records).toHaveLength(2)
    const before = page.records[1]?.seq
    const next = (await (await http(`/audit?limit=200&before=${before}`)).json()) as typeof page
    expect(next.records.every(({seq}) => seq < (before ?? 0))).toBe(true)
    expect((await http('/audit?since=yesterday')).status).toBe(400)
  })
})

test('the metrics count what was recorded', async () => {
  const text = await (await fetch(`${world.app.url}/metrics`)).text()
  for (const phase of ['refused', 'intent', 'done'])
    expect(text).toMatch(new RegExp(`audit_records_total\\{phase="${phase}"\\} [1-9]`))
})
