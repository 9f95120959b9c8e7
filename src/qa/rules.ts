import {parseDocument} from 'yaml'
import {z} from 'zod'

/** Where a repository keeps its rules. */
export const RULES_FILE = 'qa.yaml'

const MOST_RULES = 50
const LARGEST = 100_000

const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'must be a short name of lower-case letters, digits and dashes')
const words = z.string().trim().min(1, 'must not be empty').max(300)
const glob = z
  .string()
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters')
  .regex(/^[^/\\].*$/, 'must be a path from the root of the repository, without a slash before it')
const globs = z.array(glob).min(1, 'must name a path').max(10, 'must name at most 10 paths')
const texts = z.array(z.string().min(1, 'must not be empty').max(200)).min(1, 'must name a text').max(10)
const name = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'must be the name of a workflow input or event')
const workflows = globs.default(['.github/workflows/*.yml', '.github/workflows/*.yaml'])

/** What is to be found in lines: each of `all` and one of `any`, in any case. Plain text: no pattern can be made to hang. */
const wanted = {
  in: globs,
  all: texts.optional().describe('each of these'),
  any: texts.optional().describe('one of these'),
}
const hasWords = ({all, any}: {all?: unknown; any?: unknown}) => all !== undefined || any !== undefined
const NO_WORDS = 'must have all, any, or both'

const check = z
  .strictObject({
    changed: globs.optional().describe('a file here is added or changed'),
    exists: globs.optional().describe('a file is here'),
    contains: z
      .strictObject(wanted)
      .refine(hasWords, NO_WORDS)
      .optional()
      .describe('the files here, taken together, hold these texts'),
    forbids: z
      .strictObject(wanted)
      .refine(hasWords, NO_WORDS)
      .optional()
      .describe('no line that is added here holds all of these texts and one of those'),
    trigger: z
      .strictObject({event: name.default('workflow_dispatch'), in: workflows})
      .optional()
      .describe('each changed workflow here has this event'),
    input: z
      .strictObject({name, in: workflows})
      .optional()
      .describe('each changed workflow here takes this input when it is started by hand'),
    runName: z
      .strictObject({input: name.default('correlation_id'), in: workflows})
      .optional()
      .describe('each changed workflow here has this input in its run name'),
  })
  .refine(kinds => Object.values(kinds).filter(kind => kind !== undefined).length === 1, {
    error: 'must have exactly one of changed, exists, contains, forbids, trigger, input, runName',
  })

const rule = z.strictObject({
  id,
  title: words.describe('what holds, as a sentence without its end: tests go with the source'),
  why: words.optional(),
  fix: words.optional().describe('what to do where it does not hold'),
  severity: z.enum(['must', 'should']).default('must').describe('should: a warning, which fails nothing'),
  when: globs.optional().describe('only where a file here is added or changed; always when left out'),
  check,
})

/** The one description of qa.yaml: what is validated, and what `qa.schema.json` publishes. */
export const rulesSchema = z
  .strictObject({
    rules: z
      .array(rule)
      .min(1, 'must have a rule')
      .max(MOST_RULES, `must have at most ${MOST_RULES} rules`)
      .refine(rules => new Set(rules.map(one => one.id)).size === rules.length, 'must have each id once'),
  })
  .describe('Rules that Signalbox checks pull requests by; read from the branch that is merged into')

export type Rule = z.output<typeof rule>

/** The rules of a text, or all that is wrong with it, each with its path. */
export function readRules(
  text: string,
):
  | {readonly ok: true; readonly rules: readonly Rule[]}
  | {readonly ok: false; readonly faults: readonly string[]} {
  if (text.length > LARGEST) return {ok: false, faults: [`is larger than ${LARGEST / 1000} kB`]}
  const document = parseDocument(text, {version: '1.2'})
  if (document.errors.length > 0)
    return {
      ok: false,
      faults: document.errors.map(({linePos}) => `line ${linePos?.[0].line ?? '?'}: is not valid YAML`),
    }
  let value: unknown
  try {
    value = document.toJS()
  } catch {
    return {ok: false, faults: ['has too many aliases']}
  }
  const parsed = rulesSchema.safeParse(value)
  if (parsed.success) return {ok: true, rules: parsed.data.rules}
  return {
    ok: false,
    faults: parsed.error.issues.map(
      ({path, message}) => `${path.length === 0 ? 'it' : path.join('.')}: ${message}`,
    ),
  }
}

/** The published JSON Schema of qa.yaml, for editors and other tools. */
export function rulesJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(rulesSchema, {io: 'input'})
}
