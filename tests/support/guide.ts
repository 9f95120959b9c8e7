import {readFile} from 'node:fs/promises'
import ts from 'typescript'

/** A fenced block of a guide. */
export interface Sample {
  /** The heading or bold words it stands under. */
  readonly title: string
  readonly source: string
}

const DOCS = new URL('../../docs/', import.meta.url)

/** The TypeScript samples of a guide in docs/, in order. */
export async function samplesOf(guide: string): Promise<readonly Sample[]> {
  const text = await readFile(new URL(guide, DOCS), 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(match => {
    const above = [...text.slice(0, match.index).matchAll(/^(?:#+ (.*)|\*\*(.*?)\.\*\*.*)$/gm)].at(-1)
    return {title: above?.[1] ?? above?.[2] ?? guide, source: match[1] ?? ''}
  })
}

/**
 * Runs a sample as it stands: its imports are those of a file in docs/, what it uses without importing is given.
 * Rejects with whatever it throws.
 */
export async function runSample({source}: Sample, given: Readonly<Record<string, unknown>>): Promise<void> {
  const imports = [...source.matchAll(/^import \{([^}]+)\} from '([^']+)'$/gm)]
  const modules = await Promise.all(
    imports.map(
      async ([, , from = '']) =>
        (await import(new URL(from, DOCS).href)) as Readonly<Record<string, unknown>>,
    ),
  )
  const imported = Object.fromEntries(
    imports.flatMap(([, names = ''], index) =>
      names.split(',').map(name => [name.trim(), modules[index]?.[name.trim()]] as const),
    ),
  )
  const missing = Object.keys(imported).filter(name => imported[name] === undefined)
  if (missing.length > 0) throw new Error(`the sample imports ${missing.join(', ')}, which do not exist`)
  const body = ts.transpileModule(source.replace(/^import .*$/gm, ''), {
    compilerOptions: {target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext},
  }).outputText
  const scope = {...imported, ...given}
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- running the guide's own text is the point
  const run = new Function(...Object.keys(scope), `return (async () => {${body}\n})()`) as (
    ...values: readonly unknown[]
  ) => Promise<void>
  await run(...Object.values(scope))
}
