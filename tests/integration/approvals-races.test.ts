import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Surface} from '../../src/approvals/request.ts'
import {transaction} from '../../src/platform/postgres.ts'
import {anAsk, discordOf, openApprovals, type OpenApprovals} from '../support/approvals.ts'
import {chanceFrom} from '../support/chance.ts'
import {createTestDatabase, type TestDatabase} from '../support/database.ts'

const SEEDS = 100
const SURFACES: readonly Surface[] = ['discord', 'linear', 'mail', 'http']
const ENDED = ['approved', 'rejected', 'cancelled', 'expired']

let database: TestDatabase
/** As many processes, each with connections of its own. */
let processes: OpenApprovals[]

beforeAll(async () => {
  database = await createTestDatabase()
  processes = [1, 2, 3].map(() => openApprovals(database.url, {max: 6}))
})

afterAll(async () => {
  for (const each of processes) await each.close()
  await database.drop()
})

test(`${SEEDS} races of votes, duplicates, withdrawals, time and uses over several processes: one decision, one use`, async () => {
  const endings = new Map<string, number>()
  let uses = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const chance = chanceFrom(seed)
    const [first] = processes as [OpenApprovals]
    const asking = anAsk()
    const {id, bound} = await first.ask(asking)
    if (chance.oneIn(4)) await first.age(id, 59 * 60_000 + 59_900)

    const votes = Array.from({length: 4 + chance.upTo(8)}, (_, n) => ({
      id,
      account: discordOf(chance.pick(['ada', 'tom', 'tina', 'grace', 'lin', 'cleo', 'sam', 'nobody'])),
      decision: chance.oneIn(6) ? ('reject' as const) : ('approve' as const),
      surface: chance.pick(SURFACES),
      reason: 'because',
      key: `${seed} ${n}`,
    }))
    const redeem = (at: OpenApprovals) => transaction(at.pool, db => at.approvals.redeem(db, id, bound))
    const [outcomes, others] = await Promise.all([
      // Each arrives twice, at different processes.
      Promise.all(
        votes.flatMap(vote => [
          chance.pick(processes).approvals.vote(vote),
          chance.pick(processes).approvals.vote(vote),
        ]),
      ),
      Promise.all([
        ...(chance.oneIn(5)
          ? [transaction(first.pool, db => first.approvals.cancel(db, id, {by: 'ada'}))]
          : []),
        ...processes.map(each => each.approvals.sweep()),
        ...processes.map(redeem),
      ]),
    ])
    const late = await Promise.all(processes.map(redeem))
    const went = [...others, ...late].filter(each => typeof each === 'object' && each.kind === 'go').length
    const record = await first.approvals.find(id)
    const history = await first.approvals.history(id)
    if (!record) throw new Error('it is gone')

    // One decision, and the record is what the history says.
    const decisive = history.filter(({action}) => ['reject', 'timeout', 'cancel'].includes(action)).length
    expect(decisive + (record.status === 'approved' ? 1 : 0)).toBe(record.status === 'pending' ? 0 : 1)
    expect(history.map(({seq}) => seq)).toEqual(history.map((_, i) => i + 1))
    const counted = history.filter(({action}) => action === 'approve' || action === 'reject')
    expect(new Set(counted.map(({actor}) => actor))).toEqual(
      new Set(record.decisions.map(({principal}) => principal)),
    )
    // Each attempt once, and answered the same however often it came.
    const attempts = history.filter(({action}) => ['approve', 'reject', 'refuse'].includes(action))
    expect(attempts.filter(({metadata}) => metadata['decision'] !== 'use')).toHaveLength(votes.length)
    for (let n = 0; n < outcomes.length; n += 2) expect(outcomes[n]?.kind).toBe(outcomes[n + 1]?.kind)
    // Persons, entitled, and never the one who asked.
    const approvers = record.decisions.filter(({decision}) => decision === 'approve')
    expect(new Set(approvers.map(({principal}) => principal)).size).toBe(approvers.length)
    expect(approvers.some(({principal}) => ['ada', 'sam'].includes(principal))).toBe(false)
    if (record.status === 'approved') {
      expect(approvers.length).toBeGreaterThanOrEqual(2)
      expect(approvers.some(({role}) => ['tech_lead', 'cto'].includes(role))).toBe(true)
    }
    expect(went).toBe(record.status === 'approved' ? 1 : 0)
    const {rows} = await first.pool.query<{n: number}>(
      `select count(*)::int as n from outbox where queue = 'approval-outcomes' and data ->> 'id' = $1`,
      [id],
    )
    expect(rows[0]?.n).toBe(ENDED.includes(record.status) ? 1 : 0)
    // Votes and their ends are told once over all processes.
    const told = processes.flatMap(({notices}) => notices).filter(({story}) => story === `approval:${id}`)
    expect(new Set(told.map(({key}) => key)).size).toBe(told.length)
    endings.set(record.status, (endings.get(record.status) ?? 0) + 1)
    uses += went
  }
  // A race that always ends the same way proves little.
  expect(Math.min(endings.get('approved') ?? 0, endings.get('rejected') ?? 0)).toBeGreaterThan(5)
  expect(uses).toBe(endings.get('approved'))
})

test('many votes at once need no more connections than there are', async () => {
  const small = openApprovals(database.url, {max: 3})
  const asked = await Promise.all(Array.from({length: 10}, () => small.ask()))
  const outcomes = await Promise.all(
    asked.flatMap(({id}) =>
      ['tom', 'grace', 'lin'].map(who =>
        small.approvals.vote({
          ...{id, account: discordOf(who), decision: 'approve', surface: 'discord', key: who},
        }),
      ),
    ),
  )
  expect(outcomes.filter(({kind}) => kind === 'counted')).toHaveLength(20)
  await small.close()
})
