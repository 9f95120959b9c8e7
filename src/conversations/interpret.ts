import type {Intent} from '../sdk/index.ts'
import type {KnownNames} from '../planning/facts.ts'
import type {TaskKind} from '../planning/grammar.ts'
import {objections} from '../planning/guardrails.ts'
import {thingIn, verbIn} from '../planning/lexicon.ts'
import {readTasks} from '../planning/tasks.ts'
import {orderIn, type Order} from './orders.ts'

/** Who would do it, roughly; the plan says it exactly. */
export const TASK_TYPES = ['feature-dev', 'code-review', 'infrastructure', 'cicd', 'documentation'] as const
export type TaskType = (typeof TASK_TYPES)[number]

/** What a message means, as far as it can be told from the message alone. */
export interface Reading {
  readonly intent: Intent
  /** From 0 to 1; below `SURE_ENOUGH` people are asked. */
  readonly confidence: number
  readonly taskType: TaskType | undefined
  /** What is wanted, without courtesies, in the person's own words. */
  readonly wish: string
  readonly decision: 'approve' | 'reject' | undefined
  /** Given with a decision. */
  readonly reason: string | undefined
  /** Of a request for approval or a command: a whole id, or its first characters. */
  readonly id: string | undefined
  /** Of a workflow's run. */
  readonly run: string | undefined
  /** For something under way. `several`: there is more in the message than one order could say. */
  readonly order: Order | 'several' | undefined
  readonly question: string | undefined
}

/** Below this nothing is done: people are asked. */
export const SURE_ENOUGH = 0.6

