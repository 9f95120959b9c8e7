import type {Actor} from '../sdk/index.ts'
import {judge, type Check, type CheckResult, type Thresholds} from './verdict.ts'

export type Strategy = 'canary' | 'full'
export type Decision = 'promote' | 'rollback'

/** How a target is verified after `/ship`, and what follows from it. */
export interface ReleaseRules extends Thresholds {
  readonly checks: readonly Check[]
  readonly autoPromote: boolean
  readonly autoRollback: boolean
  /** For all checks, tries included. */
  readonly timeoutMs: number
  /** How long it waits for a decision. */
  readonly decideWithinMs: number
}

/** What was asked for. Never changes. */
export interface ReleaseRequest {
  readonly id: string
  readonly target: string
  readonly environment: string
  readonly strategy: Strategy
  readonly requester: Pick<Actor, 'id' | 'name' | 'kind'>
  /** Where it is told of; undefined where there is no place. */
  readonly channelId?: string
  readonly rules: ReleaseRules
  readonly requestedAt: number
}

/**
 * Open: `shipping` while its deployment is under way, `verifying`, `deciding` while people may press, `promoting` and
 * `rolling-back` while what was decided is carried out. The others are for ever: `superseded` since something else was
 * shipped there, `unverified` when it shipped something of which the end is not known.
 */
export type ReleasePhase =
  | 'shipping'
  | 'verifying'
  | 'deciding'
  | 'promoting'
  | 'rolling-back'
  | 'promoted'
  | 'rolled-back'
  | 'promotion-failed'
  | 'rollback-failed'
  | 'expired'
  | 'superseded'
  | 'not-shipped'
  | 'unverified'

/** How a deployment ended, as far as a release cares. */
export type Shipped =
  | {readonly kind: 'ended'; readonly conclusion: string; readonly sha?: string; readonly runUrl?: string}
  /** A run was started, but how it ended is not known. */
  | {readonly kind: 'unknown'; readonly why: string; readonly sha?: string; readonly runUrl?: string}
  /** Nothing was started. */
  | {readonly kind: 'none'; readonly why: string}

/** The commit to go back to, or why there is none. */
export type LastGood = {readonly sha: string} | {readonly none: string}

export interface Release {
  readonly request: ReleaseRequest
  readonly phase: ReleasePhase
  readonly shipped?: Shipped
  readonly checks?: readonly CheckResult[]
  readonly lastGood?: LastGood
  /** Of its own message. */
  readonly messageId?: string
  readonly expiresAt?: number
  readonly decision?: {
    readonly kind: Decision
    /** Nobody: by the configured thresholds, for these reasons. */
    readonly by?: Pick<Actor, 'id' | 'name' | 'kind'>
    readonly reasons?: readonly string[]
    readonly at: number
    /** The command that carries it out; none where it is but a mark. */
    readonly followUp?: string
  }
  /** How carrying it out ended. */
  readonly outcome?: {readonly words: string; readonly runUrl?: string}
  readonly endedAt?: number
}

export type ReleaseEvent = {readonly at: number} & (
  | {readonly type: 'shipped'; readonly shipped: Shipped; readonly messageId: string}
  /** `followUp` is the command to use if this decides by itself. */
  | {
      readonly type: 'verified'
      readonly checks: readonly CheckResult[]
      readonly lastGood: LastGood
      readonly messageId: string
      readonly followUp: string
    }
  | {
      readonly type: 'decided'
      readonly kind: Decision
      readonly by: Pick<Actor, 'id' | 'name' | 'kind'>
      readonly followUp: string
    }
  | {readonly type: 'time-passed'}
  /** Something else was shipped to its target. */
  | {readonly type: 'superseded'}
  | {
      readonly type: 'carried-out'
      readonly ok: boolean
      readonly words: string
      readonly runUrl?: string
    }
)

/**
 * Folds one fact into a release. Total: what no longer fits changes nothing, so the first decision is the only one, and
 * late, repeated and reordered facts are harmless.
 */
