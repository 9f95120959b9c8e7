import type {Json} from '../kernel/json.ts'
import {finish} from './compensation.ts'
import {isOver} from './evolve.ts'
import {containerOf, divide, layerAt, placeIn, scopeIn, type Place} from './place.ts'
import type {Scope} from './plan.ts'
import type {Fault, Run, ScopeState} from './run.ts'
import {hasEnded, stateOf} from './tally.ts'
import {acquire, cancel, evaluate, fail, isDoomed, record, skip, succeed, type Turn} from './turn.ts'
import {viewAt, viewOfRound} from './view.ts'
import {attemptToCome, startWork} from './work.ts'

const MAX_ITEMS = 1_000
const MAX_PAUSE_MS = 24 * 3_600_000

/** Tells those around of everything that is over, until nothing more follows. */
export function settle(turn: Turn): void {
  for (const place of turn.ended) {
    const {step, scope, outer, indexes} = place
    if (indexes.length > 0) {
      advance(turn, containerOf(place))
    } else {
      for (const id of step.dependents) enterIfReady(turn, scope, outer, id)
      closeIfComplete(turn, scope, outer)
    }
  }
  turn.ended.length = 0
}

/**
 * Starts whatever can start directly inside the place, or inside the run itself, and closes it when nothing is left. Asked
 * when one of several has ended, and for all that is open when a run goes on after a pause or a retry.
 */
export function advance(turn: Turn, place: Place | undefined): void {
  const layer = place && layerAt(place)
  if (place && layer !== undefined) {
    return layer === 'item' ? advanceItems(turn, place) : advanceRounds(turn, place, layer)
  }
  const scope = place ? scopeIn(place, turn.run) : turn.plan.steps
  if (!scope) return
  for (const {id} of scope.order) enterIfReady(turn, scope, place, id)
  closeIfComplete(turn, scope, place)
}

/** Begins what is at the place, which nothing holds back any more: its items, its rounds, its inner steps or its work. */
function open(turn: Turn, place: Place): void {
  const {run} = turn
  const {path} = place
  const n = attemptToCome(run, path)
  const layer = layerAt(place)
  if (layer === 'item') return openItems(turn, place, n)
  const scope = scopeIn(place, run)
  if (layer === undefined && !scope) return startWork(turn, place)
  const inner = scope?.order.map(({id}) => `${path}/${id}`)
  record(turn, {is: 'opened', path, n, ...(inner ? inventory(run, path, inner) : roundsDone(run, path))})
  advance(turn, place)
}

function enterIfReady(turn: Turn, scope: Scope, outer: Place | undefined, id: string): void {
  const {run} = turn
  const step = scope.byId.get(id)
  if (!step || run.status !== 'running' || run.undoing) return
  const prefix = outer ? `${outer.path}/` : ''
  const touched = run.steps.get(`${prefix}${id}`)
  if (touched && touched.status !== 'pending') return
  // The last first: they end in about the order in which they stand, so that this is most often where to stop.
  for (let index = step.needs.length - 1; index >= 0; index -= 1) {
    const need = run.steps.get(`${prefix}${step.needs[index]}`)
    if (!need || !hasEnded(need)) return
  }
  enter(turn, placeIn(scope, outer, step))
}

/** Everything it needs is over: whether it is its turn. */
function enter(turn: Turn, place: Place): void {
  const {run} = turn
  const {step, outer} = place
  const {condition} = step
  if (run.cancelling) return skip(turn, place, true)
  const failed = isDoomed(run, place)
  const skipped = step.needs.some(id => isLeftOut(run, outer ? `${outer.path}/${id}` : id))
  if (!condition?.asksOutcome && failed) return skip(turn, place, true)
  if (!condition?.asksOutcome && skipped) return skip(turn, place, false)
  if (condition) {
    const asked = evaluate(() => condition.test(viewAt(run, place), {failed, skipped, cancelled: false}))
    if ('fault' in asked) return fail(turn, place, asked.fault)
    if (!asked.value) return skip(turn, place, false)
  }
  goOn(turn, place)
}

