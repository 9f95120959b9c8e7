import type {Delivery} from './webhooks.ts'
import type {ActivityState, CommentState, IssueState, ReactionState, SessionState} from './world.ts'
import type {RecordedRequest} from './recorder.ts'

/** Everything an onlooker can be told. */
export type Change =
  | {readonly kind: 'issue'; readonly action: 'create' | 'update'; readonly issue: IssueState}
  | {readonly kind: 'comment'; readonly action: 'create' | 'update'; readonly comment: CommentState}
  | {readonly kind: 'reaction'; readonly reaction: ReactionState}
  | {readonly kind: 'session'; readonly session: SessionState}
  | {readonly kind: 'activity'; readonly activity: ActivityState}
  | {readonly kind: 'request'; readonly request: RecordedRequest}
  | {readonly kind: 'delivery'; readonly delivery: Delivery}

export interface Changes {
  emit(change: Change): void
  readonly on: (listener: (change: Change) => void) => () => void
  /** Resolves with the first truthy answer of the probe, asked now and after each change; rejects in time. */
  readonly eventually: <T>(
    probe: () => T | undefined | null | false,
    options?: {readonly timeoutMs?: number; readonly what?: string},
  ) => Promise<T>
}

/** @param dump says how things stand, for the error of an `eventually` that never came. */
export function createChanges(dump: () => string): Changes {
  const listeners = new Set<(change: Change) => void>()
  const on = (listener: (change: Change) => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  return {
    on,
    emit(change) {
      for (const listener of [...listeners]) listener(change)
    },
    eventually(probe, {timeoutMs = 5000, what = 'the awaited state'} = {}) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          stop()
          reject(new Error(`Waited ${timeoutMs} ms for ${what}.\n${dump()}`))
        }, timeoutMs)
        const look = () => {
          try {
            const found = probe()
            if (found === undefined || found === null || found === false) return
            resolve(found)
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)))
          }
          clearTimeout(timer)
          stop()
        }
        const stop = on(look)
        look()
      })
    },
  }
}
