import {inActiveVoice, QUOTED} from './wording.ts'

/** A part of a description that may ask for one thing. */
export interface Clause {
  /** As written. */
  readonly text: string
  /** Without courtesies, without what stands in quotes, and in the active voice. */
  readonly bare: string
  /** What joins it to the one before, as written: ` and `, `, `. */
  readonly joint: string
  /** Begins once everything before it has ended. */
  readonly begins: boolean
  /** Says how something is to stand before others begin: `the tests pass`. */
  readonly states: boolean
}

const MOST_CHARS = 4000
/** One character, so that places in the text stay what they are. */
const MASKED = '¤'

/** About what came before: whoever says "if it passes" waits for that. */
const WENT_WELL = [
  '(?:if|when|once|as soon as|provided) (?:it|that|this|all|everything|they|these)',
  "(?:'s| is| are| has| have| went| goes| looks?)?(?: all)?",
  '(?:done|finished|through|pass(?:es|ed)?|green|ok(?:ay)?|fine|good|well|works?|succeeds?|succeeded|successful)',
].join(' ?')
const THEN = new RegExp(
  String.raw`\s*(?:;|\n+|->|→|⇒|(?<=[^\s.])\.(?=\s|$)|[!?]+(?=\s|$)|(?:,\s*)?(?:\b(?:and|but)\s+)?\b(?:then|afterwards?|after (?:that|this|which)|${WENT_WELL}|finally|lastly|followed by)\b,?)\s*`,
  'gi',
)
const ALONGSIDE =
  /\s*(?:,\s*(?:(?:and|while|plus)\s+)?|\b(?:and(?: also)?|as well as|plus|while|meanwhile|at the same time|in parallel(?: with)?)\b|&|\+)\s*/gi
/** A new sentence that goes on with the same thought: nothing of it waits. */
const BESIDES = /^\s*(?:also|besides|additionally|furthermore|moreover|in addition)\b/i

const AFTER = '(?:after|once|when|if|as soon as|provided(?: that)?|only (?:after|if|when|once))'
/** Its "if" asks, and is no condition: "check if staging is up". */
const ASKS_WHETHER =
  /\b(?:check|see|look|verify|test|tell|ask|know|say|confirm|find out|figure out)(?: (?:me|us|once|again|quickly|please|for me))* $/i

