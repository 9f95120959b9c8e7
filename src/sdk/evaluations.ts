/** EXCELLENT from 90 of 100 on, GOOD from 75, FAIR from 60. */
export type Grade = 'EXCELLENT' | 'GOOD' | 'FAIR' | 'POOR'

/** What became of looking at a run. */
export type EvaluationReport =
  | {
      readonly kind: 'evaluated'
      readonly run: string
      readonly workflow: string
      /** How the run ended. */
      readonly status: string
      readonly evaluation: {
        /** 0 to 100. */
        readonly score: number
        readonly grade: Grade
        /** Times in seconds, rates from 0 to 1. */
        readonly performance: {
          readonly total_time: number
          readonly tasks: number
          readonly succeeded: number
          readonly average_time: number
          readonly longest_time: number
        }
        readonly quality: {
          readonly average_score: number
          readonly error_free_rate: number
          readonly issues: readonly string[]
        }
        readonly recommendations: readonly string[]
      }
      readonly regression: {
        readonly detected: boolean
        /** Null: it is the first of its type. */
        readonly baseline: {
          readonly score: number
          readonly success_rate: number
          readonly runs: number
        } | null
        readonly details: readonly string[]
      }
    }
  /** It has not ended. */
  | {readonly kind: 'open'; readonly run: string; readonly workflow: string; readonly status: string}
  /** No agent did anything in it: there is nothing to grade. */
  | {readonly kind: 'empty'; readonly run: string; readonly workflow: string}
  | {readonly kind: 'unknown'}
  /** No run was asked for, and none has ended yet. */
  | {readonly kind: 'none'}

/** What an agent did in runs of the last thirty days. */
export interface Scorecard {
  readonly tasks: number
  /** 0 to 1. */
  readonly successRate: number
  readonly meanMs: number
  /** 0 to 100, as in an evaluation. */
  readonly score: number
}

/** What something that is done again and again came to in a period. Mean time in seconds, rate from 0 to 1. */
export interface WorkPeriod {
  readonly runs: number
  readonly seconds: number
  readonly score?: number
  readonly successRate: number
}

/** A type of workflow that did less well than before: slower, worse, or both. */
export interface Worsening {
  readonly name: string
  readonly slower: boolean
  readonly worse: boolean
  readonly before: WorkPeriod
  readonly now: WorkPeriod
}

/** Grades of runs, and what got worse. */
export interface EvaluationsPort {
  /** Grades a run that has ended against the latest others of its type; the latest one when none is named. */
  report(run?: string): Promise<EvaluationReport>
  /** By agent; without those that did nothing. */
  scorecards(): Promise<ReadonlyMap<string, Scorecard>>
  /** Types of workflows that were slower or worse in the last `windowMs` than in as much time before. */
  worsened(windowMs: number): Promise<readonly Worsening[]>
  /** The same judgement of two periods of anything else. */
  compare(before: WorkPeriod, now: WorkPeriod): {readonly slower: boolean; readonly worse: boolean}
}
