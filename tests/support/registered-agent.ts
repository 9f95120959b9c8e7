// A process that serves one agent until it is killed: `tsx registered-agent.ts <database url> <instance id> <lease ms>`.
// Says "joined" once it is registered. SIGTERM makes it leave in good order.
import {z} from 'zod'
import {joinRegistry} from '../../src/registry/membership.ts'
import {defineAction, defineAgent} from '../../src/sdk/index.ts'
import {openTestRegistry} from './open-registry.ts'

const [, , databaseUrl = '', instanceId = '', lease = ''] = process.argv
const leaseMs = Number(lease)

const agent = defineAgent({
  id: 'mortal',
  name: 'Mortal',
  description: 'Lives in a process of its own',
  command: '/mortal',
  queue: {concurrency: 2, timeoutMs: 1_000},
  actions: {
    sing: defineAction({
      description: 'Sing a song',
      input: z.object({}),
      run: async () => ({kind: 'following'}),
    }),
  },
})

const registry = openTestRegistry(databaseUrl, {leaseMs})
const membership = joinRegistry({
  registry,
  agents: [agent],
  instanceId,
  load: () => ({active: 0, capacity: 2}),
  heartbeatMs: leaseMs / 5,
  log: {info: () => undefined, warn: (fields, message) => console.error(message, fields)},
})
process.once('SIGTERM', () => {
  void membership
    .close()
    .then(() => registry.close())
    .then(() => process.exit(0))
})
await membership.joined
process.stdout.write('joined\n')
