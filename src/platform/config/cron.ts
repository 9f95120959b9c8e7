const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const DAYS = 'sun mon tue wed thu fri sat'.split(' ')

interface Field {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const SECONDS: Field = {min: 0, max: 59}
const FIELDS: readonly Field[] = [
  {min: 0, max: 59},
  {min: 0, max: 23},
  {min: 1, max: 31},
  {min: 1, max: 12, names: MONTHS},
  {min: 0, max: 7, names: DAYS},
]

/**
 * Whether a text is a schedule in the common five fields (or six, seconds first): numbers, names, `*`, ranges, lists
 * and steps. The extensions of single implementations (`L`, `#`, `@daily`) are refused, so that what passes here
 * means the same everywhere.
 */
export function isCron(text: string): boolean {
  const parts = text.trim().toLowerCase().split(/\s+/)
  const fields = parts.length === 6 ? [SECONDS, ...FIELDS] : FIELDS
  return parts.length === fields.length && fields.every((field, i) => isFieldText(parts[i] ?? '', field))
}

function isFieldText(text: string, field: Field): boolean {
  return text.split(',').every(item => {
    const [, range = '', step] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(item) ?? []
    if (step !== undefined && Number(step) === 0) return false
    if (range === '*') return true
    const [from, to, ...rest] = range.split('-').map(value => toNumber(value, field))
    if (from === undefined || Number.isNaN(from) || rest.length > 0) return false
    return to === undefined || (!Number.isNaN(to) && from <= to)
  })
}

/** The number a value stands for, NaN when it stands for none in this field. */
function toNumber(value: string, {min, max, names}: Field): number {
  const named = names?.indexOf(value) ?? -1
  const number = named >= 0 ? named + min : /^\d{1,2}$/.test(value) ? Number(value) : NaN
  return number >= min && number <= max ? number : NaN
}
