import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import type {AuditNotes} from '../audit/audit.ts'
import type {DeploymentStore} from '../deployments/store.ts'
import type {NewInvocation} from '../invocations/invocation.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import {code, plain} from '../kernel/markdown.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import type {Db} from '../platform/postgres.ts'
import type {Queues} from '../platform/queue.ts'
import type {SafeHttp} from '../platform/safe-http.ts'
import type {DeploymentsPort, PipelinesPort, ReleasesPort, ShippingTarget} from '../sdk/index.ts'
import {
  choices,
  type Decision,
  type LastGood,
  type Release,
  type ReleaseEvent,
  type ReleaseRules,
  type Shipped,
} from './decide.ts'
import {describe, liveView, standing, titleOf} from './message.ts'
import {carriedOut, shippedBy} from './shipped.ts'
import type {Folded, ReleaseStore} from './store.ts'
import {better, judge, resultOf, type Check, type CheckResult} from './verdict.ts'

export const RELEASES_QUEUE = 'releases'

const AT_ONCE = 50
/** A sweep does not ask again for what it asked for so shortly before and that still waits. */
const SWEEP_AGAIN_MS = 2_000
/** Beyond the time for the checks themselves: for GitHub and the database. */
const LEASE_BEYOND_MS = 60_000
/** What has just been deployed may take a moment to answer. */
const TRIES = 3
const HISTORY_READ = 50

export interface ConductorOptions {
  readonly store: ReleaseStore
  readonly deployments: Pick<DeploymentsPort, 'request' | 'target' | 'targets'>
  readonly deploymentStore: Pick<DeploymentStore, 'find' | 'shippedBefore'>
  readonly pipelines: Pick<PipelinesPort, 'target' | 'targetOf' | 'history' | 'refAt' | 'tag'>
  /** How each target is verified and decided about. */
  readonly rulesOf: (target: string) => ReleaseRules
  /** Whether a target's workflow is told by which strategy to ship. */
  readonly takesStrategy: (target: string) => boolean
  readonly http: Pick<SafeHttp, 'request'>
  readonly invocations: {accept(invocation: NewInvocation): Promise<unknown>}
  readonly replies: Pick<ReplyStore, 'open' | 'write' | 'messageOf'>
  readonly audit: AuditNotes
  readonly notify: (id: string) => Promise<void>
  /** Where releases are told of that nobody asked for in a channel. */
  readonly statusChannelId: string | undefined
  readonly queues: Pick<Queues, 'add'>
  readonly clock: Clock
  readonly log: Logger
}

export interface Conductor extends ReleasesPort {
  /** Does the next thing about a release, if there is one and nobody is at it. */
  advance(id: string): Promise<void>
  /** Takes up what is due: deployments that ended, decisions that nobody made in time, what a crash left. */
  sweep(): Promise<number>
}

/**
 * Conducts releases. Shipping itself is a deployment like any other, with its lock, its gate and its one dispatch, and so
 * are promotion and rollback, each under a command of its own. What is here is what lies between: verify, show, take the
 * first decision, have it carried out. Each step is a row, and the next step follows from the row alone.
 */
