// DBOS in its fastest mode: workflows started directly, their result awaited in the same process.
import {DBOS} from '@dbos-inc/dbos-sdk'

export async function open({databaseUrl, pool}) {
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: databaseUrl,
    systemDatabasePoolSize: pool,
    logLevel: 'error',
    runAdminServer: false,
  })
  const nothing = n => DBOS.runStep(async () => ({n}), {name: `s${n}`})
  const sequence3 = DBOS.registerWorkflow(
    async () => {
      for (let n = 0; n < 3; n++) await nothing(n)
    },
    {name: 'sequence3'},
  )
  const fanOut20 = DBOS.registerWorkflow(
    async () => {
      await Promise.all(Array.from({length: 20}, (_, n) => nothing(n)))
      await nothing(20)
    },
    {name: 'fanOut20'},
  )
  const dag = DBOS.registerWorkflow(
    async steps => {
      for (let layer = 0; layer < steps; layer += 10)
        await Promise.all(Array.from({length: 10}, (_, index) => nothing(layer + index)))
    },
    {name: 'dag'},
  )
  const gated = DBOS.registerWorkflow(async () => DBOS.recv('go', 86_400), {name: 'gated'})
  await DBOS.launch()
  const parked = new Map()
  const run = async (workflow, ...args) => (await DBOS.startWorkflow(workflow)(...args)).getResult()
  return {
    sequence3: () => run(sequence3),
    async start3() {
      const handle = await DBOS.startWorkflow(sequence3)()
      return () => handle.getResult()
    },
    fanOut20: () => run(fanOut20),
    dag: steps => run(dag, steps),
    async park(index) {
      parked.set(index, await DBOS.startWorkflow(gated)())
    },
    async resume(index) {
      const handle = parked.get(index)
      await DBOS.send(handle.workflowID, {go: true}, 'go')
      await handle.getResult()
    },
    close: () => process.exit(0),
  }
}
