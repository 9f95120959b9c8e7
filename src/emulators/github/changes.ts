import {createChanges as createSharedChanges, type Changes as SharedChanges} from '../shared/changes.ts'
import type {Delivery} from './webhooks.ts'
import type {RecordedRequest} from './recorder.ts'

/** Everything an onlooker can be told. `run` names the run by id; look it up for its state. */
export type Change =
  | {readonly kind: 'run'; readonly runId: number; readonly action: string}
  | {readonly kind: 'job'; readonly runId: number; readonly job: string; readonly action: string}
  | {readonly kind: 'request'; readonly request: RecordedRequest}
  | {readonly kind: 'delivery'; readonly delivery: Delivery}

export type Changes = SharedChanges<Change>

export const createChanges = (dump: () => string): Changes => createSharedChanges(dump)
