/** Workflows, runs and jobs as GitHub's JSON, checked against octokit's types. */
import type {Octokit} from 'octokit'
import type {ArtifactState} from './artifacts.ts'
import {latest, type Attempt, type JobState} from './attempt.ts'
import type {RepositoryState, WorkflowState} from './repositories.ts'
import type {RunState} from './runs.ts'
import {iso, mailOf, nodeId, treeOf, type Data, type Shapes} from './shapes.ts'

type Actions = Octokit['rest']['actions']
type RunJson = Data<Actions['getWorkflowRun']>
type JobJson = Data<Actions['getJobForWorkflowRun']>
type ArtifactJson = Data<Actions['getArtifact']>
type WorkflowJson = Data<Actions['getWorkflow']>

export type RunShapes = ReturnType<typeof createRunShapes>

export function createRunShapes({user, repository, repoUrl, pageUrl}: Shapes) {
  function runUrl(run: RunState): string {
    return `${repoUrl(run.repository)}/actions/runs/${run.id}`
  }

  function runPage(run: RunState): string {
    return `${pageUrl(run.repository)}/actions/runs/${run.id}`
  }

  const path = (workflow: WorkflowState) => `.github/workflows/${workflow.file}`

  return {
    runUrl,
    runPage,

    workflow(state: RepositoryState, workflow: WorkflowState): WorkflowJson {
      return {
        id: workflow.id,
        node_id: nodeId('Workflow', workflow.id),
        name: workflow.definition.name,
        path: path(workflow),
        state: workflow.state,
        created_at: iso(workflow.createdAt),
        updated_at: iso(workflow.createdAt),
        url: `${repoUrl(state)}/actions/workflows/${workflow.id}`,
        html_url: `${pageUrl(state)}/blob/${state.defaultBranch}/${path(workflow)}`,
        badge_url: `${pageUrl(state)}/workflows/${encodeURIComponent(workflow.definition.name)}/badge.svg`,
      }
    },

    run(run: RunState, attempt: Attempt = latest(run)): RunJson {
      const {repository: home, workflow} = run
      const past = attempt !== latest(run)
      const commit = home.commits.get(run.headSha)
      const author = commit?.author ?? home.owner
      const ofAttempt = past ? `${runUrl(run)}/attempts/${attempt.number}` : runUrl(run)
      return {
        id: run.id,
        name: workflow.definition.name,
        node_id: nodeId('WorkflowRun', run.id),
        head_branch: run.branch,
        head_sha: run.headSha,
        path: path(workflow),
        display_title: run.displayTitle,
        run_number: run.number,
        event: run.event,
        status: past ? 'completed' : run.status,
        conclusion: past ? attemptConclusion(attempt) : run.conclusion,
        workflow_id: workflow.id,
        check_suite_id: run.checkSuiteId,
        check_suite_node_id: nodeId('CheckSuite', run.checkSuiteId),
        url: runUrl(run),
        html_url: runPage(run),
        pull_requests: [],
        created_at: iso(run.createdAt),
        updated_at: iso(past ? attemptEnd(attempt) : run.updatedAt),
        actor: user(run.actor),
        run_attempt: attempt.number,
        referenced_workflows: [],
        run_started_at: iso(attempt.startedAt),
        triggering_actor: user(attempt.triggeredBy),
        jobs_url: `${ofAttempt}/jobs`,
        logs_url: `${ofAttempt}/logs`,
        check_suite_url: `${repoUrl(home)}/check-suites/${run.checkSuiteId}`,
        artifacts_url: `${runUrl(run)}/artifacts`,
        cancel_url: `${runUrl(run)}/cancel`,
        rerun_url: `${runUrl(run)}/rerun`,
        previous_attempt_url: attempt.number > 1 ? `${runUrl(run)}/attempts/${attempt.number - 1}` : null,
        workflow_url: `${repoUrl(home)}/actions/workflows/${workflow.id}`,
        head_commit: {
          id: run.headSha,
          tree_id: treeOf(run.headSha),
          message: commit?.message ?? '',
          timestamp: iso(commit?.at ?? run.createdAt),
          author: {name: author, email: mailOf(author)},
          committer: {name: 'GitHub', email: 'noreply@github.com'},
        },
        repository: repository(home),
        head_repository: repository(home),
      }
    },

    artifact(run: RunState, artifact: ArtifactState): ArtifactJson {
      const address = `${repoUrl(run.repository)}/actions/artifacts/${artifact.id}`
      return {
        id: artifact.id,
        node_id: nodeId('Artifact', artifact.id),
        name: artifact.name,
        size_in_bytes: artifact.zip.length,
        url: address,
        archive_download_url: `${address}/zip`,
        expired: artifact.expired,
        digest: artifact.digest,
        created_at: iso(artifact.createdAt),
        updated_at: iso(artifact.createdAt),
        expires_at: iso(artifact.expiresAt),
        workflow_run: {
          id: run.id,
          repository_id: run.repository.id,
          head_repository_id: run.repository.id,
          head_branch: run.branch,
          head_sha: run.headSha,
        },
      }
    },

    job(run: RunState, job: JobState, attempt: number): JobJson {
      const ran = job.status === 'in_progress' || (job.status === 'completed' && job.steps.length > 0)
      return {
        id: job.id,
        run_id: run.id,
        workflow_name: run.workflow.definition.name,
        head_branch: run.branch,
        run_url: runUrl(run),
        run_attempt: attempt,
        node_id: nodeId('CheckRun', job.id),
        head_sha: run.headSha,
        url: `${repoUrl(run.repository)}/actions/jobs/${job.id}`,
        html_url: `${runPage(run)}/job/${job.id}`,
        status: job.status === 'blocked' ? 'queued' : job.status,
        conclusion: job.conclusion as JobJson['conclusion'],
        created_at: iso(job.createdAt),
        started_at: iso(job.startedAt ?? job.createdAt),
        completed_at: isoOrNull(job.completedAt),
        name: job.script.name,
        steps:
          job.status === 'queued' || job.status === 'waiting'
            ? []
            : job.steps.map(step => ({
                name: step.script.name,
                status: step.status,
                conclusion: step.conclusion,
                number: step.number,
                started_at: isoOrNull(step.startedAt),
                completed_at: isoOrNull(step.completedAt),
              })),
        check_run_url: `${repoUrl(run.repository)}/check-runs/${job.id}`,
        labels: ['ubuntu-latest'],
        runner_id: ran ? 1_000_000_042 : null,
        runner_name: ran ? 'GitHub Actions 42' : null,
        runner_group_id: ran ? 0 : null,
        runner_group_name: ran ? 'GitHub Actions' : null,
      }
    },
  }
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms)
}

function attemptEnd(attempt: Attempt): number {
  return Math.max(attempt.startedAt, ...attempt.jobs.map(job => job.completedAt ?? 0))
}

function attemptConclusion(attempt: Attempt): string {
  const bad = (['failure', 'cancelled'] as const).find(one =>
    attempt.jobs.some(job => job.conclusion === one),
  )
  return bad ?? 'success'
}
