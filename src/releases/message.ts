import {code, link, plain, timestamp} from '../kernel/markdown.ts'
import {REPLY_STATES, type Control, type Reply, type ReplyState} from '../sdk/index.ts'
import {choices, wentWell, type Release, type Shipped} from './decide.ts'
import {judge, type CheckResult, type Verdict} from './verdict.ts'

const HISTORY_SHOWN = 4

/** A release's own message: what was verified, and what can be or was decided. */
export function describe(release: Release): Reply {
  const {request, checks = [], expiresAt, phase} = release
  const {state, words} = standing(release)
  return {
    state,
    title: `${titleOf(release)} · ${words}`,
    lines: [
      ...shippedLine(release),
      ...checks.map(checkLine),
      ...(phase === 'deciding' ? adviceLines(release) : []),
      ...decisionLines(release),
      ...(phase === 'deciding' && expiresAt !== undefined
        ? [`decide until ${timestamp(expiresAt)}; after that it stays as it is`]
        : []),
      `${code(`${request.id.slice(0, 8)}…`)} · asked by ${plain(request.requester.name, 60)}`,
    ],
    controls: controls(release),
  }
}

/** What the first line says after the name. */
export function standing(release: Release): {readonly state: ReplyState; readonly words: string} {
  const {phase, decision} = release
  const by = decision?.by ? ` by ${plain(decision.by.name, 30)}` : decision ? ' automatically' : ''
  switch (phase) {
    case 'shipping':
      return {state: 'running', words: 'shipping'}
    case 'verifying':
      return {state: 'running', words: 'verifying'}
    case 'deciding':
      return verified(release)
    case 'promoting':
      return {state: 'running', words: `promoting${by}`}
    case 'promoted':
      return {state: 'success', words: `promoted${by}`}
    case 'promotion-failed':
      return {state: 'failure', words: 'promotion failed'}
    case 'rolling-back':
      return {state: 'running', words: `rolling back${by}`}
    case 'rolled-back':
      return {state: 'other', words: `rolled back${by}`}
    case 'rollback-failed':
      return {state: 'failure', words: 'rollback failed'}
    case 'expired':
      return {state: 'other', words: 'nobody decided in time'}
    case 'superseded':
      return {state: 'other', words: 'something else was shipped since'}
    case 'not-shipped':
      return {state: 'other', words: 'not shipped'}
    case 'unverified':
      return {state: 'partial', words: 'not verified'}
  }
}

/** How its addresses answer at this moment, and what was shipped before. */
export function liveView(release: Release, now: readonly CheckResult[], history: readonly Release[]): Reply {
  const verdict = judge(now, release.request.rules)
  return {
    state: HEALTH[verdict.health],
    title: `${titleOf(release)} · ${HEALTH_WORDS[verdict.health]} right now`,
    lines: [
      ...(now.length === 0 ? [NOTHING_CHECKED] : now.map(checkLine)),
      ...lastGoodLine(release),
      ...history.slice(0, HISTORY_SHOWN).map(historyLine),
    ],
  }
}

export function titleOf({request: {target, environment, strategy}}: Release): string {
  return `${target} → ${environment}${strategy === 'canary' ? ' (canary)' : ''}`
}

const HEALTH = {good: 'ok', doubtful: 'partial', bad: 'error', unknown: 'partial'} as const
const HEALTH_WORDS = {good: 'all well', doubtful: 'partly well', bad: 'not well', unknown: 'unknown'} as const
const NOTHING_CHECKED =
  'nothing to check is configured: `verify` and `ship.checks` of the target in signalbox.yaml'

/** What the checks came to, and whether the run itself went well. */
function verified(release: Release): {readonly state: ReplyState; readonly words: string} {
  const {checks = [], request} = release
  const {health} = judge(checks, request.rules)
  const good = checks.filter(({outcome}) => outcome === 'ok').length
  const counted = `${good} of ${checks.length} checks good`
  if (!wentWell(release))
    return {state: 'failure', words: `not deployed, ${health === 'unknown' ? 'not verified' : counted}`}
  return health === 'unknown'
    ? {state: 'partial', words: 'deployed, nothing verified'}
    : {state: HEALTH[health], words: `deployed, ${counted}`}
}

