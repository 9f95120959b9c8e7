import type {CodeOutline} from '../sdk/index.ts'

type Entry = CodeOutline['exports'][number]

interface Language {
  readonly name: string
  readonly files: RegExp
  /** Groups: kind, name. Tried on each line by itself. */
  readonly exported: RegExp
  readonly imported: RegExp
  readonly comment: 'slashes' | 'hash'
}

const LANGUAGES: readonly Language[] = [
  {
    name: 'TypeScript',
    files: /\.[cm]?tsx?$/,
    exported:
      /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(function\*?|class|const|let|interface|type|enum) ([A-Za-z_$][\w$]*)/,
    imported: /^(?:import|export) [^'"]*from ['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]/,
    comment: 'slashes',
  },
  {
    name: 'JavaScript',
    files: /\.[cm]?jsx?$/,
    exported:
      /^export (?:default )?(?:async )?(function\*?|class|const|let) ([A-Za-z_$][\w$]*)|^(?:module\.)?exports\.()([A-Za-z_$][\w$]*)\s*=/,
    imported: /^import [^'"]*from ['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]|\brequire\(['"]([^'"]+)['"]\)/,
    comment: 'slashes',
  },
  {
    name: 'Python',
    files: /\.py$/,
    exported: /^(?:async )?(def|class) ((?!_)\w+)/,
    imported: /^(?:from ([\w.]+) import|import ([\w.]+))/,
    comment: 'hash',
  },
  {
    name: 'Go',
    files: /\.go$/,
    exported: /^(func|type|var|const) (?:\([^)]*\) )?([A-Z]\w*)/,
    imported: /^(?:import )?\s*(?:\w+ )?"([^"]+)"$/,
    comment: 'slashes',
  },
]

export function languageOf(path: string): string | undefined {
  return LANGUAGES.find(({files}) => files.test(path))?.name
}

/** What a source file offers and needs, read line by line: enough to describe it, without running or compiling it. */
export function outlineOf(path: string, text: string): Omit<CodeOutline, 'path' | 'sha'> {
  const lines = text.split(/\r?\n/)
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  const language = LANGUAGES.find(({files}) => files.test(path))
  if (!language) return {lines: count, language: 'text', about: undefined, imports: [], exports: []}
  const exports = lines.flatMap((line, index): readonly Entry[] => {
    const found = language.exported.exec(line)
    const [kind, name] = found?.slice(1).filter(group => group !== undefined) ?? []
    if (kind === undefined || name === undefined) return []
    const about = language.name === 'Python' ? docstringAt(lines, index + 1) : commentAbove(lines, index)
    return [{kind: kind === '' ? 'value' : kind, name, line: index + 1, about}]
  })
  const imports = lines.flatMap(line => language.imported.exec(line)?.slice(1).find(Boolean) ?? [])
  return {
    lines: count,
    language: language.name,
    about: headOf(lines, language),
    imports: [...new Set(imports)],
    exports,
  }
}

/** The routes a source file registers in the manner of express, fastify, hono and Flask. */
export function routesIn(text: string): readonly {readonly method: string; readonly path: string}[] {
  const calls = [...text.matchAll(/\b\w+\.(get|post|put|patch|delete)\(\s*['"`](\/[^'"`\s]{0,200})['"`]/g)]
  const seen = new Set<string>()
  return calls.flatMap(([, method = '', path = '']) => {
    const key = `${method} ${path}`
    if (seen.has(key)) return []
    seen.add(key)
    return [{method: method.toUpperCase(), path}]
  })
}

function headOf(lines: readonly string[], language: Language): string | undefined {
  const first = lines.findIndex(line => line.trim() !== '' && !line.startsWith('#!'))
  if (first === -1) return undefined
  if (language.name === 'Python') return docstringAt(lines, first)
  const end = endOfComment(lines, first)
  // A comment that touches what follows is about that, not about the file.
  return end !== undefined && (lines[end + 1] ?? '').trim() === ''
    ? wordsOf(lines.slice(first, end + 1))
    : undefined
}

function endOfComment(lines: readonly string[], first: number): number | undefined {
  if (lines[first]?.startsWith('/*') === true) {
    const end = lines.findIndex((line, index) => index >= first && line.includes('*/'))
    return end === -1 ? undefined : end
  }
  let end = first
  while (lines[end]?.startsWith('//') === true) end++
  return end > first ? end - 1 : undefined
}

function commentAbove(lines: readonly string[], index: number): string | undefined {
  const end = index - 1
  if (lines[end]?.trim().endsWith('*/') === true) {
    let first = end
    while (first > 0 && lines[first]?.trim().startsWith('/*') !== true) first--
    return wordsOf(lines.slice(first, end + 1))
  }
  let first = index
  while (lines[first - 1]?.startsWith('//') === true) first--
  return first < index ? wordsOf(lines.slice(first, index)) : undefined
}

function docstringAt(lines: readonly string[], index: number): string | undefined {
  const quote = /^\s*[rbu]?("""|''')/.exec(lines[index] ?? '')?.[1]
  if (quote === undefined) return undefined
  const text = lines.slice(index, index + 40).join('\n')
  const begin = text.indexOf(quote) + 3
  const end = text.indexOf(quote, begin)
  return end === -1 ? undefined : sentence(text.slice(begin, end))
}

function wordsOf(comment: readonly string[]): string | undefined {
  return sentence(
    comment
      .map(line =>
        line
          .trim()
          .replace(/^\/\*+|\*+\/$|^\/\/+|^\*+(?!\/)/g, '')
          .replace(/\*+\/$/, ''),
      )
      .join('\n'),
  )
}

/** Its first paragraph up to a tag, on one line. */
function sentence(text: string): string | undefined {
  const [paragraph = ''] = text.trim().split(/\n\s*\n|\n\s*@/)
  const words = paragraph.replace(/\s+/g, ' ').trim()
  return words === '' ? undefined : words
}
