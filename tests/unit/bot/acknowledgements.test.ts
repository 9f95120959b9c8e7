import {expect, test} from 'vitest'
import {createAcknowledgements} from '../../../src/bot/acknowledgements.ts'

/** An acknowledgement that ends when told, and a note of who went on in which order. */
function scene(patienceMs = 60_000) {
  const acknowledgements = createAcknowledgements(patienceMs)
  const went: string[] = []
  return {
    went,
    acknowledge(name: string) {
      let end!: () => void
      let fail!: (error: Error) => void
      const answer = new Promise<void>((resolve, reject) => {
        end = resolve
        fail = reject
      })
      const done = acknowledgements
        .track(answer)
        .catch(() => undefined)
        .then(() => acknowledgements.settled())
        .then(() => void went.push(name))
      return {
        done,
        async end() {
          end()
          await turn()
        },
        async fail() {
          fail(new Error('no answer'))
          await turn()
        },
      }
    },
  }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

test('one alone goes on at once', async () => {
  const {acknowledge, went} = scene()
  await acknowledge('a').end()
  expect(went).toEqual(['a'])
})

test('those of a burst go on together, when the last of them is answered', async () => {
  const {acknowledge, went} = scene()
  const [a, b, c] = [acknowledge('a'), acknowledge('b'), acknowledge('c')]
  await b.end()
  await a.end()
  expect(went).toEqual([])
  await c.end()
  expect(went.sort()).toEqual(['a', 'b', 'c'])
})

test('later ones do not hold back those who came before them', async () => {
  const {acknowledge, went} = scene()
  const [a, b] = [acknowledge('a'), acknowledge('b')]
  await a.end()
  const late = acknowledge('late')
  await b.end()
  expect(went).toContain('a')
  expect(went).not.toContain('late')
  await late.end()
  expect(went.sort()).toEqual(['a', 'b', 'late'])
})

test('one that fails holds nobody back', async () => {
  const {acknowledge, went} = scene()
  const [a, b] = [acknowledge('a'), acknowledge('b')]
  await a.end()
  await b.fail()
  expect(went.sort()).toEqual(['a', 'b'])
})

test('one that never ends holds the others back no longer than the patience', async () => {
  const {acknowledge, went} = scene(30)
  acknowledge('stuck')
  const b = acknowledge('b')
  await b.end()
  expect(went).toEqual([])
  await b.done
  expect(went).toEqual(['b'])
})
