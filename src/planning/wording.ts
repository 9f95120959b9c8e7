import {isWord, TELLING, thingIn, verbIn} from './lexicon.ts'

const BLOCKS = /```[^]*?(?:```|(?![^]))|^ *>.*$/gmu
/** What stands in quotes, in a fence or behind a `>`: what somebody called something, or said. */
export const QUOTED = new RegExp(
  `${BLOCKS.source}|"[^"]{1,4000}"|“[^”]{1,4000}”|«[^»]{1,4000}»|\`[^\`\\n]{1,300}\`|(?<![\\p{L}\\p{N}])'[^'\\n]{1,300}'(?![\\p{L}\\p{N}])`,
  'gmu',
)

/** Without what was copied from elsewhere, in fences or behind `>`: it names nothing that is meant. */
export function withoutBlocks(text: string): string {
  return text.replace(BLOCKS, ' ')
}

/**
 * The text with slips of the finger in telling words put right: two letters that changed places, or in a longer word
 * one too few or too many. The ends of a word are never guessed, so that no form of it, and hardly another word, is
 * taken for a slip. What stands in quotes stays as it is.
 */
export function withoutSlips(text: string): string {
  return outsideQuotes(text, WORD, word => {
    const lower = word.toLowerCase()
    if (TELLING.includes(lower) || isWord(lower)) return word
    const [meant, ...others] = TELLING.filter(one => isSlipOf(lower, one))
    return meant !== undefined && others.length === 0 ? meant : word
  })
}

