import {benchBus} from './bus.ts'
import {measureExpiry} from './expiry.ts'
import {benchLocks} from './locks.ts'
import {benchRegistry} from './registry.ts'
import {startServers} from './servers.ts'
import {sayVerdicts, type Verdict} from './verdicts.ts'

/**
 * `npm run bench -- coordination [quick]`: locks, bus and registry one after the other, each by turns with its floor,
 * and all their goals in one table. Exit code 1 when one was missed. `quick` tries the bench, not the product.
 */
export async function benchCoordination(args: readonly string[]): Promise<void> {
  const quick = args.includes('quick')
  const size = quick ? {rounds: 1, roundMs: 200} : {rounds: 5, roundMs: 1_000}
  const verdicts: Verdict[] = [...(await benchLocks(size)), ...(await benchBus([], size))]
  const servers = await startServers()
  try {
    verdicts.push(
      ...(await benchRegistry(servers, quick ? {rounds: 1, lookups: 20} : {rounds: 5, lookups: 200})),
      ...(await measureExpiry(servers, {agentLeaseMs: quick ? 3_000 : 30_000})),
    )
  } finally {
    await servers.close()
  }
  process.stdout.write('All goals\n')
  sayVerdicts(verdicts)
  if (verdicts.some(({reached}) => !reached)) process.exitCode = 1
}
