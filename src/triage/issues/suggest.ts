import {z} from 'zod'
import type {FullIssue} from '../../integrations/github/repository-host.ts'
import type {Llm, Passage} from '../../integrations/llm/llm.ts'
import {ellipsisBytes} from '../../kernel/markdown.ts'
import type {IssueVerdict} from '../../sdk/index.ts'
import {DUPLICATE, NEEDS_INFO, TRIAGED} from './judge.ts'
import {MAIN_LABELS, MORE_LABELS} from './kinds.ts'

/** Those that a model reads in one call, and what of them: all fits into its budget. */
const MOST_ASKED = 25
const BODY_BYTES = 400
const TITLE_BYTES = 120
const MOST_OTHERS = 80
const MOST_LABELS = 60
const ANSWER_TOKENS = 1_500

type Judged = Omit<IssueVerdict, 'owner' | 'suggestion'>
type Suggestion = NonNullable<IssueVerdict['suggestion']>

const answer = z.object({
  issues: z
    .array(
      z.object({
        number: z.int(),
        labels: z.array(z.string().max(100)).max(5).describe('of those listed, what it lacks; mostly none'),
        duplicate_of: z.int().nullable().describe('an earlier issue that is about the same fault or wish'),
      }),
    )
    .max(MOST_ASKED),
})

/**
 * What a model would add to the verdicts of rules, by issue. It can name only labels and earlier issues that there are,
 * and whatever it says is for people: an issue's text may have told it what to say.
 */
export async function suggest(
  llm: Llm,
  {
    all,
    verdicts,
    signal,
  }: {
    readonly all: readonly FullIssue[]
    readonly verdicts: readonly Judged[]
    readonly signal: AbortSignal
  },
): Promise<{readonly suggestions: ReadonlyMap<number, Suggestion>; readonly unasked: string | undefined}> {
  const asked = verdicts.slice(0, MOST_ASKED)
  if (!llm.on || asked.length === 0) return {suggestions: new Map(), unasked: undefined}
  const labels = labelsOf(all)
  const said = await llm.object({
    purpose: 'issue-triage',
    agent: 'issue_triage',
    system:
      'You help to sort the issues of a software project. Rules have judged them already; say only what they missed and you are sure of.',
    messages: [{role: 'user', passages: material(all, asked, labels)}],
    maxOutputTokens: ANSWER_TOKENS,
    schema: answer,
    signal,
  })
  switch (said.kind) {
    case 'answered':
      return {suggestions: fitting(said.value, {all, asked, labels}), unasked: undefined}
    case 'invalid':
      return {suggestions: new Map(), unasked: 'it said something else'}
    case 'off':
    case 'over-budget':
    case 'refused':
    case 'failed':
      return {suggestions: new Map(), unasked: said.reason}
  }
}

/** Of what the model says, that which there is and which nobody said before. Pure. */
export function fitting(
  {issues}: z.output<typeof answer>,
  {
    all,
    asked,
    labels,
  }: {
    readonly all: readonly FullIssue[]
    readonly asked: readonly Judged[]
    readonly labels: readonly string[]
  },
): ReadonlyMap<number, Suggestion> {
  const suggestions = new Map<number, Suggestion>()
  for (const {number, labels: named, duplicate_of: of} of issues) {
    const verdict = asked.find(one => one.number === number)
    const issue = all.find(one => one.number === number)
    if (!verdict || !issue || suggestions.has(number)) continue
    const has = new Set([...issue.labels, ...verdict.labels].map(lower))
    const wanted = new Set(named.map(lower))
    const fresh = labels.filter(label => wanted.has(lower(label)) && !has.has(lower(label)))
    const original =
      verdict.duplicate === undefined && of !== null && of < number
        ? all.find(one => one.number === of)
        : undefined
    if (fresh.length === 0 && !original) continue
    suggestions.set(number, {
      labels: fresh,
      duplicate: original && {number: original.number, url: original.url},
    })
  }
  return suggestions
}

/** Those that rules give, and those that open issues carry; what we mark our own work with is not for a model. */
function labelsOf(all: readonly FullIssue[]): readonly string[] {
  const ours: readonly string[] = [TRIAGED, NEEDS_INFO, DUPLICATE]
  const known = new Map<string, string>()
  for (const label of [...MAIN_LABELS, ...MORE_LABELS, ...all.flatMap(issue => issue.labels)])
    if (!ours.includes(lower(label)) && !/^(?:priority\b|p[0-3]$)/i.test(label))
      known.set(lower(label), known.get(lower(label)) ?? label)
  return [...known.values()].slice(0, MOST_LABELS)
}

function material(
  all: readonly FullIssue[],
  asked: readonly Judged[],
  labels: readonly string[],
): readonly Passage[] {
  const numbers = new Set(asked.map(({number}) => number))
  const others = all.filter(({number}) => !numbers.has(number)).slice(0, MOST_OTHERS)
  const foreign = (text: string, source: string): Passage => ({text, trusted: false, source})
  return [
    foreign(labels.join('\n'), 'the labels there are'),
    ...(others.length === 0
      ? []
      : [
          foreign(
            others.map(({number, title}) => `#${number} ${ellipsisBytes(title, TITLE_BYTES)}`).join('\n'),
            'other open issues',
          ),
        ]),
    ...asked.map(({number, title, labels: given}) => {
      const body = all.find(issue => issue.number === number)?.body ?? ''
      return foreign(
        `${ellipsisBytes(title, TITLE_BYTES)}\n${ellipsisBytes(body, BODY_BYTES)}\n(rules say: ${given.join(', ')})`,
        `issue #${number}`,
      )
    }),
    {text: 'Which labels do these issues lack, and which are duplicates of earlier ones?', trusted: true},
  ]
}

function lower(label: string): string {
  return label.toLowerCase()
}
