import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import {choice} from './definition/catalogue.ts'
import {readInput} from './definition/input.ts'
import type {Library} from './definition/load.ts'
import type {WorkflowDefinition} from '../sdk/workflow.ts'
import type {Started, StartRequest, Workflows} from './service.ts'

/** Starts one of the checkout's workflows by name. */
export type Launch = (
  request: Omit<StartRequest, 'workflow'> & {readonly workflow: string},
) => Promise<Started>

/** Starts a workflow that no file holds: it is checked like one, and its run pins it by its content. */
export type LaunchDefinition = (
  request: Omit<StartRequest, 'workflow'> & {readonly definition: WorkflowDefinition},
) => Promise<Started>

/** Throws INVALID_INPUT with all that is wrong with the definition or the input. */
export function createLaunchDefinition({
  library,
  workflows,
}: {
  readonly library: Pick<Library, 'compile'>
  readonly workflows: () => Pick<Workflows, 'start'>
}): LaunchDefinition {
  return async ({definition, input, ...request}) =>
    workflows().start({
      ...request,
      workflow: {plan: library.compile(definition.name, definition), body: definition},
      input: readInput(definition, input),
    })
}

/** Throws NOT_FOUND for a name that no workflow has, and INVALID_INPUT with all that is wrong with the input. */
export function createLaunch({
  library,
  workflows,
}: {
  readonly library: Pick<Library, 'definitions'>
  readonly workflows: () => Pick<Workflows, 'start'>
}): Launch {
  return async ({workflow, input, ...request}) =>
    workflows().start({...request, workflow, input: checkedInput(library, workflow, input)})
}

/** The input as the workflow's expressions see it. Throws as `Launch` does. */
export function checkedInput(
  {definitions}: Pick<Library, 'definitions'>,
  workflow: string,
  given: Json,
): Json {
  const definition = definitions.get(workflow)
  if (definition) return readInput(definition, given)
  const known = choice(workflow, [...definitions.keys()], 'There are')
  throw new AppError('NOT_FOUND', `There is no workflow ${workflow}. ${known}`)
}
