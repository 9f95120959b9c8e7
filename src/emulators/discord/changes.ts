import {createChanges as createSharedChanges, type Changes as SharedChanges} from '../shared/changes.ts'
import type {Interaction} from './interactions.ts'
import type {MessageView} from './message-view.ts'
import type {RecordedRequest} from './rest.ts'

/** Something that happened in the emulated Discord, for the terminal view and for whoever awaits it. */
export type Change =
  | {readonly kind: 'message.created' | 'message.edited' | 'message.deleted'; readonly message: MessageView}
  | {
      readonly kind: 'interaction.sent' | 'interaction.acknowledged' | 'interaction.failed'
      readonly interaction: Interaction
    }
  | {readonly kind: 'gateway.ready' | 'gateway.resumed' | 'gateway.closed'; readonly sessionId: string}
  | {readonly kind: 'commands.changed'}
  | {readonly kind: 'channel.created'; readonly channelId: string}
  | {readonly kind: 'role.created'; readonly roleId: string}
  | {readonly kind: 'request'; readonly request: RecordedRequest}

export type Changes = SharedChanges<Change>

export const createChanges = (): Changes => createSharedChanges()
