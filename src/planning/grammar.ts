import type {KnownNames} from './facts.ts'
import {
  familiesOf,
  isParticleOf,
  saysNothing,
  stateIn,
  thingIn,
  verbIn,
  type Family,
  type Thing,
} from './lexicon.ts'

/** What can be asked for. */
export const TASK_KINDS = [
  'implement',
  'refactor',
  'review',
  'analyse',
  'explain',
  'test',
  'validate',
  'deploy',
  'rollback',
  'configure',
  'health',
  'heal',
  'diagnose',
  'triage',
  'triage_issues',
  'docs',
  'readme',
] as const
export type TaskKind = (typeof TASK_KINDS)[number]

/** What a part of a request asks for. What stands beside it without a verb of its own may share the verb's `families`. */
export interface Wish {
  readonly kind: TaskKind
  readonly families: readonly Family[]
  /** Names nothing: what came before says what is meant. */
  readonly refers?: boolean
}

/**
 * Where a thing stands. `head`: what the verb is about (`docs` in "update the docs of the build"); `object`: with what
 * stands before that; `of`, `there`, `through`: behind such a preposition; `any`: anywhere in the clause; `nothing`: the
 * verb is about nothing that is named.
 */
type Where = 'head' | 'object' | 'of' | 'there' | 'through' | 'any' | 'nothing'
type Frame = readonly [where: Where, things: readonly Thing[], kind: TaskKind]

/** "Do a review" is "review". */
const DEEDS: readonly Frame[] = [
  ['head', ['health'], 'health'],
  ['head', ['review'], 'review'],
  ['head', ['analysis'], 'analyse'],
  ['head', ['diagnosis'], 'diagnose'],
  ['head', ['shipment'], 'deploy'],
  ['head', ['rollback'], 'rollback'],
  ['head', ['pipeline'], 'test'],
]
const DOCUMENTS: readonly Frame[] = [
  ['head', ['docs'], 'docs'],
  ['head', ['readme'], 'readme'],
]

/** What verbs of a family ask for, by what they are about: the first that fits; else that of `else`, whatever it is. */
const FRAMES: Readonly<Record<Family, {readonly of?: readonly Frame[]; readonly else?: TaskKind}>> = {
  run: {of: [...DEEDS, ['object', ['pipeline'], 'test'], ['through', ['pipeline'], 'test']]},
  ship: {of: [['head', ['docs'], 'docs']], else: 'deploy'},
  carry: {
    of: [
      ['there', ['environment'], 'deploy'],
      ['through', ['review'], 'review'],
      ['through', ['pipeline'], 'test'],
    ],
  },
  undo: {else: 'rollback'},
  restore: {of: [['any', ['environment', 'shipment'], 'rollback']]},
  try: {
    of: [
      ['nothing', [], 'test'],
      ['object', ['change', 'pipeline', 'code'], 'test'],
    ],
  },
  probe: {
    of: [
      ['object', ['change', 'pipeline', 'code'], 'test'],
      ['any', ['environment'], 'health'],
      ['nothing', [], 'test'],
    ],
  },
  review: {else: 'review'},
  look: {
    of: [
      ['any', ['health'], 'health'],
      ['head', ['shipment'], 'health'],
      ['any', ['pipeline'], 'validate'],
      ['object', ['change', 'code', 'review'], 'review'],
      ['any', ['environment', 'target'], 'health'],
    ],
  },
  verify: {else: 'health'},
  triage: {
    of: [
      ['object', ['issues'], 'triage_issues'],
      ['object', ['environment', 'target'], 'diagnose'],
    ],
    else: 'triage',
  },
  find: {
    of: [
      ['any', ['pipeline', 'change', 'shipment'], 'triage'],
      ['any', ['environment', 'target'], 'diagnose'],
      ['any', ['failure'], 'triage'],
    ],
    else: 'diagnose',
  },
  sort: {of: [['object', ['issues'], 'triage_issues']]},
  heal: {else: 'heal'},
  mend: {of: [['head', ['environment'], 'heal']]},
  explain: {else: 'explain'},
  analyse: {of: [['any', ['pipeline', 'failure'], 'triage']], else: 'analyse'},
  document: {else: 'docs'},
  light: {of: [...DEEDS, ...DOCUMENTS]},
  set: {of: [['any', ['variable'], 'configure']]},
  tidy: {of: DOCUMENTS, else: 'refactor'},
  make: {of: [...DOCUMENTS, ['of', ['docs'], 'docs'], ['of', ['readme'], 'readme']], else: 'implement'},
  obtain: {},
}

