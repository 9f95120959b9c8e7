import {migrate} from '../src/platform/migrations.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {runOperator} from '../src/runtime/operator.ts'

commandLine({
  name: 'npm run migrate',
  purpose:
    'Brings the database at DATABASE_URL, else the embedded one, up to date; `npm start` does so by itself.',
})
await runOperator(async ({databaseUrl, log, say}) => {
  const applied = await migrate({databaseUrl: await databaseUrl(), log})
  say(applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`)
  return true
})
