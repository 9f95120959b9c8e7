import {Counter, type Registry} from 'prom-client'
import type {QualityGrade} from './score.ts'

export interface EvaluationMetrics {
  /** Undefined: there was nothing to grade. */
  evaluated(grade: QualityGrade | undefined): void
}

export function createEvaluationMetrics({registry}: {readonly registry: Registry}): EvaluationMetrics {
  const evaluations = new Counter({
    name: 'workflow_evaluations_total',
    help: 'Ended runs by their grade; none: no agent did anything in them',
    labelNames: ['grade'] as const,
    registers: [registry],
  })
  return {evaluated: grade => evaluations.inc({grade: grade?.toLowerCase() ?? 'none'})}
}
