import type {People} from '../access/people.ts'
import type {RiskLevel} from '../kernel/risk-level.ts'
import type {NewNotice, Notices} from '../notifications/notice.ts'
import type {Db} from '../platform/postgres.ts'
import type {DeploymentState, Verdict} from './state.ts'

const LEVELS: Readonly<Record<string, RiskLevel>> = {production: 'high', staging: 'medium'}

/** How it failed, for people; undefined when it did not, or when those who ended it know. */
export function failureOf(verdict: Verdict): string | undefined {
  switch (verdict.kind) {
    case 'concluded':
      return ['success', 'cancelled', 'skipped', 'neutral', 'stale'].includes(verdict.conclusion)
        ? undefined
        : `ended as ${verdict.conclusion.replaceAll('_', ' ')}`
    case 'refused':
      return 'was not started'
    case 'not-found':
      return verdict.unclear ? 'may not have started' : 'was asked for, but no run is to be seen'
    case 'run-hidden':
      return 'is out of sight'
    case 'wrong-commit':
      return 'would have shipped another commit'
    case 'started':
    case 'watch-timeout':
    case 'cancelled-before-start':
    case 'blocked':
    case 'not-approved':
      return undefined
  }
}

/** What people are told of a deployment's end; undefined: nothing. */
export function noticeOf(
  {request, verdict, run, failure}: DeploymentState,
  {requester, project}: {readonly requester?: string | undefined; readonly project?: string | undefined} = {},
): NewNotice | undefined {
  const how = verdict && failureOf(verdict)
  if (how === undefined) return undefined
  const {correlationId: id, target, environment, repository, service} = request
  const step = failure?.step === undefined ? '' : ` › ${failure.step}`
  return {
    key: `deployment:${id}:end`,
    story: `deployment:${id}`,
    event: 'task_failed',
    level: LEVELS[environment] ?? 'low',
    correlationId: id,
    people: requester === undefined ? [] : [requester],
    watchers: [],
    title: `${target} → ${environment} ${how}`,
    data: {
      deployment: id,
      repository,
      service,
      ...(failure ? {error: `job ${failure.job}${step}`} : {}),
      ...(run ? {url: run.url} : {}),
    },
    ...(project === undefined ? {} : {project}),
  }
}

/** Tells people how deployments ended, within the transaction that records it. */
export function createDeploymentEnds({
  people,
  notices,
  projectOf,
}: {
  readonly people: Pick<People, 'personOf'>
  readonly notices: Notices
  /** The Linear project of a target, by the target's name. */
  readonly projectOf: (target: string) => string | undefined
}) {
  return async (db: Db, state: DeploymentState): Promise<void> => {
    if (!state.verdict || failureOf(state.verdict) === undefined) return
    const {kind, id} = state.request.requester
    const person = kind === 'discord' ? await people.personOf({kind, id}, db) : undefined
    const notice = noticeOf(state, {
      requester: person?.id,
      project: projectOf(state.request.target),
    })
    if (notice) await notices.announce(db, notice)
  }
}
