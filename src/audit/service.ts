import {randomUUID} from 'node:crypto'
import {setTimeout as sleep} from 'node:timers/promises'
import {correlation} from '../kernel/correlation.ts'
import {AppError, toError} from '../kernel/errors.ts'
import {ellipsis, visible} from '../kernel/markdown.ts'
import type {Logger} from '../platform/logger.ts'
import {afterCommit, isTransient} from '../platform/postgres.ts'
import {redactValue} from '../platform/redact.ts'
import type {Audit, AuditEvent, AuditNotes, AuditOutcome, AuditRecord} from './audit.ts'
import type {AuditMetrics} from './metrics.ts'
import type {Appended, AuditStore, NewRecord} from './store.ts'

export interface AuditService extends Audit, AuditNotes {
  /** Appends what transactions have noted and no process has appended; answers how many. */
  sweep(): Promise<number>
  /** Waits, some seconds at most, for what is still being written. */
  close(): Promise<void>
}

/** How long things may take, in milliseconds. */
interface Patience {
  /** A refusal or an outcome, until whoever waits goes on. */
  readonly waitMs: number
  /** An intent, until its effect is given up. */
  readonly intentMs: number
  /** Until what can't be written is left to the log. */
  readonly writeMs: number
}

const PATIENCE: Patience = {waitMs: 1_000, intentMs: 5_000, writeMs: 600_000}
const CLOSE_WITHIN_MS = 3_000
const MAX_PAUSE_MS = 5_000

const MAX_TEXT = 200
const MAX_DETAILS = 20

/**
 * The writing half of the record. An intent is durable before its effect begins, and a refusal before it is shown, unless
 * the database takes longer than a second: nobody who is refused waits for that. What could not be written at once is
 * tried again while this process lives; an intent whose outcome was lost with it says so by having none.
 */
