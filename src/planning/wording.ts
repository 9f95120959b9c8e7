/** What stands in quotes: what somebody called something. */
export const QUOTED =
  /"[^"\n]{1,300}"|“[^”\n]{1,300}”|«[^»\n]{1,300}»|`[^`\n]{1,300}`|(?<![\p{L}\p{N}])'[^'\n]{1,300}'(?![\p{L}\p{N}])/gu

/** Words that plans turn on, as people mistype them. */
const TELLING =
  'review deploy deployment release rollback restart test tests then after before once production staging development pipeline client implement refactor document documentation update generate health check explain diagnose triage approve'.split(
    ' ',
  )

/**
 * The text with slips of the finger in telling words put right: two letters that changed places, or in a longer word
 * one too few or too many. The ends of a word are never guessed, so that no form of it, and hardly another word, is
 * taken for a slip. What stands in quotes stays as it is.
 */
export function withoutSlips(text: string): string {
  const quoted = [...text.matchAll(QUOTED)].map(({0: quote, index}) => [index, index + quote.length] as const)
  return text.replace(WORD, (word: string, at: number) => {
    const lower = word.toLowerCase()
    if (TELLING.includes(lower) || quoted.some(([from, to]) => at >= from && at < to)) return word
    return TELLING.find(meant => isSlipOf(lower, meant)) ?? word
  })
}

/** One that stands alone: not in a path, a name or an address. */
const WORD = /(?<![\p{L}\p{N}_/.#@-])[a-z]{4,16}(?![\p{L}\p{N}_/@-]|\.[\p{L}\p{N}])/giu

function isSlipOf(word: string, meant: string): boolean {
  if (word[0] !== meant[0] || word.at(-1) !== meant.at(-1)) return false
  if (word.length === meant.length) return isSwapped(word, meant)
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

const PARTICIPLES: Readonly<Record<string, string>> = {
  'rolled out': 'roll out',
  'rolled back': 'roll back',
  'brought up to date': 'update',
  actualised: 'update',
  actualized: 'update',
  added: 'add',
  built: 'build',
  changed: 'change',
  checked: 'check',
  corrected: 'correct',
  deployed: 'deploy',
  diagnosed: 'diagnose',
  documented: 'document',
  fixed: 'fix',
  generated: 'generate',
  healed: 'heal',
  implemented: 'implement',
  improved: 'improve',
  linted: 'lint',
  promoted: 'promote',
  rebuilt: 'rebuild',
  refactored: 'refactor',
  refreshed: 'refresh',
  regenerated: 'regenerate',
  released: 'release',
  removed: 'remove',
  renamed: 'rename',
  repaired: 'repair',
  rerun: 'rerun',
  restarted: 'restart',
  reviewed: 'review',
  run: 'run',
  set: 'set',
  shipped: 'ship',
  tested: 'test',
  touched: 'touch',
  triaged: 'triage',
  updated: 'update',
  upgraded: 'upgrade',
  written: 'write',
}
const DONE = `(?<participle>${Object.keys(PARTICIPLES)
  .sort((a, b) => b.length - a.length)
  .join('|')})\\b(?<rest>.*)$`
const THING = '(?<thing>.{1,80}?)'
const HAVE_DONE = new RegExp(`^(?:have|get|see) ${THING} ${DONE}`, 'is')
const TO_BE_DONE = new RegExp(
  `^${THING} (?<modal>(?:(?:should|must|shall|needs?)(?:n't)?(?: to)?|can(?:not| not|'t)|may not|(?:has|have|ought) to|(?:is|are)(?:n't| not)? to|to)(?: [a-z]+){0,3}? (?:be|get)(?: [a-z]+){0,2}?) ${DONE}`,
  'is',
)
const IS_DONE = new RegExp(
  `^${THING} (?<modal>(?:(?:is|are)(?:n't)?|gets?|(?:will(?: not)?|won't) be)(?: [a-z]+){0,2}?) ${DONE}`,
  'is',
)
const NEGATED = /\b(?:not|cannot|never|no longer)\b|n't\b/i
const LET_RUN = /^let (.{1,80}?) (run|rerun|pass through)\b(.*)$/is

/**
 * "X should be deployed", "have X deployed" and "let X run" as whoever is told to do it would hear it: "deploy X"; what
 * should not be done, as "do not deploy X".
 * `wished`: it is what somebody wants, so that "X is deployed" is no statement of how things are.
 */
export function inActiveVoice(said: string, wished: boolean): string {
  const done = HAVE_DONE.exec(said) ?? TO_BE_DONE.exec(said) ?? (wished ? IS_DONE.exec(said) : null)
  if (done) {
    const {modal = '', thing = '', participle = '', rest = ''} = done.groups ?? {}
    const told = `${PARTICIPLES[participle.toLowerCase()] ?? participle} ${thing}${rest}`
    return NEGATED.test(modal) ? `do not ${told}` : told
  }
  const [let_, thing, verb, rest] = LET_RUN.exec(said) ?? []
  return let_ === undefined ? said : `${verb ?? ''} ${thing ?? ''}${rest ?? ''}`
}
