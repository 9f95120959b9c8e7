import type {Environment} from '../kernel/environment.ts'

/** What is done, in the words of the risk policy. `unknown`: something that has no word here. */
export type Operation =
  | 'deploy'
  | 'delete'
  | 'modify'
  | 'create'
  | 'migrate'
  | 'export'
  | 'import'
  | 'scale'
  | 'merge'
  | 'read'
  | 'unknown'

export type Resource =
  | 'database'
  | 'infrastructure'
  | 'network'
  | 'firewall'
  | 'security_group'
  | 'secret'
  | 'permission'
  | 'access_key'
  | 'data'
  | 'vulnerability'

const OPERATIONS: Readonly<Record<Exclude<Operation, 'unknown'>, string>> = {
  deploy: 'deploy deploys deployed deploying deployment release ship publish promote rollback rollout revert',
  delete: 'delete deletes deleting remove removes drop drops destroy purge wipe erase truncate',
  modify: 'modify change changes update updates edit alter patch set rotate rename write configure',
  create: 'create creates add adds new provision insert grant generate',
  migrate: 'migrate migrates migrating migration migrations',
  export: 'export exports dump download extract',
  import: 'import imports load upload ingest seed',
  scale: 'scale scales scaling resize autoscale',
  merge: 'merge merges merging',
  read: 'read get list show view check test tests lint build review analyze analyse inspect describe plan',
}

const RESOURCES: Readonly<Record<Resource, string>> = {
  database: 'database databases db postgres postgresql mysql table tables schema',
  infrastructure:
    'infrastructure infra cluster clusters kubernetes terraform server servers vm vms node nodes',
  network: 'network networks networking vpc subnet dns route routes loadbalancer',
  firewall: 'firewall firewalls waf',
  security_group: 'securitygroup securitygroups',
  secret: 'secret secrets password passwords credential credentials token tokens certificate certificates',
  permission: 'permission permissions role roles iam acl policy policies',
  access_key: 'accesskey accesskeys apikey apikeys',
  data: 'data dataset datasets record records backup backups',
  vulnerability: 'vulnerability vulnerabilities cve cves security remediate remediation',
}

const ENVIRONMENTS: Readonly<Record<Environment, string>> = {
  production: 'production prod prd live',
  staging: 'staging stage stg qa uat preprod preproduction',
  development: 'development dev develop local test testing preview sandbox',
}

const BRANCHES = {production: 'production prod release', main: 'main master trunk'} as const

const operationWords = indexOf(OPERATIONS)
const resourceWords = indexOf(RESOURCES)
const environmentWords = indexOf(ENVIRONMENTS)
const branchWords = indexOf(BRANCHES)
/** Two words that are one name. */
const PAIRS: Readonly<Record<string, string>> = {
  'security group': 'securitygroup',
  'security groups': 'securitygroup',
  'access key': 'accesskey',
  'access keys': 'accesskey',
  'api key': 'apikey',
  'api keys': 'apikey',
  'roll back': 'rollback',
  'roll out': 'rollout',
}
/** Words that say nothing about risk. */
const FILLERS = new Set([
  'a',
  'an',
  'the',
  'to',
  'in',
  'on',
  'of',
  'from',
  'for',
  'and',
  'pr',
  'client',
  'service',
])

/**
 * Everything that an operation's name says is done. A name without a known word is `unknown`, and so is one that reads
 * as harmless but for a word that nobody here knows: what isn't understood is not harmless.
 */
export function operationsOf(name: string): ReadonlySet<Operation> {
  const words = wordsOf(name)
  const known = new Set<Operation>(words.flatMap(word => operationWords.get(word) ?? []))
  const harmless = [...known].every(operation => operation === 'read')
  const strange = words.some(
    word =>
      !operationWords.has(word) &&
      !resourceWords.has(word) &&
      !environmentWords.has(word) &&
      !branchWords.has(word) &&
      !FILLERS.has(word),
  )
  if (known.size === 0 || (harmless && strange)) known.add('unknown')
  return known
}

/** What the operation is done to. A migration is one of a database, whatever else it names. */
export function resourcesOf(resource: string, operation: string): ReadonlySet<Resource> {
  const words = [...wordsOf(resource), ...wordsOf(operation)]
  const named = words.flatMap(word => resourceWords.get(word) ?? [])
  const migrates = words.some(word => operationWords.get(word) === 'migrate')
  return new Set(migrates ? [...named, 'database' as const] : named)
}

/** The riskiest environment that either names; one that nobody knows, or none at all, is taken for production. */
export function environmentOf(environment: string, operation: string): Environment {
  const given = wordsOf(environment).map(word => environmentWords.get(word))
  // "test" in an operation's name is a verb.
  const named = wordsOf(operation).flatMap(word =>
    operationWords.has(word) ? [] : environmentWords.get(word),
  )
  if (given.length === 0 || given.includes(undefined)) return 'production'
  const found = new Set([...given, ...named])
  return found.has('production') ? 'production' : found.has('staging') ? 'staging' : 'development'
}

export function branchOf(branch: string, operation: string): keyof typeof BRANCHES | 'other' {
  const plain = branch.replace(/^refs\/heads\//, '')
  // Of a branch's name only the whole tells: `fix-production-login` is no production.
  const given =
    branchWords.get(plain.toLowerCase()) ?? branchWords.get(plain.toLowerCase().split('/')[0] ?? '')
  const named = new Set(wordsOf(operation).map(word => branchWords.get(word)))
  if (given === 'production' || named.has('production')) return 'production'
  return given === 'main' || named.has('main') ? 'main' : 'other'
}

/** Lower-case words, whatever stands between them, with names of two words as one. */
export function wordsOf(text: string): readonly string[] {
  const words = text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(word => word !== '')
  return words.flatMap((word, i) => {
    if (PAIRS[`${words[i - 1] ?? ''} ${word}`] !== undefined) return []
    return [PAIRS[`${word} ${words[i + 1] ?? ''}`] ?? word]
  })
}

export function indexOf<K extends string>(families: Readonly<Record<K, string>>): ReadonlyMap<string, K> {
  return new Map(
    (Object.entries(families) as [K, string][]).flatMap(([family, words]) =>
      words.split(' ').map(word => [word, family] as const),
    ),
  )
}
