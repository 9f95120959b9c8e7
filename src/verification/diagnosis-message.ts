import {shortId} from '../kernel/correlation.ts'
import {code, ellipsis, link, plain, timestamp} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {Control, Reply, ReplyState} from '../sdk/index.ts'
import {carriesCommand, FIXES, verdictOfEnding, type DiagnosisState, type Ending} from './diagnosis.ts'
import {verdictOf, type CheckName, type DiagnosisReport, type ReportCheck} from './report.ts'

const NAMES: Readonly<Record<CheckName, string>> = {
  oidc: 'cloud sign-in',
  s3_read: 'bucket',
  cloudfront: 'CDN',
  api_health: 'API /health',
  api_hello: 'API /hello',
}
const MARKS = {ok: '✅', bad: '❌', 'not configured': '⚠️', untold: '⚪'} as const
const JOBS_SHOWN = 8

/** A diagnosis as one message: how it stands, then what was found, then what to do. */
export function describe(state: DiagnosisState): Reply {
  const {order, ending} = state
  const {glyph, words} = ending ? endingWords(state, ending) : standing(state)
  return {
    state: glyph,
    title: ellipsis(`diagnosis · ${words}`, 80),
    lines: [
      `asked by ${plain(order.requester, 60)} · ${code(shortId(order.id))} · started ${timestamp(order.requestedAt)}`,
      ...sitesLine(order.inputs),
      ...(ending ? endingLines(state, ending) : progressLines(state)),
    ],
    ...(ending?.kind === 'concluded' && ending.evidence.failure?.excerpt !== undefined
      ? {excerpt: ending.evidence.failure.excerpt}
      : {}),
    controls: controls(state),
  }
}

/** The short message at the end: edits notify nobody. */
export function closing(state: DiagnosisState): Reply {
  const {title, state: glyph} = describe(state)
  const {order, ending} = state
  const worst =
    ending?.kind === 'concluded' ? checksOf(ending)?.find(check => check.state === 'bad') : undefined
  return {
    state: glyph,
    title,
    lines: [
      ...(worst ? [checkLine(worst)] : []),
      `${code(shortId(order.id))} · asked by ${plain(order.requester, 60)}`,
    ],
    controls: runLink(state),
  }
}

/** Why nothing was started, where that is how it ended. */
export function refusalOf({ending}: DiagnosisState): string | undefined {
  return ending?.kind === 'refused' ? ending.reason : undefined
}

function standing(state: DiagnosisState): {readonly glyph: ReplyState; readonly words: string} {
  if (state.slowUntil !== undefined) return {glyph: 'running', words: 'waiting for GitHub'}
  if (state.stop) return {glyph: 'running', words: 'stopping'}
  switch (state.phase) {
    case 'watching':
      return {
        glyph: 'waiting',
        words:
          state.run?.status === 'in_progress'
            ? 'running'
            : plain((state.run?.status ?? 'queued').replaceAll('_', ' '), 20),
      }
    case 'reading':
      return {glyph: 'waiting', words: 'reading what it found'}
    default:
      return {
        glyph: 'running',
        words: state.phase === 'locating' ? 'started, looking for the run' : 'starting',
      }
  }
}

function endingWords(
  state: DiagnosisState,
  ending: Ending,
): {readonly glyph: ReplyState; readonly words: string} {
  const after = `after ${formatDuration((state.endedAt ?? 0) - state.order.requestedAt)}`
  switch (ending.kind) {
    case 'refused':
      return {glyph: 'failure', words: 'not started'}
    case 'not-found':
      return {glyph: 'partial', words: ending.unclear ? 'not sure it started' : 'started, run not located'}
    case 'watch-timeout':
      return {glyph: 'timed-out', words: `still running ${after}`}
    case 'hidden':
      return {glyph: 'partial', words: `lost sight of its run ${after}`}
    case 'cancelled-before-start':
      return {glyph: 'other', words: 'cancelled before it started'}
    case 'concluded':
      switch (verdictOfEnding(ending, verdictOf)) {
        case 'ok':
          return {glyph: 'success', words: `all well ${after}`}
        case 'failed':
          return {glyph: 'failure', words: `something is broken ${after}`}
        case 'partial':
          return {
            glyph: 'partial',
            words: ending.evidence.found.kind === 'none' ? `no results ${after}` : `not all well ${after}`,
          }
        case 'other':
          return {glyph: 'other', words: `${plain(ending.conclusion.replaceAll('_', ' '), 30)} ${after}`}
      }
  }
}

