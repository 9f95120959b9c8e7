import type {Json} from '../kernel/json.ts'
import type {Logger} from '../platform/logger.ts'
import type {QueueWorker, Queues, ReceivedJob, Timing} from '../platform/queue.ts'

/** One kind of work that comes by itself. */
export interface ScheduledWork {
  /** Names its jobs. */
  readonly name: string
  /** The id of a schedule says what it is for: the same one again is the same schedule. */
  readonly schedules: readonly {readonly id: string; readonly when: Timing; readonly data: Json}[]
  /** `signal`: another worker has taken the job over, or this one ends. */
  run(job: ReceivedJob, signal: AbortSignal): Promise<Json>
}

export const SCHEDULES_QUEUE = 'schedules'

/**
 * Has work done on schedule, through BullMQ's job schedulers: each firing is one job over all workers. Schedules no
 * longer configured are removed.
 */
export async function startSchedules({
  works,
  queues,
  log,
  lockMs,
}: {
  readonly works: readonly ScheduledWork[]
  readonly queues: Queues
  readonly log: Logger
  readonly lockMs: number
}): Promise<QueueWorker> {
  const wanted = works.flatMap(({name, schedules}) => schedules.map(schedule => ({...schedule, name})))
  const ids = wanted.map(({id}) => id)
  for (const {id} of await queues.schedules(SCHEDULES_QUEUE))
    if (!ids.includes(id)) await queues.unschedule(SCHEDULES_QUEUE, id)
  for (const {id, when, name, data} of wanted) await queues.schedule(SCHEDULES_QUEUE, id, when, {name, data})
  if (ids.length > 0) log.info({schedules: ids}, 'scheduled work')

  return queues.work(SCHEDULES_QUEUE, {concurrency: 2, lockMs}, async (job, signal) => {
    // A job of a schedule that another version of us knew is nothing to do for this one.
    const work = works.find(({name}) => name === job.name)
    return work ? work.run(job, signal) : null
  })
}
