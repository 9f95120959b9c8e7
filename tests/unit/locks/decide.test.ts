import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {
  agree,
  findDeadlocks,
  LOCK_KINDS,
  resourceType,
  type HolderFact,
  type LockKind,
  type WaiterFact,
} from '../../../src/locks/decide.ts'

describe('kinds', () => {
  test('only a deploy and a backfill go together', () => {
    const together = LOCK_KINDS.flatMap(a => LOCK_KINDS.filter(b => agree(a, b)).map(b => `${a} + ${b}`))
    expect(together).toEqual(['deploy + backfill', 'backfill + deploy'])
  })
})

test('a resource’s type is what stands before its first colon, among those we know', () => {
  expect(
    ['deployment:production:web', 'file:a.ts', 'repo:acme/web', 'secret words: yes', 'file', ''].map(
      resourceType,
    ),
  ).toEqual(['deployment', 'file', 'repo', 'unknown', 'unknown', 'unknown'])
})

const holds = (token: string, resource: string, kind: LockKind = 'exclusive'): HolderFact => ({
  token,
  resource,
  kind,
})
const waits = (
  token: string,
  resource: string,
  since: number,
  holding: readonly string[],
  {kind = 'exclusive', priority = 0}: {readonly kind?: LockKind; readonly priority?: number} = {},
): WaiterFact => ({token, resource, kind, owner: token, priority, since, holding})
const told = (holders: readonly HolderFact[], waiters: readonly WaiterFact[]) =>
  findDeadlocks(holders, waiters).map(({victim}) => victim.token)

describe('a deadlock', () => {
  test('of two is told to the younger', () => {
    const holders = [holds('a', 'x'), holds('b', 'y')]
    expect(told(holders, [waits('a2', 'y', 1, ['a']), waits('b2', 'x', 2, ['b'])])).toEqual(['b2'])
    expect(told(holders, [waits('a2', 'y', 3, ['a']), waits('b2', 'x', 2, ['b'])])).toEqual(['a2'])
  })

  test('of three has one victim, and two apart have two', () => {
    const holders = [holds('a', 'x'), holds('b', 'y'), holds('c', 'z')]
    const waiters = [waits('a2', 'y', 1, ['a']), waits('b2', 'z', 2, ['b']), waits('c2', 'x', 3, ['c'])]
    expect(told(holders, waiters)).toEqual(['c2'])
    const again = [
      holds('d', 'v'),
      holds('e', 'w'),
      waits('d2', 'w', 9, ['d']),
      waits('e2', 'v', 8, ['e']),
    ] as const
    expect(told([...holders, again[0], again[1]], [...waiters, again[2], again[3]])).toEqual(['c2', 'd2'])
  })

  test('with oneself is one', () => {
    expect(told([holds('a', 'x')], [waits('a2', 'x', 1, ['a'])])).toEqual(['a2'])
  })

  test('may go through the line: a waiter is held up by those ahead that exclude it', () => {
    const holders = [holds('a', 'x', 'backfill'), holds('d', 'y')]
    const migration = waits('m', 'x', 1, [], {kind: 'migration'})
    const deploy = waits('d2', 'x', 2, ['d'], {kind: 'deploy'})
    const backfiller = waits('a2', 'y', 3, ['a'])
    expect(told(holders, [migration, deploy, backfiller])).toEqual(['a2'])
    // Without the migration ahead, deploy and backfill agree, and nobody is stuck.
    expect(told(holders, [deploy, backfiller])).toEqual([])
    expect(told(holders, [{...migration, since: 5}, deploy, backfiller])).toEqual([])
  })

  test('is none where a holder merely works, or two agents of one name are at it', () => {
    expect(told([holds('a', 'x')], [waits('b', 'x', 1, [])])).toEqual([])
    const holders = [holds('a', 'x'), holds('b', 'y')]
    expect(told(holders, [waits('b2', 'x', 1, ['b']), waits('other', 'y', 2, [])])).toEqual([])
  })

  test('is found in any tangle, and with its victims gone everybody can be served', () => {
    const names = ['r0', 'r1', 'r2', 'r3']
    const tangle = fc.record({
      held: fc.array(fc.record({resource: fc.constantFrom(...names), kind: fc.constantFrom(...LOCK_KINDS)})),
      waiting: fc.array(
        fc.record({
          resource: fc.constantFrom(...names),
          kind: fc.constantFrom(...LOCK_KINDS),
          priority: fc.integer({min: 0, max: 1}),
          holding: fc.array(fc.nat(7), {maxLength: 2}),
        }),
        {maxLength: 8},
      ),
    })
    fc.assert(
      fc.property(tangle, ({held, waiting}) => {
        const holders: HolderFact[] = []
        for (const {resource, kind} of held) {
          const others = holders.filter(other => other.resource === resource)
          if (others.every(other => agree(other.kind, kind)))
            holders.push(holds(`h${holders.length}`, resource, kind))
        }
        const waiters = waiting.map(({resource, kind, priority, holding}, n) =>
          waits(
            `w${n}`,
            resource,
            n,
            holding.flatMap(at => holders[at]?.token ?? []),
            {kind, priority},
          ),
        )
        const victims = findDeadlocks(holders, waiters).map(({victim}) => victim)
        expect(
          everybodyIsServed(
            holders,
            waiters.filter(waiter => !victims.includes(waiter)),
          ),
        ).toBe(true)
        if (victims.length > 0) expect(everybodyIsServed(holders, waiters)).toBe(false)
      }),
      {numRuns: 2_000},
    )
  })
})

/**
 * Plays it out: whoever holds and waits for nothing lets go; each line serves its waiters in order, and who is served
 * lets go of it and of what they held meanwhile.
 */
function everybodyIsServed(holders: readonly HolderFact[], waiters: readonly WaiterFact[]): boolean {
  let held = holders
  let left = waiters
  for (;;) {
    const before = held.length + left.length
    held = held.filter(holder => left.some(waiter => waiter.holding.includes(holder.token)))
    const line = [...left].sort((a, b) => b.priority - a.priority || a.since - b.since)
    left = left.filter(
      waiter =>
        held.some(holder => holder.resource === waiter.resource && !agree(holder.kind, waiter.kind)) ||
        line
          .slice(0, line.indexOf(waiter))
          .some(other => other.resource === waiter.resource && !agree(other.kind, waiter.kind)),
    )
    if (left.length === 0) return true
    if (held.length + left.length === before) return false
  }
}
