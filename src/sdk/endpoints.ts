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

export interface EndpointDigest {
  readonly side: EndpointCheck['side']
  readonly total: number
  readonly errors: number
  /** Percent, one decimal. */
  readonly successRate: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
}

export interface HealthDigest {
  /** `unknown`: nothing is configured to be checked. That is not health. */
  readonly level: 'healthy' | 'degraded' | 'critical' | 'unknown'
  readonly sides: readonly EndpointDigest[]
}

export interface EndpointsPort {
  /**
   * One GET to each address (frontend `/`, `/index.html`; API `/health`, `/hello`): those that are given, otherwise the
   * configured ones; empty when there are none.
   */
  check(
    signal: AbortSignal,
    bases?: {readonly frontend?: string | undefined; readonly api?: string | undefined},
  ): Promise<readonly EndpointCheck[]>
  digest(checks: readonly EndpointCheck[]): HealthDigest
}
