import type {DeploymentEvent} from './decide.ts'
import type {DeploymentState} from './state.ts'

export interface DeploymentPhases {
  observe(after: DeploymentState, event: DeploymentEvent): void
}

/**
 * Where a deployment's time goes: `queue` from the request to GitHub's acceptance, `runner` from there to the end.
 * (`human`, the wait for people, is observed by approvals.)
 */
export function createDeploymentPhases(histogram: {
  observe(labels: {phase: 'queue' | 'runner'}, seconds: number): void
}): DeploymentPhases {
  return {
    observe(after, event) {
      // A lost acceptance is proved by the run; one that was heard is not counted again when its run is found.
      const accepted =
        event.type === 'dispatch-accepted' || (event.type === 'run-found' && after.unclear !== undefined)
      if (accepted) {
        histogram.observe({phase: 'queue'}, (event.at - after.request.requestedAt) / 1000)
      }
      if (
        after.phase === 'finished' &&
        after.verdict?.kind === 'concluded' &&
        after.watchingSince !== undefined
      ) {
        histogram.observe({phase: 'runner'}, (event.at - after.watchingSince) / 1000)
      }
    },
  }
}