const COURTESIES =
  /^(?:(?:hey|hi|hello|please|pls|kindly|ok|okay|well|so|now|then|just|also|and|signalbox|thanks|i'd|we'd|i|we|want|need|would|like|have|to|you|let'?s|us|go|ahead|(?:can|could|would|will) you)\b[\s,.:!]*)+/i
const NEGATED = /^(?:please\s+)?(?:do not|don'?t|never|not)\b/i
const DECISION =
  /^(?:(?:please|ok|okay|yes|i|we|hereby|(?:can|could) you)[\s,]+)*(approve|reject|deny|decline)\b/i
const ID =
  /(?<![\w-])(?=[0-9a-f-]*\d)[0-9a-f]{8}(?:[0-9a-f]{0,24}|(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:…|_[0-9a-f]{12})?(?![\w-])/i
const RUN = /\bwf-[a-z0-9-]{4,61}\b/
const QUESTION =
  /^(?:what|how|who|whom|when|where|why|which|is|are|was|were|did|does|do|has|have|should|may|might|am)\b/i
const STATUS_START = /^(?:status|progress|show|list|what'?s up)\b/i
const STATUS_WORDS =
  /\b(?:status|state|progress|running|done|finished|complete|completed|deployed|shipped|live|up|down|failing|failed|broken|pending|waiting|waits|wait|approved|happening|going|queue|queued|locked|locks|healthy|latest|last|runs|deploys|deployments|approvals|doing)\b/i
/** Something of ours by the beginning of its id. */
const NAMED = /\b(?:run|command|request|approval|workflow) (?=[0-9a-f-]*\d)[0-9a-f-]{4,}\b/i
/** Questions that take a look by an agent. */
const LOOKS_INTO =
  /\b(?:healthy|down|slow|unreachable|broken)\b|^did (?:ci|the (?:tests?|build|pipeline))\b.*\b(?:pass|fail|go through)/i
const HELP =
  /^(?:help|commands|usage|what can you do|what do you do|who are you|how do(?:es)? (?:this|it|i use you) work)\b/i
const GREETING =
  /^(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|cheers|bye)[\s!.,]*(?:signalbox|there|all)?[\s!.]*$/i

/** Who carries out what the planner would make of it. */
const CARRIERS: Readonly<Record<TaskKind, TaskType>> = {
  implement: 'feature-dev',
  refactor: 'feature-dev',
  review: 'code-review',
  analyse: 'code-review',
  explain: 'code-review',
  test: 'cicd',
  validate: 'cicd',
  deploy: 'cicd',
  triage: 'cicd',
  triage_issues: 'cicd',
  rollback: 'infrastructure',
  configure: 'infrastructure',
  health: 'infrastructure',
  heal: 'infrastructure',
  diagnose: 'infrastructure',
  docs: 'documentation',
  readme: 'documentation',
}
const NO_NAMES: KnownNames = {targets: [], repositories: []}

/**
 * What a message means, by rules over whole words, where these names are known. Pure and total. Only somebody who says so
 * in so many words, at the beginning, decides; a question about a decision is none.
 */
export function interpret(text: string, known: KnownNames = NO_NAMES): Reading {
  const plannedIn = (said: string) => readTasks(said, known).map(({kind}) => kind)
  const said = text.replace(/\s+/g, ' ').replaceAll('’', "'").trim()
  const wish = said.replace(COURTESIES, '').trim()
  const id = ID.exec(said)?.[0].toLowerCase()
  const run = RUN.exec(said)?.[0]
  const base: Reading = {
    intent: 'unknown',
    confidence: 0.2,
    taskType: undefined,
    wish: wish === '' ? said : wish,
    decision: undefined,
    reason: undefined,
    id,
    run,
    order: undefined,
    question: undefined,
  }
  if (said === '') return base

  const decided = DECISION.exec(said)?.[1]?.toLowerCase()
  if (decided !== undefined && !said.endsWith('?'))
    return {
      ...base,
      intent: 'approval_decision',
      confidence: 0.95,
      decision: decided === 'approve' ? 'approve' : 'reject',
      reason: /\b(?:because|since|as)\s+(.+)$|:\s+(.+)$/i.exec(said)?.slice(1).find(Boolean),
    }
  if (HELP.test(said) || HELP.test(wish)) return {...base, intent: 'general_query', confidence: 0.95}
  if (GREETING.test(said)) return {...base, intent: 'general_query', confidence: 0.8}
  // A word alone names no task.
  const planned = base.wish.includes(' ') ? plannedIn(said) : []
  const [first] = planned
  const task: Partial<Reading> = {
    intent: 'task_submission',
    confidence: 0.8,
    taskType: first && CARRIERS[first],
    // What is stripped as a courtesy must not be what it hinges on.
    wish: !first || plannedIn(base.wish).join() === planned.join() ? base.wish : said,
  }
  if (NEGATED.test(said)) {
    if (first) return {...base, ...task}
    return {...base, confidence: 0.5, question: 'Then nothing happens. What would you like instead?'}
  }
  const order = orderIn(base.wish)
  if (order === 'several')
    return {
      ...base,
      confidence: 0.5,
      order,
      question: 'One thing at a time: say first what to do with what is under way, and the rest after that.',
    }
  if (order) return {...base, intent: 'task_submission', confidence: order.about === '' ? 0.5 : 0.9, order}

  if (QUESTION.test(said) && LOOKS_INTO.test(said))
    return {
      ...base,
      intent: 'task_submission',
      confidence: 0.75,
      taskType: /^did\b/i.test(said) ? 'cicd' : 'infrastructure',
    }
  const asks = QUESTION.test(said) || (said.endsWith('?') && QUESTION.test(wish))
  const names = id !== undefined || run !== undefined || NAMED.test(said)
  if (STATUS_START.test(wish) || (asks && (names || STATUS_WORDS.test(said))))
    return {...base, intent: 'status_query', confidence: 0.9}
  if (run !== undefined && said === run) return {...base, intent: 'status_query', confidence: 0.9}
  if (asks) return {...base, ...(first ? task : {intent: 'general_query' as const, confidence: 0.7})}
  return {...base, ...(first ? task : taskIn(base.wish))}
}

/** What is to be done, where rules find no plan in it: the planner says what it lacks, or why it is refused. */
function taskIn(wish: string): Partial<Reading> {
  const words = wish.toLowerCase().split(/[^\p{L}\p{N}-]+/u)
  const [first = ''] = words
  const intent = 'task_submission'
  if (objections(wish).length > 0) return {intent, confidence: 0.85}
  if (verbIn(first)?.form === 'base')
    return words.filter(Boolean).length > 1
      ? {intent, confidence: 0.65}
      : {intent, confidence: 0.5, question: `What should I ${first}?`}
  return words.some(word => thingIn(word) !== undefined)
    ? {intent, confidence: 0.4, question: 'What should be done about that?'}
    : {}
}

/** The person does not want what we asked about. */
export function declines(text: string): boolean {
  return /^(?:no|nope|nah|cancel|stop|abort|never ?mind|forget (?:it|about it|that)|leave it|don'?t|nothing)(?:[\s,]+(?:thanks|thank you|that|it|please))*[\s.!]*$/i.test(
    text.trim().replaceAll('’', "'"),
  )
}

/** The person wants what we asked about. */
export function agrees(text: string): boolean {
  return /^(?:yes|yep|yeah|sure|ok|okay|confirm(?:ed)?|correct|right|start|go|go ahead|do it|run it|start it|please do)(?:[\s,]+(?:please|thanks|it|that|go ahead|do it|start it|start))*[\s.!]*$/i.test(
    text.trim(),
  )
}
