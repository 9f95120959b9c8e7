import type {JobView, RunView} from './state.ts'

const RANK: Readonly<Record<string, number>> = {
  requested: 0,
  queued: 1,
  pending: 1,
  waiting: 1,
  in_progress: 2,
  completed: 3,
}

/** Reports of a run may arrive in any order; only a later attempt or a further status replaces what is known. */
export function isForward(known: RunView | undefined, seen: RunView): boolean {
  if (!known || seen.attempt > known.attempt) return true
  return seen.attempt === known.attempt && rank(seen.status) >= rank(known.status)
}

/** The jobs now listed, each as far as it was ever seen: two lists may come from replicas of different age. */
export function furthestJobs(known: readonly JobView[], listed: readonly JobView[]): readonly JobView[] {
  return listed.map(job => {
    const before = known.find(other => other.id === job.id)
    return before && isFurther(before, job) ? before : job
  })
}

function isFurther(a: JobView, b: JobView): boolean {
  return rank(a.status) > rank(b.status) || (rank(a.status) === rank(b.status) && stepsDone(a) > stepsDone(b))
}

function stepsDone(job: JobView): number {
  return job.steps.filter(step => step.status === 'completed').length
}

function rank(status: string): number {
  return RANK[status] ?? 1
}
