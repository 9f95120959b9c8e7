import {ENVIRONMENTS, type Environment} from '../kernel/environment.ts'

export const DOCUMENTS = ['api_reference', 'user_guide', 'deployment_guide'] as const
export type DocumentName = (typeof DOCUMENTS)[number]

/** What a text names. */
export interface Facts {
  readonly pull?: number | undefined
  /** `owner/name`, or an address that holds it. */
  readonly repository?: string | undefined
  readonly target?: string | undefined
  readonly environment?: Environment | undefined
  readonly ref?: string | undefined
  readonly sha?: string | undefined
  readonly path?: string | undefined
  /** Of a tracker, such as OPS-7. */
  readonly issue?: string | undefined
  readonly pipeline?: string | undefined
  readonly document?: DocumentName | undefined
  readonly variable?: {readonly name: string; readonly value: string} | undefined
}

/** The names that configuration knows. */
export interface KnownNames {
  readonly targets: readonly {
    readonly name: string
    readonly service: string
    readonly environment: Environment
  }[]
  readonly repositories: readonly string[]
}

const PULL =
  /\b(?:pull requests?|prs?|pull|mr)\s*(?:number |no\.? ?|#)?\s*(\d{1,7})\b|(?:^|[\s(])#(\d{1,7})\b|\/pull\/(\d{1,7})\b/i
const ADDRESS = /https?:\/\/[^\s/]+\/([A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100})/
const ENVIRONMENT_WORDS: Readonly<Record<Environment, RegExp>> = {
  production: /\b(?:production|prod|live)\b/i,
  staging: /\b(?:staging|stage|preprod)\b/i,
  development: /\b(?:development|dev)\b(?![/-])/i,
}
const PIPELINES: readonly (readonly [string, RegExp])[] = [
  ['e2e', /\be2e\b|\bend[- ]to[- ]end\b/i],
  ['lint', /\blint(?:er|ing)?\b/i],
  ['build', /\bbuild\b(?!s? (?:green|broken|fail))/i],
  ['nightly', /\bnightly\b/i],
  ['test', /\btests?\b|\btest suite\b|\bci\b|\bchecks?\b/i],
]
const DOCUMENT_WORDS: Readonly<Record<DocumentName, RegExp>> = {
  api_reference: /\bapi (?:reference|docs?|documentation)\b|\breference docs?\b/i,
  deployment_guide: /\bdeploy(?:ment)? (?:guide|docs?|documentation|process|procedure|steps)\b|\brunbook\b/i,
  user_guide: /\buser(?:'s)? (?:guide|docs?|documentation|manual)\b/i,
}

/** What the text names, as far as it names it plainly. Anything may be absent; nothing is guessed. */
export function factsIn(text: string, known: KnownNames): Facts {
  const pull = PULL.exec(text)
  const number = Number(pull?.[1] ?? pull?.[2] ?? pull?.[3])
  const address = ADDRESS.exec(text)?.[1]?.replace(/\.git$/, '')
  const repository =
    known.repositories.find(name => hasWord(text, name)) ?? (address === undefined ? undefined : address)
  const target = known.targets.find(({name, service}) => hasWord(text, name) || hasWord(text, service))
  const environment = ENVIRONMENTS.find(name => ENVIRONMENT_WORDS[name].test(text))
  return pruned({
    pull: number >= 1 ? number : undefined,
    repository,
    target: target?.name,
    environment,
    sha: /\b[0-9a-f]{40}\b/.exec(text)?.[0],
    ref:
      /\b(?:branch|tag)\s+[`'"]?([\w][\w./+-]{0,199})[`'"]?/i.exec(text)?.[1]?.replace(/[.,]+$/, '') ??
      /\b([\w][\w./+-]{0,199})[`'"]? branch\b/i
        .exec(text)?.[1]
        ?.replace(/^(?:the|a|its|our|that|this)$/i, ''),
    path: /(?:^|[\s`'"(])((?:[\w.-]+\/)*[\w.-]+\.(?:tsx?|jsx?|mjs|cjs|py|go|rs|java|rb|cs|sql|ya?ml|json|css|html|sh))\b/.exec(
      text,
    )?.[1],
    issue: /\b[A-Z]{2,10}-\d{1,6}\b/.exec(text)?.[0],
    pipeline: PIPELINES.find(([, words]) => words.test(text))?.[0],
    document: DOCUMENTS.find(name => DOCUMENT_WORDS[name].test(text)),
    variable: variableIn(text),
  })
}

function variableIn(text: string): Facts['variable'] {
  const found = /\b([A-Z][A-Z0-9_]{2,99})\b\s*(?:=|\bto\b)\s*[`'"]?([^\s`'"]{1,1000})/.exec(text)
  const [, name, value] = found ?? []
  return name === undefined || value === undefined ? undefined : {name, value: value.replace(/[.,;]$/, '')}
}

function hasWord(text: string, word: string): boolean {
  const pattern = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w/.-])${pattern}(?![\\w/-])`, 'i').test(text)
}

function pruned(facts: Facts): Facts {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined && value !== ''))
}
