/** A part of a description that may ask for one thing. */
export interface Clause {
  /** As written. */
  readonly text: string
  /** Without courtesies, and without what stands in quotes. */
  readonly bare: string
  /** What joins it to the one before, as written: ` and `, `, `. */
  readonly joint: string
  /** Begins once everything before it has ended. */
  readonly begins: boolean
  /** Says how something is to stand before others begin: `the tests pass`. */
  readonly states: boolean
}

const MOST_CHARS = 4000
const QUOTED =
  /"[^"\n]{1,300}"|“[^”\n]{1,300}”|«[^»\n]{1,300}»|`[^`\n]{1,300}`|(?<![\p{L}\p{N}])'[^'\n]{1,300}'(?![\p{L}\p{N}])/gu
/** One character, so that places in the text stay what they are. */
const MASKED = '¤'

const THEN =
  /\s*(?:;|\n+|->|→|⇒|(?<=[^\s.])\.(?=\s|$)|[!?](?=\s|$)|(?:,\s*)?(?:\band\s+)?\b(?:then|afterwards?|after (?:that|this|which)|once (?:that|this|it)(?:'s| is)? (?:done|finished|through)|when (?:that|this|it)(?:'s| is)? (?:done|finished)|finally|lastly|followed by)\b,?)\s*/i
const ALONGSIDE =
  /\s*(?:,\s*(?:(?:and|while|plus)\s+)?|\b(?:and(?: also)?|as well as|plus|while|meanwhile|at the same time|in parallel(?: with)?)\b|&|\+)\s*/i

const AFTER = '(?:after|once|when|if|as soon as|provided(?: that)?|only (?:after|if|when|once))'
const COURTESY =
  /^(?:[\s¤,.:-]+|(?:please|pls|kindly|hey|hi|hello|ok(?:ay)?|so|now|first(?:ly)?|second(?:ly)?|third(?:ly)?|next|also|just|then|finally|lastly|quickly|maybe|again|\d+[.)]|[-*•])(?=[\s,.:]|$)|(?:can|could|would|will) (?:you|we|someone|somebody)\b|(?:i|we)(?:'d| would)? (?:want|need|like)(?: you)?(?: to)?\b|(?:i|we) (?:should|must|have to|need to|want to)\b|let(?:'s| us)\b|(?:you )?(?:should|must) |go ahead and\b|make sure (?:to|you|that you)\b|help me(?: to)?\b|try to\b|it would be (?:great|nice) (?:to|if you could)\b|(?:the )?bot\b|signalbox\b|to (?=[a-z]))/i

/**
 * The parts of a description in the order in which they are to happen: "B after A" and "before B, A" come as A, B.
 * Reads at most 4,000 characters. `asks` tells whether a part asks for something by itself.
 */
export function clausesOf(description: string, asks: (bare: string) => boolean): readonly Clause[] {
  const text = description.slice(0, MOST_CHARS).replace(/\r\n?/g, '\n')
  const masked = text.replace(QUOTED, quoted => MASKED.repeat(quoted.length))
  return sentencesOf(text, masked).flatMap(({from, to, joint}, i) =>
    ordered(text.slice(from, to), masked.slice(from, to), asks).flatMap(({start, end, states, begins}, j) =>
      alongside(text.slice(from + start, from + end), masked.slice(from + start, from + end)).map(
        (part, k): Clause => ({
          text: part.text,
          bare: bareOf(part.masked),
          joint: k > 0 ? part.joint : j > 0 ? ' ' : joint,
          begins: k === 0 && (j > 0 ? begins : i > 0),
          states,
        }),
      ),
    ),
  )
}

interface Span {
  readonly from: number
  readonly to: number
  readonly joint: string
}

/** What one after the other is to happen. */
function sentencesOf(text: string, masked: string): readonly Span[] {
  const spans: Span[] = []
  let from = 0
  let joint = ''
  for (const found of masked.matchAll(new RegExp(THEN.source, 'gi'))) {
    const to = found.index
    if (masked.slice(from, to).trim() !== '') {
      spans.push({from, to, joint})
      joint = ''
    }
    joint = text.slice(to, to + found[0].length)
    from = to + found[0].length
  }
  if (masked.slice(from).trim() !== '') spans.push({from, to: text.length, joint})
  return spans
}

