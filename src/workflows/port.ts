import {isAdmin, type AccessPolicy} from '../access/policy.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Actor, RunsPort} from '../sdk/index.ts'
import type {InputDeclaration} from '../sdk/workflow.ts'
import type {Library} from './definition/load.ts'
import {isOver} from './evolve.ts'
import type {FollowerStore} from './follower-store.ts'
import type {Followers} from './followers.ts'
import {readInputText} from './input-text.ts'
import {checkedInput, type Launch} from './launch.ts'
import {describe, standing} from './message.ts'
import type {Workflows} from './service.ts'
import type {ShownRun} from './shown.ts'

/** What commands may ask of workflow runs. */
export function createRunsPort({
  library,
  workflows,
  launch,
  followers,
  askers,
  policy,
  redact,
  clock,
}: {
  readonly library: Pick<Library, 'definitions'>
  readonly workflows: () => Workflows
  readonly launch: Launch
  readonly followers: Pick<Followers, 'follow'>
  readonly askers: Pick<FollowerStore, 'asked'>
  readonly policy: AccessPolicy
  readonly redact: (text: string) => string
  readonly clock: Clock
}): RunsPort {
  const inputOf = (workflow: string, text: string) =>
    readInputText(text, library.definitions.get(workflow)?.input ?? {})

  async function found(id: string): Promise<ShownRun> {
    const run = await workflows().get(id)
    if (!run) throw new AppError('NOT_FOUND', `There is no run ${id}.`)
    return run
  }

  return {
    workflows: () =>
      [...library.definitions.values()].map(({name, description = '', input = {}}) => ({
        name,
        description,
        usage: Object.entries(input).map(usageOf).join(' '),
      })),

    problems(workflow, text) {
      try {
        checkedInput(library, workflow, inputOf(workflow, text))
        return []
      } catch (error) {
        return [toError(error).message]
      }
    },

    async start({correlationId, actor, workflow, input}) {
      const {id} = await launch({
        workflow,
        input: inputOf(workflow, input),
        correlationId,
        sourceId: `command ${correlationId}`,
        metadata: {requester: actor.name},
      })
      await followers.follow(correlationId, id)
    },

    async retry({run, actor, correlationId, step}) {
      await workflows().retry(run, {
        by: nameOf(actor),
        id: correlationId,
        ...(step === undefined ? {} : {path: step}),
      })
      await followers.follow(correlationId, run)
    },

    pause: ({run, actor, correlationId, reason}) =>
      workflows().pause(run, {by: nameOf(actor), id: correlationId, reason}),
    resume: ({run, actor, correlationId, reason}) =>
      workflows().resume(run, {by: nameOf(actor), id: correlationId, reason}),
    cancel: ({run, actor, correlationId, reason}) =>
      workflows().cancel(run, {by: nameOf(actor), id: correlationId, reason}),

    async decide({run, actor, correlationId, approved, reason}) {
      const {waiting_for: gate} = await found(run)
      if (gate?.kind !== 'approval') throw new AppError('CONFLICT', `Run ${run} waits for no approval.`)
      if (!isAdmin(policy, actor) && (await askers.asked(run, actor.id)))
        throw new AppError(
          'NOT_PERMITTED',
          'You asked for this run. Somebody else has to answer for it, or an admin.',
        )
      await workflows().signal(run, {
        id: correlationId,
        name: gate.id,
        payload: {approved, by: nameOf(actor), ...(reason === undefined ? {} : {reason})},
      })
    },

    show: async id => describe(await found(id), {redact, now: clock()}),

    async recent(limit) {
      const runs = await workflows().list({limit})
      return runs.map(run => ({
        id: run.id,
        workflow: run.workflow,
        ...standing(run, clock()),
        open: !isOver(run.status),
        startedAt: Date.parse(run.started_at),
      }))
    },
  }
}

function usageOf([name, {required}]: readonly [string, InputDeclaration]): string {
  return required === true ? `${name}=…` : `[${name}=…]`
}

/** As the run's journal keeps it. */
function nameOf({kind, id, name}: Actor): string {
  return `${name} (${kind} ${id})`
}
