/** What an issue is about, as labels; of the first four one at most. */
export const MAIN_LABELS = ['bug', 'enhancement', 'documentation', 'question'] as const
export const MORE_LABELS = ['security', 'performance', 'dependencies', 'tests'] as const
type IssueLabel = (typeof MAIN_LABELS)[number] | (typeof MORE_LABELS)[number]

/** The words of an issue, without what is not its own: code, quotes, comments of a template, headings. */
export function wordsOf(text: string): string {
  return text
    .replace(/<!--[\s\S]*?(?:-->|$)/g, ' ')
    .replace(/```[\s\S]*?(?:```|$)/g, ' ')
    .replace(/`[^`\n]*`/g, ' ')
    .split('\n')
    .filter(line => !/^\s*(?:>|#)/.test(line))
    .join('\n')
}

const PATTERNS: Readonly<Record<IssueLabel, RegExp>> = {
  bug: /\b(?:bugs?|crash(?:es|ed|ing)?|errors?|exceptions?|broken|breaks|fail(?:s|ed|ing|ure|ures)?|regression|wrong|incorrect(?:ly)?|stack ?trace|traceback|(?:does ?n[o’']?t|do ?n[o’']?t|isn['’]?t|not) work(?:ing)?|can(?:['’]t|not)|hangs?|freezes)\b/gi,
  enhancement:
    /\b(?:features?|enhancements?|add|support for|allow|would be (?:nice|great|good|useful)|it would help|please (?:add|support|allow)|proposal|improve(?:ment)?s?|option to)\b/gi,
  documentation: /\b(?:docs?|documentation|readme|typos?|guide|tutorial|changelog)\b/gi,
  question:
    /\b(?:questions?|how (?:do|can|to|should)|is it possible|is there a way|what is the|why does|why is)\b/gi,
  security:
    /\b(?:security|vulnerabilit(?:y|ies)|CVE-\d{4}-\d+|XSS|CSRF|SSRF|SQL injection|remote code execution|privilege escalation|leaks? (?:secrets?|tokens?|passwords?|credentials?))\b/gi,
  performance:
    /\b(?:slow(?:ly|er|ness)?|performance|latency|memory leak|high cpu|takes (?:minutes|hours|forever|ages))\b/gi,
  dependencies:
    /\b(?:dependenc(?:y|ies)|upgrade to|bump|outdated packages?|npm audit|dependabot|lockfile)\b/gi,
  tests: /\b(?:flaky|test suite|unit tests?|e2e tests?|test coverage|CI (?:is|fails|red))\b/gi,
}

/** “No error”, “not a bug”: what is said not to be. */
const DENIED = /\b(?:no|not an?|without(?: an?| any)?|isn['’]?t an?) (?:longer )?\w+/gi
const TRACE = /^\s+at .+:\d+|Traceback \(most recent call last\)|^\s*\w*(?:Error|Exception): /m

/** The labels that the words of an issue stand for; a word in the title counts as much as three in the text. */
export function labelsFor({
  title,
  body,
}: {
  readonly title: string
  readonly body: string
}): readonly IssueLabel[] {
  const head = wordsOf(title).replace(DENIED, ' ')
  const text = wordsOf(body).replace(DENIED, ' ')
  const score = (label: IssueLabel) => 3 * count(head, PATTERNS[label]) + count(text, PATTERNS[label])
  const bonus: Partial<Record<IssueLabel, number>> = {
    bug: TRACE.test(body) ? 2 : 0,
    question: title.trim().endsWith('?') ? 3 : 0,
  }
  const scored = MAIN_LABELS.map(label => ({label, points: score(label) + (bonus[label] ?? 0)}))
  const best = scored.reduce((one, other) => (other.points > one.points ? other : one))
  return [
    ...(best.points > 0 ? [best.label] : []),
    ...MORE_LABELS.filter(label => score(label) >= (label === 'security' ? 1 : 2)),
  ]
}

function count(text: string, pattern: RegExp): number {
  return new Set(text.match(pattern)?.map(word => word.toLowerCase())).size
}
