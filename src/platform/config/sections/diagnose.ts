import {z} from 'zod'
import {branchOrTag, repositoryOrDefault, workflowFile} from '../formats.ts'

/** What `/diagnose` starts where the file says nothing of it. */
export const DIAGNOSE_DEFAULTS = {
  workflow: 'diagnose-dispatch.yml',
  ref: 'main',
  artifact: 'diagnose-summary',
} as const

/** `diagnose`: the workflow that looks at everything from where deploys run. */
export const diagnose = z
  .strictObject({
    repository: repositoryOrDefault,
    workflow: workflowFile
      .default(DIAGNOSE_DEFAULTS.workflow)
      .describe('file name in .github/workflows; it must ship nothing'),
    ref: branchOrTag.default(DIAGNOSE_DEFAULTS.ref),
    artifact: z
      .string()
      .regex(/^[^\\/:*?"<>|\p{Cc}]{1,100}$/u, 'must be the name of an artifact')
      .default(DIAGNOSE_DEFAULTS.artifact)
      .describe('the artifact with its report'),
  })
  .optional()
  .describe('the workflow that /diagnose starts, which /doctor then looks for')
