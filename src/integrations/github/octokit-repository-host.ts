import {openGithubClient, type GithubClientOptions} from './client.ts'
import {octokitContents} from './octokit-contents.ts'
import {octokitIssues} from './octokit-issues.ts'
import {octokitPulls} from './octokit-pulls.ts'
import {octokitSettings} from './octokit-settings.ts'
import {octokitWorkflows} from './octokit-workflows.ts'
import type {RepositoryHost} from './repository-host.ts'

/** The repository host over GitHub's REST API, by token or as an installed GitHub App. */
export async function createOctokitRepositoryHost(options: GithubClientOptions): Promise<RepositoryHost> {
  const github = await openGithubClient(options)
  return {
    htmlUrl: github.htmlUrl,
    ...octokitContents(github),
    ...octokitPulls(github),
    ...octokitIssues(github),
    ...octokitWorkflows(github),
    ...octokitSettings(github),
  }
}
