import type {CancelOutcome, CodeHost, DispatchOutcome, Look} from '../integrations/github/code-host.ts'
import type {Query, RepositoryHost} from '../integrations/github/repository-host.ts'
import {fingerprint} from '../kernel/fingerprint.ts'
import type {Audit, AuditEvent, AuditOutcome} from './audit.ts'
import {recorded} from './recorded.ts'

type Details = NonNullable<AuditEvent['details']>

/*
 * What only looks. Whatever method is not named here must be among the recorded ones below, or nothing compiles: a new
 * one that changes something can't be forgotten.
 */
type CodeHostReads =
  | 'artifacts'
  | 'artifactZip'
  | 'dispatchedRuns'
  | 'jobLog'
  | 'recentRuns'
  | 'refs'
  | 'run'
  | 'runsOf'
  | 'workflowUrl'

type RepositoryReads =
  | 'blob'
  | 'branchesAt'
  | 'branchHead'
  | 'checks'
  | 'comments'
  | 'commentsOn'
  | 'commit'
  | 'commitsOfFile'
  | 'compare'
  | 'file'
  | 'htmlUrl'
  | 'issuesChanged'
  | 'issuesInFull'
  | 'mergedPullRequests'
  | 'openIssues'
  | 'openPullRequests'
  | 'pullRequest'
  | 'pullRequestFiles'
  | 'pullRequestsFrom'
  | 'pullRequestsOf'
  | 'repository'
  | 'reviews'
  | 'secret'
  | 'secretsKey'
  | 'tagTarget'
  | 'tree'
  | 'variable'
  | 'workflows'
  | 'workflowState'

/** The code host, with all that it changes at GitHub in the record. */
export function auditCodeHost(host: CodeHost, audit: Pick<Audit, 'around'>): CodeHost {
  const writes: Omit<CodeHost, CodeHostReads> = {
    dispatch({repository, workflow, ref, inputs}) {
      const details = {workflow, ref, ...knownInputs(inputs)}
      return recorded(
        audit,
        {action: 'github.dispatch', subject: repository, details},
        {
          effect: () => host.dispatch({repository, workflow, ref, inputs}),
          outcome: outcomeOfDispatch,
          // The deployment tries again what was never sent.
          notBegun: reason => ({kind: 'not-sent', reason}),
        },
      )
    },
    cancel({repository, runId, force}) {
      return recorded(
        audit,
        {action: 'github.cancel', subject: repository, details: {run: runId, force}},
        {
          effect: () => host.cancel({repository, runId, force}),
          outcome: outcomeOfCancel,
          notBegun: reason => ({kind: 'failed', reason}),
        },
      )
    },
  }
  return {...host, ...writes}
}

