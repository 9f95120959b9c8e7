import {migrate} from '../src/platform/migrations.ts'
import {runOperator} from '../src/runtime/operator.ts'

await runOperator(async ({databaseUrl, log, say}) => {
  const applied = await migrate({databaseUrl: await databaseUrl(), log})
  say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`)
  return true
})
