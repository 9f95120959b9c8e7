import {readdir} from 'node:fs/promises'
import {z} from 'zod'
import type {Surroundings} from '../../../src/planning/build.ts'
import {inCheckout} from '../../../src/platform/checkout.ts'
import {defineAction, defineAgent, type AgentDefinition} from '../../../src/sdk/index.ts'
import {loadWorkflows} from '../../../src/workflows/definition/load.ts'

/** Stands in where the checkout has none. */
const FEATURE_DEV = defineAgent({
  id: 'feature-dev',
  name: 'Feature development',
  description: 'Changes code',
  queue: {concurrency: 1, timeoutMs: 1000},
  actions: Object.fromEntries(
    ['generate_code', 'refactor_code'].map(name => [
      name,
      defineAction({
        description: 'Changes code',
        input: z.object({description: z.string(), repo_url: z.string().optional()}),
        output: z.object({pr_number: z.int().nullable(), branch: z.string().nullable()}),
        run: async () => ({kind: 'following'}),
      }),
    ]),
  ),
})

/** The agents and workflows of the checkout, and targets as a team may have them. */
export async function checkout(): Promise<Surroundings> {
  const files = (await readdir(inCheckout('agents'))).filter(file => file.endsWith('.ts'))
  const loaded = await Promise.all(
    files.map(async file => {
      const {default: agent} = (await import(`${inCheckout('agents')}/${file}`)) as {default: AgentDefinition}
      return [agent.id, agent] as const
    }),
  )
  const agents = new Map<string, AgentDefinition>([[FEATURE_DEV.id, FEATURE_DEV], ...loaded])
  const {definitions} = await loadWorkflows(inCheckout('workflows'), agents)
  return {
    agents,
    isUp: () => true,
    workflows: definitions,
    targets: [
      {name: 'client', repository: 'acme/web', ref: 'main', environment: 'production', service: 'web'},
      {name: 'api', repository: 'acme/api', ref: 'main', environment: 'staging', service: 'api'},
    ],
    repositoryOf: text => text ?? 'acme/web',
  }
}

export const KNOWN = {
  targets: [
    {name: 'client', service: 'web', environment: 'production' as const},
    {name: 'api', service: 'api', environment: 'staging' as const},
  ],
  repositories: ['acme/web', 'acme/api'],
}
