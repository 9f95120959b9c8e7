import type {Plan} from './plan.ts'
import type {Message, Run} from './run.ts'

/** A run that this instance carries on. */
export interface Live {
  readonly id: string
  readonly plan: Plan
  readonly fence: number
  readonly parentId: string | null
  readonly createdAt: number
  /** As committed. */
  run: Run
  /** Rows of its journal. */
  seq: number
  /** Messages of its inbox that were read; `taken` of them are accounted for in Postgres. */
  seen: number
  taken: number
  /** Read from the inbox, in its order, and not yet accounted for by a commit; the run's beginning before all else. */
  readonly inbox: Message[]
  /** What came up here and was not decided upon. */
  readonly pending: Message[]
  /** The inbox may have something that was not read. */
  told: boolean
  turning: boolean
  gone: boolean
  /** Under way here and not aborted, by path and attempt. */
  readonly attempts: Map<string, AbortController>
  timer: NodeJS.Timeout | undefined
  timerAt: number | undefined
}

export function newLive({
  plan,
  run,
  fence,
  parentId,
  createdAt,
}: Pick<Live, 'plan' | 'run' | 'fence' | 'parentId' | 'createdAt'>): Live {
  return {
    id: run.id,
    plan,
    fence,
    parentId,
    createdAt,
    run,
    seq: 0,
    seen: 0,
    taken: 0,
    inbox: [],
    pending: [],
    told: false,
    turning: false,
    gone: false,
    attempts: new Map(),
    timer: undefined,
    timerAt: undefined,
  }
}

export function attemptKey({path, attempt}: {readonly path: string; readonly attempt: number}): string {
  return `${path}:${attempt}`
}
