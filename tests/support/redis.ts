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
