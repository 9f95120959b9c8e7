import type {Mood} from './grammar.ts'
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
  /** Says what somebody wants, needs or makes sure of. */
  readonly wished: boolean
  readonly mood: Mood
  /** Which sentence it is of: a condition is one of what its own sentence asks for. */
  readonly sentence: number
}

const MOST_CHARS = 4000
/** One character, so that places in the text stay what they are. */
const MASKED = '¤'

/** About what came before: whoever says "if it passes" waits for that. */
const WENT_WELL = [
  '(?:if|when|once|as soon as|as long as|provided|assuming) (?:it|that|this|all|everything|they|these|yes|so)',
  "(?:'s| is| are| has| have| went| goes| looks?| comes? back)?(?: all)?",
  '(?:done|finished|through|pass(?:es|ed)?|green|ok(?:ay)?|fine|good|clean|clear|well|works?|succeeds?|succeeded|successful)',
].join(' ?')
const LATER =
  'then|afterwards?|thereafter|subsequently|later(?: on)?|after (?:that|this|which)|and after(?= (?:tell|check|see|let|make|put|write|update|verify|ship|run)\\b)|(?:in|at) the end|finally|lastly|followed by|if (?:so|yes)'
const THEN = new RegExp(
  String.raw`\s*(?:;|\n+|->|→|⇒|(?:(?<=[^\s.])\.|\.{2,}|…)(?=\s|$)|[!?]+(?=\s|$)|(?:,\s*)?(?:\b(?:and|but)\s+)?\b(?:${LATER}|${WENT_WELL})\b,?)\s*`,
  'gi',
)
const ALONGSIDE =
  /\s*(?:,\s*(?:(?:and|while|plus)\s+)?|\s[-–—]\s|\b(?:and(?: also)?|as well as|plus|while|meanwhile|at the same time|in parallel(?: with)?)\b|&|\+)\s*/gi
/** A new sentence that goes on with the same thought: nothing of it waits. */
const BESIDES = /^\s*(?:also|besides|additionally|furthermore|moreover|in addition)\b/i

const AFTER =
  '(?:after|following|once|when|whenever|if|as soon as|as long as|assuming|provided(?: that)?|providing(?: that)?|subject to|only (?:after|if|when|once|with))'
const BEFORE = '(?:before|prior to|ahead of)'
/** Its "if" asks, and is no condition: "check if staging is up". */
const ASKS_WHETHER =
  /\b(?:check|see|look|verify|test|tell|ask|know|say|confirm|find out|figure out)(?: (?:me|us|once|again|quickly|please|for me))* $/i

