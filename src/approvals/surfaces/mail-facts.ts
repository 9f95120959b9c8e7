import type {Block, Link} from '../../integrations/email/document.ts'
import {formatDuration} from '../../kernel/time.ts'
import {entitledRoles} from '../decide.ts'
import type {ApprovalRequest, Decision, ReleaseCard} from '../request.ts'
import {shownRequester} from '../requester.ts'

const MOST_ITEMS = 10

/** What somebody must see before they decide, as blocks that a mail and the page behind its links both show. */
export function requestBlocks(request: ApprovalRequest, now: number): readonly Block[] {
  const {card} = request
  return [
    {kind: 'facts', facts: requestFacts(request, now)},
    ...listBlock('Why this risk', request.risk.reasons),
    ...(card === undefined ? [] : cardBlocks(card)),
    {
      kind: 'facts',
      title: 'Bound to this, void if any of it moves',
      facts: Object.entries(request.bound),
    },
  ]
}

function requestFacts(request: ApprovalRequest, now: number): readonly (readonly [string, string])[] {
  const {action, requester, risk, required, decisions, expiresAt} = request
  const so = decisions.filter(({decision}) => decision === 'approve').length
  return [
    ['What', action.title],
    ['Asked by', shownRequester(requester)],
    ['Risk', `${risk.level}, ${risk.score} of 10`],
    ...fact('Commit', commitOf(request)),
    ...fact('Repository', action.repository),
    ['Approvals', `${so} of ${required.approvers}`],
    ['Who may', entitledRoles(request).map(spaced).join(', ')],
    ...decisions.map((each): readonly [string, string] => ['So far', decisionText(each)]),
    [
      'Ends',
      expiresAt === undefined
        ? 'never by itself'
        : `${utc(expiresAt)}${expiresAt > now ? `, in ${formatDuration(expiresAt - now)}` : ''}`,
    ],
  ]
}

function commitOf({action: {sha, ref}}: ApprovalRequest): string | undefined {
  if (sha === undefined) return ref
  return ref === undefined ? sha : `${sha} (${ref})`
}

function cardBlocks(card: ReleaseCard): readonly Block[] {
  const {
    commits,
    commitCount,
    pullRequests,
    issues,
    migrations,
    diff,
    compareUrl,
    lastDeploy,
    checks,
    missing,
  } = card
  const links: readonly Link[] = [
    ...(compareUrl === undefined ? [] : [{label: 'All changes', url: compareUrl}]),
    ...(lastDeploy === undefined ? [] : [{label: 'The last deploy', url: lastDeploy.url}]),
  ]
  return [
    {
      kind: 'facts',
      title: 'What would be released',
      facts: [
        ['Tests', CHECKS[checks]],
        ['Size', `${count(diff.files, 'file')}, +${diff.additions} −${diff.deletions}`],
        ['Migrations', migrations.length === 0 ? 'none' : String(migrations.length)],
        ...fact('Issues', issues.length === 0 ? undefined : issues.join(', ')),
        ...fact(
          'Last deploy',
          lastDeploy &&
            `${lastDeploy.sha.slice(0, 7)}, ${utc(lastDeploy.at)}${lastDeploy.by === undefined ? '' : ` by ${lastDeploy.by}`}`,
        ),
      ],
    },
    ...listBlock(
      'Pull requests',
      pullRequests.map(({number, title, author, url}) => ({label: `#${number} ${title} (${author})`, url})),
    ),
    ...listBlock(
      'Commits',
      commits.map(({sha, title, author}) => `${sha.slice(0, 7)} ${title} (${author})`),
      commitCount,
    ),
    ...listBlock('Migrations', migrations),
    ...listBlock('See also', links),
    ...listBlock('Could not be read', missing),
  ]
}

const CHECKS = {
  success: '✅ passed',
  failure: '❌ failed',
  pending: '⏳ running',
  unknown: 'not known',
} as const

/** `bob approved via Linear, 2026-11-21 14:02 UTC`. */
export function decisionText({principal, decision, surface, at, reason, justification}: Decision): string {
  const done = decision === 'approve' ? 'approved' : 'rejected'
  const why = reason ?? justification
  return `${principal} ${done} via ${SURFACES[surface]}, ${utc(at)}${why === undefined ? '' : `: ${why}`}`
}

const SURFACES = {discord: 'Discord', linear: 'Linear', mail: 'mail', http: 'HTTP', chat: 'chat'} as const

/** Mails know no reader's zone. */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function listBlock(title: string, items: readonly (string | Link)[], all = items.length): readonly Block[] {
  if (items.length === 0) return []
  const shown = items.slice(0, MOST_ITEMS)
  const more = all - shown.length
  return [{kind: 'list', title, items: more > 0 ? [...shown, `and ${more} more`] : shown}]
}

function fact(label: string, text: string | undefined): readonly (readonly [string, string])[] {
  return text === undefined || text === '' ? [] : [[label, text]]
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function spaced(role: string): string {
  return role.replaceAll('_', ' ')
}
