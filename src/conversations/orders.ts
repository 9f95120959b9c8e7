/** What people tell things that are under way, or that have failed. */
export const ORDER_VERBS = ['stop', 'pause', 'resume', 'retry'] as const
export type OrderVerb = (typeof ORDER_VERBS)[number]

/** A word for something under way, as its person said it. */
export interface Order {
  readonly verb: OrderVerb
  /** Which one is meant, in their words: `the client deploy`, `run ab12`. Empty for "it". */
  readonly about: string
  readonly reason: string | undefined
}

/** Something that an order can be given to. */
export interface Subject {
  readonly kind: 'command' | 'run'
  /** Of the command, or of the run. */
  readonly id: string
  /** For people to read. */
  readonly title: string
  /** What people may call it by, besides its id. */
  readonly words: string
}

const VERBS: readonly (readonly [OrderVerb, RegExp])[] = [
  ['stop', /^(?:stop|cancel|abort|halt|kill|terminate|interrupt|call off)\b/i],
  ['pause', /^(?:pause|suspend|hold(?! (?:on|up)\b))\b/i],
  ['resume', /^(?:resume|unpause|continue|(?:go|carry) on with)\b/i],
  ['retry', /^(?:re-?try|try(?=\b.*\bagain\b))\b/i],
]
const REASON = /(?:,\s*|\s+)(?:because|since)\s+(.+)$|:\s+(.+)$/i
const FAREWELL =
  /(?:[\s,]+(?:please|pls|thanks|thank you|thx|now|immediately|right away|right now|at once|asap|quickly|again|for me|for now))+$/i
/** Two wishes at once, or a condition: nothing that one order could say. */
const SEVERAL =
  /(?<!^)\b(?:and|then|but|instead|after|before|once|when|if|until|unless|while)\b|[;\n]|[.,!?]\s+\S/i
const FILLERS = new Set(
  'the a an this that these those it its my our your current currently running latest last newest ongoing one thing of for to on in at by with which is was again please failed paused stuck'.split(
    ' ',
  ),
)
/** Longer than that, nobody names a thing. */
const MOST_WORDS = 5
const NEWEST = /\b(?:last|latest|newest)\b/i
const WHOLE_ID = /^(?:wf-[a-z0-9-]{8,61}|[0-9a-f]{8}[0-9a-f-]{0,28})$/

/** The order in a wish that begins with its verb; `several`: there is more in it than one. */
export function orderIn(wish: string): Order | 'several' | undefined {
  const [verb, pattern] = VERBS.find(([, pattern]) => pattern.test(wish)) ?? []
  if (verb === undefined || pattern === undefined) return undefined
  const rest = wish.replace(pattern, '').trim()
  const [given, ...reasons] = REASON.exec(rest) ?? []
  const about = (given === undefined ? rest : rest.slice(0, -given.length))
    .replace(/[\s.!?…]+$/, '')
    .replace(FAREWELL, '')
    .replace(/^[\s,]+/, '')
  if (SEVERAL.test(about)) return 'several'
  const words = wordsIn(about)
  if (words.length > MOST_WORDS) return undefined
  return {verb, about: words.length === 0 ? '' : about, reason: reasons.find(Boolean)?.slice(0, 300)}
}

/**
 * What of it is meant: all whose names hold every word of it, and all for "" alone. Where there are none, those that hold
 * some.
 */
export function meantBy(
  about: string,
  subjects: readonly Subject[],
): {readonly exact: readonly Subject[]; readonly near: readonly Subject[]} {
  const words = wordsIn(about)
  if (words.length === 0) return {exact: about === '' ? subjects : [], near: []}
  const fits = subjects.map(subject => words.filter(word => isCalled(subject, word)).length)
  const exact = subjects.filter((_, i) => fits[i] === words.length)
  return {exact, near: exact.length > 0 ? [] : subjects.filter((_, i) => (fits[i] ?? 0) > 0)}
}

