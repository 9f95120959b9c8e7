import {isDeepStrictEqual} from 'node:util'
import type {Guard, GuardVerdict} from '../access/guard.ts'
import type {People} from '../access/people.ts'
import type {Approvals} from '../approvals/approvals.ts'
import {keptOut, takesPassingChecks} from '../approvals/operations.ts'
import {failingIn, type Release, type Releases} from '../approvals/releases.ts'
import {namedInHistory, requesterOf} from '../approvals/requester.ts'
import type {ApprovalRequest, Bound, ReleaseCard, Requester, Risk} from '../approvals/request.ts'
import type {Look} from '../integrations/github/code-host.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Environment} from '../kernel/environment.ts'
import {AppError, toError} from '../kernel/errors.ts'
import {canonicalJson} from '../kernel/json.ts'
import type {Db} from '../platform/postgres.ts'
import type {PipelinesPort} from '../sdk/index.ts'
import type {DeploymentEvent} from './decide.ts'
import type {Ask, CardSummary, DeploymentRequest, DeploymentState, Refusal} from './state.ts'

/** What was read of a deployment that is to be asked for; `let-through`: its requester broke the glass. */
export type Inspection =
  | {readonly kind: 'let-through'; readonly person: string | undefined}
  | {
      readonly kind: 'release'
      readonly release: Release
      readonly card: ReleaseCard
      readonly requester: Requester
      readonly channelId?: string
    }

/** What would ship right now, and where it is started if not at the ref that was asked for. */
export interface Fresh {
  readonly release?: Release
  readonly ref?: string
}

export interface DeploymentGateOptions {
  readonly approvals: Pick<Approvals, 'ask' | 'find' | 'cancel' | 'redeem'>
  readonly people: Pick<People, 'personOf'>
  readonly releases: Pick<Releases, 'at' | 'card' | 'checksOf' | 'wentWell'>
  readonly refs: Pick<PipelinesPort, 'refAt' | 'tag'>
  /** What a deploy there risks. */
  readonly assess: (environment: Environment) => Risk
  /** Whether a risk takes anybody's approval. */
  readonly takesApproval: (risk: Risk) => boolean
  /** Freezes and broken glass. */
  readonly guard: Guard
  /** A target's project, whose watchers hear of its requests. */
  readonly projectOf: (target: string) => string | undefined
  /** Where the command was given. */
  readonly channelOf: (correlationId: string) => Promise<string | undefined>
  /** Where the request's message is, once it is there. */
  readonly addressOf: (approvalId: string) => Promise<string | undefined>
  readonly clock: Clock
}

export type DeploymentGate = ReturnType<typeof createDeploymentGate>

/**
 * Stands before guarded targets. It reads exactly what would ship, has people asked about that, and right before the
 * dispatch reads again: what is not what was approved does not ship. All of it fails closed.
 */
