import type {FullIssue} from '../../integrations/github/repository-host.ts'
import type {IssueVerdict} from '../../sdk/index.ts'
import {duplicatesAmong} from './duplicates.ts'
import {labelsFor, MAIN_LABELS} from './kinds.ts'
import {priorityLabel, priorityOf} from './priority.ts'

export const TRIAGED = 'triaged'
export const NEEDS_INFO = 'needs info'
export const DUPLICATE = 'duplicate'
/** Shorter texts say too little to act on. */
const LEAST_TEXT = 20

/** What the rules make of issues; who owns them and what a model would add is for the caller to find out. Labels come from a closed set only. */
export function judgeIssues(
  all: readonly FullIssue[],
  limit: number,
): {readonly done: number; readonly verdicts: readonly Omit<IssueVerdict, 'owner' | 'suggestion'>[]} {
  const left = all.filter(({labels}) => !has(labels, TRIAGED))
  const duplicates = duplicatesAmong(all)
  return {
    done: all.length - left.length,
    verdicts: left.slice(0, limit).map(issue => {
      const {number, url, title, body, labels} = issue
      const earlier = duplicates.get(number)
      const original = earlier && all.find(one => one.number === earlier.of)
      const asks = body.trim().length < LEAST_TEXT
      const {priority, reasons} = priorityOf(issue)
      const wanted = [
        ...labelsFor(issue).filter(label => !isSecondKind(label, labels)),
        ...(labels.some(label => /^(?:priority\b|p[0-3]$)/i.test(label)) ? [] : [priorityLabel(priority)]),
        ...(original ? [DUPLICATE] : []),
        ...(asks ? [NEEDS_INFO] : []),
        TRIAGED,
      ]
      return {
        ...{number, url, title, priority, reasons, asks},
        labels: wanted.filter(label => !has(labels, label)),
        duplicate: earlier &&
          original && {number: original.number, url: original.url, likeness: earlier.likeness},
      }
    }),
  }
}

/** What it mainly is was said by somebody already. */
function isSecondKind(label: string, labels: readonly string[]): boolean {
  const main: readonly string[] = MAIN_LABELS
  return main.includes(label) && labels.some(known => main.includes(known.toLowerCase()))
}

function has(labels: readonly string[], label: string): boolean {
  return labels.some(known => known.toLowerCase() === label)
}

/** What the one comment on an issue says; undefined where there is nothing to say. It names people without pinging them. */
export function commentOn({
  asks,
  duplicate,
  owner,
  priority,
  reasons,
}: Omit<IssueVerdict, 'suggestion'>): string | undefined {
  const parts = [
    ...(asks
      ? [
          'This says too little to act on. What did you do, what did you expect, and what happened instead? A log or a screenshot helps.',
        ]
      : []),
    ...(duplicate
      ? [`It reads much like #${duplicate.number} (${percent(duplicate.likeness)}), which came first.`]
      : []),
    ...(owner ? [`Perhaps for \`${owner.login}\`: ${owner.why}.`] : []),
  ]
  if (parts.length === 0) return undefined
  return [
    ...parts,
    `Priority ${priority}: ${reasons.join(', ')}.`,
    '',
    '_Judged by rules; a person decides._',
  ].join('\n')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
