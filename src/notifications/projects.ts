import type {Linear, LinearAnswer, LinearIssue} from '../integrations/linear/linear.ts'
import {AppError} from '../kernel/errors.ts'
import type {Project} from '../platform/config/config.ts'

export interface NewProjectIssue {
  /** A UUID: the same again is the same issue. */
  readonly id: string
  readonly title: string
  readonly description: string
  /** 0 none, 1 urgent, 2 high, 3 medium, 4 low. */
  readonly priority: number
}

/** Linear as far as one project goes: nothing outside of it can be changed through this. */
export interface ProjectClient {
  comment(
    comment: {readonly id: string; readonly issue: string; readonly body: string},
    signal?: AbortSignal,
  ): Promise<LinearAnswer<{readonly id: string}>>
  createIssue(issue: NewProjectIssue, signal?: AbortSignal): Promise<LinearAnswer<{readonly id: string}>>
  issue(id: string, signal?: AbortSignal): Promise<LinearAnswer<LinearIssue>>
}

export type Projects = ReturnType<typeof createProjects>

/** The configured projects, each with its own token where it has one. */
export function createProjects({
  projects,
  open,
}: {
  readonly projects: ReadonlyMap<string, Project>
  /** Linear as the project's token sees it. */
  readonly open: (name: string, project: Project) => Promise<Linear>
}) {
  return {
    has: (name: string): boolean => projects.has(name),

    /**
     * The project of that name. Nobody works on Linear without naming one.
     * @throws INVALID_INPUT, naming those there are.
     */
    async of(name: string | undefined): Promise<ProjectClient> {
      const project = name === undefined ? undefined : projects.get(name)
      if (name === undefined || !project) {
        const known = [...projects.keys()].join(', ') || 'none is configured'
        throw new AppError(
          'INVALID_INPUT',
          `${name === undefined ? 'A project has to be named' : `There is no project ${name}`}. Projects: ${known}.`,
        )
      }
      return clientOf(name, project, await open(name, project))
    },
  }
}

function clientOf(name: string, project: Project, linear: Linear): ProjectClient {
  /** Asked right before each change: issues move between projects, and tokens may reach further than their project. */
  async function owned(issue: string, signal?: AbortSignal): Promise<LinearAnswer<LinearIssue>> {
    const answer = await linear.issue(issue, signal)
    return answer.kind === 'ok' && answer.value.projectId !== project.id
      ? {kind: 'refused', reason: `${answer.value.identifier} is no issue of project ${name}`}
      : answer
  }

  return {
    issue: owned,

    async comment({id, issue, body}, signal) {
      const answer = await owned(issue, signal)
      return answer.kind === 'ok'
        ? linear.createComment({id, issueId: answer.value.id, body}, signal)
        : answer
    },

    async createIssue(issue, signal) {
      if (project.team === undefined)
        return {kind: 'refused', reason: `project ${name} names no team for new issues`}
      return linear.createIssue({...issue, teamId: project.team, projectId: project.id}, signal)
    },
  }
}
