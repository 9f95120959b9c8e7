import type {Pool} from 'pg'
import {createInterruptions} from '../bot/interruptions.ts'
import type {DiscordApi} from '../integrations/discord/api.ts'
import {createArrivalStore, type ArrivalStore} from '../invocations/arrival-store.ts'
import {createInvocations, type Invocations} from '../invocations/service.ts'
import {createInvocationStore, type EndedCommand, type InvocationStore} from '../invocations/store.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {Metrics} from '../platform/metrics.ts'
import type {Outbox} from '../platform/outbox.ts'
import type {Queues} from '../platform/queue.ts'
import {createSealOpener} from './seal.ts'

/** The commands that were given, and those that arrived and were not yet recorded. */
export interface HouseInvocations {
  readonly invocations: Invocations
  readonly invocationStore: InvocationStore
  readonly arrivals: ArrivalStore
  /** Undefined without Discord. */
  readonly interruptions: ReturnType<typeof createInterruptions> | undefined
  /** Counts a command that ended elsewhere than with its action. */
  readonly observeEnd: (ended: EndedCommand) => void
}

export function openInvocations({
  config,
  pool,
  discord,
  outbox,
  queues,
  metrics,
  clock,
  log,
}: {
  readonly config: Pick<Config, 'home' | 'secretKey' | 'worker'>
  readonly pool: Pool
  readonly discord: DiscordApi | undefined
  readonly outbox: Outbox
  readonly queues: Queues
  readonly metrics: Pick<Metrics, 'commandDuration'>
  readonly clock: Clock
  readonly log: Logger
}): HouseInvocations {
  // A process that is merely slow is not lost, however short the leases.
  const lostAfterMs = Math.max(10_000, 3 * config.worker.leaseMs)
  const invocationStore = createInvocationStore({pool, openSeal: createSealOpener(config)})
  const arrivals = createArrivalStore({pool})
  return {
    invocations: createInvocations({store: invocationStore, outbox, queues, lostAfterMs, clock}),
    invocationStore,
    arrivals,
    interruptions: discord && createInterruptions({arrivals, discord, afterMs: lostAfterMs, clock, log}),
    observeEnd: ({command, status, tookMs}) =>
      metrics.commandDuration.observe({command, outcome: status}, tookMs / 1000),
  }
}
