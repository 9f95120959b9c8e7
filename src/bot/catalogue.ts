import {permit, type AccessPolicy} from '../access/policy.ts'
import type {AgentView} from '../registry/agent.ts'
import type {Directory, Listing} from '../registry/directory.ts'
import type {
  Actor,
  AgentDefinition,
  AgentSummary,
  CataloguePort,
  CommandDefinition,
  CommandSummary,
} from '../sdk/index.ts'
import {optionForms, usageOf} from './command-form.ts'
import {help} from './help.ts'

/** What there is, told to each person as it is for them: the same policy that refuses also explains. */
export function createCatalogue({
  commands,
  agents,
  policy,
  directory,
}: {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly agents: ReadonlyMap<string, AgentDefinition>
  readonly policy: AccessPolicy
  /** Who is alive; without it nothing is known about that. */
  readonly directory?: Pick<Directory, 'list'> | undefined
}): CataloguePort {
  function summaries(actor: Actor): readonly CommandSummary[] {
    return [...commands.values()].map(command => {
      const permission = permit(policy, actor, {
        kind: 'command',
        command: command.name,
        restricted: command.access === 'restricted',
      })
      return {
        name: command.name,
        description: command.description,
        topic: command.topic,
        usage: usageOf(command),
        options: optionForms(command).map(({name, description, required}) => ({name, description, required})),
        refusals: permission.allowed ? [] : permission.reasons,
      }
    })
  }

  return {
    commands: summaries,
    help: (actor, wish) => help(summaries(actor), wish),
    async agents() {
      const listing = await directory?.list().catch(() => undefined)
      const views = new Map(listing?.agents.map(view => [view.agentId, view]))
      const ours = [...agents.values()].map(({id, name, description, command}) => ({
        ...{id, name, description, command},
        ...presence(listing, views.get(id)),
      }))
      const others = [...views.values()].filter(view => !agents.has(view.agentId))
      return [...ours, ...others.map(view => ({...foreign(view), ...presence(listing, view)}))]
    },
  }
}

function foreign({agentId, agentName, capabilities}: AgentView) {
  const description = capabilities.map(capability => capability.name).join(', ')
  return {id: agentId, name: agentName, description, command: undefined}
}

/** An agent that a registry which answers does not know is not there. */
function presence(
  listing: Listing | undefined,
  view: AgentView | undefined,
): Pick<AgentSummary, 'status' | 'load' | 'lastSeen'> {
  const lastSeen = view?.lastHeartbeat === 0 ? undefined : view?.lastHeartbeat
  if (listing?.source !== 'registry') return {status: 'unknown', load: undefined, lastSeen}
  return {status: view?.status ?? 'offline', load: view?.load, lastSeen}
}
