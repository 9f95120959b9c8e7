import {defineConfig} from 'vitest/config'

const needsServers = {
  globalSetup: ['tests/support/global-setup.ts'],
  // A shared machine may stand still for seconds; what is broken fails twice.
  retry: process.env['CI'] ? 1 : 0,
}

/** What is tested is loaded once for each worker, not for each file: it holds no state outside of what its factories make. */
const shared = {isolate: false, setupFiles: ['tests/support/properties.ts']}

/**
 * Chaos goes first and by itself: each of its files keeps a dozen processes, which share the 200 connections of one
 * Postgres. All others are one queue, by the names of their projects: a group for each would leave a core idle at the end
 * of each. The small ones, of unit, fill up what is left.
 */
const alone = {...shared, maxWorkers: 3, sequence: {groupOrder: 0}}
/** Mostly asleep until a server answers or a time has come: two cores carry more of them than two. */
const queued = {...shared, maxWorkers: 4, sequence: {groupOrder: 1}}

/** Unit tests start nothing; the other projects share one embedded Postgres and one Redis for the whole run. */
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          testTimeout: 30_000,
          ...queued,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['tests/contract/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...queued,
          ...needsServers,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...queued,
          ...needsServers,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          ...queued,
          ...needsServers,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['tests/chaos/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 60_000,
          ...alone,
          ...needsServers,
        },
      },
    ],
  },
})
