import {
  getNamedType,
  isCompositeType,
  isLeafType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type FieldNode,
} from 'graphql'
import {schema} from './schema.ts'

export const MOST_POINTS = 10_000
const DEFAULT_PAGE = 50

/**
 * Points of a query by Linear's rule: 0.1 for a property, 1 for an object, and a connection multiplies what is under it
 * by its page. docs: linear.app/developers/rate-limiting, "Complexity".
 */
export function complexityOf(document: DocumentNode, variables: Readonly<Record<string, unknown>>): number {
  const types = new TypeInfo(schema)
  const multipliers = [1]
  let points = 0
  visit(
    document,
    visitWithTypeInfo(types, {
      Field: {
        enter(field) {
          const type = getNamedType(types.getType())
          const here = multipliers.at(-1) ?? 1
          if (type && isLeafType(type)) points += 0.1 * here
          const isConnection = type?.name.endsWith('Connection') === true
          // The connection itself and its list of nodes are not objects of their own.
          if (type && isCompositeType(type) && !isConnection) points += here
          multipliers.push(isConnection ? here * pageOf(field, variables) : here)
        },
        leave: () => void multipliers.pop(),
      },
    }),
  )
  return Math.ceil(points)
}

function pageOf(field: FieldNode, variables: Readonly<Record<string, unknown>>): number {
  const value = field.arguments?.find(({name}) => name.value === 'first')?.value
  const first =
    value?.kind === Kind.INT
      ? Number(value.value)
      : value?.kind === Kind.VARIABLE
        ? variables[value.name.value]
        : undefined
  return typeof first === 'number' ? first : DEFAULT_PAGE
}
