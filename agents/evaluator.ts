import {z} from 'zod'
import {code, plain} from '../src/kernel/markdown.ts'
import {formatDuration} from '../src/kernel/time.ts'
import {defineAction, defineAgent, type EvaluationReport, type Grade, type Reply} from '../src/sdk/index.ts'

const ISSUES_SHOWN = 5

/** Says what a run was worth, on evidence: its own record and those before it. */
export default defineAgent({
  id: 'evaluator',
  name: 'Evaluator',
  description: 'Grades runs of workflows and compares them with earlier ones',
  command: '/evaluate',
  queue: {concurrency: 5, timeoutMs: 30_000},
  actions: {
    evaluate: defineAction({
      description: 'The grade of a run that has ended, and how it compares',
      askable: true,
      input: z.object({run: z.string().optional()}),
      async run({run}, {services: {evaluations}}) {
        return {kind: 'replied', reply: describe(await evaluations.report(run), run ?? '')}
      },
    }),
  },
})

const STATES = {
  EXCELLENT: 'success',
  GOOD: 'success',
  FAIR: 'partial',
  POOR: 'failure',
} as const satisfies Record<Grade, Reply['state']>

function describe(report: EvaluationReport, asked: string): Reply {
  switch (report.kind) {
    case 'none':
      return {
        state: 'info',
        title: 'no workflow run has ended yet',
        lines: ['start one with `/workflow action:run`; once it has ended it is graded'],
      }
    case 'unknown':
      return {
        state: 'error',
        title: 'there is no such run',
        lines: [
          `${code(asked)} is not known, or its record is past its 30 days; see ${code('/workflow action:list')}`,
        ],
      }
    case 'open':
      return {
        state: 'other',
        title: `${report.workflow} · ${report.status}, not graded yet`,
        lines: [`${code(report.run)} is graded once it has ended`],
      }
    case 'empty':
      return {
        state: 'other',
        title: `${report.workflow} · nothing to grade`,
        lines: [`no agent did anything in ${code(report.run)}`],
      }
    case 'evaluated':
      return graded(report)
  }
}

function graded({
  run,
  workflow,
  status,
  evaluation,
  regression,
}: EvaluationReport & {kind: 'evaluated'}): Reply {
  const {score, grade, performance, quality, recommendations} = evaluation
  const {tasks, succeeded, average_time, longest_time, total_time} = performance
  const more = quality.issues.length - ISSUES_SHOWN
  return {
    state: regression.detected && STATES[grade] === 'success' ? 'partial' : STATES[grade],
    title: `${workflow} · ${grade} · ${score.toFixed(1)} of 100`,
    lines: [
      `${code(run)} · ${status} after ${formatDuration(total_time * 1000)}`,
      `${succeeded} of ${tasks} tasks succeeded · ${formatDuration(average_time * 1000)} each on average, the longest ${formatDuration(longest_time * 1000)} · tasks score ${quality.average_score.toFixed(0)}`,
      compared(regression),
      ...quality.issues.slice(0, ISSUES_SHOWN).map(issue => `· ${plain(issue, 120)}`),
      ...(more > 0 ? [`· and ${more} more`] : []),
      ...recommendations.map(line => `→ ${plain(line, 160)}`),
    ],
  }
}

function compared({
  detected,
  baseline,
  details,
}: (EvaluationReport & {kind: 'evaluated'})['regression']): string {
  if (!baseline) return 'the first of its kind: nothing to compare it with yet'
  const {score, runs} = baseline
  const against = `${runs === 1 ? 'the one run' : `the ${runs} runs`} before (${score.toFixed(1)})`
  return detected ? `⚠️ worse than ${against}: ${details.join(' ')}` : `no worse than ${against}`
}
