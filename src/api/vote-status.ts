import type {RefusalCode} from '../approvals/request.ts'

/** How a vote that does not count is answered over HTTP. */
export const VOTE_STATUS: Readonly<Record<RefusalCode, number>> = {
  NOT_FOUND: 404,
  UNKNOWN_PERSON: 403,
  NOT_ENTITLED: 403,
  OWN_REQUEST: 403,
  ALREADY_DECIDED: 409,
  ALREADY_VOTED: 409,
  MOVED: 409,
  EXPIRED: 410,
  REASON_REQUIRED: 400,
  JUSTIFICATION_REQUIRED: 400,
  FORGED: 403,
  WRONG_CODE: 403,
  NO_CODE: 403,
  EDITED: 409,
}
