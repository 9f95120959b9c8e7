import type {RunDetail} from '../../../src/integrations/github/code-host.ts'

/** A run that went well. */
export function aRun(more: Partial<RunDetail> = {}): RunDetail {
  return {
    id: '42',
    url: 'https://github.com/acme/web/actions/runs/42',
    name: 'Client Deploy',
    displayTitle: 'Client Deploy',
    event: 'push',
    headSha: 'a'.repeat(40),
    status: 'completed',
    conclusion: 'success',
    attempt: 1,
    path: '.github/workflows/client-deploy.yml',
    createdAt: 0,
    updatedAt: 0,
    jobs: [],
    ...more,
  }
}
