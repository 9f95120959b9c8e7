import {shortId} from '../kernel/correlation.ts'
import {code, ellipsis, link, plain, timestamp} from '../kernel/markdown.ts'
import type {Control, Reply} from '../sdk/index.ts'
import {ballotOf} from './ballot.ts'
import {entitledRoles, escalationsLeft, mixesOf} from './decide.ts'
import {shownRequester} from './requester.ts'
import type {ApprovalRequest, Bound, Decision, ReleaseCard, Surface} from './request.ts'

const TITLE = 80
const PLAIN_TO_SEE: ReadonlySet<string> = new Set(['command', 'arguments', 'environment', 'repository'])
const PULLS_SHOWN = 6
const COMMITS_SHOWN = 5
const FAILING_SHOWN = 3

const SURFACE_NAMES = {
  discord: 'Discord',
  linear: 'Linear',
  mail: 'mail',
  http: 'the HTTP API',
  chat: 'chat',
} as const satisfies Record<Surface, string>

/**
 * The request's own message in Discord: what is asked, how risky, who can decide, what it is bound to; at the end who
 * decided it, where and when, and no button any more. `mentions`: the Discord ids of those who are called.
 */
export function describeApproval(
  request: ApprovalRequest,
  {mentions = []}: {readonly mentions?: readonly string[]} = {},
): Reply {
  const {words, state} = standing(request)
  const title = ellipsis(plain(request.action.title, 50), TITLE - words.length - 3)
  const pending = request.status === 'pending'
  const [facts, ...details] = cardLines(request.card)
  return {
    state,
    title: `${title} · ${words}`,
    lines: [
      riskLine(request),
      ...(facts === undefined ? [] : [facts]),
      ...request.decisions.map(decisionLine),
      ...(pending ? [whoLine(request)] : endingLines(request)),
      boundLine(request),
      ...details,
      // Of a message that grows too long the details are left out, never its last line.
      `asked by ${plain(shownRequester(request.requester), 100)} ${timestamp(request.createdAt)} · ${code(shortId(request.id))}`,
    ],
    ...(pending && mentions.length > 0 ? {mentions} : {}),
    controls: pending ? controls(request) : [],
  }
}

/** `waits for 2 approvals (0 of 2)`, `approved`, `rejected`: how a request stands, without a glyph. */
export function standing(request: ApprovalRequest): {readonly state: Reply['state']; readonly words: string} {
  const {status, required, decisions} = request
  switch (status) {
    case 'pending': {
      const {approvers} = required
      const count = decisions.filter(({decision}) => decision === 'approve').length
      const what = approvers === 1 ? 'an approval' : `${approvers} approvals (${count} of ${approvers})`
      return {state: 'waiting', words: `waits for ${what}`}
    }
    case 'approved':
      return {state: 'ok', words: 'approved'}
    case 'rejected':
      return {state: 'refused', words: 'rejected'}
    case 'expired':
      return {state: 'other', words: 'nobody decided in time'}
    case 'cancelled':
      return {state: 'other', words: isVoid(request) ? 'void' : 'cancelled'}
  }
}

/** `risk high: deploy to production`. */
function riskLine({risk, action}: ApprovalRequest): string {
  const why = risk.reasons.map(reason => plain(reason.replace(/ \([a-z0-9_]+\)$/, ''), 80)).join(', ')
  return `risk **${risk.level}** (${risk.score} of 10): ${why || `${plain(action.operation, 40)} in ${plain(action.environment, 40)}`}`
}

/** What would be shipped, in short: sizes, pull requests, checks; then the newest commits. */
function cardLines(card: ReleaseCard | undefined): readonly string[] {
  if (!card) return []
  const {diff, migrations, pullRequests, issues, checks, failing = []} = card
  const {commits, commitCount, compareUrl, missing} = card
  const pulls = pullRequests.slice(0, PULLS_SHOWN).map(({number, url}) => link(`#${number}`, url))
  const facts = [
    ...(diff.files > 0 ? [`${counted(diff.files, 'file')} (+${diff.additions} −${diff.deletions})`] : []),
    ...(migrations.length > 0 ? [`**${counted(migrations.length, 'migration')}**`] : []),
    ...(pulls.length > 0 ? [`${counted(pullRequests.length, 'PR')} (${pulls.join(' ')})`] : []),
    ...(issues.length > 0
      ? [
          issues
            .slice(0, PULLS_SHOWN)
            .map(issue => code(issue, 20))
            .join(' '),
        ]
      : []),
    [
      `checks ${{success: '✅', failure: '❌', pending: 'under way', unknown: 'not known'}[checks]}`,
      ...failing.slice(0, FAILING_SHOWN).map(name => plain(name, 40)),
    ].join(' '),
  ]
  const shown = commits.slice(0, COMMITS_SHOWN)
  const more = commitCount - shown.length
  return [
    facts.join(' · '),
    ...shown.map(
      ({sha, title, author}) => `${code(sha.slice(0, 7))} ${plain(title, 70)} · ${plain(author, 40)}`,
    ),
    ...(more > 0 ? [`… and ${counted(more, 'more commit', 'more commits')}`] : []),
    ...(compareUrl === undefined ? [] : [link('the whole difference', compareUrl)]),
    ...lastDeployLines(card),
    ...(missing.length > 0 ? [`not read: ${missing.map(each => plain(each, 80)).join('; ')}`] : []),
  ]
}

