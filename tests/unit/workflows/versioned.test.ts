import fc from 'fast-check'
import {expect, test} from 'vitest'
import {emptyVersioned, type Versioned} from '../../../src/workflows/versioned.ts'

const key = fc.constantFrom('a', 'b', 'c', 'd')
const write = fc.record({from: fc.nat(), key, value: fc.option(fc.nat(9), {nil: undefined})})

test('every version stays what it was, in its order, whichever is read and written next', () => {
  fc.assert(
    fc.property(fc.array(write, {maxLength: 30}), fc.array(fc.nat(), {maxLength: 20}), (writes, reads) => {
      const versions: {
        readonly map: Versioned<number>
        readonly entries: readonly (readonly [string, number])[]
      }[] = [{map: emptyVersioned(), entries: []}]
      for (const {from, key: at, value} of writes) {
        const {map, entries} = versions[from % versions.length] as (typeof versions)[number]
        const known = new Map(entries)
        if (value === undefined) known.delete(at)
        else known.set(at, value)
        versions.push({map: value === undefined ? map.delete(at) : map.set(at, value), entries: [...known]})
      }
      for (const read of [...reads, ...versions.keys()]) {
        const {map, entries} = versions[read % versions.length] as (typeof versions)[number]
        expect([...map]).toEqual(entries)
        expect(map.keys()).toEqual(entries.map(([at]) => at))
        expect(map.size).toBe(entries.length)
        for (const [at, value] of entries) expect(map.get(at)).toBe(value)
      }
    }),
  )
})
