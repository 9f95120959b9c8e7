// One process that carries runs on: for tests that kill it, freeze it, or need several.
import pg from 'pg'
import {setTimeout as sleep} from 'node:timers/promises'
import {
  actionsOf,
  aPlan,
  aStep,
  doing,
  inSequence,
  openWorkflows,
  waitingForSignal,
  type TestAction,
} from './workflows.ts'

/** How the process is set up: its first argument, as JSON. */
export interface EngineTask {
  readonly databaseUrl: string
  readonly instance: string
  readonly leaseMs: number
  readonly renewEveryMs: number
}

export type EngineMessage =
  {readonly start: string; readonly id: string; readonly input?: string | number} | {readonly leave: true}

/** What it says: that it is there, that a run was started, that an action came to the named point. */
export type EngineWord =
  | {readonly ready: true}
  | {readonly started: string}
  | {readonly at: 'before effect' | 'inside effect'; readonly run: string; readonly by: string}
  | {readonly refused: string; readonly code: string}

/** Each effect is one row in the ledger, under its id: `run step`. */
export const plans = [
  aPlan(
    'five',
    inSequence(
      ...Array.from({length: 5}, (_, n) =>
        aStep(`s${n}`, {
          kind: 'action',
          agent: 'tester',
          action: 'record',
          pure: false,
          with: ({run}) => `${run.id} s${n}`,
        }),
      ),
    ),
  ),
  aPlan('slow', [
    aStep('only', {
      kind: 'action',
      agent: 'tester',
      action: 'slow',
      pure: false,
      with: ({run, input}) => ({run: run.id, ms: input}),
    }),
  ]),
  aPlan(
    'gated',
    inSequence(
      aStep('gate', waitingForSignal('go')),
      aStep('after', doing('record', {input: 'after' as never})),
    ),
  ),
]

const say = (word: EngineWord) => void process.send?.(word)

function tableOf(db: Pick<pg.Pool, 'query'>, instance: string): Readonly<Record<string, TestAction>> {
  const write = (what: string) => db.query('insert into ledger (what) values ($1)', [what])
  return {
    record: ({input}, {effect}) =>
      effect('record', {
        async run() {
          await sleep(5)
          await write(input as string)
          await sleep(5)
          return 'written'
        },
        // What it did is there to be found, as with a service that keeps an idempotency key.
        async find() {
          const {rowCount} = await db.query('select from ledger where what = $1', [input])
          return (rowCount ?? 0) > 0 ? 'found' : undefined
        },
      }),
    /** Comes to a point before its effect, and one inside it, and stays `ms` at each. */
    async slow({input}, {effect}) {
      const {run, ms} = input as {run: string; ms: number}
      say({at: 'before effect', run, by: instance})
      await sleep(ms)
      try {
        return await effect('slow', {
          async run() {
            say({at: 'inside effect', run, by: instance})
            await write(`${run} only`)
            await sleep(ms)
            return instance
          },
        })
      } catch (error) {
        say({refused: run, code: (error as {code?: string}).code ?? String(error)})
        throw error
      }
    },
  }
}

const [argument] = process.argv.slice(2)
if (argument !== undefined && process.send) {
  const {databaseUrl, instance, leaseMs, renewEveryMs} = JSON.parse(argument) as EngineTask
  const db = new pg.Pool({connectionString: databaseUrl, max: 5})
  const app = await openWorkflows(databaseUrl, {
    plans,
    actions: actionsOf(tableOf(db, instance)),
    leaseMs,
    renewEveryMs,
    sweepEveryMs: 200,
    instance,
    max: 5,
  })
  process.on('message', (message: EngineMessage) => {
    if ('leave' in message) {
      void app.close(1_000).then(() => process.exit(0))
      return
    }
    const definition = plans.find(({plan}) => plan.name === message.start)
    if (!definition) throw new Error(`no plan ${message.start}`)
    void app.engine
      .start(
        {id: message.id, input: message.input ?? null, correlationId: message.id, metadata: {}},
        definition,
      )
      .then(() => say({started: message.id}))
  })
  say({ready: true})
}
