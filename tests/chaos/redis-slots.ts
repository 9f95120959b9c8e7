import {Redis} from 'ioredis'
import {testRedisUrl} from '../support/redis.ts'

/** Databases of the run's Redis that no other test uses: see `queueOnRedis` in tests/support/world.ts. */
const free = [15, 14, 13, 12, 11, 10, 9, 8]

/** An empty database of the run's Redis for one world alone; undefined when there is no Redis or none is free. */
export async function takeRedis(): Promise<{readonly url: string; release(): void} | undefined> {
  const base = testRedisUrl()
  const slot = base === undefined ? undefined : free.pop()
  if (base === undefined || slot === undefined) return undefined
  const url = new URL(base)
  url.pathname = `/${slot}`
  const redis = new Redis(url.href)
  await redis.flushdb()
  redis.disconnect()
  return {url: url.href, release: () => void free.push(slot)}
}
