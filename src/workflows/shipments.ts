import type {Pool} from 'pg'
import type {Guard} from '../access/guard.ts'
import type {People} from '../access/people.ts'
import type {ApprovalRequest, Risk} from '../approvals/request.ts'
import {requesterOf} from '../approvals/requester.ts'
import {operationsOf} from '../approvals/risk-words.ts'
import {assess} from '../approvals/risk.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {Shipment} from '../pipelines/port.ts'
import {transaction, type Db} from '../platform/postgres.ts'
import type {FollowerStore} from './follower-store.ts'
import type {ShipmentStore} from './shipment-store.ts'

export interface ShipmentsOptions {
  readonly pool: Pool
  readonly store: Pick<ShipmentStore, 'keep' | 'has'>
  readonly approvals: {
    /** Approvals of the run's gates that were used and that their approvers could still give, the last one first. */
    usedBy(db: Db, run: string): Promise<readonly ApprovalRequest[]>
  }
  readonly people: Pick<People, 'personOf'>
  readonly askers: Pick<FollowerStore, 'askersOf'>
  readonly guard: Pick<Guard, 'pass'>
  /** Whether a risk takes anybody's approval. */
  readonly takesApproval: (risk: Risk) => boolean
  readonly clock: Clock
}

/**
 * The last look before a run ships to a guarded target, whatever its workflow looks like: an approval that a gate of
 * this very run asked for and used must cover it, or the glass of its requester be broken, and no freeze be on. A
 * step's compensation may ship to where that step was permitted to. Throws NOT_PERMITTED, with what to do.
 */
export function createShipments(options: ShipmentsOptions): (shipment: Shipment) => Promise<void> {
  const {pool, store, approvals, people, askers, guard, takesApproval, clock} = options

  async function requesterOfRun(run: string): Promise<string | undefined> {
    const [last] = await askers.askersOf(run)
    return last && (await requesterOf(people, last.actor)).person
  }

  return async shipment => {
    const {target, step} = shipment
    const {environment} = target
    if (!takesApproval(assess({operation: 'deploy', environment}))) return
    const title = `${target.name} → ${environment}`
    if (!step)
      throw refused(title, 'no run of a workflow asks for it. Start one that has an `approval` step.')
    const key = {run: step.run, path: step.path, target: target.name}
    if (step.undoes && (await store.has(key))) return
    const person = await requesterOfRun(step.run)
    await transaction(pool, async db => {
      const subject = `run:${step.run}`
      const met = await guard.pass(db, {environment, person, subject, title, now: clock()})
      if (met.kind === 'let-through') return store.keep(db, key, undefined)
      if (met.kind === 'frozen') {
        const until = new Date(met.until).toISOString().slice(0, 16).replace('T', ' ')
        throw refused(title, `it is frozen until ${until} UTC: ${met.reason}.`)
      }
      const used = await approvals.usedBy(db, step.run)
      const covering = used.find(request => gapOf(request, shipment) === undefined)
      if (covering) return store.keep(db, key, covering.id)
      const [last] = used
      const had = last && gapOf(last, shipment)
      throw refused(
        title,
        `its run has ${had === undefined ? 'no approval' : `an approval ${had}`}. Add an \`approval\` step before it, with operation: deploy, environment: ${environment}${shipment.sha === undefined ? '' : ', and in its details target and sha'}.`,
      )
    })
  }
}

/** What keeps an approval from covering a shipment; undefined: it covers it. What it does not name, it leaves open. */
export function gapOf(
  {action, bound}: Pick<ApprovalRequest, 'action' | 'bound'>,
  {target, sha}: Pick<Shipment, 'target' | 'sha'>,
): string | undefined {
  if (action.environment !== target.environment) return `for ${action.environment || 'no environment'}`
  if (action.target !== undefined && action.target !== target.name) return `for ${action.target}`
  // An operation that nobody knows is asked about as a deploy.
  const operations = operationsOf(action.operation)
  if (!operations.has('deploy') && !operations.has('unknown'))
    return `to ${action.operation}, which is no deploy`
  const approved = commitIn(bound, target.repository)
  if (approved === undefined || approved === sha) return undefined
  return `of ${approved.slice(0, 7)}, not of ${sha?.slice(0, 7) ?? 'whatever a branch holds'}`
}

/** The commit it is bound to: by itself, or as the head of a pull request of the repository. */
function commitIn(bound: ApprovalRequest['bound'], repository: string): string | undefined {
  const [, where, head] = /^(.+)#\d+@(.+)$/.exec(bound['pull request'] ?? '') ?? []
  return bound['sha'] ?? (where === repository ? head : undefined)
}

function refused(title: string, why: string): AppError {
  return new AppError('NOT_PERMITTED', `${title} takes an approval, and ${why}`)
}
