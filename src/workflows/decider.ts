import type {Clock} from '../kernel/clock.ts'
import {toError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {AttemptEnd} from './actions.ts'
import {askedOf} from './asked.ts'
import type {Asked, Standing} from './commit-store.ts'
import {decide, type Context} from './decide.ts'
import {isOver, type Fact} from './evolve.ts'
import {attemptKey, type Live} from './live.ts'
import {isTold} from './notice.ts'
import type {Definition, Definitions, Pins} from './pins.ts'
import type {Plan} from './plan.ts'
import {parked, progress, statusOf, waitingFor, wakeAt} from './progress.ts'
import type {Effect, Fault, Message, Run} from './run.ts'

/** What the messages of a turn came to. */
export interface Decision {
  readonly run: Run
  readonly facts: readonly Fact[]
  readonly effects: readonly Effect[]
  /** Attempts of other processes that are over. */
  readonly closed: Asked['closed']
  /** Its commit leaves the run to its row: it has ended, or nothing of it is under way here. */
  readonly parks: boolean
}

export type Decider = ReturnType<typeof createDecider>

type Child = Definition & {readonly input: Json}

/** Decides on a run for an instance, and puts together what is to commit with the decision. */
export function createDecider({
  definitions,
  pins,
  context,
  leaving,
  clock,
}: {
  readonly definitions: Definitions
  readonly pins: Pins
  readonly context: Context
  /** This instance is about to go: it keeps no run that it need not. */
  readonly leaving: () => boolean
  readonly clock: Clock
}) {
  /** What a sub-workflow would be started with, or why it can't be. */
  function childOf({workflow, input}: {readonly workflow: string; readonly input: Json}): Child | Fault {
    const definition = definitions.current(workflow)
    if (!definition) return {code: 'NOT_FOUND', message: `There is no workflow ${workflow}.`}
    try {
      return {...definition, input: definition.accept?.(input) ?? input}
    } catch (error) {
      return {code: 'INVALID_INPUT', message: toError(error).message}
    }
  }

  function canPark(live: Live, run: Run): boolean {
    if (isOver(run.status)) return true
    if (live.attempts.size > 0) return false
    return leaving() || parked(live.plan, run)
  }

  return {
    decideOn(live: Live, messages: readonly Message[]): Decision {
      let {run} = live
      const facts: Fact[] = []
      const effects: Effect[] = []
      const closed: Asked['closed'][number][] = []
      const queue = [...messages]
      for (const message of queue) {
        if (isAttemptEnd(message) && run.steps.get(message.path)?.where === 'queue')
          closed.push({path: message.path, attempt: message.attempt})
        const decided = decide(live.plan, run, message, context)
        run = decided.run
        facts.push(...decided.facts)
        effects.push(...decided.effects)
        for (const effect of decided.effects) {
          if (effect.kind !== 'start-child') continue
          const child = childOf(effect)
          if ('code' in child)
            queue.push({
              kind: 'child-ended',
              path: effect.path,
              id: effect.id,
              status: 'failed',
              result: null,
              error: child,
              at: message.at,
            })
        }
      }
      for (const effect of effects) {
        if (effect.kind === 'abort' && !live.attempts.has(attemptKey(effect)))
          closed.push({path: effect.path, attempt: effect.attempt})
      }
      return {run, facts, effects, closed, parks: canPark(live, run)}
    },

    /** What commits with the decision because others are to act upon it; undefined when nobody has to know of it. */
    async ask(live: Live, {run, facts, effects, closed}: Decision): Promise<Asked | undefined> {
      const ended = live.parentId !== null && isOver(run.status)
      const told = live.parentId === null && facts.length > 0 && isTold(run)
      const quiet =
        closed.length === 0 && !ended && !told && effects.every(isLocal) && !facts.some(isCheckpoint)
      if (quiet) return undefined
      const children = new Map<string, Child>()
      for (const effect of effects) {
        if (effect.kind !== 'start-child') continue
        const child = childOf(effect)
        if ('code' in child) continue
        await pins.pin(child)
        children.set(effect.id, child)
      }
      return askedOf({run, facts, effects, closed, key: live.seq + 1, children, ended, told})
    },

    standing({run, parks}: Decision, plan: Plan): Standing {
      const {total, completed, failed, percentage, current} = progress(plan, run)
      const wake = leaving() ? clock() : wakeAt(run)
      return {
        status: statusOf(run),
        step: current ?? run.status,
        waitingFor: waitingFor(run),
        result: run.result,
        error: run.error?.message.replaceAll('\0', ''),
        total,
        completed,
        failed,
        percentage,
        parked: parks ? {wakeAt: isOver(run.status) ? undefined : wake} : undefined,
      }
    },
  }
}

export function needsCommit(live: Live, {facts, closed, parks}: Decision): boolean {
  return facts.length > 0 || live.seen > live.taken || closed.length > 0 || parks
}

function isAttemptEnd(message: Message): message is AttemptEnd {
  return (
    message.kind === 'attempt-succeeded' ||
    message.kind === 'attempt-failed' ||
    message.kind === 'attempt-interrupted'
  )
}

function isLocal(effect: Effect): boolean {
  switch (effect.kind) {
    case 'perform':
      return effect.where === 'here'
    case 'abort':
    case 'lock':
    case 'unlock':
      return true
    default:
      return false
  }
}

function isCheckpoint(fact: Fact): boolean {
  return fact.is === 'succeeded' && fact.checkpoint !== undefined
}
