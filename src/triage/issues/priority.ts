import {labelsFor, wordsOf} from './kinds.ts'

export type Priority = 'P0' | 'P1' | 'P2' | 'P3'

interface Sign {
  readonly pattern: RegExp
  readonly reason: string
}

const URGENT: readonly Sign[] = [
  {
    pattern: /\b(?:data loss|los(?:es|ing|t) (?:all )?(?:my |our |the )?data|deletes? (?:all|everything))\b/i,
    reason: 'data is lost',
  },
  {
    pattern:
      /\b(?:outage|(?:production|prod|site|service|api) is down|nobody can (?:log ?in|use)|everything is down)\b/i,
    reason: 'it is down',
  },
]
const HIGH: readonly Sign[] = [
  {pattern: /\bcrash(?:es|ed|ing)?\b/i, reason: 'it crashes'},
  {pattern: /\bregression\b|\b(?:worked|used to work) (?:in|before|until)\b/i, reason: 'it worked before'},
  {pattern: /\bblock(?:s|ed|ing|er)\b/i, reason: 'it blocks somebody'},
  {
    pattern: /\b(?:can(?:['’]t|not)|unable to) (?:log ?in|sign ?in|check ?out|pay|deploy)\b/i,
    reason: 'people can’t do what they came for',
  },
  {pattern: /\b(?:all|every) (?:our )?(?:users?|customers?)\b/i, reason: 'it meets everybody'},
]

const LABELLED = /^(?:priority\s*[:/-]?\s*)?(p[0-3])$/i

/** The label that says so. */
export function priorityLabel(priority: Priority): string {
  return `priority: ${priority}`
}

/** How soon somebody should look, with why. A person’s label stands, whatever the words. */
export function priorityOf(issue: {
  readonly title: string
  readonly body: string
  readonly labels: readonly string[]
}): {readonly priority: Priority; readonly reasons: readonly string[]} {
  const set = issue.labels
    .map(label => LABELLED.exec(label)?.[1]?.toUpperCase())
    .find(found => found !== undefined)
  if (set !== undefined) return {priority: set as Priority, reasons: ['it is labelled so']}
  const text = `${wordsOf(issue.title)}\n${wordsOf(issue.body)}`
  const kinds: readonly string[] = [...labelsFor(issue), ...issue.labels.map(label => label.toLowerCase())]
  const urgent = [...reasonsIn(text, URGENT), ...(kinds.includes('security') ? ['it is about security'] : [])]
  if (urgent.length > 0) return {priority: 'P0', reasons: urgent}
  const isFault = kinds.includes('bug')
  const high = isFault ? reasonsIn(text, HIGH) : []
  if (high.length > 0) return {priority: 'P1', reasons: high}
  if (isFault) return {priority: 'P2', reasons: ['something is wrong']}
  if (kinds.includes('performance')) return {priority: 'P2', reasons: ['it is slow']}
  return {priority: 'P3', reasons: ['nothing is said to be broken']}
}

function reasonsIn(text: string, signs: readonly Sign[]): readonly string[] {
  return signs.filter(({pattern}) => pattern.test(text)).map(({reason}) => reason)
}
