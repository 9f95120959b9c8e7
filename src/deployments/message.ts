import {shortId} from '../kernel/correlation.ts'
import {code, ellipsis, link, plain, timestamp} from '../kernel/markdown.ts'
import {formatDuration} from '../kernel/time.ts'
import type {Control, Reply, ReplyState} from '../sdk/index.ts'
import {lockOf, type Ask, type DeploymentState, type JobView, type StepView, type Verdict} from './state.ts'

const AHEAD_SHOWN = 5

/** The whole story as one message: the first line answers, the rest is there when wanted. */
export function describe(state: DeploymentState): Reply {
  const {request} = state
  const {glyph, words} = standing(state)
  const title = `${ellipsis(request.target, 30)} → ${request.environment} · ${words}`
  const lines = [
    `asked by ${plain(request.requester.name, 60)} · ${code(shortId(request.correlationId))} · started ${timestamp(request.requestedAt)}`,
    `${code(request.ref)} of ${plain(request.repository, 100)} by ${code(request.workflow)}`,
    ...(request.apiBase === undefined ? [] : [`API ${code(request.apiBase)}`]),
    ...gateLines(state),
    ...progressLine(state),
    ...lockLines(state),
    ...detailLines(state),
  ]
  return {
    state: glyph,
    title: ellipsis(title, 80),
    lines,
    ...(state.failure?.excerpt === undefined ? {} : {excerpt: state.failure.excerpt}),
    controls: controls(state),
  }
}

/** The short message at the end: edits notify nobody, so the verdict is posted anew and links back. */
export function closing(state: DeploymentState): Reply {
  const full = describe(state)
  const {failure} = state
  const cause = failure ? [failureLine(failure)] : []
  const id = `${code(shortId(state.request.correlationId))} · asked by ${plain(state.request.requester.name, 60)}`
  return {state: full.state, title: full.title, lines: [...cause, id], controls: runLink(state)}
}

function standing(state: DeploymentState): {readonly glyph: ReplyState; readonly words: string} {
  const {verdict} = state
  if (verdict) return ending(state, verdict)
  if (state.slowUntil !== undefined && state.slowUntil > (state.lookedAt ?? 0)) {
    return {glyph: 'running', words: 'waiting for GitHub'}
  }
  if (state.cancel) return {glyph: 'running', words: 'stopping'}
  if (state.phase === 'inspecting') return {glyph: 'running', words: 'reading what would ship'}
  if (state.phase === 'parked' && state.gate?.ask) return {glyph: 'waiting', words: waiting(state.gate.ask)}
  if (state.line) return {glyph: 'waiting', words: `waiting, ${ordinal(state.line.ahead.length + 1)} in line`}
  switch (state.phase) {
    case 'requested':
    case 'dispatching':
      return {glyph: 'running', words: 'starting'}
    case 'locating':
      return {glyph: 'running', words: 'started, looking for the run'}
    default:
      return {
        glyph: 'running',
        words:
          state.run?.status === 'in_progress'
            ? 'deploying'
            : plain((state.run?.status ?? 'queued').replaceAll('_', ' '), 30),
      }
  }
}

function ending(
  state: DeploymentState,
  verdict: Verdict,
): {readonly glyph: ReplyState; readonly words: string} {
  const took = formatDuration((state.endedAt ?? 0) - state.request.requestedAt)
  switch (verdict.kind) {
    case 'concluded':
      if (verdict.conclusion === 'success') return {glyph: 'success', words: `success after ${took}`}
      if (verdict.conclusion === 'failure') return {glyph: 'failure', words: `failed after ${took}`}
      return {glyph: 'other', words: `${plain(verdict.conclusion.replaceAll('_', ' '), 30)} after ${took}`}
    case 'started':
      return {glyph: 'running', words: 'started'}
    case 'watch-timeout':
      return {glyph: 'timed-out', words: `still running after ${took}`}
    case 'run-hidden':
      return {glyph: 'partial', words: `lost sight of its run after ${took}`}
    case 'not-found':
      return verdict.unclear
        ? {glyph: 'partial', words: 'not sure it started'}
        : {glyph: 'partial', words: 'dispatched, run not located yet'}
    case 'cancelled-before-start':
      return {glyph: 'other', words: 'cancelled before it started'}
    case 'refused':
      return {glyph: 'failure', words: 'not started'}
    case 'blocked':
      return {glyph: 'refused', words: 'not started'}
    case 'not-approved':
      return verdict.how === 'rejected'
        ? {
            glyph: 'refused',
            words: `rejected${verdict.by === undefined ? '' : ` by ${plain(verdict.by, 30)}`}`,
          }
        : {glyph: 'other', words: verdict.how === 'expired' ? 'approval expired' : 'approval withdrawn'}
    case 'wrong-commit':
      return {
        glyph: 'failure',
        words: `ran another commit, ${verdict.conclusion === 'cancelled' ? 'stopped' : 'see its run'}`,
      }
  }
}

