import {parse} from 'yaml'
import {code, ellipsis} from '../kernel/markdown.ts'
import {languageOf, outlineOf, routesIn} from './outline.ts'
import type {DocumentKind} from '../sdk/index.ts'

/** A file as it was read. */
export interface Source {
  readonly path: string
  readonly text: string
}

const TITLES: Readonly<Record<DocumentKind, string>> = {
  api_reference: 'API reference',
  user_guide: 'User guide',
  deployment_guide: 'Deployment guide',
}
const MOST_SOURCES = 40
const MOST_ENTRIES = 60
const LARGEST_SOURCE = 200_000

const TEST =
  /(?:^|\/)(?:tests?|__tests__|spec|e2e|fixtures|examples?|scripts)\/|[._-](?:test|spec)\.[^/]+$|(?:^|\/)(?:test_[^/]+|conftest)\.py$/
const GENERATED = /(?:^|\/)(?:dist|build|vendor|node_modules|generated|\.[^/]+)\/|\.(?:min\.\w+|map|d\.ts)$/
const WORKFLOW = /^\.github\/workflows\/[^/]+\.ya?ml$/
const ENVIRONMENT = /(?:^|\/)\.env\.(?:example|sample|template|dist)$/
const README = /^readme(?:\.md|\.rst|\.txt)?$/i

/** The files that a document is made from, of those there are. The order is that of their importance. */
export function sourcesFor(
  kind: DocumentKind,
  files: readonly {readonly path: string; readonly size: number}[],
  most = MOST_SOURCES,
): readonly string[] {
  const wanted = files.filter(({path, size}) => size <= LARGEST_SOURCE && WANTED[kind](path))
  return wanted
    .map(({path}) => path)
    .sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
    .slice(0, most)
}

const WANTED: Readonly<Record<DocumentKind, (path: string) => boolean>> = {
  api_reference: path => languageOf(path) !== undefined && !TEST.test(path) && !GENERATED.test(path),
  user_guide: path =>
    README.test(path) || path === 'package.json' || ENVIRONMENT.test(path) || /^docs\/[^/]+\.md$/.test(path),
  deployment_guide: path =>
    WORKFLOW.test(path) ||
    ENVIRONMENT.test(path) ||
    path === 'package.json' ||
    /(?:^|\/)(?:Dockerfile|(?:docker-)?compose\.ya?ml)$/.test(path),
}

/**
 * The document, as Markdown. Everything in it comes from the files; what they don't say is not said. Texts from files
 * are shown as code, or as one paragraph of words without links, images and mentions.
 */
export function writeDocument(
  kind: DocumentKind,
  {
    repository,
    sha,
    sources,
    left,
  }: {
    readonly repository: string
    readonly sha: string
    readonly sources: readonly Source[]
    /** Files that would belong to it and were not read. */
    readonly left: number
  },
): string {
  const sections = WRITERS[kind](sources)
  const body = sections.length > 0 ? sections : ['Nothing in the repository says anything about it.']
  return (
    [
      `# ${TITLES[kind]}: ${prose(repository)}`,
      `Written from the files of ${code(repository)} at ${code(sha.slice(0, 7))}. Edits here are replaced.`,
      ...body,
      ...(left > 0 ? [`_${left} more files were not read._`] : []),
    ].join('\n\n') + '\n'
  )
}

