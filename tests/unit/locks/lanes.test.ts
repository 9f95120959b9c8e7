import {expect, test} from 'vitest'
import {createLanes} from '../../../src/locks/lanes.ts'

const LONG = 60_000

test('turns come in the order of arrival, one at a time, whatever is passed twice', async () => {
  const lanes = createLanes()
  const order: number[] = []
  const first = await lanes.enter('a', LONG)
  expect(first.waited).toBe(false)
  const others = [1, 2, 3].map(async n => {
    const turn = await lanes.enter('a', LONG)
    order.push(n)
    return turn
  })
  first.pass()
  first.pass()
  const second = await others[0]
  await Promise.resolve()
  expect(order).toEqual([1])
  second?.pass()
  second?.pass()
  const third = await others[1]
  expect(order).toEqual([1, 2])
  third?.pass()
  expect((await others[2])?.waited).toBe(true)
})

test('lanes do not wait for each other', async () => {
  const lanes = createLanes()
  await lanes.enter('a', LONG)
  expect((await lanes.enter('b', LONG)).waited).toBe(false)
})

test('a turn comes by itself after a while, and the lane goes on after those who gave up', async () => {
  const lanes = createLanes()
  const first = await lanes.enter('a', LONG)
  const impatient = await lanes.enter('a', 1)
  expect(impatient.waited).toBe(true)
  const patient = lanes.enter('a', LONG)
  impatient.pass()
  first.pass()
  ;(await patient).pass()
  expect((await lanes.enter('a', LONG)).waited).toBe(false)
})