export function createDeploymentGate(options: DeploymentGateOptions) {
  const {approvals, people, releases, refs, assess, takesApproval, guard, clock} = options

  /** What stops it before anybody is asked. */
  function closedBy(verdict: Extract<GuardVerdict, {kind: 'frozen'}>, environment: string): DeploymentEvent {
    const {until, reason, breakers} = verdict
    const way = breakers.length === 0 ? '' : ` ${breakers.slice(0, 3).join(', ')} can use /break-glass.`
    return {
      ...{type: 'gate-closed', at: clock(), until},
      reason: `Deploys to ${environment} are frozen: ${reason}.${way}`,
    }
  }

  /** What fails on the commit keeps it out, unless it leads back to what went well there before. */
  async function closedByChecks(
    {goesBack, target, repository, workflow, environment}: DeploymentRequest,
    commit: {readonly sha: string; readonly failing: readonly string[]},
  ): Promise<DeploymentEvent | undefined> {
    const reason = keptOut({operation: 'deploy', environment}, commit)
    if (reason === undefined) return undefined
    if (goesBack) {
      const before = await releases.wentWell({target, repository, workflow, sha: commit.sha})
      if (before.kind !== 'seen') return unread(before)
      if (before.value) return undefined
    }
    return {type: 'gate-closed', at: clock(), reason}
  }

  /** What the look at a ref came to, where that was not a release. */
  function unread(look: Exclude<Look<unknown>, {kind: 'seen'}>): DeploymentEvent {
    const at = clock()
    switch (look.kind) {
      case 'slow-down':
        return {type: 'slowed', at, until: look.until}
      case 'refused':
        return {type: 'gate-closed', at, reason: `What would be shipped can’t be read. ${look.reason}`}
      case 'missing':
      case 'failed':
        return {type: 'look-failed', at}
    }
  }

  return {
    /** Whether a deployment there has to pass at all. */
    guards: (environment: Environment): boolean => takesApproval(assess(environment)),

    /** Looks at what would ship; an event where that decides already. */
    async inspect({request}: DeploymentState): Promise<DeploymentEvent | Inspection> {
      const {repository, workflow, ref, target, environment, correlationId} = request
      const requester = await requesterOf(people, request.requester)
      const {person} = requester
      const met = await guard.look({environment, person, now: clock()})
      if (met.kind === 'let-through') return {kind: 'let-through', person}
      if (met.kind === 'frozen') return closedBy(met, environment)
      const look = await releases.at({repository, workflow, ref})
      if (look.kind !== 'seen') return unread(look)
      const {sha} = look.value
      const card = await releases.card({target, repository, workflow, sha})
      const closed = await closedByChecks(request, {sha, failing: card.failing ?? []})
      if (closed) return closed
      const channelId = await options.channelOf(correlationId)
      return {
        kind: 'release',
        release: look.value,
        card,
        requester,
        ...(channelId === undefined ? {} : {channelId}),
      }
    },

    /** Asks, within the transaction that parks it; nobody is asked about what was stopped meanwhile. */
    async ask(db: Db, {request, phase, gate}: DeploymentState, seen: Inspection): Promise<DeploymentEvent> {
      const {correlationId, environment, target} = request
      const at = clock()
      if (phase !== 'inspecting' || !gate) return {type: 'look-failed', at}
      const title = `${target} → ${environment}`
      const project = options.projectOf(target)
      if (seen.kind === 'let-through') {
        const subject = `deployment:${correlationId}`
        const met = await guard.pass(db, {environment, person: seen.person, subject, title, now: at})
        if (met.kind === 'frozen') return closedBy(met, environment)
        // The window closed in between: it is looked at again, and asked for like any other.
        return met.kind === 'let-through'
          ? {type: 'gate-passed', at, how: 'glass-broken'}
          : {type: 'look-failed', at}
      }
      const {release, card, requester, channelId} = seen
      try {
        const asked = await approvals.ask(db, {
          subject: {kind: 'deployment', id: correlationId, round: gate.round},
          correlationId,
          action: {
            operation: request.goesBack ? 'rollback' : 'deploy',
            environment,
            title,
            target,
            service: request.service,
            repository: request.repository,
            ref: request.ref,
            sha: release.sha,
            ...(project === undefined ? {} : {project}),
          },
          requester,
          risk: assess(environment),
          bound: boundOf(request, release),
          card,
          ...(channelId === undefined ? {} : {channelId}),
        })
        return asked
          ? {type: 'parked', at, release, ask: askOf(asked, at)}
          : {type: 'gate-passed', at, how: 'not-needed', release}
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'NOT_PERMITTED') throw error
        return {type: 'gate-closed', at, reason: toError(error).message}
      }
    },

    /** How a request stands, and where it is decided. */
    async consult(approvalId: string): Promise<DeploymentEvent> {
      const [request, url] = await Promise.all([approvals.find(approvalId), options.addressOf(approvalId)])
      const at = clock()
      const where = url === undefined ? {} : {url}
      if (!request)
        return {
          type: 'ask-seen',
          ...{at, approvalId, version: 0, given: 0},
          outcome: {how: 'cancelled', reason: 'The request is gone.'},
        }
      return {
        type: 'ask-seen',
        ...{
          at,
          approvalId,
          version: request.version,
          given: givenIn(request),
          ...expiryOf(request),
          ...where,
        },
        outcome: outcomeOf(request),
      }
    },

    /** Reads once more what would ship; an event where that decides already. */
    async reread({request, gate}: DeploymentState): Promise<DeploymentEvent | Fresh> {
      if (gate?.passed?.how === 'glass-broken') return {}
      const {repository, workflow, ref, environment} = request
      const {person} = await requesterOf(people, request.requester)
      const met = await guard.look({environment, person, now: clock()})
      if (met.kind === 'frozen') return closedBy(met, environment)
      const look = await releases.at({repository, workflow, ref})
      if (look.kind !== 'seen') return unread(look)
      const release = look.value
      const {sha} = release
      if (takesPassingChecks({operation: 'deploy', environment})) {
        const failing = failingIn(await releases.checksOf({repository, sha}))
        if (failing.kind !== 'seen') return unread(failing)
        const closed = await closedByChecks(request, {sha, failing: failing.value})
        if (closed) return closed
      }
      if (!isCommit(ref, sha)) return {release}
      try {
        const query = {repository, sha, signal: AbortSignal.timeout(REF_WITHIN_MS)}
        return {release, ref: (await refs.refAt(query)) ?? (await refs.tag(query))}
      } catch (error) {
        return unfit(error, clock())
      }
    },

    /** Whether it may begin, within the transaction that records the beginning; an event where it may not. */
    async redeem(
      db: Db,
      {request, gate}: DeploymentState,
      {release}: Fresh,
    ): Promise<DeploymentEvent | undefined> {
      const at = clock()
      if (!gate?.release || !release) return undefined
      if (gate.ask && !gate.used) {
        const outcome = await approvals.redeem(db, gate.ask.approvalId, boundOf(request, release))
        switch (outcome.kind) {
          case 'go':
            return undefined
          case 'stop':
            return {type: 'gate-closed', at, reason: outcome.reason}
          case 'void':
            return {type: 'release-moved', at, changes: outcome.changes}
        }
      }
      // Its approval was used by a beginning that provably started nothing.
      return isDeepStrictEqual(gate.release, release)
        ? undefined
        : {type: 'release-moved', at, changes: changesOf(gate.release, release)}
    },

    /** Takes back what was asked for, as it is not wanted any more. */
    async withdraw(db: Db, {gate, cancel}: DeploymentState): Promise<void> {
      if (!gate?.ask) return
      const by = cancel?.actor ? namedInHistory(await requesterOf(people, cancel.actor, db)) : 'signalbox'
      await approvals.cancel(db, gate.ask.approvalId, {by})
    },
  }
}

