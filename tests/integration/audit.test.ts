import {spawn} from 'node:child_process'
import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import fc from 'fast-check'
import pg from 'pg'
import {Registry} from 'prom-client'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import type {AuditEvent} from '../../src/audit/audit.ts'
import {formatLink, hashOf, parseLink, type AuditLine} from '../../src/audit/chain.ts'
import {createAuditMetrics} from '../../src/audit/metrics.ts'
import {createAudit, type AuditService} from '../../src/audit/service.ts'
import {createAuditStore, type AuditStore, type NewRecord} from '../../src/audit/store.ts'
import {createTrail, type Trail} from '../../src/audit/trail.ts'
import {correlation} from '../../src/kernel/correlation.ts'
import {AppError} from '../../src/kernel/errors.ts'
import {createPool, transaction} from '../../src/platform/postgres.ts'
import {redactText} from '../../src/platform/redact.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

let database: TestDatabase
let pool: pg.Pool
/** Somebody with the database's password, who may also switch its triggers off. */
let intruder: pg.Client
let store: AuditStore
let trail: Trail
let audit: AuditService
const errors: unknown[] = []
const log = {warn: () => undefined, error: (fields: object) => void errors.push(fields)}

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({connectionString: database.url, onError: () => undefined})
  intruder = new pg.Client({connectionString: database.url})
  await intruder.connect()
  await intruder.query('set session_replication_role = replica')
})
beforeEach(async () => {
  await wipe()
  errors.length = 0
  store = createAuditStore({pool})
  trail = createTrail({pool, store})
  audit = anAudit()
})
afterEach(() => audit.close())
afterAll(async () => {
  await intruder.end()
  await pool.end()
  await database.drop()
})

function anAudit(given: Partial<Parameters<typeof createAudit>[0]> = {}): AuditService {
  const metrics = createAuditMetrics({registry: new Registry()})
  return createAudit({store, redact: redactText, metrics, log, ...given})
}

async function wipe(): Promise<void> {
  await intruder.query('truncate audit_records, audit_notes')
  await intruder.query(`update audit_head set seq = 0, hash = repeat('0', 64)`)
}

const anEvent = (given: Partial<AuditEvent> = {}): AuditEvent => ({
  action: 'relay.send',
  subject: 'channel 1',
  actor: {id: '111', name: 'ada'},
  ...given,
})

const aRecord = (given: Partial<NewRecord> = {}): NewRecord => ({
  id: randomUUID(),
  action: 'relay.send',
  actor: {id: '111', name: 'ada'},
  subject: 'channel 1',
  correlationId: undefined,
  phase: 'refused',
  intent: undefined,
  details: {},
  ...given,
})

async function linesNow(): Promise<readonly AuditLine[]> {
  const lines: AuditLine[] = []
  for await (const page of trail.lines()) lines.push(...page)
  return lines
}

async function faultNow(): Promise<number | undefined> {
  const verdict = await trail.verify()
  return verdict.kind === 'broken' ? verdict.fault.seq : undefined
}

