import {z} from 'zod'
import {ENVIRONMENTS} from '../kernel/environment.ts'
import {plain} from '../kernel/markdown.ts'
import {defineAction, type ActionDefinition} from './agent.ts'

/** Something that is not well, as `health_check` tells it. */
export type DiagnosisIssue = {readonly service: string; readonly kind: string; readonly evidence: string}

/** Whose opinion on an ill service can be asked for. */
export type Specialist = 'code-review' | 'cicd' | 'infrastructure'

/** What to do about an issue, as a step of a workflow. */
export type Fix = {
  readonly agent: string
  readonly action: string
  readonly with: Readonly<Record<string, string>>
}

/** `confidence` from 0 (a guess) to 1. */
export type Diagnosis = {
  readonly diagnosis: string
  readonly fix: Fix | null
  readonly confidence: number
}

const issue = z.object({service: z.string(), kind: z.string(), evidence: z.string()})
const fix = z.object({agent: z.string(), action: z.string(), with: z.record(z.string(), z.string())})

/** `execute_task`, as every agent has it that can be asked for its opinion on an ill service. Changes nothing. */
export function diagnosisAction(role: Specialist): ActionDefinition {
  return defineAction({
    description: 'Say what explains the issues of a target, and what to do about them',
    pure: true,
    askable: true,
    input: z.object({
      task: z.literal('diagnose_issue'),
      target: z
        .string()
        .max(60)
        .optional()
        .describe('what is ill; the only target of the environment otherwise'),
      environment: z.enum(ENVIRONMENTS).default('production'),
      issues: z.array(issue).max(50).default([]).describe('as health_check tells them'),
      tried: z.array(fix).max(20).default([]).describe('fixes that did not help, and are not proposed again'),
    }),
    output: z.object({
      diagnosis: z.string(),
      /** An action to take; null: there is none that could help. */
      fix: fix.nullable(),
      confidence: z.number().min(0).max(1),
    }),
    async run({target: name, environment, issues, tried}, {services: {pipelines}, signal}) {
      const target = name === undefined ? pipelines.targetOf(environment) : pipelines.target(name)
      const opinion = target
        ? await pipelines.diagnose({role, target, issues, tried, signal})
        : {diagnosis: `${environment} has not exactly one target; name one`, fix: null, confidence: 0}
      return {
        kind: 'replied',
        reply: {state: 'info', title: 'diagnosis', lines: [plain(opinion.diagnosis, 400)]},
        output: opinion,
      }
    },
  })
}
