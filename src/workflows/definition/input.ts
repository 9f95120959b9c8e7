import {z} from 'zod'
import {AppError} from '../../kernel/errors.ts'
import type {Json} from '../../kernel/json.ts'
import {describeIssue, pathText} from '../../platform/config/read-file.ts'
import type {InputDeclaration, WorkflowDefinition} from '../../sdk/workflow.ts'

const TYPES = {
  string: () => z.string(),
  integer: () => z.int(),
  number: () => z.number(),
  boolean: () => z.boolean(),
  array: () => z.array(z.json()),
  object: () => z.record(z.string(), z.json()),
} as const satisfies Record<InputDeclaration['type'], () => z.ZodType>

/**
 * What a run of this workflow is started with, as its expressions see it: defaults filled in, and null for what may
 * be left out and was. Throws an AppError INVALID_INPUT that names everything that is wrong.
 */
export function readInput(definition: Pick<WorkflowDefinition, 'name' | 'input'>, given: Json): Json {
  const parsed = inputSchema(definition.input ?? {}).safeParse(given, {error: describeIssue})
  if (parsed.success) {
    const absent = Object.keys(definition.input ?? {}).map(name => [name, null] as const)
    return {...Object.fromEntries(absent), ...parsed.data} as Json
  }
  const wrong = parsed.error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => `input.${key} is not known`)
      : [`${pathText(['input', ...issue.path])} ${issue.message}`],
  )
  throw new AppError('INVALID_INPUT', `${definition.name} can't be started: ${wrong.join('; ')}.`)
}

/** The declarations as a schema; null stands for what is left out. */
export function inputSchema(declared: Readonly<Record<string, InputDeclaration>>): z.ZodObject {
  return z.strictObject(
    Object.fromEntries(
      Object.entries(declared).map(([name, declaration]) => {
        const value = valueSchema(declaration)
        if (declaration.default !== undefined) {
          const {default: standard} = declaration
          return [
            name,
            z
              .preprocess(given => given ?? standard, value)
              .optional()
              .default(standard),
          ]
        }
        return [name, declaration.required === true ? value : value.nullish()]
      }),
    ),
  )
}

/** What one input may be, when it is given. */
export function valueSchema({type, enum: allowed}: InputDeclaration): z.ZodType {
  const value: z.ZodType = TYPES[type]()
  if (!allowed) return value
  return value.refine(given => (allowed as readonly unknown[]).includes(given), {
    error: `must be one of ${allowed.join(', ')}`,
  })
}
