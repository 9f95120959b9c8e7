import {refuse} from './route.ts'

type Kind = 'string' | 'boolean' | 'object' | 'array'

/** Refuses a body as GitHub does: fields it does not know, fields of another type, fields that are missing. */
export function checkBody(
  body: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Kind>>,
  required: readonly string[] = [],
): void {
  const invalid = (why: string) => refuse(422, `Invalid request.\n\n${why}`)
  for (const [name, value] of Object.entries(body)) {
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (kind === undefined) invalid(`"${name}" is not a permitted key.`)
    const actual = Array.isArray(value) ? 'array' : typeof value
    if (actual !== kind) invalid(`For 'properties/${name}', ${JSON.stringify(value)} is not a ${kind}.`)
  }
  const missing = required.find(name => body[name] === undefined)
  if (missing !== undefined) invalid(`"${missing}" wasn't supplied.`)
}
