import type {PastRun} from '../sdk/index.ts'

/** File names that people give to the same pipeline, the usual one first. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  test: ['test', 'tests', 'ci', 'check', 'checks', 'build', 'main'],
  build: ['build', 'ci'],
  lint: ['lint', 'check', 'checks', 'ci'],
}

/** The workflow file of a pipeline, by its name; `test` may be `ci.yml`. Undefined when none is called like it. */
export function chooseWorkflow(files: readonly string[], pipeline: string): string | undefined {
  const stem = (file: string) => file.replace(/\.ya?ml$/, '').toLowerCase()
  const wanted = pipeline.toLowerCase()
  for (const alias of [wanted, ...(ALIASES[wanted] ?? [])]) {
    const found = files.find(file => stem(file) === alias)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * The targets that a start of this workflow may ship to: the one that is named, if it is shipped to that way, or else all
 * that are.
 */
export function targetsShipped<T extends ShippedThrough & {readonly name: string}>(
  targets: readonly T[],
  {repository, workflow, target}: ShippedThrough & {readonly target?: string | undefined},
): readonly T[] {
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase()
  const all = targets.filter(one => same(one.repository, repository) && same(one.workflow, workflow))
  const named = all.filter(({name}) => name === target)
  return named.length > 0 ? named : all
}

interface ShippedThrough {
  readonly repository: string
  readonly workflow: string
}

/** Of each workflow the newest, in the order given: newest first. */
export function newestOfEach(runs: readonly PastRun[]): readonly PastRun[] {
  return runs.filter((run, index) => runs.findIndex(other => other.workflow === run.workflow) === index)
}

/**
 * The newest success of another commit. Where nothing says which one to leave, it is that of the newest run; and if
 * that one succeeded, and still is no good, only what was there before it was first shipped counts: it may itself be
 * the way back from the success that follows it.
 */
export function lastGood(history: readonly PastRun[], not: string | undefined): PastRun | undefined {
  const [newest] = history
  const left = not ?? newest?.sha
  const stands = not === undefined && newest?.conclusion === 'success'
  const first = stands ? history.findLastIndex(run => run.sha === left) : -1
  return history.slice(first + 1).find(run => run.conclusion === 'success' && run.sha !== left)
}

/** How long until the next look: as often as asked for at first, less and less for what takes long. */
export function pauseMs(elapsedMs: number, pollMs: number): number {
  return Math.min(Math.max(pollMs, elapsedMs / 20), 10 * pollMs)
}
