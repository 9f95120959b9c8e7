import {createArmed} from '../shared/armed.ts'

export const ROUTE_FAULTS = [
  'serverError',
  /** Never answers; the connection stays open until the emulator closes. */
  'timeout',
  /** The connection is cut. */
  'reset',
  'latency',
  'primaryLimit',
  'secondaryLimit',
  'notFound',
  'forbidden',
] as const

export const WEBHOOK_FAULTS = [
  'lost',
  'late',
  'duplicate',
  /** Sent after the delivery that follows it. */
  'outOfOrder',
  /** A copy signed with another secret comes first. */
  'forged',
] as const

/** Something that goes wrong with an answer of the REST API. */
export interface RouteFault {
  /** Name of a route (`dispatch`, `run`, `jobs`, `runs`, `workflowRuns`, `logs`, `cancel`, …) or `*`. */
  readonly route: string
  readonly kind: (typeof ROUTE_FAULTS)[number]
  /** Only where the path ends so. */
  readonly path?: string
  /** Of a server error (default 502) or secondary limit (default 403). */
  readonly status?: 500 | 502 | 503 | 403 | 429
  /** The request is carried out although its answer is lost: the unclear answer. */
  readonly takesEffect?: boolean
  /** How often; default once. */
  readonly times?: number
  /** Of latency. Default 1000. */
  readonly ms?: number
  /** Of the limits. Default 60. */
  readonly retryAfterS?: number
}

/** Something that goes wrong with a webhook delivery. */
interface WebhookFault {
  readonly webhook: (typeof WEBHOOK_FAULTS)[number]
  readonly event?: string
  readonly action?: string
  readonly times?: number
  /** Of a late one. Default 1000. */
  readonly ms?: number
}

export type Fault = RouteFault | WebhookFault

export interface Faults {
  /** Arms a fault; the answer disarms it. */
  readonly add: (fault: Fault) => () => void
  takeForRoute(route: string, path: string): RouteFault | undefined
  takeForWebhook(event: string, action: string): WebhookFault | undefined
}

export function createFaults(): Faults {
  const {add, take} = createArmed<Fault>()
  return {
    add,
    takeForRoute: (route, path) =>
      take(
        (fault): fault is RouteFault =>
          'route' in fault &&
          (fault.route === route || fault.route === '*') &&
          path.endsWith(fault.path ?? ''),
      ),
    takeForWebhook: (event, action) =>
      take(
        (fault): fault is WebhookFault =>
          'webhook' in fault && (fault.event ?? event) === event && (fault.action ?? action) === action,
      ),
  }
}
