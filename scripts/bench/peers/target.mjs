// One peer as a target of the workflow benchmark. The address of workflow-rounds, compiled or not, comes as an argument:
// this package knows nothing of the product.
const {answerRounds} = await import(process.argv[2])
const peers = {dbos: () => import('./dbos.mjs'), langgraph: () => import('./langgraph.mjs')}

answerRounds(async options => (await peers[options.kind]()).open(options))
