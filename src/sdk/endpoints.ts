/** One GET to one address. `error`: why it is not as it should be. */
export interface EndpointCheck {
  readonly side: 'frontend' | 'api'
  readonly url: string
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  /** As the answer says it. */
  readonly cacheControl?: string
  readonly error?: string
}

/** The checks of one side as numbers. */
export interface EndpointDigest {
  readonly side: EndpointCheck['side']
  readonly total: number
  readonly errors: number
  /** Percent, one decimal. */
  readonly successRate: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
}

/** How all of it stands. */
export interface HealthDigest {
  /** `unknown`: nothing is configured to be checked. That is not health. */
  readonly level: 'healthy' | 'degraded' | 'critical' | 'unknown'
  readonly sides: readonly EndpointDigest[]
}

/** Whether the product answers where people meet it. */
export interface EndpointsPort {
  /**
   * One GET to each address (frontend `/`, `/index.html`; API `/health`, `/hello`): those that are given, otherwise the
   * configured ones; empty when there are none.
   */
  check(
    signal: AbortSignal,
    bases?: {readonly frontend?: string | undefined; readonly api?: string | undefined},
  ): Promise<readonly EndpointCheck[]>
  /** The checks as numbers. No IO. */
  digest(checks: readonly EndpointCheck[]): HealthDigest
}
