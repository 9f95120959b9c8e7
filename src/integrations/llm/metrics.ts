import type {Registry} from 'prom-client'
import {createInstruments} from '../../platform/instruments.ts'
import type {LlmAnswer, LlmUsage} from './llm.ts'

export interface LlmMetrics {
  /** A call came to its end; `aborted` by whom it was for. */
  ended(purpose: string, outcome: LlmAnswer<unknown>['kind'] | 'aborted', seconds: number): void
  used(usage: LlmUsage): void
}

/** Purposes that have a label of their own; a new one belongs here. */
const PURPOSES = new Set(['intent', 'reply', 'plan', 'change', 'triage', 'issue-triage', 'tools'])

export function createLlmMetrics({registry}: {readonly registry: Registry}): LlmMetrics {
  const {counter, histogram} = createInstruments(registry)
  const calls = counter('llm_calls_total', 'Calls of the language model by purpose and outcome', [
    'purpose',
    'outcome',
  ])
  const tokens = counter('llm_tokens_total', 'Tokens sent to and got from the language model', ['direction'])
  const cost = counter(
    'llm_cost_dollars_total',
    'Cost of the language model in US dollars, where its price is configured',
  )
  const seconds = histogram(
    'llm_seconds',
    'Time that calls of the language model took, tries included',
    [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60],
    ['purpose'],
  )
  return {
    ended(purpose, outcome, took) {
      const label = PURPOSES.has(purpose) ? purpose : 'other'
      calls.inc({purpose: label, outcome})
      if (outcome !== 'off' && outcome !== 'over-budget') seconds.observe({purpose: label}, took)
    },
    used({inputTokens, outputTokens, cost: dollars}) {
      tokens.inc({direction: 'input'}, inputTokens)
      tokens.inc({direction: 'output'}, outputTokens)
      cost.inc(dollars ?? 0)
    },
  }
}
