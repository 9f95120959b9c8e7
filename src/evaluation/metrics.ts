import type {Registry} from 'prom-client'
import {createInstruments} from '../platform/instruments.ts'
import type {QualityGrade} from './score.ts'

export interface EvaluationMetrics {
  /** Undefined: there was nothing to grade. */
  evaluated(grade: QualityGrade | undefined): void
}

export function createEvaluationMetrics({registry}: {readonly registry: Registry}): EvaluationMetrics {
  const {counter} = createInstruments(registry)
  const evaluations = counter(
    'workflow_evaluations_total',
    'Ended runs by their grade; none: no agent did anything in them',
    ['grade'],
  )
  return {evaluated: grade => evaluations.inc({grade: grade?.toLowerCase() ?? 'none'})}
}
