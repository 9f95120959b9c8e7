import type {Actor} from './actor.ts'

/** What commands and agents may ask of the house. Handed in by src/runtime/; small on purpose. */
export interface Services {
  readonly deployments: DeploymentsPort
  readonly workflowRuns: WorkflowRunsPort
  readonly invocations: InvocationsPort
  readonly catalogue: CataloguePort
  readonly endpoints: EndpointsPort
  readonly locks?: LocksPort
}

export interface TargetSummary {
  readonly name: string
  /** `owner/name`. */
  readonly repository: string
  readonly workflow: string
  readonly ref: string
  readonly environment: 'development' | 'staging' | 'production'
}

export interface DeploymentsPort {
  targets(): readonly TargetSummary[]
  target(name: string): TargetSummary | undefined
  /** Why the address may not be handed to a deploy, or undefined when it may. */
  refuseUrl(url: string): string | undefined
  /** Branches and tags that start with the text, best first. Answers within 1.5 s, with nothing if GitHub does not. */
  refs(target: string, typed: string): Promise<readonly string[]>
  /** Records a deployment of the target for this command; idempotent by correlation id. It is followed from there. */
  request(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly target: string
    readonly ref?: string | undefined
    readonly apiBase?: string | undefined
    readonly wait: boolean
  }): Promise<void>
}

export interface WorkflowRunSummary {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** What happened to one workflow in a window of time. Averages are in milliseconds. */
export interface WorkflowDigest {
  readonly total: number
  readonly success: number
  readonly failure: number
  /** Every other conclusion, and runs that are still going. */
  readonly other: number
  readonly averageMs: number | undefined
  readonly latest: WorkflowRunSummary | undefined
}

export interface WorkflowRunsPort {
  /** The workflows people ask about: each configured target's, once, with its display label. */
  workflows(): readonly {
    readonly label: string
    readonly repository: string
    readonly workflow: string
    readonly branch: string
  }[]
  /** Newest first. */
  recent(
    workflow: {readonly repository: string; readonly workflow: string; readonly branch: string},
    options: {readonly count: number; readonly signal: AbortSignal},
  ): Promise<readonly WorkflowRunSummary[]>
  /** The runs as numbers, counting those created at or after `since`. */
  digest(runs: readonly WorkflowRunSummary[], since: number): WorkflowDigest
}

export interface InvocationSummary {
  readonly id: string
  readonly command: string
  readonly title: string
  readonly requester: string
  readonly createdAt: number
}

export type CancelOutcome =
  | {readonly kind: 'cancelled'}
  | {readonly kind: 'stopping'; readonly runUrl?: string | undefined}
  | {readonly kind: 'already-ended'; readonly status: string; readonly runUrl?: string | undefined}
  | {readonly kind: 'refused'; readonly reason: string}
  | {readonly kind: 'not-found'}
  | {readonly kind: 'not-permitted'; readonly owner: string}

export interface InvocationsPort {
  /** Commands still going on, newest first: those the actor may stop. */
  open(actor: Actor): Promise<readonly InvocationSummary[]>
  /** Accepts the full id or its first 8 or more characters. Once acknowledged, no new effect of that command starts. */
  cancel(id: string, actor: Actor): Promise<CancelOutcome>
}

export interface CommandSummary {
  readonly name: string
  readonly description: string
  readonly usage: string
  readonly options: readonly {
    readonly name: string
    readonly description: string
    readonly required: boolean
  }[]
  /** Empty when the actor may run it; otherwise each reason with what to do next. */
  readonly refusals: readonly string[]
}

export interface AgentSummary {
  readonly id: string
  readonly name: string
  readonly description: string
  /** The slash command people reach it by; agents of other machines have none. */
  readonly command: string | undefined
  /** `unknown`: the registry can't be asked. */
  readonly status: 'active' | 'busy' | 'offline' | 'unknown'
  /** Jobs under way and at most, over all its processes. */
  readonly load: {readonly active: number; readonly capacity: number} | undefined
  /** Its last sign of life; none when there never was one. Milliseconds since the epoch. */
  readonly lastSeen: number | undefined
}

export interface CataloguePort {
  commands(actor: Actor): readonly CommandSummary[]
  /** The agents of this checkout, then those of other machines; as they are now. */
  agents(): Promise<readonly AgentSummary[]>
}

export interface EndpointCheck {
  readonly side: 'frontend' | 'api'
  readonly url: string
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  readonly error?: string
}

export interface EndpointDigest {
  readonly side: EndpointCheck['side']
  readonly total: number
  readonly errors: number
  /** Percent, one decimal. */
  readonly successRate: number
  readonly p50Ms: number | undefined
  readonly p95Ms: number | undefined
}

export interface HealthDigest {
  /** `unknown`: nothing is configured to be checked. That is not health. */
  readonly level: 'healthy' | 'degraded' | 'critical' | 'unknown'
  readonly sides: readonly EndpointDigest[]
}

export interface EndpointsPort {
  /** One GET to each configured address (frontend `/`, `/index.html`; API `/health`, `/hello`); empty when none is configured. */
  check(signal: AbortSignal): Promise<readonly EndpointCheck[]>
  digest(checks: readonly EndpointCheck[]): HealthDigest
}

export interface LockSummary {
  /** Such as `deployment:production:web`. */
  readonly resource: string
  readonly owner: string
  readonly kind: string
  readonly reason: string | undefined
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Those who wait for it, in the order in which they will be served. */
  readonly line: readonly {readonly owner: string; readonly since: number}[]
}

export interface LocksPort {
  /** What is held right now, in order of names. */
  held(): Promise<readonly LockSummary[]>
}