const COURTESY = new RegExp(
  `^(?:${[
    String.raw`[\s¤,.:!-]+`,
    String.raw`(?:please|pls|plz|kindly|hey|hi|hello|thanks|thank you|thx|team|folks|everyone|all|there|ok(?:ay)?|so|now|but|and|first(?:ly)?|second(?:ly)?|third(?:ly)?|next|also|besides|additionally|just|only|simply|then|finally|lastly|quickly|maybe|perhaps|again|\d+[.)]|[-*•])(?=[\s,.:!]|$)`,
    String.raw`(?:can|could|would|will) (?:you|we|someone|somebody|anybody|anyone)\b(?: be so kind (?:as )?to\b)?`,
    String.raw`(?:i|we)(?:'d| would)? (?:really )?(?:want|need|like|love|wish)(?: you)?(?: (?:to|that))?\b`,
    String.raw`(?:i|we)(?:'ve)? (?:should|must|have to|need to|want to|got to|gotta)\b`,
    String.raw`(?:(?:do|would) you )?mind (?=[a-z]+ing\b)`,
    String.raw`(?:i|we)(?:'d| would) be (?:[a-z]+ ){0,2}if (?:you|someone|somebody|we) (?:could|would|can)\b`,
    String.raw`(?:it(?:'d| would)|would it|it'?s|that would) be (?:[a-z]+ ){0,2}(?:to\b|if (?:you|someone|somebody|we) (?:could|would|can)\b)`,
    String.raw`is it possible to\b`,
    String.raw`let(?:'s| us)\b`,
    String.raw`(?:you )?(?:should|must) `,
    String.raw`go ahead and\b`,
    String.raw`make sure (?:to|you|that you)\b`,
    String.raw`help me(?: to)?\b`,
    String.raw`try to\b`,
    String.raw`that (?=the |our |my )`,
    String.raw`(?:the )?bot\b`,
    String.raw`signalbox\b`,
    String.raw`to (?=[a-z])`,
  ].join('|')})`,
  'i',
)

/**
 * The parts of a description in the order in which they are to happen: "B after A" and "before B, A" come as A, B.
 * Reads at most 4,000 characters. `asks` tells whether a part asks for something by itself.
 */
export function clausesOf(description: string, asks: (bare: string) => boolean): readonly Clause[] {
  const text = description
    .slice(0, MOST_CHARS)
    .replace(/\r\n?/g, '\n')
    .replace(/[^\S\n]+/g, ' ')
  const masked = text.replace(QUOTED, quoted => MASKED.repeat(quoted.length))
  return sentencesOf(text, masked).flatMap(({from, to, joint}, i) =>
    ordered(text.slice(from, to), masked.slice(from, to), asks).flatMap(({start, end, states, begins}, j) =>
      alongside(text.slice(from + start, from + end), masked.slice(from + start, from + end)).map(
        (part, k): Clause => ({
          text: part.text,
          bare: bareOf(part.masked),
          joint: k > 0 ? part.joint : j > 0 ? ' ' : joint,
          begins: k === 0 && (j > 0 ? begins : i > 0 && !BESIDES.test(masked.slice(from, to))),
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
  for (const found of masked.matchAll(THEN)) {
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

/** Conditions and what waits for them, the condition first; of "B, but A first", A. */
function ordered(text: string, masked: string, asks: (bare: string) => boolean): readonly Part[] {
  const whole: Part = {start: 0, end: text.length, states: false, begins: false}
  const lead = leadOf(masked)
  const part = (start: number, length: number, more: Partial<Part> = {}): Part => ({
    ...whole,
    start,
    end: start + length,
    ...more,
  })
  const rest = (start: number): Part => part(start, text.length - start, {begins: true})

  const turned =
    /^(.{3,}?),?\s+but\s+(?:first\s+)(.{3,})$|^(.{3,}?),?\s+but\s+(.{3,}?)\s+first(?:ly)?\W*$/i.exec(masked)
  if (turned) {
    const later = turned[1] ?? turned[3] ?? ''
    const earlier = turned[2] ?? turned[4] ?? ''
    return [part(masked.lastIndexOf(earlier), earlier.length), part(0, later.length, {begins: true})]
  }
  const first = new RegExp(`^${AFTER}\\b(.{2,200}?),\\s*(?:then\\s+)?`, 'i').exec(masked.slice(lead))
  if (first) {
    const [all, condition = ''] = first
    return [part(lead + all.indexOf(condition), condition.length, {states: true}), rest(lead + all.length)]
  }
  const beforehand =
    /^before\s+(?:(?:you|we|i)\s+)?(.{2,200}?)(?:,\s*|\s+(?=(?:please|i|we|you|let)\b))/i.exec(
      masked.slice(lead),
    )
  if (beforehand) {
    const [all, later = ''] = beforehand
    return [
      {...rest(lead + all.length), begins: false},
      part(lead + all.indexOf(later), later.length, {begins: true}),
    ]
  }
  const later = conditionIn(masked, lead)
  if (later && later.index > 3 && !/\bwhy\b/i.test(masked.slice(0, later.index))) {
    const condition = {...rest(later.index + later.length), states: true, begins: false}
    // Of several things, the last one alone waits.
    const joints = [...masked.slice(0, later.index).matchAll(ALONGSIDE)]
    const last = joints.findLast(({0: joint, index}) =>
      asks(bareOf(masked.slice(index + joint.length, later.index))),
    )
    const start = last ? last.index + last[0].length : 0
    return [
      ...(last ? [part(0, last.index)] : []),
      condition,
      part(start, later.index - start, {begins: true}),
    ]
  }
  const then = /\s(?:but\s+)?before\b\s+(?:(?:you|we|i)\s+)?/i.exec(masked)
  if (then && then.index > 3) return [part(0, then.index), rest(then.index + then[0].length)]
  return [whole]
}

/** Where a condition begins that stands behind what waits for it. */
function conditionIn(masked: string, lead: number) {
  const found = [...masked.matchAll(new RegExp(`\\s(?:but\\s+)?${AFTER}\\b\\s+`, 'gi'))].find(
    ({index}) => index >= lead && !ASKS_WHETHER.test(`${masked.slice(0, index)} `),
  )
  return found && {index: found.index, length: found[0].length}
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
  for (const found of masked.matchAll(ALONGSIDE)) {
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
  const lead = leadOf(masked)
  const bare = masked.slice(lead).trim()
  const wished = /\bthat\s*$/i.test(masked.slice(0, lead))
  return inActiveVoice(bare, wished).replace(/^[a-z]+ing\b/i, word => GERUNDS[word.toLowerCase()] ?? word)
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