export function createAudit({
  store,
  redact,
  metrics,
  log,
  patience = PATIENCE,
}: {
  readonly store: Pick<AuditStore, 'append' | 'note' | 'takeNotes'>
  /** Takes known secrets out of a text. */
  readonly redact: (text: string) => string
  readonly metrics: AuditMetrics
  readonly log: Pick<Logger, 'warn' | 'error'>
  readonly patience?: Patience
}): AuditService {
  const writing = new Set<Promise<unknown>>()
  let taking: Promise<number> | undefined
  let again = false

  function recordOf(
    {action, subject, actor, correlationId = correlation.id(), details = {}}: AuditEvent,
    phase: NewRecord['phase'],
    intent?: string,
  ): NewRecord {
    const clean = (text: string, max = MAX_TEXT) => ellipsis(visible(redact(text)), max)
    // Keys are words of ours: others would sort differently in Postgres and in JavaScript, which both hash them.
    const kept = Object.entries(redactValue(details) as typeof details)
      .filter(([key]) => /^[a-z]\w{0,39}$/i.test(key))
      .slice(0, MAX_DETAILS)
    return {
      id: randomUUID(),
      action: clean(action, 64),
      actor: actor && {id: clean(actor.id, 64), name: clean(actor.name, 80)},
      subject: clean(subject),
      correlationId: correlationId === undefined ? undefined : clean(correlationId, 100),
      phase,
      intent,
      // Postgres and JavaScript write whole numbers alike, and no others.
      details: Object.fromEntries(
        kept.map(([key, value]) => [
          key,
          typeof value === 'string' || (typeof value === 'number' && !Number.isSafeInteger(value))
            ? clean(String(value))
            : value,
        ]),
      ),
    }
  }

  async function append(record: NewRecord): Promise<AuditRecord> {
    const {id, seq, phase} = await store.append(record)
    metrics.recorded(phase)
    return {id, seq}
  }

  /** Again until it is written; the same id is written once, however many of its answers were lost. */
  async function insist(record: NewRecord): Promise<AuditRecord | undefined> {
    const until = Date.now() + patience.writeMs
    for (let pause = 50; ; pause = Math.min(MAX_PAUSE_MS, pause * 2)) {
      try {
        return await append(record)
      } catch (error) {
        const last = !isTransient(error) || Date.now() + pause > until
        const told = {err: toError(error), record}
        if (last) log.error(told, 'an audit record could not be written; this line stands for it')
        else if (pause === 50) log.error(told, 'an audit record could not be written yet')
        if (last) return undefined
        await sleep(pause)
      }
    }
  }

  /** Waits for it only so long. */
  function write(record: NewRecord): Promise<AuditRecord | undefined> {
    const written = keep(insist(record))
    return within(written, patience.waitMs, undefined)
  }

  function keep<T>(work: Promise<T>): Promise<T> {
    writing.add(work)
    return work.finally(() => writing.delete(work))
  }

  /** The intent, durable. The first try may meet a connection that broke while nobody used it. */
  async function announce(event: AuditEvent): Promise<AuditRecord> {
    const record = recordOf(event, 'intent')
    const written = keep(append(record).catch(() => append(record))).catch((error: unknown) => {
      log.error(
        {err: toError(error), record},
        'an effect was not begun, since its intent could not be written',
      )
      return undefined
    })
    const known = await within(written, patience.intentMs, undefined)
    if (known) return known
    // It may be there in the end: then it is also said that nothing came of it.
    void written.then(late => late && end(event, late, {phase: 'failed', details: {error: 'not begun'}}))
    throw new AppError(
      'UPSTREAM_UNAVAILABLE',
      'It was not begun, because it could not be written down first. Try again in a minute.',
    )
  }

  function end(event: AuditEvent, intent: AuditRecord, {phase, details}: AuditOutcome) {
    return write(recordOf({...event, details: details ?? {}}, phase, intent.id))
  }

  async function takeAll(): Promise<number> {
    let count = 0
    do {
      again = false
      for (let taken: readonly Appended[] = []; ; count += taken.length) {
        taken = await store.takeNotes()
        for (const {phase} of taken) metrics.recorded(phase)
        if (taken.length === 0) break
      }
    } while (again)
    return count
  }

  /** What is noted while one taking is under way is taken right after. */
  function take(): Promise<number> {
    again = true
    taking ??= keep(takeAll()).finally(() => (taking = undefined))
    return taking
  }

  return {
    refused: event => write(recordOf(event, 'refused')),

    async around(event, effect, outcome = () => ({phase: 'done'})) {
      const intent = await announce(event)
      let result
      try {
        result = await effect(intent)
      } catch (error) {
        await end(event, intent, outcomeOf(error))
        throw error
      }
      await end(event, intent, outcome(result))
      return result
    },

    async note(db, event, phase = 'done') {
      await store.note(db, recordOf(event, phase))
      // In a turn of its own: what the transaction was made for goes on first.
      afterCommit(db, () => {
        setImmediate(() => {
          take().catch((error: unknown) =>
            log.warn({err: toError(error)}, 'notes for the audit were left to the sweep'),
          )
        })
      })
    },

    sweep: take,

    async close() {
      await within(Promise.allSettled([...writing]), CLOSE_WITHIN_MS, undefined)
    },
  }
}

/** What is known of an effect that threw: whoever says no in so many words did nothing. */
function outcomeOf(error: unknown): AuditOutcome {
  if (!(error instanceof AppError)) return {phase: 'unknown', details: {error: toError(error).name}}
  const nothingDone = error.disposition === 'user' || error.code === 'UPSTREAM_RATE_LIMITED'
  return {phase: nothingDone ? 'failed' : 'unknown', details: {error: error.code}}
}

async function within<T, U>(work: Promise<T>, ms: number, otherwise: U): Promise<T | U> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<U>(resolve => {
    timer = setTimeout(() => resolve(otherwise), ms).unref()
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
