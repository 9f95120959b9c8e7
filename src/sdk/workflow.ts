import {z} from 'zod'
import {DURATION_PATTERN} from '../kernel/time.ts'

/** What a definition may hold at most. What runs make of it has limits of its own. */
export const WORKFLOW_LIMITS = {
  /** Of the whole definition, those inside groups too. */
  steps: 5_000,
  /** Groups inside groups. */
  nesting: 8,
  /** Of a list under `for-each`, and of one that an expression gives it. */
  items: 1_000,
  rounds: 100,
  /** Steps that one `generate` may add. */
  generated: 200,
  retries: 20,
  parallel: 100,
} as const

const KEYWORDS =
  /^(as|break|const|constructor|continue|else|for|function|if|import|in|let|loop|null|package|namespace|prototype|return|true|false|var|void|while)$/

const identifier = (what: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,63}$/, `must be ${what} of lower-case letters, digits and _, such as run_tests`)
    .refine(text => !KEYWORDS.test(text), 'is a word that expressions can not use as a name; choose another')

const stepId = identifier('an id')
const workflowName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be a name of lower-case letters, digits and dashes')
const agentId = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be the id of an agent, such as cicd')
const actionName = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be the name of an action')
const text = z.string().min(1).max(500)
const duration = z.string().regex(DURATION_PATTERN, 'must be a duration such as 90s, 10m, 2h or 14d')
const expression = z
  .string()
  .min(1)
  .describe('an expression that is true or false; ${{ }} around it may be left out')
const template = z.string().min(1).max(2_000)
const values = z
  .record(z.string(), z.json())
  .describe('values; ${{ expression }} in a text stands for what it evaluates to')

const call = {
  agent: agentId,
  action: actionName,
  with: values.optional(),
}

const step = z.strictObject({
  id: stepId.describe('how others refer to it: steps.<id>.output'),
  name: text.optional().describe('shown to people; the id when left out'),
  needs: z
    .array(z.string())
    .optional()
    .describe('ids of the steps it waits for; the one before it when left out, none with []'),
  if: expression.optional(),

  agent: agentId.optional().describe('who performs the action'),
  action: actionName.optional(),
  with: values.optional().describe("the action's or the workflow's input"),
  value: z.json().optional().describe('its output; nothing is performed'),
  fail: template.optional().describe('fails with this message; has an if as a rule'),
  get steps() {
    return z
      .array(step)
      .min(1, 'must have at least one step')
      .optional()
      .describe('a group: steps that see each other')
  },
  wait: z
    .strictObject({
      for: template.optional().describe('a duration such as 10m'),
      signal: template.optional().describe('the name of a signal; its payload is the output'),
    })
    .refine(({for: time, signal}) => (time === undefined) !== (signal === undefined), {
      error: 'must have either for or signal',
    })
    .optional(),
  approval: z
    .strictObject({
      title: template.describe('what is to be approved, in one line'),
      operation: template.optional().describe('such as deploy'),
      environment: template.optional().describe('such as production'),
      resource: template.optional().describe('such as service or database'),
      ticket: template
        .optional()
        .describe('identifier of the issue of the change, such as OPS-12; infrastructure takes one'),
      backup: template.optional().describe('the backup that was verified; a change of data takes one'),
      details: values.optional().describe('what approvers should see'),
    })
    .optional()
    .describe('waits for people; rejected, the step fails'),
  workflow: workflowName
    .optional()
    .describe('another workflow as a run of its own; its result is the output'),
  generate: z
    .strictObject({
      ...call,
      max: z.int().min(1).max(WORKFLOW_LIMITS.generated).describe('steps it may add'),
    })
    .optional()
    .describe('asks an action for steps, performs them, and asks again until none come'),

  timeout: duration.optional().describe('of one attempt, or of the wait'),
  retry: z
    .strictObject({
      max: z.int().min(0).max(WORKFLOW_LIMITS.retries).describe('attempts after the first'),
      delay: duration
        .optional()
        .describe('before the first retry, doubled for each further one; 2s when left out'),
      'max-delay': duration.optional().describe('5m when left out'),
    })
    .optional(),
  'for-each': z
    .union([template, z.array(z.json()).max(WORKFLOW_LIMITS.items)], {
      error: 'must be a list or an expression',
    })
    .optional()
    .describe('done once for each item, which is `item`; the output is the list of outputs'),
  'max-parallel': z
    .int()
    .min(1)
    .max(WORKFLOW_LIMITS.parallel)
    .optional()
    .describe('items under way at a time; 10 when left out'),
  repeat: z
    .strictObject({
      until: expression.describe('asked after each round, whose output is `output`'),
      max: z
        .int()
        .min(1)
        .max(WORKFLOW_LIMITS.rounds)
        .describe('rounds; the step fails when they are used up'),
      delay: duration.optional().describe('after the first round, doubled for each further one'),
    })
    .optional(),
  'continue-on-error': z.boolean().optional().describe('its failure does not fail the run'),
  compensate: z
    .strictObject(call)
    .optional()
    .describe('undoes it should the run fail later; what it had answered is `output`'),
  lock: z
    .strictObject({
      resource: template.describe('such as deployment:production:web'),
      kind: z.enum(['exclusive', 'deploy', 'migration', 'backfill']).optional(),
    })
    .optional()
    .describe('held while the step is under way'),
  checkpoint: stepId.optional().describe('the name under which the state is kept when it succeeds'),
})

const inputDeclaration = z.strictObject({
  type: z.enum(['string', 'integer', 'number', 'boolean', 'array', 'object']),
  required: z.boolean().optional(),
  default: z.json().optional(),
  description: text.optional(),
  enum: z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .max(100)
    .optional(),
})

/**
 * The one description of a workflow definition: what is validated, what `workflow.schema.json` publishes
 * (`npm run schema`) and where "did you mean" looks. A definition is data: it is kept as it was written.
 */
export const workflowSchema = z
  .strictObject({
    name: workflowName,
    description: text.optional(),
    input: z.record(identifier('a name'), inputDeclaration).optional().describe('what a run is started with'),
    steps: z.array(step).min(1, 'must have at least one step'),
    result: z.json().optional().describe('what the run answers; the outputs by step id when left out'),
  })
  .describe('Signalbox workflow')

/** Steps as an action answers them to `generate`. */
export const generatedSchema = z.strictObject({steps: z.array(step).max(WORKFLOW_LIMITS.generated)})

/** A workflow as it is written, valid by itself; whether its agents and actions exist is checked when it is compiled. */
export type WorkflowDefinition = z.output<typeof workflowSchema>
/** One step of it, of whichever kind. */
export type StepDefinition = WorkflowDefinition['steps'][number]
/** What a run takes under one name. */
export type InputDeclaration = z.output<typeof inputDeclaration>

/** Declares a workflow in code, in the vocabulary of the files in workflows/. Checked when it is compiled. */
export function defineWorkflow(definition: WorkflowDefinition): WorkflowDefinition {
  return definition
}

/** The published JSON Schema of a file in workflows/, for editors and other tools. */
export function workflowJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(workflowSchema, {io: 'input'})
}
