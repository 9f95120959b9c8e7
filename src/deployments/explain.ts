import {freezeLine, type Guard} from '../access/guard.ts'
import type {People} from '../access/people.ts'
import type {Releases} from '../approvals/releases.ts'
import {mixesOf} from '../approvals/decide.ts'
import {keptOut} from '../approvals/operations.ts'
import type {Requirement, Risk} from '../approvals/request.ts'
import {requesterOf} from '../approvals/requester.ts'
import type {Clock} from '../kernel/clock.ts'
import type {Environment} from '../kernel/environment.ts'
import {code, ellipsis, plain} from '../kernel/markdown.ts'
import type {Locks} from '../locks/service.ts'
import type {Reply} from '../sdk/index.ts'
import {boundOf} from './gate.ts'
import {lockOf, type DeploymentRequest} from './state.ts'

const NAMES_SHOWN = 8

export type Explain = ReturnType<typeof createExplain>

/** What a deploy would meet, told to whoever thinks of it: nothing is started, nobody is asked, nothing is kept. */
export function createExplain({
  assess,
  requirementOf,
  people,
  guard,
  releases,
  locks,
  clock,
}: {
  readonly assess: (environment: Environment) => Risk
  readonly requirementOf: (risk: Risk) => Requirement
  readonly people: Pick<People, 'personOf' | 'holding'>
  readonly guard: Pick<Guard, 'look'>
  readonly releases: Pick<Releases, 'at' | 'checksOf'>
  readonly locks: Pick<Locks, 'list'>
  readonly clock: Clock
}) {
  function whoLines(requirement: Requirement, asker: string | undefined): string[] {
    const {approvers, roles, justification} = requirement
    if (approvers === 0) return ['takes nobody’s approval']
    const holders = people.holding(roles).filter(({id}) => id !== asker)
    const names = holders
      .slice(0, NAMES_SHOWN)
      .map(person => `${plain(person.id, 40)} (${plain(person.roles.join(', '), 60)})`)
    const more = holders.length - names.length
    return [
      `takes ${approvers === 1 ? 'one approval' : `${approvers} approvals`} of ${plain(roles.join(', '), 200)}${mixesOf(
        requirement,
      )
        .map(mix => `, one of them ${plain(mix.join(' or '), 100)}`)
        .join('')}${justification ? ', with a justification' : ''}`,
      names.length === 0
        ? 'nobody but you could give it: an admin can add principals to signalbox.yaml'
        : `who could: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    ]
  }

  async function releaseLines(request: DeploymentRequest): Promise<string[]> {
    const {repository, workflow, ref, environment} = request
    const look = await releases.at({repository, workflow, ref})
    if (look.kind !== 'seen')
      return [
        `what would ship can’t be read${look.kind === 'refused' ? `: ${plain(look.reason, 200)}` : ' right now'}`,
      ]
    const {sha} = look.value
    const {verdict, failing} = await releases.checksOf({repository, sha})
    const reason = keptOut({operation: 'deploy', environment}, {sha, failing})
    const parts = Object.entries(boundOf(request, look.value)).map(
      ([what, value]) => `${plain(what, 30)} ${code(value, 60)}`,
    )
    return [
      `tests ${{success: '✅', failure: '❌', pending: 'under way', unknown: 'not known'}[verdict]}${reason === undefined ? '' : `: this would be refused, ${plain(failing.join(', '), 120)}`}`,
      `would bind ${parts.join(', ')}`,
    ]
  }

  async function lockLine(request: DeploymentRequest): Promise<string> {
    const resource = lockOf(request)
    const held = (await locks.list()).find(view => view.resource === resource)
    if (!held) return `lock ${code(resource)} · free`
    const line = held.waiters.length === 0 ? '' : ` · ${held.waiters.length} in line`
    return `lock ${code(resource)} · held by ${plain(held.owner, 60)}${line}`
  }

  return async (request: DeploymentRequest): Promise<Reply> => {
    const {environment, target} = request
    const risk = assess(environment)
    const requirement = requirementOf(risk)
    const {person} = await requesterOf(people, request.requester)
    const met = await guard.look({environment, person, now: clock()})
    const guarded = requirement.approvers > 0
    const words = !guarded
      ? 'needs no approval'
      : met.kind === 'frozen'
        ? 'frozen'
        : met.kind === 'let-through'
          ? 'let through by broken glass'
          : `takes ${requirement.approvers === 1 ? 'an approval' : `${requirement.approvers} approvals`}`
    const [release, lock] = await Promise.all([releaseLines(request), lockLine(request)])
    return {
      state: 'info',
      title: ellipsis(`${ellipsis(target, 30)} → ${environment} · ${words}`, 80),
      lines: [
        `risk **${risk.level}** (${risk.score} of 10)`,
        ...risk.reasons.map(reason => `· ${plain(reason, 120)}`),
        ...whoLines(requirement, person),
        ...release,
        lock,
        ...(guarded && met.kind === 'frozen' ? [freezeLine(met)] : []),
        ...(guarded && met.kind === 'let-through' ? ['you broke the glass: nobody would be asked'] : []),
        'nothing was started, and nobody was asked',
      ],
    }
  }
}
