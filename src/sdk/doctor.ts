/** One thing looked at: what was found, and what to do when it is not right. */
export interface ServiceFinding {
  readonly ok: boolean
  /** Not switched on; `ok` says whether that is fine. */
  readonly off?: boolean
  readonly what: string
  readonly next?: string
}

/** How a workflow on GitHub and what we send it differ. */
export interface ContractBreach {
  /** A sentence without its end, with where: `on main takes no input requester, …`. */
  readonly what: string
  /** The exact lines to add to the file. */
  readonly lines?: readonly string[]
  /** Of the mended file, from 1: where the first of them stands. */
  readonly line?: number
  readonly next?: string
}

/** Whether a workflow on GitHub takes what we send it, and tells what we look for. */
export interface WorkflowContract {
  /** The target's name; `/diagnose` for the workflow of that command. */
  readonly name: string
  /** Names it in what `propose` is asked: letters, digits and dashes. */
  readonly id: string
  /** `owner/name`. */
  readonly repository: string
  /** File name. */
  readonly workflow: string
  /** `unknown`: it could not be looked at; its breaches say why. */
  readonly verdict: 'kept' | 'broken' | 'unknown'
  readonly breaches: readonly ContractBreach[]
  /** A pull request can mend some of it. */
  readonly mendable: boolean
}

/** The draft pull request that mends workflows of a repository. `opened`: it is new. */
export interface ContractProposal {
  readonly repository: string
  readonly number: number
  readonly url: string
  readonly opened: boolean
  readonly files: readonly string[]
}

/** Looks for what is set up wrongly, and proposes what can be mended. */
export interface DoctorPort {
  /** Looks at each configured service with the credentials at hand, and at each workflow that we start. Changes nothing. */
  examine(signal: AbortSignal): Promise<{
    readonly services: readonly ServiceFinding[]
    readonly contracts: readonly WorkflowContract[]
  }>
  /** The ids that `propose` takes. */
  contractIds(): readonly string[]
  /**
   * Opens a draft pull request with the lines that are missing in the workflows of that contract's repository, or
   * updates the one that is open. Undefined: there is nothing that it could mend.
   */
  propose(request: {readonly id: string; readonly signal: AbortSignal}): Promise<ContractProposal | undefined>
}
