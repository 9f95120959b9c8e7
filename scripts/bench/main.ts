import {benchApprovals} from './approvals.ts'
import {benchBus} from './bus.ts'
import {benchCommands} from './commands.ts'
import {benchCoordination} from './coordination.ts'
import {benchEvaluation} from './evaluation.ts'
import {benchLocks} from './locks.ts'
import {benchRegistry} from './registry.ts'
import {startServers} from './servers.ts'
import {benchWorkflows} from './workflows.ts'

const BENCHES: Readonly<
  Record<string, {readonly what: string; run(args: readonly string[]): Promise<unknown>}>
> = {
  commands: {
    what: 'acknowledgement in a burst, the way of a command over bare BullMQ, memory  [burst] [path] [memory]',
    run: benchCommands,
  },
  locks: {what: 'one lock, free and hot, over a lock table with retries', run: () => benchLocks()},
  bus: {what: 'publish and request over the bus', run: parts => benchBus(parts)},
  coordination: {
    what: 'locks, bus and registry with all their goals in one table  [quick]',
    run: benchCoordination,
  },
  workflows: {
    what: 'runs of workflows over their bare rows, DBOS and LangGraph  [quick|statements]',
    run: benchWorkflows,
  },
  approvals: {
    what: 'how soon people are told of a request in Linear and by mail; 10,000 requests that wait  [quick]',
    run: benchApprovals,
  },
  evaluation: {what: 'grades of runs of 20 tasks', run: async () => benchEvaluation()},
  registry: {what: 'discovery at 1,000 agents with 10 capabilities each', run: benchDiscovery},
}

async function benchDiscovery(): Promise<void> {
  const servers = await startServers()
  try {
    await benchRegistry(servers)
  } finally {
    await servers.close()
  }
}

const [name, ...args] = process.argv.slice(2)
const bench = name === undefined ? undefined : BENCHES[name]
if (bench) {
  await bench.run(args)
} else {
  process.stdout.write('npm run bench -- <name>\n\n')
  for (const [each, {what}] of Object.entries(BENCHES)) process.stdout.write(`  ${each.padEnd(14)}${what}\n`)
  process.exitCode = name === undefined || name === '--help' ? 0 : 1
}
