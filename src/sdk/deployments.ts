import type {Environment} from '../kernel/environment.ts'
import type {Actor} from './actor.ts'
import type {Reply} from './reply.ts'

/** A target of signalbox.yaml, with all that configuration leaves out filled in. */
export interface TargetSummary {
  readonly name: string
  /** `owner/name`. */
  readonly repository: string
  readonly workflow: string
  readonly ref: string
  readonly environment: Environment
}

/** Deployments of targets: what one would meet, and its request. */
export interface DeploymentsPort {
  /** All that have a repository. */
  targets(): readonly TargetSummary[]
  /** Undefined: there is none of that name. */
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
    /** It carries out what was decided elsewhere: giving its command again would not, so nobody is offered to. */
    readonly decidedElsewhere?: true
    /** It leads back to what went well there before, as the history must confirm: what fails there does not keep it out. */
    readonly goesBack?: true
  }): Promise<void>
}
