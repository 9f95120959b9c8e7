import {z} from 'zod'
import type {Json} from '../../kernel/json.ts'
import {didYouMean} from '../../platform/config/faults.ts'
import {describeIssue} from '../../platform/config/read-file.ts'
import type {ActionDefinition, AgentDefinition} from '../../sdk/agent.ts'
import type {WorkflowDefinition} from '../../sdk/workflow.ts'
import {expressionsIn} from './template.ts'

/** What a definition may call. */
export interface Catalogue {
  readonly agents: ReadonlyMap<string, Pick<AgentDefinition, 'actions'>>
  readonly workflows: ReadonlyMap<string, Pick<WorkflowDefinition, 'input'>>
}

export type KnownAction = Pick<ActionDefinition, 'input' | 'output' | 'pure'>

export type ActionLookup =
  | {readonly found: KnownAction}
  | {
      readonly found: undefined
      /** Which of the two names is wrong. */
      readonly at: 'agent' | 'action'
      readonly message: string
      readonly suggestion: string
    }

export function findAction(
  catalogue: Catalogue,
  call: {readonly agent: string; readonly action: string},
): ActionLookup {
  const agent = catalogue.agents.get(call.agent)
  if (!agent) {
    const suggestion = choice(call.agent, [...catalogue.agents.keys()], 'There are')
    return {found: undefined, at: 'agent', message: `is ${call.agent}, which is no agent here`, suggestion}
  }
  const action = Object.hasOwn(agent.actions, call.action) ? agent.actions[call.action] : undefined
  if (action) return {found: action}
  return {
    found: undefined,
    at: 'action',
    message: `is ${call.action}, which ${call.agent} does not have`,
    suggestion: choice(call.action, Object.keys(agent.actions), 'It has'),
  }
}

/** The word that was meant, or all there is to choose from. */
export function choice(word: string, known: readonly string[], introduction: string): string {
  return didYouMean(word, known) || `${introduction} ${known.length === 0 ? 'none' : known.join(', ')}.`
}

export interface Misfit {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly suggestion?: string
}

/**
 * What can be told to be wrong with an input before its expressions are evaluated: keys that the schema lacks,
 * required ones that are missing, and values without expressions that it refuses.
 */
export function misfits(schema: z.ZodType, given: Readonly<Record<string, Json>>): Misfit[] {
  const shape = shapeOf(schema)
  if (!shape) return isConstant(given) ? refusals(schema, given, []) : []
  const unknown = Object.keys(given)
    .filter(key => !Object.hasOwn(shape, key))
    .map(key => ({
      path: [key],
      message: 'is no input it takes',
      suggestion: choice(key, Object.keys(shape), 'It takes'),
    }))
  const wrong = Object.entries(shape).flatMap(([key, field]): Misfit[] => {
    const value = given[key]
    if (value === undefined)
      return field.safeParse(undefined).success
        ? []
        : [{path: [], message: `lacks ${key}, which is required`}]
    return isConstant(value) ? refusals(field, value, [key]) : []
  })
  return [...unknown, ...wrong]
}

function refusals(schema: z.ZodType, value: Json, path: readonly PropertyKey[]): Misfit[] {
  const parsed = schema.safeParse(value, {error: describeIssue})
  if (parsed.success) return []
  return parsed.error.issues.map(issue => ({path: [...path, ...issue.path], message: issue.message}))
}

function isConstant(value: Json): boolean {
  return expressionsIn(value).length === 0
}

/** The first of the fields that an output of this schema never has, as far as the schema tells. */
export function missingField(
  schema: z.ZodType,
  fields: readonly string[],
): {readonly field: string; readonly suggestion: string} | undefined {
  let at: z.ZodType | undefined = schema
  for (const field of fields) {
    const shape: Readonly<Record<string, z.ZodType>> | undefined = at && shapeOf(at)
    if (!shape) return undefined
    if (!Object.hasOwn(shape, field)) return {field, suggestion: choice(field, Object.keys(shape), 'It has')}
    at = shape[field]
  }
  return undefined
}

/** The fields of an object's schema, if that is what it is and it takes no others. */
function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return shapeOf(schema.unwrap() as z.ZodType)
  if (!(schema instanceof z.ZodObject)) return undefined
  const {catchall} = schema.def
  if (catchall !== undefined && !(catchall instanceof z.ZodNever)) return undefined
  return schema.shape
}
