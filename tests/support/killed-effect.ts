// Begins a recorded effect and dies in the middle of it, or right after: `tsx killed-effect.ts <database> <during|after>`.
import {Registry} from 'prom-client'
import {createAuditMetrics} from '../../src/audit/metrics.ts'
import {createAudit} from '../../src/audit/service.ts'
import {createAuditStore} from '../../src/audit/store.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import {createPool} from '../../src/platform/postgres.ts'

const [, , connectionString = '', moment] = process.argv
const audit = createAudit({
  store: createAuditStore({pool: createPool({connectionString, onError: () => undefined})}),
  redact: text => text,
  metrics: createAuditMetrics({registry: new Registry()}),
  log: silentLogger,
})
const die = () => process.kill(process.pid, 'SIGKILL')
await audit.around({action: 'relay.send', subject: 'channel 1'}, async () => {
  if (moment === 'during') die()
  await new Promise(resolve => setImmediate(resolve))
})
die()
