import type {Json} from '../kernel/json.ts'

/**
 * A definition compiled once: what `decide` works with. The graph is resolved to ids, every expression to a function
 * without side effects. `hash` is the content hash of the definition it was compiled from; a run pins it for life.
 */
export interface Plan {
  readonly name: string
  readonly hash: string
  readonly steps: Scope
  /** What the run answers in the end; without it, the outputs of the top-level steps by id. */
  readonly result?: Template
  /** Most steps that `generate` may add to a run. */
  readonly maxGenerated: number
}

/** Steps that see each other. A step's ids are unique in its scope; its path in the run is unique in the run. */
export interface Scope {
  /** In an order in which every step comes after those it needs. */
  readonly order: readonly Step[]
  readonly byId: ReadonlyMap<string, Step>
}

export interface Step {
  readonly id: string
  readonly needs: readonly string[]
  /** Those of the same scope that need this one. */
  readonly dependents: readonly string[]
  /** Without one: runs when everything it needs succeeded. */
  readonly condition?: Condition
  readonly work: Work
  /** The step is done once for each item of the list, at most `maxParallel` at a time. */
  readonly forEach?: {readonly items: Template; readonly maxParallel: number}
  /** The step is done again until the condition holds, at most `max` times. `delayMs` doubles with each round. */
  readonly repeat?: {readonly until: Condition; readonly max: number; readonly delayMs: number}
  /** Of one attempt of an action, or of the wait for a signal or an approval. */
  readonly timeoutMs?: number
  readonly retry: Retry
  /** Its failure does not fail the run, and those who need it go on as if it had succeeded (output null). */
  readonly continueOnError: boolean
  /** Undoes it, should the run fail after it succeeded. */
  readonly compensate?: ActionCall
  /** Held from before its first attempt to its end, also over a restart. */
  readonly lock?: {readonly resource: Template; readonly kind: string}
  /** A named checkpoint is kept when it succeeds. */
  readonly checkpoint?: string
}

export interface Retry {
  /** After the first attempt; 0: none. */
  readonly max: number
  /** Before the first retry; doubled for each further one. */
  readonly delayMs: number
  readonly maxDelayMs: number
}

export interface ActionCall {
  readonly agent: string
  readonly action: string
  readonly with: Template
  /** Its action declares that it has no effect outside: may run anywhere, and again, unrecorded. */
  readonly pure: boolean
}

export type Work =
  | ({readonly kind: 'action'} & ActionCall)
  /** Answers the value: a join, a rename, a computed field. */
  | {readonly kind: 'value'; readonly value: Template}
  | {readonly kind: 'group'; readonly steps: Scope}
  /** Waits until a time from its start. */
  | {readonly kind: 'timer'; readonly ms: Template}
  /** Waits for a signal of that name; its output is the payload. */
  | {readonly kind: 'signal'; readonly name: Template}
  /**
   * A gate for people: waits for the signal `approval:<path>`, whose payload says `approved`; when a retry of the run asks
   * again, `approval:<path>:<attempt>`.
   */
  | {readonly kind: 'approval'; readonly request: Template}
  /** Another workflow as a run of its own; its output is that run's result. */
  | {readonly kind: 'workflow'; readonly name: string; readonly with: Template}
  /**
   * The action answers `{steps: [...]}` in the definition's vocabulary: done as a group, then asked again, until none come.
   * `expand` compiles those steps, which may refer to what the step itself may refer to; it throws an AppError
   * INVALID_INPUT that says all that is wrong with them, and answers the same steps with the same scope.
   */
  | ({readonly kind: 'generate'; readonly max: number; readonly expand: (steps: Json) => Scope} & ActionCall)

/** What expressions see. */
export interface View {
  readonly input: Json
  /** By id: those of the enclosing scopes too, the inner one first. */
  readonly steps: Readonly<Record<string, StepView>>
  readonly run: {readonly id: string; readonly correlation_id: string; readonly workflow: string}
  /** Inside `for-each`. */
  readonly item?: Json
  /** Inside `for-each`, `repeat` and `generate`: from 0. */
  readonly index?: number
  /** Inside `repeat` and `generate`: what the round before answered, null in the first. */
  readonly previous?: Json
  /** In a compensation: what the step it undoes had answered. In `repeat.until`: what the round answered. */
  readonly output?: Json
}

export interface StepView {
  /** `cancelled` steps read as `skipped`. */
  readonly status: 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped'
  readonly output: Json
  readonly error: {readonly code: string; readonly message: string} | null
}

/** May throw an AppError INVALID_INPUT that names the expression; nothing else. */
export type Template = (view: View) => Json

/** How things stand for a step that asks: for the run, and for what the step needs. */
export interface Outcome {
  readonly failed: boolean
  readonly skipped: boolean
  /** The run was told to cancel. */
  readonly cancelled?: boolean
}

export interface Condition {
  readonly test: (view: View, outcome: Outcome) => boolean
  /** It asks `always()`, `failure()`, `success()` or `cancelled()`: then it is asked even after a failure. */
  readonly asksOutcome: boolean
  readonly source: string
}
