import {setTimeout as sleep} from 'node:timers/promises'
import {collectDefaultMetrics, Gauge, Histogram, Registry} from 'prom-client'

/** Until the event loop was looked at once. */
const FIRST_LOOK_MS = 30

export type Metrics = ReturnType<typeof createMetrics>

/** Every metric by name, with closed sets of label values: never user text, never ids. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
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
    interactionAck: new Histogram({
      name: 'discord_interaction_ack_seconds',
      help: 'From an interaction’s arrival to Discord’s acceptance of our first answer',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3],
      registers,
    }),
    commandDuration: new Histogram({
      name: 'command_duration_seconds',
      help: 'From a command’s record to its end',
      labelNames: ['command', 'outcome'] as const,
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600],
      registers,
    }),
    deployPhase: new Histogram({
      name: 'deploy_phase_seconds',
      help: 'Where a deployment’s time goes: queue, human, runner',
      labelNames: ['phase'] as const,
      buckets: [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
      registers,
    }),
    /** Jobs per queue and state, asked for at each scrape; a queue that does not answer keeps its last value. */
    watchQueues(
      names: readonly string[],
      counts: (queue: string) => Promise<Readonly<Record<string, number>>>,
    ): void {
      new Gauge({
        name: 'bullmq_job_count',
        help: 'Jobs by queue and state',
        labelNames: ['queue', 'state'] as const,
        registers,
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
