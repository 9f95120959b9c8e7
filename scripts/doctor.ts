import {commandLine} from '../src/runtime/command-line.ts'
import {examine} from '../src/runtime/doctor.ts'
import {runOperator} from '../src/runtime/operator.ts'

commandLine({
  name: 'npm run doctor',
  purpose:
    'Looks at each configured service with the credentials at hand and says what to mend; changes nothing.',
})
await runOperator(async ({config, databaseUrl, say}) => {
  const findings = await examine(config, await databaseUrl())
  for (const {ok, off, what, next, lines} of findings) {
    say(`${ok ? (off ? '⚪' : '✅') : '❌'} ${what}`)
    if (next !== undefined) say(`   → ${next}`)
    if (lines !== undefined)
      say(`   → have these lines in it:\n${lines.map(line => `     ${line}`).join('\n')}`)
  }
  const wrong = findings.filter(finding => !finding.ok).length
  say(wrong === 0 ? 'Everything that is configured works.' : `${wrong} to mend.`)
  return wrong === 0
})