const PEOPLE = '(?:you|someone|somebody|sb|anybody|anyone|one of you|the bot|signalbox)'
/** What stands before what is said and says nothing: greetings, remarks, numbers of lists, headings. */
const REMARK = String.raw`[\s¤,.:!-]+|(?:hi|hey|hello|dear|yo|morning|good morning|thanks|thank you)(?: [a-z]+)?(?=[,!])|(?:please|pls|plz|kindly|hey|hi|hello|yo|nah|nope|yes|yeah|yep|sure|great|cool|hmm?|thanks|thank you|thx|team|folks|guys|everyone|all|there|ok(?:ay)?|well|so|now|but|and|or|first(?:ly)?|second(?:ly)?|third(?:ly)?|next|also|besides|additionally|just|only|simply|then|finally|lastly|quickly|maybe|perhaps|possibly|again|today|tomorrow|actually|otherwise|\d+[.)]|[-*•]|@?signalbox|asap|urgent(?:ly)?|emergency|(?:quick|small|short) (?:one|question|request|thing)|to-?do|task|next up|reminder|request|question|fyi|btw|by the way|as (?:i|we) said|when (?:you|anyone) (?:can|could))(?=[\s,.:!]|$)`
/** Whom one asks or wishes for it: "if somebody could". */
const WHOM = `(?: (?:${PEOPLE}|we|i)(?: (?:could|can|would|might))?(?: (?:please|maybe|possibly|just))?)?\\b`
/** How one asks or wishes for something. */
const REQUEST = [
  String.raw`(?:can|could|would|will|might) ${PEOPLE}\b(?: with (?:some )?[a-z]+)?(?: (?:possibly|maybe|please|kindly|also|quickly|just))*(?: be (?:so kind|able)(?: as)?(?: to)?\b)?`,
  String.raw`(?:(?:do|would) you )?mind (?=[a-z]+ing\b)`,
  String.raw`(?:do|would) you think ${PEOPLE} (?:could|can|would)\b`,
  String.raw`(?:is there )?any (?:chance|way) (?:that |to |of )?(?:(?:${PEOPLE}|we|i) (?:could|can|would)\b)?`,
  String.raw`(?:is it|would it be|it would be|it'd be|it is|it's|it were|it was) possible (?:for (?:you|someone) )?to\b`,
  String.raw`(?:can|could) (?:we|i) (?:please |also |just )*(?=(?:get|have) )`,
  String.raw`(?:i|we)(?:'d| would| do|'ll)? (?:really |also |just )*(?:want|need|like|love|wish|appreciate)(?: it)?(?: to| that| if)?${WHOM}(?: to\b)?`,
  String.raw`(?:i|we)(?: was| were|'m|'re| am| are)?(?: just)? (?:wondering|hoping|hope|wonder) (?:if |whether |that )?(?=(?:${PEOPLE}|it|(?:we|i) (?:could|can) (?:get|have))\b)${WHOM}`,
  String.raw`(?:i|we)(?:'ve)? (?:should|must|have to|need to|want to|got to|gotta)\b`,
  String.raw`(?:i|we)(?:'d| would) be (?:[a-z]+ ){0,2}if${WHOM}`,
  String.raw`(?:it(?:'d| would| might|'s| is)|that(?:'d| would)|would it)(?: be)? (?:really |very )?(?:necessary|needed|required|important|time|nice|great|good|lovely|cool|awesome|helpful|best|handy|useful|perfect)(?: to| if| that| for)?${WHOM}(?: to\b)?`,
  String.raw`let(?:'s| us)\b`,
  String.raw`(?:you )?(?:should|must) (?!be\b)`,
  String.raw`go ahead and\b`,
  String.raw`(?:have|get|ask) (?:someone|somebody|anyone)(?: to)?\b`,
  String.raw`(?:make sure|ensure|see to it|take care|be sure|remember|don't forget|do not forget)(?: (?:to|you|that you|that)\b)?`,
  String.raw`help me(?: to)?\b`,
  String.raw`try to\b`,
  String.raw`feel free to\b`,
  String.raw`that (?=the |our |my |all )`,
  String.raw`to (?=[a-z])`,
].join('|')
const COURTESY = new RegExp(`^(?:${REMARK}|${REQUEST})`, 'i')
const REMARKS = new RegExp(`^(?:${REMARK})+`, 'i')
/** After these stands how something is to be. */
const WISHED =
  /\b(?:want|need|like|love|wish|appreciate|make sure|ensure|see to it|take care|necessary|needed|required|important|great|nice|hope|hoping|could use)\b/i
const REQUESTED = new RegExp(`^(?:${REQUEST})`, 'i')
const INQUIRY =
  /^(?:who|whom|whose|when|where|which|what|how|why|is|are|am|was|were|did|does|do (?:you|we|i|they|the)|has|had|should|shall|may|might|any idea|(?:i|we)(?:'m| am|'re| are| was| were)? (?:wonder|wondering|thinking|unsure|not sure))\b/i
const PERMISSION = /^(?:can|could) (?:we|i)\b/i
/** Somebody tells what somebody else said. */
const QUOTES_SOMEBODY =
  /^(?!(?:i|we|you|as)\b)[^,;]{1,80}?\b(?:said|says|wrote|writes|told|tells|asked|asks|claims?|mentioned|suggests?|suggested|demands?|demanded|insists?)\b/i
/** From there on, all of it is somebody else's. */
const FORWARDED = /^(?:fwd?|from|re|subject|forwarded message|original message)\s*:/im

/** How a sentence is meant, by how it begins and whether it ends with a question mark. */
function moodOf(masked: string, asks: boolean): Mood {
  const said = withoutRemarks(masked)
  if (QUOTES_SOMEBODY.test(said)) return 'foreign'
  if (REQUESTED.test(said)) return 'order'
  if (INQUIRY.test(said) || (asks && /^(?:have|do)\b/i.test(said))) return 'inquiry'
  if (!asks) return PERMISSION.test(said) ? 'permission' : 'order'
  return said.split(/,\s*/).some(part => REQUESTED.test(withoutRemarks(part))) ? 'order' : 'permission'
}

function withoutRemarks(masked: string): string {
  return masked.slice(REMARKS.exec(masked)?.[0].length ?? 0)
}

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
  return sentencesOf(text, masked).flatMap(({from, to, joint, mood, sentence}, i) =>
    ordered(text.slice(from, to), masked.slice(from, to), asks).flatMap(({start, end, states, begins}, j) =>
      alongside(text.slice(from + start, from + end), masked.slice(from + start, from + end)).map(
        (part, k): Clause => {
          const lead = part.masked.slice(0, leadOf(part.masked))
          return {
            text: part.text,
            bare: bareOf(part.masked),
            joint: k > 0 ? part.joint : j > 0 ? ' ' : joint,
            begins: k === 0 && (j > 0 ? begins : i > 0 && !BESIDES.test(masked.slice(from, to))),
            states,
            wished: WISHED.test(lead),
            mood:
              !states &&
              mood !== 'foreign' &&
              INQUIRY.test(withoutRemarks(part.masked)) &&
              !REQUESTED.test(withoutRemarks(part.masked))
                ? 'inquiry'
                : mood,
            sentence,
          }
        },
      ),
    ),
  )
}