/** Begins what is at the place once it has its lock; asks for that first. */
export function goOn(turn: Turn, place: Place): void {
  const lock = acquire(turn, place)
  if (lock === 'free') open(turn, place)
  else if (lock !== 'asked') fail(turn, place, lock)
}

function isLeftOut(run: Run, path: string): boolean {
  const {status} = stateOf(run, path)
  return status === 'skipped' || status === 'cancelled'
}

function closeIfComplete(turn: Turn, {order}: Scope, outer: Place | undefined): void {
  const state = turn.run.scopes.get(outer?.path ?? '')
  if (!state || state.ended !== state.size) return
  if (!outer) {
    if (!isOver(turn.run.status)) finish(turn)
    return
  }
  const ids = order.map(({id}) => id)
  close(
    turn,
    outer,
    state,
    ids.map(id => `${outer.path}/${id}`),
    ids,
  )
}

/** All inside is over: what that makes of the whole. */
function close(
  turn: Turn,
  place: Place,
  {failing, cut}: ScopeState,
  inner: readonly string[],
  gather: 'list' | readonly string[],
): void {
  if (failing) fail(turn, place, faultOf(turn.run, place, inner))
  else if (cut) cancel(turn, place)
  else succeed(turn, place, {gather})
}

/** Why it was broken up, or the first of the failures inside. */
function faultOf(run: Run, {path}: Place, inner: readonly string[]): Fault {
  const broken = stateOf(run, path).error
  if (broken) return broken
  const failed = inner.map(each => stateOf(run, each)).find(({status, cut}) => status === 'failed' && cut)
  return failed?.error ?? {code: 'INVARIANT_BROKEN', message: 'A step inside failed.'}
}

// --- Items: all known from the start, so many at a time ---

function openItems(turn: Turn, place: Place, n: number): void {
  const {run} = turn
  const {path, step} = place
  const kept = stateOf(run, path).items
  const asked = kept ? {value: kept} : evaluate(() => listOf(step.forEach?.items(viewAt(run, place)) ?? null))
  if ('fault' in asked) return fail(turn, place, asked.fault)
  const items = asked.value
  const inner = items.map((_item, index) => `${path}[${index}]`)
  record(turn, {is: 'opened', path, n, ...inventory(run, path, inner), ...(kept ? {} : {items})})
  advance(turn, place)
}

function listOf(items: Json): readonly Json[] {
  if (!Array.isArray(items))
    throw new TypeError(`for-each needs a list, not ${JSON.stringify(items).slice(0, 80)}.`)
  if (items.length <= MAX_ITEMS) return items as readonly Json[]
  throw new RangeError(`for-each takes at most ${MAX_ITEMS} items, not ${items.length}.`)
}

function advanceItems(turn: Turn, place: Place): void {
  const {path, step} = place
  const size = turn.run.scopes.get(path)?.size ?? 0
  const {from, count} = untouchedItems(turn.run, path, size)
  if (count > 0 && isCut(turn.run, divide(place, from))) {
    for (const item of itemsFrom(turn, place, from, size)) skip(turn, item, true)
  } else if (turn.run.status === 'running') {
    const underWay = size - count - (turn.run.scopes.get(path)?.ended ?? 0)
    let room = (step.forEach?.maxParallel ?? 1) - underWay
    for (const item of itemsFrom(turn, place, from, size)) {
      if (room <= 0) break
      open(turn, item)
      room -= 1
    }
  }
  const state = turn.run.scopes.get(path)
  if (state?.ended === size) {
    const inner = Array.from({length: size}, (_, index) => `${path}[${index}]`)
    close(turn, place, state, inner, 'list')
  }
}

/** The first that has not begun, and how many have not. They begin in order, but for those a retry of the run reset. */
function untouchedItems(
  run: Run,
  path: string,
  size: number,
): {readonly from: number; readonly count: number} {
  if (stateOf(run, path).attempt > 1) {
    const all = Array.from({length: size}, (_, index) => index).filter(index => isUntouched(run, path, index))
    return {from: all[0] ?? size, count: all.length}
  }
  let [low, high] = [0, size]
  while (low < high) {
    const middle = (low + high) >> 1
    if (run.steps.has(`${path}[${middle}]`)) low = middle + 1
    else high = middle
  }
  return {from: low, count: size - low}
}