/** `who can: team_lead or tech_lead, not grace · rejects itself in 40 minutes`. */
function whoLine(request: ApprovalRequest): string {
  const {required, requester, expiresAt, linear} = request
  return [
    `who can: ${entitledRoles(request)
      .map(role => plain(role, 40))
      .join(', ')}, not ${plain(requester.person ?? requester.name, 60)}`,
    ...mixesOf(required).map(mix => `one of them ${mix.map(role => plain(role, 40)).join(' or ')}`),
    ...(linear ? [`in Linear ${link(linear.name, linear.url)}`] : []),
    ...(expiresAt === undefined
      ? []
      : [
          `${escalationsLeft(request) === 0 ? 'rejects itself' : 'goes up the line'} ${timestamp(expiresAt)}`,
        ]),
  ].join(' · ')
}

/** `bound to sha 8c1e77f, workflow client-deploy.yml@a91b, and command, arguments as asked: if any moves, this is void`. */
function boundLine({bound}: ApprovalRequest): string {
  const [told, named] = boundParts(bound)
  const rest = named.length === 0 ? [] : [`${named.join(', ')} as asked`]
  const parts = [...told, ...rest]
  return parts.length === 0
    ? 'bound to nothing but itself'
    : `bound to ${parts.join(' and ')}: if any moves, this is void`
}

/** `approved by ada (tech_lead) via Linear, 14:02`: one of the decisions that count. */
function decisionLine({principal, role, decision, surface, at, reason, justification}: Decision): string {
  const words = reason ?? justification
  return [
    `${decision === 'approve' ? 'approved' : 'rejected'} by **${plain(principal, 60)}** (${plain(role, 40)}) via ${SURFACE_NAMES[surface]}, ${timestamp(at, 't')}`,
    ...(words === undefined ? [] : [plain(words, 300)]),
  ].join(': ')
}

/** Only what was approved can become void; cancelled after one of two votes, it was withdrawn. */
function isVoid({status, decisions, required}: ApprovalRequest): boolean {
  return status === 'cancelled' && decisions.length >= required.approvers
}

function endingLines(request: ApprovalRequest): string[] {
  const {status, note, decidedAt} = request
  if (status === 'cancelled')
    return [
      `${isVoid(request) ? 'what moved' : 'withdrawn'}${note === undefined ? '' : `: ${plain(note, 300)}`}`,
    ]
  if (status === 'expired' && decidedAt !== undefined)
    return [`time was up ${timestamp(decidedAt)}; it has to be asked for again`]
  return []
}

function lastDeployLines({lastDeploy}: ReleaseCard): string[] {
  if (!lastDeploy) return []
  const by = lastDeploy.by === undefined ? '' : ` by ${plain(lastDeploy.by, 60)}`
  return [`last deploy ${link(lastDeploy.sha.slice(0, 7), lastDeploy.url)}${by}, ${timestamp(lastDeploy.at)}`]
}

/** What says something by itself, commits shortened; and the names of what was on the line above or typed by who asked. */
function boundParts(bound: Bound): readonly [readonly string[], readonly string[]] {
  const entries = Object.entries(bound)
  const isNamed = (what: string) => PLAIN_TO_SEE.has(what)
  return [
    entries
      .filter(([what]) => !isNamed(what))
      .map(([what, value]) => `${plain(what, 30)} ${code(shortened(value), 60)}`),
    entries.filter(([what]) => isNamed(what)).map(([what]) => plain(what, 30)),
  ]
}

function shortened(value: string): string {
  return value
    .replace(/^[0-9a-f]{40}$/, sha => sha.slice(0, 7))
    .replace(/@[0-9a-f]{40}$/, at => at.slice(0, 5))
}

function controls(request: ApprovalRequest): readonly Control[] {
  const subject = ballotOf(request)
  const button = (action: string, label: string, style: 'primary' | 'secondary' | 'danger'): Control => ({
    ...{kind: 'action', label, action, subject, style},
  })
  return [
    button('approve', 'Approve', 'primary'),
    button('reject', 'Reject', 'danger'),
    button('ask', 'Ask', 'secondary'),
  ]
}

function counted(count: number, what: string, many = `${what}s`): string {
  return `${count} ${count === 1 ? what : many}`
}