export function decide(release: Release, event: ReleaseEvent): Release {
  switch (event.type) {
    case 'shipped':
      return release.phase === 'shipping' ? shipped(release, event) : release
    case 'verified':
      return release.phase === 'verifying' ? verified(release, event) : release
    case 'decided':
      return release.phase === 'deciding' && event.at < (release.expiresAt ?? 0)
        ? decided(release, {kind: event.kind, by: event.by, at: event.at}, event.followUp)
        : release
    case 'time-passed':
      return release.phase === 'deciding' && event.at >= (release.expiresAt ?? 0)
        ? {...release, phase: 'expired', endedAt: event.at}
        : release
    case 'superseded':
      return release.phase === 'deciding' ? {...release, phase: 'superseded', endedAt: event.at} : release
    case 'carried-out':
      return carriedOut(release, event)
  }
}

export function isOpen({phase}: Release): boolean {
  return ['shipping', 'verifying', 'deciding', 'promoting', 'rolling-back'].includes(phase)
}

/** It was shipped, and its run says that it went well. */
export function wentWell({shipped}: Release): boolean {
  return shipped?.kind === 'ended' && shipped.conclusion === 'success'
}

/** What may be decided about it: nothing that can't be done. */
export function choices(release: Release): readonly Decision[] {
  if (release.phase !== 'deciding') return []
  return [
    ...(wentWell(release) ? (['promote'] as const) : []),
    ...(release.lastGood && 'sha' in release.lastGood ? (['rollback'] as const) : []),
  ]
}

function shipped(
  release: Release,
  {shipped: what, at, messageId}: Extract<ReleaseEvent, {type: 'shipped'}>,
): Release {
  switch (what.kind) {
    // A run that failed half way may have left something broken behind: it is looked at as well.
    case 'ended':
      return {...release, shipped: what, phase: 'verifying'}
    case 'unknown':
      return {...release, shipped: what, phase: 'unverified', messageId, endedAt: at}
    case 'none':
      return {...release, shipped: what, phase: 'not-shipped', endedAt: at}
  }
}

function verified(
  release: Release,
  {checks, lastGood, at, messageId, followUp}: Extract<ReleaseEvent, {type: 'verified'}>,
): Release {
  const {rules} = release.request
  const waiting: Release = {
    ...{...release, checks, lastGood, messageId},
    phase: 'deciding',
    expiresAt: at + rules.decideWithinMs,
  }
  const verdict = judge(checks, rules)
  if (rules.autoRollback && verdict.health === 'bad')
    return decided(waiting, {kind: 'rollback', reasons: verdict.reasons, at}, followUp)
  if (rules.autoPromote && verdict.promotable)
    return decided(waiting, {kind: 'promote', reasons: ['all thresholds are met'], at}, followUp)
  return waiting
}

function decided(release: Release, decision: NonNullable<Release['decision']>, followUp: string): Release {
  if (!choices(release).includes(decision.kind)) return release
  const {expiresAt: _, ...rest} = release
  if (decision.kind === 'rollback') return {...rest, phase: 'rolling-back', decision: {...decision, followUp}}
  // What went out in full is out: keeping it changes nothing outside.
  if (release.request.strategy === 'full') return {...rest, phase: 'promoted', decision, endedAt: decision.at}
  return {...rest, phase: 'promoting', decision: {...decision, followUp}}
}

function carriedOut(
  release: Release,
  {ok, words, runUrl, at}: Extract<ReleaseEvent, {type: 'carried-out'}>,
): Release {
  const outcome = {words, ...(runUrl === undefined ? {} : {runUrl})}
  switch (release.phase) {
    case 'promoting':
      return {...release, phase: ok ? 'promoted' : 'promotion-failed', outcome, endedAt: at}
    case 'rolling-back':
      return {...release, phase: ok ? 'rolled-back' : 'rollback-failed', outcome, endedAt: at}
    default:
      return release
  }
}
