import type {Pool} from 'pg'
import type {Guard} from '../access/guard.ts'
import type {People} from '../access/people.ts'
import {isWayBack, keptOut, takesPassingChecks} from '../approvals/operations.ts'
import type {Releases} from '../approvals/releases.ts'
import type {ApprovalRequest, Risk} from '../approvals/request.ts'
import {requesterOf} from '../approvals/requester.ts'
import {operationsOf} from '../approvals/risk-words.ts'
import {assess} from '../approvals/risk.ts'
import {valueInTime} from '../integrations/github/look.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Shipment} from '../pipelines/port.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {FollowerStore} from './follower-store.ts'
import type {ShipmentStore} from './shipment-store.ts'

export interface ShipmentsOptions {
  readonly pool: Pool
  readonly store: Pick<ShipmentStore, 'keep' | 'has' | 'shippedBy'>
  readonly approvals: {
    /** Approvals of the run's gates that were used and that their approvers could still give, the last one first. */
    usedBy(db: Db, run: string): Promise<readonly ApprovalRequest[]>
  }
  readonly people: Pick<People, 'personOf'>
  readonly askers: Pick<FollowerStore, 'askersOf'>
  readonly guard: Pick<Guard, 'pass'>
  /** Without GitHub nothing is shipped to where checks have to pass. */
  readonly releases: Pick<Releases, 'failingAt' | 'wentWell'> | undefined
  /** Whether a risk takes anybody's approval. */
  readonly takesApproval: (risk: Risk) => boolean
  readonly clock: Clock
}

/**
 * The last look before a run ships to a guarded target, whatever its workflow looks like: an approval that a gate of
 * this very run asked for and used must cover it, or the glass of its requester be broken, and no freeze be on. It covers
 * one commit: the one that it binds, or else the first that is shipped by it. What fails on the commit keeps it out under
 * an approval, too. A step's compensation may ship to where that step was permitted to, and like an approval of a way back
 * that binds no commit, what went well there before; that alone may fail by now. Throws NOT_PERMITTED, with what to do,
 * and what valueOf throws for what GitHub does not tell.
 */
export function createShipments(options: ShipmentsOptions): (shipment: Shipment) => Promise<void> {
  const {pool, store, approvals, people, askers, guard, releases, takesApproval, clock} = options

  async function requesterOfRun(run: string): Promise<string | undefined> {
    const [last] = await askers.askersOf(run)
    return last && (await requesterOf(people, last.actor)).person
  }

  function github() {
    if (releases) return releases
    throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
  }

  function wentWell({name, repository, workflow}: Shipment['target'], sha: string): Promise<boolean> {
    const before = {target: name, repository, workflow, sha}
    return valueInTime(() => github().wentWell(before), missing(repository, sha), clock)
  }

  /** Throws NOT_PERMITTED for what fails on the commit. */
  async function assertPassing({repository, environment}: Shipment['target'], sha: string): Promise<void> {
    const deploy = {operation: 'deploy', environment}
    if (!takesPassingChecks(deploy)) return
    const look = () => github().failingAt({repository, ref: sha})
    const reason = keptOut(deploy, await valueInTime(look, missing(repository, sha), clock))
    if (reason !== undefined) throw new AppError('NOT_PERMITTED', reason)
  }

  return async shipment => {
    const {target, step, sha} = shipment
    const {environment} = target
    if (!takesApproval(assess({operation: 'deploy', environment}))) return
    const title = `${target.name} → ${environment}`
    if (!step)
      throw refused(title, 'no run of a workflow asks for it. Start one that has an `approval` step.')
    const key = {run: step.run, path: step.path, target: target.name}
    if (step.undoes && (await store.has(key))) {
      if (sha !== undefined && (await wentWell(target, sha))) return
      throw refused(title, `what undoes a step ships what went well there before, ${notKnown(sha)}.`)
    }
    const person = await requesterOfRun(step.run)
    const covering = await transaction(pool, async db => {
      const subject = `run:${step.run}`
      const met = await guard.pass(db, {environment, person, subject, title, now: clock()})
      if (met.kind === 'let-through') {
        await store.keep(db, key, {sha})
        return undefined
      }
      if (met.kind === 'frozen') {
        const until = new Date(met.until).toISOString().slice(0, 16).replace('T', ' ')
        throw refused(title, `it is frozen until ${until} UTC: ${met.reason}.`)
      }
      const used = await approvals.usedBy(db, step.run)
      const found = used.find(request => gapOf(request, shipment) === undefined)
      if (found) return found
      const [last] = used
      const had = last && gapOf(last, shipment)
      throw refused(
        title,
        `its run has ${had === undefined ? 'no approval' : `an approval ${had}`}. Add an \`approval\` step before it, with operation: deploy, environment: ${environment}${sha === undefined ? '' : ', and in its details target and sha'}.`,
      )
    })
    if (!covering) return
    if (sha === undefined)
      throw refused(title, 'what a branch may hold by then was approved by nobody. Give the step its commit.')
    // GitHub is not asked within the transaction, nor where the glass was broken.
    const goesBack = isWayBack(covering.action)
    const known = goesBack && (await wentWell(target, sha))
    if (goesBack && !known && commitIn(covering.bound, target.repository) === undefined)
      throw refused(title, `its run has an approval of a way back, ${notKnown(sha)}.`)
    if (!known) await assertPassing(target, sha)
    await transaction(pool, async db => {
      const shipped = await store.shippedBy(db, covering.id, target.name)
      if (shipped !== undefined && shipped !== sha)
        throw refused(
          title,
          `its run has an approval by which ${short(shipped)} was shipped, not ${short(sha)}.`,
        )
      await store.keep(db, key, {sha, approvalId: covering.id})
    })
  }
}

/** What keeps an approval from covering a shipment; undefined: it covers it. What it does not name, it leaves open. */
export function gapOf(
  {action, bound}: Pick<ApprovalRequest, 'action' | 'bound'>,
  {target, sha}: {readonly target: Omit<Shipment['target'], 'workflow'>; readonly sha: string | undefined},
): string | undefined {
  if (action.environment !== target.environment) return `for ${action.environment || 'no environment'}`
  // One that nobody knows is among what is bound, and covers nothing.
  const named = action.target ?? bound['target']
  if (named !== undefined && named !== target.name) return `for ${named}`
  // An operation that nobody knows is asked about as a deploy.
  const operations = operationsOf(action.operation)
  if (!operations.has('deploy') && !operations.has('unknown'))
    return `to ${action.operation}, which is no deploy`
  const approved = commitIn(bound, target.repository)
  if (approved === undefined || approved === sha) return undefined
  return `of ${short(approved)}, not of ${sha === undefined ? 'whatever a branch holds' : short(sha)}`
}

/** The commit it is bound to: by itself, or as the head of a pull request of the repository. */
function commitIn(bound: ApprovalRequest['bound'], repository: string): string | undefined {
  const [, where, head] = /^(.+)#\d+@(.+)$/.exec(bound['pull request'] ?? '') ?? []
  return bound['sha'] ?? (where === repository ? head : undefined)
}

function missing(repository: string, sha: string): string {
  return `${repository} has no ${sha}, or our token can’t see it.`
}

function notKnown(sha: string | undefined): string {
  return `and ${sha === undefined ? 'whatever a branch holds' : short(sha)} is not known to have`
}

function short(sha: string): string {
  return sha.slice(0, 7)
}

function refused(title: string, why: string): AppError {
  return new AppError('NOT_PERMITTED', `${title} takes an approval, and ${why}`)
}
