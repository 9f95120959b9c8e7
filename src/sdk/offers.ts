import type {Reply} from './reply.ts'

/** How a message stands once its offer is over; its lines stay unless there are others, its buttons go. */
export type AfterOffer = Pick<Reply, 'state' | 'title' | 'lines'>

/** A button to be pressed once, and what its message says when it was pressed, or was not in time. */
export interface NewOffer {
  /** The command's correlation id. Its message shows the button: action `confirm` or `undo`, this id as its subject. */
  readonly id: string
  /** Nobody pressed in time. */
  readonly lapsed: AfterOffer
  readonly taken: AfterOffer
}

/**
 * Buttons that a person may press once, within ten minutes, on the message of a command of theirs. Afterwards the
 * message shows what became of it, and the button is gone. Pressing `confirm` gives the same command again with
 * `confirm: true`; pressing `undo` has the command's agent perform its action `undo` with `{id}`.
 */
export interface OffersPort {
  /** Made again for the same command, it is the same offer. Answers until when it holds, in milliseconds since the epoch. */
  make(offer: NewOffer): Promise<number>
  /** Whether this press, by its interaction's id, is the one that counts. The same press again is. */
  take(id: string, press: string): Promise<boolean>
}

/** The button that confirms a command; what it leads to is told by the label. */
export function confirmButton(id: string, label: string) {
  return {kind: 'action', label, action: 'confirm', subject: id, style: 'danger'} as const
}
