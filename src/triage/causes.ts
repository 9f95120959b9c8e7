import {FAILURE_KINDS, type Failure} from './failure.ts'
import {generic} from './generic.ts'
import {javascript} from './javascript.ts'
import {python} from './python.ts'

const MOST_FAILURES = 50
/** Of what a log tells, before repeats are taken out. */
const MOST_TOLD = 300

/** Everything that the lines of one job's log say went wrong, what explains the others first. */
export function failuresIn(lines: readonly string[]): readonly Failure[] {
  const told = [...javascript(lines), ...python(lines)].slice(0, MOST_TOLD)
  // What a tool tells is better than what merely looks like it, but a killed process can't tell anything.
  const signs = generic(lines).filter(({kind}) => told.length === 0 || kind === 'memory')
  return inOrder(withoutRepeats([...told, ...signs])).slice(0, MOST_FAILURES)
}

/** The order in which one failure explains another; among equals the surer one, then the earlier one. */
export function inOrder<F extends Failure & {readonly confidence?: number}>(
  failures: readonly F[],
): readonly F[] {
  const rank = ({kind}: Failure) => FAILURE_KINDS.indexOf(kind)
  return [...failures].sort(
    (one, other) => rank(one) - rank(other) || (other.confidence ?? 0) - (one.confidence ?? 0),
  )
}

/** The same failure is told by several tools, and again in the summary: who names the place knows it best. */
function withoutRepeats(failures: readonly Failure[]): readonly Failure[] {
  const kept: Failure[] = []
  for (const failure of [...failures].sort((one, other) => detail(other) - detail(one))) {
    if (!kept.some(known => isSame(known, failure))) kept.push(failure)
  }
  return failures.filter(failure => kept.includes(failure))
}

function detail({file, line, subject}: Failure): number {
  return (file === undefined ? 0 : 2) + (line === undefined ? 0 : 1) + (subject === undefined ? 0 : 1)
}

function isSame(one: Failure, other: Failure): boolean {
  if (one.kind === 'missing_dependency' && other.kind === one.kind && one.subject !== undefined)
    return one.subject === other.subject
  const samePlace = one.file === other.file && one.line === other.line && one.line !== undefined
  return (
    (samePlace && one.tool !== other.tool) ||
    (one.message === other.message && one.subject === other.subject) ||
    told(one, other) ||
    told(other, one)
  )
}

/** A runtime error that a test's report holds is the test's. */
function told(report: Failure, error: Failure): boolean {
  return report.kind === 'test_failure' && error.kind === 'code_error' && report.message === error.message
}
