import {GraphQLError} from 'graphql'

/** An error answer as Linear words it: `type` is what its SDK goes by, `code` what its documents name. */
export function refusal(
  message: string,
  extensions: {
    readonly type?: string
    readonly code: string
    readonly statusCode?: number
    readonly tell?: string
  },
): GraphQLError {
  const {tell, statusCode = 400, ...rest} = extensions
  return new GraphQLError(message, {
    extensions: {
      ...rest,
      statusCode,
      userError: tell !== undefined,
      ...(tell === undefined ? {} : {userPresentableMessage: tell}),
    },
  })
}

/** Ends the operation: what was given can't be used. */
export function refuseInput(message: string, tell: string): never {
  throw refusal(message, {type: 'invalid input', code: 'INPUT_ERROR', tell})
}

/** Ends the operation: there is nothing by that id. */
export function refuseMissing(entity: string): never {
  return refuseInput(`Entity not found: ${entity}`, `Could not find referenced ${entity}.`)
}
