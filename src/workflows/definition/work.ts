import type {StepDefinition} from '../../sdk/workflow.ts'

/** What a step does, of which there is one. */
export type WorkKind =
  'action' | 'value' | 'fail' | 'group' | 'timer' | 'signal' | 'approval' | 'workflow' | 'generate'

const KEYS = {
  agent: 'action',
  action: 'action',
  value: 'value',
  fail: 'fail',
  steps: 'group',
  wait: 'signal',
  approval: 'approval',
  workflow: 'workflow',
  generate: 'generate',
} as const satisfies Partial<Record<keyof StepDefinition, WorkKind>>

/** Every kind of work that the step names. */
export function kindsOf(step: StepDefinition): WorkKind[] {
  const kinds = Object.entries(KEYS)
    .filter(([key]) => step[key as keyof StepDefinition] !== undefined)
    .map(([, kind]): WorkKind => (kind === 'signal' && step.wait?.for !== undefined ? 'timer' : kind))
  return [...new Set(kinds)]
}