/** `waits for 2 approvals (1 of 2)`. */
function waiting({needed, given}: Ask): string {
  return `waits for ${needed === 1 ? 'approval' : `${needed} approvals (${given} of ${needed})`}`
}

/** What it is about, who decides, and what exactly: while it waits; later only what was asked for. */
function gateLines({gate, phase, request, verdict}: DeploymentState): string[] {
  if (!gate) return []
  const moved =
    gate.moved === undefined
      ? []
      : [`asks again, for it moved: ${gate.moved.map(change => plain(change, 120)).join(' · ')}`]
  if (gate.passed?.how === 'glass-broken') return [...moved, 'glass broken: no approval was asked for']
  const {ask, release} = gate
  if (!ask || !release) return moved
  const what = `${code(release.sha.slice(0, 7))} + ${code(`${request.workflow}@${release.workflowSha.slice(0, 4)}`)}`
  if (phase !== 'parked') return verdict ? [] : [...moved, `approved: ${what}`]
  return [
    ...moved,
    riskLine(ask),
    whoLine(ask, request.requester.name),
    `bound to ${what}: if either moves, this asks again`,
  ]
}

function riskLine({level, reasons, card}: Ask): string {
  const parts = card
    ? [
        countOf(card.files, 'file'),
        ...(card.migrations > 0 ? [countOf(card.migrations, 'migration')] : []),
        ...(card.pullRequests.length > 0
          ? [
              `${countOf(card.pullRequests.length, 'PR')} (${card.pullRequests
                .slice(0, 5)
                .map(number => `#${number}`)
                .join(' ')}${card.pullRequests.length > 5 ? ' …' : ''})`,
            ]
          : []),
        `tests ${TESTS[card.checks]}`,
      ]
    : []
  return [`risk ${level}: ${reasons.map(reason => plain(reason, 80)).join(', ')}`, ...parts].join(' · ')
}

const TESTS = {success: '✅', failure: '❌', pending: '▶', unknown: 'unknown'} as const

function whoLine({roles, url, expiresAt}: Ask, requester: string): string {
  return [
    `who can: ${roles.map(role => plain(role.replaceAll('_', ' '), 40)).join(', ')}, not ${plain(requester, 60)}`,
    ...(url === undefined ? [] : [link('decide here', url)]),
    ...(expiresAt === undefined ? [] : [`expires ${timestamp(expiresAt)}`]),
  ].join(' · ')
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** What it holds, or waits for: behind whom, and since when. */
function lockLines(state: DeploymentState): string[] {
  const {line, lock, verdict} = state
  if (verdict) return []
  const what = `lock ${code(lockOf(state.request))}`
  if (lock)
    return [`${what} · ${lock.lost ? 'was taken away; the deploy goes on without it' : 'you are holding it'}`]
  if (!line) return []
  const {holder, ahead, since} = line
  const by = holder ? `held by ${plain(holder.owner, 60)}` : 'about to be free'
  const why = holder?.reason === undefined ? '' : `: ${plain(holder.reason, 100)}`
  const names = ahead.slice(0, AHEAD_SHOWN).map(owner => plain(owner, 60))
  const more = ahead.length - names.length
  const before =
    names.length === 0 ? '' : ` · after ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return [`${what} · ${by}${why}`, `in line since ${timestamp(since)}${before}`]
}

function ordinal(n: number): string {
  const last = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10
  return `${n}${['th', 'st', 'nd', 'rd'][last] ?? 'th'}`
}

function detailLines(state: DeploymentState): string[] {
  const lines: string[] = []
  const {verdict, cancel, failure} = state
  if (!verdict && state.slowUntil !== undefined && state.slowUntil > (state.lookedAt ?? 0)) {
    lines.push(`GitHub asks us to slow down; next look ${timestamp(state.slowUntil)}`)
  }
  if (cancel) lines.push(`stop asked by ${plain(cancel.by, 60)} ${timestamp(cancel.at)}`)
  if (cancel?.refusal !== undefined) lines.push(`GitHub did not stop the run: ${plain(cancel.refusal, 200)}`)
  if (failure) lines.push(failureLine(failure))
  if (failure && failure.excerpt === undefined)
    lines.push('its log could not be read; open the run to see it')
  if (failure?.moreLines) lines.push(`${failure.moreLines} more lines in ${link('the log', failure.jobUrl)}`)
  if (!verdict) return lines
  switch (verdict.kind) {
    case 'started':
      lines.push('not waiting for the end; see `/status`')
      break
    case 'watch-timeout':
      lines.push('stopped watching; it may still end well: open the run on GitHub')
      break
    case 'run-hidden':
      lines.push(
        verdict.reason === undefined
          ? 'GitHub does not show the run any more: it was deleted, or we lost access to its repository'
          : `GitHub does not let us see the run any more. ${plain(verdict.reason, 300)}`,
        `it may have gone on: look at ${link('the workflow', state.request.workflowUrl)} for how it ended`,
      )
      break
    case 'not-found':
      lines.push(
        verdict.unclear
          ? `GitHub’s answer was lost and no run carries our id. Look at ${link('the workflow', state.request.workflowUrl)} before running it again`
          : `no run carries our id yet: ${link('the workflow', state.request.workflowUrl)}. Does its run-name include the correlation id?`,
      )
      if (state.bestGuessUrl !== undefined)
        lines.push(`${link('newest run', state.bestGuessUrl)} (best guess, not followed)`)
      break
    case 'refused':
      lines.push(plain(verdict.reason, 400))
      break
    case 'blocked':
      lines.push(plain(verdict.reason, 400))
      if (verdict.until !== undefined) lines.push(`until ${timestamp(verdict.until, 'f')}`)
      break
    case 'not-approved': {
      const how = [
        ...(verdict.by === undefined ? [] : [`by ${plain(verdict.by, 60)}`]),
        ...(verdict.surface === undefined ? [] : [`via ${plain(verdict.surface, 20)}`]),
        ...(state.endedAt === undefined ? [] : [timestamp(state.endedAt)]),
      ].join(' ')
      lines.push(
        `${verdict.how} ${how}${verdict.reason === undefined ? '' : `: ${plain(verdict.reason, 300)}`}`,
      )
      break
    }
    case 'wrong-commit':
      lines.push(
        `approved was ${code(state.gate?.release?.sha.slice(0, 7) ?? '')}, the run was of ${code(verdict.sha.slice(0, 7))}: its branch moved in between`,
        verdict.conclusion === 'cancelled'
          ? 'it was stopped; look at what it did before that, and run the deploy again'
          : 'it could not be stopped in time: look at its run at once',
      )
      break
    case 'concluded':
      if (verdict.conclusion === 'action_required' || verdict.conclusion === 'startup_failure') {
        lines.push('GitHub could not start its jobs: open the run to see why')
      }
      break
    case 'cancelled-before-start':
      break
  }
  return lines
}

function failureLine(failure: NonNullable<DeploymentState['failure']>): string {
  const step = failure.step === undefined ? '' : ` › step ${code(failure.step, 80)}`
  const exit = failure.exitCode === undefined ? '' : ` (exit ${failure.exitCode})`
  return `job ${code(failure.job, 80)}${step}${exit}`
}

/** `build ✅ 41s · deploy ▶ since 12 s · verify ·`: the jobs, or the steps when there is one job only. */
function progressLine(state: DeploymentState): string[] {
  const [only, ...others] = state.jobs
  if (!only) return []
  const parts: readonly (JobView | StepView)[] = others.length === 0 ? only.steps : state.jobs
  const shown = parts.slice(0, 12).map(part => `${plain(part.name, 40)} ${mark(part)}`)
  return shown.length === 0
    ? []
    : [shown.join(' · ') + (parts.length > 12 ? ` · and ${parts.length - 12} more` : '')]
}

function mark(part: JobView | StepView): string {
  const took =
    part.startedAt !== undefined && part.endedAt !== undefined
      ? ` ${formatDuration(part.endedAt - part.startedAt)}`
      : ''
  if (part.status !== 'completed')
    return part.status === 'in_progress'
      ? `▶${part.startedAt === undefined ? '' : ` ${timestamp(part.startedAt)}`}`
      : '·'
  switch (part.conclusion) {
    case 'success':
      return `✅${took}`
    case 'failure':
      return `❌${took}`
    case 'skipped':
      return '⏭'
    default:
      return `⚪${took}`
  }
}

function controls(state: DeploymentState): Control[] {
  const subject = state.request.correlationId
  const copy: Control = {kind: 'action', label: 'Copy id', action: 'copy', subject, style: 'secondary'}
  if (state.phase !== 'finished') {
    const stop: Control[] = state.cancel
      ? []
      : [{kind: 'action', label: 'Cancel', action: 'cancel', subject, style: 'danger'}]
    return [copy, ...runLink(state), ...stop]
  }
  const again =
    state.verdict?.kind === 'concluded' &&
    state.verdict.conclusion !== 'success' &&
    !state.request.decidedElsewhere
  const retry: Control[] = again
    ? [{kind: 'action', label: 'Retry', action: 'retry', subject, style: 'primary'}]
    : []
  return [copy, ...retry, ...runLink(state)]
}

function runLink(state: DeploymentState): Control[] {
  return state.run ? [{kind: 'link', label: 'Run ↗', url: state.run.url}] : []
}
