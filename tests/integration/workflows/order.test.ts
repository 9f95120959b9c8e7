import {afterEach, beforeEach, expect, test} from 'vitest'
import {createTestDatabase, type TestDatabase} from '../../support/database.ts'
import {actionsOf, aPlan, aStep, openWorkflows, until, waitingForSignal} from '../../support/workflows.ts'

let database: TestDatabase
beforeEach(async () => void (database = await createTestDatabase()))
afterEach(() => database.drop())

test('orders take effect in the order in which they were acknowledged, however fast they come', async () => {
  const app = await openWorkflows(database.url, {
    plans: [aPlan('gated', [aStep('gate', waitingForSignal('go'))])],
    actions: actionsOf({}),
  })
  const {workflows} = app
  const orders = async () => {
    const {id} = await workflows.start({workflow: 'gated', input: null})
    await until(async () => (await workflows.get(id))?.status === 'paused')
    for (let n = 0; n < 5; n++) {
      await workflows.pause(id, {by: 'ada'})
      await workflows.resume(id, {by: 'ada'})
    }
    await workflows.signal(id, {id: 's', name: 'go'})
    expect(await workflows.ended(id)).toBe('completed')
    const told: string[] = []
    for await (const {facts} of workflows.events(id, 0, AbortSignal.timeout(20_000)))
      told.push(...facts.map(({is}) => is).filter(is => is === 'paused' || is === 'resumed'))
    expect(told).toEqual(Array.from({length: 5}, () => ['paused', 'resumed']).flat())
  }
  await Promise.all(Array.from({length: 20}, orders))
  await app.close()
})
