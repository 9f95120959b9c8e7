import {randomUUID} from 'node:crypto'
import type pg from 'pg'
import {Registry} from 'prom-client'
import {createEvents, type Directory, type Events, type EventsWithJournal} from '../../src/events/index.ts'
import type {Clock} from '../../src/kernel/clock.ts'
import {silentLogger} from '../../src/platform/logger.ts'
import type {createMemoryServer} from './memory-transport.ts'

export type MemoryServer = ReturnType<typeof createMemoryServer>

export interface EventsNode {
  readonly registry: Registry
  /** A metric's value for exactly these labels; undefined when it has no such series. */
  metric(name: string, labels?: Readonly<Record<string, string | number>>): Promise<number | undefined>
}

export interface NodeOptions {
  readonly clock?: Clock
  readonly directory?: Directory
  readonly id?: string
}

/** One process's bus, on a transport in memory. */
export function openNode(server: MemoryServer, options?: NodeOptions): Events & EventsNode
export function openNode(
  server: MemoryServer,
  options: NodeOptions & {readonly pool: pg.Pool},
): EventsWithJournal & EventsNode
export function openNode(
  server: MemoryServer,
  {id = randomUUID(), ...options}: NodeOptions & {readonly pool?: pg.Pool} = {},
): Events & EventsNode {
  const registry = new Registry()
  const events = createEvents({
    where: {redisUrl: 'unused'},
    registry,
    log: silentLogger,
    instanceId: id,
    transport: server.transport(id),
    ...options,
  })
  return {
    ...events,
    registry,
    async metric(name, labels = {}) {
      const metric = (await registry.getMetricsAsJSON()).find(
        each => each.name === name.replace(/_count$/, ''),
      )
      const wanted = JSON.stringify(Object.entries(labels).sort())
      return metric?.values.find(value => {
        const {metricName} = value as {metricName?: string}
        return (
          (metricName === undefined || metricName === name) &&
          JSON.stringify(Object.entries(value.labels).sort()) === wanted
        )
      })?.value
    },
  }
}
