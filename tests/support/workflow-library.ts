import {z} from 'zod'
import type {Json} from '../../src/kernel/json.ts'
import {
  defineAction,
  defineAgent,
  type ActionContext,
  type AgentDefinition,
  type Services,
} from '../../src/sdk/index.ts'
import {systemClock} from '../../src/kernel/clock.ts'
import {agentActions, type Actions} from '../../src/workflows/actions.ts'
import {checkDefinition} from '../../src/workflows/definition/check.ts'
import {createLibrary, type Library} from '../../src/workflows/definition/load.ts'
import {definitionError, parseDefinition} from '../../src/workflows/definition/parse.ts'

export type TestActionRun = (
  input: Readonly<Record<string, Json>>,
  context: Pick<ActionContext, 'signal' | 'effect'>,
) => Promise<Json | undefined> | Json | undefined

/** An agent whose actions take any input, and answer what the functions do. */
export function anAgent(id: string, actions: Readonly<Record<string, TestActionRun>>): AgentDefinition {
  return defineAgent({
    id,
    name: id,
    description: id,
    queue: {concurrency: 10, timeoutMs: 60_000},
    actions: Object.fromEntries(
      Object.entries(actions).map(([name, run]) => [
        name,
        defineAction({
          description: name,
          input: z.record(z.string(), z.json()),
          async run(input, context) {
            const output = await run(input, context)
            return {kind: 'replied', reply: {state: 'ok', title: name}, output: output ?? null}
          },
        }),
      ]),
    ),
  })
}

/** Workflows written as YAML, checked and compiled as those of the checkout are. Throws what is wrong with them. */
export function libraryOf(
  texts: readonly string[],
  agents: readonly AgentDefinition[],
): {readonly library: Library; readonly actions: Actions} {
  const byId = new Map(agents.map(agent => [agent.id, agent]))
  const sources = texts.map(text => {
    const parsed = parseDefinition(text, 'test.yaml')
    if (!parsed.ok) throw definitionError(parsed.faults)
    return parsed
  })
  const definitions = new Map(sources.map(({definition}) => [definition.name, definition]))
  const faults = sources.flatMap(source => checkDefinition(source, {agents: byId, workflows: definitions}))
  return {
    library: createLibrary({definitions, faults}, byId),
    actions: agentActions({agents: byId, services: {} as Services, clock: systemClock}),
  }
}
