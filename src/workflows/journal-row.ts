import type {Fact} from './fact.ts'

/** A row of the journal as Postgres answers it. */
export interface JournalRow {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly facts: readonly (Omit<Fact, 'at'> & {readonly at?: number})[]
}

/** Facts as the journal keeps them: those of the row's own time go without it. */
export function packFacts(facts: readonly Fact[]): string | null {
  const [first] = facts
  if (!first) return null
  return JSON.stringify(facts.map(fact => (fact.at === first.at ? {...fact, at: undefined} : fact)))
}

/** The facts of a row, each with its time. */
export function unpackFacts({at, facts}: JournalRow): readonly Fact[] {
  return facts.map(fact => (fact.at === undefined ? {...fact, at} : fact) as Fact)
}
