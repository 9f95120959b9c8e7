import {AppError} from '../kernel/errors.ts'
import type {Json} from '../kernel/json.ts'
import type {InputDeclaration} from '../sdk/workflow.ts'

const PAIR = /([A-Za-z_][A-Za-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^\s"]\S*|)(?:\s+|$)/y

/**
 * What a person typed for a workflow's input: JSON, or pairs such as `pr_number=7 title="two words"`, whose values are
 * read as the declared type. Throws INVALID_INPUT for a text that is neither; what it holds is not judged.
 */
export function readInputText(
  text: string,
  declared: Readonly<Record<string, Pick<InputDeclaration, 'type'>>>,
): Json {
  const typed = text.trim()
  if (typed.startsWith('{')) {
    try {
      return JSON.parse(typed) as Json
    } catch {
      throw new AppError('INVALID_INPUT', 'input: begins like JSON and is none; check quotes and commas')
    }
  }
  const input: Record<string, Json> = {}
  for (PAIR.lastIndex = 0; PAIR.lastIndex < typed.length;) {
    const from = PAIR.lastIndex
    const [, name = '', raw = ''] = PAIR.exec(typed) ?? []
    if (name === '') {
      throw new AppError(
        'INVALID_INPUT',
        `input: "${typed.slice(from, from + 30)}" is no pair; write name=value, with spaces as name="two words", or JSON`,
      )
    }
    if (Object.hasOwn(input, name)) throw new AppError('INVALID_INPUT', `input: ${name} is given twice`)
    Object.defineProperty(input, name, {
      value: valueOf(raw, Object.hasOwn(declared, name) ? declared[name]?.type : undefined),
      enumerable: true,
    })
  }
  return input
}

/** Text that is no value of its type stays text, for the input's check to name. */
function valueOf(raw: string, type: InputDeclaration['type'] | undefined): Json {
  const text = raw.startsWith('"') ? (parsed(raw) ?? raw) : raw
  if (type === undefined || type === 'string' || typeof text !== 'string') return text
  return parsed(text) ?? text
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
