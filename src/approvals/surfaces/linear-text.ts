import {code, ellipsis, link, plain} from '../../kernel/markdown.ts'
import type {RiskLevel} from '../../kernel/risk-level.ts'
import {formatDuration} from '../../kernel/time.ts'
import type {Notice} from '../../notifications/notice.ts'
import {REPLY_STATES} from '../../sdk/index.ts'
import {entitledRoles, escalationsLeft, mixesOf} from '../decide.ts'
import type {ApprovalRequest, Decision, ReleaseCard} from '../request.ts'
import {shownRequester} from '../requester.ts'
import {standing} from '../view.ts'
import {decisionText, utc} from './mail-facts.ts'

const PULLS_SHOWN = 6
const COMMITS_SHOWN = 5
const TITLE = 120

/** Priorities of Linear: 1 urgent to 4 low. */
export const PRIORITY = {critical: 1, high: 2, medium: 3, low: 4} as const satisfies Record<RiskLevel, number>

const CHECKLISTS: Readonly<Record<RiskLevel, readonly string[]>> = {
  low: [],
  medium: ['Review the changes'],
  high: ['Review the changes', 'Verify the risks', 'Check the approach'],
  critical: [
    'Review the changes',
    'Verify the risks',
    'Check the approach and the way back',
    'Request modifications where anything is open',
  ],
}

const GLYPHS: Readonly<Record<RiskLevel, string>> = {low: '🟢', medium: '🟡', high: '🟠', critical: '🔴'}

/**
 * Text that somebody else wrote, made harmless inside Linear's markdown: no marks, no address that it would turn into a
 * mention, also none without a scheme.
 */
export function foreign(text: string, maxLength = 200): string {
  return plain(text, maxLength).replace(/linear\.app/gi, match => `${match.slice(0, 6)}\u200b.app`)
}

/** The comment that opens a request's thread, and that shows at its end what became of it. */
export function rootText(
  request: ApprovalRequest,
  {mentions = [], now}: {readonly mentions?: readonly string[]; readonly now: number},
): string {
  const pending = request.status === 'pending'
  return [
    headline(request),
    ...(pending && mentions.length > 0 ? ['', mentions.join(' ')] : []),
    '',
    ...facts(request, now),
    ...cardLines(request.card),
    ...request.decisions.map(decision => `- ${decisionLine(decision)}`),
    ...(pending ? ['', howTo(request)] : endLines(request)),
    '',
    metadata(request),
  ].join('\n')
}

/** Title of a request's own issue. Titles hold no markup. */
export function issueTitle(request: ApprovalRequest): string {
  const {status, action, risk} = request
  const title = ellipsis(action.title.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim(), TITLE)
  return status === 'pending'
    ? `[HITL] ${GLYPHS[risk.level]} ${risk.level}: ${title}`
    : `[HITL] ${glyph(request)} ${standing(request).words}: ${title}`
}

/** Text of a request's own issue: what there is to look at, and in which order. The thread below it decides. */
export function issueText(request: ApprovalRequest, now: number): string {
  return [
    headline(request),
    '',
    ...facts(request, now),
    ...cardLines(request.card),
    '',
    ...CHECKLISTS[request.risk.level].map(item => `- [ ] ${item}`),
    '',
    metadata(request),
  ].join('\n')
}

/** A later message of the thread; undefined for what opens it. */
export function noticeText(
  notice: Notice,
  request: ApprovalRequest,
  mentions: readonly string[],
): string | undefined {
  const note = typeof notice.data['note'] === 'string' ? notice.data['note'] : undefined
  const by = typeof notice.data['by'] === 'string' ? notice.data['by'] : undefined
  const called = mentions.length > 0 ? ['', mentions.join(' ')] : []
  switch (notice.event) {
    case 'approval_required':
      return undefined
    case 'approval_question':
      return [
        `❔ **${foreign(by ?? 'somebody', 60)}** asks:`,
        `> ${foreign(note ?? '', 1000)}`,
        ...called,
      ].join('\n')
    case 'approval_reminder':
    case 'approval_escalated':
      return [`⏳ ${foreign(notice.title, 200)}${ending(request, notice.at)}`, ...called].join('\n')
    case 'approval_vote':
      return `☑️ ${foreign(notice.title, 200)}`
    default: {
      const last = request.decisions.at(-1)
      return [
        headline(request),
        ...(last && request.status !== 'cancelled' ? ['', decisionLine(last)] : []),
        ...endLines(request),
      ].join('\n')
    }
  }
}

/** What the agent asks in a session. */
export function questionText(request: ApprovalRequest, now: number): string {
  return [
    `${headline(request)}${ending(request, now)}`,
    '',
    riskLine(request),
    '',
    request.required.justification
      ? 'Choose, or answer with `/approve <justification>` or `/deny <reason>`.'
      : 'Choose, or answer with `/deny <reason>`: a no needs its reason.',
  ].join('\n')
}

/** How a session's work goes, for its plan. */
export function planOf(request: ApprovalRequest) {
  const {status, required, decisions} = request
  const given = decisions.filter(({decision}) => decision === 'approve').length
  const open = status === 'pending'
  return [
    {content: 'Ask those who may decide', status: 'completed'},
    {
      content: `Collect approvals (${given} of ${required.approvers})`,
      status: open ? 'inProgress' : status === 'approved' ? 'completed' : 'canceled',
    },
    {
      content: ellipsis(`Go on with ${request.action.title}`, 100),
      status: open ? 'pending' : status === 'approved' ? 'completed' : 'canceled',
    },
  ] as const
}

