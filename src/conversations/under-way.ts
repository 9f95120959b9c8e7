import type {Actor, Services} from '../sdk/index.ts'
import type {OrderVerb, Subject} from './orders.ts'

/** Carried on by a run, or over in a moment. */
const NOT_ITSELF = new Set(['ask', 'cancel', 'workflow'])
const RUNS_SEARCHED = 100

export type UnderWayServices = Pick<Services, 'runs' | 'invocations' | 'deployments'>

/** What an order could be for, the newest first: of commands those that the actor may stop, of runs all. */
export async function subjectsOf(
  verb: OrderVerb,
  actor: Actor,
  {runs, invocations, deployments}: UnderWayServices,
): Promise<readonly Subject[]> {
  const [recent, open] = await Promise.all([
    runs.recent(RUNS_SEARCHED),
    verb === 'stop' ? invocations.open(actor) : [],
  ])
  // Whether a run that waits for something was paused besides is not told of lists: the order says so itself.
  const fitting = recent.filter(({open: going, state}) =>
    verb === 'retry' ? !going && state !== 'success' : going,
  )
  return [
    ...open
      .filter(({command}) => !NOT_ITSELF.has(command))
      .map(({id, command, title, requester}): Subject => {
        const named = title.slice(command.length + 1).trim()
        const environment = deployments.target(named)?.environment ?? ''
        return {
          kind: 'command',
          id,
          title: `${title} · ${requester}`,
          // Not the command's own name, which would make each deploy one of the client.
          words: `${command === 'deploy-client' ? 'deploy' : command} ${named} ${environment} ${requester}`,
        }
      }),
    ...fitting.map(({id, workflow, words, state}): Subject => ({
      kind: 'run',
      id,
      title: `${workflow} · ${words}`,
      // The step it is at is part of it; what it waits for is something else.
      words: state === 'running' ? `${workflow} ${words}` : workflow,
    })),
  ]
}
