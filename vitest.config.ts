import {defineConfig} from 'vitest/config'

const needsServers = {
  globalSetup: ['tests/support/global-setup.ts'],
  // A shared machine may stand still for seconds; what is broken fails twice.
  retry: process.env['CI'] ? 1 : 0,
}

/** What is tested is loaded once for each worker, not for each file: it holds no state outside of what its factories make. */
const shared = {isolate: false, setupFiles: ['tests/support/properties.ts']}

/** Mostly asleep until a server answers or a time has come: two cores carry more of them than two. */
const waitsMoreThanWorks = {...shared, maxWorkers: 3}

/** Unit tests start nothing; the other projects share one embedded Postgres and one Redis for the whole run. */
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          testTimeout: 10_000,
          ...shared,
          maxWorkers: 2,
          sequence: {groupOrder: 0},
        },
      },
      {
        test: {
          name: 'contract',
          include: ['tests/contract/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...waitsMoreThanWorks,
          sequence: {groupOrder: 1},
          ...needsServers,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...waitsMoreThanWorks,
          sequence: {groupOrder: 1},
          ...needsServers,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          ...waitsMoreThanWorks,
          sequence: {groupOrder: 2},
          ...needsServers,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['tests/chaos/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 60_000,
          ...waitsMoreThanWorks,
          sequence: {groupOrder: 3},
          ...needsServers,
        },
      },
    ],
  },
})