export function headline(request: ApprovalRequest): string {
  return `${glyph(request)} **${foreign(request.action.title, TITLE)}** ${standing(request).words}`
}

function glyph(request: ApprovalRequest): string {
  return REPLY_STATES[standing(request).state].glyph
}

function riskLine({risk}: ApprovalRequest): string {
  const why = risk.reasons.map(reason => foreign(reason, 120)).join('; ')
  return `risk ${GLYPHS[risk.level]} **${risk.level}** (${risk.score} of 10)${why === '' ? '' : `: ${why}`}`
}

function facts(request: ApprovalRequest, now: number): readonly string[] {
  const {required, requester, action} = request
  const roles = (names: readonly string[]) =>
    names.map(role => foreign(role.replaceAll('_', ' '), 40)).join(', ')
  const special = mixesOf(required)
    .map(mix => `, one of them ${roles(mix)}`)
    .join('')
  return [
    `- ${riskLine(request)}`,
    `- asked by ${foreign(shownRequester(requester), 100)}${ending(request, now)}`,
    ...(request.status === 'pending'
      ? [
          `- who can decide: ${roles(entitledRoles(request))}${special}; not ${foreign(requester.person ?? requester.name, 60)}`,
        ]
      : []),
    ...(action.sha === undefined ? [] : [`- commit ${code(action.sha.slice(0, 12))}`]),
  ]
}

function ending(request: ApprovalRequest, now: number): string {
  const {status, expiresAt} = request
  if (status !== 'pending' || expiresAt === undefined) return ''
  const left = expiresAt > now ? `, in ${formatDuration(expiresAt - now)}` : ''
  return ` · ${escalationsLeft(request) > 0 ? 'goes up the line' : 'rejects itself'} at ${utc(expiresAt)}${left}`
}

function cardLines(card: ReleaseCard | undefined): readonly string[] {
  if (!card) return []
  const {
    diff,
    migrations,
    pullRequests,
    issues,
    checks,
    commits,
    commitCount,
    compareUrl,
    missing,
    lastDeploy,
  } = card
  const more = commitCount - Math.min(commits.length, COMMITS_SHOWN)
  return [
    `- tests ${{success: '✅', failure: '❌', pending: 'under way', unknown: 'not known'}[checks]} · ${counted(diff.files, 'file')} (+${diff.additions} −${diff.deletions}) · ${migrations.length === 0 ? 'no migration' : `**${counted(migrations.length, 'migration')}**`}${compareUrl === undefined ? '' : ` · ${link('all changes', compareUrl)}`}`,
    ...pullRequests
      .slice(0, PULLS_SHOWN)
      .map(
        ({number, title, author, url}) =>
          `- ${link(`#${number}`, url)} ${foreign(title, 80)} (${foreign(author, 40)})`,
      ),
    ...commits
      .slice(0, COMMITS_SHOWN)
      .map(
        ({sha, title, author}) => `- ${code(sha.slice(0, 7))} ${foreign(title, 80)} (${foreign(author, 40)})`,
      ),
    ...(more > 0 ? [`- and ${counted(more, 'more commit')}`] : []),
    // In code: an identifier in plain text becomes a link, and a mention of an issue.
    ...(issues.length > 0 ? [`- issues ${issues.map(issue => code(issue, 20)).join(' ')}`] : []),
    ...(lastDeploy
      ? [
          `- last deploy ${link(lastDeploy.sha.slice(0, 7), lastDeploy.url)}, ${utc(lastDeploy.at)}${lastDeploy.by === undefined ? '' : ` by ${foreign(lastDeploy.by, 60)}`}`,
        ]
      : []),
    ...(missing.length > 0
      ? [`- could not be read: ${missing.map(each => foreign(each, 80)).join('; ')}`]
      : []),
  ]
}

function decisionLine(decision: Decision): string {
  return foreign(decisionText(decision), 500)
}

function howTo({required}: ApprovalRequest): string {
  return required.justification
    ? '**Reply in this thread** with `/approve <justification>`, `/deny <reason>` or `/request-info <question>`.'
    : '**Reply in this thread** with `/approve`, `/deny <reason>` or `/request-info <question>`, or react with 👍.'
}

function endLines({status, note, decidedAt, decisions, required}: ApprovalRequest): readonly string[] {
  const when = decidedAt === undefined ? '' : ` ${utc(decidedAt)}`
  if (status === 'expired') return ['', `Time was up${when}; it has to be asked for again.`]
  if (status !== 'cancelled') return []
  const why = note === undefined ? '' : `: ${foreign(note, 500)}`
  const approved = decisions.filter(({decision}) => decision === 'approve').length >= required.approvers
  return ['', approved ? `Void, what was approved is not what it was${why}` : `Withdrawn${when}${why}`]
}

function metadata({id, correlationId, bound}: ApprovalRequest): string {
  const parts = Object.entries(bound).map(([what, value]) => `${foreign(what, 30)} ${code(value, 60)}`)
  return [
    `request ${code(id)} · correlation ${code(correlationId)}`,
    ...(parts.length > 0 ? [`bound to ${parts.join(', ')}: if any of it moves, this is void`] : []),
  ].join('\n')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