const REF_WITHIN_MS = 10_000

/** What an approval of this deployment permits, and no more. */
export function boundOf(request: DeploymentRequest, {sha, workflowSha}: Release): Bound {
  const {target, environment, repository, ref, workflow} = request
  const {correlation_id: _ours, requester: _theirs, ...inputs} = request.inputs
  return {
    command: '/deploy-client',
    arguments: canonicalJson({target, ref, ...inputs}),
    environment,
    repository,
    sha,
    workflow: `${workflow}@${workflowSha}`,
  }
}

function askOf(request: ApprovalRequest, askedAt: number): Ask {
  return {
    approvalId: request.id,
    askedAt,
    version: request.version,
    needed: request.required.approvers,
    given: givenIn(request),
    ...expiryOf(request),
    level: request.risk.level,
    reasons: request.risk.reasons,
    roles: request.required.roles,
    ...(request.card ? {card: summaryOf(request.card)} : {}),
    looks: 0,
  }
}

function summaryOf({diff, migrations, pullRequests, checks}: ReleaseCard): CardSummary {
  return {
    files: diff.files,
    migrations: migrations.length,
    pullRequests: pullRequests.map(({number}) => number),
    checks,
  }
}

function givenIn({decisions}: ApprovalRequest): number {
  return decisions.filter(({decision}) => decision === 'approve').length
}

function expiryOf({expiresAt}: ApprovalRequest): {readonly expiresAt?: number} {
  return expiresAt === undefined ? {} : {expiresAt}
}

function outcomeOf({status, decisions, note}: ApprovalRequest): 'pending' | 'approved' | Refusal {
  if (status === 'pending' || status === 'approved') return status
  const last = decisions.findLast(({decision}) => decision === 'reject')
  const reason = status === 'rejected' ? last?.reason : note
  return {
    how: status,
    ...(status === 'rejected' && last ? {by: last.principal, surface: last.surface} : {}),
    ...(reason === undefined ? {} : {reason}),
  }
}

function changesOf(before: Release, now: Release): readonly string[] {
  return [
    ...(before.sha === now.sha ? [] : [`sha: ${before.sha.slice(0, 7)} → ${now.sha.slice(0, 7)}`]),
    ...(before.workflowSha === now.workflowSha
      ? []
      : [`workflow: ${before.workflowSha.slice(0, 7)} → ${now.workflowSha.slice(0, 7)}`]),
  ]
}

/** The ref was given as a commit: GitHub starts workflows at branches and tags only. */
function isCommit(ref: string, sha: string): boolean {
  return /^[0-9a-f]{7,40}$/.test(ref) && sha.startsWith(ref)
}

function unfit(error: unknown, at: number): DeploymentEvent {
  if (error instanceof AppError && error.code === 'UPSTREAM_REFUSED')
    return {type: 'gate-closed', at, reason: error.message}
  if (error instanceof AppError && error.code === 'UPSTREAM_RATE_LIMITED')
    return {type: 'slowed', at, until: at + (error.retryAfterMs ?? 60_000)}
  return {type: 'look-failed', at}
}
