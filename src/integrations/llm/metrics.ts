import {Counter, Histogram, type Registry} from 'prom-client'
import type {LlmAnswer, LlmUsage} from './llm.ts'

export interface LlmMetrics {
  /** A call came to its end; `aborted` by whom it was for. */
  ended(purpose: string, outcome: LlmAnswer<unknown>['kind'] | 'aborted', seconds: number): void
  used(usage: LlmUsage): void
}

/** Purposes that have a label of their own; a new one belongs here. */
const PURPOSES = new Set(['intent', 'reply', 'plan', 'change', 'triage', 'issue-triage', 'tools'])

export function createLlmMetrics({registry}: {readonly registry: Registry}): LlmMetrics {
  const registers = [registry]
  const calls = new Counter({
    name: 'llm_calls_total',
    help: 'Calls of the language model by purpose and outcome',
    labelNames: ['purpose', 'outcome'] as const,
    registers,
  })
  const tokens = new Counter({
    name: 'llm_tokens_total',
    help: 'Tokens sent to and got from the language model',
    labelNames: ['direction'] as const,
    registers,
  })
  const cost = new Counter({
    name: 'llm_cost_dollars_total',
    help: 'Cost of the language model in US dollars, where its price is configured',
    registers,
  })
  const seconds = new Histogram({
    name: 'llm_seconds',
    help: 'Time that calls of the language model took, tries included',
    labelNames: ['purpose'] as const,
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60],
    registers,
  })
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