const CHECK_GLYPHS = {ok: '✅', slow: '⚠️', down: '❌'} as const

function checkLine({name, outcome, ms, status, maxMs, error}: CheckResult): string {
  const what = `${CHECK_GLYPHS[outcome]} ${plain(name, 40)}`
  if (outcome === 'down')
    return `${what} · ${status === undefined ? plain(error ?? 'no answer', 120) : `HTTP ${status}`}`
  return `${what} · ${ms} ms${outcome === 'slow' ? ` (over ${maxMs} ms)` : ''}`
}

function shippedLine({shipped}: Release): readonly string[] {
  if (!shipped || shipped.kind === 'none') return []
  const parts = [
    ...(shipped.sha === undefined ? [] : [code(shipped.sha.slice(0, 7))]),
    conclusionOf(shipped),
    ...runLink(shipped.runUrl),
  ]
  return [parts.join(' · ')]
}

function conclusionOf(shipped: Exclude<Shipped, {kind: 'none'}>): string {
  return shipped.kind === 'unknown'
    ? plain(shipped.why, 200)
    : `its run ended with ${plain(shipped.conclusion.replaceAll('_', ' '), 30)}`
}

/** What speaks for which button. */
function adviceLines(release: Release): readonly string[] {
  const {checks = [], request} = release
  const verdict: Verdict = judge(checks, request.rules)
  return [
    ...(verdict.health === 'unknown' ? [NOTHING_CHECKED] : []),
    ...(verdict.reasons.length > 0
      ? [`speaks for going back: ${verdict.reasons.map(reason => plain(reason, 100)).join(', ')}`]
      : []),
    ...lastGoodLine(release),
    ...(wentWell(release) && request.strategy === 'full'
      ? ['it is out in full: promoting it only marks it as good']
      : []),
  ]
}

function lastGoodLine({lastGood}: Release): readonly string[] {
  if (!lastGood) return []
  return 'sha' in lastGood
    ? [`last good: ${code(lastGood.sha.slice(0, 7))}`]
    : [`no way back: ${plain(lastGood.none, 200)}`]
}

function decisionLines(release: Release): readonly string[] {
  const {decision, outcome} = release
  if (!decision) return []
  const why = (decision.reasons ?? []).map(reason => plain(reason, 100)).join(', ')
  return [
    `${decided(release)} · ${timestamp(decision.at)}${why === '' ? '' : `: ${why}`}`,
    ...(outcome ? [[plain(outcome.words, 300), ...runLink(outcome.runUrl)].join(' · ')] : []),
  ]
}

/** What the decision does. */
function decided({decision, lastGood}: Release): string {
  if (decision?.kind === 'rollback')
    return `back to ${lastGood && 'sha' in lastGood ? code(lastGood.sha.slice(0, 7)) : 'what was there before'}`
  return decision?.followUp === undefined
    ? 'marked as good; nothing further was shipped'
    : 'the same commit is shipped in full'
}

function runLink(url: string | undefined): readonly string[] {
  return url === undefined ? [] : [link('its run', url)]
}

function historyLine(release: Release): string {
  const {request, shipped} = release
  const {state, words} = standing(release)
  const sha =
    shipped && 'sha' in shipped && shipped.sha !== undefined ? `${code(shipped.sha.slice(0, 7))} ` : ''
  return `${REPLY_STATES[state].glyph} ${sha}${words} · ${plain(request.requester.name, 40)} ${timestamp(request.requestedAt)}`
}

/** The safe one first; what can't be done is not offered. */
function controls(release: Release): readonly Control[] {
  if (release.phase !== 'deciding') return []
  const subject = release.request.id
  const may = choices(release)
  return [
    ...(may.includes('promote')
      ? [{kind: 'action', label: 'Promote', action: 'promote', subject, style: 'primary'} as const]
      : []),
    {kind: 'action', label: 'Details', action: 'release-details', subject, style: 'secondary'},
    ...(may.includes('rollback')
      ? [{kind: 'action', label: 'Roll back', action: 'roll-back', subject, style: 'danger'} as const]
      : []),
  ]
}
