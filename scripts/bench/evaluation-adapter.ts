import {evaluate, type Evaluation, type WorkflowResult} from '../../src/evaluation/score.ts'

export interface EvaluationUnderTest {
  evaluate(run: WorkflowResult): Evaluation
}

/** The evaluator; it keeps nothing, so there is nothing to open or to close. */
export function evaluation(): EvaluationUnderTest {
  return {evaluate: run => evaluate(run)}
}
