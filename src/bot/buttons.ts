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
  /** Asks whoever holds a lock to let it go. Its subject is the id of that hold. */
  'take-over': 'command',
  /** The holder's answers to that. */
  'let-go': 'owner',
  keep: 'owner',
  /** Tell a workflow run something, as `/workflow` does. Their subject is the run's id. */
  'pause-run': 'command',
  'resume-run': 'command',
  'cancel-run': 'command',
  'retry-run': 'command',
  /** Decide on a request for approval, or ask about it. Their subject is a ballot; its policy judges who may. */
  approve: 'everyone',
  reject: 'everyone',
  ask: 'everyone',
  /** Shows a code or a token to whoever presses, theirs and made at that moment. Its subject says what for. */
  reveal: 'everyone',
  /** Looks whether the code was posted, as `/link` does. Its subject is the kind of account. */
  'check-link': 'everyone',
} as const satisfies Record<string, Demand['kind']>

export type ButtonAction = keyof typeof BUTTONS
/** Buttons of messages about a command. */
export type CommandButton = 'copy' | 'cancel' | 'retry'

/** What `/workflow` is told to do by the buttons of a run's message. */
export const RUN_ACTIONS: Readonly<Partial<Record<ButtonAction, string>>> = {
  'pause-run': 'pause',
  'resume-run': 'resume',
  'cancel-run': 'cancel',
  'retry-run': 'retry',
}

/** What the holder's answer to a take-over is carried out as, whatever commands they may give. */
export function answeringCommand(takeOver: CommandDefinition): CommandDefinition {
  const {joinWithinMs: _, ...command} = takeOver
  return {...command, visibility: 'private', action: 'answer', acknowledge: () => 'your answer'}
}

export function buttonDemand(
  action: CommandButton,
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
