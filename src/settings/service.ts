import {isAdmin, type AccessPolicy} from '../access/policy.ts'
import type {Audit, AuditOutcome} from '../audit/audit.ts'
import type {Look} from '../integrations/github/code-host.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import {sealFor} from '../integrations/github/sealed-box.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import {checkPublicUrl, type UrlRules} from '../kernel/public-url.ts'
import {formatDuration} from '../kernel/time.ts'
import {redactText} from '../platform/redact.ts'
import type {Actor, SettingRequest, SettingsPort, SettingView} from '../sdk/index.ts'
import type {SettingChange, SettingChangeStore} from './store.ts'

const SETTINGS = {
  frontend: {name: 'FRONTEND_BASE_URL', kind: 'variable'},
  'api-base': {name: 'VITE_API_BASE', kind: 'secret'},
} as const

/** `unknown`: the answer was lost, and looking did not tell. */
type Written = 'written' | 'unknown'

type Host = Pick<
  RepositoryHost,
  | 'htmlUrl'
  | 'variable'
  | 'createVariable'
  | 'updateVariable'
  | 'deleteVariable'
  | 'secret'
  | 'secretsKey'
  | 'putSecret'
>
interface Place {
  readonly host: Host
  readonly repository: string
  readonly name: string
  readonly kind: 'variable' | 'secret'
  readonly signal: AbortSignal
}

/**
 * Settings of repositories' workflows. A write is a row before GitHub hears of it, so that a repeated job goes on with
 * it; what GitHub's answer leaves open is looked at before anybody is told anything. Values leave this file towards
 * GitHub only.
 */
