import fc from 'fast-check'
import {expect, test} from 'vitest'
import {createMailbox} from '../../../src/events/mailbox.ts'
import {PRIORITIES, type Priority} from '../../../src/events/priority.ts'

test('one at a time, urgent goes before high, normal and low, and equals keep their order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...PRIORITIES), {maxLength: 30}), async priorities => {
      const mailbox = createMailbox({concurrency: 1})
      let release!: () => void
      const busy = mailbox.run('low', () => new Promise<void>(resolve => (release = resolve)))
      const served: {priority: Priority; n: number}[] = []
      const all = priorities.map((priority, n) =>
        mailbox.run(priority, async () => void served.push({priority, n})),
      )
      expect(mailbox.waiting()).toBe(priorities.length)
      release()
      await Promise.all([busy, ...all])
      const expected = priorities
        .map((priority, n) => ({priority, n}))
        .sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) || a.n - b.n)
      expect(served).toEqual(expected)
      expect(mailbox.waiting()).toBe(0)
    }),
  )
})

test('never more at a time than allowed, and work that fails makes room all the same', async () => {
  const mailbox = createMailbox({concurrency: 3})
  let running = 0
  let most = 0
  const results = await Promise.allSettled(
    Array.from({length: 20}, (_, n) =>
      mailbox.run('normal', async () => {
        most = Math.max(most, ++running)
        await new Promise(resolve => setImmediate(resolve))
        running--
        if (n % 2 === 0) throw new Error(`no ${n}`)
        return n
      }),
    ),
  )
  expect(most).toBe(3)
  expect(results.filter(each => each.status === 'rejected')).toHaveLength(10)
  expect(results[7]).toEqual({status: 'fulfilled', value: 7})
})