export function createConductor(options: ConductorOptions): Conductor {
  const {store, deployments, deploymentStore, pipelines, rulesOf, http, invocations, replies} = options
  const {audit, notify, statusChannelId, queues, clock, log} = options

  async function fold(id: string, event: ReleaseEvent): Promise<Folded | undefined> {
    const folded = await store.fold(id, event, mirror)
    if (folded && folded.after !== folded.before) {
      log.info({release: id, event: event.type, phase: folded.after.phase}, 'release advanced')
      if (folded.after.messageId !== undefined) await notify(folded.after.messageId)
    }
    return folded
  }

  /** What commits with each change: the message that shows it, and the record of who decided. */
  async function mirror(db: Db, {before, after}: Folded): Promise<void> {
    const {messageId, request, decision} = after
    if (messageId !== undefined && request.channelId !== undefined) {
      if (before.messageId === undefined)
        await replies.open(db, messageId, {kind: 'channel', channelId: request.channelId}, describe(after))
      else await replies.write(db, messageId, describe(after))
    }
    if (decision && !before.decision) {
      const {by, kind, reasons} = decision
      await audit.note(db, {
        action: `release.${kind}`,
        subject: `${request.target} → ${request.environment}`,
        ...(by ? {actor: {id: by.id, name: by.name}} : {}),
        correlationId: request.id,
        details: {automatic: by === undefined, ...(reasons ? {reasons: reasons.join(', ')} : {})},
      })
    }
  }

  async function step(release: Release): Promise<void> {
    const {request, phase, decision} = release
    const {id} = request
    switch (phase) {
      case 'shipping': {
        if ((await store.command(id)).kind !== 'ended') return
        const shipped = shippedBy(await deploymentStore.find(id))
        await fold(id, {type: 'shipped', at: clock(), shipped, messageId: randomUUID()})
        break
      }
      case 'verifying': {
        const [checks, lastGood] = await Promise.all([verify(request.rules), lastGoodOf(release)])
        const ids = {messageId: randomUUID(), followUp: randomUUID()}
        await fold(id, {type: 'verified', at: clock(), checks, lastGood, ...ids})
        break
      }
      case 'deciding':
        await fold(id, {type: (await store.superseded(id)) ? 'superseded' : 'time-passed', at: clock()})
        break
      case 'promoting':
      case 'rolling-back':
        if (decision?.followUp !== undefined) await seeThrough(release, decision.followUp)
        break
      default:
    }
  }

  /** Gives the command that carries a decision out, once; or learns how that ended. */
  async function seeThrough(release: Release, followUp: string): Promise<void> {
    const {request, decision} = release
    const known = await store.command(followUp)
    if (known.kind === 'open') return
    if (known.kind === 'missing') {
      const actor = decision?.by ?? request.requester
      const words = decision?.kind === 'rollback' ? 'rolling back' : 'promoting'
      await invocations.accept({
        id: followUp,
        source: 'api',
        sourceId: `release ${request.id} ${decision?.kind ?? ''}`,
        command: 'ship',
        options: {run_id: request.id},
        actor,
        agent: 'ship',
        action: 'carry_out',
        ...(request.channelId === undefined
          ? {}
          : {
              reply: {
                target: {kind: 'channel', channelId: request.channelId},
                view: {
                  state: 'running',
                  title: `${titleOf(release)} · ${words} · queued`,
                  lines: [
                    `for release ${code(`${request.id.slice(0, 8)}…`)} · ${code(`${followUp.slice(0, 8)}…`)}`,
                  ],
                },
              },
            }),
      })
      return
    }
    const deployed = await deploymentStore.find(followUp)
    if (deployed) {
      await fold(request.id, {type: 'carried-out', at: clock(), ...carriedOut(deployed, wantedSha(release))})
      return
    }
    await notStarted(release, followUp, `It could not be started (${known.errorCode ?? 'it was stopped'}).`)
  }

  /** The command that was to carry it out ended without a deployment. */
  async function notStarted(release: Release, followUp: string, words: string): Promise<void> {
    const {id} = release.request
    const folded = await store.fold(
      id,
      {type: 'carried-out', at: clock(), ok: false, words},
      async (db, change) => {
        await mirror(db, change)
        await replies.write(db, followUp, {
          state: 'error',
          title: `${titleOf(release)} · not shipped`,
          lines: [plain(words, 400), code(`${followUp.slice(0, 8)}…`)],
        })
      },
    )
    if (!folded || folded.after === folded.before) return
    await notify(followUp)
    if (folded.after.messageId !== undefined) await notify(folded.after.messageId)
  }

  async function verify({checks, timeoutMs}: ReleaseRules): Promise<readonly CheckResult[]> {
    const signal = AbortSignal.timeout(timeoutMs)
    const pauseMs = Math.min(2_000, timeoutMs / 15)
    return Promise.all(
      checks.map(async check => {
        let best = await tryOnce(check, signal)
        for (let tries = 1; tries < TRIES && best.outcome !== 'ok' && !signal.aborted; tries++) {
          await sleep(pauseMs)
          if (!signal.aborted) best = better(best, await tryOnce(check, signal))
        }
        return signal.aborted && best.status === undefined
          ? {...best, error: `no answer within ${timeoutMs / 1000} s`}
          : best
      }),
    )
  }

  async function tryOnce(check: Check, signal: AbortSignal): Promise<CheckResult> {
    return resultOf(check, await http.request(check.url, {method: 'GET', signal}))
  }

  /** The last commit that went well and was not taken back since; GitHub's history knows, unless targets share one. */
  async function lastGoodOf({request, shipped}: Release): Promise<LastGood> {
    const own = shipped?.kind === 'ended' ? shipped.sha : undefined
    try {
      const target = pipelines.target(request.target)
      const past = await store.history(request.target, HISTORY_READ)
      const avoid = [...(own === undefined ? [] : [own]), ...past.flatMap(badSha)]
      const sha = target.shared
        ? await deploymentStore.shippedBefore(request.id, avoid)
        : await lastInHistory(target, avoid, shipped)
      return sha === undefined
        ? {none: `no other commit is known to have been shipped to ${request.target} with success`}
        : {sha}
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return {none: `what was shipped before can’t be read. ${error.message}`}
    }
  }

  async function lastInHistory(
    target: ShippingTarget,
    avoid: readonly string[],
    shipped: Shipped | undefined,
  ) {
    const history = await pipelines.history(target, AbortSignal.timeout(15_000))
    // The newest first: what came after its own run is no way back.
    const own = shipped && 'runUrl' in shipped ? history.findIndex(({url}) => url === shipped.runUrl) : -1
    const before = history.slice(own + 1).filter(run => !avoid.includes(run.sha))
    return before.find(({conclusion}) => conclusion === 'success')?.sha
  }

  async function nudge(id: string, delayMs = 0): Promise<void> {
    const deduplicate = delayMs > 0 ? {} : {deduplicate: {id: `release-${id}`, keepLast: true}}
    await queues
      .add({
        queue: RELEASES_QUEUE,
        name: 'advance',
        data: {id},
        ...(delayMs > 0 ? {delayMs} : {}),
        ...deduplicate,
      })
      .catch((error: unknown) => log.warn({err: error, release: id}, 'next step left to the sweep'))
  }

  async function known(id: string): Promise<Release> {
    const release = await store.find(id)
    if (release) return release
    throw new AppError('NOT_FOUND', 'There is no such release any more.')
  }

  return {
    target({target, environment}) {
      if (target !== undefined) {
        const named = pipelines.target(target)
        if (environment === undefined || named.environment === environment) return named
        throw new AppError('INVALID_INPUT', `${target} ships to ${named.environment}, not to ${environment}.`)
      }
      const only = pipelines.targetOf((environment ?? 'staging') as ShippingTarget['environment'])
      if (only) return only
      const names = deployments.targets().map(({name}) => name)
      throw new AppError(
        'INVALID_INPUT',
        `Say which target: ${environment ?? 'staging'} has not exactly one. There is ${names.join(', ')}.`,
      )
    },

    takesStrategy: options.takesStrategy,

    async ship({correlationId, actor, target: name, strategy}) {
      const target = pipelines.target(name)
      if (strategy === 'canary' && !options.takesStrategy(name))
        throw new AppError(
          'INVALID_INPUT',
          `${name} ships in full only: none of its workflow inputs takes the strategy. An operator can add one: \${{ options.strategy }}.`,
        )
      const channelId = (await replies.messageOf(correlationId))?.channelId ?? statusChannelId
      await store.insert({
        phase: 'shipping',
        request: {
          id: correlationId,
          target: name,
          environment: target.environment,
          strategy,
          requester: {id: actor.id, name: actor.name, kind: actor.kind},
          ...(channelId === undefined ? {} : {channelId}),
          rules: rulesOf(name),
          requestedAt: clock(),
        },
      })
      const how = {strategy, wait: true, announcedElsewhere: true} as const
      await deployments.request({correlationId, actor, target: name, ...how})
    },

    async standing(id) {
      const release = await store.find(id)
      if (!release) return undefined
      const title = titleOf(release)
      const late = release.phase === 'deciding' && clock() >= (release.expiresAt ?? 0)
      if (release.phase !== 'deciding' || late)
        return {kind: 'closed', title, words: late ? 'nobody decided in time' : standing(release).words}
      const {lastGood} = release
      return {kind: 'deciding', title, backTo: lastGood && 'sha' in lastGood ? lastGood.sha : undefined}
    },

    async decide({id, actor, decision}) {
      const release = await known(id)
      if (release.phase === 'deciding' && !choices(release).includes(decision))
        throw new AppError('CONFLICT', cannot(decision, release))
      const by = {id: actor.id, name: actor.name, kind: actor.kind}
      if (await store.superseded(id)) await fold(id, {type: 'superseded', at: clock()})
      const folded = await fold(id, {
        type: 'decided',
        at: clock(),
        kind: decision,
        by,
        followUp: randomUUID(),
      })
      // Their own command, carried out again after a crash, finds what it did.
      const made = folded?.after.decision
      const isTheirs = made?.kind === decision && made.by?.id === actor.id
      if (!folded || (folded.after === folded.before && !isTheirs)) {
        const words = folded ? standing(folded.after).words : 'gone'
        throw new AppError(
          'CONFLICT',
          `${titleOf(release)} was decided before, or its time is over: ${words}.`,
        )
      }
      await nudge(id)
      const {after} = folded
      const lines =
        after.decision?.followUp === undefined
          ? ['it was out in full already: this marks it as good, and ships nothing']
          : ['a message of its own shows how it goes']
      return {state: 'ok', title: `${titleOf(after)} · ${standing(after).words}`, lines}
    },

    async carryOut({id, correlationId, actor, signal}) {
      const release = await known(id)
      const sha = wantedSha(release)
      if (release.decision?.followUp !== correlationId || sha === undefined)
        throw new AppError('CONFLICT', 'This was decided already. Run /ship again to ship anew.')
      const {repository, name, ref: prefer} = pipelines.target(release.request.target)
      try {
        const query = {repository, sha, signal}
        const ref = (await pipelines.refAt({...query, prefer})) ?? (await pipelines.tag(query))
        const how = {strategy: 'full', wait: true, decidedElsewhere: true} as const
        const back = release.decision.kind === 'rollback' ? ({goesBack: true} as const) : {}
        await deployments.request({correlationId, actor, target: name, ref, ...how, ...back})
      } catch (error) {
        if (error instanceof AppError && error.disposition === 'user')
          await notStarted(release, correlationId, error.message)
        throw error
      }
    },

    async details(id, signal) {
      const release = await known(id)
      const {checks} = rulesOf(release.request.target)
      const [now, history] = await Promise.all([
        Promise.all(checks.map(check => tryOnce(check, signal))),
        store.history(release.request.target, HISTORY_READ),
      ])
      return liveView(release, now, history)
    },

    async advance(id) {
      const {rules} = (await store.find(id))?.request ?? {}
      if (!rules) return
      const release = await store.claim(id, rules.timeoutMs + LEASE_BEYOND_MS)
      if (!release) return
      try {
        await step(release)
      } finally {
        await store.release(id)
      }
      const after = await store.find(id)
      if (after?.phase === 'deciding' && release.phase !== 'deciding')
        await nudge(id, Math.max(1, (after.expiresAt ?? 0) - clock()))
      else if (after && after.phase !== release.phase) await nudge(id)
    },

    async sweep() {
      const ids = await store.due(AT_ONCE)
      // A key of its own: the ordinary one may be held for ever by a job that the queue lost in a crash.
      const round = Math.floor(clock() / SWEEP_AGAIN_MS)
      for (const id of ids)
        await queues
          .add({
            queue: RELEASES_QUEUE,
            name: 'advance',
            data: {id},
            deduplicate: {id: `release-${id}-sweep-${round}`},
          })
          .catch((error: unknown) =>
            log.warn({release: id, reason: toError(error).message}, 'release left to the next sweep'),
          )
      return ids.length
    },
  }
}

/** The commit that carrying its decision out ships. */
function wantedSha({decision, lastGood, shipped}: Release): string | undefined {
  if (decision?.kind === 'rollback') return lastGood && 'sha' in lastGood ? lastGood.sha : undefined
  return shipped?.kind === 'ended' ? shipped.sha : undefined
}

/** What nobody should go back to: taken back, or verified as bad. */
function badSha({shipped, checks, decision, request}: Release): readonly string[] {
  const isBad = decision?.kind === 'rollback' || (checks && judge(checks, request.rules).health === 'bad')
  return isBad && shipped?.kind === 'ended' && shipped.sha !== undefined ? [shipped.sha] : []
}

function cannot(decision: Decision, {lastGood}: Release): string {
  if (decision === 'promote') return 'Its run did not go well, so there is nothing to promote.'
  return lastGood && 'none' in lastGood ? `There is no way back: ${lastGood.none}.` : 'There is no way back.'
}
