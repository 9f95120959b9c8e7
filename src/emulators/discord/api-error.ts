/** The tree Discord puts under `errors` of a 50035: keys follow the path, leaves are `_errors` lists. */
export interface ErrorTree {
  [key: string]: ErrorTree | readonly FormFault[]
}

export interface FormFault {
  readonly code: string
  readonly message: string
}

/** A refusal exactly as it leaves the server: HTTP status, JSON error code, Discord's own wording. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: number
  readonly errors: ErrorTree | undefined

  constructor(status: number, code: number, message: string, errors?: ErrorTree) {
    super(message)
    this.status = status
    this.code = code
    this.errors = errors
  }

  get body(): {message: string; code: number; errors?: ErrorTree} {
    return {message: this.message, code: this.code, ...(this.errors && {errors: this.errors})}
  }
}

/** Every refusal this emulator knows, by what it means. Codes and texts: Discord's table of JSON error codes. */
export const refusals = {
  notFound: () => new ApiError(404, 0, '404: Not Found'),
  methodNotAllowed: () => new ApiError(405, 0, '405: Method Not Allowed'),
  unauthorized: () => new ApiError(401, 0, '401: Unauthorized'),
  invalidApiVersion: () => new ApiError(400, 50041, 'Invalid API version provided'),
  invalidJson: () => new ApiError(400, 50109, 'The request body contains invalid JSON.'),
  requestTooLarge: () => new ApiError(413, 40005, 'Request entity too large'),
  unknownApplication: () => new ApiError(404, 10002, 'Unknown Application'),
  unknownChannel: () => new ApiError(404, 10003, 'Unknown Channel'),
  unknownGuild: () => new ApiError(404, 10004, 'Unknown Guild'),
  unknownMember: () => new ApiError(404, 10007, 'Unknown Member'),
  unknownMessage: () => new ApiError(404, 10008, 'Unknown Message'),
  unknownUser: () => new ApiError(404, 10013, 'Unknown User'),
  unknownWebhook: () => new ApiError(404, 10015, 'Unknown Webhook'),
  unknownInteraction: () => new ApiError(404, 10062, 'Unknown interaction'),
  unknownCommand: () => new ApiError(404, 10063, 'Unknown application command'),
  tooManyCommands: () => new ApiError(400, 30032, 'Maximum number of application commands reached (100).'),
  alreadyAcknowledged: () => new ApiError(400, 40060, 'Interaction has already been acknowledged.'),
  threadExists: () => new ApiError(400, 160004, 'A thread has already been created for this message'),
  threadLocked: () => new ApiError(400, 160005, 'Thread is locked'),
  wrongChannelType: () => new ApiError(400, 50024, 'Cannot execute action on this channel type'),
  archivedThread: () => new ApiError(400, 50083, 'Thread is archived'),
  missingAccess: () => new ApiError(403, 50001, 'Missing Access'),
  notTheAuthor: () => new ApiError(403, 50005, 'Cannot edit a message authored by another user'),
  emptyMessage: () => new ApiError(400, 50006, 'Cannot send an empty message'),
  cannotMessageUser: () => new ApiError(403, 50007, 'Cannot send messages to this user'),
  missingPermissions: () => new ApiError(403, 50013, 'Missing Permissions'),
  invalidToken: () => new ApiError(401, 50027, 'Invalid Webhook Token'),
  invalidForm: (errors: ErrorTree) => new ApiError(400, 50035, 'Invalid Form Body', errors),
} as const

/** One fault at one place of the form, as a whole refusal: `invalidField(['data', 'flags'], 'CODE', '…')`. */
export function invalidField(path: readonly (string | number)[], code: string, message: string): ApiError {
  return refusals.invalidForm(plant({}, path, {code, message}))
}

/** Adds a fault to a tree in place and hands the tree back. */
export function plant(tree: ErrorTree, path: readonly PropertyKey[], fault: FormFault): ErrorTree {
  let node = tree
  for (const key of path) node = (node[String(key)] ??= {}) as ErrorTree
  node['_errors'] = [...((node['_errors'] as readonly FormFault[] | undefined) ?? []), fault]
  return tree
}