const WRITERS: Readonly<Record<DocumentKind, (sources: readonly Source[]) => readonly string[]>> = {
  api_reference(sources) {
    const routes = sources.flatMap(({path, text}) =>
      routesIn(text).map(route => ({...route, path: route.path, file: path})),
    )
    const modules = sources.flatMap(({path, text}) => {
      const {exports, about} = outlineOf(path, text)
      if (exports.length === 0) return []
      const more = exports.length - MOST_ENTRIES
      return [
        [
          `## ${code(path, 200)}`,
          ...(about === undefined ? [] : ['', prose(about)]),
          '',
          ...exports
            .slice(0, MOST_ENTRIES)
            .map(
              entry =>
                `- ${entry.kind} ${code(entry.name)}${entry.about === undefined ? '' : `: ${prose(entry.about)}`}`,
            ),
          ...(more > 0 ? [`- …and ${more} more`] : []),
        ].join('\n'),
      ]
    })
    return [
      ...(routes.length === 0
        ? []
        : [
            '## HTTP routes',
            table(
              ['method', 'path', 'in'],
              routes.map(({method, path, file}) => [method, code(path), code(file)]),
            ),
          ]),
      ...modules,
    ]
  },

  user_guide(sources) {
    const readme = sources.find(({path}) => README.test(path))
    const intro = readme && introOf(readme.text)
    const guides = sources.filter(({path}) => path.startsWith('docs/'))
    return [
      ...(intro === undefined ? [] : ['## What it is', intro]),
      ...scriptsIn(sources, 'What you can run'),
      ...variablesIn(sources),
      ...(guides.length === 0
        ? []
        : [
            '## Read on',
            guides.map(({path, text}) => `- ${code(path)}: ${prose(titleOf(text) ?? path)}`).join('\n'),
          ]),
    ]
  },

  deployment_guide(sources) {
    const workflows = sources.filter(({path}) => WORKFLOW.test(path)).flatMap(workflowSection)
    const images = sources.filter(({path}) => /Dockerfile$/.test(path)).map(imageSection)
    const services = sources.filter(({path}) => /compose\.ya?ml$/.test(path)).flatMap(servicesSection)
    return [
      ...(workflows.length === 0 ? [] : ['## Workflows', ...workflows]),
      ...(images.length + services.length === 0 ? [] : ['## Images and services', ...images, ...services]),
      ...scriptsIn(sources, 'Scripts'),
      ...variablesIn(sources),
    ]
  },
}

/** A section of the README that lists the documents, between marks by which it is found again. */
export function withSection(
  readme: string,
  documents: readonly {readonly title: string; readonly path: string}[],
): string {
  const section = [
    SECTION_BEGIN,
    '## Documentation',
    '',
    ...documents.map(({title, path}) => `- [${title}](${path})`),
    SECTION_END,
  ].join('\n')
  const begin = readme.indexOf(SECTION_BEGIN)
  const end = readme.indexOf(SECTION_END, begin)
  if (begin === -1 || end === -1) return `${readme.trimEnd()}\n\n${section}\n`
  return readme.slice(0, begin) + section + readme.slice(end + SECTION_END.length)
}

const SECTION_BEGIN = '<!-- signalbox:docs -->'
const SECTION_END = '<!-- /signalbox:docs -->'

export function titleOfKind(kind: DocumentKind): string {
  return TITLES[kind]
}

function scriptsIn(sources: readonly Source[], title: string): readonly string[] {
  const manifest = sources.find(({path}) => path === 'package.json')
  const scripts = Object.entries(record(record(manifest && json(manifest.text))['scripts'])).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  if (scripts.length === 0) return []
  return [
    `## ${title}`,
    table(
      ['command', 'runs'],
      scripts.map(([name, script]) => [code(`npm run ${name}`), code(script, 160)]),
    ),
  ]
}

