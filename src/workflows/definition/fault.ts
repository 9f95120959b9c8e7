/** One thing wrong with a definition. */
export interface DefinitionFault {
  readonly file: string
  /** From 1; unknown for a definition that no file holds. */
  readonly line: number | undefined
  readonly column: number | undefined
  /** Inside the definition: `steps[2].with.sha`. */
  readonly path: string
  /** The step it is in, with the groups around it: `release/deploy`. */
  readonly step: string | undefined
  /** Inside that step, or inside the definition where it is in none: `with.sha`. */
  readonly field: string
  /** Continues the sentence that the field begins: `must be a number`. */
  readonly message: string
  /** What to do about it, where that can be guessed: `Did you mean "deploy"?` */
  readonly suggestion: string | undefined
}

/** A fault as a line for people: `workflows/docs.yaml:12:7 step write: agent is cicid, which … Did you mean "cicd"?` */
export function describeFault({
  file,
  line,
  column,
  step,
  field,
  message,
  suggestion,
}: DefinitionFault): string {
  const where = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  const subject =
    step === undefined ? field || 'The definition' : `step ${step}:${field === '' ? '' : ` ${field}`}`
  return [where, `${subject} ${message}.`, ...(suggestion === undefined ? [] : [suggestion])].join(' ')
}
