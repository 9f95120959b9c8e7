import type {Demand} from '../access/policy.ts'
import type {Invocation} from '../invocations/invocation.ts'
import type {CommandDefinition} from '../sdk/index.ts'

/** The buttons there are, and what pressing each demands. A press always checks again: old messages stay clickable. */
export const BUTTONS = {
  /** Shows the full correlation id to whoever presses. */
  copy: 'everyone',
  /** Stops the command the message is about. */
  cancel: 'owner',
  /** Gives the same command again, as the person who presses, who must be allowed to. */
  retry: 'command',
} as const satisfies Record<string, Demand['kind']>

export type ButtonAction = keyof typeof BUTTONS

export function buttonDemand(
  action: ButtonAction,
  subject: Invocation,
  commands: ReadonlyMap<string, CommandDefinition>,
): Demand {
  switch (BUTTONS[action]) {
    case 'everyone':
      return {kind: 'everyone'}
    case 'owner':
      return {kind: 'owner', ownerId: subject.actor.id}
    case 'command':
      return {
        kind: 'command',
        command: subject.command,
        restricted: commands.get(subject.command)?.access !== 'everyone',
      }
  }
}
