import type {Pool} from 'pg'
import type {Json} from '../kernel/json.ts'

/** An attempt that another process than the run's owner carries out. */
export interface AttemptKey {
  readonly run: string
  readonly path: string
  readonly attempt: number
}

/** What is to be done in an attempt. */
export interface Call {
  readonly agent: string
  readonly action: string
  readonly input: Json
  readonly timeoutMs: number | undefined
  readonly compensation: boolean
  readonly workflow: string
  readonly correlationId: string
}

/** What became of the wish to hold an attempt. */
export type Hold =
  | {readonly kind: 'held'; readonly call: Call}
  /** Another holds it. */
  | {readonly kind: 'taken'}
  /** Its run waits for it no longer. */
  | {readonly kind: 'gone'}

/** The rows of attempts that other processes carry out, each there for as long as its run waits for it. */
export function createAttemptStore({pool}: {readonly pool: Pool}) {
  return {
    /** Makes the attempt the holder's for `leaseMs` from now, or prolongs that. */
    async hold({run, path, attempt}: AttemptKey, holder: string, leaseMs: number): Promise<Hold> {
      const {rows} = await pool.query<{call: Call | null; there: boolean}>({
        name: 'workflows-hold',
        text: `with held as (
            update workflow_attempts
            set holder = $4, held_until = clock_timestamp() + $5::float8 * interval '1 millisecond'
            where workflow_id = $1 and path = $2 and attempt = $3
              and (held_until is null or held_until < clock_timestamp() or holder = $4)
            returning call
          )
          select (select call from held) as call, exists (
            select from workflow_attempts where workflow_id = $1 and path = $2 and attempt = $3) as there`,
        values: [run, path, attempt, holder, leaseMs],
      })
      const [answer] = rows
      if (answer?.call) return {kind: 'held', call: answer.call}
      return {kind: answer?.there ? 'taken' : 'gone'}
    },

    /** Leaves it to whoever comes next, if the holder still has it. */
    async letGo({run, path, attempt}: AttemptKey, holder: string): Promise<void> {
      await pool.query(
        `update workflow_attempts set held_until = clock_timestamp()
         where workflow_id = $1 and path = $2 and attempt = $3 and holder = $4`,
        [run, path, attempt, holder],
      )
    },

    /**
     * Attempts that nobody holds and whose job was sent longer than `silentMs` ago; from here on it counts as sent now.
     * Those of paused runs wait.
     */
    async sendAgain(
      silentMs: number,
      limit: number,
    ): Promise<readonly (AttemptKey & {readonly agent: string})[]> {
      const {rows} = await pool.query<AttemptKey & {agent: string}>(
        `with silent as (
           select workflow_id, path, attempt from workflow_attempts a
           where sent_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
             and (held_until is null or held_until < clock_timestamp())
             and exists (select from workflow_state s
               where s.workflow_id = a.workflow_id and s.completed_at is null and s.stop is distinct from 'pause')
           limit $2 for update skip locked
         )
         update workflow_attempts a set sent_at = clock_timestamp() from silent
         where (a.workflow_id, a.path, a.attempt) = (silent.workflow_id, silent.path, silent.attempt)
         returning a.workflow_id as run, a.path, a.attempt, a.call ->> 'agent' as agent`,
        [silentMs, limit],
      )
      return rows
    },
  }
}
