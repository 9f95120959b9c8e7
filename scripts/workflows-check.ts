import {statSync} from 'node:fs'
import {resolve} from 'node:path'
import type {AgentDefinition} from '../src/sdk/index.ts'
import {inCheckout} from '../src/platform/checkout.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {loadFolder} from '../src/runtime/load-plugins.ts'
import {describeFault} from '../src/workflows/definition/fault.ts'
import {loadWorkflows} from '../src/workflows/definition/load.ts'

/** Checks the workflows of this checkout, or of the folder given, against the agents there are. Exit code 1: faults. */
const {argument: folder} = commandLine({
  name: 'npm run workflows:check',
  purpose: 'Checks workflow files against their schema and the agents there are. Exit code 1: faults.',
  argument: {name: 'folder', what: 'workflows/ when left out'},
})
if (folder !== undefined && !statSync(folder, {throwIfNoEntry: false})?.isDirectory()) {
  process.stderr.write(`${folder} is no folder.\n`)
  process.exit(1)
}
const agents = await loadFolder<AgentDefinition>('agents', agent => agent.id)
const {definitions, faults} = await loadWorkflows(
  folder === undefined ? inCheckout('workflows') : resolve(folder),
  agents,
)
for (const fault of faults) process.stdout.write(`❌ ${describeFault(fault)}\n`)
if (faults.length === 0) {
  const names = [...definitions.keys()]
  process.stdout.write(`✅ ${names.length} workflows: ${names.join(', ') || 'none'}\n`)
} else process.exitCode = 1
