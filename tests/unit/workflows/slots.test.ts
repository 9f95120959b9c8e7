import {expect, test} from 'vitest'
import {createSlots} from '../../../src/workflows/slots.ts'

const never = new AbortController().signal

/** Work that ends when told to, and remembers in which order it began. */
function openWork() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    work: (what: string) => () => {
      begun.push(what)
      return new Promise<string>(resolve => ends.set(what, () => resolve(what)))
    },
    end: (what: string) => ends.get(what)?.(),
  }
}

test('as many as fit begin at once, the rest in the order in which it came', async () => {
  const slots = createSlots(() => 2)
  const {begun, work, end} = openWork()
  const all = ['a', 'b', 'c', 'd'].map(what => slots.within('agent', never, work(what)))
  expect(begun).toEqual(['a', 'b'])
  end('b')
  expect(await all[1]).toBe('b')
  await new Promise(setImmediate)
  expect(begun).toEqual(['a', 'b', 'c'])
  // Whoever comes now comes last.
  const late = slots.within('agent', never, work('e'))
  end('a')
  end('c')
  await new Promise(setImmediate)
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e'])
  end('d')
  end('e')
  expect(await late).toBe('e')
})

test('each name has a line of its own, and a failure makes room too', async () => {
  const slots = createSlots(name => (name === 'narrow' ? 1 : 5))
  const broken = slots.within('narrow', never, () => Promise.reject(new Error('broken')))
  const {begun, work} = openWork()
  void slots.within('narrow', never, work('next'))
  void slots.within('wide', never, work('other'))
  expect(begun).toEqual(['other'])
  await expect(broken).rejects.toThrow('broken')
  await new Promise(setImmediate)
  expect(begun).toEqual(['other', 'next'])
})

test('who gives up waiting leaves the line, and what it wanted never begins', async () => {
  const slots = createSlots(() => 1)
  const {begun, work, end} = openWork()
  const first = slots.within('agent', never, work('first'))
  const stop = new AbortController()
  const second = slots.within('agent', stop.signal, work('second'))
  const third = slots.within('agent', never, work('third'))
  stop.abort(new Error('stopped'))
  await expect(second).rejects.toThrow('stopped')
  end('first')
  await first
  await new Promise(setImmediate)
  end('third')
  await third
  expect(begun).toEqual(['first', 'third'])
})
