import {z} from 'zod'
import {plain, timestamp} from '../src/kernel/markdown.ts'
import {defineAction, defineAgent, type Reply, type TakeOverOutcome} from '../src/sdk/index.ts'

/** Sees to it that a lock can change hands: asks its holder, and carries out the answer. */
export default defineAgent({
  id: 'lock_keeper',
  name: 'Lock Keeper',
  description: 'Takes over locks: asks whoever holds them first',
  command: '/take-over',
  queue: {concurrency: 5, timeoutMs: 30_000},
  actions: {
    take_over: defineAction({
      description: 'Ask the holder of a lock to let it go, or force it',
      input: z.object({lock: z.string(), reason: z.string().optional(), force: z.boolean()}),
      async run({lock, reason, force}, {actor, correlationId, services: {locks}, effect}) {
        // A name means its hold of now. Attempted again, it must not hit the next one.
        const find = async () =>
          (await locks.held()).find(({id, resource}) => id === lock || resource === lock)
        const hold = await effect('find the hold', {
          run: async () => (await find())?.id ?? null,
          find: async () => undefined,
        })
        const outcome =
          hold === null
            ? ({kind: 'not-held'} as const)
            : await locks.takeOver({correlationId, actor, lock: hold, reason, force})
        return {kind: 'replied', reply: describe(outcome)}
      },
    }),

    wait: defineAction({
      description: 'Wait for the holder’s answer',
      input: z.object({id: z.string()}),
      async run({id}, {services}) {
        await services.locks.follow(id)
        return {kind: 'following'}
      },
    }),

    answer: defineAction({
      description: 'The holder’s answer: keep the lock, or let it go',
      input: z.object({id: z.string(), let_go: z.boolean()}),
      async run({id, let_go}, {actor, services}) {
        const answer = await services.locks.answer({id, actor, letGo: let_go})
        return {kind: 'replied', reply: ANSWERS[answer === 'done' && !let_go ? 'kept' : answer]}
      },
    }),
  },
})

const ANSWERS = {
  done: {state: 'ok', title: 'you let it go'},
  kept: {state: 'ok', title: 'you keep it'},
  over: {state: 'other', title: 'this was decided already', lines: ['its message says how']},
  'not-yours': {
    state: 'refused',
    title: 'you can’t answer this',
    lines: ['· only its holder or an admin can'],
  },
} as const satisfies Record<string, Reply>

function describe(outcome: TakeOverOutcome): Reply {
  switch (outcome.kind) {
    case 'asked':
      return {
        state: 'ok',
        title: `${plain(outcome.owner, 60)} was asked`,
        lines: [`without an answer the lock is taken ${timestamp(outcome.answerBy)}`],
      }
    case 'taken':
      return {
        state: 'ok',
        title: `${plain(outcome.resource, 80)} · taken from ${plain(outcome.owner, 40)}`,
        lines: ['the next in line has it; what ran under it was not stopped'],
      }
    case 'not-held':
      return {state: 'other', title: 'nobody holds this lock any more', lines: ['see `/locks`']}
    case 'refused':
      return {state: 'error', title: 'the lock was not taken', lines: [plain(outcome.reason, 400)]}
  }
}
