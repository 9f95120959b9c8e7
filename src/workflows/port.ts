import {setTimeout as sleep} from 'node:timers/promises'
import {accountOf} from '../access/people.ts'
import type {Approvals} from '../approvals/approvals.ts'
import type {ApprovalRequest} from '../approvals/request.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {Actor, RunsPort} from '../sdk/index.ts'
import type {InputDeclaration} from '../sdk/workflow.ts'
import type {Library} from './definition/load.ts'
import {isOver} from './evolve.ts'
import {askedFor} from './follower-store.ts'
import type {Followers} from './followers.ts'
import type {Gates} from './gates.ts'
import {readInputText} from './input-text.ts'
import {checkedInput, type Launch} from './launch.ts'
import {describe, standing} from './message.ts'
import type {Workflows} from './service.ts'
import type {ShownRun} from './shown.ts'

const ASKED_TRIES = 40
const ASKED_AGAIN_MS = 250

/** What commands may ask of workflow runs. */
export function createRunsPort({
  library,
  workflows,
  launch,
  followers,
  gates,
  approvals,
  redact,
  clock,
}: {
  readonly library: Pick<Library, 'definitions'>
  readonly workflows: () => Workflows
  readonly launch: Launch
  readonly followers: Pick<Followers, 'follow'>
  readonly gates: Pick<Gates, 'requestAt'>
  readonly approvals: Pick<Approvals, 'vote'>
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

  /** A run waits a moment before people are asked: what that takes is read first. */
  async function requestAt(run: string, signal: string): Promise<ApprovalRequest> {
    for (let tries = 0; tries < ASKED_TRIES; tries++) {
      const request = await gates.requestAt(run, signal)
      if (request) return request
      await sleep(ASKED_AGAIN_MS)
    }
    throw new AppError('CONFLICT', `What run ${run} waits for is still being asked. Try again in a moment.`)
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
        metadata: askedFor(actor),
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
      const account = accountOf(actor)
      if (!account)
        throw new AppError('NOT_PERMITTED', 'Only a person can say this, from an account of theirs.')
      const request = await requestAt(run, gate.id)
      const outcome = await approvals.vote({
        id: request.id,
        account,
        decision: approved ? 'approve' : 'reject',
        surface: 'discord',
        ...(reason === undefined ? {} : {reason, justification: reason}),
        key: correlationId,
        evidence: {command: correlationId},
      })
      if (outcome.kind === 'refused') throw new AppError('NOT_PERMITTED', outcome.message)
      const {status, decisions, required} = outcome.request
      return status === 'pending' ? `counted: ${decisions.length} of ${required.approvers}` : status
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
