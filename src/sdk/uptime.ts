/** `request_error`: it was not asked, because its address may not be called. `skipped`: there is nothing to ask. */
export type UptimeState =
  'online' | `error_${number}` | 'timeout' | 'connection_error' | 'request_error' | 'skipped'

/** One look at one service. */
export interface UptimeCheck {
  /** `bot`, `api`, `frontend`, and those of targets, such as `docs api`. */
  readonly service: string
  readonly state: UptimeState
  /** To the answer; absent where there was none, or nothing to measure. */
  readonly ms?: number
  /** A host, or what else was looked at. */
  readonly place?: string
  /** For people: why it is not online. */
  readonly reason?: string
}

/** What the scheduled looks found of one service in a window of time. */
export interface ServiceHistory {
  readonly service: string
  /** Looks that had an answer or should have had one. */
  readonly checks: number
  /** Percent of them that were online. */
  readonly availability: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
  /** The latencies from then to now, one character a slot: `▁`–`█`, `✕` where it was down, `·` where nobody looked. */
  readonly picture: string
  /** In percent points against the window before; undefined where nobody looked then. */
  readonly change: number | undefined
}

/** Whether the services are up, now and before. */
export interface UptimePort {
  /** Looks at everything there is, now; in the order of their names in the configuration. */
  check(signal: AbortSignal): Promise<readonly UptimeCheck[]>
  /** Of the last `windowMs`; without those that nobody looked at. */
  history(windowMs: number): Promise<readonly ServiceHistory[]>
  /** How often it is looked by itself; undefined: never. */
  readonly everyMs: number | undefined
}