/** Names and comments, never values: an example file may hold a real one. */
function variablesIn(sources: readonly Source[]): readonly string[] {
  const variables = sources
    .filter(({path}) => ENVIRONMENT.test(path))
    .flatMap(({text}) => {
      let about: string[] = []
      return text.split(/\r?\n/).flatMap((line): readonly (readonly string[])[] => {
        const [, name] = /^\s*#?\s*(?:export )?([A-Z][A-Z0-9_]{1,100})=/.exec(line) ?? []
        if (name !== undefined) {
          const row = [code(name), prose(about.join(' '))]
          about = []
          return [row]
        }
        about = line.startsWith('#') ? [...about, line.replace(/^#+\s*/, '')] : []
        return []
      })
    })
  return variables.length === 0 ? [] : ['## Environment variables', table(['name', 'meaning'], variables)]
}

function workflowSection({path, text}: Source): readonly string[] {
  const file = record(yaml(text))
  if (Object.keys(file).length === 0) return []
  const on = file['on']
  const triggers =
    typeof on === 'string' ? [on] : Array.isArray(on) ? on.map(String) : Object.keys(record(on))
  const inputs = Object.entries(record(record(record(on)['workflow_dispatch'])['inputs']))
  const secrets = [...new Set([...text.matchAll(/\$\{\{\s*secrets\.(\w+)/g)].map(([, name = '']) => name))]
  const jobs = Object.keys(record(file['jobs']))
  return [
    [
      `### ${code(path)}`,
      '',
      ...(typeof file['name'] === 'string' ? [`${prose(file['name'])}.`] : []),
      ...(triggers.length === 0 ? [] : [`- starts on ${triggers.map(name => code(name)).join(', ')}`]),
      ...(jobs.length === 0 ? [] : [`- jobs: ${jobs.map(name => code(name)).join(', ')}`]),
      ...inputs.map(([name, spec]) => {
        const {required, description} = record(spec)
        const words = typeof description === 'string' ? `: ${prose(description)}` : ''
        return `- input ${code(name)}${required === true ? ' (required)' : ''}${words}`
      }),
      ...(secrets.length === 0 ? [] : [`- needs the secrets ${secrets.map(name => code(name)).join(', ')}`]),
    ].join('\n'),
  ]
}

function imageSection({path, text}: Source): string {
  const bases = [...text.matchAll(/^FROM\s+(?:--\S+\s+)?(\S+)/gim)].map(([, name = '']) => code(name))
  const ports = [...text.matchAll(/^EXPOSE\s+(.+)$/gim)].map(([, list = '']) => code(list.trim()))
  return [
    `### ${code(path)}`,
    '',
    ...(bases.length === 0 ? [] : [`- built from ${bases.join(', ')}`]),
    ...(ports.length === 0 ? [] : [`- listens on ${ports.join(', ')}`]),
  ].join('\n')
}

function servicesSection({path, text}: Source): readonly string[] {
  const services = Object.entries(record(record(yaml(text))['services']))
  if (services.length === 0) return []
  return [
    [
      `### ${code(path)}`,
      '',
      ...services.map(([name, spec]) => {
        const {image} = record(spec)
        return `- ${code(name)}${typeof image === 'string' ? ` from ${code(image)}` : ', built here'}`
      }),
    ].join('\n'),
  ]
}

/** The first paragraph under the title that is words. */
function introOf(readme: string): string | undefined {
  const paragraphs = readme.replace(/<!--[\s\S]*?-->/g, '').split(/\n\s*\n/)
  const words = paragraphs.find(text => /^[\p{L}*_`[]/u.test(text.trim()) && !/^\[?!\[/.test(text.trim()))
  return words === undefined ? undefined : prose(words, 800)
}

function titleOf(markdown: string): string | undefined {
  return /^#\s+(.+)$/m.exec(markdown)?.[1]
}

/** A stranger's words as plain words: no markup, so no image is loaded, nobody is pinged, nothing runs. */
function prose(text: string, maxLength = 300): string {
  const words = text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .trim()
  return ellipsis(words, maxLength)
    .replace(/[\\`*_~|<>[\]]/g, '\\$&')
    .replace(/@/g, '@\u200b')
    .replace(/:\/\//g, ':\u200b//')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replace(/(?<!\\)\|/g, '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.slice(0, 200).map(line)].join('\n')
}

function depth(path: string): number {
  return path.split('/').length
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Aliases are bounded by the library; what is no YAML says nothing. */
function yaml(text: string): unknown {
  try {
    return parse(text, {maxAliasCount: 20})
  } catch {
    return undefined
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
