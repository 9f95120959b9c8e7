import type {NewArtifact} from '../artifacts.ts'
import type {Conclusion} from '../attempt.ts'
import type {Ids} from '../ids.ts'
import type {WorkflowState} from '../repositories.ts'
import {defaultJobs, type JobScript} from '../script.ts'
import {readWorkflowFile, renderRunName, writeWorkflowFile, type InputSpec} from '../workflow-file.ts'

export interface WorkflowOptions {
  readonly name: string
  /** The file itself; wins over `inputs`, `dispatchable` and `concurrency`, which otherwise describe one. */
  readonly yaml?: string
  /** Default: `correlation_id` and `requester`, both optional. */
  readonly inputs?: Readonly<Record<string, InputSpec>>
  /** Whether `on` has `workflow_dispatch`. Default true. */
  readonly dispatchable?: boolean
  /** A group of which one run works and one waits. */
  readonly concurrency?: string
  /** Default: the file's `run-name`, `<name> — <correlation_id> by <requester>`. */
  readonly runName?: (inputs: Readonly<Record<string, string>>, actor: string) => string
  readonly jobs?: readonly JobScript[]
  /** Chooses the jobs per run and attempt; wins over `jobs`. */
  readonly script?: (inputs: Readonly<Record<string, string>>, attempt: number) => readonly JobScript[]
  /** What its runs have uploaded when they end. */
  readonly artifacts?: (
    inputs: Readonly<Record<string, string>>,
    conclusion: Conclusion,
  ) => readonly NewArtifact[]
  /** Runs stay queued until released, failed or finished by hand. */
  readonly hold?: boolean
  /** False: the file is only on other branches, so GitHub does not know the workflow. */
  readonly onDefaultBranch?: boolean
}

export interface Workflow {
  readonly id: number
  readonly file: string
  disable(): void
  enable(): void
}

/** The handle of a workflow that a repository has. */
export function workflowHandle(state: WorkflowState): Workflow {
  return {
    id: state.id,
    file: state.file,
    disable: () => void (state.state = 'disabled_manually'),
    enable: () => void (state.state = 'active'),
  }
}

/** A workflow as its options describe it. */
export function createWorkflow(
  file: string,
  options: WorkflowOptions,
  ids: Ids,
  createdAt: number,
): WorkflowState {
  const {
    name,
    inputs = {correlation_id: {}, requester: {}},
    dispatchable = true,
    concurrency,
    jobs = defaultJobs,
  } = options
  const yaml = options.yaml ?? writeWorkflowFile({name, inputs, dispatchable, concurrency})
  const definition = readWorkflowFile(yaml, name)
  return {
    id: ids.next() % 2 ** 31,
    file,
    definition,
    state: 'active',
    onDefaultBranch: options.onDefaultBranch ?? true,
    createdAt,
    startHeld: options.hold ?? false,
    jobs: (given, attempt) => options.script?.(given, attempt) ?? jobs,
    artifacts: (given, conclusion) => options.artifacts?.(given, conclusion) ?? [],
    runName(given, actor, ref) {
      if (options.runName) return options.runName(given, actor)
      const github = {actor, ref_name: ref, ref, workflow: definition.name}
      return definition.runName && renderRunName(definition.runName, {inputs: given, github})
    },
    runCount: 0,
  }
}
