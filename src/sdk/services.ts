import type {AccountsPort} from './accounts.ts'
import type {Actor} from './actor.ts'
import type {ApprovalsPort} from './approvals.ts'
import type {AuditPort} from './audit.ts'
import type {BreakGlassPort} from './break-glass.ts'
import type {ConversationsPort} from './conversations.ts'
import type {RunStep} from './agent.ts'
import type {ChangesPort} from './changes.ts'
import type {Topic} from './command.ts'
import type {OffersPort} from './offers.ts'
import type {SettingsPort} from './settings.ts'
import type {EvaluationsPort} from './evaluations.ts'
import type {UptimePort} from './uptime.ts'
import type {DoctorPort} from './doctor.ts'
import type {PlanningPort} from './planning.ts'
import type {PlansPort} from './plans.ts'
import type {QaPort} from './qa.ts'
import type {ReleasesPort} from './releases.ts'
import type {RelayPort} from './relay.ts'
import type {Reply, ReplyState} from './reply.ts'
import type {RoutingPort} from './routing.ts'
import type {SummaryPort} from './summary.ts'
import type {ToolsPort} from './tools.ts'
import type {TracesPort} from './traces.ts'
import type {TriagePort} from './triage.ts'
import type {DiagnosesPort, VerificationPort} from './verification.ts'

