import {writeFileSync} from 'node:fs'
import {format, resolveConfig} from 'prettier'
import {fileJsonSchema} from '../src/platform/config/signalbox-file.ts'

/** Writes the published JSON Schema of signalbox.yaml from the schema that validates it. */
const path = new URL('../signalbox.schema.json', import.meta.url).pathname
const options = await resolveConfig(path)
writeFileSync(path, await format(JSON.stringify(fileJsonSchema()), {...options, parser: 'json'}))
