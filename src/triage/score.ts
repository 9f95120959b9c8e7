import {isTestFile, type Failure, type FailureKind} from './failure.ts'

/** What is known of a missing module besides what the log says. */
export interface Sighting {
  /** Where the repository imports it: in the file that failed, in another one that the log names, or in none we read. */
  readonly imported?: 'here' | 'elsewhere' | 'nowhere'
  /** Whether its registry has a package of that name; left out where nobody was asked, or nobody knows. */
  readonly registered?: boolean | undefined
}

const BASE = 50
/** How surely a failure of this kind is what it seems to be. */
const KNOWN: Readonly<Record<FailureKind, number>> = {
  missing_dependency: 20,
  memory: 18,
  code_error: 15,
  test_failure: 15,
  lint: 12,
  timeout: 10,
  permission: 10,
  configuration: 8,
  network: 8,
  job_failure: 0,
}
const IMPORTED = {here: 30, elsewhere: 20, nowhere: 5} as const
const REGISTERED = 30
const UNREGISTERED = 20
const LONG_CONTEXT = 5
const SHORT_MESSAGE = 120

/** How sure we are of a failure's cause, from 0 to 100, from its evidence alone. */
export function confidenceOf(failure: Failure, {imported, registered}: Sighting = {}): number {
  const {kind, code, file, line, message, evidence} = failure
  const parts = [
    BASE,
    KNOWN[kind],
    code === undefined || kind === 'job_failure' ? 0 : 20,
    file === undefined ? 0 : line === undefined ? 5 : 10,
    file !== undefined && isTestFile(file) ? 10 : 0,
    evidence.length >= LONG_CONTEXT && kind !== 'job_failure' ? 5 : 0,
    message.length <= SHORT_MESSAGE ? 5 : 0,
    imported === undefined || kind !== 'missing_dependency' ? 0 : IMPORTED[imported],
    registered === true ? REGISTERED : 0,
  ]
  const sure = Math.min(
    100,
    parts.reduce((sum, part) => sum + part),
  )
  // From what all the rest makes of it: a name that there is not speaks against any amount of evidence.
  return registered === false ? sure - UNREGISTERED : sure
}

export type Grade = 'quick win' | 'medium' | 'needs review'

export function gradeOf(confidence: number): Grade {
  if (confidence >= 80) return 'quick win'
  return confidence >= 60 ? 'medium' : 'needs review'
}