describe('the chain', () => {
  test('is numbered without gaps and whole when fifty append at once, and costs few commits', async () => {
    const commits = async () =>
      Number(
        (await intruder.query<{n: string}>('select count(distinct xmin::text) as n from audit_records'))
          .rows[0]?.n,
      )
    const others = Array.from({length: 4}, () => createAuditStore({pool}))
    await Promise.all(
      Array.from({length: 200}, (_, i) =>
        (others[i % 4] ?? store).append(aRecord({subject: `channel ${i}`})),
      ),
    )
    expect((await linesNow()).map(({seq}) => seq)).toEqual(Array.from({length: 200}, (_, i) => i + 1))
    expect(await commits()).toBeLessThanOrEqual(12)
    expect(await trail.verify()).toMatchObject({kind: 'whole', head: {seq: 200}})
  })

  test('is hashed by Postgres over whatever texts there are as anybody computes it from the exported line', async () => {
    const texts = fc.string({unit: 'binary', maxLength: 60})
    await fc.assert(
      fc.asyncProperty(
        texts,
        texts,
        fc.dictionary(
          fc.string({maxLength: 8}),
          fc.oneof(texts, fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
        ),
        async (subject, name, details) => {
          await audit.refused(anEvent({subject, actor: {id: '1', name}, details, correlationId: subject}))
          const lines = await linesNow()
          expect(lines.map(hashOf)).toEqual(lines.map(({hash}) => hash))
        },
      ),
      {numRuns: 40},
    )
    expect(await trail.verify()).toMatchObject({kind: 'whole', head: {seq: 40}})
    expect(errors).toEqual([])
  })

  test('takes no update, no deletion and no truncation', async () => {
    await store.append(aRecord())
    for (const attempt of [
      `update audit_records set subject = 'nothing'`,
      'delete from audit_records',
      'truncate audit_records',
      'delete from audit_head',
    ])
      await expect(pool.query(attempt), attempt).rejects.toThrow('append-only')
    expect(await trail.verify()).toMatchObject({kind: 'whole', head: {seq: 1}})
  })

  test('has a record once, however often its append is tried again', async () => {
    const record = aRecord()
    const first = await store.append(record)
    await store.append(aRecord())
    expect(await store.append(record)).toEqual(first)
    expect(await trail.verify()).toMatchObject({kind: 'whole', head: {seq: 2}})
  })
})

describe('verify', () => {
  const LENGTH = 12

  beforeEach(async () => {
    for (let i = 1; i <= LENGTH; i++)
      await store.append(
        aRecord({subject: `channel ${i}`, details: {number: i}, phase: i % 2 ? 'intent' : 'done'}),
      )
  })

  /** Puts the rows as they were back, whatever was done to them. */
  async function restoring<T>(work: () => Promise<T>): Promise<T> {
    await intruder.query('begin')
    await intruder.query('create temp table kept on commit drop as select * from audit_records')
    const head = (await intruder.query<{seq: string; hash: string}>('select seq, hash from audit_head'))
      .rows[0]
    await intruder.query('commit')
    const rows = (await intruder.query('select * from audit_records order by seq')).rows as unknown[]
    try {
      return await work()
    } finally {
      await intruder.query('truncate audit_records, audit_head')
      await intruder.query(
        'insert into audit_records select * from jsonb_populate_recordset(null::audit_records, $1::jsonb)',
        [JSON.stringify(rows)],
      )
      await intruder.query('insert into audit_head (seq, hash) values ($1, $2)', [head?.seq, head?.hash])
    }
  }

  const COLUMNS = [
    `id = gen_random_uuid()`,
    `at = at + interval '1 millisecond'`,
    `action = action || '.'`,
    `actor_id = '112'`,
    `actor_name = 'eve'`,
    `subject = 'channel 0'`,
    `correlation_id = 'x'`,
    `phase = 'failed'`,
    `intent = gen_random_uuid()`,
    `details = '{"number": 0}'`,
    `details = details || '{"more": null}'`,
    `previous = repeat('1', 64)`,
    `hash = repeat('2', 64)`,
  ]
  const place = fc.integer({min: 1, max: LENGTH})
  /** What is done to the rows, and the number that must be named. */
  const tampering = fc.oneof(
    fc.record({column: fc.constantFrom(...COLUMNS), at: place}).map(({column, at}) => ({
      what: `${column} at ${at}`,
      sql: [`update audit_records set ${column} where seq = ${at}`],
      found: at,
    })),
    fc.record({from: place, count: place}).map(({from, count}) => ({
      what: `deletion of ${count} from ${from}`,
      sql: [`delete from audit_records where seq >= ${from} and seq < ${from + count}`],
      found: from,
    })),
    fc.record({from: place, count: place}).map(({from, count}) => ({
      what: `deletion of ${count} from ${from}, the gap closed`,
      sql: [
        `delete from audit_records where seq >= ${from} and seq < ${from + count}`,
        `update audit_records set seq = -seq where seq > ${from}`,
        `update audit_records set seq = -seq - ${count} where seq < 0`,
      ],
      found: from,
    })),
    place.map(at => ({
      what: `insertion at ${at}`,
      sql: [
        `update audit_records set seq = -seq where seq >= ${at}`,
        `update audit_records set seq = 1 - seq where seq < 0`,
        `insert into audit_records select ${at}, gen_random_uuid(), now(), 'relay.send', '1', 'eve', 'x', null, 'done',
           null, '{}', repeat('3', 64), repeat('4', 64)`,
      ],
      found: at,
    })),
    fc.constantFrom(0, -5, LENGTH + 1, LENGTH + 7).map(at => ({
      what: `a record outside, at ${at}`,
      sql: [
        `insert into audit_records select ${at}, gen_random_uuid(), now(), 'relay.send', '1', 'eve', 'x', null, 'done',
           null, '{}', (select hash from audit_records where seq = ${LENGTH}), repeat('4', 64)`,
      ],
      found: Math.min(at, LENGTH + 1),
    })),
    fc.uniqueArray(place, {minLength: 2, maxLength: LENGTH}).map(places => ({
      what: `rotation of ${places.join(', ')}`,
      sql: [
        `update audit_records set seq = -(array[${[...places.slice(1), places[0]].join(', ')}])[array_position(array[${places.join(', ')}]::bigint[], seq)]
           where seq = any(array[${places.join(', ')}])`,
        'update audit_records set seq = -seq where seq < 0',
      ],
      found: Math.min(...places),
    })),
    place.map(at => ({
      what: `a new text at ${at} with a hash to match`,
      sql: [
        `update audit_records set subject = 'nothing' where seq = ${at}`,
        `update audit_records r set hash = audit_hash(r) where seq = ${at}`,
      ],
      // What it is now fits what was before; only the next one, or the note of the end, remembers what it was.
      found: Math.min(at + 1, LENGTH),
    })),
    fc.constantFrom(
      {what: 'a head that is gone', sql: ['delete from audit_head'], found: LENGTH},
      {what: 'a head set back', sql: ['update audit_head set seq = seq - 3'], found: LENGTH - 2},
      {what: 'a head set ahead', sql: ['update audit_head set seq = seq + 3'], found: LENGTH + 1},
      {what: 'another head', sql: [`update audit_head set hash = repeat('5', 64)`], found: LENGTH},
    ),
  )

  test('finds any change, deletion, insertion, reordering and swap, and names the first bad record', async () => {
    await fc.assert(
      fc.asyncProperty(tampering, async ({what, sql, found}) => {
        await restoring(async () => {
          for (const statement of sql) await intruder.query(statement)
          expect(await faultNow(), what).toBe(found)
        })
      }),
      {numRuns: 120},
    )
    expect(await trail.verify()).toMatchObject({kind: 'whole', head: {seq: LENGTH}})
  })

  test.each(COLUMNS)('finds %s in any record', async change => {
    for (const at of [1, 7, LENGTH])
      await restoring(async () => {
        await intruder.query(`update audit_records set ${change} where seq = ${at}`)
        expect(await faultNow()).toBe(at)
      })
  })

  test('proves by a noted end that not all of it was written anew', async () => {
    const verdict = await trail.verify()
    if (verdict.kind !== 'whole') throw new Error('broken')
    const noted = parseLink(formatLink(verdict.head))
    await store.append(aRecord())
    expect(await trail.verify(noted)).toMatchObject({kind: 'whole', head: {seq: LENGTH + 1}})

    await wipe()
    for (let i = 0; i <= LENGTH; i++) await store.append(aRecord())
    expect(await trail.verify()).toMatchObject({kind: 'whole'})
    expect(await trail.verify(noted)).toMatchObject({kind: 'rewritten', noted: {seq: LENGTH}})
    await wipe()
    expect(await trail.verify(noted)).toMatchObject({kind: 'rewritten', head: {seq: 0}})
  })

  test('is not misled by what is appended while it walks', async () => {
    const appending = Promise.all(Array.from({length: 50}, () => store.append(aRecord())))
    for (let i = 0; i < 5; i++) expect((await trail.verify()).kind).toBe('whole')
    await appending
  })
})

describe('an effect', () => {
  const phases = async () =>
    (await linesNow()).map(({phase, intent}) => (intent === null ? phase : `→ ${phase}`))

  test('begins when its intent is durable, and its outcome is bound to that', async () => {
    const during: string[][] = []
    const answer = await audit.around(
      anEvent({details: {text: '…1a2b'}}),
      async intent => {
        during.push(await phases())
        return intent.seq
      },
      () => ({phase: 'done', details: {message: '42'}}),
    )
    expect(answer).toBe(1)
    expect(during).toEqual([['intent']])
    const [intent, outcome] = await linesNow()
    expect(intent).toMatchObject({phase: 'intent', intent: null, details: {text: '…1a2b'}})
    expect(outcome).toMatchObject({
      phase: 'done',
      intent: intent?.id,
      details: {message: '42'},
      actor: {name: 'ada'},
    })
  })

  test.each([
    ['failed', new AppError('NOT_FOUND', 'There is no such channel.')],
    ['failed', new AppError('UPSTREAM_RATE_LIMITED', 'Discord asks us to slow down.')],
    ['unknown', new AppError('UPSTREAM_UNAVAILABLE', 'No answer.')],
    ['unknown', new AppError('EFFECT_UNCERTAIN', 'Nobody knows.')],
    ['unknown', new TypeError('oops')],
  ])('ends as %s when it throws %s', async (phase, error) => {
    await expect(audit.around(anEvent(), () => Promise.reject(error))).rejects.toBe(error)
    expect(await phases()).toEqual(['intent', `→ ${phase}`])
    expect((await linesNow())[1]?.details).toEqual({
      error: error instanceof AppError ? error.code : 'TypeError',
    })
  })

  test('does not begin when its intent can’t be written, and says so', async () => {
    const away = createPool({
      connectionString: 'postgres://nobody@127.0.0.1:1/nothing',
      onError: () => undefined,
    })
    let effects = 0
    const closed = anAudit({store: createAuditStore({pool: away})})
    await expect(
      closed.around(anEvent(), async () => {
        effects++
      }),
    ).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    expect(effects).toBe(0)
    await away.end()
  })

  test('does not begin late: an intent that was written after all is ended as not begun', async () => {
    const holder = await pool.connect()
    await holder.query('begin')
    await holder.query('select from audit_head for update')
    let effects = 0
    const impatient = anAudit({patience: {waitMs: 1_000, intentMs: 100, writeMs: 5_000}})
    const attempt = impatient.around(anEvent(), async () => {
      effects++
    })
    await expect(attempt).rejects.toMatchObject({code: 'UPSTREAM_UNAVAILABLE'})
    await holder.query('commit')
    holder.release()
    await expect.poll(phases).toEqual(['intent', '→ failed'])
    expect((await linesNow())[1]?.details).toEqual({error: 'not begun'})
    expect(effects).toBe(0)
  })

  test.each([
    ['in the middle of it has an intent and no outcome, and shows as such', 'during', ['intent'], undefined],
    ['right after it has both', 'after', ['intent', '→ done'], {phase: 'done'}],
  ])('whose process was killed %s', async (_what, moment, recorded, outcome) => {
    const program = ['--import', 'tsx', 'tests/support/killed-effect.ts', database.url, moment]
    const [, signal] = (await once(spawn(process.execPath, program, {stdio: 'inherit'}), 'exit')) as unknown[]
    expect(signal).toBe('SIGKILL')
    expect(await phases()).toEqual(recorded)
    expect(await trail.search({limit: 10})).toMatchObject([{line: {seq: 1}, outcome}])
    // Whoever is left goes on behind it.
    await audit.around(anEvent(), async () => undefined)
    expect((await trail.verify()).kind).toBe('whole')
  })
})

describe('a refusal', () => {
  test('is durable before whoever was refused hears of it', async () => {
    expect(await audit.refused(anEvent())).toMatchObject({seq: 1})
    expect((await linesNow())[0]).toMatchObject({phase: 'refused', subject: 'channel 1'})
  })

  test('is shown after a moment though it can’t be written yet, and is written when it can', async () => {
    const holder = await pool.connect()
    await holder.query('begin')
    await holder.query('select from audit_head for update')
    const hasty = anAudit({patience: {waitMs: 50, intentMs: 50, writeMs: 5_000}})
    expect(await hasty.refused(anEvent())).toBeUndefined()
    expect(await linesNow()).toEqual([])
    await holder.query('commit')
    holder.release()
    await expect.poll(async () => (await linesNow()).length).toBe(1)
  })

  test('is tried again when the database was away for a moment, and written once', async () => {
    let tries = 0
    const flaky = anAudit({
      store: {
        ...store,
        async append(record) {
          tries++
          // The second one gets through, but its answer is lost.
          if (tries === 2) await store.append(record)
          if (tries < 3) throw Object.assign(new Error('Connection terminated'), {code: 'ECONNRESET'})
          return store.append(record)
        },
      },
    })
    expect(await flaky.refused(anEvent())).toMatchObject({seq: 1})
    expect(tries).toBe(3)
    expect(await linesNow()).toHaveLength(1)
    expect(errors).toHaveLength(1)
  })

  test('holds no secret and nothing without end', async () => {
    const secret = ['ghp', 'aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3fG5'].join('_')
    await audit.refused(
      anEvent({
        subject: `Bearer ${secret} ${'x'.repeat(5_000)}`,
        details: {password: 'hunter22', note: `token ${secret}`, long: 'y'.repeat(5_000), '1': 'odd key'},
      }),
    )
    const [line] = await linesNow()
    expect(JSON.stringify(line)).not.toContain(secret.slice(8))
    expect(line?.details['password']).toBe('***')
    expect(line?.subject.length).toBeLessThanOrEqual(200)
    expect(line?.details['long']).toMatch(/^y{199}…$/)
    expect(line?.details).not.toHaveProperty('1')
  })
})

describe('whose doing it was', () => {
  test('is whoever gave the command of that id, when nobody says', async () => {
    const id = randomUUID()
    await intruder.query(
      `insert into invocations (id, source, source_id, command, options, actor, agent, action, status)
       values ($1::text::uuid, 'discord', $1::text, 'deploy-client', '{}', '{"kind": "discord", "id": "111", "name": "ada"}', 'a', 'b', 'queued')`,
      [id],
    )
    const {actor: _, ...event} = anEvent()
    await correlation.run(id, () => audit.refused(event))
    await audit.refused({...event, correlationId: 'not a command'})
    expect((await linesNow()).map(({actor, correlation_id}) => [actor, correlation_id])).toEqual([
      [{id: '111', name: 'ada'}, id],
      [{id: 'signalbox', name: 'Signalbox'}, 'not a command'],
    ])
  })
})

describe('a note', () => {
  test('is in the record if and only if its transaction committed', async () => {
    await transaction(pool, db => audit.note(db, anEvent({action: 'glass.break'})))
    await expect
      .poll(async () => (await linesNow()).map(({action, phase}) => [action, phase]))
      .toEqual([['glass.break', 'done']])
    const undone = transaction(pool, async db => {
      await audit.note(db, anEvent())
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    await audit.sweep()
    expect(await linesNow()).toHaveLength(1)
  })

  test('of a process that died right after its commit is appended by the sweep of another', async () => {
    await store.note(pool, aRecord({phase: 'done'}))
    await Promise.all([audit.sweep(), anAudit().sweep()])
    expect((await linesNow()).map(({seq}) => seq)).toEqual([1])
  })
})

describe('reading', () => {
  beforeEach(async () => {
    await audit.refused(
      anEvent({action: 'command.refused', actor: {id: '333', name: 'bob'}, correlationId: 'aaaaaaaa-1'}),
    )
    await audit.around(
      anEvent({action: 'github.dispatch', correlationId: 'bbbbbbbb-1'}),
      async () => undefined,
    )
    await audit.around(anEvent({action: 'github.cancel', correlationId: 'bbbbbbbb-1'}), async () => undefined)
  })

  test.each([
    [{}, ['github.cancel', 'github.dispatch', 'command.refused']],
    [{who: 'BOB'}, ['command.refused']],
    [{who: '111'}, ['github.cancel', 'github.dispatch']],
    [{what: 'github.'}, ['github.cancel', 'github.dispatch']],
    [{correlationId: 'bbbb'}, ['github.cancel', 'github.dispatch']],
    [{before: 4}, ['github.dispatch', 'command.refused']],
    [{since: Date.now() + 60_000}, []],
    [{who: `bob' or true --`}, []],
  ])('search %j', async (query, actions) => {
    const cases = await trail.search({...query, limit: 10})
    expect(cases.map(({line}) => line.action)).toEqual(actions)
    expect(cases.every(({line, outcome}) => (line.phase === 'intent') === (outcome?.phase === 'done'))).toBe(
      true,
    )
  })

  test('show finds by the id of a record or its outcome, by its beginning, and by a correlation id', async () => {
    const [, intent, outcome] = await linesNow()
    const id = intent?.id ?? ''
    for (const given of [id, id.slice(0, 8), id.slice(0, 13), outcome?.id ?? '']) {
      const found = await trail.show(given, 5)
      expect(found, given).toMatchObject([{line: {seq: 2}, outcome: {seq: 3}}])
    }
    expect((await trail.show('bbbbbbbb-1', 5)).map(({line}) => line.seq)).toEqual([4, 2])
    expect(await trail.show('cccccccc', 5)).toEqual([])
    expect(await trail.show(id.slice(0, 8) + '%', 5)).toEqual([])
  })
})
