import {readFileSync, writeFileSync} from 'node:fs'
import {format, resolveConfig} from 'prettier'
import {inCheckout} from '../src/platform/checkout.ts'
import {fileJsonSchema} from '../src/platform/config/signalbox-file.ts'
import {rulesJsonSchema} from '../src/qa/rules.ts'
import {commandLine} from '../src/runtime/command-line.ts'
import {workflowJsonSchema} from '../src/sdk/workflow.ts'

commandLine({
  name: 'npm run schema',
  purpose:
    'Writes the published JSON Schemas from the schemas that validate: run it after changing one of those.',
})

/** Writes the published JSON Schemas, of signalbox.yaml, of workflows and of qa.yaml, from the schemas that validate them. */
const published = {
  'signalbox.schema.json': fileJsonSchema(),
  'workflow.schema.json': workflowJsonSchema(),
  'qa.schema.json': rulesJsonSchema(),
}
for (const [name, schema] of Object.entries(published)) {
  const path = inCheckout(name)
  const options = await resolveConfig(path)
  const text = await format(JSON.stringify(schema), {...options, parser: 'json'})
  const same = readFileSync(path, 'utf8') === text
  if (!same) writeFileSync(path, text)
  process.stdout.write(`${same ? '✅ is up to date' : '✏️  was written'}: ${name}\n`)
}
