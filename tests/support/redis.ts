import {Redis} from 'ioredis'
import pg from 'pg'
import {inject} from 'vitest'

/** The run's Redis, shared by all its tests: keep to a prefix of your own. */
export const testRedisUrl = (): string | undefined => {
  const redis = inject('redis')
  return 'url' in redis ? redis.url : undefined
}

/** Why suites on Redis are skipped; undefined when they run. For the name of the skipped suite. */
export const redisMissing = (): string | undefined => {
  const redis = inject('redis')
  return 'missing' in redis ? redis.missing : undefined
}

/** The name under which the product of this database keeps its queues and its bus on a Redis that others share. */
export async function installationOf(databaseUrl: string): Promise<string> {
  const client = new pg.Client({connectionString: databaseUrl})
  await client.connect()
  try {
    const {rows} = await client.query<{id: string}>('select id from installation')
    return `signalbox-${(rows[0]?.id ?? '').slice(0, 8)}`
  } finally {
    await client.end()
  }
}

/** Deletes what that installation left there, and nothing else: the Redis may be somebody's own. */
export async function forgetInstallation(redisUrl: string, installation: string): Promise<void> {
  const redis = new Redis(redisUrl)
  try {
    for await (const keys of redis.scanStream({match: `*${installation}*`, count: 1000}))
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  } finally {
    redis.disconnect()
  }
}
