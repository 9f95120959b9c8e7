import {z} from 'zod'

const CHECKS = ['oidc', 's3_read', 'cloudfront', 'api_health', 'api_hello'] as const
export type CheckName = (typeof CHECKS)[number]

/** `untold`: the report does not speak of it. */
export type CheckState = 'ok' | 'bad' | 'not configured' | 'untold'

export interface ReportCheck {
  readonly name: CheckName
  readonly state: CheckState
  readonly status?: number
  readonly ms?: number
  readonly details?: string
}

/** What the diagnose workflow found out, as far as we understand it. Its texts are somebody else's. */
export interface DiagnosisReport {
  readonly checks: readonly ReportCheck[]
  readonly totalSeconds?: number
}

export type ParsedReport =
  | {readonly kind: 'report'; readonly report: DiagnosisReport}
  | {readonly kind: 'unreadable'; readonly why: string}

const number = z.number().nullish().catch(undefined)
const text = z.string().nullish().catch(undefined)
// Strict about what decides, lenient about what is only shown.
const check = z.object({
  ok: z.boolean().nullish(),
  status: number,
  ms: number,
  details: z.union([z.string(), z.unknown().transform(() => undefined)]).nullish(),
})
const summary = z.object({
  correlation_id: text,
  checks: z.object({
    oidc: check.nullish(),
    s3_read: check.nullish(),
    cloudfront: check.nullish(),
    api_health: check.nullish(),
    api_hello: check.nullish(),
  }),
  durations: z.object({total_s: number}).nullish().catch(undefined),
})

/** The report in a JSON text that a run left behind. One of another request, or in another shape, is none. */
export function parseReport(json: string, correlationId: string): ParsedReport {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return {kind: 'unreadable', why: 'it is not JSON'}
  }
  const parsed = summary.safeParse(value)
  if (!parsed.success) return {kind: 'unreadable', why: 'it does not have the shape of a diagnosis'}
  const {correlation_id: of, checks, durations} = parsed.data
  if (of !== null && of !== undefined && of !== '' && of !== correlationId)
    return {kind: 'unreadable', why: 'it is about another request'}
  const total = durations?.total_s
  return {
    kind: 'report',
    report: {
      checks: CHECKS.map(name => toCheck(name, checks[name] ?? undefined)),
      ...(typeof total === 'number' && total >= 0 ? {totalSeconds: total} : {}),
    },
  }
}

/** The first JSON object in a fence, as step summaries and logs show it; null where there is none, or a broken one. */
export function fencedJson(log: string): string | null {
  const lines = log.split(/\r?\n/).map(line => line.replace(/^\ufeff?\d{4}-\d\d-\d\dT[\d:.]+Z /, ''))
  const begin = lines.findIndex(line => /^\s*```json\s*$/i.test(line))
  if (begin === -1) return null
  const length = lines.slice(begin + 1).findIndex(line => /^\s*```\s*$/.test(line))
  if (length === -1) return null
  const json = lines.slice(begin + 1, begin + 1 + length).join('\n')
  try {
    const value: unknown = JSON.parse(json)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? json : null
  } catch {
    return null
  }
}

/**
 * What the checks come to. Without its role, its bucket or its CDN nothing can be shipped; of two API endpoints one may
 * be down. What nobody looked at is not well.
 */
export function verdictOf({checks}: DiagnosisReport): 'ok' | 'partial' | 'failed' {
  const state = (name: CheckName) => checks.find(one => one.name === name)?.state ?? 'untold'
  const bad = (...names: readonly CheckName[]) => names.filter(name => state(name) === 'bad').length
  if (bad('oidc', 's3_read', 'cloudfront') > 0 || bad('api_health', 'api_hello') === 2) return 'failed'
  return CHECKS.every(name => state(name) === 'ok') ? 'ok' : 'partial'
}

function toCheck(name: CheckName, given: z.output<typeof check> | undefined): ReportCheck {
  if (!given) return {name, state: 'untold'}
  const {ok, status, ms, details} = given
  return {
    name,
    state: ok === true ? 'ok' : isUnset(given) ? 'not configured' : ok === false ? 'bad' : 'untold',
    ...(typeof status === 'number' ? {status} : {}),
    ...(typeof ms === 'number' ? {ms} : {}),
    ...(typeof details === 'string' && details !== '' ? {details} : {}),
  }
}

/** Nothing was called, and the report says that there was nothing to call. */
function isUnset({status, details}: z.output<typeof check>): boolean {
  return (
    typeof status !== 'number' &&
    typeof details === 'string' &&
    /^(?:not (?:configured|set)|unset|skipped)\b/i.test(details.trim())
  )
}