/** The repository host, with all that it changes at GitHub in the record: of texts and values only fingerprints. */
export function auditRepositoryHost(host: RepositoryHost, audit: Pick<Audit, 'around'>): RepositoryHost {
  function writing<C extends Query, T>(
    action: string,
    method: (change: C) => Promise<Look<T>>,
    details: (change: C) => Details,
    found: (value: T) => Details = () => ({}),
  ): (change: C) => Promise<Look<T>> {
    return change =>
      recorded(
        audit,
        {action: `github.${action}`, subject: change.repository, details: details(change)},
        {
          effect: () => method(change),
          outcome: look => outcomeOfLook(look, found),
          notBegun: reason => ({kind: 'failed', reason}),
        },
      )
  }
  const linked = ({url}: {readonly url: string}) => ({url})

  const writes: Omit<RepositoryHost, RepositoryReads> = {
    createRef: writing(
      'create_ref',
      change => host.createRef(change),
      ({ref, sha}) => ({ref, sha}),
    ),
    writeFile: writing(
      'write_file',
      change => host.writeFile(change),
      ({path, branch, text, replaces = null}) => ({path, branch, text: fingerprint(text), replaces}),
    ),
    createPullRequest: writing(
      'create_pull_request',
      change => host.createPullRequest(change),
      ({head, base, title}) => ({head, base, title: fingerprint(title)}),
      linked,
    ),
    createReview: writing(
      'create_review',
      change => host.createReview(change),
      ({number, sha, body, event = 'COMMENT'}) => ({number, sha, event, text: fingerprint(body)}),
      linked,
    ),
    updateReview: writing(
      'update_review',
      change => host.updateReview(change),
      ({number, id, body}) => ({number, review: id, text: fingerprint(body)}),
      linked,
    ),
    createComment: writing(
      'create_comment',
      change => host.createComment(change),
      ({number, body}) => ({number, text: fingerprint(body)}),
      linked,
    ),
    updateComment: writing(
      'update_comment',
      change => host.updateComment(change),
      ({id, body}) => ({comment: id, text: fingerprint(body)}),
      linked,
    ),
    addLabels: writing(
      'add_labels',
      change => host.addLabels(change),
      ({number, labels}) => ({number, labels: labels.join(', ')}),
    ),
    createVariable: writing(
      'create_variable',
      change => host.createVariable(change),
      ({name, value}) => ({variable: name, content: fingerprint(value)}),
    ),
    updateVariable: writing(
      'update_variable',
      change => host.updateVariable(change),
      ({name, value}) => ({variable: name, content: fingerprint(value)}),
    ),
    deleteVariable: writing(
      'delete_variable',
      change => host.deleteVariable(change),
      ({name}) => ({variable: name}),
    ),
    putSecret: writing(
      'put_secret',
      change => host.putSecret(change),
      ({name, keyId}) => ({name, sealed_for: keyId}),
    ),
  }
  return {...host, ...writes}
}

/** Those that the contract names are ours; the values of others may be anybody's. */
function knownInputs({correlation_id, requester, ...others}: Readonly<Record<string, string>>): Details {
  return {
    ...(correlation_id === undefined ? {} : {sent_as: correlation_id}),
    ...(requester === undefined ? {} : {requester}),
    ...(Object.keys(others).length === 0
      ? {}
      : {
          inputs: Object.entries(others)
            .map(([name, value]) => `${name} ${fingerprint(value)}`)
            .join(', '),
        }),
  }
}

function outcomeOfDispatch(outcome: DispatchOutcome): AuditOutcome {
  switch (outcome.kind) {
    case 'accepted':
      return {phase: 'done', details: outcome.run ? {run: outcome.run.id, url: outcome.run.url} : {}}
    case 'refused':
    case 'not-sent':
      return {phase: 'failed', details: {reason: outcome.reason}}
    case 'slow-down':
      return {phase: 'failed', details: {reason: 'GitHub asks us to slow down'}}
    case 'unclear':
      return {phase: 'unknown', details: {reason: outcome.reason}}
  }
}

function outcomeOfCancel(outcome: CancelOutcome): AuditOutcome {
  switch (outcome.kind) {
    case 'accepted':
      return {phase: 'done'}
    case 'already-ended':
      return {phase: 'failed', details: {reason: 'it had ended'}}
    case 'refused':
      return {phase: 'failed', details: {reason: outcome.reason}}
    case 'slow-down':
      return {phase: 'failed', details: {reason: 'GitHub asks us to slow down'}}
    case 'failed':
      return {phase: 'unknown', details: {reason: outcome.reason}}
  }
}

function outcomeOfLook<T>(look: Look<T>, found: (value: T) => Details): AuditOutcome {
  switch (look.kind) {
    case 'seen':
      return {phase: 'done', details: found(look.value)}
    case 'missing':
      return {phase: 'failed', details: {reason: 'it is not there, or not ours to see'}}
    case 'refused':
      return {phase: 'failed', details: {reason: look.reason}}
    case 'slow-down':
      return {phase: 'failed', details: {reason: 'GitHub asks us to slow down'}}
    case 'failed':
      // It may have taken effect all the same.
      return {phase: 'unknown', details: {reason: look.reason}}
  }
}
