import type {DeploymentEvent} from './decide.ts'
import type {DeploymentState} from './state.ts'

export interface DeploymentPhases {
  /** `before` is the deployment as the event found it: what changed nothing is not counted. */
  observe(after: DeploymentState, event: DeploymentEvent, before: DeploymentState): void
}

/**
 * Where a deployment's time goes: `human` is the wait for each answer of people, `queue` the rest from the request to
 * GitHub's acceptance, `runner` from there to the end.
 */
export function createDeploymentPhases(histogram: {
  observe(labels: {phase: 'queue' | 'human' | 'runner'}, seconds: number): void
}): DeploymentPhases {
  return {
    observe(after, event, before) {
      // A lost acceptance is proved by the run; one that was heard is not counted again when its run is found.
      const accepted =
        event.type === 'dispatch-accepted' || (event.type === 'run-found' && after.unclear !== undefined)
      if (accepted) {
        const waitedMs = after.gate?.waitedMs ?? 0
        histogram.observe({phase: 'queue'}, (event.at - after.request.requestedAt - waitedMs) / 1000)
      }
      const answered = event.type === 'ask-seen' && before.phase === 'parked' && after.phase !== 'parked'
      if (answered) {
        const waitedMs = (after.gate?.waitedMs ?? 0) - (before.gate?.waitedMs ?? 0)
        histogram.observe({phase: 'human'}, waitedMs / 1000)
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
