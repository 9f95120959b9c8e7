import {code} from '../kernel/markdown.ts'
import type {Finding, PullRequestReview} from '../sdk/index.ts'

/** By it our review is found again. People don’t see it. */
export const MARKER = '<!-- signalbox:review -->'

const SHOWN = 50
const TITLES = {critical: 'Must be mended', warning: 'Look at', note: 'By the way'} as const

/** What the review says on the pull request. Paths are a stranger’s text: as code, nothing in them can ping or link. */
export function reviewText(review: PullRequestReview, htmlUrl: string): string {
  const {verdict, findings, total, headSha, summary} = review
  const shown = findings.slice(0, SHOWN)
  const more = total - shown.length
  const groups = (['critical', 'warning', 'note'] as const).flatMap(severity => {
    const own = shown.filter(finding => finding.severity === severity)
    return own.length === 0
      ? []
      : ['', `**${TITLES[severity]}**`, ...own.map(finding => `- ${lineOf(finding, review, htmlUrl)}`)]
  })
  return [
    MARKER,
    `### ${verdict === 'block' ? '🔴 Not like this' : '🟢 Nothing against it'}`,
    summary,
    ...groups,
    ...(more > 0 ? ['', `…and ${more} more.`] : []),
    '',
    `_By rules, not by a person: it approves nothing. As of ${code(headSha.slice(0, 7))}; a later review replaces this text._`,
  ].join('\n')
}

export function summaryOf({
  files,
  additions,
  deletions,
  findings,
}: {
  readonly files: number
  readonly additions: number
  readonly deletions: number
  readonly findings: readonly Finding[]
}): string {
  const size = `${count(files, 'file')}, +${additions} −${deletions}`
  const found = (['critical', 'warning', 'note'] as const).flatMap(severity => {
    const number = findings.filter(finding => finding.severity === severity).length
    return number === 0 ? [] : [count(number, severity === 'critical' ? 'blocker' : severity)]
  })
  return `${size}: ${found.length === 0 ? 'nothing found' : found.join(', ')}`
}

function lineOf({file, line, message}: Finding, review: PullRequestReview, htmlUrl: string): string {
  if (file === null) return message
  const path = file.split('/').map(encodeURIComponent).join('/')
  const address = `${htmlUrl}/${review.repository}/blob/${review.headSha}/${path}${line === null ? '' : `#L${line}`}`
  return `[${code(`${file}${line === null ? '' : `:${line}`}`, 200)}](${address.replace(/[()]/g, encodeParenthesis)}) ${message}`
}

function encodeParenthesis(mark: string): string {
  return mark === '(' ? '%28' : '%29'
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
