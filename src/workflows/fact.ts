import type {Json} from '../kernel/json.ts'
import type {Fault} from './run.ts'

/**
 * Something that happened to a run. Facts are the run's history, kept for ever: they say all that is needed to rebuild
 * it, without its plan. `n` is the attempt. What is absent is as usual: no output is null, no `within` is the whole run.
 */
export type Fact = {readonly at: number} & (
  | {readonly is: 'begun'; readonly size: number}
  /** Asks for its lock; the token follows from path and attempt. */
  | {
      readonly is: 'locking'
      readonly path: string
      readonly n: number
      readonly lock: string
      readonly kind: string
    }
  | {readonly is: 'locked'; readonly path: string; readonly fence: number}
  /** An attempt of an action; `until`: its deadline. The same attempt again: its place or its deadline changed. */
  | {
      readonly is: 'started'
      readonly path: string
      readonly n: number
      readonly where: 'here' | 'queue'
      readonly until?: number
    }
  /** It lost its lock. */
  | {readonly is: 'unlocked'; readonly path: string}
  /**
   * Its inner steps begin; or go on after a retry of the run: `known` of them were touched before, `done` have ended. The
   * path is empty for the run itself. The size of rounds is not known before.
   */
  | {
      readonly is: 'opened'
      readonly path: string
      readonly n: number
      readonly size?: number
      readonly known?: number
      readonly done?: number
      readonly items?: readonly Json[]
    }
  | {
      readonly is: 'waiting'
      readonly path: string
      readonly n: number
      readonly for: 'signal' | 'approval' | 'timer' | 'retry' | 'child'
      readonly id: string
      readonly until?: number
    }
  /** The attempt failed, and there will be another. */
  | {readonly is: 'retrying'; readonly path: string; readonly error: Fault; readonly until: number}
  /** `took`: the signal that is its output. `gather`: its output is a list of those inside (but for skipped ones), that of the last, or by id. */
  | {
      readonly is: 'succeeded'
      readonly path: string
      readonly out?: Json
      readonly took?: string
      readonly gather?: 'list' | 'last' | readonly string[]
      /** A failure of the run has to undo it. */
      readonly undo?: true
      /** A checkpoint of that name is due. */
      readonly checkpoint?: string
    }
  /** `within`: the outermost scope that fails with it; `tolerated`: none does. */
  | {
      readonly is: 'failed'
      readonly path: string
      readonly error: Fault
      readonly took?: string
      readonly tolerated?: true
      readonly within?: string
    }
  /** `cut`: because of a failure elsewhere, or to cancel. */
  | {readonly is: 'skipped'; readonly paths: readonly string[]; readonly cut?: true}
  | {readonly is: 'cancelled'; readonly path: string}
  /** A compensation could not even be begun, or gave up: `error`. */
  | {readonly is: 'compensated'; readonly path: string; readonly error?: Fault}
  /** What it did inside must not go on: it will end failed. `within` as above. */
  | {readonly is: 'broken'; readonly path: string; readonly error: Fault; readonly within?: string}
  /** Nothing is left to run; the compensations begin. */
  | {readonly is: 'undoing'; readonly error?: Fault}
  | {readonly is: 'generated'; readonly path: string; readonly steps: readonly Json[]}
  | {readonly is: 'signalled'; readonly id: string; readonly name: string; readonly payload: Json}
  | {
      readonly is: 'paused' | 'resumed' | 'cancelling'
      readonly id: string
      readonly by: string
      readonly reason?: string
    }
  /** `afresh`: as if never touched, but for the number of attempts; `kept`: with what had succeeded inside. */
  | {
      readonly is: 'retried'
      readonly id: string
      readonly by: string
      readonly afresh: readonly string[]
      readonly kept: readonly string[]
    }
  /** Without a result, a completed run's is the outputs of its top-level steps by id. */
  | {
      readonly is: 'ended'
      readonly status: 'completed' | 'failed' | 'cancelled'
      readonly result?: Json
      readonly error?: Fault
    }
)
