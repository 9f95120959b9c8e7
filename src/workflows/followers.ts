import type {Pool} from 'pg'
import type {EndedCommand, InvocationStore} from '../invocations/store.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError, toError} from '../kernel/errors.ts'
import type {ReplyStore} from '../notifications/store.ts'
import type {Logger} from '../platform/logger.ts'
import {transaction} from '../platform/postgres.ts'
import {isOver} from './evolve.ts'
import type {Follower, FollowerStore} from './follower-store.ts'
import {closing, describe} from './message.ts'
import type {Workflows} from './service.ts'

const AT_ONCE = 100

export type Followers = ReturnType<typeof createFollowers>

/**
 * Keeps the messages of commands at what their runs say, and ends each command with its run, once. Level-triggered: what
 * a crash left undone the next sweep of any worker does.
 */
export function createFollowers({
  pool,
  store,
  workflows,
  invocations,
  replies,
  notify,
  observeEnd,
  redact,
  clock,
  log,
}: {
  readonly pool: Pool
  readonly store: FollowerStore
  readonly workflows: () => Pick<Workflows, 'get' | 'cancel'>
  readonly invocations: Pick<InvocationStore, 'endWithin' | 'followWithin'>
  readonly replies: Pick<ReplyStore, 'write'>
  readonly notify: (invocationId: string) => Promise<void>
  /** Told of each command that its run brought to its end. */
  readonly observeEnd: (ended: EndedCommand) => void
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly log: Logger
}) {
  async function refresh(follower: Follower): Promise<void> {
    const {id, asker} = follower
    const run = await workflows().get(follower.run)
    if (!run) return
    const over = isOver(run.status)
    const asked = {by: asker, correlationId: id}
    let ended: EndedCommand | undefined
    const shown = await transaction(pool, async db => {
      if (!(await store.showWithin(db, follower, over))) return false
      const view = describe(run, {asked, redact, now: clock()})
      await replies.write(db, id, view, over ? closing(run, {asked, redact, now: clock()}) : undefined)
      if (over)
        ended = await invocations.endWithin(db, id, {
          status: run.status === 'completed' ? 'succeeded' : (run.status as 'failed' | 'cancelled'),
          result: {run: run.id, status: run.status},
        })
      return true
    })
    if (ended) observeEnd(ended)
    if (shown) await notify(id)
  }

  return {
    /** From here on the run carries the command on: its message shows the run, and both end together. */
    async follow(id: string, run: string): Promise<void> {
      await transaction(pool, async db => {
        if (await invocations.followWithin(db, id)) await store.insertWithin(db, id, run)
      })
      const follower = await store.ifBehind(id)
      if (follower) await refresh(follower)
    },

    /** Tells the run that carries a command on to stop; undefined when there is none, or it has ended. */
    async cancel(id: string, by: string): Promise<'stopping' | undefined> {
      const run = await store.runOf(id)
      if (run === undefined) return undefined
      try {
        await workflows().cancel(run, {by})
        return 'stopping'
      } catch (error) {
        if (error instanceof AppError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND'))
          return undefined
        throw error
      }
    },

    /** Brings messages to what their runs say by now. */
    async sweep(): Promise<number> {
      const behind = await store.behind(AT_ONCE)
      for (const follower of behind) {
        await refresh(follower).catch((error: unknown) =>
          log.warn(
            {run: follower.run, reason: toError(error).message},
            'a run’s message is left to the next sweep',
          ),
        )
      }
      return behind.length
    },
  }
}