function* itemsFrom(turn: Turn, place: Place, from: number, size: number): Generator<Place> {
  for (let index = from; index < size; index += 1) {
    if (isUntouched(turn.run, place.path, index)) yield divide(place, index)
  }
}

function isUntouched(run: Run, path: string, index: number): boolean {
  const state = run.steps.get(`${path}[${index}]`)
  return !state || state.status === 'pending'
}

/** Nothing more may start there. */
function isCut(run: Run, place: Place): boolean {
  return run.cancelling || isDoomed(run, place)
}

// --- Rounds: one after the other, nobody knows how many ---

function advanceRounds(turn: Turn, place: Place, layer: 'round' | 'generation'): void {
  const {run} = turn
  const {path, step} = place
  const scope = run.scopes.get(path)
  if (!scope) return
  const next = divide(place, scope.ended)
  const {status, attempt} = stateOf(run, next.path)
  if (status !== 'pending') return
  if (scope.failing || scope.cut) {
    const rounds = Array.from({length: scope.ended}, (_, index) => `${path}[${index}]`)
    return close(turn, place, scope, rounds, 'list')
  }
  if (scope.ended > 0) {
    const last = divide(place, scope.ended - 1)
    const verdict = layer === 'round' ? afterRound(run, last) : afterGeneration(run, last)
    if (verdict === 'done') return succeed(turn, place, {gather: layer === 'round' ? 'last' : 'list'})
    if (verdict !== 'again') return fail(turn, place, verdict)
  }
  if (isCut(run, next)) return cancel(turn, place)
  if (run.status !== 'running') return
  const pause = scope.ended === 0 ? 0 : (step.repeat?.delayMs ?? 0) * 2 ** (scope.ended - 1)
  if (layer === 'generation' || pause === 0) return open(turn, next)
  const until = turn.at + Math.min(pause, MAX_PAUSE_MS)
  record(turn, {is: 'waiting', path: next.path, n: attempt, for: 'retry', id: next.path, until})
}

function afterRound(run: Run, round: Place): 'done' | 'again' | Fault {
  const {repeat} = round.step
  if (!repeat) return 'done'
  const {output} = stateOf(run, round.path)
  const view = viewOfRound(run, round, output)
  const asked = evaluate(() => repeat.until.test(view, {failed: false, skipped: false, cancelled: false}))
  if ('fault' in asked) return asked.fault
  if (asked.value) return 'done'
  if ((round.indexes.at(-1) ?? 0) + 1 < repeat.max) return 'again'
  return {
    code: 'EXHAUSTED',
    message: `After ${repeat.max} rounds it is still not so that ${repeat.until.source}.`,
  }
}

/** Nothing came, or it was asked as often as it may be. */
function afterGeneration(run: Run, round: Place): 'done' | 'again' {
  const {work} = round.step
  const rounds = (round.indexes.at(-1) ?? 0) + 1
  const more =
    work.kind === 'generate' && rounds < work.max && stateOf(run, round.path).status === 'succeeded'
  return more ? 'again' : 'done'
}

// --- What is there already, after a retry of the run ---

interface Inventory {
  readonly size: number
  readonly known?: number
  readonly done?: number
}

export function inventory(run: Run, path: string, inner: readonly string[]): Inventory {
  const size = inner.length
  if (path !== '' && stateOf(run, path).attempt === 0) return {size}
  const states = inner.map(each => run.steps.get(each)).filter(state => state !== undefined)
  const done = states.filter(hasEnded).length
  return {size, ...(states.length > 0 ? {known: states.length} : {}), ...(done > 0 ? {done} : {})}
}

function roundsDone(run: Run, path: string): {readonly done?: number} {
  let done = 0
  while (hasEnded(stateOf(run, `${path}[${done}]`))) done += 1
  return done > 0 ? {done} : {}
}
