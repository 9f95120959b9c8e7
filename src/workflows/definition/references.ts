import {didYouMean} from '../../platform/config/faults.ts'
import type {StepDefinition} from '../../sdk/workflow.ts'
import {choice, findAction, missingField, type Catalogue} from './catalogue.ts'
import type {LocalName, Surroundings} from './surroundings.ts'
import type {Reference} from './survey.ts'

export interface WrongReference {
  readonly message: string
  readonly suggestion?: string
}

const LOCALS: Readonly<Record<LocalName, string>> = {
  item: 'item, which exists only inside for-each',
  index: 'index, which exists only inside for-each, repeat and generate',
  previous: 'previous, which exists only inside repeat and generate',
  output: 'output, which exists only in compensate and in repeat.until',
}
const STEP_FIELDS = ['status', 'output', 'error']
const ERROR_FIELDS = ['code', 'message']
const RUN_FIELDS = ['id', 'correlation_id', 'workflow']

/** What is wrong with a reference in its place: a name, input, step or field that is not there, or not there yet. */
export function wrongReference(
  {root, fields}: Reference,
  place: Surroundings,
  catalogue: Catalogue,
): WrongReference | undefined {
  const [name, ...rest] = fields
  if (root === 'steps') return wrongStep(name, rest, place, catalogue)
  if (root === 'input') {
    if (name === undefined || Object.hasOwn(place.inputs, name)) return undefined
    const suggestion = choice(name, Object.keys(place.inputs), 'Declared under input:')
    return {message: `input.${name}, which the workflow does not declare`, suggestion}
  }
  if (root === 'run') return wrongField('run', name, RUN_FIELDS)
  return place.names.has(root as LocalName) ? undefined : {message: LOCALS[root as LocalName]}
}

function wrongStep(
  id: string | undefined,
  [field, ...fields]: readonly string[],
  place: Surroundings,
  catalogue: Catalogue,
): WrongReference | undefined {
  if (id === undefined) return {message: 'steps as a whole', suggestion: 'Name the step: steps.<id>.output.'}
  const found = place.find(id)
  if (!found)
    return {message: `steps.${id}, which does not exist here`, suggestion: didYouMean(id, place.ended())}
  if (!found.ended)
    return {message: `steps.${id}, which need not have ended by then`, suggestion: `Add ${id} to needs.`}
  if (field === 'error') return wrongField(`steps.${id}.error`, fields[0], ERROR_FIELDS)
  if (field !== 'output') return wrongField(`steps.${id}`, field, STEP_FIELDS)
  return wrongOutput(found.step, fields, catalogue)
}

/** What an action declares to answer, or a group's steps by id. Of other steps nothing is known. */
function wrongOutput(
  step: StepDefinition,
  fields: readonly string[],
  catalogue: Catalogue,
): WrongReference | undefined {
  const [field] = fields
  const {agent, action} = step
  if (step['for-each'] !== undefined || field === undefined) return undefined
  if (step.steps) {
    const ids = step.steps.map(({id}) => id)
    return wrongField(`steps.${step.id}.output`, field, ids)
  }
  if (agent === undefined || action === undefined) return undefined
  const schema = findAction(catalogue, {agent, action}).found?.output
  const missing = schema && missingField(schema, fields)
  if (!missing) return undefined
  const path = ['steps', step.id, 'output', ...fields.slice(0, fields.indexOf(missing.field) + 1)]
  return {
    message: `${path.join('.')}, which ${agent}.${action} does not answer`,
    suggestion: missing.suggestion,
  }
}

function wrongField(
  of: string,
  field: string | undefined,
  known: readonly string[],
): WrongReference | undefined {
  if (field === undefined || known.includes(field)) return undefined
  return {message: `${of}.${field}, which does not exist`, suggestion: choice(field, known, 'It has')}
}
