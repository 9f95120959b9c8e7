import {createHash} from 'node:crypto'
import type {CodeHost} from '../integrations/github/code-host.ts'
import type {ReplyTarget} from '../invocations/invocation.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {DiagnosesPort, DiagnosisRequest} from '../sdk/index.ts'
import type {Diagnoses} from './diagnoses.ts'
import {refusalOf} from './diagnosis-message.ts'
import type {DiagnosisOrder} from './diagnosis.ts'
import {basesOf, type Bases, type VerifiedTarget} from './port.ts'

/** The workflow that looks at everything from where deploys run. */
export interface DiagnoseWorkflow {
  /** Undefined: no repository is configured. */
  readonly repository: string | undefined
  readonly workflow: string
  readonly ref: string
  /** The artifact with its report. */
  readonly artifact: string
}

/** What agents may ask about diagnoses. */
export function createDiagnosesPort({
  diagnoses,
  codeHost,
  workflow,
  targets,
  bases,
  refuseUrl,
  channelOf,
  patience,
  clock,
}: {
  /** Undefined, both: GitHub is off. */
  readonly diagnoses: Pick<Diagnoses, 'follow' | 'open'> | undefined
  readonly codeHost: Pick<CodeHost, 'workflowUrl'> | undefined
  readonly workflow: DiagnoseWorkflow
  readonly targets: readonly VerifiedTarget[]
  readonly bases: Bases
  readonly refuseUrl: (url: string) => string | undefined
  /** The channel in which a command was given. */
  readonly channelOf: (id: string) => Promise<string | undefined>
  readonly patience: DiagnosisOrder['patience']
  readonly clock: Clock
}): DiagnosesPort {
  function sitesOf({target: name = 'client', frontend, api}: DiagnosisRequest): Bases {
    const target = targets.find(one => one.name === name)
    if (!target && name !== 'client') throw new AppError('INVALID_INPUT', `There is no target ${name}.`)
    const general = basesOf(target, bases)
    const sites = {frontend: frontend ?? general.frontend, api: api ?? general.api}
    // Those of configuration are the operator's word; these are somebody's.
    for (const [option, url] of [
      ['frontend_url', frontend],
      ['api_base', api],
    ] as const) {
      const refusal = url === undefined ? undefined : refuseUrl(url)
      if (refusal !== undefined) throw new AppError('INVALID_INPUT', `${option}: ${refusal}`)
    }
    return sites
  }

  function orderOf(
    request: DiagnosisRequest,
    {id, channel}: {readonly id: string; readonly channel: string | undefined},
  ): DiagnosisOrder {
    const {repository, workflow: file, ref, artifact} = workflow
    if (!codeHost || repository === undefined)
      throw new AppError(
        'NOT_CONFIGURED',
        'GitHub is not set up here. An operator must set GITHUB_TOKEN and GITHUB_REPOSITORY.',
      )
    const {frontend, api} = sitesOf(request)
    return {
      id,
      command: request.correlationId,
      requester: request.actor.name,
      repository,
      workflow: file,
      ref,
      artifact,
      inputs: {
        correlation_id: id,
        requester: request.actor.name,
        ...(channel === undefined ? {} : {channel_id: channel}),
        ...(frontend === undefined ? {} : {frontend_url: frontend}),
        ...(api === undefined ? {} : {api_base: api}),
      },
      requestedAt: clock(),
      patience,
      workflowUrl: codeHost.workflowUrl(repository, file),
    }
  }

  return {
    refuseUrl,

    async request(request) {
      const {correlationId: id} = request
      await diagnoses?.follow(orderOf(request, {id, channel: await channelOf(id)}))
    },

    async requestBeside(request) {
      const id = besideId(request.correlationId)
      const channel = await channelOf(request.correlationId)
      const order = orderOf(request, {id, channel})
      if (channel === undefined)
        throw new AppError('CONFLICT', 'There is no channel in which its results could be told.')
      const target: ReplyTarget = {kind: 'channel', channelId: channel}
      const state = await diagnoses?.open(order, target)
      return {id, refusal: state && refusalOf(state)}
    },
  }
}

/** Of the diagnosis that belongs to a command: the same whenever that command is carried out again. */
function besideId(command: string): string {
  const hex = createHash('sha256').update(`${command}:diagnosis`).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
