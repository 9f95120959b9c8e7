import {didYouMean, type Fault} from './faults.ts'
import {pathText, type Locate} from './read-file.ts'
import type {SignalboxFile} from './signalbox-file.ts'

/** The roles that approvals know by themselves; principals may hold others. */
const KNOWN_ROLES = ['developer', 'team_lead', 'tech_lead', 'cto', 'security_team']

interface Surroundings {
  readonly githubConfigured: boolean
  readonly defaultRepository: boolean
  readonly statusChannel: boolean
}

/** What no single setting shows: accounts that two people claim, roles nobody has, targets without a repository. */
export function crossCheck(file: SignalboxFile, locate: Locate, surroundings: Surroundings): Fault[] {
  const fault = (path: readonly PropertyKey[], message: string): Fault => ({
    path: pathText(path),
    message: `${locate(path)} ${message}`,
  })
  return [
    ...duplicateAccounts(file).map(({path, owner}) => fault(path, `belongs to ${owner} already.`)),
    ...unknownRoles(file).map(({path, role, known}) =>
      fault(path, `is a role that no principal has.${didYouMean(role, known)}`),
    ),
    ...(surroundings.statusChannel ? [] : file.digests)
      .flatMap(({channel}, i) => (channel === undefined ? [i] : []))
      .map(i => fault(['digests', i, 'channel'], 'is missing, and so is DISCORD_STATUS_CHANNEL_ID.')),
    ...(surroundings.githubConfigured && !surroundings.defaultRepository
      ? missingRepositories(file, fault)
      : []),
  ]
}

function duplicateAccounts({
  principals,
}: SignalboxFile): {readonly path: PropertyKey[]; readonly owner: string}[] {
  const accounts = ['id', 'discord', 'github', 'linear', 'email'] as const
  return accounts.flatMap(account => {
    const owners = new Map<string, string>()
    return principals.flatMap((principal, i) => {
      // Logins and addresses don't tell capital letters apart, and neither may we.
      const value = principal[account]?.toLowerCase()
      if (value === undefined) return []
      const owner = owners.get(value)
      owners.set(value, owner ?? principal.id)
      return owner === undefined ? [] : [{path: ['principals', i, account], owner}]
    })
  })
}

function unknownRoles(file: SignalboxFile) {
  const known = new Set([...KNOWN_ROLES, ...file.principals.flatMap(({roles}) => roles)])
  const used = [
    ...Object.entries(file.access).map(([name, {roles}]) => ({at: ['access', name, 'roles'], roles})),
    ...Object.entries(file.approvals.policies).flatMap(([level, policy]) => [
      {at: ['approvals', 'policies', level, 'roles'], roles: policy?.roles ?? []},
      {at: ['approvals', 'policies', level, 'escalateTo'], roles: policy?.escalateTo ?? []},
    ]),
  ]
  return used.flatMap(({at, roles}) =>
    roles.flatMap((role, i) => (known.has(role) ? [] : [{path: [...at, i] as PropertyKey[], role, known}])),
  )
}

function missingRepositories(
  {targets}: SignalboxFile,
  fault: (path: readonly PropertyKey[], message: string) => Fault,
): Fault[] {
  const named = Object.entries(targets)
    .filter(([, target]) => target.repository === undefined)
    .map(([name]) => fault(['targets', name, 'repository'], 'is missing, and so is GITHUB_REPOSITORY.'))
  if (targets['client'] !== undefined) return named
  return [
    ...named,
    {
      path: 'GITHUB_REPOSITORY',
      message: 'GITHUB_REPOSITORY is missing; the target client, which always exists, needs it.',
    },
  ]
}