export function createSettings({
  host,
  store,
  audit,
  policy,
  allowWrites,
  targets,
  defaultRepository,
  urlRules,
  clock,
}: {
  readonly host: Host | undefined
  readonly store: SettingChangeStore
  readonly audit: Audit
  readonly policy: AccessPolicy
  /** ALLOW_SECRET_WRITES. */
  readonly allowWrites: boolean
  readonly targets: readonly {readonly name: string; readonly repository: string}[]
  readonly defaultRepository: string | undefined
  readonly urlRules: UrlRules
  readonly clock: Clock
}): SettingsPort {
  /** @throws NOT_PERMITTED first for who asks, then for what is switched off. */
  function admit(actor: Actor): void {
    if (!isAdmin(policy, actor))
      throw new AppError(
        'NOT_PERMITTED',
        'Only an admin can write settings. Admins are named by ADMIN_USER_IDS and ADMIN_ROLE_IDS.',
      )
    if (!allowWrites)
      throw new AppError(
        'NOT_PERMITTED',
        'Writing settings is switched off. An operator can set ALLOW_SECRET_WRITES=true.',
      )
  }

  function judgeValue(url: string, kind: Place['kind']): void {
    const verdict = checkPublicUrl(url, urlRules)
    if (!verdict.ok) throw new AppError('INVALID_INPUT', verdict.reason)
    if (kind === 'variable' && redactText(url) !== url)
      throw new AppError(
        'INVALID_INPUT',
        'The address holds what looks like a secret. Everyone who can read the repository can read its variables.',
      )
  }

  function repositoryOf(target: string | undefined): string {
    const named = target === undefined ? undefined : targets.find(({name}) => name === target)
    if (target !== undefined && !named)
      throw new AppError(
        'INVALID_INPUT',
        `There is no target of that name; there is ${targets.map(({name}) => name).join(', ')}.`,
      )
    const repository = named?.repository ?? defaultRepository
    if (repository === undefined)
      throw new AppError(
        'NOT_CONFIGURED',
        'No repository is configured. An operator can set GITHUB_REPOSITORY.',
      )
    return repository
  }

  function placeOf(repository: string, name: string, kind: Place['kind'], signal: AbortSignal): Place {
    if (!host)
      throw new AppError('NOT_CONFIGURED', 'GitHub is not configured. An operator can set GITHUB_TOKEN.')
    return {host, repository, name, kind, signal}
  }

  function open({actor, setting, url, target, signal}: SettingRequest): Place {
    admit(actor)
    const {name, kind} = SETTINGS[setting]
    judgeValue(url, kind)
    return placeOf(repositoryOf(target), name, kind, signal)
  }

  /** What is there now. A secret shows only since when. */
  async function current(
    place: Place,
  ): Promise<{readonly value?: string; readonly setAt?: number} | undefined> {
    const {host: github, kind} = place
    if (kind === 'variable') {
      const value = readOf(await github.variable(place), place)
      return value === undefined ? undefined : {value}
    }
    const secret = readOf(await github.secret(place), place)
    return secret && {setAt: secret.updatedAt}
  }

  /** As `current`, where not being able to look is an answer, too. */
  async function lookAgain(
    place: Place,
  ): Promise<{readonly now: Awaited<ReturnType<typeof current>>} | undefined> {
    return current({...place, signal: AbortSignal.timeout(LOOK_WITHIN_MS)}).then(
      now => ({now}),
      () => undefined,
    )
  }

  /** What was not there is an answer; everything else that is not seen is a refusal in words. */
  function readOf<T>(look: Look<T>, place: Place): T | undefined {
    if (look.kind === 'seen') return look.value
    if (look.kind === 'missing') return undefined
    throw new AppError('UPSTREAM_REFUSED', `${sentenceFor(look, place)} Nothing was changed.`)
  }

  function sentenceFor(look: Exclude<Look<unknown>, {kind: 'seen'}>, {repository, kind}: Place): string {
    switch (look.kind) {
      case 'missing':
        return `GitHub shows us no repository ${repository}, or not its ${kind}s. Check GITHUB_REPOSITORY and what our token may see.`
      case 'refused':
        return look.reason
      case 'slow-down':
        return `GitHub asks us to slow down: try again in ${formatDuration(Math.max(Math.ceil((look.until - clock()) / 1000), 1) * 1000)}.`
      case 'failed':
        return `GitHub did not do it (${look.reason}): try again in a minute.`
    }
  }

  /**
   * The outcome of a request that changes something. Where its answer was lost, `happened` says by what is there now
   * whether it got through.
   */
  async function settled(
    look: Look<null>,
    place: Place,
    happened: (now: {readonly value?: string; readonly setAt?: number} | undefined) => boolean,
  ): Promise<Written> {
    if (look.kind === 'seen') return 'written'
    if (look.kind === 'failed') {
      const again = await lookAgain(place)
      if (!again) return 'unknown'
      if (happened(again.now)) return 'written'
    }
    const far = look.kind === 'failed' ? ', as far as GitHub shows' : ''
    throw new AppError('UPSTREAM_REFUSED', `${sentenceFor(look, place)} Nothing was changed${far}.`)
  }

  async function putVariable(place: Place, value: string | null): Promise<Written> {
    const {host: github, repository, name, signal} = place
    if (value === null) {
      const look = await github.deleteVariable({repository, name, signal})
      return look.kind === 'missing' ? 'written' : settled(look, place, now => now === undefined)
    }
    const change = {repository, name, value, signal}
    const look = await github.updateVariable(change)
    // GitHub tells "no such variable" and "no such repository" by the same answer: creating it tells them apart.
    const last = look.kind === 'missing' ? await github.createVariable(change) : look
    return settled(last, place, now => now?.value === value)
  }

  async function putSecret(place: Place, value: string): Promise<Written> {
    const {host: github, repository, name, signal} = place
    const before = await current(place)
    const look = await github.secretsKey({repository, signal})
    if (look.kind !== 'seen')
      throw new AppError('UPSTREAM_REFUSED', `${sentenceFor(look, place)} Nothing was changed.`)
    const {keyId, key} = look.value
    const encrypted = await sealFor(key, value)
    return settled(
      await github.putSecret({repository, name, keyId, encrypted, signal}),
      place,
      now => now !== undefined && now.setAt !== before?.setAt,
    )
  }

  /** Writes it down before, and how it ended after. */
  function audited(
    action: string,
    {repository, name, kind}: Place,
    mark: string,
    write: () => Promise<Written>,
  ) {
    return audit.around(
      {action, subject: `${repository} ${name}`, details: {kind, fingerprint: mark}},
      write,
      outcomeOf,
    )
  }

  function viewOf(place: Place, url: string, now: Awaited<ReturnType<typeof current>>): SettingView {
    const {repository, name, kind} = place
    return {
      name,
      kind,
      repository,
      page: pageOf(place),
      fingerprint: fingerprint(url),
      before: now?.value === undefined ? null : fingerprint(now.value),
      exists: now !== undefined,
    }
  }

  return {
    async preview(request) {
      const place = open(request)
      return viewOf(place, request.url, await current(place))
    },

    async write(request) {
      const {url, correlationId: id} = request
      const place = open(request)
      const {repository, name, kind} = place
      const isVariable = kind === 'variable'
      const now = await current(place)
      const {fresh, change} = await store.begin({
        id,
        repository,
        name,
        kind,
        fingerprint: fingerprint(url),
        value: isVariable ? url : null,
        previous: (isVariable ? now?.value : undefined) ?? null,
      })
      const view = {...viewOf(place, url, now), before: markOf(change.previous)}
      const undoable = isVariable && change.previous !== url
      if (isVariable && now?.value === url) {
        await store.advance(id, 'begun', 'done')
        return {...view, outcome: undoable ? 'set' : 'unchanged', undoable}
      }
      if (isVariable && !fresh && (now?.value ?? null) !== change.previous)
        throw new AppError('CONFLICT', `Somebody else changed ${name} meanwhile. It was left as it is now.`)
      const written = await audited('setting.write', place, view.fingerprint, () =>
        isVariable ? putVariable(place, url) : putSecret(place, url),
      )
      if (written === 'unknown') return {...view, outcome: 'unknown', undoable: false}
      await store.advance(id, 'begun', 'done')
      return {...view, outcome: 'set', undoable}
    },

    async undo({id, actor, signal}) {
      admit(actor)
      const change = await store.find(id)
      if (!change || change.state === 'begun')
        throw new AppError('CONFLICT', 'Nothing was written here that could be undone.')
      if (change.kind === 'secret')
        throw new AppError(
          'CONFLICT',
          'GitHub shows nobody what a secret held before, so it can’t be put back.',
        )
      const {repository, name, previous} = change
      const place = placeOf(repository, name, change.kind, signal)
      const undone = {name, repository, page: pageOf(place), fingerprint: markOf(previous)}
      const now = (await current(place))?.value ?? null
      if (change.state === 'done' && now === previous) await store.advance(id, 'done', 'undone')
      if (now === previous) return {...undone, outcome: 'undone'}
      if (now !== change.value || change.state === 'undone')
        throw new AppError(
          'CONFLICT',
          `${name} does not hold any more what was written here: it is ${markOf(now) ?? 'gone'} now. It was left so.`,
        )
      const written = await audited('setting.undo', place, undone.fingerprint ?? 'none', () =>
        putVariable(place, previous),
      )
      if (written === 'unknown') return {...undone, outcome: 'unknown'}
      await store.advance(id, 'done', 'undone')
      return {...undone, outcome: 'undone'}
    },
  }
}

/** After an answer that was lost; GitHub may be slow just then. */
const LOOK_WITHIN_MS = 10_000

function markOf(value: SettingChange['previous']): string | null {
  return value === null ? null : fingerprint(value)
}

function pageOf({host, repository, kind}: Place): string {
  return `${host.htmlUrl}/${repository}/settings/${kind}s/actions`
}

function outcomeOf(written: Written): AuditOutcome {
  return {phase: written === 'written' ? 'done' : 'unknown'}
}