/**
 * Which of them an order means. `none`: nothing is called that. `one`: that one, by its name. `some`: it has to be
 * asked, also where they named none (`it`, `the job`) and there is one alone.
 */
export function choose(
  {verb, about}: Order,
  subjects: readonly Subject[],
):
  | {readonly kind: 'none'}
  | {readonly kind: 'one'; readonly subject: Subject}
  | {readonly kind: 'some'; readonly subjects: readonly Subject[]} {
  const {exact, near} = meantBy(about, subjects)
  const [first, ...others] = exact
  const named = wordsIn(about).some(word => !ANYTHING.has(word))
  if (first && named && (others.length === 0 || NEWEST.test(about))) return {kind: 'one', subject: first}
  // Something that is over, or somebody else's: the command says so itself.
  const id = idIn(about)
  if (!first && id !== undefined && WHOLE_ID.test(id)) {
    if (id.startsWith('wf-')) return {kind: 'one', subject: {kind: 'run', id, title: id, words: ''}}
    if (verb === 'stop') return {kind: 'one', subject: {kind: 'command', id, title: id, words: ''}}
  }
  const some = first ? exact : near
  return some.length === 0 ? {kind: 'none'} : {kind: 'some', subjects: some}
}

/** The first thing in a text that looks like an id, or like the beginning of one. */
export function idIn(text: string): string | undefined {
  return wordsIn(text).find(isId)
}

/** The words that tell one thing from another. */
function wordsIn(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}…-]+/u)
    .map(word => word.replace(/…$/, ''))
    .filter(word => word !== '' && !FILLERS.has(word))
}

const ANYTHING = new Set([
  'everything',
  'all',
  'anything',
  'job',
  'jobs',
  'task',
  'tasks',
  'process',
  'processes',
])
const RUNS = new Set(['run', 'runs', 'workflow', 'workflows', 'plan'])
const COMMANDS = new Set(['command', 'commands'])

function isCalled({kind, id, words}: Subject, word: string): boolean {
  if (ANYTHING.has(word)) return true
  if (RUNS.has(word)) return kind === 'run'
  if (COMMANDS.has(word)) return kind === 'command'
  if (isId(word)) return bareId(id).startsWith(bareId(word))
  return wordsIn(words)
    .flatMap(name => [name, ...name.split('-')])
    .some(name => root(name) === root(word))
}

/** At least four characters of an id, one of them a figure: `dead` and `face` are words. */
function isId(word: string): boolean {
  return /^(?:wf-[a-z0-9-]{4,}|(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{3,})$/.test(word)
}

function bareId(id: string): string {
  return id.replace(/^wf-/, '')
}

/** One word for all forms and friends of a word. */
function root(word: string): string {
  if (/^(?:deploy|ship|releas|roll-?out|deliver)/.test(word)) return 'deploy'
  if (/^(?:roll-?back|revert)/.test(word)) return 'rollback'
  if (/^(?:prod|live)/.test(word)) return 'production'
  if (/^(?:tests?|testing|ci|pipelines?)$/.test(word)) return 'test'
  if (/^(?:docs?|document)/.test(word)) return 'docs'
  if (/^(?:diagnos)/.test(word)) return 'diagnose'
  return word.replace(/(?:ing|s)$/, '')
}

const SAYS: Readonly<Record<OrderVerb, string>> = {
  stop: 'cancel',
  pause: 'pause',
  resume: 'resume',
  retry: 'retry',
}

/** The slash command that says the same. */
export function commandFor(
  verb: OrderVerb,
  {kind, id}: Pick<Subject, 'kind' | 'id'>,
  reason: string | undefined,
): {readonly command: string; readonly options: Readonly<Record<string, unknown>>} {
  return kind === 'command'
    ? {command: 'cancel', options: {id}}
    : {
        command: 'workflow',
        options: {action: SAYS[verb], run: id, ...(reason === undefined ? {} : {reason})},
      }
}