interface Part {
  readonly start: number
  readonly end: number
  readonly states: boolean
  readonly begins: boolean
}

/** Conditions and what waits for them, the condition first. */
function ordered(text: string, masked: string, asks: (bare: string) => boolean): readonly Part[] {
  const whole: Part = {start: 0, end: text.length, states: false, begins: false}
  const lead = leadOf(masked)
  const first = new RegExp(`^${AFTER}\\b(.{2,200}?),\\s*(?:then\\s+)?`, 'i').exec(masked.slice(lead))
  if (first) {
    const [all, condition = ''] = first
    const start = lead + all.indexOf(condition)
    return [
      {start, end: start + condition.length, states: true, begins: false},
      {start: lead + all.length, end: text.length, states: false, begins: true},
    ]
  }
  const beforehand = /^before\b(.{2,200}?),\s*/i.exec(masked.slice(lead))
  if (beforehand) {
    const [all, later = ''] = beforehand
    const start = lead + all.indexOf(later)
    return [
      {start: lead + all.length, end: text.length, states: false, begins: false},
      {start, end: start + later.length, states: false, begins: true},
    ]
  }
  const later = new RegExp(`\\s(?:but\\s+)?${AFTER}\\b\\s+`, 'i').exec(masked)
  if (later && later.index > 3 && !/\bwhy\b/i.test(masked.slice(0, later.index))) {
    const condition = {start: later.index + later[0].length, end: text.length, states: true, begins: false}
    // Of several things, the last one alone waits.
    const joints = [...masked.slice(0, later.index).matchAll(new RegExp(ALONGSIDE.source, 'gi'))]
    const last = joints.findLast(({0: joint, index}) =>
      asks(bareOf(masked.slice(index + joint.length, later.index))),
    )
    const start = last ? last.index + last[0].length : 0
    return [
      ...(last ? [{...whole, end: last.index}] : []),
      condition,
      {start, end: later.index, states: false, begins: true},
    ]
  }
  const then = /\s(?:but\s+)?before\b\s+(?:you\s+|we\s+)?/i.exec(masked)
  if (then && then.index > 3)
    return [
      {...whole, end: then.index},
      {start: then.index + then[0].length, end: text.length, states: false, begins: true},
    ]
  return [whole]
}

function alongside(
  text: string,
  masked: string,
): readonly {readonly text: string; readonly masked: string; readonly joint: string}[] {
  const parts: {text: string; masked: string; joint: string}[] = []
  let from = 0
  let joint = ''
  const add = (to: number) => {
    if (masked.slice(from, to).trim() === '') return
    parts.push({text: text.slice(from, to).trim(), masked: masked.slice(from, to), joint})
    joint = ''
  }
  for (const found of masked.matchAll(new RegExp(ALONGSIDE.source, 'gi'))) {
    add(found.index)
    joint = text.slice(found.index, found.index + found[0].length)
    from = found.index + found[0].length
  }
  add(text.length)
  return parts
}

const GERUNDS: Readonly<Record<string, string>> = {
  reviewing: 'review',
  deploying: 'deploy',
  shipping: 'ship',
  releasing: 'release',
  running: 'run',
  testing: 'test',
  implementing: 'implement',
  fixing: 'fix',
  building: 'build',
  adding: 'add',
  writing: 'write',
  updating: 'update',
  checking: 'check',
  refactoring: 'refactor',
  generating: 'generate',
  documenting: 'document',
  merging: 'merge',
  diagnosing: 'diagnose',
}

function bareOf(masked: string): string {
  const bare = masked.slice(leadOf(masked)).trim()
  return bare.replace(/^[a-z]+ing\b/i, word => GERUNDS[word.toLowerCase()] ?? word)
}

/** How many characters of courtesy stand before what is wanted. */
function leadOf(text: string): number {
  let at = 0
  for (;;) {
    const found = COURTESY.exec(text.slice(at))
    if (!found || found[0] === '') return at
    at += found[0].length
  }
}
