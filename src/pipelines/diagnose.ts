import type {Diagnosis, DiagnosisIssue, Fix, PastRun, Specialist} from '../sdk/index.ts'
import {lastGood} from './choose.ts'

export type Cause =
  | 'network'
  | 'memory'
  | 'time'
  | 'permission'
  | 'dependency'
  | 'types'
  | 'tests'
  | 'configuration'
  | 'unknown'

/** What is known when issues of a target are to be explained. */
export interface Evidence {
  readonly target: string
  readonly issues: readonly DiagnosisIssue[]
  /** Newest first. */
  readonly history: readonly PastRun[]
  /** Of the newest run, when it failed. */
  readonly failure:
    {readonly job: string; readonly step: string | undefined; readonly cause: Cause} | undefined
  readonly tried: readonly Fix[]
  readonly now: number
}

const SOON_MS = 3_600_000

/** The first pattern that a log's end fits says what broke; what passes by itself comes first. */
const CAUSES: readonly (readonly [Cause, RegExp])[] = [
  [
    'network',
    /\b(?:ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENOTFOUND)\b|socket hang up|connection (?:reset|refused|timed out)|TLS handshake|temporary failure in name resolution|\b(?:502|503|504) (?:bad gateway|service unavailable|gateway time-?out)/i,
  ],
  ['memory', /heap out of memory|out of memory|OOMKilled|signal: killed|exit code 137/i],
  ['time', /exceeded the maximum execution time|timed out after|job was cancelled because/i],
  ['permission', /AccessDenied|access denied|permission denied|not authori[sz]ed|\b40[13]\b|forbidden/i],
  [
    'dependency',
    /cannot find (?:module|package)|ModuleNotFoundError|No module named|ERR_MODULE_NOT_FOUND|npm ERR! (?:code E404|code ERESOLVE|ERESOLVE)|no matching version|could not resolve dependency/i,
  ],
  ['types', /error TS\d+|SyntaxError|type error|compil(?:e|ation) (?:error|failed)/i],
  ['tests', /\b\d+ (?:tests? )?failed\b|AssertionError|FAIL(?:ED)?\b.*(?:test|spec)|Tests:.*failed/i],
  [
    'configuration',
    /(?:missing|undefined|required) (?:environment )?variable|is not set|no such file or directory/i,
  ],
]

const WORDS: Readonly<Record<Cause, string>> = {
  network: 'the network failed',
  memory: 'it ran out of memory',
  time: 'it took too long',
  permission: 'it was not permitted to do something',
  dependency: 'a dependency is missing',
  types: 'the code does not compile',
  tests: 'tests fail',
  configuration: 'configuration is missing',
  unknown: 'the log does not say why',
}

export function causeOf(log: string): Cause {
  return CAUSES.find(([, pattern]) => pattern.test(log))?.[0] ?? 'unknown'
}

/**
 * What one role makes of the evidence: of the fixes it would try, the surest that was not tried yet. Each role looks
 * at its own part, so that three answers are three opinions: cicd at how the runs went, code-review at why the last
 * one broke, infrastructure at what people meet.
 */
export function diagnose(role: Specialist, evidence: Evidence): Diagnosis {
  const opinions = OPINIONS[role](evidence)
  const open = opinions.filter(({fix}) => fix === null || !evidence.tried.some(known => isSame(known, fix)))
  const [best] = [...open].sort((a, b) => b.confidence - a.confidence)
  if (best) return best
  return opinions.length > 0
    ? {diagnosis: 'what would help was tried already', fix: null, confidence: 0}
    : {diagnosis: 'nothing here explains it', fix: null, confidence: 0}
}

const OPINIONS: Readonly<Record<Specialist, (evidence: Evidence) => readonly Diagnosis[]>> = {
  infrastructure(evidence) {
    const {issues, history, now} = evidence
    const [latest] = history
    const down = issues.filter(issue => issue.kind.startsWith('endpoint'))
    const recent = latest !== undefined && now - latest.updatedAt < SOON_MS
    if (down.length > 0 && latest?.conclusion === 'success') {
      const since = `${names(down)} ${down.length === 1 ? 'fails' : 'fail'} since ${short(latest.sha)} was shipped`
      return [
        ...back(evidence, since, recent ? 0.8 : 0.4),
        ...again(evidence, `${names(down)}: shipping ${short(latest.sha)} again restarts it`, 0.3),
      ]
    }
    if (issues.length === 0) return []
    return [
      ...back(evidence, 'the last good deployment is to stand again', 0.5),
      ...again(evidence, `${names(issues)}: shipping it again restarts it`, 0.3),
    ]
  },

  cicd(evidence) {
    const [latest] = evidence.history
    if (!latest || latest.conclusion === null || latest.conclusion === 'success') return []
    const {conclusion, sha} = latest
    if (conclusion !== 'failure')
      return again(
        evidence,
        `the run of ${short(sha)} ended ${conclusion.replaceAll('_', ' ')}, which may pass`,
        0.7,
      )
    const wentBefore = evidence.history.some(run => run.sha === sha && run.conclusion === 'success')
    return wentBefore
      ? again(evidence, `${short(sha)} was shipped before: the run, not the commit, is at fault`, 0.7)
      : [
          ...back(evidence, `${short(sha)} never went through`, 0.6),
          ...again(evidence, `${short(sha)} failed once`, 0.35),
        ]
  },

  'code-review'(evidence) {
    const {failure, history} = evidence
    if (!failure) return []
    const where = `job ${failure.job}${failure.step === undefined ? '' : `, step ${failure.step}`}`
    const why = `${where}: ${WORDS[failure.cause]}`
    switch (failure.cause) {
      case 'network':
      case 'memory':
      case 'time':
        return again(evidence, why, 0.75)
      case 'dependency':
      case 'types':
      case 'tests':
        return back(evidence, `${why} in ${short(history[0]?.sha ?? '')}`, 0.8)
      case 'permission':
      case 'configuration':
        return [{diagnosis: `${why}; an operator must mend it`, fix: null, confidence: 0.6}]
      case 'unknown':
        return back(evidence, why, 0.3)
    }
  },
}

function back(evidence: Evidence, diagnosis: string, confidence: number): readonly Diagnosis[] {
  const good = lastGood(evidence.history, undefined)
  if (!good) return []
  const fix: Fix = {
    agent: 'infrastructure',
    action: 'rollback',
    with: {target: evidence.target, to: good.sha},
  }
  return [{diagnosis: `${diagnosis}; ${short(good.sha)} was good`, fix, confidence}]
}

function again(evidence: Evidence, diagnosis: string, confidence: number): readonly Diagnosis[] {
  const sha = evidence.history[0]?.sha
  if (sha === undefined) return []
  const fix: Fix = {
    agent: 'infrastructure',
    action: 'deploy_service',
    with: {target: evidence.target, sha},
  }
  return [{diagnosis, fix, confidence}]
}

function isSame(one: Fix, other: Fix): boolean {
  const entries = Object.entries(one.with)
  return (
    one.agent === other.agent &&
    one.action === other.action &&
    entries.length === Object.keys(other.with).length &&
    entries.every(([key, value]) => other.with[key] === value)
  )
}

function names(issues: readonly DiagnosisIssue[]): string {
  return [...new Set(issues.map(({service}) => service))].join(', ')
}

function short(sha: string): string {
  return sha.slice(0, 7)
}
