import {z} from 'zod'
import {type ErrorTree, type FormFault, plant, refusals} from './api-error.ts'

/**
 * Reads a request body by its schema, or refuses with 50035 and the tree of everything that is wrong. Schemas
 * are strict objects: a field the API does not list is a fault here, although Discord itself would ignore it,
 * because in our own requests it is always a mistake.
 */
export function readForm<S extends z.ZodType>(
  schema: S,
  body: unknown,
  at: readonly (string | number)[] = [],
): z.output<S> {
  const parsed = schema.safeParse(body ?? {})
  if (parsed.success) return parsed.data
  const tree: ErrorTree = {}
  for (const issue of parsed.error.issues)
    for (const {path, fault} of translate(issue)) plant(tree, [...at, ...path], fault)
  throw refusals.invalidForm(tree)
}

/** A rule that schemas cannot say by shape; `code` is Discord's, such as `COMPONENT_CUSTOM_ID_DUPLICATED`. */
export function fault(
  context: z.core.$RefinementCtx,
  path: PropertyKey[],
  code: string,
  message: string,
): void {
  context.addIssue({code: 'custom', path, message, params: {code}})
}

/** The id of something, as text; numbers are refused as they would have lost digits. */
export const snowflake = z.string().regex(/^\d{1,20}$/, 'Value is not snowflake.')

/** An optional field that may also be null, which means the same as leaving it out when creating. */
export const maybe = <S extends z.ZodType>(schema: S) => schema.nullish()

/** A link Discord would open: http or https. */
export const webUrl = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .refine(isWebUrl, {
      message: 'Not a well formed URL.',
      params: {code: 'URL_TYPE_INVALID_URL'},
    })

/** An address of a picture: a link or a file of the same message (`attachment://name.png`). */
export const mediaUrl = z
  .string()
  .max(2048)
  .refine(isMediaUrl, {
    message: 'Scheme must be one of (http, https, attachment).',
    params: {code: 'URL_TYPE_INVALID_SCHEME'},
  })

function isWebUrl(text: string): boolean {
  return /^https?:\/\/[^\s]+$/i.test(text) && URL.canParse(text)
}

function isMediaUrl(text: string): boolean {
  return isWebUrl(text) || /^attachment:\/\/[\w.-]+$/.test(text)
}

interface Translated {
  readonly path: readonly PropertyKey[]
  readonly fault: FormFault
}

function translate(issue: z.core.$ZodIssue): Translated[] {
  const one = (code: string, message: string): Translated[] => [{path: issue.path, fault: {code, message}}]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => ({
        path: [...issue.path, key],
        fault: {code: 'UNKNOWN_FIELD', message: 'The API lists no such field here.'},
      }))
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? one('NUMBER_TYPE_MAX', `Value must be less than or equal to ${issue.maximum}.`)
        : one('BASE_TYPE_MAX_LENGTH', `Must be ${issue.maximum} or fewer in length.`)
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? one('NUMBER_TYPE_MIN', `Value must be greater than or equal to ${issue.minimum}.`)
        : one('BASE_TYPE_BAD_LENGTH', `Must be ${issue.minimum} or more in length.`)
    case 'invalid_type':
      return issue.message.endsWith('received undefined')
        ? one('BASE_TYPE_REQUIRED', 'This field is required')
        : one('BASE_TYPE_BAD_TYPE', issue.message)
    case 'invalid_value':
      return one('BASE_TYPE_CHOICES', `Value must be one of {${issue.values.map(String).join(', ')}}.`)
    case 'invalid_format':
      return one('STRING_TYPE_REGEX', issue.message)
    case 'custom': {
      const params = issue.params as {code?: string} | undefined
      return one(params?.code ?? 'BASE_TYPE_INVALID', issue.message)
    }
    case 'invalid_union':
      return issue.errors.length === 0
        ? one('UNION_TYPE_CHOICES', 'Value of field "type" must be one of the known types.')
        : (issue.errors[0] ?? []).flatMap(inner =>
            translate(inner).map(({path, fault: found}) => ({path: [...issue.path, ...path], fault: found})),
          )
    default:
      return one('BASE_TYPE_INVALID', issue.message)
  }
}
