import type {Pool} from 'pg'
import type {People} from '../access/people.ts'
import {permit, type AccessPolicy} from '../access/policy.ts'
import type {Llm} from '../integrations/llm/llm.ts'
import type {ReplyStore} from '../notifications/store.ts'
import {createMaker} from '../planning/make.ts'
import {createPlanning, type Planning} from '../planning/service.ts'
import {createDraftStore} from '../planning/store.ts'
import type {Target} from '../planning/steps.ts'
import type {Logger} from '../platform/logger.ts'
import type {Registry} from '../registry/index.ts'
import type {Actor, AgentDefinition, PipelinesPort} from '../sdk/index.ts'
import type {Followers} from '../workflows/followers.ts'
import {createLaunchDefinition} from '../workflows/launch.ts'
import type {HouseWorkflows} from './workflows.ts'

/** Workflows made of words. Who may run `/workflow` may start them. */
export function openPlanning({
  pool,
  llm,
  agents,
  directory,
  workflows,
  targets,
  repositories,
  pipelines,
  people,
  policy,
  ...rest
}: {
  readonly pool: Pool
  readonly llm: Llm
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly directory: Pick<Registry['directory'], 'list'>
  readonly workflows: Pick<HouseWorkflows, 'library' | 'service'>
  readonly targets: readonly Target[]
  readonly repositories: readonly string[]
  readonly pipelines: Pick<PipelinesPort, 'repository'>
  readonly followers: Pick<Followers, 'follow'>
  readonly replies: Pick<ReplyStore, 'viewOf' | 'write'>
  readonly people: Pick<People, 'personOf'>
  readonly policy: AccessPolicy
  readonly redact: (text: string) => string
  readonly notify: (id: string) => Promise<void>
  readonly log: Logger
}): Planning {
  const {library} = workflows
  const personOf = async ({kind, id}: Actor) =>
    kind === 'schedule' ? undefined : people.personOf({kind, id})

  async function upNow(): Promise<(agent: string) => boolean> {
    const {source, agents: known} = await directory.list()
    const up = new Set(known.flatMap(({agentId, status}) => (status === 'offline' ? [] : [agentId])))
    return agent => source === 'static' || up.has(agent)
  }

  return createPlanning({
    ...rest,
    pool,
    store: createDraftStore({pool}),
    make: createMaker({
      llm,
      known: {targets, repositories},
      surroundings: async () => ({
        agents,
        isUp: await upNow(),
        workflows: library.definitions,
        targets,
        repositoryOf: text => pipelines.repository(text),
      }),
      check: definition => void library.compile(definition.name, definition),
    }),
    launch: createLaunchDefinition({library, workflows: workflows.service}),
    async ownerOf(actor) {
      const person = await personOf(actor)
      return person ? `person:${person.id}` : `${actor.kind}:${actor.id}`
    },
    async refusalsToStart(actor) {
      if (actor.kind === 'api') {
        // The API token starts any workflow by name, too.
        if (actor.id.startsWith('house:')) return []
        const roles = (await personOf(actor))?.roles ?? []
        const allowed = policy.rules.get('workflow')?.roles ?? []
        return allowed.some(role => roles.includes(role))
          ? []
          : [`it needs role ${allowed.join(' or ') || 'of an admin'}`]
      }
      const permission = permit(policy, actor, {kind: 'command', command: 'workflow', restricted: true})
      return permission.allowed ? [] : permission.reasons
    },
  })
}
