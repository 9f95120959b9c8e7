import {clausesOf, type Clause} from './clauses.ts'
import {factsIn, type Facts, type KnownNames} from './facts.ts'
import {withoutSlips} from './wording.ts'

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

/** One thing that is wanted. */
export interface Task {
  readonly kind: TaskKind
  /** The words that ask for it. */
  readonly words: string
  readonly facts: Facts
  /** Places in the list of those it waits for: all smaller than its own. */
  readonly after: readonly number[]
  /** What was said before it and asks for nothing known here. */
  readonly unheard?: string | undefined
}

/** Changes what people use: only the asker's own words can ask for it. */
export const WEIGHTY: ReadonlySet<TaskKind> = new Set(['deploy', 'rollback', 'configure', 'heal'])

/** Fewer are a greeting, or no sentence. */
const FEWEST_WORDS = 4
const WRITES: ReadonlySet<TaskKind> = new Set(['implement', 'refactor'])

interface Recognition {
  readonly kind: TaskKind
  readonly pattern: RegExp
}

const ENVIRONMENT = '(?:production|prod|live|staging|stage|preprod|development|dev)'
/** What is not named but can be ill. */
const PLACE = `(?:${ENVIRONMENT}|(?:web)?site|server|app|service|system)`
const DOCUMENTS =
  '(?:docs?|documentation|guides?|manual|reference|runbook|handbook|changelog|release notes|wiki|tutorial)'
const PULLS = '(?:review|code|prs?|pull requests?|diff|changes|#\\d+)'
const RUNS =
  '(?:tests?|test suite|suite|pipelines?|ci|builds?|lint(?:er|ing)?|e2e|checks?|end[- ]to[- ]end|workflows?|nightly)'

