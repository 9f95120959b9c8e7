import {evaluation} from './evaluation-adapter.ts'
import {percentile} from './statistics.ts'
import {sayVerdicts} from './verdicts.ts'

const TASKS = 20
const ROUNDS = 5
const ROUND_MS = 1_000
const GOAL = 100

/** `npm run bench -- evaluation`: grades of runs of 20 tasks, one after the other. */
export function benchEvaluation(): void {
  const {evaluate} = evaluation()
  const run = {
    workflow_id: 'wf-bench',
    workflow_type: 'bench',
    total_execution_time: 60,
    task_results: Array.from({length: TASKS}, (_, n) => ({
      task_id: `t${n}`,
      agent_role: ['cicd', 'infrastructure', 'documentation'][n % 3] ?? '',
      success: n % 7 !== 0,
      output: {a: 1, b: 'two', c: [3]},
      execution_time: n * 3,
      errors: n % 7 === 0 ? ['it broke'] : [],
      warnings: [],
    })),
  }
  const rates: number[] = []
  for (let round = -1; round < ROUNDS; round++) {
    const until = performance.now() + ROUND_MS
    let done = 0
    while (performance.now() < until) {
      evaluate(run)
      done++
    }
    if (round >= 0) rates.push((done * 1000) / ROUND_MS)
  }
  const rate = percentile(rates, 0.5)
  sayVerdicts([
    {
      what: `runs of ${TASKS} tasks graded`,
      measured: `${Math.round(rate).toLocaleString('en')}/s`,
      goal: `>= ${GOAL}/s`,
      reached: rate >= GOAL,
    },
  ])
}
