import {permit, type AccessPolicy} from '../access/policy.ts'
import type {Clock} from '../kernel/clock.ts'
import {ellipsis} from '../kernel/markdown.ts'
import type {Logger} from '../platform/logger.ts'
import type {Actor, CommandDefinition, Services, Suggestion} from '../sdk/index.ts'
import type {ReceivedInteraction} from './interaction.ts'

const MAX_CHOICES = 25
const MAX_LENGTH = 100

/**
 * Suggestions while somebody types, within Discord's limits. Names of targets and branches are not for those who may
 * not use them, so whoever may not run the command gets none. Never throws: no suggestion is an answer too.
 */
export function createCompletion(options: {
  readonly commands: ReadonlyMap<string, CommandDefinition>
  readonly policy: AccessPolicy
  readonly services: Services
  readonly clock: Clock
  readonly log: Logger
}) {
  const {commands, policy, services, clock, log} = options
  return async function complete(
    actor: Actor,
    request: Extract<ReceivedInteraction['request'], {kind: 'completion'}>,
  ): Promise<readonly Suggestion[]> {
    const command = commands.get(request.name)
    const restricted = command?.access !== 'everyone'
    if (!command || !permit(policy, actor, {kind: 'command', command: command.name, restricted}).allowed)
      return []
    const {complete: completions = {}} = command
    const suggest = Object.hasOwn(completions, request.focused) ? completions[request.focused] : undefined
    if (!suggest) return []
    try {
      const found = await suggest(request.typed, {actor, services, options: request.options, now: clock})
      return (
        found
          // A name can be shortened, a value can't: it would be another value.
          .filter(({name, value}) => name !== '' && value !== '' && value.length <= MAX_LENGTH)
          .slice(0, MAX_CHOICES)
          .map(({name, value}) => ({name: ellipsis(name, MAX_LENGTH), value}))
      )
    } catch (error) {
      log.warn({err: error, command: request.name}, 'no suggestions')
      return []
    }
  }
}
