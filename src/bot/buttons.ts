import {z} from 'zod'
import type {Demand} from '../access/policy.ts'
import type {Invocation} from '../invocations/invocation.ts'
import type {CommandDefinition} from '../sdk/index.ts'

/** The buttons there are, and what pressing each demands. A press always checks again: old messages stay clickable. */
export const BUTTONS = {
  /** Shows the full correlation id to whoever presses. */
  copy: 'everyone',
  /** Stops the command the message is about. */
  cancel: 'owner',
  /** Offers on a command's message, each taken once and in time: the same command confirmed, what it did undone. */
  confirm: 'owner',
  undo: 'owner',
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
  /** Decide about a workflow that was made of words, as whoever asked for it alone may. Their subject is the draft. */
  'start-draft': 'owner',
  'edit-draft': 'owner',
  'cancel-draft': 'owner',
  /** Start, stop and end a plan of the day. Their subject is the plan, which says who may. */
  'approve-plan': 'everyone',
  'cancel-plan': 'everyone',
  'finish-plan': 'everyone',
  /** Decide about a release, as those do who may `/ship`; going back is asked once more. Their subject is the release. */
  promote: 'command',
  'roll-back': 'command',
  'confirm-roll-back': 'command',
  'release-details': 'command',
  /** Proposes what a workflow lacks, as `/doctor fix:` does. Its subject is the workflow's id. */
  'fix-workflow': 'command',
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
export type CommandButton = 'copy' | 'cancel' | 'retry' | 'confirm' | 'undo'

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

/** What the buttons of a draft tell it. */
export const DRAFT_ACTIONS: Readonly<Partial<Record<ButtonAction, 'start' | 'edit' | 'cancel'>>> = {
  'start-draft': 'start',
  'edit-draft': 'edit',
  'cancel-draft': 'cancel',
}

/** What a press on a draft's buttons is carried out as: the run that it starts is for the team to see. */
export function draftingCommand(
  workflow: CommandDefinition,
  what: 'start' | 'edit' | 'cancel',
): CommandDefinition {
  const {joinWithinMs: _, ...rest} = workflow
  return {
    ...rest,
    complete: {},
    check: () => [],
    access: what === 'start' ? 'restricted' : 'everyone',
    visibility: what === 'cancel' ? 'private' : 'channel',
    input: z.object({
      id: z.uuid().describe('the plan'),
      what: z.enum(['start', 'edit', 'cancel']).describe('what to do with it'),
      description: z.string().trim().min(1).max(2000).optional().describe('what you want, in your words'),
    }),
    action: 'draft',
    acknowledge: () => `${what} the plan`,
  }
}

/** What the buttons of a plan tell it. */
export const PLAN_ACTIONS: Readonly<Partial<Record<ButtonAction, 'approve' | 'cancel' | 'finish'>>> = {
  'approve-plan': 'approve',
  'cancel-plan': 'cancel',
  'finish-plan': 'finish',
}

/** What a press on a plan's or a release's message is carried out as: an action that has no command of its own. */
export function pressingCommand(
  command: CommandDefinition,
  action: string,
  title: string,
): CommandDefinition {
  const {joinWithinMs: _, ...rest} = command
  return {...rest, visibility: 'private', action, acknowledge: () => title}
}

/** What taking back the effect of a command is carried out as. */
export function undoingCommand(command: CommandDefinition): CommandDefinition {
  const {joinWithinMs: _, ...rest} = command
  return {...rest, visibility: 'private', action: 'undo', acknowledge: () => 'undo'}
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
