// The workflows of the chaos test, and the process that carries them on and is killed.
// Its effects happen in another process, which counts them: see tests/chaos/workflows.test.ts.
import {once} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'
import {createAttemptSweep} from '../../src/worker/workflow-attempts.ts'
import {anAgent, libraryOf, type TestActionRun} from './workflow-library.ts'
import {openWorkflows} from './workflows.ts'

export interface ChaosTask {
  readonly databaseUrl: string
  readonly counterUrl: string
  readonly instance: string
}

/** What the process says: that it waits to be told to work, that it does. */
export type ChaosWord = 'booted' | 'ready'

/** One effect outside, under the key of its step's attempt. */
export interface Counted {
  readonly key: string
  readonly run: string
  readonly what: string
}

const acts = (what: string, agent = 'worker') =>
  `agent: ${agent}, action: act, with: {run: '\${{ run.id }}', what: ${what}}`
const undoes = (what: string) =>
  `compensate: {agent: worker, action: act, with: {run: '\${{ run.id }}', what: undo ${what}}}`

/**
 * By name: the definition, how its runs are to end, and what they are to have done by then. No step is retried, since neither
 * a kill nor an outage may cost an attempt.
 */
export const MODELS = {
  succeeding: {
    text: `
name: succeeding
steps:
  - {id: a, ${acts('a')}, ${undoes('a')}}
  - {id: b, needs: [a], ${acts('b')}}
  - {id: c, needs: [a], ${acts('c')}}
  - {id: d, needs: [b, c], ${acts('d')}}
`,
    status: 'completed',
    effects: ['a', 'b', 'c', 'd'],
  },
  failing: {
    text: `
name: failing
steps:
  - {id: a, ${acts('a')}, ${undoes('a')}}
  - {id: b, ${acts('b')}, ${undoes('b')}}
  - {id: c, agent: worker, action: break}
  - {id: d, ${acts('d')}}
`,
    status: 'failed',
    effects: ['a', 'b', 'undo b', 'undo a'],
  },
  signalled: {
    text: `
name: signalled
steps:
  - {id: a, ${acts('a')}}
  - {id: gate, wait: {signal: go}}
  - {id: b, ${acts('b')}}
`,
    status: 'completed',
    effects: ['a', 'b'],
  },
  cancelled: {
    text: `
name: cancelled
steps:
  - {id: a, ${acts('a')}, ${undoes('a')}}
  - {id: gate, wait: {signal: go}}
  - {id: b, ${acts('b')}}
`,
    status: 'cancelled',
    effects: ['a', 'undo a'],
  },
  /** Through the agent's queue: no process that owns runs hosts it. */
  remote: {
    text: `
name: remote
steps:
  - {id: a, ${acts('a', 'far')}}
  - {id: b, ${acts('b', 'far')}}
`,
    status: 'completed',
    effects: ['a', 'b'],
  },
} as const

export type Model = keyof typeof MODELS

export function chaosLibrary(counterUrl: string): ReturnType<typeof libraryOf> {
  const act: TestActionRun = ({run, what}, {effect}) =>
    effect('act', {
      async run(key) {
        const body = JSON.stringify({key, run, what})
        const answer = await fetch(counterUrl, {method: 'POST', body})
        await answer.text()
        // Time for a kill between the effect and its record.
        await sleep(Math.random() * 40)
        return 'done'
      },
      async find(key) {
        const answer = await fetch(`${counterUrl}/${key}`)
        return (await answer.text()) === '0' ? undefined : 'found'
      },
    })
  const worker = anAgent('worker', {
    act,
    async break() {
      throw new Error('broken by design')
    },
  })
  const {library, actions} = libraryOf(
    Object.values(MODELS).map(({text}) => text),
    [worker, anAgent('far', {act})],
  )
  return {library, actions: {...actions, hosts: agent => agent === 'worker'}}
}

const [argument] = process.argv.slice(2)
if (argument?.startsWith('{') && process.send) {
  const {databaseUrl, counterUrl, instance} = JSON.parse(argument) as ChaosTask
  const {library, actions} = chaosLibrary(counterUrl)
  const say = (word: ChaosWord) => process.send?.(word)
  process.once('disconnect', () => process.exit())
  say('booted')
  await once(process, 'message')
  // Whoever starts it replaces it: a start while Postgres is away ends it.
  const app = await openWorkflows(databaseUrl, {
    plans: library,
    actions,
    instance,
    leaseMs: 4_000,
    renewEveryMs: 500,
    sweepEveryMs: 200,
    max: 5,
  })
  app.serve('far')
  const sendAgain = createAttemptSweep({...app, silentMs: 3_000})
  setInterval(() => void sendAgain().catch(() => undefined), 1_000)
  say('ready')
}