/** The head of a clause, the most telling first. */
const HEADS: readonly Recognition[] = [
  {
    kind: 'triage_issues',
    pattern: /^(?:triage|label|sort|prioriti[sz]e|groom)\b.{0,40}\b(?:issues|backlog|tickets)\b/,
  },
  {
    kind: 'rollback',
    pattern: /^(?:roll(?:ing)? ?back|rollback|go back to|restore|roll (?:\S+ ){1,4}?back)\b/,
  },
  {
    kind: 'rollback',
    pattern: new RegExp(`^revert(?:ing)?\\b.*\\b(?:deploy(?:ment)?|release|${ENVIRONMENT})\\b`),
  },
  {kind: 'heal', pattern: /^(?:self[- ]?heal|heal)(?:ing)?\b/},
  {
    kind: 'heal',
    pattern: new RegExp(
      `^(?:fix|repair|recover)(?:ing)? (?:the |our )?(?:${ENVIRONMENT}|outage)\\b(?! (?:bug|build|test|config|login|page))`,
    ),
  },
  {
    kind: 'triage',
    pattern: new RegExp(
      `^(?:triage|diagnose|investigate|debug|analy[sz]e|look into|figure out|find out)\\b.*\\b(?:run|fail(?:s|ed|ing|ure)?|${RUNS}|pr|pull request)\\b|^why\\b.*\\b(?:${RUNS}|run)\\b.*\\b(?:fail|red|broken|broke)`,
    ),
  },
  {kind: 'triage', pattern: /^triage\b/},
  {
    kind: 'diagnose',
    pattern:
      /^(?:the |our )*[\w-]+(?: [\w-]+)? (?:is|are|seems|looks)(?: to be)?(?: \w+)? (?:down|unreachable|unresponsive|offline|not (?:responding|reachable))\b/,
  },
  {
    kind: 'diagnose',
    pattern: new RegExp(
      `^(?:the |our )*${PLACE} (?:is|are|seems|looks)(?: to be)?(?: [a-z]+)? (?:broken|slow|dead|gone|failing|not working)\\b`,
    ),
  },
  {
    kind: 'diagnose',
    pattern: new RegExp(
      `^(?:something|sth|there)(?:'s| is| seems)?(?: something| a problem| an issue)?(?: to be)? ?(?:wrong|off|broken|strange|weird|odd)? (?:with|in|on) (?:the |our )*${PLACE}\\b`,
    ),
  },
  {
    kind: 'diagnose',
    pattern:
      /^(?:diagnose|investigate|debug|troubleshoot|(?:figure|find) out (?:why|what)|look into|why (?:is|are|does|did))\b/,
  },
  {
    kind: 'readme',
    pattern:
      /^(?:update|write|refresh|regenerate|improve|fix|add|create|revise|bring)\b.*\breadme\b|^(?:the |our |my )*readme (?:needs?|lacks?|misses|is|should|must|has)\b/,
  },
  {
    kind: 'docs',
    pattern: new RegExp(
      `^(?:update|write|refresh|(?:re)?generate|improve|add|create|revise|publish|bring|prepare|draft)\\b.*\\b${DOCUMENTS}\\b|^(?:the |our |my )*${DOCUMENTS} (?:needs?|lacks?|misses|miss|is|are|should|must|has|have)\\b`,
    ),
  },
  {kind: 'docs', pattern: /^document\b/},
  {
    kind: 'explain',
    pattern: /^(?:explain|describe|summari[sz]e|walk me through|what does|how (?:does|do)\b.*\bwork)\b/,
  },
  {
    kind: 'analyse',
    pattern: /^(?:(?:run|do) (?:a |the )?static analysis|statically analy[sz]e|analy[sz]e|scan|audit)\b/,
  },
  {kind: 'review', pattern: /^(?:re-?review|review|code[- ]review|look over|proofread|inspect)\b/},
  {
    kind: 'review',
    pattern: new RegExp(
      `^(?:do|make|perform|give|have|check|(?:(?:take|have|get) an? (?:\\w+ )?)?look (?:at|through|over))\\b.*(?:\\b|(?=#))${PULLS}\\b`,
    ),
  },
  {
    kind: 'validate',
    pattern:
      /^(?:validate|verify|check|is|are|did|has|have|see)\b.*\b(?:build|builds|ci|pipeline|checks)\b(?!.*\b(?:endpoint|health)\b)/,
  },
  {
    kind: 'health',
    pattern: new RegExp(
      `^(?:check|verify|look|test|is|are|how|see|make sure|confirm|monitor|watch|run|do|what)\\b.*\\b(?:health(?:y|check)?|up|down|alive|well|ok|okay|smoke|uptime|status|doing|responding|answers?|reachable|available|${ENVIRONMENT})\\b`,
    ),
  },
  {kind: 'health', pattern: /^(?:health[- ]?check|smoke[- ]?test|verify)\b/},
  {
    kind: 'test',
    pattern: new RegExp(
      `^(?:re-?run|run|execute|re-?start|start|repeat|re-?build|kick off|re-?trigger|trigger|launch|do)\\b.*\\b${RUNS}\\b`,
    ),
  },
  {
    kind: 'test',
    pattern:
      /^(?:re-?test|test|lint|build)(?:ing)?\b(?=\s+(?:#|prs?\b|pull|it\b|the (?:main|master|branch|pr|pull|change|fix|code|result)|branch\b|main\b|everything\b)|$)/,
  },
  {
    kind: 'configure',
    pattern: /^(?:set|configure|change|update|switch)\b.*\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/,
  },
  {
    kind: 'configure',
    pattern: /^(?:set|configure|change|update)\b.*\b(?:variable|config(?:uration)? value|env var)\b/,
  },
  {
    kind: 'deploy',
    pattern: /^(?:re-?deploy|deploy|ship|release|roll ?out|roll (?:\S+ ){1,4}?out|promote|launch)(?:ing)?\b/,
  },
  {
    kind: 'deploy',
    pattern: new RegExp(
      `^(?:push|publish|bring|get|put|move|send|take)\\b.*\\b(?:to|on|onto|into|in) (?:the )?${ENVIRONMENT}\\b`,
    ),
  },
  {
    kind: 'refactor',
    pattern:
      /^(?:refactor|restructure|clean up|tidy(?: up)?|simplify|extract|rename|deduplicate|modernize)(?:ing)?\b/,
  },
  {
    kind: 'implement',
    pattern:
      /^(?:implement|build|add|create|fix|develop|write|make|change|support|introduce|upgrade|bump|code|remove|replace|migrate|port|improve|update|integrate|handle|solve|resolve|repair|work on|get rid of|enable|allow|extend|correct|patch|adjust|convert|optimi[sz]e|speed up|reduce|move|delete|drop|set up)\b/,
  },
  {kind: 'implement', pattern: /^(?:get|have) (?:an?|some|another|the (?:ability|option|possibility))\b/},
]

const EXCEPTS = /\b(?:not|never|except|anything but)\b|n't\b/i
/** A clause that says what is not wanted. */
const UNWANTED =
  /^(?:(?:(?:i|we) )?(?:do not|don'?t) (?:want|need|wish)|do not|don'?t|never(?: mind)?|not|no|no need (?:to|for)|forget(?: about)?|instead of|rather than|without|except|excluding|leave (?:out|.{1,40} (?:alone|untouched)))\b/

/** What a clause says that is or has been done, as conditions do: `the tests pass`, `it is reviewed`. */
const STATEMENTS: readonly Recognition[] = [
  {
    kind: 'test',
    pattern:
      /^(?:the |all |its |our )*(?:unit |e2e |integration )?(?:tests?|test suite|suite|pipeline|ci|build|checks?)(?: run)?(?: (?:of|for|on) .{1,40}?)?(?: is| are| have| has)?(?: all)? ?(?:pass(?:es|ed)?|succeeds?|succeeded|green|ok|done|finished|successful|through)\b/,
  },
  {
    kind: 'test',
    pattern: /\b(?:is|are|was|been|gets?) tested\b|^testing\b|^running (?:the )?tests\b|^(?:the )?tests?$/,
  },
  {
    kind: 'review',
    pattern:
      /\b(?:is|are|was|been|gets?) reviewed\b|^review(?:ing)?\b|^(?:the |a |its )?(?:code )?review(?: passes| is (?:done|ok|fine|good|clean))?$/,
  },
  {
    kind: 'deploy',
    pattern:
      /\b(?:is|are|was|been|gets?) (?:deployed|shipped|released|live)\b|^(?:deploying|shipping|releasing)\b|^(?:the )?(?:deployment|deploy|release)(?: is (?:done|through))?$/,
  },
  {
    kind: 'implement',
    pattern:
      /\b(?:is|are|was|been|gets?) (?:implemented|fixed|built|written|done)\b|^(?:implementing|fixing|building)\b/,
  },
]

const SAME_AGAIN: Readonly<Partial<Record<TaskKind, RegExp>>> = {
  docs: /^(?:the |a |an |also )*(?:.*\b(?:docs?|documentation|guides?|manual|reference|runbook))\b/,
  readme: /^(?:the |a )*(?:.*\b(?:docs?|documentation|guides?|manual|reference|runbook))\b/,
  review: /^(?:the |also )*(?:prs?|pull requests?|#)\s*#?\d/,
  test: /^(?:the |also )*(?:(?:prs?|pull requests?|#)\s*#?\d|lint(?:er)?\b|build\b|e2e\b|tests\b)/,
  deploy: new RegExp(`^(?:the |also |to )*(?:${ENVIRONMENT}\\b)`),
  health: new RegExp(`^(?:the |also |of )*(?:${ENVIRONMENT}\\b)`),
  diagnose: new RegExp(`^(?:the |also )*(?:${ENVIRONMENT}\\b)`),
}

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

/**
 * The tasks that a description asks for, in an order in which each comes after those it waits for; empty where nothing
 * in it is known here. A clause that says nothing by itself belongs to the one before it. What stands in quotes is what
 * somebody called something, and asks for nothing. `given` is known where the description does not say it. Empty also
 * where something weighty is wanted and all that is said of its place is where not.
 */
export function readTasks(description: string, known: KnownNames, given: Facts = {}): readonly Task[] {
  const text = textOf(description)
  const clauses = clausesIn(text)
  const {wanted, unwanted} = sidesOf(clauses)
  const {target = given.target, environment = given.environment} = factsIn(wanted, known)
  const everywhere = {...given, ...factsIn(text, known), target, environment}
  const tasks: Task[] = []
  /** Places of the tasks of the stage under way, and of the one before it. */
  let stage: number[] = []
  let before: number[] = []
  let stray = ''

  for (const clause of clauses) {
    const last = tasks.at(-1)
    const left = isUnwanted(clause)
    const kind = left ? undefined : kindOf(impersonal(clause, known), last?.kind)
    // "Ship it, but not to production" leaves open what is meant: nobody guesses that.
    if (kind !== undefined && WEIGHTY.has(kind) && EXCEPTS.test(clause.bare)) return []
    if (kind === undefined) {
      // What should be left alone is for whoever writes to know; nobody else could do anything about it.
      if (left && !(last && WRITES.has(last.kind))) continue
      if (last) tasks[tasks.length - 1] = extended(last, clause, known)
      else stray = `${stray} ${clause.text}`.trim()
      continue
    }
    if (last?.kind === kind && !clause.states && saysNoMore(clause, kind, known)) {
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
    // What stood before it may say what it is about.
    const words = `${stray} ${clause.text}`.trim()
    const unheard = stray.split(/\s+/).length >= FEWEST_WORDS && !WRITES.has(kind) ? stray : undefined
    stray = ''
    const facts = {...factsIn(words, known)}
    const natural = stage.filter(place => PRECEDES[tasks[place]?.kind as TaskKind]?.has(kind))
    const after = [...new Set([...before, ...natural])].sort((a, b) => a - b)
    tasks.push({kind, words, facts, after, ...(unheard === undefined ? {} : {unheard})})
    stage.push(tasks.length - 1)
  }
  const excepted = factsIn(unwanted, known)
  const open =
    (environment === undefined && excepted.environment !== undefined) ||
    (target === undefined && excepted.target !== undefined)
  if (open && tasks.some(({kind}) => WEIGHTY.has(kind))) return []
  return withReviews(tasks.map(task => ({...task, facts: inherited(task, everywhere, tasks)})))
}

/** What a description says is wanted, and what it says is not: where something is not wanted is no place for what is. */
export function wishesIn(description: string): {readonly wanted: string; readonly unwanted: string} {
  return sidesOf(clausesIn(textOf(description)))
}

/** As it was meant to be typed. */
function textOf(description: string): string {
  return withoutSlips(description.replace(/(?<=\p{L})’(?=\p{L})/gu, "'"))
}

function clausesIn(text: string): readonly Clause[] {
  return clausesOf(text, bare => headOf(HEADS, bare) !== undefined)
}

function sidesOf(clauses: readonly Clause[]): {readonly wanted: string; readonly unwanted: string} {
  const join = (some: readonly Clause[]) => some.map(({text}) => text).join(' ')
  return {
    wanted: join(clauses.filter(clause => !isUnwanted(clause))),
    unwanted: join(clauses.filter(isUnwanted)),
  }
}

function isUnwanted({bare, states}: Clause): boolean {
  return !states && UNWANTED.test(bare.toLowerCase())
}

/** "Client is down" is said of a target, so that rules need not know their names. */
function impersonal(clause: Clause, {targets}: KnownNames): Clause {
  const subject = /^(?:the |our )*([\w-]+)(?= (?:is|seems|looks)\b)/i
  const name = subject.exec(clause.bare)?.[1]?.toLowerCase()
  const known = targets.some(target => [target.name, target.service].some(one => one.toLowerCase() === name))
  return known ? {...clause, bare: clause.bare.replace(subject, 'service')} : clause
}

/** The same thing said again, in other words: "staging is down, find out what is wrong". */
function saysNoMore({text}: Clause, kind: TaskKind, known: KnownNames): boolean {
  return !WRITES.has(kind) && Object.keys(factsIn(text, known)).length === 0
}

function kindOf({text, bare, states}: Clause, previous: TaskKind | undefined): TaskKind | undefined {
  if (states) return headOf(STATEMENTS, bare) ?? headOf(HEADS, bare)
  const own = headOf(HEADS, bare)
  if (own !== undefined) return own
  if (previous === undefined || !SAME_AGAIN[previous]?.test(bare.toLowerCase())) return undefined
  return /\breadme\b/i.test(text) ? 'readme' : previous === 'readme' ? 'docs' : previous
}

function headOf(rules: readonly Recognition[], bare: string): TaskKind | undefined {
  const lower = bare.toLowerCase()
  const named = decapitalized(bare)
  return rules.find(({pattern}) => pattern.test(pattern.source.includes('[A-Z]') ? named : lower))?.kind
}

/** Its first word in small letters, the rest as written: names of variables are told by their capitals. */
function decapitalized(text: string): string {
  return text.replace(/^[A-Za-z]+/, word => word.toLowerCase())
}

function extended(task: Task, {joint, text}: Clause, known: KnownNames): Task {
  const words = `${task.words}${joint}${text}`
  return {...task, words, facts: factsIn(words, known)}
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
