import fc from 'fast-check'
import {expect, test} from 'vitest'
import type {Instance} from '../../../src/registry/agent.ts'
import {statusForLoad, statusOf, viewOf} from '../../../src/registry/decide.ts'
import {anAgent, anInstance} from '../../support/registry.ts'

test.each([
  ['no instance', [], 'offline'],
  ['one that is alive', [anInstance()], 'active'],
  ['one that is busy', [anInstance({status: 'busy'})], 'busy'],
  ['one busy, one free', [anInstance({status: 'busy'}), anInstance()], 'active'],
  ['one busy, a free one dead', [anInstance({status: 'busy'}), anInstance({leaseMs: -1})], 'busy'],
  ['a lease that ends this moment', [anInstance({leaseMs: 0})], 'offline'],
  ['a lease in its last moment', [anInstance({leaseMs: 0.001})], 'active'],
  ['a busy one whose lease lapsed', [anInstance({status: 'busy', leaseMs: -1})], 'offline'],
] as const)('%s makes an agent %s', (_what, instances, status) => {
  expect(statusOf(instances)).toBe(status)
})

const instances = fc.array(
  fc.record({
    instanceId: fc.string(),
    status: fc.constantFrom('active', 'busy'),
    load: fc.record({active: fc.nat(20), capacity: fc.integer({min: 1, max: 20})}),
    leaseMs: fc.integer({min: -50, max: 50}),
  }),
) as fc.Arbitrary<Instance[]>

test('an agent looked at later never has more living instances, load or status than before', () => {
  fc.assert(
    fc.property(instances, fc.nat(60), fc.nat(60), (given, first, more) => {
      const [earlier, later] = [first, first + more].map(ms => viewOf(anAgent({instances: given}), ms))
      if (!earlier || !later) return
      expect(later.load.capacity).toBeLessThanOrEqual(earlier.load.capacity)
      expect(later.load.active).toBeLessThanOrEqual(earlier.load.active)
      if (earlier.status === 'offline') expect(later.status).toBe('offline')
      expect(later.heartbeatAgeMs - earlier.heartbeatAgeMs).toBe(more)
    }),
  )
})

test('an agent is alive exactly as long as its longest lease, whatever else is dead', () => {
  fc.assert(
    fc.property(instances, fc.nat(60), (given, elapsed) => {
      const alive = viewOf(anAgent({instances: given}), elapsed).status !== 'offline'
      expect(alive).toBe(Math.max(-Infinity, ...given.map(({leaseMs}) => leaseMs)) > elapsed)
    }),
  )
})

test('an instance is busy from its capacity on', () => {
  expect(statusForLoad({active: 1, capacity: 2})).toBe('active')
  expect(statusForLoad({active: 2, capacity: 2})).toBe('busy')
  expect(statusForLoad({active: 3, capacity: 2})).toBe('busy')
})
