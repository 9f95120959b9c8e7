// A process that uses locks, to be killed and paused: forked with a task as its argument, in JSON.
//   hold    takes the lock and says {held: fence}; then answers each message with what a guarded write under it became.
//   hammer  says {ready: true}; told until when, its clients take the lock again and again and write twice each time;
//           then says its totals.
import {once} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'
import {guardedWrite} from './guard.ts'
import {had, openLocks} from './locks.ts'

export type LockTask = {readonly databaseUrl: string; readonly resource: string; readonly ttlMs: number} & (
  | {readonly do: 'hold'; readonly owner: string}
  | {readonly do: 'hammer'; readonly name: string; readonly clients: number}
)

const task = JSON.parse(process.argv[2] ?? '{}') as LockTask
const {locks, pool} = openLocks(task.databaseUrl, {max: 5})
const say = (what: object) => process.send?.(what)

if (task.do === 'hold') {
  const lock = had(await locks.acquire(task.resource, {owner: task.owner, ttlMs: task.ttlMs}))
  say({held: lock.fence})
  process.on('message', () => {
    const heldBefore = lock.held()
    guardedWrite(pool, {resource: task.resource, client: task.owner, fence: lock.fence, step: 'leave'}).then(
      written => say({written, heldBefore, lost: lock.signal.aborted}),
      (error: unknown) => say({error: String(error)}),
    )
  })
} else {
  const {name, clients, resource, ttlMs} = task
  await locks.list()
  say({ready: true})
  const [until] = (await once(process, 'message')) as [number]
  const sweeper = setInterval(() => void locks.sweep().catch(() => undefined), 500)
  const counts = Array.from({length: clients}, () => 0)
  await Promise.all(
    counts.map(async (_, index) => {
      const client = `${name}-${index}`
      while (Date.now() < until) {
        const lock = await locks.acquire(resource, {owner: client, ttlMs, waitMs: 10_000})
        if (lock.kind !== 'acquired') continue
        // It does not look whether it still holds the lock: the guard must do without its good will.
        const write = async (step: 'enter' | 'leave') => {
          const accepted = await guardedWrite(pool, {resource, client, fence: lock.fence, step})
          // Refused means that somebody came later. Who then still believes to hold the lock has been betrayed.
          if (!accepted && lock.held())
            await guardedWrite(pool, {resource, client, fence: lock.fence, step: 'betrayed'})
          return accepted
        }
        const entered = await write('enter')
        await sleep(Math.random() * 2)
        const left = await write('leave')
        await lock.release()
        if (entered && left) counts[index] = (counts[index] ?? 0) + 1
      }
    }),
  )
  clearInterval(sweeper)
  say({counts})
  await locks.close()
  await pool.end()
  process.disconnect()
}
