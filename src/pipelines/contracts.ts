import {createProposals, type Edit} from '../proposals/proposals.ts'
import type {Look} from '../integrations/github/code-host.ts'
import type {RepositoryHost} from '../integrations/github/repository-host.ts'
import type {Clock} from '../kernel/clock.ts'
import {AppError} from '../kernel/errors.ts'
import type {ContractBreach, ContractProposal, WorkflowContract} from '../sdk/index.ts'
import {checkContract, type ContractExpectation, type ContractFault} from './contract.ts'
import {notConfigured} from './port.ts'

/** A workflow that we start, and what we send it. */
export interface ContractSubject extends ContractExpectation {
  readonly id: string
  readonly name: string
  /** `owner/name`. */
  readonly repository: string
  readonly workflow: string
  readonly ref: string
}

export type Contracts = ReturnType<typeof createContracts>

/** Ours alone; what follows is the commit that the branch began at. */
const BRANCH = 'signalbox/workflow-contract-'
const TITLE = 'Let Signalbox start the workflows'
const BODY =
  'Adds what Signalbox needs to start these workflows and to find their runs again. All other lines stay as they are. Signalbox keeps this branch up to date; close it to begin anew.'
const GRANTS = 'The pull request takes a token with Contents, Workflows and Pull requests: read and write.'
/** What a workflow that is not there begins with. Nobody but its authors knows how it deploys. */
const BEGINNING = `name: Deploy
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - run: exit 1 # here goes what it does
`

/** Sees to it that what we send and what workflows take fit, before somebody's deploy finds out. */
export function createContracts({
  host,
  subjects,
  clock,
}: {
  readonly host: RepositoryHost | undefined
  readonly subjects: readonly ContractSubject[]
  readonly clock: Clock
}) {
  function github(): RepositoryHost {
    if (!host) throw notConfigured()
    return host
  }

  async function examine(subject: ContractSubject, signal: AbortSignal): Promise<WorkflowContract> {
    const {id, name, repository, workflow, ref} = subject
    const result = (
      verdict: WorkflowContract['verdict'],
      breaches: readonly ContractBreach[],
      mendable = false,
    ): WorkflowContract => ({id, name, repository, workflow, verdict, breaches, mendable})

    const home = await github().repository({repository, signal})
    if (home.kind !== 'seen') return result('unknown', [unseen(repository, home)])
    const {defaultBranch, url} = home.value
    const query = {repository, signal}
    const [state, ...files] = await Promise.all([
      github().workflowState({...query, workflow}),
      ...[...new Set([defaultBranch, ref])].map(async at => ({
        at,
        file: await github().file({...query, path: pathOf(workflow), ref: at}),
      })),
    ])
    const breaches: ContractBreach[] = []
    let isUnknown = false
    let mendable = false
    for (const {at, file} of files) {
      if (file.kind === 'missing') {
        breaches.push(absent(at, subject, at === defaultBranch))
        continue
      }
      if (file.kind !== 'seen') {
        isUnknown = true
        breaches.push(unseen(`${workflow} on ${at}`, file))
        continue
      }
      const {faults, patched} = checkContract(file.value.text, subject)
      breaches.push(...faults.map(fault => breachOf(fault, at)))
      if (patched !== undefined && at === defaultBranch) mendable = true
    }
    if (state.kind === 'seen' && state.value !== 'active')
      breaches.push({
        what: `is disabled (${state.value.replaceAll('_', ' ')})`,
        next: `enable it: ${url}/actions/workflows/${workflow}`,
      })
    else if (state.kind !== 'seen' && state.kind !== 'missing') {
      isUnknown = true
      breaches.push(unseen('whether it is enabled', state))
    } else if (state.kind === 'missing' && breaches.length === 0)
      breaches.push({
        what: 'is not known to GitHub Actions yet',
        next: `look at ${url}/actions, and that the token has Actions: read and write`,
      })
    return result(isUnknown ? 'unknown' : breaches.length > 0 ? 'broken' : 'kept', breaches, mendable)
  }

  async function propose({
    id,
    signal,
  }: {
    readonly id: string
    readonly signal: AbortSignal
  }): Promise<ContractProposal | undefined> {
    const repository = subjects.find(subject => subject.id === id)?.repository
    if (repository === undefined)
      throw new AppError(
        'INVALID_INPUT',
        `There is no workflow ${id}; there is ${subjects.map(subject => subject.id).join(', ') || 'none'}.`,
      )
    const edits = new Map(
      subjects
        .filter(subject => subject.repository === repository)
        .map(({workflow}): [string, Edit] => [
          pathOf(workflow),
          before => before && mended(repository, workflow, before.text),
        ]),
    )
    const kept = await createProposals({host: github(), clock})
      .keep({
        ...{repository, edits, signal},
        prefix: BRANCH,
        title: TITLE,
        body: BODY,
        message: path => `${TITLE} (${path})`,
      })
      .catch(withGrants)
    if (!kept) return undefined
    const {pull, opened, files} = kept
    return {repository, number: pull.number, url: pull.url, opened, files}
  }

  /** By what each target that starts this file sends. */
  function mended(repository: string, workflow: string, text: string): string | undefined {
    const all = subjects.filter(one => one.repository === repository && one.workflow === workflow)
    const after = all.reduce((before, one) => checkContract(before, one).patched ?? before, text)
    return after === text ? undefined : after
  }

  return {
    ids: (): readonly string[] => subjects.map(({id}) => id),
    check: (signal: AbortSignal): Promise<readonly WorkflowContract[]> =>
      Promise.all(subjects.map(subject => examine(subject, signal))),
    propose,
  }
}

function pathOf(workflow: string): string {
  return `.github/workflows/${workflow}`
}

function breachOf({what, line, lines, next}: ContractFault, ref: string): ContractBreach {
  const where = line === undefined || lines !== undefined ? `on ${ref}` : `on ${ref}, line ${line},`
  return {
    what: `${where} ${what}`,
    ...(lines === undefined ? {} : {lines}),
    ...(line === undefined || lines === undefined ? {} : {line}),
    ...(next === undefined ? {} : {next}),
  }
}

function absent(ref: string, expectation: ContractExpectation, isDefault: boolean): ContractBreach {
  const {patched = ''} = checkContract(BEGINNING, expectation)
  return {
    what: `is not there on ${ref}`,
    next: isDefault
      ? 'check the name, or add it there: GitHub starts only what is on the default branch'
      : `check the target’s ref, or merge the default branch into ${ref}`,
    ...(isDefault ? {lines: patched.trimEnd().split('\n'), line: 1} : {}),
  }
}

function unseen(what: string, look: Exclude<Look<unknown>, {readonly kind: 'seen'}>): ContractBreach {
  switch (look.kind) {
    case 'missing':
      return {
        what: `${what} was not found, or our token can’t see it`,
        next: 'check the name, and the repositories that the token reaches',
      }
    case 'refused':
      return {what: `${what} could not be looked at`, next: look.reason}
    case 'slow-down':
      return {what: `${what} could not be looked at: GitHub asks us to slow down`, next: 'look again later'}
    case 'failed':
      return {what: `${what} could not be looked at: GitHub did not answer`, next: 'look again in a minute'}
  }
}

/** What is refused here is refused for want of a permission, or can't be told from it. */
function withGrants(error: unknown): never {
  if (error instanceof AppError && error.code === 'UPSTREAM_REFUSED')
    throw new AppError('UPSTREAM_REFUSED', `${error.message} ${GRANTS}`, {cause: error})
  throw error
}
