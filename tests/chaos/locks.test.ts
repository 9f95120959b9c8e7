import {setTimeout as sleep} from 'node:timers/promises'
import {expect, test} from 'vitest'
import {createPool} from '../../src/platform/postgres.ts'
import {createTestDatabase} from '../support/database.ts'
import {createGuard, guardHistory} from '../support/guard.ts'
import {startLockProcess, type LockProcess} from '../support/lock-process.ts'
import {jain} from '../support/locks.ts'

/** `CHAOS_LOCKS_MS=30000` is the long form. */
const MS = Number(process.env['CHAOS_LOCKS_MS'] ?? 5_000)
const CLIENTS = 10
const TTL_MS = 500
const resource = 'deployment:production:web'

test(`50 clients in 5 processes race for one lock for ${MS / 1000} s, with kills and pauses: never two at once, nobody starves`, async () => {
  const database = await createTestDatabase()
  const pool = createPool({connectionString: database.url, max: 2, onError: () => undefined})
  const running: LockProcess[] = []
  try {
    await createGuard(pool)
    const start = async (name: string): Promise<LockProcess> => {
      const process = startLockProcess({
        ...{do: 'hammer', databaseUrl: database.url, resource, ttlMs: TTL_MS},
        ...{name, clients: CLIENTS},
      })
      running.push(process)
      await process.heard()
      return process
    }
    const processes = await Promise.all(['killed', 'paused', 'a', 'b', 'c'].map(start))
    const until = Date.now() + MS
    for (const process of processes) process.tell(until)

    // Kills and pauses by turns, a killed one replaced, until the end is near.
    const [killed, paused, ...steady] = processes
    const done = {kills: 0, pauses: 0}
    for (let victim = killed; Date.now() + 1_500 < until;) {
      await sleep(400 + Math.random() * 400)
      await victim?.kill()
      done.kills++
      victim = await start(`killed-${done.kills}`)
      victim.tell(until)
      paused?.pause()
      await sleep(TTL_MS * (1 + Math.random()))
      paused?.resume()
      done.pauses++
    }
    expect(Math.min(done.kills, done.pauses)).toBeGreaterThan(0)

    const shares = await Promise.all(steady.map(process => process.heard<{counts: number[]}>()))
    const counts = shares.flatMap(share => share.counts)
    const history = await guardHistory(pool, resource)

    // The guard accepted nothing out of order, and a fence belongs to one client.
    const accepted = history.filter(write => write.accepted)
    const owners = new Map<number, string>()
    let highest = 0
    for (const {fence, client} of accepted) {
      expect(fence).toBeGreaterThanOrEqual(highest)
      highest = fence
      expect(owners.get(fence) ?? client).toBe(client)
      owners.set(fence, client)
    }
    // A write is refused because a later holder was there, so its own holder must have known that it had lost the lock.
    expect(history.filter(({step}) => step === 'betrayed')).toEqual([])
    // Everybody got on, and those who were left in peace got on alike. Small counts are as even as whole numbers allow.
    expect(accepted.length).toBeGreaterThan((MS / 1000) * 20)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    if (Math.max(...counts) - Math.min(...counts) > 2) expect(jain(counts)).toBeGreaterThanOrEqual(0.98)
  } finally {
    await Promise.all(running.map(process => process.kill()))
    await pool.end()
    await database.drop()
  }
})