function endingLines(state: DiagnosisState, ending: Ending): readonly string[] {
  const workflow = link('the workflow', state.order.workflowUrl)
  switch (ending.kind) {
    case 'refused':
      return [plain(ending.reason, 400)]
    case 'not-found':
      return [
        ending.unclear
          ? `GitHub’s answer was lost and no run carries our id. Look at ${workflow} before running it again`
          : `no run carries our id: ${workflow}. Does its run-name include the correlation id?`,
      ]
    case 'watch-timeout':
      return ['stopped watching; open the run on GitHub to see how it ends']
    case 'hidden':
      return [
        ending.reason === undefined
          ? 'GitHub does not show the run any more: it was deleted, or we lost access to its repository'
          : plain(ending.reason, 300),
      ]
    case 'cancelled-before-start':
      return []
    case 'concluded':
      return concludedLines(ending)
  }
}

function concludedLines({
  conclusion,
  evidence: {found, failure},
}: Extract<Ending, {kind: 'concluded'}>): readonly string[] {
  const broken =
    failure === undefined
      ? []
      : [
          `job ${code(failure.job, 80)}${failure.step === undefined ? '' : ` › step ${code(failure.step, 80)}`}`,
        ]
  if (found.kind === 'none')
    return [
      `the run ended with ${code(conclusion)}, but there are no results to show: ${plain(found.why, 300)}`,
      ...broken,
    ]
  const {report} = found
  const total =
    report.totalSeconds === undefined ? [] : [`took ${formatDuration(report.totalSeconds * 1000)}`]
  const source = found.from === 'log' ? ['read from the log: there was no readable artifact'] : []
  return [...report.checks.map(checkLine), ...fixLines(report), ...broken, ...total, ...source]
}

function checkLine({name, state, status, ms, details}: ReportCheck): string {
  const facts = [
    ...(state === 'untold'
      ? ['the report does not say']
      : state === 'not configured'
        ? ['not configured']
        : []),
    ...(status === undefined ? [] : [String(Math.round(status))]),
    ...(ms === undefined ? [] : [`${Math.round(ms)} ms`]),
    ...(details === undefined || state === 'not configured' ? [] : [plain(details, 160)]),
  ]
  return `${MARKS[state]} ${NAMES[name]}${facts.length === 0 ? '' : `: ${facts.join(' · ')}`}`
}

function fixLines({checks}: DiagnosisReport): readonly string[] {
  const bad = checks.filter(({state}) => state === 'bad')
  return [...new Set(bad.map(({name}) => FIXES[name]))].map(fix => `🔧 ${fix}`)
}

function checksOf({
  evidence: {found},
}: Extract<Ending, {kind: 'concluded'}>): readonly ReportCheck[] | undefined {
  return found.kind === 'report' ? found.report.checks : undefined
}

function sitesLine({
  frontend_url: frontend,
  api_base: api,
}: Readonly<Record<string, string>>): readonly string[] {
  const site = (name: string, address: string | undefined) =>
    address === undefined ? `${name} not configured` : `${name} ${code(address)}`
  return [`${site('frontend', frontend)} · ${site('API', api)}`]
}

function progressLines({jobs = [], slowUntil, stop}: DiagnosisState): readonly string[] {
  return [
    ...(slowUntil === undefined ? [] : [`GitHub asks us to slow down; next look ${timestamp(slowUntil)}`]),
    ...(jobs.length === 0 ? [] : [jobs.slice(0, JOBS_SHOWN).map(jobWord).join(' · ')]),
    ...(stop === undefined ? [] : [`stop asked by ${plain(stop.by, 60)}`]),
    ...(stop?.refusal === undefined ? [] : [`GitHub did not stop the run: ${plain(stop.refusal, 200)}`]),
  ]
}

function jobWord({name, status, conclusion}: NonNullable<DiagnosisState['jobs']>[number]): string {
  const glyph =
    status === 'completed' ? (conclusion === 'success' ? '✅' : '❌') : status === 'in_progress' ? '▶' : '·'
  return `${plain(name, 40)} ${glyph}`
}

function controls(state: DiagnosisState): readonly Control[] {
  const subject = state.order.id
  const copy: Control = {kind: 'action', label: 'Copy id', action: 'copy', subject, style: 'secondary'}
  const stop: Control = {kind: 'action', label: 'Cancel', action: 'cancel', subject, style: 'danger'}
  // Without a command of its own there is nothing that the button could stop.
  const stoppable = carriesCommand(state.order) && state.phase !== 'ended' && state.stop === undefined
  return [copy, ...runLink(state), ...(stoppable ? [stop] : [])]
}

function runLink({run}: DiagnosisState): readonly Control[] {
  return run ? [{kind: 'link', label: 'Run ↗', url: run.url}] : []
}
