import type {Environment} from '../kernel/environment.ts'
import {timestamp} from '../kernel/markdown.ts'
import type {Freeze} from '../platform/config/config.ts'
import type {Db} from '../platform/postgres.ts'
import type {BreakGlass, GlassWindow} from './break-glass.ts'
import {frozen, type Frozen} from './freeze.ts'

/** What meets something that needs an approval, before anybody is asked for one. */
export type GuardVerdict =
  /** Go on and ask for approval. */
  | {readonly kind: 'clear'}
  /** `breakers`: the persons who could break the glass, by id. */
  | ({readonly kind: 'frozen'; readonly breakers: readonly string[]} & Frozen)
  /** The requester broke the glass: no approval, no freeze. */
  | {readonly kind: 'let-through'; readonly window: GlassWindow}

export interface Guard {
  /** As it is now, without any effect: for explanations. */
  look(query: {
    readonly environment: Environment
    readonly person: string | undefined
    readonly now: number
  }): Promise<GuardVerdict>
  /**
   * The same within the transaction that records the beginning; what is let through by broken glass is kept and told,
   * once for each subject (`deployment:<id>`, `run:<id>`).
   */
  pass(
    db: Db,
    query: {
      readonly environment: Environment
      /** The requester's; undefined for schedules and for whom nobody knows. */
      readonly person: string | undefined
      readonly subject: string
      /** One line: `client → production`. */
      readonly title: string
      readonly now: number
    },
  ): Promise<GuardVerdict>
}

/** Freezes and broken glass as one question. */
export function createGuard({
  freezes,
  breakGlass,
}: {
  readonly freezes: readonly Freeze[]
  readonly breakGlass: Pick<BreakGlass, 'open' | 'use' | 'whoMay'>
}): Guard {
  function verdict(window: GlassWindow | undefined, environment: Environment, now: number): GuardVerdict {
    if (window) return {kind: 'let-through', window}
    const freeze = frozen(freezes, environment, now)
    return freeze ? {kind: 'frozen', ...freeze, breakers: breakGlass.whoMay()} : {kind: 'clear'}
  }
  return {
    look: async ({environment, person, now}) =>
      verdict(person === undefined ? undefined : await breakGlass.open(person), environment, now),
    pass: async (db, {environment, person, subject, title, now}) =>
      verdict(
        person === undefined ? undefined : await breakGlass.use(db, {person, subject, title}),
        environment,
        now,
      ),
  }
}

/** A freeze as a line for Discord: until when, why, and who could do something about it. The operator's words are ours. */
export function freezeLine({until, reason, breakers}: Extract<GuardVerdict, {kind: 'frozen'}>): string {
  const who = breakers.slice(0, 3).join(', ')
  const way = who === '' ? 'nobody can break the glass here' : `${who} can use \`/break-glass\``
  return `deploy freeze until ${timestamp(until, 'f')} (${reason}) — ${way}`
}
