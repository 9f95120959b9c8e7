import {
  newDeployment,
  type DeploymentRequest,
  type DeploymentState,
  type JobView,
  type RunView,
  type StepView,
} from '../../src/deployments/state.ts'

export const ASKED_AT = Date.UTC(2025, 0, 15, 12)
export const PATIENCE = {discoveryMs: 30_000, watchMs: 180_000, pollMs: 3000} as const
export const CORRELATION_ID = '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21'

export function aRequest(changes: Partial<DeploymentRequest> = {}): DeploymentRequest {
  return {
    correlationId: CORRELATION_ID,
    target: 'client',
    repository: 'acme/web',
    workflow: 'client-deploy.yml',
    ref: 'main',
    environment: 'production',
    service: 'web',
    inputs: {},
    requester: {id: '222', name: 'grace', kind: 'discord'},
    wait: true,
    requestedAt: ASKED_AT,
    patience: PATIENCE,
    workflowUrl: 'https://github.com/acme/web/actions/workflows/client-deploy.yml',
    ...changes,
  }
}

export function aRun(changes: Partial<RunView> = {}): RunView {
  return {
    id: '42',
    url: 'https://github.com/acme/web/actions/runs/42',
    status: 'in_progress',
    conclusion: null,
    attempt: 1,
    ...changes,
  }
}

export function aJob(changes: Partial<JobView> = {}): JobView {
  return {
    id: '7',
    name: 'deploy',
    status: 'in_progress',
    conclusion: null,
    url: 'https://github.com/acme/web/actions/runs/42/job/7',
    steps: [],
    ...changes,
  }
}

export function aStep(changes: Partial<StepView> = {}): StepView {
  return {name: 'Upload to bucket', number: 1, status: 'completed', conclusion: 'success', ...changes}
}

/** A deployment in the middle of being watched. */
export function aDeployment(changes: Partial<DeploymentState> = {}): DeploymentState {
  return {
    ...newDeployment(aRequest()),
    phase: 'watching',
    dispatches: 1,
    dispatchBeganAt: ASKED_AT,
    watchingSince: ASKED_AT,
    run: aRun(),
    ...changes,
  }
}
