import {visible} from '../kernel/markdown.ts'
import {clausesOf, type Clause} from './clauses.ts'
import {factsIn, type Facts, type KnownNames} from './facts.ts'
import {isIll, wishIn, type TaskKind, type Wish} from './grammar.ts'
import {plainly, withoutBlocks} from './wording.ts'

/** One thing that is wanted. */
export interface Task {
  readonly kind: TaskKind
  /** The words that ask for it. */
  readonly words: string
  readonly facts: Facts
  /** Places in the list of those it waits for: all smaller than its own. */
  readonly after: readonly number[]
  /** What was said beside it and asks for nothing known here. */
  readonly unheard?: string | undefined
}

/** Changes what people use: only the asker's own words can ask for it. */
export const WEIGHTY: ReadonlySet<TaskKind> = new Set(['deploy', 'rollback', 'configure', 'heal'])

/** Fewer are a greeting, or no sentence. */
const FEWEST_WORDS = 4
const WRITES: ReadonlySet<TaskKind> = new Set(['implement', 'refactor'])
/** "Them" and "it" of what is written belong to what these write. */
const CHANGES: ReadonlySet<TaskKind> = new Set([...WRITES, 'docs', 'readme'])

const EXCEPTS = /\b(?:not|never|except|anything but|unless|until)\b|n't\b/i
/** A clause that says what is not wanted. */
const UNWANTED =
  /^(?:(?:(?:i|we) )?(?:do not|don'?t) (?:want|need|wish)|do not|don'?t|never(?: mind)?|not|no|no need (?:to|for)|forget(?: about)?|instead of|rather than|without|except|excluding|leave (?:out|.{1,40} (?:alone|untouched)))\b/

const IS_ASKED =
  'Should that be done, or do you ask whether it may? Say it without a question mark and I plan it.'
function cannotTell(condition: string): string {
  const quoted = condition === '' ? 'when that is' : `when “${visible(condition).slice(0, 80)}” holds`
  return `I can’t tell ${quoted}. After what should it happen: a review, the tests, a health check, or nothing?`
}

/** What is taken back with all that was said before it. */
const TAKEN_BACK =
  /^(?:never ?mind|scratch (?:that|this|it)|forget (?:about )?(?:it|that|this)|(?:ignore|disregard)(?: (?:it|that|this|all that))?|cancel (?:it|that|this)|not (?:yet|now|today)|just kidding|jk|on second thoughts?)\W*$/i
/** About what was said before, which proves itself where others wait for it. */
const IT_WENT_WELL =
  /^(?:(?:it|that|this|they|these|all|everything)(?: all)?(?:'s| is| are| has| have| went| goes| looks?)?(?: been)?)?(?: all)? ?(?:done|finished|through|pass(?:es|ed)?|green|ok(?:ay)?|fine|good|clean|clear|well|works?|succeeds?|succeeded|successful)?\W*$/i
/** Every gate asks for that. */
const IS_APPROVED =
  /^(?:(?:it|that|this|they|all|everything|the (?:deploy|deployment|release|plan))(?: is| has been| was| gets| are)? )?approved\W*$/i
const OTHERWISE = /^(?:or else|else|otherwise|if not)\b/i
/** What stands behind it in the sentence hangs on what no plan can tell. */
const UNLESS = /^(?:unless|until|except (?:if|when))\b/i
/** Said of what nobody asked for, it may be meant of what stands beside it: "the client, when ready, deploy it". */
const CONDITION = /\b(?:if|when(?:ever)?|once|after|as soon as|as long as|until|unless)\b/i
/** Nothing that follows is for now. */
const HOLD = /^(?:wait|hold (?:on|off)|hang on)\b/i

/** Who naturally comes before whom where the words leave it open, such as with "and". */
const PRECEDES: Readonly<Partial<Record<TaskKind, ReadonlySet<TaskKind>>>> = {
  implement: new Set(['review', 'test', 'validate', 'deploy', 'docs', 'readme', 'health', 'analyse']),
  refactor: new Set(['review', 'test', 'validate', 'deploy', 'docs', 'readme', 'health', 'analyse']),
  review: new Set(['deploy', 'health']),
  analyse: new Set(['deploy', 'health']),
  test: new Set(['deploy', 'health']),
  validate: new Set(['deploy', 'health']),
  configure: new Set(['deploy', 'health']),
  deploy: new Set(['health']),
  rollback: new Set(['health']),
  heal: new Set(['health']),
}

/** What was understood of a description. */
export interface Understood {
  readonly tasks: readonly Task[]
  /** Why nothing is made of it although something weighty is named, as a question to whoever asked. */
  readonly doubt?: string
}

/**
 * The tasks that a description asks for, in an order in which each comes after those it waits for; empty where nothing
 * in it is known here. A clause that says nothing by itself belongs to the one before it. What stands in quotes or was
 * said by somebody else asks for nothing. `given` is known where the description does not say it. Empty also where
 * something weighty is wanted and all that is said of its place is where not, where it is to wait for what nobody here
 * can tell, and where it is only asked whether it may be.
 */
export function readTasks(description: string, known: KnownNames, given: Facts = {}): readonly Task[] {
  return understand(description, known, given).tasks
}

/** As `readTasks`, with what stood in the way. */
export function understand(description: string, known: KnownNames, given: Facts = {}): Understood {
  const text = plainly(description)
  const clauses = clausesIn(text, known)
  const {wanted, unwanted} = sidesOf(clauses)
  const {target = given.target, environment = given.environment} = factsIn(wanted, known)
  const everywhere = {...given, ...factsIn(`${wanted} ${unwanted}`, known), target, environment}
  const tasks: Task[] = []
  /** What the last of them was asked for with. */
  let wish: Wish | undefined
  /** Places of the tasks of the stage under way, and of the one before it. */
  let stage: number[] = []
  let before: number[] = []
  let stray = ''
  /** The sentence with a condition that no plan can tell. */
  let untold: number | undefined
  let unclear: number | undefined
  let condition = ''
  let isHeld = false

  for (const [at, clause] of clauses.entries()) {
    // Nor does it say where, or which.
    if (clause.mood === 'foreign') continue
    if (TAKEN_BACK.test(clause.bare)) {
      tasks.length = 0
      wish = undefined
      stage = []
      before = []
      stray = ''
      continue
    }
    if (UNLESS.test(clause.bare)) untold = clause.sentence
    isHeld ||= HOLD.test(clause.bare)
    const last = tasks.at(-1)
    const left = isUnwanted(clause)
    const found = left
      ? undefined
      : clause.states
        ? conditionOf(clauses, at, known)
        : wishIn(clause, known, {previous: clause.begins ? undefined : wish, follows: tasks.length > 0})
    const kind = found?.kind
    if (kind === undefined && CONDITION.test(clause.bare)) unclear = clause.sentence
    if (clause.states) {
      const told = IS_APPROVED.test(clause.bare) || (tasks.length > 0 && IT_WENT_WELL.test(clause.bare))
      if (isIll(clause.bare, known) || (kind === undefined && !told)) {
        untold = clause.sentence
        condition = clause.text
      }
      if (untold === clause.sentence || told) continue
    }
    const waits = isHeld || untold === clause.sentence || OTHERWISE.test(clause.text)
    if (kind !== undefined && WEIGHTY.has(kind)) {
      // "Ship it, but not to production" leaves open what is meant, "ship it when it is ready" when: nobody guesses that.
      if (EXCEPTS.test(clause.bare)) return {tasks: []}
      if (clause.mood === 'permission') return {tasks: [], doubt: IS_ASKED}
      // "Once it is deployed" does not say by whom.
      if (clause.states && !/^\w+ing\b/i.test(clause.bare) && !tasks.some(task => task.kind === kind))
        return {tasks: [], doubt: cannotTell(clause.text)}
      const isUnsure = waits || unclear === clause.sentence
      if (isUnsure && (kind !== 'heal' || last)) return {tasks: [], doubt: cannotTell(condition)}
    }
    if (kind === undefined || (waits && last)) {
      // What should be left alone is for whoever writes to know; nobody else could do anything about it.
      if (left && !(last && WRITES.has(last.kind))) continue
      if (last) tasks[tasks.length - 1] = extended(last, clause, known, waits || clause.begins)
      else stray = `${stray} ${clause.text}`.trim()
      continue
    }
    const refers = found?.refers === true && WRITES.has(kind) && last !== undefined && CHANGES.has(last.kind)
    if (last && (refers || (last.kind === kind && !clause.states && saysNoMore(clause, kind, known)))) {
      tasks[tasks.length - 1] = extended(last, clause, known)
      continue
    }
    const mentioned = clause.states ? tasks.findIndex(task => task.kind === kind) : -1
    if (clause.begins && stage.length > 0) {
      before = stage
      stage = []
    }
    if (mentioned >= 0) {
      stage.push(mentioned)
      continue
    }
    wish = found
    // What stood before it may say what it is about.
    const words = `${stray} ${clause.text}`.trim()
    const unheard = stray.split(/\s+/).length >= FEWEST_WORDS && !WRITES.has(kind) ? stray : undefined
    stray = ''
    const facts = {...factsIn(withoutBlocks(words), known)}
    const natural = stage.filter(place => PRECEDES[tasks[place]?.kind as TaskKind]?.has(kind))
    const after = [...new Set([...before, ...natural])].sort((a, b) => a - b)
    tasks.push({kind, words, facts, after, ...(unheard === undefined ? {} : {unheard})})
    stage.push(tasks.length - 1)
  }
  const excepted = factsIn(unwanted, known)
  const open =
    (environment === undefined && excepted.environment !== undefined) ||
    (target === undefined && excepted.target !== undefined)
  if (open && tasks.some(({kind}) => WEIGHTY.has(kind))) return {tasks: []}
  return {tasks: withReviews(tasks.map(task => ({...task, facts: inherited(task, everywhere, tasks)})))}
}

/** What a description says is wanted, and what it says is not: where something is not wanted is no place for what is. */
export function wishesIn(
  description: string,
  known: KnownNames,
): {readonly wanted: string; readonly unwanted: string} {
  return sidesOf(clausesIn(plainly(description), known))
}

function clausesIn(text: string, known: KnownNames): readonly Clause[] {
  return clausesOf(
    text,
    bare => wishIn({bare, states: false, wished: false, mood: 'order'}, known) !== undefined,
  )
}

function sidesOf(clauses: readonly Clause[]): {readonly wanted: string; readonly unwanted: string} {
  const own = clauses.filter(({mood}) => mood !== 'foreign')
  const join = (some: readonly Clause[]) => some.map(({text}) => withoutBlocks(text)).join(' ')
  return {
    wanted: join(own.filter(clause => !isUnwanted(clause))),
    unwanted: join(own.filter(isUnwanted)),
  }
}

function isUnwanted({bare, states}: Clause): boolean {
  return !states && UNWANTED.test(bare.toLowerCase())
}

/** What a condition is met by: of "#4 and #5 are reviewed" each is by a review. */
function conditionOf(clauses: readonly Clause[], at: number, known: KnownNames): Wish | undefined {
  const [clause, next] = clauses.slice(at)
  if (!clause?.states) return undefined
  const own = wishIn(clause, known)
  const shares =
    next?.sentence === clause.sentence &&
    /^\s*(?:both |either )?(?:prs? ?|pull requests? ?)?#?\d+\s*$/i.test(clause.bare)
  return own ?? (shares ? conditionOf(clauses, at + 1, known) : undefined)
}

/** The same thing said again, in other words: "staging is down, find out what is wrong". */
function saysNoMore({text}: Clause, kind: TaskKind, known: KnownNames): boolean {
  return !WRITES.has(kind) && Object.keys(factsIn(text, known)).length === 0
}

/** The task with a clause that belongs to it. `isApart`: it may well have been meant as something of its own. */
function extended(task: Task, {joint, text}: Clause, known: KnownNames, isApart = false): Task {
  const words = `${task.words}${joint}${text}`
  const isUnheard = isApart && !WRITES.has(task.kind) && text.split(/\s+/).length >= FEWEST_WORDS
  const unheard = isUnheard ? [task.unheard, text].filter(Boolean).join(' … ') : task.unheard
  return {
    ...task,
    words,
    facts: factsIn(withoutBlocks(words), known),
    ...(unheard === undefined ? {} : {unheard}),
  }
}

/** What the clause does not name is what the rest of the description names: once for all, or the task it waits for. */
function inherited({kind, facts, after}: Task, everywhere: Facts, tasks: readonly Task[]): Facts {
  const earlier = after.map(place => tasks[place]?.facts).reverse()
  const nearest = <K extends keyof Facts>(key: K): Facts[K] =>
    facts[key] ?? earlier.find(one => one?.[key] !== undefined)?.[key] ?? everywhere[key]
  const place = facts.target !== undefined || facts.environment !== undefined
  const acts = ['deploy', 'rollback', 'health', 'heal', 'diagnose', 'configure'].includes(kind)
  return {
    ...facts,
    repository: nearest('repository'),
    issue: nearest('issue'),
    ...(['review', 'test', 'validate', 'deploy', 'triage', 'analyse', 'docs'].includes(kind)
      ? {pull: nearest('pull'), sha: nearest('sha')}
      : {}),
    ...(kind === 'test' || kind === 'deploy' || kind === 'validate' ? {ref: nearest('ref')} : {}),
    ...(kind === 'explain' || kind === 'analyse' ? {path: nearest('path')} : {}),
    ...(acts && !place ? {target: nearest('target'), environment: nearest('environment')} : {}),
  }
}

/** What is written is looked over, unless the description says how. */
function withReviews(tasks: readonly Task[]): readonly Task[] {
  const reviewed = tasks.some(({kind}) => kind === 'review')
  const writes = tasks.flatMap(({kind}, place) => (WRITES.has(kind) ? [place] : []))
  if (reviewed || writes.length === 0) return tasks
  // Behind all that is written first, so that what waits for that waits for the review too.
  const last = Math.max(...writes)
  const moved = (place: number) => (place > last ? place + 1 : place)
  const review: Task = {
    kind: 'review',
    words: 'review what was changed',
    facts: {repository: tasks[last]?.facts.repository},
    after: writes,
  }
  const rest = tasks.slice(last + 1).map((task): Task => {
    const after = task.after.map(moved)
    const waits = after.some(place => writes.includes(place)) && PRECEDES.review?.has(task.kind)
    return {...task, after: waits ? [...new Set([...after, last + 1])].sort((a, b) => a - b) : after}
  })
  return [...tasks.slice(0, last + 1), review, ...rest]
}