interface Span {
  readonly from: number
  readonly to: number
  readonly joint: string
  readonly mood: Mood
  readonly sentence: number
}

/** What one after the other is to happen. */
function sentencesOf(text: string, masked: string): readonly Span[] {
  const moods = moodsOf(masked)
  const spans: Span[] = []
  let from = 0
  let joint = ''
  const add = (to: number) => {
    const start = from + (/\S/.exec(masked.slice(from, to))?.index ?? 0)
    const sentence = moods.findLastIndex(one => one.from <= start)
    spans.push({from, to, joint, mood: moods[sentence]?.mood ?? 'order', sentence})
    joint = ''
  }
  for (const found of masked.matchAll(THEN)) {
    const to = found.index
    if (masked.slice(from, to).trim() !== '') add(to)
    joint = text.slice(to, to + found[0].length)
    from = to + found[0].length
  }
  if (masked.slice(from).trim() !== '') add(text.length)
  return spans
}

/** The sentences by where they begin. What follows somebody else's words after a colon is theirs, to the end. */
function moodsOf(masked: string): readonly {readonly from: number; readonly mood: Mood}[] {
  const moods: {from: number; mood: Mood}[] = []
  const forwarded = FORWARDED.exec(masked)?.index ?? Infinity
  let from = 0
  let isTheirs = false
  for (const {0: end, index} of masked.matchAll(/[.!?]+(?=\s|$)|\n+|$/g)) {
    const said = masked.slice(from, index)
    const mood: Mood = isTheirs || from >= forwarded ? 'foreign' : moodOf(said.trim(), end.includes('?'))
    isTheirs ||= mood === 'foreign' && (said.includes(':') || masked[index] === ':')
    moods.push({from, mood})
    from = index + end.length
  }
  return moods
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

  const awaited = /^wait (?:for|until|till) (?=.)/i.exec(masked.slice(lead))
  if (awaited) {
    const start = lead + awaited[0].length
    return [part(start, text.length - start, {states: true})]
  }
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
  const beforehand = new RegExp(
    `^${BEFORE}\\s+(?:(?:you|we|i)\\s+)?(.{2,200}?)(?:,\\s*|\\s+(?=(?:please|i|we|you|let)\\b))`,
    'i',
  ).exec(masked.slice(lead))
  if (beforehand) {
    const [all, later = ''] = beforehand
    return [
      {...rest(lead + all.length), begins: false},
      part(lead + all.indexOf(later), later.length, {begins: true}),
    ]
  }
  const later = conditionIn(masked, lead)
  const main = masked.slice(0, later?.index ?? 0)
  const joints = [...main.matchAll(ALONGSIDE)]
  const asksFrom = (start: number) => asks(bareOf(main.slice(start)))
  // Of several things, the last one alone waits. "It is wrong when …, mend it" waits for nothing.
  const last = joints.findLast(({0: joint, index}) => asksFrom(index + joint.length))
  if (later && later.index > 3 && !/\bwhy\b/i.test(main) && (last || asksFrom(0))) {
    const from = later.index + later.length
    const length = endOf(masked.slice(from), asks)
    const start = last ? last.index + last[0].length : 0
    return [
      ...(last ? [part(0, last.index)] : []),
      part(from, length, {states: true}),
      part(start, later.index - start, {begins: true}),
      ...(from + length < text.length ? [part(from + length, text.length - from - length)] : []),
    ]
  }
  const then = new RegExp(`\\s(?:but\\s+)?${BEFORE}\\b\\s+(?:(?:you|we|i)\\s+)?`, 'i').exec(masked)
  if (then && then.index > 3) return [part(0, then.index), rest(then.index + then[0].length)]
  return [whole]
}

/** So many parts of a condition are looked at, so that a long text takes no longer for them. */
const MOST_COMMAS = 10

/** Where a condition ends: where something is asked for behind a comma. */
function endOf(condition: string, asks: (bare: string) => boolean): number {
  const commas = [...condition.matchAll(/,\s+/g)].slice(0, MOST_COMMAS)
  const end = commas.find(({0: comma, index}) => asks(bareOf(condition.slice(index + comma.length))))
  return end?.index ?? condition.length
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

function bareOf(masked: string): string {
  const lead = leadOf(masked)
  const bare = masked.slice(lead).trim()
  const before = masked.slice(0, lead)
  return inActiveVoice(bare, WISHED.test(before) || /\bthat\s*$/i.test(before))
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
