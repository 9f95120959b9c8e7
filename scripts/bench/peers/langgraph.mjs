// LangGraph with its Postgres checkpointer: a graph of nodes for the small ones, tasks for the large one.
import {randomUUID} from 'node:crypto'
import {Annotation, Command, END, entrypoint, interrupt, START, StateGraph, task} from '@langchain/langgraph'
import {PostgresSaver} from '@langchain/langgraph-checkpoint-postgres'
import pg from 'pg'

export async function open({databaseUrl, pool}) {
  const saver = new PostgresSaver(new pg.Pool({connectionString: databaseUrl, max: pool}))
  await saver.setup()
  const State = Annotation.Root({done: Annotation({reducer: (a, b) => a.concat(b), default: () => []})})
  const node = n => async () => ({done: [n]})

  let sequence = new StateGraph(State)
  for (let n = 0; n < 3; n++) sequence = sequence.addNode(`s${n}`, node(n))
  const sequence3 = sequence
    .addEdge(START, 's0')
    .addEdge('s0', 's1')
    .addEdge('s1', 's2')
    .addEdge('s2', END)
    .compile({checkpointer: saver})

  let fan = new StateGraph(State).addNode('join', node(20))
  for (let n = 0; n < 20; n++) fan = fan.addNode(`s${n}`, node(n)).addEdge(START, `s${n}`)
  const fanOut20 = fan
    .addEdge(
      Array.from({length: 20}, (_, n) => `s${n}`),
      'join',
    )
    .addEdge('join', END)
    .compile({checkpointer: saver})

  const nothing = task('nothing', async n => ({n}))
  const dag = entrypoint({name: 'dag', checkpointer: saver}, async steps => {
    for (let layer = 0; layer < steps; layer += 10)
      await Promise.all(Array.from({length: 10}, (_, index) => nothing(layer + index)))
    return 'done'
  })
  const gated = new StateGraph(State)
    .addNode('gate', async () => ({done: [interrupt('go')]}))
    .addEdge(START, 'gate')
    .addEdge('gate', END)
    .compile({checkpointer: saver})

  const parked = new Map()
  const thread = (id = randomUUID()) => ({configurable: {thread_id: id}, durability: 'async'})
  return {
    sequence3: () => sequence3.invoke({}, thread()),
    fanOut20: () => fanOut20.invoke({}, thread()),
    dag: steps => dag.invoke(steps, thread()),
    async park(index) {
      const id = randomUUID()
      await gated.invoke({}, thread(id))
      parked.set(index, id)
    },
    resume: index => gated.invoke(new Command({resume: true}), thread(parked.get(index))),
    close: () => process.exit(0),
  }
}
