import {createHash} from 'node:crypto'
import type {Pool} from 'pg'
import {z} from 'zod'
import type {Guard} from '../access/guard.ts'
import type {People} from '../access/people.ts'
import type {Approvals} from '../approvals/approvals.ts'
import {keptOut, takesPassingChecks, type Evidence} from '../approvals/operations.ts'
import {failingIn, type ReleaseQuery, type Releases} from '../approvals/releases.ts'
import type {
  ApprovalAction,
  ApprovalRequest,
  Bound,
  NewApproval,
  Requester,
  Risk,
  Subject,
} from '../approvals/request.ts'
import {requesterOf} from '../approvals/requester.ts'
import {readRisk} from '../approvals/risk-text.ts'
import {assess} from '../approvals/risk.ts'
import {valueInTime} from '../integrations/github/look.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {ENVIRONMENTS, type Environment} from '../kernel/environment.ts'
import {AppError, toError} from '../kernel/errors.ts'
import {canonicalJson, type Json} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction} from '../platform/postgres.ts'
import {approvalSignal} from './derive.ts'
import type {FollowerStore} from './follower-store.ts'
import type {Workflows} from './service.ts'

export type GateSubject = Extract<Subject, {kind: 'gate'}>

/** What a step's `approval` asks, as its expressions came out. What is left out is taken for the riskiest. */
const question = z.object({
  title: z.string(),
  operation: z.string().default(''),
  environment: z.string().default(''),
  resource: z.string().optional(),
  ticket: z.json().optional(),
  backup: z.json().optional(),
  details: z.record(z.string(), z.json()).default({}),
})
type Question = z.output<typeof question>

/** A target that a gate can name in its details. */
export interface GateTarget {
  readonly name: string
  readonly repository: string
  readonly workflow: string
  readonly service: string
}

export interface GatesOptions {
  readonly pool: Pool
  readonly approvals: Pick<Approvals, 'ask' | 'cancel' | 'redeem' | 'find'> & {
    findBySubject(subject: Subject): Promise<ApprovalRequest | undefined>
  }
  readonly people: Pick<People, 'personOf'>
  readonly guard: Guard
  readonly workflows: () => Pick<Workflows, 'get' | 'signal'>
  readonly askers: Pick<FollowerStore, 'askersOf'>
  readonly targets: readonly GateTarget[]
  /** Whether a risk takes anybody's approval. */
  readonly takesApproval: (risk: Risk) => boolean
  /** Without GitHub, what it would have to tell can't be approved. */
  readonly github:
    | {
        readonly host: Pick<RepositoryHost, 'pullRequest'>
        readonly releases: Pick<Releases, 'at' | 'card' | 'checksOf'>
      }
    | undefined
  /** The `owner/name` of an address. @throws NOT_PERMITTED for what is not ours. */
  readonly repositoryOf: (text: string) => string
  /** Where a command was given. */
  readonly channelOf: (invocationId: string) => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Pick<Logger, 'info'>
}

/** What is to be shipped; `ref` where it is bound as what that holds. */
interface Commit {
  readonly sha: string
  readonly ref?: string
}

interface Verdict {
  readonly approved: boolean
  readonly by: string
  readonly reason?: string | undefined
}

const MOST_EVIDENCE = 200

export type Gates = ReturnType<typeof createGates>

/**
 * The gates of workflow runs as requests for approval. A gate asks once, binds what it is about, and is told its verdict
 * by a signal: at least once, and under one id, so that the run takes it once. What can't be read or asked is a no, with
 * the reason.
 */
