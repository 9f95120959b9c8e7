import {setTimeout as sleep} from 'node:timers/promises'
import {collectDefaultMetrics, Gauge, Registry} from 'prom-client'
import {createInstruments} from './instruments.ts'

/** Until the event loop was looked at once. */
const FIRST_LOOK_MS = 30

export type Metrics = ReturnType<typeof createMetrics>

/** The registry of all metrics, with those that belong to no single feature. */
export function createMetrics() {
  const registry = new Registry()
  const {histogram} = createInstruments(registry)
  let watching: Promise<void> | undefined
  return {
    registry,
    /**
     * All of it as Prometheus text. Those of the process itself begin with the first call: to watch its event loop
     * wakes it a hundred times a second, which is more than everything else it does at rest.
     */
    async scrape(): Promise<string> {
      if (!watching) {
        collectDefaultMetrics({register: registry})
        watching = sleep(FIRST_LOOK_MS)
      }
      await watching
      return registry.metrics()
    },
    interactionAck: histogram(
      'discord_interaction_ack_seconds',
      'From an interaction’s arrival to Discord’s acceptance of our first answer',
      [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3],
    ),
    commandDuration: histogram(
      'command_duration_seconds',
      'From a command’s record to its end',
      [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600],
      ['command', 'outcome'],
    ),
    deployPhase: histogram(
      'deploy_phase_seconds',
      'Where a deployment’s time goes: queue, human, runner',
      [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
      ['phase'],
    ),
    /** Jobs per queue and state, asked for at each scrape; a queue that does not answer keeps its last value. */
    watchQueues(
      names: readonly string[],
      counts: (queue: string) => Promise<Readonly<Record<string, number>>>,
    ): void {
      new Gauge({
        name: 'bullmq_job_count',
        help: 'Jobs by queue and state',
        labelNames: ['queue', 'state'] as const,
        registers: [registry],
        async collect() {
          await Promise.all(
            names.map(async queue => {
              const states = await counts(queue).catch(() => ({}))
              for (const [state, count] of Object.entries(states)) this.set({queue, state}, count)
            }),
          )
        },
      })
    },
  }
}
