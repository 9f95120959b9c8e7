import {writeFileSync} from 'node:fs'
import {format, resolveConfig} from 'prettier'
import {inCheckout} from '../src/platform/checkout.ts'
import {fileJsonSchema} from '../src/platform/config/signalbox-file.ts'
import {rulesJsonSchema} from '../src/qa/rules.ts'
import {workflowJsonSchema} from '../src/sdk/workflow.ts'

/** Writes the published JSON Schemas, of signalbox.yaml, of workflows and of qa.yaml, from the schemas that validate them. */
const published = {
  'signalbox.schema.json': fileJsonSchema(),
  'workflow.schema.json': workflowJsonSchema(),
  'qa.schema.json': rulesJsonSchema(),
}
for (const [name, schema] of Object.entries(published)) {
  const path = inCheckout(name)
  const options = await resolveConfig(path)
  writeFileSync(path, await format(JSON.stringify(schema), {...options, parser: 'json'}))
}