export function createGates(options: GatesOptions) {
  const {pool, approvals, people, guard, workflows, askers, targets, takesApproval, github, clock, log} =
    options

  /** A run that is over needs no verdict. */
  async function tell(
    {run, signal}: GateSubject,
    id: string,
    {approved, by, reason}: Verdict,
  ): Promise<void> {
    const payload: Json = {approved, by, ...(reason === undefined ? {} : {reason})}
    try {
      await workflows().signal(run, {id: `approval ${id}`, name: signal, payload})
    } catch (error) {
      if (!(error instanceof AppError) || (error.code !== 'CONFLICT' && error.code !== 'NOT_FOUND'))
        throw error
      log.info({run, signal, reason: error.message}, 'the verdict of a gate came too late for its run')
    }
  }

  async function isAwaited({run, path, signal}: GateSubject): Promise<boolean> {
    const step = (await workflows().get(run))?.steps?.find(({id}) => id === path)
    return step?.status === 'waiting' && approvalSignal(path, step.attempt) === signal
  }

  function hosts() {
    if (github) return github
    throw new AppError('NOT_CONFIGURED', 'GitHub is not set up here. An operator must set GITHUB_TOKEN.')
  }

  async function pullAt(repository: string, number: number): Promise<string> {
    const missing = `${repository} has no pull request #${number}.`
    const pull = await valueInTime(() => hosts().host.pullRequest({repository, number}), missing, clock)
    return `${repository}#${number}@${pull.headSha}`
  }

  async function releaseAt({repository, workflow, ref}: ReleaseQuery & {readonly ref: string}) {
    return valueInTime(() => hosts().releases.at({repository, workflow, ref}), '', clock)
  }

  async function workflowAt(repository: string, workflow: string, sha: string): Promise<string> {
    return `${workflow}@${(await releaseAt({repository, workflow, ref: sha})).workflowSha}`
  }

  /** The commit that it names, or else what the branch or tag that it names holds by now. */
  async function commitOf(asked: Question): Promise<Commit | undefined> {
    const {sha, ref} = asked.details
    if (typeof sha === 'string') return {sha}
    const target = targetIn(asked)
    return target && typeof ref === 'string' ? {sha: (await releaseAt({...target, ref})).sha, ref} : undefined
  }

  /** What the gate is about, as it is now. */
  async function boundOf(
    {run, path}: GateSubject,
    asked: Question,
    commit: Commit | undefined,
  ): Promise<Bound> {
    const {operation, environment, details} = asked
    const {pr_number: number, repo_url: address, target: named} = details
    const target = targetIn(asked)
    return {
      run,
      step: path,
      operation,
      environment,
      ...evidenceIn(asked),
      ...(typeof named === 'string' ? {target: named} : {}),
      ...commit,
      ...(typeof number === 'number' && typeof address === 'string'
        ? {'pull request': await pullAt(options.repositoryOf(address), number)}
        : {}),
      ...(target && commit
        ? {workflow: await workflowAt(target.repository, target.workflow, commit.sha)}
        : {}),
      request: createHash('sha256').update(canonicalJson(asked)).digest('hex').slice(0, 16),
    }
  }

  /** The same, of a gate that was asked: what may have moved is read again. */
  async function boundNow({bound, action: {repository}}: ApprovalRequest): Promise<Bound> {
    const {ref} = bound
    const [, pullRepository, number] = /^(.+)#(\d+)@/.exec(bound['pull request'] ?? '') ?? []
    const [, workflow] = /^(.+)@/.exec(bound['workflow'] ?? '') ?? []
    const held = ref !== undefined && repository !== undefined && workflow !== undefined
    return {
      ...bound,
      ...(held ? {sha: (await releaseAt({repository, workflow, ref})).sha} : {}),
      ...(pullRepository === undefined ? {} : {'pull request': await pullAt(pullRepository, Number(number))}),
      ...(workflow === undefined || repository === undefined
        ? {}
        : {workflow: await workflowAt(repository, workflow, bound['sha'] ?? '')}),
    }
  }

  /** Why what was approved can't be shipped now. */
  async function failingNow({action}: ApprovalRequest): Promise<string | undefined> {
    const {repository, sha} = action
    if (repository === undefined || sha === undefined || !takesPassingChecks(action)) return undefined
    const {releases} = hosts()
    const look = async () => failingIn(await releases.checksOf({repository, sha}))
    return keptOut(action, {sha, failing: await valueInTime(look, '', clock)})
  }

  function targetIn({details}: Question): GateTarget | undefined {
    return targets.find(({name}) => name === details['target'])
  }

  /** Who asked for the run, the last one first, and where. */
  async function requesterOfRun(run: string): Promise<Pick<NewApproval, 'requester' | 'channelId'>> {
    const [last, ...earlier] = await askers.askersOf(run)
    if (!last) return {requester: {name: 'the HTTP API'}}
    const requester = await requesterOf(people, last.actor)
    const others: Requester[] = []
    for (const {actor} of earlier) others.push(await requesterOf(people, actor))
    const channelId = last.invocation === undefined ? undefined : await options.channelOf(last.invocation)
    return {
      requester: {...requester, ...(others.length > 0 ? {others} : {})},
      ...(channelId === undefined ? {} : {channelId}),
    }
  }

  async function newRequest(subject: GateSubject, asked: Question): Promise<NewApproval> {
    const {title, operation, environment, resource, details} = asked
    const what = {operation, environment, ...(resource === undefined ? {} : {resource})}
    const commit = await commitOf(asked)
    const bound = await boundOf(subject, asked, commit)
    const sha = commit?.sha
    if (sha !== undefined && bound['pull request']?.endsWith(`@${sha}`) === false)
      throw new AppError('CONFLICT', `The pull request moved on from ${sha.slice(0, 7)}. Run it again.`)
    const target = targetIn(asked)
    const shipped = target && {target: target.name, service: target.service, repository: target.repository}
    const card =
      target && sha !== undefined
        ? await hosts().releases.card({...target, target: target.name, sha})
        : undefined
    const run = await workflows().get(subject.run)
    return {
      subject,
      correlationId: run?.correlation_id ?? subject.run,
      action: {
        ...{...what, title, ...shipped},
        ...(sha === undefined ? {} : {sha}),
        ...evidenceIn(asked),
      },
      ...(await requesterOfRun(subject.run)),
      risk: assess(what, typeof details['words'] === 'string' ? readRisk(details['words'], what) : undefined),
      bound,
      ...(card ? {card} : {}),
    }
  }

  /** Asks, unless nobody has to be asked, or broken glass, a freeze or failing checks say what comes of it: in this order. */
  async function ask(gate: GateSubject, asked: Question): Promise<Verdict | undefined> {
    const request = await newRequest(gate, asked)
    if (!takesApproval(request.risk)) return NOT_NEEDED
    return transaction(pool, async db => {
      const met = await guard.pass(db, {
        environment: environmentOf(asked.environment),
        person: request.requester.person,
        subject: `run:${gate.run}`,
        title: asked.title,
        now: clock(),
      })
      if (met.kind === 'let-through')
        return {approved: true, by: met.window.person, reason: 'The glass was broken: nobody was asked.'}
      if (met.kind === 'frozen') {
        const until = new Date(met.until).toISOString().slice(0, 16).replace('T', ' ')
        return {approved: false, by: 'a freeze', reason: `Frozen until ${until} UTC: ${met.reason}.`}
      }
      const {
        action: {sha},
        card,
      } = request
      const reason =
        sha === undefined ? undefined : keptOut(request.action, {sha, failing: card?.failing ?? []})
      if (reason !== undefined) return {approved: false, by: 'Signalbox', reason}
      return (await approvals.ask(db, request)) ? undefined : NOT_NEEDED
    })
  }

  async function withdraw(gate: GateSubject): Promise<void> {
    const request = await approvals.findBySubject(gate)
    if (request?.status === 'pending')
      await transaction(pool, db =>
        approvals.cancel(db, request.id, {by: 'signalbox', note: 'The run does not wait for it any more.'}),
      )
  }

  /** Whether what was approved still stands; it is used hereby, once, also when this is repeated after a crash. */
  async function redeem(request: ApprovalRequest): Promise<Verdict> {
    const by = request.decisions.map(({principal}) => principal).join(', ')
    if (request.usedAt !== undefined) return {approved: true, by}
    const bound = await boundNow(request)
    const reason = await failingNow(request)
    if (reason !== undefined) return {approved: false, by, reason}
    const outcome = await transaction(pool, db => approvals.redeem(db, request.id, bound))
    switch (outcome.kind) {
      case 'go':
        return {approved: true, by}
      case 'void':
        return {
          approved: false,
          by,
          reason: `It moved while it waited for approval: ${outcome.changes.join('; ')}. Run it again.`,
        }
      case 'stop': {
        const used = (await approvals.find(request.id))?.usedAt !== undefined
        return used ? {approved: true, by} : {approved: false, by, reason: outcome.reason}
      }
    }
  }

  async function verdictOf(request: ApprovalRequest): Promise<Verdict | undefined> {
    const {status, decisions, note} = request
    const no = decisions.findLast(({decision}) => decision === 'reject')
    switch (status) {
      case 'pending':
        return undefined
      case 'approved':
        return redeem(request).catch((error: unknown) => refusalOf(error))
      case 'rejected':
        return {approved: false, by: no?.principal ?? '', reason: no?.reason}
      case 'expired':
        return {approved: false, by: 'nobody', reason: 'Nobody decided in time.'}
      case 'cancelled':
        return {approved: false, by: 'Signalbox', reason: note ?? 'The request was withdrawn.'}
    }
  }

  /** Brings a run that waits at a gate the verdict about it, once there is one. */
  async function decided(gate: GateSubject, request: ApprovalRequest): Promise<void> {
    // Nothing begins by it any more: its record must not say so.
    const unused = request.status === 'approved' && request.usedAt === undefined
    if (unused && !(await isAwaited(gate))) return
    const verdict = await verdictOf(request)
    if (verdict) await tell(gate, request.id, verdict)
  }

  return {
    /** A run waits at a gate: asks for it, once. */
    async request(run: string, path: string, signal: string, asked: unknown): Promise<void> {
      const gate: GateSubject = {kind: 'gate', run, path, signal}
      const earlier = await approvals.findBySubject(gate)
      if (earlier) return decided(gate, earlier)
      // Withdrawn before it was asked for: the two jobs may come in any order.
      if (!(await isAwaited(gate))) return
      const verdict = await ask(gate, question.parse(asked)).catch((error: unknown) => refusalOf(error))
      if (verdict) return tell(gate, `${run} ${signal}`, verdict)
      if (!(await isAwaited(gate))) await withdraw(gate)
    },

    /** The run does not wait at this gate any more. */
    withdraw: (run: string, signal: string) => withdraw({kind: 'gate', run, path: '', signal}),

    decided,

    /** The request that a run waits for at a gate. */
    requestAt: (run: string, signal: string) =>
      approvals.findBySubject({kind: 'gate', run, path: '', signal}),
  }
}

const NOT_NEEDED: Verdict = {approved: true, by: 'the policy', reason: 'No approval needed.'}

/** What nobody can be asked about, or what can't be read any more, is a no; what may pass is tried again. */
function refusalOf(error: unknown): Verdict {
  if (!(error instanceof AppError)) throw error
  return {approved: false, by: 'Signalbox', reason: toError(error).message}
}

/** What was given of what its operation may take; whether that is enough is judged where it is asked. */
function evidenceIn({ticket, backup}: Question): Pick<ApprovalAction, Evidence> {
  return {...textOf('ticket', ticket), ...textOf('backup', backup)}
}

function textOf<K extends Evidence>(key: K, given: Json | undefined): Partial<Record<K, string>> {
  const text = typeof given === 'string' ? given.trim().slice(0, MOST_EVIDENCE) : ''
  return text === '' ? {} : ({[key]: text} as Record<K, string>)
}

/** One that nobody knows is taken for production. */
function environmentOf(text: string): Environment {
  return ENVIRONMENTS.find(name => name === text) ?? 'production'
}
