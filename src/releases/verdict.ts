/** One address that has to answer after a deployment, and how fast. */
export interface Check {
  readonly name: string
  readonly url: string
  /** Slower than this is a warning. */
  readonly maxMs: number
  /** It alone, when down, asks for going back. */
  readonly critical: boolean
}

/** What a check came to: `slow` answered, but not in time. */
export interface CheckResult {
  readonly name: string
  readonly url: string
  readonly outcome: 'ok' | 'slow' | 'down'
  readonly maxMs: number
  readonly critical: boolean
  /** Of the answer; absent where there was none. */
  readonly ms?: number
  readonly status?: number
  /** Why there was no good answer. */
  readonly error?: string
}

/** From which results a release is kept, or taken back, without asking. */
export interface Thresholds {
  /** Fewer than so many answering checks ask for going back; all of them where there are fewer. */
  readonly minChecks: number
  readonly promoteAt: {
    /** So many good checks, or all of them where there are fewer. */
    readonly checks: number
    /** Percent of all checks. */
    readonly share: number
  }
}

export interface Verdict {
  /** `unknown`: nothing was checked. That is not health. */
  readonly health: 'good' | 'doubtful' | 'bad' | 'unknown'
  /** Why it is bad, for people. */
  readonly reasons: readonly string[]
  /** Good enough to be kept without asking. */
  readonly promotable: boolean
}

/** Judges what was verified: pure and total, and never promotable on no evidence. */
export function judge(results: readonly CheckResult[], {minChecks, promoteAt}: Thresholds): Verdict {
  const total = results.length
  if (total === 0) return {health: 'unknown', reasons: [], promotable: false}
  const good = results.filter(({outcome}) => outcome === 'ok').length
  const down = results.filter(({outcome}) => outcome === 'down')
  const answering = total - down.length
  const reasons = [
    ...down.filter(({critical}) => critical).map(({name}) => `${name} is down`),
    ...(answering < Math.min(minChecks, total) ? [`only ${answering} of ${total} checks answer`] : []),
  ]
  const health = reasons.length > 0 ? 'bad' : good === total ? 'good' : 'doubtful'
  return {
    health,
    reasons,
    promotable:
      health !== 'bad' &&
      down.length === 0 &&
      good >= Math.min(promoteAt.checks, total) &&
      (good / total) * 100 >= promoteAt.share,
  }
}

/** One answer against what is expected of it. */
export function resultOf(
  {name, url, maxMs, critical}: Check,
  answer: {readonly ok: boolean; readonly ms: number; readonly status?: number; readonly error?: string},
): CheckResult {
  const {ok, ms, status, error} = answer
  return {
    ...{name, url, maxMs, critical},
    outcome: !ok ? 'down' : ms > maxMs ? 'slow' : 'ok',
    ...(status === undefined ? {} : {ms, status}),
    ...(error === undefined ? {} : {error}),
  }
}

const RANK = {ok: 2, slow: 1, down: 0} as const

/** The better of two tries of the same check: a deployment may take a moment to answer. */
export function better(one: CheckResult, other: CheckResult): CheckResult {
  if (RANK[one.outcome] !== RANK[other.outcome]) return RANK[one.outcome] > RANK[other.outcome] ? one : other
  return (one.ms ?? Infinity) <= (other.ms ?? Infinity) ? one : other
}