/** What somebody adds to be kind, and is no condition: "when you get a minute", "if possible". */
const AT_LEISURE =
  /,?\s*\b(?:if|when(?:ever)?|once|as soon as) (?:possible|needed|necessary|convenient|you (?:(?:can|could|like|want|wish|may|don't mind|do not mind)(?=\s*(?:[,.;!?]|$|please\b|pls\b))|are free|are able to|'re free)|(?:you|someone|somebody|anyone) (?:have|has|get|gets|find|finds) (?:an? |some |the |any )?(?:free |quick |spare )?(?:minutes?|mins?|moment|second|sec|chance|time|bit))\b/gi
/** "api -> staging" */
const TO_THERE = /\s*(?:->|→|⇒)\s*(?=(?:production|prod|staging|stage|preprod|development|dev|live)\b)/gi
/** "PRs 14, 15 and #16": each of them is a pull request. */
const NUMBERS =
  /(\b(?:pull requests?|prs?|mrs?)\s*|#)\d{1,7}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*)#?\d{1,7}\b)+(?!\s+(?!and\b)[a-z]|%|\.\d)/gi

/** The text as it was meant to be typed, without remarks that would look like conditions; each number with its mark. */
export function plainly(text: string): string {
  const typed = withoutSlips(text.replace(/(?<=\p{L})’(?=\p{L})/gu, "'"))
  const asked = outsideQuotes(
    outsideQuotes(typed, AT_LEISURE, () => ''),
    TO_THERE,
    () => ' to ',
  )
  return outsideQuotes(asked, NUMBERS, list => list.replace(/#?(\d{1,7})/g, '#$1'))
}

function outsideQuotes(text: string, pattern: RegExp, change: (found: string) => string): string {
  const quoted = [...text.matchAll(QUOTED)].map(({0: quote, index}) => [index, index + quote.length] as const)
  return text.replace(pattern, (found: string, ...more: readonly unknown[]) => {
    const at = more.find(one => typeof one === 'number') ?? 0
    return quoted.some(([from, to]) => at >= from && at < to) ? found : change(found)
  })
}

/** One that stands alone: not in a path, a name or an address. */
const WORD = /(?<![\p{L}\p{N}_/.#@-])[a-z]{4,16}(?![\p{L}\p{N}_/@-]|\.[\p{L}\p{N}])/giu

function isSlipOf(word: string, meant: string): boolean {
  if (word[0] !== meant[0]) return false
  if (word.length === meant.length) return isSwapped(word, meant)
  if (word.at(-1) !== meant.at(-1)) return false
  if (meant.length < 6 || Math.abs(word.length - meant.length) > 1) return false
  const [short, long] = word.length < meant.length ? [word, meant] : [meant, word]
  return [...long].some((_, i) => long.slice(0, i) + long.slice(i + 1) === short)
}

function isSwapped(word: string, meant: string): boolean {
  const at = [...word].findIndex((letter, i) => letter !== meant[i])
  return (
    word[at] === meant[at + 1] && word[at + 1] === meant[at] && word.slice(at + 2) === meant.slice(at + 2)
  )
}

const THING = '(?<thing>.{1,80}?)'
const DONE = '(?<participle>[a-z-]+)(?<particle> (?:out|back|over|up|off))?\\b(?<rest>.*)$'
const BE_DONE =
  "(?:should|must|shall|needs?)(?:n't)?(?: to)?|can(?:not| not|'t)|may not|(?:has|have|ought) to|(?:is|are)(?:n't| not)? to|to"
const TO_BE_DONE = new RegExp(
  `^(?:${THING} )?(?<modal>(?:${BE_DONE})(?: [a-z]+){0,3}? (?:be|get)(?: [a-z]+){0,2}?) ${DONE}`,
  'is',
)
const IS_DONE = new RegExp(
  `^${THING} (?<modal>(?:(?:is|are)(?:n't)?|gets?|(?:will(?: not)?|won't|can|could|might|may) (?:be|get))(?: [a-z]+){0,2}?) ${DONE}`,
  'is',
)
const NEEDS_DOING =
  /^(?<thing>.{1,80}?) (?<modal>(?:needs?|requires?|could use|deserves?)(?: an?(?:other)?)?) (?<deed>[a-z-]+)\b(?<rest>.*)$/is
const NEGATED = /\b(?:not|cannot|never|no longer)\b|n't\b/i
const LET_RUN = /^(?:let|have|make) (.{1,80}?) (run|rerun|pass through)\b(.*)$/is
/** Before these a participle says what kind of thing it is: "the updated docs". */
const ARTICLE = /(?:^|\s)(?:the|an?|our|my|its|this|that|all|any|newly|recently)$/i

/**
 * "X should be deployed", "have X deployed", "X needs deploying" and "let X run" as whoever is told to do it would hear
 * it: "deploy X"; what should not be done, as "do not deploy X".
 * `wished`: it is what somebody wants, so that "X is deployed" is no statement of how things are.
 */
export function inActiveVoice(said: string, wished: boolean): string {
  const done = TO_BE_DONE.exec(said) ?? (wished ? IS_DONE.exec(said) : null)
  const {thing = '', modal = '', participle = '', particle = '', rest = ''} = done?.groups ?? {}
  const deed = baseOf(participle)
  if (deed !== undefined) {
    const told = `${deed}${particle}${thing === '' ? '' : ` ${thing}`}${rest}`
    return NEGATED.test(modal) ? `do not ${told}` : told
  }
  const [, runs = '', verb, after = ''] = LET_RUN.exec(said) ?? []
  if (verb !== undefined) return `${verb} ${runs}${after}`
  return haveDone(said) ?? needsDoing(said) ?? said
}

function haveDone(said: string): string | undefined {
  if (!/^(?:have|get|see) /i.test(said)) return undefined
  const words = said.split(' ')
  const at = words.findIndex(
    (word, i) => i > 1 && isParticiple(word) && !ARTICLE.test(words.slice(1, i).join(' ')),
  )
  const deed = baseOf(words[at] ?? '')
  if (deed === undefined) return undefined
  const isPhrasal = /^(?:out|back|over|up|off)$/i.test(words[at + 1] ?? '') && words[at + 2] !== 'to'
  const verb = isPhrasal ? `${deed} ${words[at + 1] ?? ''}` : deed
  return [verb, ...words.slice(1, at), ...words.slice(at + (isPhrasal ? 2 : 1))].join(' ')
}

function needsDoing(said: string): string | undefined {
  const {thing = '', deed = '', rest = ''} = NEEDS_DOING.exec(said)?.groups ?? {}
  const verb = verbIn(deed.toLowerCase())
  if (verb?.form === 'ing' || verb?.form === 'base') return `${verb.lemma} ${thing}${rest}`
  return thingIn(deed.toLowerCase()) === undefined ? undefined : `give ${thing} ${deed}${rest}`
}

const SAME_IN_THE_PAST = new Set(['run', 'set', 'put', 'split'])

function isParticiple(word: string): boolean {
  const verb = verbIn(word.toLowerCase())
  return verb !== undefined && (verb.form === 'past' || SAME_IN_THE_PAST.has(verb.lemma))
}

/** What a participle is of: also one of a verb that is not ours, as far as its ending tells. */
function baseOf(participle: string): string | undefined {
  const word = participle.toLowerCase()
  const verb = verbIn(word)
  if (verb) return isParticiple(word) ? verb.lemma : undefined
  return word.length > 4 && word.endsWith('ed') ? word.slice(0, -2) : undefined
}