/** How something is to stand, before others begin or because somebody wants it: "the tests pass", "a green build". */
const STATED: readonly Frame[] = [
  ['any', ['health'], 'health'],
  ['any', ['review'], 'review'],
  ['any', ['pipeline'], 'test'],
  ['any', ['shipment'], 'deploy'],
]
/** What answers a question about how something stands, and changes nothing. */
const ANSWERED_BY: readonly Frame[] = [
  ['any', ['pipeline'], 'validate'],
  ['any', ['health', 'environment', 'target'], 'health'],
]
/** The things that a task can be about once more: "review #3 and #4". */
const AGAIN: Readonly<Partial<Record<TaskKind, readonly Thing[]>>> = {
  review: ['change'],
  test: ['change', 'pipeline'],
  validate: ['change'],
  triage: ['change'],
  analyse: ['change', 'code'],
  explain: ['code'],
  deploy: ['target', 'environment', 'change'],
  rollback: ['target', 'environment'],
  health: ['target', 'environment'],
  heal: ['target', 'environment'],
  diagnose: ['target', 'environment'],
  docs: ['docs', 'readme'],
  readme: ['docs', 'readme'],
}

interface Word {
  readonly text: string
  readonly thing: Thing | undefined
}

/** What several words say, as the one that says the same. */
const COMPOUNDS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:pull|merge) requests?\b/gi, 'pr'],
  [/\brelease notes?\b/gi, 'changelog'],
  [/\bend[- ]to[- ]end\b/gi, 'e2e'],
  [/\b(test) (?:suites?|runs?)\b/gi, 'tests'],
  [/\bhealth[- ]?checks?\b|\bsmoke[- ]?tests?\b/gi, 'health'],
  [/\bcode[- ]reviews?\b|\b(?:pair|set) of eyes\b/gi, 'review'],
  [/\bstatic(?:ally)? (?=analy)/gi, ''],
  [/\bup[- ]to[- ]date\b/gi, 'current'],
  [/\bout[- ]of[- ]date\b/gi, 'outdated'],
  [/\b(?:config(?:uration)?|env(?:ironment)?) (?:variable|value|var|setting)s?\b/gi, 'variable'],
  [/\bget rid of\b/gi, 'remove'],
  [/(?<=\w \S+) live$/i, ' to live'],
  [/\bdouble[- ]check\b/gi, 'check'],
  [
    /\b(docs?|documentation|readme|changelog|guide|manual|handbook|wiki) (?:entry|entries|sections?|pages?|chapters?)\b/gi,
    '$1',
  ],
  [
    /\b(?:take|have|get) (?:an?(?:other)? )?(?:[a-z]+ )?(?:look|peek|glance)\b(?: (?=at|over|through|into))?/gi,
    'look ',
  ],
  [/\bgive (.{1,40}) an?(?:other)? (?:[a-z]+ )?(?:look|check|peek)\b/gi, 'look at $1'],
  [
    /\b(?:(?:tell|show) (?:me|us) |let (?:me|us) know |see |find out |figure out |look (?:once )?)(?=if|whether)/gi,
    'check ',
  ],
  [/\b(?:tell|show|let) (?:me|us) (?:know )?(?=how (?:is|are)\b)/gi, 'check '],
  [/\b(\w+)n't\b/gi, '$1 not'],
  [/\bcannot\b/gi, 'can not'],
  [/\b(it|that|this|there|what|how|something|everything|nothing)'s\b/gi, '$1 is'],
  [/'(?:s|re|ve|d|ll)\b/gi, ''],
]
const VARIABLE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?:=.*)?$|^[A-Z][A-Z0-9_]{2,}=/
const NUMBERED = /^#\d|\/pull\/\d/
const FILE = /^[\w./-]+\.(?:tsx?|jsx?|mjs|cjs|py|go|rs|java|rb|cs|sql|ya?ml|json|css|html|sh)$/
const ADVERB = /^(?:current|better|\w{3,}ly)$/
/** A number, a name with marks in it, an address. */
const REFERENCE = /[\d#/=_]|\w[.-]\w/

function wordsIn(said: string, {targets}: KnownNames): readonly Word[] {
  const names = new Set(targets.flatMap(({name, service}) => [name.toLowerCase(), service.toLowerCase()]))
  return COMPOUNDS.reduce((text, [words, word]) => text.replace(words, word), said)
    .split(/[^\p{L}\p{N}#/._=:-]+/u)
    .map(part => part.replace(/^[.:-]+|[.:-]+$/g, ''))
    .filter(part => part !== '')
    .map(part => {
      const text = part.toLowerCase()
      const thing = VARIABLE.test(part)
        ? 'variable'
        : NUMBERED.test(part)
          ? 'change'
          : names.has(text)
            ? 'target'
            : (thingIn(text) ?? (FILE.test(part) ? 'code' : undefined))
      return {text, thing}
    })
}

const BE = new Set(
  'is are was were be been has have had seems looks keeps does did do should must'.split(' '),
)
const BOUNDS = new Set([
  ...BE,
  ...'of for on in to at with from by about against into onto via through past without under per than because so that which where who when while if whether why how what as until unless needs lacks misses'.split(
    ' ',
  ),
])
const INTO = new Set(['to', 'on', 'onto', 'into', 'in'])
const PART_OF = new Set(['to', 'in', 'into', 'of'])
const THROUGH = new Set(['through', 'past'])

/** What stands where around a verb, or in a clause without one. */
interface Scene {
  readonly object: readonly Word[]
  readonly rest: readonly Word[]
}

function sceneOf(words: readonly Word[]): Scene {
  const start = words.findIndex(({text}) => !BOUNDS.has(text))
  const from = start === -1 ? words.length : start
  const length = words.slice(from).findIndex(({text}) => BOUNDS.has(text))
  const to = length === -1 ? words.length : from + length
  // "To staging" has no object; "at PR 5" has one.
  const led = words.slice(0, from).some(({text}) => INTO.has(text))
  return led ? {object: [], rest: words} : {object: words.slice(from, to), rest: words.slice(to)}
}

/** The thing that a noun phrase is about: its last word that is no name, number or remark. */
function headOf(phrase: readonly Word[]): Thing | undefined {
  return phrase.findLast(({text, thing}) => thing !== undefined || !isRemark(text))?.thing
}

function isRemark(text: string): boolean {
  const form = verbIn(text)?.form
  return saysNothing(text) || REFERENCE.test(text) || ADVERB.test(text) || form === 'ing' || form === 'past'
}

/** The noun phrases behind these prepositions. */
function behind(prepositions: ReadonlySet<string>, words: readonly Word[]): readonly (readonly Word[])[] {
  return words.flatMap(({text}, i) => {
    if (!prepositions.has(text)) return []
    const phrase = words.slice(i + 1)
    const length = phrase.findIndex(word => BOUNDS.has(word.text))
    return [length === -1 ? phrase : phrase.slice(0, length)]
  })
}

function stands(where: Where, things: readonly Thing[], {object, rest}: Scene): boolean {
  const isOne = (thing: Thing | undefined) => thing !== undefined && things.includes(thing)
  const some = (words: readonly Word[]) => words.some(({thing}) => isOne(thing))
  switch (where) {
    case 'head':
      return isOne(headOf(object))
    case 'object':
      return some(object)
    case 'of':
      return behind(PART_OF, rest).some(phrase => isOne(headOf(phrase)))
    case 'there':
      return behind(INTO, rest).some(some)
    case 'through':
      return behind(THROUGH, rest).some(some)
    case 'any':
      return some(object) || some(rest)
    case 'nothing':
      return object.every(({text, thing}) => thing === undefined && isRemark(text))
  }
}

function framed(frames: readonly Frame[], scene: Scene): TaskKind | undefined {
  return frames.find(([where, things]) => stands(where, things, scene))?.[2]
}

function asked(families: readonly Family[], scene: Scene): TaskKind | undefined {
  for (const family of families) {
    const frame = FRAMES[family]
    const kind = framed(frame.of ?? [], scene) ?? frame.else
    if (kind !== undefined) return kind
  }
  return undefined
}

/** An imperative. */
function orderIn(words: readonly Word[]): Wish | undefined {
  const [first, ...others] = words
  const verb = first && verbIn(first.text)
  if (!first || !verb || (verb.form !== 'base' && verb.form !== 'ing')) return undefined
  const texts = others.map(({text}) => text)
  // "The build is red", "test failures", "review of #5": what looks like a verb is a noun there.
  const bound = texts.find(text => BOUNDS.has(text))
  const says = bound !== undefined && BE.has(bound)
  const [next] = others
  const isNoun = first.thing !== undefined && /^(?:of|for)$/.test(next?.text ?? '')
  const names = first.thing !== undefined || verb.form === 'ing'
  if (isNoun || (names && (says || next?.thing === 'failure')) || (verb.form === 'ing' && isBad(others)))
    return undefined
  const families = familiesOf(verb.lemma, texts)
  const behindIt = others.filter(({text}, i) => !(i < 7 && isParticleOf(verb.lemma, text) && !INTO.has(text)))
  const scene = sceneOf(behindIt)
  const kind =
    asked(families, scene) ?? (families.includes('obtain') && isNew(scene.object) ? 'implement' : undefined)
  return (
    kind && {
      kind,
      families,
      refers: stands('nothing', [], scene) && !scene.object.some(({text}) => REFERENCE.test(text)),
    }
  )
}

/** Something that is not there yet: `a dark mode`. */
function isNew([first, second]: readonly Word[]): boolean {
  return (
    second !== undefined &&
    (/^(?:an?|some|another)$/.test(first?.text ?? '') || /^(?:ability|option|possibility)$/.test(second.text))
  )
}

const isBad = (words: readonly Word[]) => {
  const states = words.map(({text}) => stateIn(text))
  return (
    states.includes('bad') ||
    (words.some(({text}) => text === 'not' || text === 'no') && states.some(Boolean))
  )
}
const hasState = (words: readonly Word[]) => words.some(({text}) => stateIn(text) !== undefined)

/** How something is to stand: what brings it there. */
function statedIn(words: readonly Word[]): TaskKind | undefined {
  const scene = sceneOf(words)
  const own = orderIn(words)?.kind
  const deeds = words.flatMap(({text}, i) => {
    const verb = verbIn(text)
    return verb?.form === 'past' && i > 0
      ? [
          asked(
            familiesOf(
              verb.lemma,
              words.slice(i + 1).map(word => word.text),
            ),
            scene,
          ),
        ]
      : []
  })
  return (
    deeds.find(Boolean) ??
    framed(STATED, scene) ??
    own ??
    (hasState(words) ? framed([['any', ['environment', 'target'], 'health']], scene) : undefined)
  )
}

/** A look that answers a question. */
function inquiryIn(words: readonly Word[]): TaskKind | undefined {
  const [first, second] = words.map(({text}) => text)
  const whole: Scene = {object: words, rest: []}
  const isIll =
    isBad(words) || words.some(({text}) => /^(?:problem|issue|matter|happening|happened)$/.test(text))
  switch (first) {
    case 'why':
    case 'what':
      if (isIll) return framed(FRAMES.find.of ?? [], whole)
      return first === 'what'
        ? framed(
            [['any', ['health'], 'health'], ...(/^(?:do|does)$/.test(second ?? '') ? EXPLAINED : [])],
            whole,
          )
        : undefined
    case 'how':
      if (/^(?:do|does)$/.test(second ?? '')) return framed(EXPLAINED, whole)
      return /^(?:is|are|did)$/.test(second ?? '') ? framed(ANSWERED_BY, whole) : undefined
    case 'is':
    case 'are':
    case 'was':
    case 'were':
    case 'has':
    case 'have':
    case 'do':
    case 'does':
    case 'did': {
      const state = words.findIndex(({text}) => stateIn(text) !== undefined)
      // "Is it fine to deploy?" is about doing it, not about how something stands.
      const about = /^(?:to|if|when)$/.test(words[state + 1]?.text ?? '')
      return state === -1 || about ? undefined : framed(ANSWERED_BY, whole)
    }
    default:
      return undefined
  }
}
const EXPLAINED: readonly Frame[] = [['any', ['code'], 'explain']]

/** What is said to be ill is looked into; documents are mended. */
function complaintIn(words: readonly Word[]): TaskKind | undefined {
  const finite = words.findIndex(
    ({text}) => BE.has(text) || /^(?:needs|lacks|misses)$/.test(text) || stateIn(text) !== undefined,
  )
  if (finite < 1) return undefined
  const subject = words.slice(0, finite)
  const {object} = sceneOf(subject)
  const head = headOf(object)
  const lacks = words.some(({text}) => /^(?:needs|lacks|misses|need|lack|miss|should|must)$/.test(text))
  if (head === 'docs' || head === 'readme') return isBad(words) || lacks ? head : undefined
  if (!isBad(words)) return undefined
  if (head === 'pipeline' || head === 'change') return 'triage'
  if (head === 'environment' || head === 'target') return 'diagnose'
  const nobody = object.every(({text, thing}) => thing === undefined && saysNothing(text))
  return nobody
    ? framed([['any', ['environment', 'target'], 'diagnose']], {object: words, rest: []})
    : undefined
}

/** What something should do that is no deed of ours: "the search box should ignore case". */
function isRequired(words: readonly Word[]): boolean {
  const at = words.findIndex(({text}) => /^(?:should|must|shall)$/.test(text))
  if (at < 1) return false
  const [verb, ...others] = words.slice(at + 1).filter(({text}) => text !== 'not')
  const isAble = verb?.text === 'be' && others[0]?.text === 'able'
  const says = verb && !BE.has(verb.text) && !/^(?:stay|remain|wait|keep)$/.test(verb.text)
  const deed = verb && verbIn(verb.text)
  const {object} = sceneOf(words.slice(0, at))
  const names = object.some(({text, thing}) => thing === 'target' || (thing === undefined && !isRemark(text)))
  return (
    names &&
    (isAble ||
      (says === true &&
        (deed === undefined || familiesOf(deed.lemma, []).every(family => family === 'make'))))
  )
}

/** What stands there without a verb: "tests on #52", "the api to staging"; beside another, more of the same. */
function nominalIn(words: readonly Word[], previous: Wish | undefined, isTold: boolean): Wish | undefined {
  const first = words[0]?.text ?? ''
  // "For PR 30 the review", "and to production"; but "with tests" belongs to what it stands behind.
  const reference = words.findIndex(({text}) => REFERENCE.test(text))
  const from =
    /^(?:for|on|in|of|about)$/.test(first) && reference < words.length - 1
      ? reference + 1
      : INTO.has(first)
        ? 1
        : 0
  if (from === 0 && BOUNDS.has(first)) return undefined
  const scene = sceneOf(words.slice(from))
  const {object, rest} = scene
  const isKnown = ({text, thing}: Word) =>
    thing !== undefined || isRemark(text) || stateIn(text) !== undefined
  const all = [...object, ...rest]
  if (all.some(({text}) => BE.has(text)) || isBad(all) || !object.every(isKnown)) return undefined
  const head = headOf(object)
  const told = rest.every(word => isKnown(word) || BOUNDS.has(word.text))
  const writes = previous?.kind === 'implement' || previous?.kind === 'refactor'
  if (previous && !writes && told && head !== undefined && AGAIN[previous.kind]?.includes(head))
    return {...previous, kind: head === 'readme' || head === 'docs' ? head : previous.kind}
  if (head !== 'docs' && head !== 'readme' && !told) return undefined
  if (writes && !told) return undefined
  const isEnough =
    isTold ||
    rest.length > 0 ||
    object.some(({text, thing}) => REFERENCE.test(text) || thing === 'environment' || thing === 'target')
  if (!isEnough) return undefined
  const kind =
    framed(DEEDS, scene) ??
    framed(DOCUMENTS, scene) ??
    (head === 'target' || head === 'change'
      ? framed([['there', ['environment'], 'deploy']], scene)
      : undefined)
  return kind && {kind, families: ['light', ...(previous?.families ?? [])]}
}

/** How a sentence is meant. */
export type Mood =
  /** Somebody is told, asked or wished to do it. */
  | 'order'
  /** A question whether it might be done: nothing weighty comes of it. */
  | 'permission'
  /** A question: it is answered at most. */
  | 'inquiry'
  /** What others said. */
  | 'foreign'

/**
 * What a clause asks for, in a sentence of that mood. `states`: it says how something stands before others begin;
 * `wished`: somebody wants what it says. `previous`: what the clause beside it asks for;
 * `follows`: something is asked for before it.
 */
export function wishIn(
  {
    bare,
    states,
    wished,
    mood,
  }: {readonly bare: string; readonly states: boolean; readonly wished: boolean; readonly mood: Mood},
  known: KnownNames,
  {previous, follows = false}: {readonly previous?: Wish | undefined; readonly follows?: boolean} = {},
): Wish | undefined {
  const words = wordsIn(bare, known)
  const plain = (kind: TaskKind | undefined): Wish | undefined => kind && {kind, families: []}
  if (mood === 'foreign') return undefined
  if (mood === 'inquiry') return states ? undefined : plain(inquiryIn(words))
  if (states) return plain(statedIn(words))
  return (
    orderIn(words) ??
    plain(
      wished && !isBad(words) && words.some(({text}) => BE.has(text) || stateIn(text) !== undefined)
        ? statedIn(words)
        : undefined,
    ) ??
    plain(complaintIn(words)) ??
    plain(isRequired(words) ? 'implement' : undefined) ??
    nominalIn(words, previous, wished || follows) ??
    plain(wished && isNew(words) ? 'implement' : undefined)
  )
}

const ISSUE = /^[a-z]{2,10}-\d{1,6}$/

/** Whether it says more than that something is to be done: "fix it" does not. */
export function saysWhat(text: string): boolean {
  return wordsIn(text, {targets: [], repositories: []}).some(({text: word, thing}) =>
    thing === undefined ? ISSUE.test(word) || !(isRemark(word) || verbIn(word)) : thing !== 'change',
  )
}

/** Whether it says that something goes wrong: what waits for that cannot be planned. */
export function isIll(bare: string, known: KnownNames): boolean {
  return isBad(wordsIn(bare, known))
}
