// A worker that takes a job and never ends it, to be killed: `tsx crashing-worker.ts <queue> <queues options as JSON>`.
import {createQueues, type QueuesOptions} from '../../src/platform/queue.ts'

const [, , queue = '', options = '{}'] = process.argv
const queues = createQueues({
  ...(JSON.parse(options) as QueuesOptions),
  log: {warn: (fields, text) => console.error(text, fields)},
})
queues.work(queue, {concurrency: 1, lockMs: 1_000}, async () => {
  process.stdout.write('took it\n')
  await new Promise(() => undefined)
})