/** What commands and agents may ask of the house. Handed in by src/runtime/; small on purpose. */
export interface Services {
  readonly deployments: DeploymentsPort
  readonly workflowRuns: WorkflowRunsPort
  readonly invocations: InvocationsPort
  readonly catalogue: CataloguePort
  readonly endpoints: EndpointsPort
  readonly locks: LocksPort
  readonly pipelines: PipelinesPort
  readonly changes: ChangesPort
  readonly reviews: ReviewsPort
  readonly routing: RoutingPort
  readonly documentation: DocumentationPort
  readonly runs: RunsPort
  readonly accounts: AccountsPort
  readonly breakGlass: BreakGlassPort
  readonly approvals: ApprovalsPort
  readonly conversations: ConversationsPort
  readonly audit: AuditPort
  readonly plans: PlansPort
  readonly planning: PlanningPort
  readonly releases: ReleasesPort
  readonly offers: OffersPort
  readonly settings: SettingsPort
  readonly uptime: UptimePort
  readonly evaluations: EvaluationsPort
  readonly relay: RelayPort
  readonly summary: SummaryPort
  readonly tools: ToolsPort
  readonly traces: TracesPort
  readonly triage: TriagePort
  readonly verification: VerificationPort
  readonly diagnoses: DiagnosesPort
  readonly qa: QaPort
  readonly doctor: DoctorPort
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
  /** What a deploy would meet, and whom it would ask: risk, rules, approvers, lock, freeze. Without any effect. */
  explain(request: {
    readonly actor: Actor
    readonly target: string
    readonly ref?: string | undefined
    readonly apiBase?: string | undefined
  }): Promise<Reply>
  /** Records a deployment of the target for this command; idempotent by correlation id. It is followed from there. */
  request(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly target: string
    readonly ref?: string | undefined
    readonly apiBase?: string | undefined
    /** For the workflow inputs that ask for it: how much of the traffic gets it. */
    readonly strategy?: 'canary' | 'full' | undefined
    readonly wait: boolean
    /** Whoever asks tells how its run ended; the deployment's own message shows it without a new one. */
    readonly announcedElsewhere?: true
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
  readonly topic: Topic
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

/** What help is wanted on: one command by its name, with or without the slash, or one topic; else everything. */
export interface HelpWish {
  readonly command?: string | undefined
  readonly topic?: Topic | undefined
}

export interface CataloguePort {
  commands(actor: Actor): readonly CommandSummary[]
  /** The commands as this person may or may not run them, in one message. */
  help(actor: Actor, wish: HelpWish): Reply
  /** The agents of this checkout, then those of other machines; as they are now. */
  agents(): Promise<readonly AgentSummary[]>
}

export interface EndpointCheck {
  readonly side: 'frontend' | 'api'
  readonly url: string
  readonly ok: boolean
  readonly status?: number
  readonly ms: number
  /** As the answer says it. */
  readonly cacheControl?: string
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
  /**
   * One GET to each address (frontend `/`, `/index.html`; API `/health`, `/hello`): those that are given, otherwise the
   * configured ones; empty when there are none.
   */
  check(
    signal: AbortSignal,
    bases?: {readonly frontend?: string | undefined; readonly api?: string | undefined},
  ): Promise<readonly EndpointCheck[]>
  digest(checks: readonly EndpointCheck[]): HealthDigest
}

export interface LockSummary {
  /** Names this very hold: another holder's has another one. */
  readonly id: string
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

export type TakeOverOutcome =
  /** The holder was asked, and has until then. */
  | {readonly kind: 'asked'; readonly owner: string; readonly answerBy: number}
  | {readonly kind: 'taken'; readonly resource: string; readonly owner: string}
  | {readonly kind: 'not-held'}
  | {readonly kind: 'refused'; readonly reason: string}

/** `over`: it was decided before, or the lock is not held any more. */
export type TakeOverAnswer = 'done' | 'over' | 'not-yours'

export interface LocksPort {
  /** What is held right now, in order of names. */
  held(): Promise<readonly LockSummary[]>
  /**
   * Asks the holder of a lock, by its name or the id of its hold, to let go; takes it at once where it is the actor's
   * own or an admin forces it. Idempotent by correlation id.
   */
  takeOver(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly lock: string
    readonly reason?: string | undefined
    readonly force: boolean
  }): Promise<TakeOverOutcome>
  /** The Discord id of the holder whose answer to this ask is awaited; undefined once there is one. */
  asked(id: string): Promise<string | undefined>
  answer(request: {
    readonly id: string
    readonly actor: Actor
    readonly letGo: boolean
  }): Promise<TakeOverAnswer>
  /** Leaves the command that asks open until there is an answer. */
  follow(id: string): Promise<void>
}

/** A run of a GitHub workflow, by what it takes to find it again. */
export type StartedRun = {readonly repository: string; readonly id: string; readonly url: string}

/** What is to be started. `correlationId` is this dispatch's alone: by it the run is found again. */
export interface DispatchRequest {
  readonly repository: string
  readonly workflow: string
  /** A branch or tag: GitHub starts no workflow at a bare commit. */
  readonly ref: string
  readonly inputs?: Readonly<Record<string, string>>
  /** The target it ships to. Left out, it counts as shipping to each target that is shipped to through the workflow. */
  readonly target?: string
  /** The only commit that it may run, where the caller holds it to one. */
  readonly sha?: string
  readonly step?: RunStep
  readonly correlationId: string
  readonly requester: string
  readonly signal: AbortSignal
}

export interface JobReport {
  readonly name: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds, so far or in the end; absent until it began. */
  readonly ms?: number
}

/** How a run ended. */
export interface RunReport {
  /** `success`, `failure`, `cancelled`, `timed_out`, …; `unknown` if GitHub did not say. */
  readonly conclusion: string
  readonly url: string
  readonly sha: string
  readonly jobs: readonly JobReport[]
}

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A run as one of a workflow's history. */
export interface PastRun {
  readonly id: string
  readonly url: string
  readonly workflow: string
  readonly sha: string
  readonly event: string
  readonly status: string
  readonly conclusion: string | null
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
}

/** A target with what it takes to ship it. */
export interface ShippingTarget extends TargetSummary {
  readonly service: string
  /** Of its workflow, those that need no option. */
  readonly inputs: Readonly<Record<string, string>>
  /** Addresses that must answer after a deployment. */
  readonly verify: {readonly frontend?: string; readonly api?: string}
  /** Another target ships through the same workflow, so GitHub's history does not tell the two apart. */
  readonly shared: boolean
}

export type DiagnosisIssue = {readonly service: string; readonly kind: string; readonly evidence: string}

/** What to do about an issue, as a step of a workflow. */
export type Fix = {
  readonly agent: string
  readonly action: string
  readonly with: Readonly<Record<string, string>>
}

/** `confidence` from 0 (a guess) to 1. */
export type Diagnosis = {
  readonly diagnosis: string
  readonly fix: Fix | null
  readonly confidence: number
}

/**
 * Runs of GitHub workflows, as agents need them. Everything throws NOT_CONFIGURED without GitHub, UPSTREAM_REFUSED for
 * what GitHub declines, UPSTREAM_RATE_LIMITED and UPSTREAM_UNAVAILABLE for what may pass.
 */
export interface PipelinesPort {
  /**
   * The `owner/name` of an address or of such a name; the default repository when there is none.
   * @throws NOT_PERMITTED for a repository that configuration does not name.
   */
  repository(text: string | undefined): string
  /** @throws INVALID_INPUT when there is no target of that name. */
  target(name: string): ShippingTarget
  /** The target of this environment, when there is exactly one. */
  targetOf(environment: TargetSummary['environment']): ShippingTarget | undefined
  /** The workflow that a pipeline such as `test` is run by, told by its file's name. */
  workflowFor(query: {
    readonly repository: string
    readonly pipeline: string
    readonly signal: AbortSignal
  }): Promise<string | undefined>
  /** The newest run of each workflow for a commit. */
  runsOf(query: {
    readonly repository: string
    readonly sha: string
    readonly signal: AbortSignal
  }): Promise<readonly PastRun[]>
  /** What any app checked of a commit, its jobs among it. */
  checksOf(query: {readonly repository: string; readonly sha: string; readonly signal: AbortSignal}): Promise<
    readonly {
      readonly name: string
      readonly url: string
      readonly status: string
      readonly conclusion: string | null
    }[]
  >
  /** Runs of a target's workflow that may have shipped something, newest first, at most 50. */
  history(target: ShippingTarget, signal: AbortSignal): Promise<readonly PastRun[]>
  /** The newest success that shipped another commit than this one. */
  lastGood(history: readonly PastRun[], not: string | undefined): PastRun | undefined
  /** A branch whose newest commit this is, the preferred one if it can be, or our tag for it. */
  refAt(query: {
    readonly repository: string
    readonly sha: string
    readonly prefer?: string
    readonly signal: AbortSignal
  }): Promise<string | undefined>
  /** Tags a commit so that a workflow can be started there; a commit that has our tag keeps it. */
  tag(change: {
    readonly repository: string
    readonly sha: string
    readonly signal: AbortSignal
  }): Promise<string>
  /**
   * Sends the request once. Where its answer is lost, the run is looked for; not found, it is UPSTREAM_REFUSED with the
   * advice to look before trying again. @throws NOT_PERMITTED where it would ship what its run has no approval for.
   */
  dispatch(request: DispatchRequest): Promise<StartedRun>
  /** The run of a dispatch that may have got through. Looks as long as GitHub may take to list a new run. */
  find(request: DispatchRequest): Promise<StartedRun | undefined>
  /** Follows a run until it ends or the signal is aborted; the run itself goes on then. Asks seldom, and less with time. */
  follow(
    run: StartedRun,
    how: {
      readonly signal: AbortSignal
      readonly onChange?: (jobs: readonly JobReport[]) => void
      /** The commit it must be of: a run of another one, since its branch moved, is stopped, and CONFLICT thrown. */
      readonly sha?: string
    },
  ): Promise<RunReport>
  /** What the logs of a finished run say about its tests; undefined when they say nothing that we understand. */
  tests(run: StartedRun, signal: AbortSignal): Promise<TestCounts | undefined>
  /** What the role can tell about the issues of a target by rules, leaving out fixes that were tried. */
  diagnose(question: {
    readonly role: 'code-review' | 'cicd' | 'infrastructure'
    readonly target: ShippingTarget
    readonly issues: readonly DiagnosisIssue[]
    readonly tried: readonly Fix[]
    readonly signal: AbortSignal
  }): Promise<Diagnosis>
  /** Sets a variable of the repository's workflows. @throws NOT_PERMITTED unless ALLOW_SECRET_WRITES. */
  setVariable(change: {
    readonly repository: string
    readonly name: string
    readonly value: string
    readonly signal: AbortSignal
  }): Promise<'created' | 'changed' | 'unchanged'>
}

export type Finding = {
  /** `critical` findings block. */
  readonly severity: 'critical' | 'warning' | 'note'
  readonly rule: string
  /** Null: about the change as a whole. */
  readonly file: string | null
  /** In the file as changed, from 1. */
  readonly line: number | null
  readonly message: string
}

export interface PullRequestReview {
  readonly repository: string
  readonly number: number
  readonly url: string
  readonly verdict: 'proceed' | 'block'
  /** The gravest first, at most 100. */
  readonly findings: readonly Finding[]
  /** All of them, also those beyond the 100. */
  readonly total: number
  readonly headSha: string
  /** The branch; null when it is in another repository. */
  readonly headRef: string | null
  readonly baseSha: string
  readonly files: number
  readonly summary: string
}

/** What the rules say of a repository's files as they stand. */
export interface CodeAnalysis {
  readonly repository: string
  /** The commit that was read; the branch or tag itself where it was no branch. */
  readonly ref: string
  /** How many files were read, and how many text files there are besides. */
  readonly files: number
  readonly left: number
  /** The gravest first, at most 100. */
  readonly findings: readonly Finding[]
  /** All of them, also those beyond the 100. */
  readonly total: number
}

export interface ReviewsPort {
  /**
   * Judges the files at a ref by those rules that need no change to look at: all of them, or those under a path.
   * Changes nothing. @throws NOT_FOUND where nothing is under the path.
   */
  analyse(query: {
    readonly repository: string
    readonly path?: string | undefined
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<CodeAnalysis>
  /** Reads a pull request with all its files, and judges it by rules. Changes nothing. */
  review(query: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<PullRequestReview>
  /** The commit that a pull request is at. */
  headOf(query: {
    readonly repository: string
    readonly number: number
    readonly signal: AbortSignal
  }): Promise<string>
  /** Brings our one review of that pull request to what this one says: a comment, never an approval. */
  publish(
    review: PullRequestReview,
    signal: AbortSignal,
  ): Promise<{readonly id: string; readonly url: string}>
}

export type DocumentKind = 'api_reference' | 'user_guide' | 'deployment_guide'

export interface GeneratedDocument {
  readonly repository: string
  readonly kind: DocumentKind
  /** The commit it describes. */
  readonly sha: string
  readonly markdown: string
  /** What it was made from. */
  readonly sources: readonly string[]
}

export interface CodeOutline {
  readonly path: string
  readonly sha: string
  readonly lines: number
  readonly language: string
  /** The comment at its head, if any. */
  readonly about: string | undefined
  readonly imports: readonly string[]
  readonly exports: readonly {
    readonly kind: string
    readonly name: string
    readonly line: number
    readonly about: string | undefined
  }[]
}

export interface DocumentationPort {
  /** Written from the repository's files as they are on a branch, the default one unless told. Changes nothing. */
  generate(query: {
    readonly repository: string
    readonly kind: DocumentKind
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<GeneratedDocument>
  /**
   * Puts documents on our own branch and keeps one draft pull request open for it; undefined when the default branch
   * says the same already. @throws INVALID_INPUT for a text that is too large or holds a secret.
   */
  publish(
    document: GeneratedDocument,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly files: readonly string[]} | undefined>
  /** Keeps a marked section of the README that lists the generated documents; the same pull request. */
  publishReadme(
    repository: string,
    signal: AbortSignal,
  ): Promise<{readonly url: string; readonly files: readonly string[]} | undefined>
  /** What can be told about a file without running it. */
  outline(query: {
    readonly repository: string
    readonly path: string
    readonly ref?: string | undefined
    readonly signal: AbortSignal
  }): Promise<CodeOutline>
}

/** A workflow that can be started by name. */
export interface WorkflowSummary {
  readonly name: string
  readonly description: string
  /** Its input as it is typed: `pr_number=… repo_url=… [target=…]`. */
  readonly usage: string
}

export interface RunSummary {
  readonly id: string
  readonly workflow: string
  /** How it stands, in words: `waits for approval`. */
  readonly words: string
  readonly state: ReplyState
  readonly open: boolean
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** What a person tells a run. */
export interface RunOrder {
  readonly run: string
  readonly actor: Actor
  /** The command's: the same one again is the same order. */
  readonly correlationId: string
  readonly reason?: string | undefined
}

/**
 * Runs of the workflows in workflows/. Orders throw NOT_FOUND for a run that there is not, and CONFLICT where the run
 * does not stand as they need it to.
 */
export interface RunsPort {
  workflows(): readonly WorkflowSummary[]
  /** All that is wrong with starting this workflow with this input, JSON or `name=value` pairs. */
  problems(workflow: string, input: string): readonly string[]
  /** Starts a run, once per command, which the run then carries on and ends. */
  start(request: {
    readonly correlationId: string
    readonly actor: Actor
    readonly workflow: string
    readonly input: string
  }): Promise<void>
  /** Lets a failed or cancelled run go on, from a step or from all that did not succeed; it carries the command on. */
  retry(order: RunOrder & {readonly step?: string | undefined}): Promise<void>
  pause(order: RunOrder): Promise<void>
  resume(order: RunOrder): Promise<void>
  cancel(order: RunOrder): Promise<void>
  /**
   * Votes on the gate that the run waits at, and answers what came of it: `approved`, `rejected`, or how many it still
   * takes. Throws NOT_PERMITTED, with what to do, for a vote that does not count.
   */
  decide(order: RunOrder & {readonly approved: boolean}): Promise<string>
  /** The run as it is, drawn. Throws NOT_FOUND. */
  show(run: string): Promise<Reply>
  /** The newest first, at most `limit`. */
  recent(limit: number): Promise<readonly RunSummary[]>
}
