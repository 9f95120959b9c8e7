import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {ReplyTarget} from '../../../src/invocations/invocation.ts'
import {
  EDIT_EVERY_MS,
  nextDelivery,
  type Delivery,
  type ReplyRecord,
} from '../../../src/notifications/reply-state.ts'

const NOW = Date.UTC(2025, 0, 15, 12)
const HANDOVER_MS = 840_000

const interaction = {
  kind: 'interaction',
  applicationId: '1',
  token: 't',
  channelId: '33',
  receivedAt: NOW - 10_000,
  private: false,
} satisfies ReplyTarget
const old = {...interaction, receivedAt: NOW - HANDOVER_MS}
const {channelId: _none, ...placeless} = interaction
const channel = {kind: 'channel', channelId: '44'} satisfies ReplyTarget

/** A reply whose newest version nobody has seen yet. */
function aReply(changes: Partial<ReplyRecord> = {}): ReplyRecord {
  return {
    id: '9f3c21aa-5b1e-4d7a-9c55-0d6a1f4b7e21',
    target: interaction,
    view: {state: 'running', title: 'deploying'},
    version: 2,
    deliveredVersion: 1,
    closing: undefined,
    closingState: 'none',
    messageId: undefined,
    channelMessageId: undefined,
    attempts: 0,
    createdAt: NOW - 10_000,
    changedAt: NOW,
    deliveredAt: undefined,
    ...changes,
  }
}

const seen = {deliveredVersion: 2}
const ending = {closing: {state: 'success' as const, title: 'done'}, closingState: 'wanted' as const}

describe('the next delivery', () => {
  test.each<[string, Partial<ReplyRecord>, Delivery]>([
    ['of what everybody has seen is nothing', seen, {do: 'nothing'}],
    [
      'of what was posted to its end is nothing',
      {...seen, ...ending, closingState: 'posted'},
      {do: 'nothing'},
    ],
    ['edits the answer to the interaction', {}, {do: 'edit-original'}],
    [
      'waits until two seconds after the last edit',
      {deliveredAt: NOW - 500},
      {do: 'wait', untilMs: NOW - 500 + EDIT_EVERY_MS},
    ],
    ['comes at once when two seconds have passed', {deliveredAt: NOW - EDIT_EVERY_MS}, {do: 'edit-original'}],
    ['of the end does not wait', {...ending, deliveredAt: NOW - 500}, {do: 'edit-original'}],
    [
      'of an end that needs no closing message does not wait either',
      {view: {state: 'ok', title: 'approved'}, deliveredAt: NOW - 500},
      {do: 'edit-original'},
    ],
    [
      'moves on to the channel when the interaction is near its end',
      {target: old},
      {do: 'move-to-channel', channelId: '33'},
    ],
    [
      'goes on in the channel where it moved to',
      {target: old, channelMessageId: '7'},
      {do: 'edit-channel-message', channelId: '33', messageId: '7'},
    ],
    [
      'stays in the channel even while the interaction lives',
      {channelMessageId: '7'},
      {do: 'edit-channel-message', channelId: '33', messageId: '7'},
    ],
    [
      'never makes a private answer public',
      {target: {...old, private: true}},
      {do: 'give-up', reason: 'the interaction expired before its answer was ready'},
    ],
    [
      'gives up when there is no channel to move to',
      {target: {...placeless, receivedAt: NOW - HANDOVER_MS}},
      {do: 'give-up', reason: 'the interaction expired before its answer was ready'},
    ],
    [
      'posts what belongs to a channel',
      {target: channel},
      {do: 'post-to-channel', channelId: '44', replyTo: undefined},
    ],
    [
      'answers a message there',
      {target: {...channel, replyTo: '55'}},
      {do: 'post-to-channel', channelId: '44', replyTo: '55'},
    ],
    [
      'edits what it posted to a channel',
      {target: channel, channelMessageId: '7'},
      {do: 'edit-channel-message', channelId: '44', messageId: '7'},
    ],
    ['shows the whole story before the end is announced', {...ending}, {do: 'edit-original'}],
    [
      'announces the end as an answer to the first message',
      {...seen, ...ending, messageId: '5'},
      {do: 'post-closing', channelId: '33', replyTo: '5'},
    ],
    [
      'announces the end as an answer to the message that moved',
      {...seen, ...ending, messageId: '5', channelMessageId: '7'},
      {do: 'post-closing', channelId: '33', replyTo: '7'},
    ],
    [
      'announces the end without a message to answer',
      {...seen, ...ending},
      {do: 'post-closing', channelId: '33', replyTo: undefined},
    ],
    [
      'never announces the end of a private matter',
      {...seen, ...ending, target: {...interaction, private: true}},
      {do: 'skip-closing'},
    ],
    [
      'announces nothing where there is no place to',
      {...seen, ...ending, target: placeless},
      {do: 'skip-closing'},
    ],
  ])('%s', (_name, changes, expected) => {
    expect(nextDelivery(aReply(changes), NOW, HANDOVER_MS)).toEqual(expected)
  })

  test('never posts anything private, whatever the record says', () => {
    const records = fc.record({
      deliveredVersion: fc.integer({min: 0, max: 2}),
      deliveredAt: fc.option(fc.integer({min: NOW - 5000, max: NOW}), {nil: undefined}),
      closingState: fc.constantFrom('none' as const, 'wanted' as const, 'posted' as const),
      age: fc.integer({min: 0, max: 2 * HANDOVER_MS}),
    })
    fc.assert(
      fc.property(records, ({age, ...changes}) => {
        const target = {...interaction, private: true, receivedAt: NOW - age}
        expect(['edit-original', 'wait', 'give-up', 'skip-closing', 'nothing']).toContain(
          nextDelivery(aReply({...changes, target}), NOW, HANDOVER_MS).do,
        )
      }),
    )
  })
})
