import type {EndpointCheck, HealthDigest} from '../sdk/index.ts'

/** No errors is healthy, fewer than half degraded, anything worse critical. */
export function digestEndpoints(checks: readonly EndpointCheck[]): HealthDigest {
  const errors = checks.filter(check => !check.ok).length
  const level =
    checks.length === 0
      ? 'unknown'
      : errors === 0
        ? 'healthy'
        : errors * 2 < checks.length
          ? 'degraded'
          : 'critical'
  const sides = (['frontend', 'api'] as const).flatMap(side => {
    const own = checks.filter(check => check.side === side)
    if (own.length === 0) return []
    const failed = own.filter(check => !check.ok).length
    const latencies = own.filter(check => check.ok).map(check => check.ms)
    return [
      {
        side,
        total: own.length,
        errors: failed,
        successRate: Math.round(((own.length - failed) / own.length) * 1000) / 10,
        p50Ms: percentile(latencies, 50),
        p95Ms: percentile(latencies, 95),
      },
    ]
  })
  return {level, sides}
}

/** Nearest-rank percentile: a single sample is itself, no sample is nothing. */
function percentile(values: readonly number[], p: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)]
}
