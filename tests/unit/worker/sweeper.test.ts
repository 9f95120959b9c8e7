import {expect, test, vi} from 'vitest'
import {startSweeper, type Sweep} from '../../../src/worker/sweeper.ts'

/** A database that answers each question as it is told, and keeps the questions. */
function openDatabase() {
  const asked: string[] = []
  let due: readonly boolean[] | Error = []
  return {
    asked,
    answer: (next: typeof due) => void (due = next),
    db: {
      async query({text}: {readonly text: string}) {
        asked.push(text)
        if (due instanceof Error) throw due
        return {rows: [{due}]}
      },
    } as unknown as Parameters<typeof startSweeper>[0]['db'],
  }
}

const counted = (name: string, when?: string) => {
  const runs = vi.fn(async () => undefined)
  const sweep: Sweep = {name, everyMs: 2, run: runs, ...(when === undefined ? {} : {when})}
  return {sweep, runs}
}

test('what sweeps of one rhythm wait for is one question, and only those run that have something to do', async () => {
  const {db, asked, answer} = openDatabase()
  const [idle, due, always] = [counted('idle', 'a'), counted('due', 'b or c'), counted('always')]
  answer([false, true])
  const warned = vi.fn()
  const sweeper = startSweeper({db, log: {warn: warned}, sweeps: [idle.sweep, due.sweep, always.sweep]})
  await vi.waitFor(() => {
    expect(due.runs.mock.calls.length).toBeGreaterThan(1)
    expect(always.runs.mock.calls.length).toBeGreaterThan(1)
  })
  expect(idle.runs).not.toHaveBeenCalled()
  answer(new Error('away'))
  await vi.waitFor(() => expect(warned).toHaveBeenCalled())
  // One table that can't be read keeps nobody waiting: all look for themselves.
  expect(idle.runs).toHaveBeenCalled()
  const before = due.runs.mock.calls.length
  answer([false, true])
  await vi.waitFor(() => expect(due.runs.mock.calls.length).toBeGreaterThan(before))
  await sweeper.close()
  expect(new Set(asked)).toEqual(new Set(['select array[(a), (b or c)] as due']))
  const ended = due.runs.mock.calls.length
  await new Promise(resolve => setTimeout(resolve, 10))
  expect(due.runs.mock.calls.length).toBe(ended)
})

test('a sweep never runs twice at once, one that fails comes again, and closing waits for it', async () => {
  const {db, answer} = openDatabase()
  answer([true])
  const warned = vi.fn()
  let [runs, ended] = [0, 0]
  let letGo = (): void => undefined
  const run = async () => {
    if (runs++ === 0) throw new Error('no')
    await new Promise<void>(resolve => (letGo = resolve))
    ended++
  }
  const sweeper = startSweeper({
    db,
    log: {warn: warned},
    sweeps: [{name: 'slow', everyMs: 2, when: 'a', run}],
  })
  await vi.waitFor(() => expect(runs).toBe(2))
  expect(warned).toHaveBeenCalledWith(expect.objectContaining({sweep: 'slow'}), 'sweep failed')
  await new Promise(resolve => setTimeout(resolve, 10))
  expect(runs).toBe(2)
  const closed = sweeper.close()
  letGo()
  await closed
  expect(ended).toBe(1)
})
